"""Recorded loads from a CSV file: :func:`load_trace_csv`; no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jaxsoco.core.count_columns import Column
from jaxsoco.core.count_files import read_trace
from jaxsoco.core.load_traces import LoadTrace as LoadTrace


def load_trace_csv(
    path: str | Path,
    *,
    column: Column | None = None,
    bin: float | None = None,
    time_unit: str | None = None,
    ends: Column | None = None,
    weight: Column | None = None,
    where: Mapping[Column, str] | None = None,
) -> LoadTrace:
    """Reads a load: a time for each arrival, a count for each bin, or what runs at once.

    Columns are known by the names of a header, see ``column``, or called by their numbers from 1
    on, with or without a header. ``docs/smoothed.md`` has the calls for the usual public traces.

    - Counts of consecutive bins: a column ``count``, ``requests``, ...; with times beside them in
      any order; or bins side by side under the names 1, 2, ..., added up over the rows.
    - Times (``time``, ``timestamp``, ``submit_time``, ...) of arrivals, with ``bin``; each counts
      for 1, or for its ``weight``.
    - With ``ends``: intervals from ``column`` to there, and the load is what runs at once, on
      average over each bin. An empty end runs on.

    >>> from jaxsoco.smoothed import load_trace_csv
    >>> np.savetxt("tasks.csv", [[0, 90, 4], [60, 120, 2]], delimiter=",", fmt="%d")
    >>> load_trace_csv("tasks.csv", column=1, ends=2, weight=3, bin=60).counts.tolist()
    [4.0, 4.0]

    Args:
      path: the file, plain, gzip, or zip with one file in it.
      column: of the times or starts, or of the counts where there is no ``bin``.
      bin: width of the bins in seconds for times; must be absent for counts without times.
      time_unit: of times that are numbers: ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``. By default
        their size tells: dates of an epoch (Windows file time, too), or else seconds.
      ends: column of the ends of intervals.
      weight: column of what a time or an interval counts for: instances, cores.
      where: column -> value of the rows to read; the others are left out.

    Returns:
      The load, in bins whose width is in seconds, or 0 where the file does not tell.

    Raises:
      InputError: the file is empty or cannot be understood, each problem with its line; or its
        times make nearly empty bins, as if their unit was another one.
    """
    return read_trace(
        Path(path),
        column=column,
        bin=bin,
        time_unit=time_unit,
        ends=ends,
        weight=weight,
        where=where,
    )
