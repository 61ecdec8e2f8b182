"""Recorded costs of leaves from CSV files. No JAX."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.core.content import Content, read_content
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import (
    WANT_CSV,
    Table,
    column_numbers,
    number,
    table_of,
    with_header,
    without_index,
)
from jaxsoco.core.text import as_in_more, shorten
from jaxsoco.multistage.data.cost_columns import Columns, columns_of, is_numbering
from jaxsoco.multistage.theory.tree import Tree

_ACTIONS = {"action", "actions", "decision", "decisions", "arm", "arms", "item_id", "choice"}
_ACTIONS |= {"chosen_action", "chosen_arm", "logged_action"}
_OUTCOMES = {"reward", "rewards", "cost", "costs", "loss", "click", "clicks", "propensity"}
_OUTCOMES |= {"propensity_score", "pscore", "probability", "prob", "action_prob"}
# action:cost:probability | features
_WABBIT = re.compile(r"[^|\r\n]*\d+:-?[\d.]+:[\d.]+[^|\r\n]*\|")
_WHOLE = re.compile(r"\d+", re.ASCII)
_DECIMAL_COMMA = re.compile(r"-?\d*,\d+|-?\d+;-?\d+", re.ASCII)


class Costs(NamedTuple):
    """Costs of all leaves.

    Attributes:
      values: from 0 to 1, ``[rounds, leaves]``; leaves from left to right.
      notes: how the columns were read, where that is not plain.
    """

    values: np.ndarray
    notes: tuple[str, ...] = ()


def load_costs(path: Path, tree: Tree) -> Costs:
    """Costs of a table with a row for every round and a column for every leaf.

    Where there is a header, its names say which leaf a column is of, if the leaves have names;
    otherwise columns are leaves from left to right. An index of the rows is left out.

    Args:
      path: values separated by commas, semicolons, tabs or white space.
      tree: whose leaves they are.

    Raises:
      InputError: no such table; names that are no leaves, leaves without a column, and every bad
        line, of more than ten the rest counted.
    """
    content = read_content(path, WANT_CSV)
    _refuse_other_kinds(content, tree.leaves)
    table = table_of(content, blanks=True)
    if not table.rows:
        raise InputError(Issue(table.file, "holds no rounds"))
    widest = max(map(len, table.rows[:2]))
    first = shorten(",".join(table.rows[0]), 80)
    table = without_index(_with_header(table, tree))
    if not table.rows:
        message = f"holds no rounds: its only line is a header, {first}"
        raise InputError(Issue(table.file, message, "want costs from 0 to 1 below it"))
    _refuse_logs(table, tree)
    columns = columns_of(table, tree) if table.header else Columns(np.arange(tree.leaves))
    values = _values(table, tree.leaves if columns.width is None else columns.width)
    indexed = len(table.rows[0]) < widest
    notes = ("costs: the index of the rows is left out",) * indexed + columns.notes
    return Costs(values[:, columns.order], notes)


# --- what it is -----------------------------------------------------------------------------------


def _refuse_other_kinds(content: Content, leaves: int) -> None:
    """Refuses JSON, and the format of Vowpal Wabbit, which would look like odd tables."""
    want = f"want CSV: a row for every round, the cost of each of {leaves} leaves in it"
    if content.kind.startswith("JSON"):
        log = re.search(r'"(?:actions?|rewards?|decisions?)"', content.text[:2000])
        what = f"{content.kind} with actions and rewards" if log else content.kind
        raise InputError(Issue(content.file, f"holds {what}, not a table of costs", want))
    if _WABBIT.match(content.text.lstrip()[:2000]):
        message = "is a log of Vowpal Wabbit with one action a round"
        raise InputError(Issue(content.file, message, want))


def _refuse_logs(table: Table, tree: Tree) -> None:
    """Refuses what says one action's outcome in every round: the others' are needed, too."""
    names = {name.casefold() for name in table.header}
    if not (names & _ACTIONS and names & _OUTCOMES) or {*table.header} <= {*tree.names}:
        return
    listed = shorten(", ".join(table.header), 120)
    message = f"is a log of one action a round, with the columns {listed}"
    hint = f"want the costs of all {tree.leaves} leaves in every round, each in a column"
    raise InputError(Issue(table.file, message, hint))


def _with_header(table: Table, tree: Tree) -> Table:
    """The table with its first row as the header, if it is one: names, or numbers of columns."""
    first = table.rows[0]
    texts = all(number(cell) is None for cell in first)
    leaves = {*tree.names[tree.nodes :]}
    named = bool(leaves) and leaves <= {*first} and not {*first} <= {"0", "1"}
    if not texts and not named and not (is_numbering(first, tree) and _is_header(table)):
        return _without_count(table, tree.leaves)
    return with_header(table)


def _without_count(table: Table, leaves: int) -> Table:
    """Rows without the first cell, where it counts them and is one too many."""
    counted = all(len(row) == leaves + 1 and row[0] == str(i) for i, row in enumerate(table.rows))
    if not counted or len(table.rows) < 3:  # 0 and 1 may be costs
        return table
    return table._replace(rows=[row[1:] for row in table.rows])


def _is_header(table: Table) -> bool:
    """Whether a first row that counts the columns is their header, and no round.

    Raises:
      InputError: it may be either: 0 and 1 above whole numbers.
    """
    first, rest = table.rows[0], table.rows[1:]
    if not {*first} <= {"0", "1"} or len(first) < 2:
        return len(first) > 1
    # A data frame writes the numbers of a column alike: all with a decimal point, or none.
    kinds = [{bool(_WHOLE.fullmatch(cell)) for cell in cells} for cells in zip(*rest, strict=False)]
    if any(len(kind) == 2 for kind in kinds):
        return False
    if {False} in kinds:
        return True
    if first != ["0", "1"]:
        return False
    message = "0,1 may be the header of a data frame, or a round"
    hint = "write names of the leaves above the rounds, or the round as 0.0,1.0"
    raise InputError(Issue(table.at(0), message, hint))


# --- numbers --------------------------------------------------------------------------------------


def _values(table: Table, columns: int) -> np.ndarray:
    """The costs of every row, ``[rounds, columns]``."""
    _check_widths(table, columns)
    cells = [cell for row in table.rows for cell in row]
    values, bad = column_numbers(cells)
    values, bad = values.reshape(-1, columns), bad.reshape(-1, columns)
    with np.errstate(invalid="ignore"):
        wrong = bad | ~((values >= 0) & (values <= 1))
    want, problems = "want a cost from 0 to 1", Problems()
    largest = values[np.isfinite(values)].max(initial=0.0)
    if largest > 1 and not (values < 0).any():
        want += f"; the largest is {largest:g}, by which all can be divided"
    for i in np.flatnonzero(wrong.any(axis=1)).tolist():
        column = int(np.argmax(wrong[i]))
        cell = table.rows[i][column]
        hint = "want a decimal point, not a comma" if _DECIMAL_COMMA.fullmatch(cell) else want
        issue = Issue(table.at(i), f"column {column + 1}: {cell!r}", hint)
        problems.add(table.file, "lines like these", issue)
    problems.raise_if_any()
    return values


def _check_widths(table: Table, columns: int) -> None:
    widths = np.array([len(row) for row in table.rows])
    wrong = np.flatnonzero(widths != columns)
    if not len(wrong):
        return
    want = f"want one for each of {columns} leaves"
    if len(wrong) == len(widths) and len({*widths.tolist()}) == 1:
        if any(_DECIMAL_COMMA.fullmatch(cell) for cell in table.rows[0]):
            want = "want decimal points, not commas"
        elif len(widths) == columns:
            want += ", in a row for every round: there are as many rows as leaves"
        message = f"{widths[0]} costs{as_in_more(len(widths) - 1)}"
        raise InputError(Issue(table.at(0), message, want))
    problems = Problems()
    for i in wrong.tolist():
        problems.add(table.file, "lines like these", Issue(table.at(i), f"{widths[i]} costs", want))
    problems.raise_if_any()
