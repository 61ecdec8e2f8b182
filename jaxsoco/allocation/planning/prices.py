"""What a plan takes for the prices of a job's hours: measured ones, and the forecast after them.

No JAX.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.forecasts import load_forecast
from jaxsoco.allocation.planning.request import HOUR, Job, Reach, stamp
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import count


class Prices(NamedTuple):
    """Prices of a job's hours; ``T`` slots, ``n`` regions.

    Attributes:
      carbon: every hour that the plan knows of, up to the job's last one: the forecast stands where
        nothing was measured.
      hour: row of ``carbon`` in which the job arrives.
      measured: whether a slot's price was measured, bool ``[T]``; the others are forecast.
      forecast: what the learners are told beforehand, ``[T, n]`` (g/kWh); None without a forecast
        from a file: the problem's own model of forecasts is drawn then.
      notes: where the prices come from, a sentence each.
    """

    carbon: CarbonTrace
    hour: int
    measured: np.ndarray
    forecast: np.ndarray | None
    notes: tuple[str, ...]

    @property
    def window(self) -> np.ndarray:
        """Prices of the job's slots, ``[T, n]`` (g/kWh)."""
        return self.carbon.values[self.hour : self.hour + len(self.measured)]


def forecast_prices(path: Path, settings: CarbonJobs, regions: tuple[str, ...]) -> CarbonTrace:
    """A forecast of these regions that may stand for their prices: above 0 everywhere.

    Raises:
      InputError: the files cannot be used, or lack a region.
    """
    try:
        trace = load_forecast(path, settings, Path(), regions)
    except InputError as error:
        raise error.under("forecast") from None
    if trace.values.min() <= 0:
        hour, place = np.argwhere(trace.values <= 0)[0]
        message = f"is 0 in {regions[place]} at {stamp(trace.start + int(hour) * HOUR)} UTC"
        message += ", which leaves the competitive ratio without a bound (L = 0)"
        hint = "leave the region out with problem.regions"
        raise InputError(Issue("forecast", message, hint))
    return trace


def assemble(job: Job, reach: Reach, carbon: CarbonTrace, forecast: CarbonTrace | None) -> Prices:
    """The prices that a plan of this job is made on.

    Args:
      job: within ``reach``.
      reach: of the two traces.
      carbon: the data.
      forecast: of the same regions, from a file, if there is one.

    Raises:
      InputError: an hour to come has no forecast, or the forecast is of none of the job's hours.
    """
    # The hour after the last one whose prices are known.
    frontier = reach.measured if job.now is None else min(reach.measured, job.now + HOUR)
    # A forecast that begins after the data stands alone.
    data = carbon.values[: _hours(frontier - carbon.start) if reach.first == carbon.start else 0]
    notes = () if len(data) else (_unused(carbon),)
    first = _hours(job.start - reach.first)
    past = job.start + np.arange(job.deadline) * HOUR < frontier
    if forecast is None:
        if job.end > frontier:
            message = f"prices after {stamp(frontier - HOUR)} UTC count as unknown"
            hint = "give a forecast from a file, or leave now out"
            raise InputError(Issue("now", message, hint))
        return Prices(replace(carbon, values=data), first, past, None, notes)
    _require_hours(job, frontier, forecast)
    rows = np.concatenate([data, _between(forecast, frontier, max(frontier, job.end))])
    window = rows[first : first + job.deadline]
    # Hours that a forecast does not reach back to are known: their own price was foreseen.
    outlook = window.copy()
    begin = max(_hours(forecast.start - job.start), 0)
    predictions = _between(forecast, max(job.start, forecast.start), job.end)
    outlook[begin : begin + len(predictions)] = predictions
    notes += (f"forecast: {forecast.source}", *forecast.notes)
    if len(predictions) < job.deadline:
        hours = count(job.deadline, "hour")
        notes += (
            f"the forecast lacks {job.deadline - len(predictions)} of {hours}: there the measured "
            "price counts as foreseen",
        )
    trace = replace(carbon, start=reach.first, values=rows)
    return Prices(trace, first, past, outlook, notes)


def _between(trace: CarbonTrace, begin: np.datetime64, end: np.datetime64) -> np.ndarray:
    """The trace's values from ``begin`` on and before ``end``."""
    return trace.values[_hours(begin - trace.start) : _hours(end - trace.start)]


def _hours(span: np.timedelta64) -> int:
    return int(span / HOUR)


def _unused(carbon: CarbonTrace) -> str:
    last = stamp(carbon.end - HOUR)
    return f"the data end at {last} UTC, before the forecast begins, and are not used"


def _require_hours(job: Job, frontier: np.datetime64, forecast: CarbonTrace) -> None:
    end = forecast.end
    span = f"it reaches from {stamp(forecast.start)} to {stamp(end - HOUR)} UTC"
    if end <= job.start or job.end <= forecast.start:
        message = f"is of none of the job's hours: {span}"
        raise InputError(Issue("forecast", message, f"want {stamp(job.start)} UTC and later"))
    if frontier < job.end and not forecast.start <= frontier < job.end <= end:
        first = frontier if frontier < forecast.start else end
        message = f"lacks {stamp(first)} UTC, whose price counts as unknown: {span}"
        raise InputError(Issue("forecast", message, "want every hour up to the job's last one"))
