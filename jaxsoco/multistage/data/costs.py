"""Recorded costs of leaves from CSV files. No JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue


def load_costs(path: Path, leaves: int) -> np.ndarray:
    """Costs from 0 to 1, ``[rounds, leaves]``, of a CSV file; its first line may name the leaves.

    Raises:
      InputError: with every bad line, up to ten.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Issue(f"problem.file: {path}", f"cannot be read: {error}")) from error
    rows: list[list[float]] = []
    issues: list[Issue] = []
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split(",")]
        numbers = [_number(cell) for cell in cells]
        header = number == 1 and all(value is None for value in numbers)
        if cells == [""] or header:
            continue
        row = _row(cells, numbers, leaves, f"{path.name}:{number}")
        if isinstance(row, Issue):
            issues.append(row)
        else:
            rows.append(row)
    if not rows and not issues:
        issues.append(Issue(str(path.name), "holds no rounds"))
    if issues:
        raise InputError(issues[:10])
    return np.array(rows, np.float64)


def _row(
    cells: list[str], numbers: list[float | None], leaves: int, place: str
) -> list[float] | Issue:
    """The costs of one round, or what is wrong with them."""
    if len(cells) != leaves:
        return Issue(place, f"{len(cells)} costs", f"want one for each of {leaves} leaves")
    costs: list[float] = []
    for column, (cell, value) in enumerate(zip(cells, numbers, strict=True), 1):
        if value is None or not 0 <= value <= 1:
            return Issue(place, f"column {column}: {cell!r}", "want a cost from 0 to 1")
        costs.append(value)
    return costs


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
