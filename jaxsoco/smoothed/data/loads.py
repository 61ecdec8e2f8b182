"""The load of a problem from its settings. No JAX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.load_traces import LoadTrace
from jaxsoco.core.settings import is_traced
from jaxsoco.smoothed.data.numbers import read_numbers
from jaxsoco.smoothed.data.traces import load_trace_csv
from jaxsoco.smoothed.settings_loads import Loads

DRAWN_ROUNDS, DRAWN_PEAK = 336, 0.7
"""Rounds and peak of loads that are drawn, where nothing else is said."""


def drawn(settings: Loads) -> dict[str, Any] | None:
    """What a load that is drawn is made of; None of a file's."""
    if settings.load not in ("low", "high"):
        return None
    rounds = DRAWN_ROUNDS if settings.rounds is None else settings.rounds
    peak = DRAWN_PEAK if settings.peak is None else settings.peak
    return {"load": settings.load, "rounds": rounds, "peak": peak}


def recorded_load(settings: Loads, folder: Path, capacity: Any) -> LoadTrace:
    """The load of a file, scaled and cut to the settings.

    Args:
      settings: which name a file.
      folder: where relative paths start.
      capacity: what all servers bear; may be a tracer.

    Raises:
      InputError: the file is not what it should be, it has fewer rounds, or some load is too much
        for all servers.
    """
    trace = _read(settings, folder / settings.load)
    rounds = settings.rounds
    if rounds is not None and rounds > len(trace.counts):
        message = f"{rounds} rounds, and the file has {len(trace.counts)}"
        raise InputError(Issue("problem.rounds", message, f"expected at most {len(trace.counts)}"))
    load = trace.counts[:rounds]
    if settings.peak is not None:
        load = load / max(load.max(), 1e-300) * settings.peak * capacity
    elif not is_traced(capacity) and load.max() >= capacity:
        largest = f"the largest load, {load.max():g}"
        message = f"{largest}, is not below what all servers bear, {capacity:g}"
        raise InputError(Issue("problem.servers", message, "want more servers, or peak"))
    return LoadTrace(load, trace.bin, trace.source, trace.notes)


def _read(settings: Loads, path: Path) -> LoadTrace:
    try:
        if path.suffix.lower() == ".npy":
            trace = LoadTrace(read_numbers(path).values.sum(axis=1), 0.0, path.name)
        else:
            trace = load_trace_csv(
                path,
                column=settings.column,
                bin=settings.bin,
                time_unit=settings.time_unit,
                ends=settings.ends,
                weight=settings.load_weight,
                where=_where(settings.rows),
            )
        if settings.days is not None:
            trace = trace.window(settings.days, settings.first_day)
        return trace.rebin(settings.rebin)
    except InputError as error:
        raise error.under("problem.load") from None


def _where(rows: str | None) -> dict[Any, str] | None:
    """``"type = SUBMIT"`` as a dictionary."""
    if rows is None:
        return None
    column, sign, value = (part.strip() for part in rows.partition("="))
    if not sign or not column:
        message = f'"{rows}" says no column and value'
        raise InputError(Issue("rows", message, 'want "COLUMN = VALUE"'))
    return {column: value}


def digest_of(trace: LoadTrace | None) -> dict[str, Any]:
    """What fixes the numbers of a problem with this load."""
    return {} if trace is None else {"load": trace.digest}


def notes_of(trace: LoadTrace | None) -> tuple[str, ...]:
    """Lines for the report."""
    if trace is None:
        return ()
    rounds = f"load: {np.size(trace.counts)} rounds of {trace.source}"
    return (rounds, *(f"load: {note}" for note in trace.notes))
