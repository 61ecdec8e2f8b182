"""Rows of numbers from ``.npy`` and CSV files. No JAX."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import numbers, read_npy
from jaxsoco.core.rows import all_numbers, number, read_table


class Numbers(NamedTuple):
    """Rows of numbers.

    Attributes:
      values: float64 ``[T, columns]``.
      digest: of the values.
      source: what the report says of them.
    """

    values: np.ndarray
    digest: str
    source: str


def read_numbers(path: Path) -> Numbers:
    """Reads rows of finite numbers; a first row that holds none is a header.

    Raises:
      InputError: there is no such file, it is no table of numbers, or holds no rows.
    """
    npy = path.suffix.lower() == ".npy"
    values = numbers(read_npy(path), str(path)) if npy else _read_csv(path)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.size:
        message = f"has the shape {list(values.shape)}"
        raise InputError(Issue(str(path), message, "want [rounds] or [rounds, columns]"))
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0] + 1
        message = f"row {row}, column {column} is {values[row - 1, column - 1]}"
        raise InputError(Issue(str(path), message, "want finite numbers"))
    digest = hashlib.sha256(np.asarray(values, np.float64).tobytes()).hexdigest()
    return Numbers(values, digest, f"{len(values)} rounds of {path.name}")


def _read_csv(path: Path) -> np.ndarray:
    return all_numbers(read_table(path, header=_is_header))


def _is_header(cells: list[str]) -> bool:
    return all(number(cell) is None for cell in cells)
