"""Reads a carbon table into rows that have a cell for every column, and a header with its times."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from jaxsoco.allocation.data.carbon_csv.headers import Header, HeaderError
from jaxsoco.allocation.data.carbon_csv.names import promises_utc, squeezed, time_rank
from jaxsoco.core.content import Content
from jaxsoco.core.errors import Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, is_unnamed, number, table_of, with_header, without_index
from jaxsoco.core.times import is_moment, read_times

MISSING = frozenset(
    {"", "-", "na", "n/a", "nan", "none", "null", "#n/a", "#na", "<na>", "nat", "nil"}
)
"""Cells without a value, in lower case."""
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)

_LOCAL = 9
_SAMPLE = 50
_SEVERAL = 3
_DAYS, _CLOCKS = ("date", "day"), ("time", "hour", "timeutc", "hourutc")
_MIDNIGHT = re.compile(r"[T ]00:00(?::00(?:\.0+)?)?$")


def even_table(content: Content, problems: Problems) -> Table:
    """Returns the rows below the header that are as long as it; the others are reported.

    Raises:
      HeaderError: the first line is one of data.
    """
    table = _with_header(table_of(content, problems, blanks=True), content.text, problems)
    if table.whole and not table.rows:
        message = "has a header but no rows" if table.header else "is empty"
        problems.add(table.file, "empty files", Issue(table.file, message, "export the file again"))
    table = without_index(_joined_stamps(table))
    width = len(table.header)
    lengths = Counter(len(_cut(row, width)) for row in table.rows)
    even = [i for i, row in enumerate(table.rows) if len(_cut(row, width)) == width]
    length, count = max(lengths.items(), key=lambda pair: pair[1], default=(width, 0))
    if length != width and count > _SEVERAL:
        message = f"{count:,} lines have {length} columns, the header has {width}"
        hint = "quote values that contain the separator, and name every column"
        problems.add(table.file, "headers", Issue(table.file, message, hint))
        return table.take(np.array(even, np.int64))
    for i, row in enumerate(table.rows):
        if len(_cut(row, width)) == width:
            continue
        message = f"has {len(row)} columns, the header has {width}"
        hint = "quote values that contain the separator"
        if len(row) < width:
            hint = "complete the line or delete it"
            if i == len(table.rows) - 1:
                message += "; the file seems truncated here"
                hint = "download the file again, or delete the line"
        issue = Issue(table.at(i), message, hint)
        problems.add(table.file, "lines with missing or extra columns", issue)
    return table.take(np.array(even, np.int64))


def _cut(row: list[str], width: int) -> list[str]:
    """The row without empty cells beyond the header, which trailing separators make."""
    return row[:width] if len(row) > width and not any(row[width:]) else row


def _with_header(table: Table, text: str, problems: Problems) -> Table:
    """The table with its first row as header, or with the line of comment above it."""
    if not table.rows:
        return table
    first = table.rows[0]
    if not any(map(is_moment, first)):
        return with_header(table, problems)
    if len(first) > 2 and not is_moment(first[0]) and all(map(is_moment, first[1:])):
        raise HeaderError("has its times in a row, not in a column", "transpose the table")
    # NumPy writes the header as a comment.
    lines = text.splitlines()[: max(table.lines[0] - 1, 0)]
    comment = lines[-1].strip() if lines else ""
    if comment.startswith("#"):
        bare = comment.lstrip("# \t")
        cells = bare.split() if table.separator == " " else bare.split(table.separator)
        names = [cell.strip() for cell in cells]
        if len(names) == len(first) and any(time_rank(name) is not None for name in names):
            return table._replace(header=names)
    raise HeaderError(
        "has no header: the first line holds a time",
        'wanted: a first line that names the columns, such as "datetime,FR,DE"',
    )


def _joined_stamps(table: Table) -> Table:
    """Stamps that a blank between date and time has split, where blanks separate cells."""
    width = len(table.header)
    if table.separator != " " or not table.rows or any(len(r) != width + 1 for r in table.rows):
        return table
    if not is_moment(" ".join(table.rows[0][:2])):
        return table
    return table._replace(rows=[[f"{row[0]} {row[1]}", *row[2:]] for row in table.rows])


def header_of(table: Table, region: str) -> Header:
    """What the header and the first rows say of the columns.

    Args:
      table: the table.
      region: what the file's name says.
    """
    ranks = {i: r for i, name in enumerate(table.header) if (r := time_rank(name)) is not None}
    if not ranks and table.header and is_unnamed(table.header[0]):
        ranks = {0: 0}
    columns = (i for i in range(len(table.header)) if i not in ranks and _is_text(table, i))
    texts = {i: next(cell for cell in _sample(table, i) if cell) for i in columns}
    return Header(table.header, _times(table, ranks), frozenset(ranks), texts, region)


def _sample(table: Table, column: int) -> list[str]:
    return [row[column] for row in table.rows[:_SAMPLE]]


def _is_text(table: Table, column: int) -> bool:
    """Whether a column has several values in the first rows, and no number among them."""
    cells = [cell for cell in _sample(table, column) if cell.casefold() not in MISSING]
    return len(cells) >= _SEVERAL and not any(
        number(cell) is not None or DECIMAL_COMMA.fullmatch(cell) for cell in cells
    )


def _times(table: Table, ranks: dict[int, int]) -> tuple[int, ...]:
    """The column of times; a date's and a time's where they are apart; else the best of several."""
    if len(ranks) < 2:
        return tuple(ranks)
    names = {i: squeezed(table.header[i]) for i in ranks}
    days = [i for i in ranks if names[i] in _DAYS]
    clocks = [i for i in ranks if names[i] in _CLOCKS]
    if len(ranks) == 2 and len(days) == len(clocks) == 1:
        whole_clock = all(map(is_moment, _sample(table, clocks[0])))
        days_cells = _sample(table, days[0])
        whole_day = any(":" in cell and not _MIDNIGHT.search(cell) for cell in days_cells)
        if not whole_clock and not whole_day:
            return days[0], clocks[0]
    return (min(ranks, key=lambda i: _order(table, i, ranks[i])),)


def _order(table: Table, column: int, rank: int) -> tuple[bool | int, ...]:
    """Sorts columns of times: what can be read first, then UTC, stamps before numbers."""
    times = read_times(_sample(table, column))
    poor = bool((times.bad | times.odd).any()) or times.kind not in ("date", "epoch")
    utc = promises_utc(table.header[column])
    number, naive = times.kind != "date", bool(times.naive.any())
    return rank == _LOCAL, poor, not utc, number, naive, rank, column
