"""Tables of results as files, written batch by batch: Parquet and CSV."""

from __future__ import annotations

import contextlib
import csv
import errno
import importlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from jaxsoco.analysis.columns import MOST_ROWS, Batch, Type, plain
from jaxsoco.core import stopping
from jaxsoco.core.escape import spreadsheet
from jaxsoco.core.scratch import remove_leftovers, temporary_name
from jaxsoco.core.text import show


class TableWriter(Protocol):
    """Takes the batches of a table."""

    def write(self, batch: Batch) -> None:
        """Adds its rows."""
        ...

    def close(self) -> None:
        """Finishes the file."""
        ...


def write_table(
    path: Path,
    form: str,
    types: Mapping[str, Type],
    batches: Iterable[Batch],
    notes: Mapping[str, str],
) -> int:
    """Writes a table whole or not at all; memory does not grow with its length.

    Args:
      path: where to; a file that is there is replaced.
      form: ``"parquet"`` or ``"csv"``.
      types: column -> what it holds.
      batches: its rows.
      notes: about the table; a Parquet file keeps them as metadata.

    Returns:
      The number of rows.

    Raises:
      ImportError: pyarrow is not installed, and ``form`` is ``"parquet"``.
      OSError: the file could not be written.
    """
    rows = 0
    with replaced(path) as file:
        writer = (ParquetTable if form == "parquet" else CsvTable)(file, types, notes)
        for batch in batches:
            writer.write(batch)
            rows += batch.rows
        writer.close()
    return rows


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``path`` once all of it is written."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    remove_leftovers(path.parent, path.name)
    temporary = temporary_name(path)
    try:
        with temporary.open("wb") as file:
            yield file
        with stopping.held():
            temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


class ParquetTable:
    """A Parquet file, in row groups of about ``MOST_ROWS`` rows.

    Args:
      file: where it goes.
      types: column -> what it holds.
      notes: metadata.

    Raises:
      ImportError: pyarrow is not installed.
    """

    def __init__(self, file: IO[bytes], types: Mapping[str, Type], notes: Mapping[str, str]):
        self._arrow = arrow = library("pyarrow")
        named = {
            "flag": arrow.bool_(),
            "integer": arrow.int64(),
            "number": arrow.float64(),
            "text": arrow.string(),
        }
        fields = [(name, named[kind]) for name, kind in types.items()]
        self._schema = arrow.schema(fields, metadata=dict(notes))
        self._types = types
        self._writer = library("pyarrow.parquet").ParquetWriter(file, self._schema)
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, batch: Batch) -> None:
        """Adds rows; a full row group goes to the file."""
        arrow = self._arrow
        arrays = []
        for field in self._schema:
            if field.name in batch.columns:
                values = batch.columns[field.name]
                # What is not a number is null.
                arrays.append(arrow.array(values, field.type, from_pandas=True))
                continue
            value = _plain(batch.constants[field.name], self._types[field.name])
            arrays.append(arrow.repeat(arrow.scalar(value, field.type), batch.rows))
        self._waiting.append(arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows += batch.rows
        if self._rows >= MOST_ROWS:
            self._flush()

    def close(self) -> None:
        """Writes what is left, and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            table = self._arrow.concat_tables(self._waiting)
            self._writer.write_table(table, row_group_size=2 * MOST_ROWS)
        self._waiting, self._rows = [], 0


class CsvTable:
    """A CSV file in UTF-8; floats read back to the same bits, and what is not there is empty."""

    def __init__(self, file: IO[bytes], types: Mapping[str, Type], notes: Mapping[str, str]):
        del notes
        self._file, self._types = file, types
        self._line([spreadsheet(name) for name in types])

    def write(self, batch: Batch) -> None:
        """Adds rows."""
        cells = [
            map(_cell, batch.columns[name].tolist())
            if name in batch.columns
            else [_cell(_plain(batch.constants[name], kind))] * batch.rows
            for name, kind in self._types.items()
        ]
        self._line(*zip(*cells, strict=True))

    def close(self) -> None:
        """Nothing is left to write."""

    def _line(self, *rows: Iterable[str]) -> None:
        lines = _Lines()
        csv.writer(lines, lineterminator="\n").writerows(rows)
        self._file.write("".join(lines).encode("utf-8", "backslashreplace"))


class _Lines(list[str]):
    """What a writer of CSV writes to."""

    def write(self, text: str) -> None:
        """Takes a line."""
        self.append(text)


def _plain(value: Any, kind: Type) -> Any:
    """A value as its column has it; None where there is none."""
    value = plain(value)
    if value is None:
        return None
    return show(value) if kind == "text" else float(value) if kind == "number" else value


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return show(value)
    return repr(value) if isinstance(value, int | float) else spreadsheet(str(value))


def library(name: str) -> Any:
    """An optional library.

    Raises:
      ImportError: it is not installed; says what installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        extra = {"pyarrow": "parquet"}.get(package, "frames")
        message = f'{package} is not installed: pip install "jaxsoco[{extra}]"'
        raise ImportError(message) from error
