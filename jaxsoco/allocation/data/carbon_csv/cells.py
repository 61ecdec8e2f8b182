"""Reads the numbers of one column of a carbon file, in g CO2eq/kWh."""

from __future__ import annotations

import re

import numpy as np

from jaxsoco.allocation.data.carbon_csv.formats import GRAMS_PER_KWH_OF_LB_PER_MWH
from jaxsoco.core.errors import Issue
from jaxsoco.core.rows import Problems, Table, number

HIGHEST = 2000.0
"""Above this many g/kWh a reading is taken for a wrong unit or column: no grid comes near it."""
LOWEST_MAXIMUM_LB = 3.0
"""A file that never exceeds this many lb/MWh is in kg/kWh, as the SGIP signal is."""

_MISSING = frozenset({"", "-", "na", "n/a", "nan", "none", "null"})
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


def read_numbers(
    table: Table, column: int, factor: float, problems: Problems
) -> tuple[np.ndarray, bool]:
    """Returns a column in g/kWh (NaN where empty) and whether decimal commas were read."""
    cells = [row[column] for row in table.rows]
    commas = False
    try:
        raw = np.array(cells, np.float64)
    except ValueError:
        raw, commas = _cell_by_cell(table, column, cells, problems)
    for i in np.flatnonzero(raw < 0).tolist():
        issue = Issue(
            table.at(i, column),
            f"{cells[i]} is negative",
            "correct it, or empty the cell and allow fill_gaps",
        )
        problems.add(table.file, "negative values", issue)
    values = raw * factor
    for i in np.flatnonzero(values > HIGHEST).tolist():
        converted = "" if factor == 1 else f" ({values[i]:.4g} g/kWh)"
        issue = Issue(
            table.at(i, column),
            f"{cells[i]}{converted} is absurd: more than {HIGHEST:g} g/kWh",
            "check the unit of the column, or empty the cell and allow fill_gaps",
        )
        problems.add(table.file, "absurd values", issue)
    pounds = factor == GRAMS_PER_KWH_OF_LB_PER_MWH
    if pounds and 0 < np.nanmax(raw, initial=0.0) < LOWEST_MAXIMUM_LB:
        issue = Issue(
            table.at(0, column),
            f"no value exceeds {np.nanmax(raw):g} lb/MWh, so the unit seems to be kg/kWh",
            'name the column "MOER (kg/kWh)"',
        )
        problems.add(table.file, "units", issue)
    return values, commas


def _cell_by_cell(
    table: Table, column: int, cells: list[str], problems: Problems
) -> tuple[np.ndarray, bool]:
    raw = np.full(len(cells), np.nan)
    commas = False
    for i, cell in enumerate(cells):
        value = number(cell)
        if value is None and cell.casefold() in _MISSING:
            continue
        if value is None and table.separator != "," and _DECIMAL_COMMA.fullmatch(cell):
            value, commas = number(cell.replace(",", ".")), True
        if value is None:
            issue = Issue(
                table.at(i, column),
                f'"{cell}" is not a number',
                "write a number in the unit of the column, or leave the cell empty",
            )
            problems.add(table.file, "values that are not numbers", issue)
            value = 0.0  # not a hole as well
        raw[i] = value
    return raw, commas
