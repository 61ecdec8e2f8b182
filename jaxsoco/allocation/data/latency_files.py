"""Files of latency matrices: arrays, separated values, and lists of pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxsoco.allocation.data.pairs import pair_columns, read_pairs
from jaxsoco.core.content import PACKED
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import read_npy, read_npz
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, number, read_table

ONE_MATRIX = "wanted: one square matrix of round-trip times in ms"

_EMPTY = ("", "-")
_DECIMAL_COMMA = re.compile(r"^([+-]?\d*),(\d+)$", re.ASCII)
_NAMES = ("names", "regions", "zones", "labels", "index", "region", "zone", "name")


def read_matrix(path: Path, regions: Sequence[str]) -> tuple[np.ndarray, list[str] | None]:
    """The matrix in a file, and the names of its rows, or None if it has none.

    Args:
      path: ``.npz``, ``.npy``, or ``.csv`` or ``.tsv``, which may be packed.
      regions: names of the regions that are wanted.

    Raises:
      InputError: the file cannot be read, or does not hold one square matrix.
    """
    packed = path.suffix.lower() in PACKED
    suffix = path.with_suffix("").suffix.lower() if packed else path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _read_csv(path, regions)
    if suffix == ".npz" and not packed:
        return _read_npz(path, regions)
    if suffix == ".npy" and not packed:
        return read_npy(path), None
    wanted = "wanted: .csv, .npy or .npz"
    raise InputError(Issue(str(path), "is not a latency matrix", wanted))


def _read_npz(path: Path, regions: Sequence[str]) -> tuple[np.ndarray, list[str] | None]:
    arrays = read_npz(path)
    square = {
        key: a
        for key, a in arrays.items()
        if a.ndim == 2 and a.shape[0] == a.shape[1] and a.dtype.kind in "fiu"
    }
    preferred = [key for key in ("rtt_ms", "latency_ms", "latency", "rtt") if key in square]
    if not preferred and len(square) != 1:
        contents = ", ".join(f"{key} {list(a.shape)}" for key, a in arrays.items()) or "nothing"
        message = f'has no array "rtt_ms" and not one single square matrix; it holds {contents}'
        raise InputError(Issue(str(path), message, ONE_MATRIX))
    matrix = square[preferred[0]] if preferred else next(iter(square.values()))
    return matrix, _names_beside(path, arrays, matrix.shape[:1], regions)


def _names_beside(
    path: Path, arrays: dict[str, np.ndarray], shape: tuple[int, ...], regions: Sequence[str]
) -> list[str] | None:
    """The vector of names in an archive; None if it holds none.

    Raises:
      InputError: it holds several, and neither what they are called nor what they hold tells which
        one names the regions.
    """
    vectors = {
        key: list(map(_text, array.tolist()))
        for key, array in arrays.items()
        if array.shape == shape and array.dtype.kind in "US"
    }
    if len(vectors) <= 1:
        return next(iter(vectors.values()), None)
    called = [key for key in _NAMES if key in vectors]
    fitting = [key for key, names in vectors.items() if set(regions) <= set(names)]
    if len(fitting) == 1 or called:
        return vectors[fitting[0] if len(fitting) == 1 else called[0]]
    message = f"has {len(vectors)} vectors of names: {', '.join(vectors)}"
    raise InputError(Issue(str(path), message, 'call the one of the regions "names"'))


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _read_csv(path: Path, regions: Sequence[str]) -> tuple[np.ndarray, list[str] | None]:
    # A bare matrix has a number in its corner, the header of a named one has none.
    table = read_table(path, header=lambda cells: number(cells[0]) is None)
    columns = pair_columns(table)
    if columns is not None:
        if number(table.header[columns[2]]) is not None:  # a first row of data
            lines = np.array([table.lines[0] - 1, *table.lines])
            table = table._replace(header=[], rows=[table.header, *table.rows], lines=lines)
        return read_pairs(table, columns, regions), list(regions)
    names, rows = _named(table, regions)
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        message = f"its rows have {min(widths)} to {max(widths)} columns"
        raise InputError(Issue(table.file, message, ONE_MATRIX))
    if table.separator != ",":
        rows = [[_DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in row] for row in rows]
    if len(rows) in widths:
        rows = _filled(rows)
    problems = Problems()
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if number(cell) is None:
                message = f'"{cell}" in row {r + 1}, column {c + 1} is not a number'
                issue = Issue(table.at(r), message, ONE_MATRIX)
                problems.add(table.file, "cells like these", issue)
    problems.raise_if_any()
    return np.array(rows, np.float64), names


def _is_number(cell: str) -> bool:
    return number(cell) is not None


def _filled(rows: list[list[str]]) -> list[list[str]]:
    """A square of cells in which empty ones are those of the other direction, or 0 at home."""
    return [
        [
            cell if cell not in _EMPTY else "0" if r == c else rows[c][r]
            for c, cell in enumerate(row)
        ]
        for r, row in enumerate(rows)
    ]


def _named(table: Table, regions: Sequence[str]) -> tuple[list[str] | None, list[list[str]]]:
    """The names of a matrix's rows, None if it has none, and its rows without them."""
    rows, count = table.rows, [str(i) for i in range(len(table.rows))]
    if not table.header:
        # A data frame without names: its columns' numbers stand above the rows.
        above = len(rows) == len(rows[0]) + 1 and rows[0] == count[:-1] if rows else False
        return None, rows[1:] if above else rows
    names, first = table.header[1:], [row[0] for row in rows]
    if names == first:
        rows = [row[1:] for row in rows]
        numbered = names == count and not set(regions) <= set(names)
        return None if numbered else names, rows
    square = len(table.header) == len(rows) and all(len(row) == len(rows) for row in rows)
    if square and not any(map(_is_number, [*table.header])) and all(map(_is_number, first)):
        return table.header, rows
    message = "the first row and the first column name different regions"
    raise InputError(Issue(table.file, message, ONE_MATRIX))
