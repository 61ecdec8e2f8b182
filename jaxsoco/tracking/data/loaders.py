"""Coupling matrices of the user's own, from files. No JAX."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue

NEARLY_SYMMETRIC = 1e-12
"""Relative difference of ``A`` and ``A'`` that is corrected without a warning."""


def load_matrix(path: str | Path) -> tuple[np.ndarray, float]:
    """Reads a coupling matrix and makes it symmetric.

    Args:
      path: ``.npy``, or ``.csv`` of bare numbers, one row a line.

    Returns:
      ``(A + A') / 2`` float64 ``[d, d]``, and the largest relative difference ``|A - A'| / |A|``.

    Raises:
      InputError: the file cannot be read, or holds no square matrix of finite numbers.
    """
    path = Path(path)
    readers = {".npy": _read_npy, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise InputError(Issue(str(path), "is of no known format", "want .npy or .csv"))
    try:
        matrix = readers[path.suffix.lower()](path)
    except OSError as error:
        reason = error.strerror or "no such file"
        raise InputError(Issue(str(path), f"cannot be read: {reason}")) from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        message = f"has shape {list(matrix.shape)}"
        raise InputError(Issue(str(path), message, "want a square matrix [d, d]"))
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        message = f"entry ({row}, {column}), counted from 0, is {matrix[row, column]}"
        raise InputError(Issue(str(path), message, "want finite numbers"))
    # Relative difference of A and its transpose.
    gap = np.abs(matrix - matrix.T).max() / max(np.abs(matrix).max(), np.finfo(float).tiny)
    return (matrix + matrix.T) / 2, float(gap)


def _read_npy(path: Path) -> np.ndarray:
    try:
        matrix = np.load(path, allow_pickle=False)
        return np.asarray(matrix, np.float64)
    except (ValueError, TypeError, EOFError) as error:
        raise InputError(Issue(str(path), f"is no array of numbers ({error})")) from None


def _read_csv(path: Path) -> np.ndarray:
    rows: list[list[float]] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            lines = [(reader.line_num, cells) for reader in [csv.reader(file)] for cells in reader]
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(Issue(str(path), f"is no CSV file ({error})")) from None
    for number, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        row = []
        for column, cell in enumerate(cells, 1):
            try:
                row.append(float(cell))
            except ValueError:
                place = f"{path}:{number}, column {column}"
                raise InputError(Issue(place, f'"{cell}" is no number')) from None
        if rows and len(row) != len(rows[0]):
            message = f"has {len(row)} numbers, the lines above {len(rows[0])}"
            raise InputError(Issue(f"{path}:{number}", message))
        rows.append(row)
    return np.asarray(rows, np.float64)
