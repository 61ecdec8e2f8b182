"""Files of separated values: one reader under every loader of the package. No JAX.

:func:`read_table` turns a file into rows of cells that know their lines; how a file is written is
decided by :mod:`jaxsoco.core.dialects` alone. What is wrong is collected by
:class:`jaxsoco.core.problems.Problems`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.core.content import HINTS, Content, read_content
from jaxsoco.core.dialects import written
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.text import as_in_more

WANT_CSV = "save it as CSV in UTF-8"

_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\r\n]*")
_NUMBER = re.compile(
    r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)\s*", re.ASCII | re.IGNORECASE
)
_PLAIN_NUMBERS = re.compile(r"[-+0-9.eE\n]*")


class Table(NamedTuple):
    """The rows of one file.

    Attributes:
      file: path of the file as the user gave it.
      header: names of the columns; empty where the file has none.
      rows: cells of each row below the header, without white space around them; no blank rows.
      lines: ``[m]`` int64, line of the file that each row begins in, from 1.
      separator: what stands between cells; a blank means any white space.
      whole: whether every row of the file is there.
      item: what ``lines`` count where the file has no lines of rows: ``record`` of JSON.
    """

    file: str
    header: list[str]
    rows: list[list[str]]
    lines: np.ndarray
    separator: str = ","
    whole: bool = True
    item: str = ""

    def at(self, row: int, column: int | None = None) -> str:
        """The place of a row or a cell, as messages show it: ``fr.csv:17, column carbon``."""
        line = place(self.file, self.lines[row], self.item)
        if column is None:
            return line
        name = self.header[column] if column < len(self.header) else column + 1
        return f"{line}, column {name}"

    def take(self, rows: np.ndarray) -> Table:
        """The table with ``rows`` (indices) only."""
        subset = [self.rows[i] for i in rows]
        whole = self.whole and len(subset) == len(self.rows)
        return self._replace(rows=subset, lines=self.lines[rows], whole=whole)


def place(file: str, line: int, item: str = "") -> str:
    """A line of a file as messages show it: ``fr.csv:17``, or ``fr.json: record 17``."""
    return f"{file}: {item} {line}" if item else f"{file}:{line}"


def read_table(
    path: Path,
    problems: Problems | None = None,
    *,
    header: Callable[[list[str]], bool] | None = None,
    comments: bool = False,
    blanks: bool = False,
) -> Table:
    """Reads a file of separated values, plain or packed (gzip, or zip with one file in it).

    Args:
      path: the file, UTF-8 with or without a byte order mark, with any ends of lines. Lines of
        comments (``#``, or ``;`` in a file of white space) above the first row are skipped, and
        ``sep=;`` there is obeyed.
      problems: collects what is wrong; where nothing could be read, the table has no rows and is
        not ``whole``. None raises it as ``InputError``.
      header: whether the first row, given its cells, names the columns; None if no row does.
      comments: ``#`` at the start of a line or after white space begins a comment.
      blanks: white space separates cells where no other separator is in the first row.
    """
    try:
        content = read_content(path, "save it as CSV in UTF-8, not packed")
    except InputError as error:
        if problems is None:
            raise
        problems.add(str(path), "unreadable files", error.issues[0])
        return _nothing(str(path))
    return table_of(content, problems, header=header, comments=comments, blanks=blanks)


def table_of(
    content: Content,
    problems: Problems | None = None,
    *,
    header: Callable[[list[str]], bool] | None = None,
    comments: bool = False,
    blanks: bool = False,
) -> Table:
    """The table in a text that has been read already; see :func:`read_table`."""
    text, file = content.text, content.file
    if content.kind:
        hint = HINTS.get(content.kind, WANT_CSV)
        issue = Issue(file, f"holds {content.kind}, not a table of separated values", hint)
        return _refused(file, "files of another kind", issue, problems)
    separator, text = written(text, blanks)
    text = _COMMENT.sub("", text) if comments else text
    table, fault = _parse(text, file, separator)
    if fault is not None:
        if problems is None:
            raise InputError(fault)
        problems.add(file, "syntax errors", fault)
    if header is None or not table.rows or not header(table.rows[0]):
        return table
    return with_header(table, problems)


def with_header(table: Table, problems: Problems | None = None) -> Table:
    """The table with its first row as the names of its columns.

    A header that stands there again, as where files were joined, is added to ``problems``, or
    raised where there are none.
    """
    header, rows = table.rows[0], table.rows[1:]
    table = table._replace(header=header, rows=rows, lines=table.lines[1:])
    again = [i for i, row in enumerate(rows) if row == header]
    # Rows may well hold the numbers that name the columns of a data frame.
    if not again or all(number(cell) is not None for cell in header):
        return table
    message = f"is the header again{as_in_more(len(again) - 1)}"
    issue = Issue(table.at(again[0]), message, "remove it: were files joined?")
    if problems is None:
        raise InputError(issue)
    problems.add(table.file, "headers", issue)
    return table.take(np.setdiff1d(np.arange(len(rows)), again))


def without_index(table: Table) -> Table:
    """The table without the index that a data frame writes as a first column without a name.

    It counts the rows, from 0 or 1 on; what else has no name stays. R leaves even the name's place
    out, so that every row has a cell more than the header.
    """
    if not table.header or not table.rows:
        return table
    header, width = table.header, len(table.header)
    if all(len(row) == width + 1 and row[-1] for row in table.rows):
        header = ["", *header]
    elif not is_unnamed(header[0]) or width == 1:
        return table
    first = table.rows[0][0]
    if first not in ("0", "1"):
        return table
    if any(row[0] != str(count) for count, row in enumerate(table.rows, int(first))):
        return table
    return table._replace(header=header[1:], rows=[row[1:] for row in table.rows])


def is_unnamed(name: str) -> bool:
    """Whether a column has no name, or the one that pandas gives to a column without."""
    return not name.strip() or name.strip().casefold().startswith("unnamed:")


def number(cell: str) -> float | None:
    """The number that a cell holds in plain ASCII; None if it holds none.

    >>> number("1e3"), number("1_00"), number("1,5")
    (1000.0, None, None)
    """
    return float(cell) if _NUMBER.fullmatch(cell) else None


def column_numbers(cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of many cells, as :func:`number` reads them.

    Returns:
      ``[m]`` float64, NaN where a cell holds no number, and ``[m]`` bool, whether it holds none.
    """
    if _PLAIN_NUMBERS.fullmatch("\n".join(cells)):
        try:
            return np.array(cells, np.float64), np.zeros(len(cells), bool)
        except ValueError:  # an empty cell, or 1-2
            pass
    found = [number(cell) for cell in cells]
    bad = np.array([value is None for value in found], bool)
    values = np.array([np.nan if value is None else value for value in found], np.float64)
    return values, bad


def _parse(text: str, file: str, separator: str) -> tuple[Table, Issue | None]:
    """The table up to the first fault, without a header, and the fault."""
    source: Iterable[str] = io.StringIO(text, newline="")
    if separator == " ":
        source = (" ".join(line.split()) for line in source)
    reader = csv.reader(source, delimiter=separator, skipinitialspace=True, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begin, fault = 1, None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append(cells)
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        hint = "look for an unclosed quote or a binary character from that line on"
        fault = Issue(f"{file}:{begin}", f"is not valid CSV: {error}", hint)
    return Table(file, [], rows, np.array(lines, np.int64), separator, fault is None), fault


def _refused(file: str, kind: str, issue: Issue, problems: Problems | None) -> Table:
    if problems is None:
        raise InputError(issue)
    problems.add(file, kind, issue)
    return _nothing(file)


def _nothing(file: str) -> Table:
    return Table(file, [], [], np.zeros(0, np.int64), whole=False)


def all_numbers(table: Table) -> np.ndarray:
    """A table all of whose cells are numbers, float64 ``[rows, columns]``.

    Raises:
      InputError: a cell is no number, or a line is longer or shorter than the first one.
    """
    problems = Problems()
    for r, row in enumerate(table.rows):
        for c, cell in enumerate(row):
            if number(cell) is None:
                issue = Issue(table.at(r, c), f'"{cell}" is no number')
                problems.add(table.file, "cells like these", issue)
        if len(row) != len(table.rows[0]):
            message = f"has {len(row)} numbers, the lines above {len(table.rows[0])}"
            problems.add(table.file, "lines like these", Issue(table.at(r), message))
    problems.raise_if_any()
    return np.array(table.rows, np.float64)
