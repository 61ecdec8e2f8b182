"""What a plan takes for the prices of a job's hours: measured ones, and the forecast after them.

No JAX.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.loading import load_carbon_csv
from jaxsoco.allocation.planning.request import HOUR, Job, Reach, told
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


def read_forecast(path: Path, settings: CarbonJobs, regions: tuple[str, ...]) -> CarbonTrace:
    """A forecast from CSV files in the layouts of the carbon data, of these regions.

    Raises:
      InputError: the files cannot be used, or lack a region.
    """
    try:
        trace = load_carbon_csv(
            path, signal=settings.signal, fill_gaps=settings.fill_gaps, trim=settings.trim
        )
        trace = trace.select(regions)
    except InputError as error:
        raise error.under("forecast") from None
    if trace.values.min() <= 0:
        hour, place = np.argwhere(trace.values <= 0)[0]
        message = f"is 0 in {trace.regions[place]} at {told(trace.start + int(hour) * HOUR)} UTC"
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
    known = reach.measured if job.now is None else min(reach.measured, job.now + HOUR)
    # A forecast that begins after the data stands alone.
    data = carbon.values[: _hours(known - carbon.start) if reach.first == carbon.start else 0]
    notes = () if len(data) else (_unused(carbon),)
    first = _hours(job.start - reach.first)
    measured = job.start + np.arange(job.deadline) * HOUR < known
    if forecast is None:
        if job.end > known:
            message = f"prices after {told(known - HOUR)} UTC count as unknown"
            hint = "give a forecast from a file, or leave now out"
            raise InputError(Issue("now", message, hint))
        return Prices(replace(carbon, values=data), first, measured, None, notes)
    _require_hours(job, known, forecast)
    rows = np.concatenate([data, _between(forecast, known, max(known, job.end))])
    window = rows[first : first + job.deadline]
    # Hours that a forecast does not reach back to are known: their own price was foreseen.
    ahead = window.copy()
    skipped = max(_hours(forecast.start - job.start), 0)
    foreseen = _between(forecast, max(job.start, forecast.start), job.end)
    ahead[skipped : skipped + len(foreseen)] = foreseen
    notes += (f"forecast: {forecast.source}", *forecast.notes)
    if len(foreseen) < job.deadline:
        hours = count(job.deadline, "hour")
        notes += (
            f"the forecast lacks {job.deadline - len(foreseen)} of {hours}: there the measured "
            "price counts as foreseen",
        )
    trace = replace(carbon, start=reach.first, values=rows)
    return Prices(trace, first, measured, ahead, notes)


def _between(trace: CarbonTrace, begin: np.datetime64, end: np.datetime64) -> np.ndarray:
    """The trace's values from ``begin`` on and before ``end``."""
    return trace.values[_hours(begin - trace.start) : _hours(end - trace.start)]


def _hours(span: np.timedelta64) -> int:
    return int(span / HOUR)


def _unused(carbon: CarbonTrace) -> str:
    last = told(carbon.end - HOUR)
    return f"the data end at {last} UTC, before the forecast begins, and are not used"


def _require_hours(job: Job, known: np.datetime64, forecast: CarbonTrace) -> None:
    end = forecast.end
    span = f"it reaches from {told(forecast.start)} to {told(end - HOUR)} UTC"
    if end <= job.start or job.end <= forecast.start:
        message = f"is of none of the job's hours: {span}"
        raise InputError(Issue("forecast", message, f"want {told(job.start)} UTC and later"))
    if known < job.end and not forecast.start <= known < job.end <= end:
        first = known if known < forecast.start else end
        message = f"lacks {told(first)} UTC, whose price counts as unknown: {span}"
        raise InputError(Issue("forecast", message, "want every hour up to the job's last one"))
