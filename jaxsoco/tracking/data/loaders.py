"""Coupling matrices of the user's own, from files. No JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.fields import check_limits
from jaxsoco.core.files import numbers, read_npy
from jaxsoco.core.rows import all_numbers, read_table
from jaxsoco.tracking.settings_problems import HittingCost

NEARLY_SYMMETRIC = 1e-12
"""Relative difference of ``A`` and ``A'`` that is corrected without a warning."""


def load_matrix(path: str | Path) -> tuple[np.ndarray, float]:
    """Reads a coupling matrix and makes it symmetric.

    >>> from jaxsoco.tracking import load_matrix
    >>> np.savetxt("matrix.csv", [[2.0, 1.0], [1.0, 3.0]], delimiter=",")
    >>> matrix, asymmetry = load_matrix("matrix.csv")
    >>> matrix.tolist(), asymmetry
    ([[2.0, 1.0], [1.0, 3.0]], 0.0)

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
    matrix = readers[path.suffix.lower()](path)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        message = f"has shape {list(matrix.shape)}"
        raise InputError(Issue(str(path), message, "want a square matrix [d, d]"))
    check_limits(HittingCost, "dimension", len(matrix), f"{path}, its dimension")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        message = f"entry ({row}, {column}), counted from 0, is {matrix[row, column]}"
        raise InputError(Issue(str(path), message, "want finite numbers"))
    # No entry of a positive semidefinite matrix is larger than its largest eigenvalue.
    largest = float(np.abs(matrix).max())
    if largest:
        check_limits(HittingCost, "largest_eigenvalue", largest, f"{path}, its largest entry")
    # Relative difference of A and its transpose.
    gap = np.abs(matrix - matrix.T).max() / max(np.abs(matrix).max(), np.finfo(float).tiny)
    return (matrix + matrix.T) / 2, float(gap)


def _read_npy(path: Path) -> np.ndarray:
    return numbers(read_npy(path), str(path))


def _read_csv(path: Path) -> np.ndarray:
    return all_numbers(read_table(path))
