"""Hitting costs: from a spectrum, or a coupling matrix of the user's own. No JAX at import."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue

if TYPE_CHECKING:
    import jax

NEARLY_ZERO = 1e-9
"""Of the largest eigenvalue: what is smaller, of either sign, counts as 0."""

NEARLY_SYMMETRIC = 1e-12
"""Relative difference of ``A`` and ``A'`` that is put right without a word."""


class Spectrum(NamedTuple):
    """A positive semidefinite matrix.

    Attributes:
      basis: eigenvectors, columns of ``[d, d]``, float64.
      eigenvalues: ascending, at least 0, ``[d]``.
      rank: how many are positive.
      smallest: the smallest positive one.
    """

    basis: np.ndarray
    eigenvalues: np.ndarray
    rank: int
    smallest: float

    @property
    def matrix(self) -> np.ndarray:
        """The matrix itself ``[d, d]``."""
        return (self.basis * self.eigenvalues) @ self.basis.T


def make_matrix(key: jax.Array, spectrum: Sequence[float] | jax.Array) -> jax.Array:
    """A random matrix with this spectrum: ``Q diag(spectrum) Q'``, ``Q`` uniform (Haar).

    Args:
      key: a JAX key; it is consumed.
      spectrum: eigenvalues ``[d]``.

    Returns:
      ``[d, d]``, symmetric.
    """
    import jax
    import jax.numpy as jnp

    values = jnp.asarray(spectrum, float)
    basis, upper = jnp.linalg.qr(jax.random.normal(key, (len(values),) * 2, values.dtype))
    # The signs make the distribution uniform over the orthogonal group.
    basis = basis * jnp.sign(jnp.diag(upper))[None]
    matrix = (basis * values[None]) @ basis.T
    return (matrix + matrix.T) / 2


def random_spectrum(eigenvalues: np.ndarray, seed: int) -> Spectrum:
    """A matrix with these eigenvalues ``[d]`` (ascending) in a random basis, without JAX."""
    draws = np.random.default_rng(seed).standard_normal((len(eigenvalues),) * 2)
    basis, upper = np.linalg.qr(draws)
    basis = basis * np.sign(np.diag(upper))
    positive = eigenvalues[eigenvalues > 0]
    return Spectrum(basis, eigenvalues, len(positive), float(positive.min()))


def positive_spectrum(matrix: np.ndarray, where: str, nearly: float = NEARLY_ZERO) -> Spectrum:
    """Decomposes a symmetric ``matrix [d, d]``, eigenvalues that are rounding errors set to 0.

    Those are at most ``nearly`` times the largest.

    Raises:
      InputError: under the path ``where``: not square, not finite, zero, or not positive
        semidefinite, with the eigenvalue that is negative.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InputError(Issue(where, f"has shape {matrix.shape}", "want a square matrix [d, d]"))
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        message = f"entry ({row}, {column}) is {matrix[row, column]}"
        raise InputError(Issue(where, message, "want finite numbers"))
    eigenvalues, basis = np.linalg.eigh((matrix + matrix.T) / 2)
    largest = float(np.abs(eigenvalues).max())
    if eigenvalues[0] < -nearly * largest:
        message = f"is not positive semidefinite: it has the eigenvalue {eigenvalues[0]:.6g}"
        raise InputError(Issue(where, message, "want x' A x >= 0 for every x"))
    eigenvalues = np.where(eigenvalues > nearly * largest, eigenvalues, 0.0)
    if not eigenvalues.any():
        raise InputError(Issue(where, "is zero", "want a positive eigenvalue"))
    positive = eigenvalues[eigenvalues > 0]
    return Spectrum(basis, eigenvalues, len(positive), float(positive.min()))


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
