"""Recorded arrivals from a CSV file: :func:`load_trace_csv`; no JAX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxsoco.core.count_files import read_trace
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.load_traces import LoadTrace

MOST_ARRIVALS = 100_000
"""In one bin, once they are scaled: the chance of every number up to the largest is kept."""


@dataclass(frozen=True, eq=False)
class ArrivalTrace(LoadTrace):
    """Arrivals in consecutive bins, in any order or in their own."""

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
    or, with a ``date``, follow each other. A file without a header must have one column, of counts,
    or ``column`` is the number of one of its columns, from 1.

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
    trace = read_trace(Path(path), column=column, bin=bin, time_unit=time_unit)
    return ArrivalTrace(trace.counts, trace.bin, trace.source, trace.notes)


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
