"""Columns of time: stamps, or numbers whose unit their size tells. No JAX.

========================  =============================  =====================================
a column of               such as                        is read as
========================  =============================  =====================================
time stamps               ``2022-03-27T01:00:00+00:00``  :mod:`jaxsoco.core.stamps`
compact dates             20220327, 2022032701, ...      dates and hours, never as seconds
numbers near an epoch     1648342800, 1648342800000      s, ms, us or ns since 1970
Windows file time, ticks  132928164000000000             100 ns since 1601, or since the year 1
other numbers             0.5, 12, 86400                 seconds from a zero of their own
========================  =============================  =====================================

An epoch is taken to be one if nine in ten numbers lie in the years 1990 to 2100 (ns and ticks from
1991 on, which keeps the two apart). :func:`unit_note` says what was taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from jaxsoco.core.errors import Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, number
from jaxsoco.core.stamps import WANT_ISO, Stamp, read_stamp, stamp_hint
from jaxsoco.core.text import as_in_more

UNITS = ("s", "ms", "us", "ns")
"""Units of a column of numbers that a user can name."""

_NAMES = {
    "s": "seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
    "file time": "Windows file time (100 ns since 1601)",
    "ticks": "ticks of .NET (100 ns since the year 1)",
}
_PER_SECOND = {
    "s": 1,
    "ms": 10**3,
    "us": 10**6,
    "ns": 10**9,
    "file time": 10**7,
    "ticks": 10**7,
}
_ZERO = {"file time": -11_644_473_600, "ticks": -62_135_596_800}
_1990, _1991, _2100 = 631_152_000, 662_688_000, 4_102_444_800
_WINDOWS = {
    unit: (
        ((_1991 if unit in ("ns", "ticks") else _1990) - _ZERO.get(unit, 0)) * scale,
        (_2100 - _ZERO.get(unit, 0)) * scale,
    )
    for unit, scale in _PER_SECOND.items()
}
_SHARE = 0.9
_LARGEST = 9e18
_COMPACT = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d\d){0,3}",
    re.ASCII,
)


class Times(NamedTuple):
    """The times of a column.

    Attributes:
      whole: ``[m]`` int64, seconds rounded down: since 1970 in UTC, or, of the kind ``"number"``,
        since the column's own zero; 0 where ``bad``.
      fraction: ``[m]`` float64, the rest of a second, in [0, 1).
      naive: ``[m]`` bool, whether a stamp names no time zone (numbers since 1970 are in UTC).
      bad: ``[m]`` bool, whether the cell holds no time.
      odd: ``[m]`` bool, whether it holds one of another kind than most: a number among stamps.
      kind: ``"date"``, ``"epoch"``, ``"number"``, or empty where no cell holds a time.
      unit: of numbers: ``s``, ``ms``, ``us``, ``ns``, ``file time`` or ``ticks``; of compact dates
        ``compact``.
    """

    whole: np.ndarray
    fraction: np.ndarray
    naive: np.ndarray
    bad: np.ndarray
    odd: np.ndarray
    kind: str
    unit: str = ""

    @property
    def seconds(self) -> np.ndarray:
        """``[m]`` float64; of today's dates it is good to a quarter of a microsecond."""
        return self.whole + self.fraction

    def since(self, origin: int) -> np.ndarray:
        """``[m]`` float64, seconds since a whole second: exact to far below a nanosecond."""
        return (self.whole - origin) + self.fraction

    def take(self, rows: np.ndarray) -> Times:
        """The times of ``rows`` (indices) only."""
        return self._replace(
            whole=self.whole[rows],
            fraction=self.fraction[rows],
            naive=self.naive[rows],
            bad=self.bad[rows],
            odd=self.odd[rows],
        )


def read_times(cells: Sequence[str], unit: str = "auto") -> Times:
    """Reads a column of time.

    >>> times = read_times(["1648342800000", "1648346400000"])
    >>> times.whole.tolist(), times.kind, unit_note(times)
    ([1648342800, 1648346400], 'epoch', 'read as milliseconds since 1970')

    Args:
      cells: the column's cells.
      unit: of numbers: ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``, or ``"auto"``, by their size.

    Returns:
      The times, with what could not be read; :func:`report_times` says what is wrong.
    """
    cells = [cell.strip() for cell in cells]
    numeric = np.array([_is_number(cell) for cell in cells], bool)
    if unit == "auto" and _is_compact([cells[i] for i in np.flatnonzero(numeric)]):
        stamps = [read_stamp(_compact(cell) or cell) for cell in cells]
        other = np.array([stamp is not None for stamp in stamps], bool) & ~numeric
        return _of_stamps(stamps, other)._replace(unit="compact")
    stamps = [None if numeric[i] else read_stamp(cell) for i, cell in enumerate(cells)]
    if np.count_nonzero(numeric) > sum(stamp is not None for stamp in stamps):
        return _of_numbers(cells, numeric, stamps, unit)
    return _of_stamps(stamps, numeric)


def is_moment(cell: str) -> bool:
    """Whether a cell holds a date or a time stamp, not a bare number."""
    return number(cell) is None and read_stamp(cell) is not None


def _is_number(cell: str) -> bool:
    """Whether a cell holds a number; NaN is none."""
    value = number(cell)
    return value is not None and value == value


def _of_stamps(stamps: list[Stamp | None], odd: np.ndarray) -> Times:
    """Stamps, and which of the cells hold an odd time among them."""
    absent = np.array([stamp is None for stamp in stamps], bool)
    naive = np.array([bool(stamp and stamp.naive) for stamp in stamps], bool)
    whole = np.array([stamp.whole if stamp else 0 for stamp in stamps], np.int64)
    fraction = np.array([stamp.fraction if stamp else 0.0 for stamp in stamps], np.float64)
    kind = "" if (absent | odd).all() else "date"
    return Times(whole, fraction, naive & ~odd, absent & ~odd, odd, kind)


def _of_numbers(
    cells: list[str], numeric: np.ndarray, stamps: list[Stamp | None], unit: str
) -> Times:
    """Numbers; stamps, and numbers that are far from the others, are odd among them."""
    values = np.array([float(cell) if numeric[i] else np.nan for i, cell in enumerate(cells)])
    possible = np.isfinite(values) & (np.abs(values) <= _LARGEST)
    named = unit != "auto"
    unit = unit if named else _unit(values[possible])
    kind = "epoch" if unit and _within(values[possible], unit) else "number"
    inside = possible
    if kind == "epoch" and not named:
        low, high = _WINDOWS[unit]
        inside = possible & (values >= low) & (values < high)
    unit = unit or "s"
    scale, zero = _PER_SECOND[unit], _ZERO.get(unit, 0)
    whole, fraction = np.zeros(len(cells), np.int64), np.zeros(len(cells))
    for i in np.flatnonzero(inside).tolist():
        whole[i], fraction[i] = _split(cells[i], scale, zero)
    odd = np.array([stamp is not None for stamp in stamps], bool) | (possible & ~inside)
    return Times(whole, fraction, np.zeros(len(cells), bool), ~inside & ~odd, odd, kind, unit)


def _unit(values: np.ndarray) -> str:
    """The unit in which nearly all numbers are dates from 1990 to 2100; empty if there is none."""
    return next((unit for unit in _WINDOWS if _within(values, unit)), "")


def _within(values: np.ndarray, unit: str) -> bool:
    low, high = _WINDOWS[unit]
    return bool(values.size) and bool(np.mean((values >= low) & (values < high)) >= _SHARE)


def _split(cell: str, scale: int, zero: int) -> tuple[int, float]:
    """Whole seconds and the rest, without rounding: nanoseconds since 1970 need 61 bits."""
    try:
        whole, rest = divmod(int(cell), scale)
    except ValueError:
        exact = Decimal(cell) / scale
        whole = int(exact.to_integral_value("ROUND_FLOOR"))
        return whole + zero, min(float(exact - whole), 1 - 2**-53)
    return whole + zero, rest / scale


def _is_compact(cells: list[str]) -> bool:
    """Whether numbers are dates without separators: most are, and all are of one length."""
    lengths = {len(cell) for cell in cells}
    if len(lengths) != 1 or not lengths <= {8, 10, 12, 14}:
        return False
    dates = sum(_compact(cell) is not None for cell in cells)
    return 2 * dates > len(cells)


def _compact(cell: str) -> str | None:
    """A compact date as ISO 8601: ``2022032701`` is ``20220327T01``."""
    match = _COMPACT.fullmatch(cell)
    if not match:
        return None
    text = cell if len(cell) == 8 else f"{cell[:8]}T{cell[8:]}"
    return text if read_stamp(text) is not None else None


def report_times(
    table: Table, cells: Sequence[str], column: int, times: Times, problems: Problems
) -> None:
    """Adds what is wrong with a column of time: no times, several kinds, zones here and there."""
    good, bad = np.flatnonzero(~times.bad & ~times.odd), np.flatnonzero(times.bad).tolist()
    # One cause, if none can be read.
    rest = len(bad) - 1 if not len(good) else 0
    for i in bad[:1] if rest else bad:
        message = f'"{cells[i]}" is not a timestamp{as_in_more(rest)}'
        issue = Issue(table.at(i, column), message, stamp_hint(cells[i]))
        problems.add(table.file, "unreadable timestamps", issue)
    if len(good):
        report_kinds(table, cells, column, times, problems)


def report_kinds(
    table: Table, cells: Sequence[str], column: int, times: Times, problems: Problems
) -> None:
    """Adds several kinds of time, and zones here and there, among the times that can be read."""
    good = np.flatnonzero(~times.bad & ~times.odd)
    if not len(good):
        return
    odd = np.flatnonzero(times.odd).tolist()
    if odd:
        first = int(good[0])
        issue = Issue(
            table.at(odd[0], column),
            f'"{cells[odd[0]]}" and "{cells[first]}" in line {table.lines[first]} are different '
            f"kinds of time{as_in_more(len(odd) - 1)}",
            f"write all of them alike: {WANT_ISO}",
        )
        problems.add(table.file, "mixed kinds of time", issue)
    naive = np.flatnonzero(times.naive).tolist()
    if 0 < len(naive) < len(good):
        issue = Issue(
            table.at(naive[0], column),
            f'"{cells[naive[0]]}" has no time zone, other lines have one',
            "give every timestamp an offset such as +00:00",
        )
        problems.add(table.file, "mixed time zones", issue)


def unit_note(times: Times, setting: str = "") -> str:
    """How numbers were read, for a note; empty where nothing had to be guessed.

    Args:
      times: what was read.
      setting: the field by which the user can say otherwise, if there is one.
    """
    if times.kind == "date" and times.unit == "compact":
        return "read as compact dates (YYYYMMDD...)"
    if times.kind != "epoch":
        return ""
    other = "ms" if times.unit == "s" else "s"
    return f"read as {_NAMES[times.unit]}" + (
        f'; {setting} = "{other}" to say otherwise' if setting else ""
    )


def time_cells(table: Table, columns: Sequence[int]) -> list[str]:
    """The cells of a column of time, or of a date's and a time's column put together.

    A time of one or two digits is an hour from 0 to 23; hours from 1 to 24 are not read.
    """
    if len(columns) == 1:
        return [row[columns[0]] for row in table.rows]
    return [_joined(row[columns[0]], row[columns[1]]) for row in table.rows]


def _joined(day: str, clock: str) -> str:
    """``2022-03-27 05:00`` of ``2022-03-27`` and ``5``."""
    day = day.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]00:00(:00)?(\.0+)?", day):
        day = day[:10]  # pandas writes a date so
    clock = clock.strip()
    if re.fullmatch(r"\d{1,2}", clock, re.ASCII) and int(clock) < 24:
        clock = f"{clock}:00"
    return f"{day} {clock}".strip()
