"""Which columns of a table hold a load, and how: :func:`find_columns`. No JAX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.rows import Table, number
from jaxsoco.core.text import shorten
from jaxsoco.core.times import is_moment

TIMES = (
    "time",
    "timestamp",
    "datetime",
    "date",
    "seconds",
    "arrival_time",
    "ts",
    "submit_time",
    "submitted_time",
    "arrived_at",
    "created_at",
    "unix_time",
    "epoch",
)
COUNTS = ("count", "counts", "arrivals", "packets", "requests", "load", "n")
"""Names of columns (any case) that are recognised."""

STARTS = ("start", "start_time", "started", "started_at", "begin", "start_timestamp")
ENDS = ("end", "end_time", "ended", "ended_at", "finish", "end_timestamp", "finished_at")
"""Names of the two columns of an interval; ``DURATION`` may stand for the start."""
DURATION = ("duration", "duration_s")
PLACES = ("bin", "slot")
"""Names of columns that number the bins."""
VALUES = ("value", "values", "y")
"""Names of columns that may hold counts, or something else, of a series."""

_DAYS, _CLOCKS = ("date", "day"), ("time", "hour", "clock")
_CLOCK = re.compile(r"\d{1,2}(?::\d\d){0,2}(?:[.,]\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_RUN, _MANY = 3, 24

Kind = Literal["times", "counts", "intervals", "running", "wide"]
Column = str | int
"""A column's name, or its number from 1 on."""


class Found(NamedTuple):
    """Columns of a table.

    Attributes:
      kind: what each row is: the time of an arrival; the count of a bin; the start and the end of
        an interval, which arrives at its start or runs from start to end; or counts of many bins
        side by side.
      values: the columns of the counts, or of the starts (or durations) and the ends.
      times: the columns of a time: one, or a date's and a clock's; empty where there is none. Of
        bins side by side, the column of the day that they are of.
      place: the column that numbers bins; -1 if there is none.
      weight: the column of what a time or an interval counts for; -1 where each counts for 1.
    """

    kind: Kind
    values: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    place: int = -1
    weight: int = -1


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first row names columns: it holds no value, or counts bins behind some names."""
    return names_columns(cells) or _names_bins(cells)


def names_columns(cells: Sequence[str]) -> bool:
    """As :func:`is_header`, of a file whose columns the user calls by their numbers.

    Rows of such a file may hold a name and then numbers that increase: bins side by side are taken
    to be at least two dozen.
    """
    return not any(map(_is_value, cells)) or len(_run(cells)) >= _MANY


def is_number_of_column(column: Column | None) -> bool:
    """Whether a user calls a column by its number: 3, or "3" in an experiment file."""
    return isinstance(column, int) or (column is not None and bool(_WHOLE.fullmatch(column)))


def column_index(table: Table, column: Column, argument: str) -> int:
    """Where a column stands, from 0.

    Args:
      table: the table.
      column: its name, in any case, or its number from 1 on.
      argument: who names it, for messages.

    Raises:
      InputError: there is no such column.
    """
    lower = [name.casefold() for name in table.header]
    if str(column).casefold() in lower:
        return lower.index(str(column).casefold())
    width = len(table.header) or max(map(len, table.rows[:1]), default=0)
    if is_number_of_column(column):
        if 1 <= int(column) <= width:
            return int(column) - 1
        message = f"{table.file} has {width} columns, there is no {column}"
        raise InputError(Issue(argument, message, f"want a number from 1 to {width}"))
    if not table.header:
        hint = "leave it out, give the file a header, or want a column by its number from 1"
        raise InputError(Issue(argument, f"{table.file} has no header", hint))
    message = f'{table.file} has no column "{column}"'
    raise InputError(Issue(argument, message, shorten(suggest(str(column), table.header), 300)))


def find_columns(table: Table, column: Column | None, bin: float | None) -> Found:
    """The columns to read.

    Args:
      table: the table.
      column: one of them, where names do not tell.
      bin: width of a bin; None for counts.

    Raises:
      InputError: no column is recognised, or not the one that is named.
    """
    if not table.header:
        return _without_header(table, column, bin)
    names = [re.sub(r"[\s-]+", "_", name.casefold()) for name in table.header]
    run = _run(table.header)
    if column is not None:
        return _named(table, names, column, bin, run)
    times, place = _times(table, names), _first(names, PLACES)
    counts = _first(names, COUNTS)
    if counts >= 0:
        return Found("counts", (counts,), times, place)
    if run:
        day = _first(names, _DAYS)
        return Found("wide", run, (day,) if 0 <= day < run[0] else ())
    start, end = _first(names, STARTS), _first(names, ENDS)
    if not times and end >= 0:
        start = start if start >= 0 else _first(names, DURATION)
        if start >= 0:
            return Found("intervals", (start, end))
    value = _first(names, VALUES)
    if times and value >= 0 and len(names) == 2:
        series, when = table.header[value], table.header[times[0]]
        hint = f'column = "{series}" reads them as counts, column = "{when}" a time as an arrival'
        raise InputError(Issue(table.file, f"has a {series} for each {when}", hint))
    if times or start >= 0:
        return Found("times", times=times or (start,))
    hint = f"want one called {COUNTS[0]} or {TIMES[0]}, or give column"
    listed = shorten(", ".join(table.header), 300)
    raise InputError(Issue(table.file, f"has the columns {listed}", hint))


def other_counts(table: Table, found: Found, column: Column | None) -> tuple[str, ...]:
    """A note on further columns of counts, where one was taken without being named."""
    if found.kind != "counts" or column is not None or not table.header:
        return ()
    names = [table.header[i] for i in _all(table.header, COUNTS) if i not in found.values]
    taken = table.header[found.values[0]]
    return (f"{taken} is read, {names[0]} is not: column says otherwise",) if names else ()


def _all(header: Sequence[str], known: Sequence[str]) -> list[int]:
    return [i for i, name in enumerate(header) if name.casefold() in known]


def _is_value(cell: str) -> bool:
    return number(cell) is not None or is_moment(cell)


def _run(cells: Sequence[str]) -> tuple[int, ...]:
    """The last columns, if their names count bins from 0 or 1 on and there are others."""
    whole = [bool(_WHOLE.fullmatch(cell)) for cell in cells]
    first = len(whole) - next((i for i, w in enumerate(reversed(whole)) if not w), len(whole))
    numbers = [int(cell) for cell in cells[first:]]
    if not 0 < first <= len(cells) - _RUN or any(map(_is_value, cells[:first])):
        return ()
    counted = numbers[0] in (0, 1) and numbers == [*range(numbers[0], numbers[0] + len(numbers))]
    return tuple(range(first, len(cells))) if counted else ()


def _names_bins(cells: Sequence[str]) -> bool:
    """Whether the cells behind one that is no value are numbers or dates that increase."""
    rest = [cell for i, cell in enumerate(cells) if _is_value(cell) and i]
    if _is_value(cells[0]) or len(rest) < max(_RUN, len(cells) // 2):
        return False
    if all(map(_WHOLE.fullmatch, rest)):
        return all(int(a) < int(b) for a, b in pairwise(rest))
    return all(map(is_moment, rest)) and all(a < b for a, b in pairwise(rest))


def _first(names: Sequence[str], known: Sequence[str]) -> int:
    """The first column of a known name, in the order of the file; -1 if there is none."""
    return next((i for i, name in enumerate(names) if name in known), -1)


def _times(table: Table, names: Sequence[str]) -> tuple[int, ...]:
    """The column of the times, or those of a date and of a clock."""
    day, clock = _first(names, _DAYS), _first(names, _CLOCKS)
    if day >= 0 and clock >= 0 and table.rows:
        cells = [row[clock] for row in table.rows[:20] if clock < len(row)]
        if cells and all(map(_CLOCK.fullmatch, cells)):
            return day, clock
    first = _first(names, TIMES)
    return () if first < 0 else (first,)


def find_intervals(table: Table, column: Column | None, ends: Column) -> Found:
    """The columns of intervals that run from a start to an end.

    Args:
      table: the table.
      column: the starts, or durations; by default a column of such a name.
      ends: the ends.

    Raises:
      InputError: there is no such column, or none that is known as the starts.
    """
    last = column_index(table, ends, "ends")
    if column is not None:
        return Found("running", (column_index(table, column, "column"), last))
    names = [re.sub(r"[\s-]+", "_", name.casefold()) for name in table.header]
    start = _first(names, STARTS)
    start = start if start >= 0 else _first(names, DURATION)
    if start < 0:
        message = f"{table.file} has ends and no column called {STARTS[0]}"
        raise InputError(Issue("column", message, "want the column of the starts"))
    return Found("running", (start, last))


def _without_header(table: Table, column: Column | None, bin: float | None) -> Found:
    if column is not None:
        place = column_index(table, column, "column")
    elif table.rows and len(table.rows[0]) > 1:
        message = f"has {len(table.rows[0])} columns and no header"
        hint = "want a header that names them, or column = the number of one"
        raise InputError(Issue(table.file, message, hint))
    else:
        place = 0
    return Found("counts", (place,)) if bin is None else Found("times", times=(place,))


def _named(
    table: Table, names: Sequence[str], column: Column, bin: float | None, run: Sequence[int]
) -> Found:
    place = column_index(table, column, "column")
    if place in run:
        message = (
            f"{table.file} has a column for each of {len(run):,} bins, {column} is one of them"
        )
        raise InputError(Issue("column", message, "leave column out: all bins are read"))
    if bin is not None:
        return Found("times", times=(place,))
    times = _times(table, names)
    return Found("counts", (place,), () if place in times else times, _first(names, PLACES))
