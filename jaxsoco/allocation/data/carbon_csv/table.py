"""Reads a CSV file into rows, and collects what is wrong with a set of files."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue

PER_KIND = 3
"""Issues of one kind that are printed for one file; the rest are counted."""
TOTAL = 20
"""Issues that are printed altogether."""


class Problems:
    """Issues found so far. A file with a thousand empty cells must not hide the next file's."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []
        self._reported: set[Issue] = set()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, file: str, kind: str, issue: Issue) -> None:
        """Keeps ``issue``, or only counts it when ``file`` has shown enough of this ``kind``.

        A hole in the times of a wide table is found once for each region and kept once.
        """
        if issue in self._reported:
            return
        self._reported.add(issue)
        self._counts[file, kind] += 1
        if self._counts[file, kind] <= PER_KIND:
            self._issues.append(issue)

    def __len__(self) -> int:
        return sum(self._counts.values())

    def raise_if_any(self) -> None:
        """Raises :class:`InputError` with what was kept and how many more there are."""
        if not self._issues:
            return
        entries = [(issue, 1) for issue in self._issues]
        for (file, kind), count in self._counts.items():
            if count > PER_KIND:
                more = count - PER_KIND
                entries.append((Issue(file, f"and {more} more {kind}"), more))
        issues = [issue for issue, _ in entries[:TOTAL]]
        rest = sum(weight for _, weight in entries[TOTAL:])
        if rest:
            issues.append(Issue("", f"and {rest} more problems"))
        raise InputError(issues)


class Table(NamedTuple):
    """The rows of one CSV file.

    Attributes:
      file: path of the file as the user gave it.
      header: names of the columns.
      rows: cells of each row below the header, as many as the header has.
      lines: ``[m]`` int64, line of the file that each row ends in.
      decimal_comma: whether a comma can stand in a number (it does not separate columns).
      whole: whether every row of the file is there; False after rows were dropped.
    """

    file: str
    header: list[str]
    rows: list[list[str]]
    lines: np.ndarray
    decimal_comma: bool
    whole: bool = True

    def at(self, row: int, column: int) -> str:
        """The place of a cell, as messages show it."""
        return f"{self.file}:{self.lines[row]}, column {self.header[column]}"

    def take(self, rows: np.ndarray) -> Table:
        """The table with ``rows`` (indices) only."""
        subset = [self.rows[i] for i in rows]
        whole = self.whole and len(subset) == len(self.rows)
        return self._replace(rows=subset, lines=self.lines[rows], whole=whole)


def read_table(path: Path, problems: Problems) -> Table | None:
    """Returns the rows of a CSV file with ``,``, ``;`` or a tab between columns; skips blank rows.

    What is wrong goes to ``problems``; None means that nothing could be read.
    """
    file = str(path)
    text = _read_text(path, problems)
    if text is None:
        return None
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    whole = True
    try:
        for row in reader:
            if any(row) and not all(map(str.isspace, filter(None, row))):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        whole = False
        where = f"{file}:{lines[-1] + 1 if lines else 1}"
        hint = "look for an unclosed quote or a binary character from that line on"
        problems.add(file, "syntax errors", Issue(where, f"is not valid CSV: {error}", hint))
    if len(rows) < 2:
        if whole:
            what = "has a header but no rows" if rows else "is empty"
            problems.add(file, "empty files", Issue(file, what, "export the file again"))
        return None
    numbers = np.array(lines[1:], np.int64)
    table = Table(file, rows[0], rows[1:], numbers, delimiter != ",", whole)
    return _even_rows(table, problems)


def _read_text(path: Path, problems: Problems) -> str | None:
    file = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        issue = Issue(file, f"cannot be read: {reason}", "check the path and its permissions")
        problems.add(file, "unreadable files", issue)
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text (byte 0x{data[error.start]:02x})"
        issue = Issue(f"{file}:{line}", message, "save it as CSV in UTF-8, not packed")
        problems.add(file, "encoding errors", issue)
        return None


def _even_rows(table: Table, problems: Problems) -> Table:
    """Drops rows whose number of columns differs from the header's, and says so."""
    width = len(table.header)
    good = []
    for i, row in enumerate(table.rows):
        if len(row) == width or (len(row) > width and not any(row[width:])):
            good.append(i)
            continue
        message = f"has {len(row)} columns, the header has {width}"
        hint = "quote values that contain the separator"
        if len(row) < width:
            hint = "complete the line or delete it"
            if i == len(table.rows) - 1:
                message += "; the file seems truncated here"
                hint = "download the file again, or delete the line"
        issue = Issue(f"{table.file}:{table.lines[i]}", message, hint)
        problems.add(table.file, "lines with missing or extra columns", issue)
    return table.take(np.array(good, np.int64))
