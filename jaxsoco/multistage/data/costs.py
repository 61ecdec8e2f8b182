"""Recorded costs of leaves from CSV files. No JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.rows import Problems, number, read_table


def load_costs(path: Path, leaves: int) -> np.ndarray:
    """Costs from 0 to 1, ``[rounds, leaves]``, of a CSV file; its first line may name the leaves.

    Raises:
      InputError: with every bad line; of more than ten the rest is counted.
    """
    table = read_table(path, header=lambda cells: all(number(cell) is None for cell in cells))
    if not table.rows:
        raise InputError(Issue(table.file, "holds no rounds"))
    problems = Problems()
    for i, row in enumerate(table.rows):
        fault = _fault(row, leaves)
        if fault is not None:
            problems.add(table.file, "lines like these", Issue(table.at(i), *fault))
    problems.raise_if_any()
    return np.array(table.rows, np.float64)


def _fault(row: list[str], leaves: int) -> tuple[str, str] | None:
    """What is wrong with the costs of one round, and what they should be."""
    if len(row) != leaves:
        return f"{len(row)} costs", f"want one for each of {leaves} leaves"
    for column, cell in enumerate(row, 1):
        value = number(cell)
        if value is None or not 0 <= value <= 1:
            return f"column {column}: {cell!r}", "want a cost from 0 to 1"
    return None
