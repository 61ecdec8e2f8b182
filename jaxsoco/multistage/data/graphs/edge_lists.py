"""Lists of edges and of neighbours: a parent and a child on each line. No JAX."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jaxsoco.core.content import Content
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, number, table_of
from jaxsoco.multistage.data.graphs.graph import ENDS, Graph

# What networkx writes behind the names of an edge: a dict of Python.
_DATA = re.compile(r"(?<=[^\s,;|])[ \t,;|]+\{[^\r\n]*\}[ \t]*(?=[\r\n]|\Z)")
# Names of nodes that are tuples of Python, as of a grid.
_TUPLES = re.compile(r"\([^()\r\n]*\)[ \t,;]+\([^()\r\n]*\)[ \t]*(?=[\r\n]|\Z)")
_ALONE = re.compile(r"^(#)[ \t]*$", re.MULTILINE)
_ARROWS = ("->", "-->", "--", "=>", "\u2192")
_NO_PARENT = ("nan", "none", "null", "na", "-1")
_UNUSED = "what stands behind the two names is not used"


def read_edges(content: Content) -> Graph:
    """The edges of a table.

    A header may name the columns of the two ends (:data:`ENDS`); others are not used. Without one
    the first two columns are the ends, and numbers or a dict behind them the edge's data. In a file
    with white space between names, a line for every node may list it with its children.

    Raises:
      InputError: no table, or lines without two names, each with its number.
    """
    text, dicts = _DATA.subn("", content.text)
    if _TUPLES.match(text.lstrip()):
        text = re.sub(r"\([^()\r\n]*\)", r'"\g<0>"', text)
    table = table_of(content._replace(text=text), comments=True, blanks=True)
    rows = [_without_end(row) for row in table.rows]
    _refuse_trivial(content.text, rows)
    notes = (_UNUSED,) if dicts else ()
    ends = _header(rows)
    if ends is not None:
        return _named(table, rows, ends)._replace(notes=notes)
    if table.separator == " " and _lists_neighbours(rows):
        edges = tuple((row[0], child) for row in rows for child in row[1:])
        return Graph("adjacency list", edges, tuple(row[0] for row in rows), notes=notes)
    first = _first_end(rows)
    if first is not None:
        rows, notes = [row[first : first + 2] for row in rows], (_UNUSED,)
    _check(table, rows)
    return Graph("", tuple((row[0], row[1]) for row in rows), notes=notes, hint=_hint(rows))


def _without_end(row: Sequence[str]) -> list[str]:
    """The row without empty cells at its end, which a separator there makes."""
    cells = [*row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _refuse_trivial(text: str, rows: Sequence[Sequence[str]]) -> None:
    """Refuses TGF: ids with labels, a line with # alone, pairs of ids."""
    above, sign, _ = _ALONE.split(text, 1) if _ALONE.search(text) else ("", "", "")
    nodes = sum(not line.lstrip().startswith("#") for line in above.splitlines() if line.strip())
    ids, names = {row[0] for row in rows[:nodes]}, {c for row in rows[nodes:] for c in row[:2]}
    if sign and names and names <= ids:
        hint = "take the lines below # alone"
        raise InputError(Issue("", "holds TGF, with labels of nodes above its edges", hint))


def _header(rows: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """The columns of parents and children, if the first row names them."""
    names = [cell.casefold() for cell in rows[0]] if rows else []
    for parent, child in ENDS:
        if parent in names and child in names:
            columns = names.index(parent), names.index(child)
            # Nodes may be called so, too: then they occur again.
            later = {row[c] for row in rows[1:] for c in columns if c < len(row)}
            again = bool(later & {rows[0][c] for c in columns})
            return columns if (parent, child) == ENDS[0] or not again else None
    return None


def _named(table: Table, rows: list[list[str]], ends: tuple[int, int]) -> Graph:
    """The edges below a header; a row without a parent is the root's."""
    problems, edges = Problems(), []
    rootless = rows[0][ends[0]].casefold().startswith("parent")
    absent = _root_mark(rows, ends) if rootless else ""
    for line, row in zip(table.lines[1:], rows[1:], strict=True):
        parent, child = (row[column] if column < len(row) else "" for column in ends)
        parent = "" if parent == absent else parent
        fits = len(row) <= len(rows[0]) and child and (parent or rootless)
        if not fits:
            issue = Issue(f"line {line}", f"{len(row)} names", "want a parent and a child")
            problems.add("", "lines like these", issue)
        elif parent:
            edges.append((parent, child))
    problems.raise_if_any()
    return Graph("", tuple(edges))


def _root_mark(rows: Sequence[Sequence[str]], ends: tuple[int, int]) -> str:
    """What stands for no parent, NaN say, in the one row of the root; empty if nothing does."""
    parents, children = ([row[e] for row in rows[1:] if e < len(row)] for e in ends)
    marks = [name for name in parents if name.casefold() in _NO_PARENT]
    return marks[0] if len(marks) == 1 and marks[0] not in children else ""


def _lists_neighbours(rows: Sequence[Sequence[str]]) -> bool:
    """Whether every node has a line of its own, with its children behind it."""
    firsts, widths = {row[0] for row in rows}, {len(row) for row in rows}
    if len(firsts) < len(rows) or widths <= {1} or widths == {2}:
        return False
    return all(name in firsts for row in rows for name in row)


def _first_end(rows: Sequence[Sequence[str]]) -> int | None:
    """The column of parents in rows of more than two cells, if the others are no names."""
    if not rows or min(map(len, rows)) < 3:
        return None
    if all(number(cell) is not None for row in rows for cell in row[2:]):
        return 0
    counted = all(row[0] == str(i) and len(row) == 3 for i, row in enumerate(rows))
    return 1 if counted else None


def _check(table: Table, rows: Sequence[Sequence[str]]) -> None:
    problems = Problems()
    blanks = table.separator == " " and any(len(row) > 2 for row in rows)
    want = "want a parent and a child" + ", names with blanks in quotes" * blanks
    if any(row[1] in _ARROWS for row in rows if len(row) > 2):
        want = "want a parent and a child without an arrow, or DOT: digraph { a -> b }"
    for line, row in zip(table.lines, rows, strict=True):
        if len(row) != 2 or not all(row):
            issue = Issue(f"line {line}", f"{sum(map(bool, row))} names", want)
            problems.add("", "lines like these", issue)
    problems.raise_if_any()


def _hint(rows: Sequence[Sequence[str]]) -> str:
    """That the first row may be a header, where nothing below it has its names."""
    later = {name for row in rows[1:] for name in row}
    if len(rows) < 2 or later & {*rows[0]}:
        return ""
    return f'if "{",".join(rows[0])}" names the columns, call them parent and child'
