"""Recorded arrivals from a CSV file: :func:`load_trace_csv`; no JAX."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.rows import Problems, Table, column_numbers, read_table, without_index
from jaxsoco.core.times import UNITS, Times, is_moment, read_times, time_cells, unit_note
from jaxsoco.provisioning.data.arrival_bins import binned, on_grid, read_column, read_counts
from jaxsoco.provisioning.data.arrival_columns import (
    DURATION,
    Found,
    find_columns,
    is_header,
    other_counts,
)

MOST_ARRIVALS = 100_000
"""In one bin, once they are scaled: the chance of every number up to the largest is kept."""


@dataclass(frozen=True, eq=False)
class ArrivalTrace:
    """Arrivals in consecutive bins.

    Attributes:
      counts: ``[bins]``, at least 0.
      bin: width of a bin in the trace's unit of time (s, or bins of the file); 0 if not known.
      source: where it comes from.
      notes: what was assumed in reading it.
    """

    counts: np.ndarray
    bin: float
    source: str = "arrays"
    notes: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean arrivals of a bin."""
        return float(self.counts.mean())

    @property
    def digest(self) -> str:
        """SHA-256 of the counts."""
        return hashlib.sha256(np.ascontiguousarray(self.counts, "<f8").tobytes()).hexdigest()

    def rebin(self, factor: int) -> ArrivalTrace:
        """Joins ``factor`` bins into one; a rest at the end is left out.

        Raises:
          InputError: no whole number from 1 on, or longer than the trace.
        """
        if factor < 1 or factor > self.counts.size:
            message = f"{factor} bins cannot be joined in a trace of {self.counts.size}"
            raise InputError(Issue("rebin", message, "want a whole number within the trace"))
        whole = self.counts[: self.counts.size // factor * factor]
        return replace(self, counts=whole.reshape(-1, factor).sum(axis=1), bin=self.bin * factor)

    def distribution(self, mean: float | None = None) -> np.ndarray:
        """Probabilities of 0, 1, ... arrivals in a bin, ``[n]``.

        Args:
          mean: the counts are scaled to this mean; a fraction ``x`` between two whole numbers is
            the upper one with chance ``x - floor(x)``, which keeps the mean. None leaves them.

        Raises:
          InputError: a trace without arrivals cannot be scaled; or a bin has more than
            ``MOST_ARRIVALS``.
        """
        counts = self.counts.astype(np.float64)
        if mean is not None:
            if not self.mean:
                raise InputError(Issue("trace", "has no arrivals", "nothing to scale to a mean"))
            counts = counts * (mean / self.mean)
        if counts.max() > MOST_ARRIVALS:
            message = f"has up to {counts.max():.4g} arrivals in a slot"
            hint = f"want at most {MOST_ARRIVALS}: longer bins, or a smaller arrival_rate"
            raise InputError(Issue("trace", message, hint))
        low = np.floor(counts).astype(np.int64)
        rest = counts - low
        chances = np.bincount(low, 1 - rest, low.max() + 2)
        chances += np.bincount(low + 1, rest, low.max() + 2)
        return chances / chances.sum()


def load_trace_csv(
    path: str | Path,
    *,
    column: str | None = None,
    bin: float | None = None,
    time_unit: str | None = None,
) -> ArrivalTrace:
    """Reads recorded arrivals: a time for each arrival, or a count for each bin.

    A header names the columns: ``count`` (or ``arrivals``, ``packets``, ``requests``) holds counts
    of bins, ``time`` (or ``timestamp``, ``submit_time``, ...) times in any order, ``start`` and
    ``end`` are those of intervals, whose starts are the arrivals. Counts beside times are put in
    their bins; those that are left out are 0. With ``bin``, counts are added up in bins of that
    width. Names that count 1, 2, ... behind others are bins side by side: all rows are added up,
    or, with a ``date``, follow each other. A file without a header must have one column, of counts.

    >>> from jaxsoco.provisioning import load_trace_csv
    >>> np.savetxt("arrivals.csv", [2, 0, 1, 3], header="count", comments="")
    >>> load_trace_csv("arrivals.csv").rebin(2).counts.tolist()
    [2.0, 4.0]

    Args:
      path: the file.
      column: which column to read, where names do not tell; it holds times if ``bin`` is given.
      bin: width of the bins in seconds for times; must be absent for counts without times
        (``rebin`` joins them).
      time_unit: of times that are numbers: ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``. By default
        their size tells: dates of an epoch, or else seconds.

    Returns:
      The trace.

    Raises:
      InputError: the file is empty or cannot be understood, each problem with its line; or its
        times make nearly empty bins, as if their unit was another one.
    """
    if time_unit not in (None, *UNITS):
        message = f'no unit is "{time_unit}"'
        raise InputError(Issue("time_unit", message, f"want one of {', '.join(UNITS)}"))
    # A header holds neither numbers nor times, but for bins side by side.
    table = _padded(without_index(read_table(Path(path), header=is_header, comments=True)))
    found = find_columns(table, column, bin)
    if not table.rows:
        hint = "want a time for each arrival or a count for each bin"
        raise InputError(Issue(table.file, "is empty: it holds no arrivals", hint))
    read = {"times": _of_times, "counts": _of_counts, "intervals": _of_intervals, "wide": _of_rows}
    trace = read[found.kind](table, found, bin, time_unit)
    return replace(trace, notes=trace.notes + other_counts(table, found, column))


def _padded(table: Table) -> Table:
    """The table with empty cells where a row is shorter than its header."""
    width = max(len(table.header), 1)
    if all(len(row) >= width for row in table.rows):
        return table
    return table._replace(rows=[row + [""] * (width - len(row)) for row in table.rows])


SYNTHETIC_BINS = 20_000
"""Length of :func:`synthetic_trace`."""


def synthetic_trace() -> ArrivalTrace:
    """A made-up trace with quiet and busy spells: a Markov-modulated Poisson process.

    The rate is 0.4 or 2.4 a bin. A quiet bin turns busy with the chance 1 / 40, a busy one quiet
    with 1 / 20: spells last 40 and 20 bins on average. Always the same :data:`SYNTHETIC_BINS` bins.
    """
    rng = np.random.default_rng(0)
    change = rng.uniform(size=(SYNTHETIC_BINS, 2)) < (1 / 40, 1 / 20)
    busy = np.empty(SYNTHETIC_BINS, int)
    now = 0
    for i, leaves in enumerate(change):
        now = now ^ int(leaves[now])
        busy[i] = now
    counts = rng.poisson(np.array([0.4, 2.4])[busy]).astype(np.float64)
    return ArrivalTrace(counts, 0.0, "synthetic trace with busy spells")


def _of_times(table: Table, found: Found, bin: float | None, unit: str | None) -> ArrivalTrace:
    problems, cells = Problems(), time_cells(table, found.times)
    times = read_column(table, cells, found.times[0], unit, problems)
    problems.raise_if_any()
    bin = _needed(bin, table)
    counts = binned(table.file, times, bin, unit)
    return ArrivalTrace(counts, bin, _source(table, f"times in bins of {bin:g} s"), _read(times))


def _of_intervals(table: Table, found: Found, bin: float | None, unit: str | None) -> ArrivalTrace:
    """Arrivals at the starts of intervals, or a duration before their ends."""
    problems, (first, last) = Problems(), found.values
    ends_cells = time_cells(table, (last,))
    lasting = table.header[first].casefold() in DURATION
    # What still runs has no end yet.
    closed = np.array([lasting or bool(cell) for cell in ends_cells])
    ended = table.take(np.flatnonzero(closed))
    ends = read_column(ended, time_cells(ended, (last,)), last, unit, problems)
    if lasting:
        spans = read_counts(ended, (first,), problems)[:, 0]
        problems.raise_if_any()
        since = ends.seconds - spans
        whole = np.floor(since).astype(np.int64)
        starts = ends._replace(whole=whole, fraction=since - whole)
    else:
        starts = read_column(table, time_cells(table, (first,)), first, unit, problems)
        problems.raise_if_any()
        begun = starts.take(np.flatnonzero(closed))
        for i in np.flatnonzero(begun.seconds > ends.seconds).tolist():
            issue = Issue(ended.at(i), "ends before it starts", "want end >= start")
            problems.add(table.file, "intervals like these", issue)
    problems.raise_if_any()
    bin = _needed(bin, table)
    counts = binned(table.file, starts, bin, unit)
    begins, over = np.sort(starts.seconds), np.sort(ends.seconds)
    at_once = np.arange(1, len(begins) + 1) - np.searchsorted(over, begins, side="right")
    notes = (f"arrivals are the starts of intervals, of which up to {at_once.max():,} overlap",)
    source = _source(table, f"starts in bins of {bin:g} s")
    return ArrivalTrace(counts, bin, source, notes + _read(starts))


def _of_counts(table: Table, found: Found, bin: float | None, unit: str | None) -> ArrivalTrace:
    if bin is not None and not found.times:
        hint = "leave bin out and join bins with rebin"
        raise InputError(Issue("bin", f"{table.file} holds counts, not times", hint))
    problems, (column,) = Problems(), found.values
    if bin is None and not found.times and _hold_times(table, column):
        _needed(bin, table)
    counts = read_counts(table, (column,), problems)[:, 0]
    if not found.times:
        problems.raise_if_any()
        return _numbered(table, found, counts)
    cells = time_cells(table, found.times)
    if read_times(cells, unit or "auto").kind == "":
        problems.raise_if_any()
        note = f"{table.header[found.times[0]]} holds no times: rows are taken as consecutive bins"
        return ArrivalTrace(counts, 0.0, _source(table, "counts"), (note,))
    times = read_column(table, cells, found.times[0], unit, problems)
    problems.raise_if_any()
    if bin is not None:
        added = binned(table.file, times, bin, unit, counts)
        source = _source(table, f"counts added up in bins of {bin:g} s")
        return ArrivalTrace(added, bin, source, _read(times))
    since = times.since(int(times.whole.min()))
    grid, width, notes = on_grid(table, cells, found.times[0], since, counts)
    return ArrivalTrace(grid, width, _source(table, "counts"), _read(times) + notes)


def _hold_times(table: Table, column: int) -> bool:
    """Whether what should be counts are times."""
    cells = time_cells(table, (column,))
    if not table.header and read_times(cells).kind == "epoch":
        return True
    return all(map(is_moment, cells))


def _numbered(table: Table, found: Found, counts: np.ndarray) -> ArrivalTrace:
    """Counts of consecutive bins, or of those that a column numbers."""
    source = _source(table, "counts")
    if found.place < 0:
        return ArrivalTrace(counts, 0.0, source)
    cells = time_cells(table, (found.place,))
    numbers, bad = column_numbers(cells)
    if bad.any() or np.any(numbers != np.rint(numbers)) or len(counts) < 2:
        return ArrivalTrace(counts, 0.0, source)
    grid, _, notes = on_grid(table, cells, found.place, numbers, counts)
    notes = tuple(note.replace(" of 1 s", "") for note in notes)
    return ArrivalTrace(grid, 0.0, source, notes)


def _of_rows(table: Table, found: Found, bin: float | None, unit: str | None) -> ArrivalTrace:
    """Counts of bins side by side: in a row for each function, say, or for each day."""
    if bin is not None:
        hint = "leave bin out and join bins with rebin"
        raise InputError(Issue("bin", f"{table.file} holds counts, not times", hint))
    problems = Problems()
    counts = read_counts(table, found.values, problems)
    if found.times:
        days = read_column(table, time_cells(table, found.times), found.times[0], unit, problems)
        problems.raise_if_any()
        order, place = np.unique(days.seconds, return_inverse=True)
        daily = np.zeros((len(order), counts.shape[1]))
        np.add.at(daily, place, counts)
        name = table.header[found.times[0]]
        note = f"counts of {counts.shape[1]:,} bins side by side, one {name} after the other"
        return ArrivalTrace(daily.ravel(), 0.0, _source(table, "counts"), (note,))
    problems.raise_if_any()
    note = f"counts of {counts.shape[1]:,} bins side by side, added up over {len(counts):,} rows"
    return ArrivalTrace(counts.sum(axis=0), 0.0, _source(table, "counts"), (note,))


def _needed(bin: float | None, table: Table) -> float:
    if bin is None:
        hint = "want the width of a bin in seconds"
        raise InputError(Issue("bin", f"is needed: {table.file} holds times", hint))
    return bin


def _source(table: Table, what: str) -> str:
    return f"{Path(table.file).name}, {what}"


def _read(times: Times) -> tuple[str, ...]:
    """How times were read, where that had to be guessed."""
    note = unit_note(times, "time_unit")
    return (f"times {note}",) if note else ()
