"""Recorded arrivals from a CSV file: :func:`load_trace_csv`; no JAX."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.rows import Problems, Table, read_table

TIMES = ("time", "timestamp", "datetime", "date", "seconds", "arrival_time", "ts")
COUNTS = ("count", "counts", "arrivals", "packets", "requests", "n")
"""Names of columns (any case) that are recognised."""

MOST_BINS = 50_000_000
MOST_ARRIVALS = 100_000
"""In one bin, once they are scaled: the chance of every number up to the largest is kept."""
MOST_COUNT, LATEST = 1e9, 1e18
"""Largest count of a bin in a file, and largest number of seconds."""


@dataclass(frozen=True, eq=False)
class ArrivalTrace:
    """Arrivals in consecutive bins.

    Attributes:
      counts: ``[bins]``, at least 0.
      bin: width of a bin in the trace's unit of time (s, or bins of the file); 0 if not known.
      source: where it comes from.
    """

    counts: np.ndarray
    bin: float
    source: str = "arrays"

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
    path: str | Path, *, column: str | None = None, bin: float | None = None
) -> ArrivalTrace:
    """Reads recorded arrivals: a time for each arrival, or a count for each bin.

    A header names the columns; one of :data:`COUNTS` holds counts of consecutive bins, one of
    :data:`TIMES` times of single arrivals (numbers of seconds, or ISO 8601) in any order. If both
    are there, counts are taken. A file without a header must have one column, of counts.

    >>> from jaxsoco.provisioning import load_trace_csv
    >>> np.savetxt("arrivals.csv", [2, 0, 1, 3], header="count", comments="")
    >>> load_trace_csv("arrivals.csv").rebin(2).counts.tolist()
    [2.0, 4.0]

    Args:
      path: the file.
      column: which column to read, where names do not tell; it holds times if ``bin`` is given.
      bin: width of the bins in seconds for times; must be absent for counts (``rebin`` joins them).

    Returns:
      The trace.

    Raises:
      InputError: the file is empty or cannot be understood; each problem with its line.
    """
    path = Path(path)
    # A header holds neither numbers nor times.
    table = read_table(path, header=lambda cells: not any(map(_is_value, cells)), comments=True)
    place, kind = _column(table, column, bin)
    want = "a time in s or ISO 8601" if kind == "times" else "a count >= 0"
    values, problems = [], Problems()
    for i, row in enumerate(table.rows):
        cell = row[place] if place < len(row) else ""
        try:
            values.append(_number(cell, kind))
        except ValueError:
            issue = Issue(table.at(i, place), f"{cell!r}", f"want {want}")
            problems.add(table.file, "lines like these", issue)
    problems.raise_if_any()
    if not values:
        hint = "want a time for each arrival or a count for each bin"
        raise InputError(Issue(str(path), "is empty: it holds no arrivals", hint))
    numbers = np.asarray(values)
    if kind == "counts":
        return ArrivalTrace(numbers, 0.0, f"{path.name}, counts")
    assert bin is not None
    return ArrivalTrace(_bin(path, numbers, bin), bin, f"{path.name}, times in bins of {bin:g} s")


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


def _is_value(cell: str) -> bool:
    try:
        _number(cell, "times")
    except ValueError:
        return False
    return True


def _column(table: Table, column: str | None, bin: float | None) -> tuple[int, str]:
    """Index and kind (``times`` or ``counts``) of the column to read."""
    kind = "counts" if bin is None else "times"
    if not table.header:
        if column is not None:
            hint = "leave column out, or give the file a header"
            raise InputError(Issue("column", f"{table.file} has no header", hint))
        if table.rows and len(table.rows[0]) > 1:
            message = f"has {len(table.rows[0])} columns and no header"
            raise InputError(Issue(table.file, message, "want a header that names them"))
        return 0, kind
    lower = [name.lower() for name in table.header]
    if column is not None:
        if column.lower() not in lower:
            message = f'{table.file} has no column "{column}"'
            raise InputError(Issue("column", message, suggest(column, table.header)))
        return lower.index(column.lower()), kind
    for kind, names in (("counts", COUNTS), ("times", TIMES)):
        places = [i for i, name in enumerate(lower) if name in names]
        if places:
            _check_bin(table.file, kind, bin)
            return places[0], kind
    hint = f"want one called {COUNTS[0]} or {TIMES[0]}, or give column"
    raise InputError(Issue(table.file, f"has the columns {', '.join(table.header)}", hint))


def _check_bin(file: str, kind: str, bin: float | None) -> None:
    """A width of bins goes with times, and with times only."""
    if kind == "times" and bin is None:
        hint = "want the width of a bin in seconds"
        raise InputError(Issue("bin", f"is needed: {file} holds times", hint))
    if kind == "counts" and bin is not None:
        hint = "leave bin out and join bins with rebin"
        raise InputError(Issue("bin", f"{file} holds counts, not times", hint))


def _number(cell: str, kind: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        if kind == "counts":
            raise
        moment = datetime.fromisoformat(cell)
        # Only differences count; without an offset no daylight saving may come between.
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    possible = 0 <= value <= MOST_COUNT if kind == "counts" else abs(value) <= LATEST
    if not possible:
        raise ValueError(cell)
    return value


def _bin(path: Path, times: np.ndarray, width: float) -> np.ndarray:
    """Counts in bins from the first arrival to the last; the last, cut bin is left out."""
    if not width > 0:
        raise InputError(Issue("bin", f"{width!r} is no width", "want a number of seconds > 0"))
    span = float(times.max() - times.min())
    bins = min(span / width, 1e300)
    if bins < 1:
        message = f"{path} spans {span:g} s, less than one bin of {width:g} s"
        raise InputError(Issue("bin", message, "want a shorter bin or a longer trace"))
    if bins > MOST_BINS:
        message = f"{path} would have {bins:.4g} bins of {width:g} s"
        raise InputError(Issue("bin", message, "want a longer bin"))
    bins = int(bins)
    place = ((times - times.min()) / width).astype(np.int64)
    return np.bincount(place[place < bins], minlength=bins).astype(np.float64)
