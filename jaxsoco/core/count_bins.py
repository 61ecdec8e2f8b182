"""From times and counts of a table to counts in consecutive bins. No JAX."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, column_numbers
from jaxsoco.core.stamps import WANT_ISO, stamp_hint
from jaxsoco.core.text import as_in_more
from jaxsoco.core.times import Times, read_times, report_kinds

MOST_BINS = 50_000_000
MOST_COUNT, LATEST = 1e9, 1e18
"""Largest count of a bin in a file, and largest number of seconds."""

_SPARSE, _MANY = 100, 1000
_JITTER, _SKIPPED = 0.1, 20
_USUAL = {seconds * 10**6 for seconds in (60, 300, 600, 900, 1800, 3600)}
_UNITS = {"ms": 1e3, "us": 1e6, "ns": 1e9}


# --- cells ----------------------------------------------------------------------------------------


def read_counts(table: Table, columns: Sequence[int], problems: Problems) -> np.ndarray:
    """Counts ``[rows, columns]``; what is none is added to ``problems``."""
    cells = [row[column] for row in table.rows for column in columns]
    values, bad = column_numbers(cells)
    with np.errstate(invalid="ignore"):
        bad |= ~((values >= 0) & (values <= MOST_COUNT))
    for i in np.flatnonzero(bad).tolist():
        row, column = divmod(i, len(columns))
        place = table.at(row, columns[column])
        problems.add(table.file, "lines like these", Issue(place, repr(cells[i]), _COUNT))
    return values.reshape(-1, len(columns))


_COUNT, _TIME = "want a count >= 0", "want a time in s or ISO 8601"


def read_column(
    table: Table, cells: Sequence[str], column: int, unit: str | None, problems: Problems
) -> Times:
    """Times of a column; what is none, or of another kind or zone, is added to ``problems``."""
    times = read_times(cells, unit or "auto")
    late = np.abs(times.whole.astype(np.float64)) > LATEST
    bad = np.flatnonzero(times.bad | late).tolist()
    # One cause, if none can be read.
    rest = len(bad) - 1 if len(bad) == len(cells) else 0
    for i in bad[:1] if rest else bad:
        hint = stamp_hint(cells[i])
        want = _TIME if hint == WANT_ISO else f"{_TIME}: {hint}"
        issue = Issue(table.at(i, column), f"{cells[i]!r}{as_in_more(rest)}", want)
        problems.add(table.file, "lines like these", issue)
    report_kinds(table, cells, column, times, problems)
    return times


# --- bins of a given width ------------------------------------------------------------------------


def binned(
    file: str, times: Times, width: float, unit: str | None, weights: np.ndarray | None = None
) -> np.ndarray:
    """Arrivals in bins from the first time to the last; the last, cut bin is left out.

    Args:
      file: whose they are.
      times: of arrivals.
      width: of a bin, in seconds.
      unit: of numbers, where the user has named it.
      weights: arrivals at each time, 1 if absent.

    Raises:
      InputError: no bin or too many; or nearly all are empty, as if the unit was another one.
    """
    _check_width(width)
    since = times.since(int(times.whole.min()))
    since = since - since.min()
    guessed = unit is None and (times.kind == "number" or times.unit == "s")
    bins, hint = _bins(file, float(since.max()), width, len(since) if guessed else 0)
    place = (since / width).astype(np.int64)
    inside = place < bins
    counts = np.bincount(
        place[inside], None if weights is None else weights[inside], minlength=bins
    ).astype(np.float64)
    occupied = np.count_nonzero(counts)
    if guessed and bins >= _MANY and occupied * _SPARSE < bins:
        message = f"{file} makes {bins:,} bins of {width:g} s, all but {occupied:,} of them empty"
        own = 'time_unit = "s" if they are seconds'
        raise InputError(Issue("time_unit", message, f"{hint}, {own}" if hint else own))
    return counts


def _check_width(width: float) -> None:
    if not width > 0:
        raise InputError(Issue("bin", f"{width!r} is no width", "want a number of seconds > 0"))


def _bins(file: str, span: float, width: float, guessed: int) -> tuple[int, str]:
    """Whole bins of a span, and the unit of time in which they would be fewer, if any.

    Args:
      file: whose they are.
      span: from the first time to the last, in seconds.
      width: of a bin.
      guessed: how many times there are, if their unit was guessed; else 0.
    """
    bins = min(span / width, 1e300)
    if bins < 1:
        message = f"{file} spans {span:g} s, less than one bin of {width:g} s"
        raise InputError(Issue("bin", message, "want a shorter bin or a longer trace"))
    hint = _other_unit(bins, guessed) if guessed else ""
    if bins > MOST_BINS:
        message = f"{file} would have {bins:.4g} bins of {width:g} s"
        raise InputError(Issue("bin", message, "want a longer bin" + f", or {hint}" * bool(hint)))
    return int(bins), hint


def _other_unit(bins: float, arrivals: int) -> str:
    """The unit of time in which the bins would not be nearly empty."""
    for unit, scale in _UNITS.items():
        if 1 <= bins / scale <= 20 * arrivals:
            return f'time_unit = "{unit}" if that is the unit of the times'
    return ""


def mean_running(
    file: str, starts: Times, ends: np.ndarray, width: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """How much runs at once, on average over each bin from the first start to the last time.

    Args:
      file: whose intervals they are.
      starts: of the intervals.
      ends: in seconds, as ``starts.seconds``; infinite of what runs on, ``[m]``.
      width: of a bin, in seconds.
      weights: what each interval counts for, 1 if absent.

    Raises:
      InputError: no bin or too many.
    """
    _check_width(width)
    begins = starts.seconds
    first = float(begins.min())
    last = max(float(begins.max()), float(ends[np.isfinite(ends)].max(initial=first)))
    bins, _ = _bins(file, last - first, width, 0)
    edges = width * np.arange(bins + 1)
    weights = np.ones(len(begins)) if weights is None else weights
    closed = np.isfinite(ends)
    work = _passed(edges, begins - first, weights)
    work -= _passed(edges, ends[closed] - first, weights[closed])
    return np.maximum(np.diff(work) / width, 0)


def _passed(edges: np.ndarray, times: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``sum of w (edge - t)`` over the times before each edge."""
    order = np.argsort(times, kind="stable")
    before = np.searchsorted(times[order], edges, side="right")
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    moment = np.concatenate([[0.0], np.cumsum(weights[order] * times[order])])
    return edges * total[before] - moment[before]


# --- bins as the file has them --------------------------------------------------------------------


def on_grid(
    table: Table, cells: Sequence[str], column: int, since: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, float, tuple[str, ...]]:
    """Counts with a time for each, in consecutive bins: those that are left out are 0.

    Args:
      table: the table.
      cells: times as the file has them.
      column: where they stand.
      since: the same times as numbers, ``[rows]``.
      counts: ``[rows]``.

    Returns:
      Counts of all bins, the width of one, and notes.

    Raises:
      InputError: a time is there twice, or they are not evenly spaced.
    """
    order = np.argsort(since, kind="stable")
    _refuse_repeated(table, cells, column, since, order)
    gaps = np.diff(since[order])
    if not len(gaps):
        return counts.copy(), 0.0, ()
    steps, width = _steps(gaps)
    if steps is None:
        message = f"bins are not evenly spaced: {gaps.min():g} and {gaps.max():g} s apart"
        hint = "want a count for each bin of one width, or give bin to add them up in such bins"
        raise InputError(Issue(table.file, message, hint))
    places = np.concatenate([[0.0], np.cumsum(steps)])
    if places[-1] >= MOST_BINS:
        message = f"{table.file} would have {places[-1]:.4g} bins of {width:g} s"
        raise InputError(Issue("bin", message, "give a longer one"))
    result = np.zeros(int(places[-1]) + 1)
    result[places.astype(np.int64)] = counts[order]
    notes = ()
    if np.any(np.diff(order) < 0):
        notes += ("lines are not in the order of time: they are sorted",)
    if len(result) > len(counts):
        missing = f"{len(result) - len(counts):,} of {len(result):,} bins"
        notes += (f"{missing} of {width:g} s are missing and taken as 0",)
    return result, width, notes


def _refuse_repeated(
    table: Table, cells: Sequence[str], column: int, since: np.ndarray, order: np.ndarray
) -> None:
    problems = Problems()
    same = np.flatnonzero(np.diff(since[order]) == 0)
    for before, after in zip(order[same].tolist(), order[same + 1].tolist(), strict=True):
        message = f'"{cells[after]}" is there twice, first in line {table.lines[before]}'
        hint = "add the counts of a bin up, or give bin to have it done"
        problems.add(table.file, "repeated bins", Issue(table.at(after, column), message, hint))
    problems.raise_if_any()


def _steps(gaps: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Bins from each time to the next and the width of one; None if they are not even."""
    width = float(np.median(gaps))
    if np.all(np.abs(gaps / width - 1) <= _JITTER):  # clocks wander, months differ in length
        return np.ones(len(gaps)), width
    micro = np.rint(gaps * 1e6).astype(np.int64) if gaps.max() < 1e12 else np.zeros(1, np.int64)
    common = int(np.gcd.reduce(micro))
    if common and (common * _SKIPPED >= np.median(micro) or common in _USUAL):
        return micro // common, common / 1e6
    steps = np.rint(gaps / width)
    even = (steps >= 1) & (np.abs(gaps / width - steps) <= _JITTER)
    return (steps, width) if even.all() else (None, width)
