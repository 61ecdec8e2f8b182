"""Which columns of a table hold arrivals, and how: :func:`find_columns`. No JAX."""

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
COUNTS = ("count", "counts", "arrivals", "packets", "requests", "n")
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
_RUN = 3

Kind = Literal["times", "counts", "intervals", "wide"]


class Found(NamedTuple):
    """Columns of a table.

    Attributes:
      kind: what each row is: the time of an arrival; the count of a bin; the start and the end of
        an interval; or counts of many bins side by side.
      values: the columns of the counts, or of the starts (or durations) and the ends.
      times: the columns of a time: one, or a date's and a clock's; empty where there is none. Of
        bins side by side, the column of the day that they are of.
      place: the column that numbers bins; -1 if there is none.
    """

    kind: Kind
    values: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    place: int = -1


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first row names columns: it holds no value, or counts bins behind some names."""
    return not any(map(_is_value, cells)) or bool(_run(cells)) or _names_bins(cells)


def find_columns(table: Table, column: str | None, bin: float | None) -> Found:
    """The columns to read.

    Args:
      table: the table.
      column: the name of one of them, where names do not tell.
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


def other_counts(table: Table, found: Found, column: str | None) -> tuple[str, ...]:
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


def _without_header(table: Table, column: str | None, bin: float | None) -> Found:
    if column is not None:
        hint = "leave column out, or give the file a header"
        raise InputError(Issue("column", f"{table.file} has no header", hint))
    if table.rows and len(table.rows[0]) > 1:
        message = f"has {len(table.rows[0])} columns and no header"
        raise InputError(Issue(table.file, message, "want a header that names them"))
    return Found("counts", (0,)) if bin is None else Found("times", times=(0,))


def _named(
    table: Table, names: Sequence[str], column: str, bin: float | None, run: Sequence[int]
) -> Found:
    lower = [name.casefold() for name in table.header]
    if column.casefold() not in lower:
        message = f'{table.file} has no column "{column}"'
        raise InputError(Issue("column", message, shorten(suggest(column, table.header), 300)))
    place = lower.index(column.casefold())
    if place in run:
        message = (
            f"{table.file} has a column for each of {len(run):,} bins, {column} is one of them"
        )
        raise InputError(Issue("column", message, "leave column out: all bins are read"))
    if bin is not None:
        return Found("times", times=(place,))
    times = _times(table, names)
    return Found("counts", (place,), () if place in times else times, _first(names, PLACES))
