"""Reads the numbers of one column of a carbon file, in g CO2eq/kWh, and doubts their unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon_csv.names import GRAMS_PER_KWH_OF_LB_PER_MWH
from jaxsoco.allocation.data.carbon_csv.table import DECIMAL_COMMA, MISSING
from jaxsoco.core.errors import Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, column_numbers
from jaxsoco.core.text import count

HIGHEST = 2000.0
"""Above this many g/kWh a reading is taken for a wrong unit or column: no grid comes near it."""
LOWEST_MAXIMUM_LB = 3.0
"""A file that never exceeds this many lb/MWh is in kg/kWh, as the SGIP signal is."""
LOWEST_MAXIMUM = 1.5
"""A day or more that never exceeds this many g/kWh is in kg/kWh: coal has 1.1 kg/kWh."""

_DAY = 24
_VARIED = 12
"""Different values that a column must have for its size to say something of its unit."""
_APART = (200.0, 5000.0)
"""Ratio of the typical values of two units in one column: 1000, give or take."""


class Column(NamedTuple):
    """The readings of a column.

    Attributes:
      values: ``[m]`` float64 g/kWh, NaN where the cell is empty.
      commas: whether decimal commas were read.
      doubted: whether the unit seems to be kg/kWh, by the size of the values.
    """

    values: np.ndarray
    commas: bool
    doubted: bool


def read_numbers(
    table: Table, column: int, factor: float, problems: Problems, unit_named: bool = True
) -> Column:
    """Reads a column; what no reading can be goes to ``problems``.

    Args:
      table: the rows.
      column: its position.
      factor: from its unit to g/kWh.
      problems: collects what is wrong.
      unit_named: whether the file says the unit: a clean grid has less than 1 g/kWh of direct
        emissions for weeks, and only where nobody says g/kWh do such values raise a doubt.
    """
    cells = [row[column] for row in table.rows]
    raw, bad = column_numbers(cells)
    commas, texts = _others(table, column, cells, raw, bad, problems)
    for i in np.flatnonzero(raw < 0).tolist():
        issue = Issue(
            table.at(i, column),
            f"{cells[i]} is negative",
            "correct it, or empty the cell and allow fill_gaps",
        )
        problems.add(table.file, "negative values", issue)
    values = raw * factor
    _report_absurd(table, column, cells, values, factor, problems)
    pounds = factor == GRAMS_PER_KWH_OF_LB_PER_MWH
    if pounds and 0 < np.nanmax(raw, initial=0.0) < LOWEST_MAXIMUM_LB:
        issue = Issue(
            table.at(0, column),
            f"no value exceeds {np.nanmax(raw):g} lb/MWh, so the unit seems to be kg/kWh",
            'name the column "MOER (kg/kWh)"',
        )
        problems.add(table.file, "units", issue)
    if not unit_named:
        _report_mixed(table, column, values, problems)
    tiny = not unit_named and _is_tiny(values)
    values[texts] = 1.0  # text has been reported: it is no hole, and no zero, as well
    return Column(values, commas, tiny)


def _is_tiny(values: np.ndarray) -> bool:
    """Whether all of a day or more are positive and too small for g/kWh."""
    there = values[~np.isnan(values)]
    small = len(there) >= _DAY and there.min() > 0 and there.max() < LOWEST_MAXIMUM
    return bool(small) and len(np.unique(there)) >= _VARIED


def _report_mixed(table: Table, column: int, values: np.ndarray, problems: Problems) -> None:
    """Lines in kg/kWh among others in g/kWh: a thousandth of them, and nothing between."""
    there = np.flatnonzero((values > 0) & (values <= HIGHEST))
    low = there[values[there] < LOWEST_MAXIMUM]
    high = there[values[there] >= LOWEST_MAXIMUM]
    if len(there) < _DAY or 10 * len(low) < len(there) or 10 * len(high) < len(there):
        return
    if len(np.unique(values[low])) < _VARIED / 2 or values[high].min() < 10 * LOWEST_MAXIMUM:
        return
    ratio = float(np.median(values[high]) / np.median(values[low]))
    if not _APART[0] <= ratio <= _APART[1]:
        return
    issue = Issue(
        table.at(int(low[0]), column),
        f"{values[low[0]]:g}, as in {len(low):,} of {len(there):,} lines, seems to be in kg/kWh, "
        f"the others up to {values[high].max():g} in g/kWh",
        "write one unit in the whole column",
    )
    problems.add(table.file, "mixed units", issue)


def report_doubts(table: Table, doubted: dict[int, float], problems: Problems) -> None:
    """Says once for a file which of its columns, with their largest values, seem in kg/kWh."""
    if not doubted:
        return
    columns, highest = [*doubted], max(doubted.values())
    name = table.header[columns[0]]
    rest = len(columns) - 1
    more = f", nor in {count(rest, 'more column')}" if rest else ""
    issue = Issue(
        table.at(0, columns[0]),
        f"no value exceeds {highest:g}{more}, so the unit seems to be kg/kWh, not g/kWh",
        f'name the unit in the header, "{name} (kg/kWh)", or multiply by 1000',
    )
    problems.add_shared(table.file, "units in doubt", issue)


def _report_absurd(
    table: Table,
    column: int,
    cells: list[str],
    values: np.ndarray,
    factor: float,
    problems: Problems,
) -> None:
    absurd = np.flatnonzero(values > HIGHEST).tolist()
    if len(absurd) >= _VARIED and 2 * len(absurd) > len(values):
        issue = Issue(
            table.at(absurd[0], column),
            f"{len(absurd):,} of {len(values):,} values are more than {HIGHEST:g} g/kWh, such as "
            f"{cells[absurd[0]]}",
            "check what the column holds and its unit: no carbon intensity in g/kWh",
        )
        problems.add(table.file, "absurd columns", issue)
        return
    for i in absurd:
        converted = "" if factor == 1 else f" ({values[i]:.4g} g/kWh)"
        issue = Issue(
            table.at(i, column),
            f"{cells[i]}{converted} is absurd: more than {HIGHEST:g} g/kWh",
            "check the unit of the column, or empty the cell and allow fill_gaps",
        )
        problems.add(table.file, "absurd values", issue)


def _others(
    table: Table,
    column: int,
    cells: list[str],
    raw: np.ndarray,
    bad: np.ndarray,
    problems: Problems,
) -> tuple[bool, list[int]]:
    """Fills in decimal commas and reports text; whether there were commas, and the rows of text."""
    commas, texts = False, []
    for i in np.flatnonzero(bad).tolist():
        cell = cells[i]
        if cell.casefold() in MISSING:
            continue
        if table.separator != "," and DECIMAL_COMMA.fullmatch(cell):
            raw[i], commas = float(cell.replace(",", ".")), True
            continue
        issue = Issue(
            table.at(i, column),
            f'"{cell}" is not a number',
            "write a number in the unit of the column, or leave the cell empty",
        )
        problems.add(table.file, "values that are not numbers", issue)
        texts.append(i)
    return commas, texts
