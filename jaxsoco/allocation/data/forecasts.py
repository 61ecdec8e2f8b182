"""Published forecasts: a second trace, of what was predicted for every hour and region."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.network import REGIONS
from jaxsoco.allocation.data.sources import load_trace
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.core.errors import InputError, Issue

_TWINS = {a: b for region in REGIONS for a, b in (region[:2], region[1::-1])}
"""The AWS name of a zone of Electricity Maps, and the other way round."""


def read_forecast(
    settings: CarbonJobs, folder: Path, carbon: CarbonTrace
) -> tuple[CarbonTrace, CarbonTrace | None]:
    """The forecast that the settings name, in the hours and regions of the carbon data.

    Hours and regions that only the forecast has are left out; a region may go by its AWS name in
    one and by its zone of Electricity Maps in the other.

    Returns:
      The carbon data, cut to the hours of both if ``trim``, and the forecast for them; None if the
      prices themselves are predicted, with noise.

    Raises:
      InputError: with every problem of the files, or what the forecast lacks, under the setting.
    """
    if settings.forecast == "noise":
        return carbon, None
    try:
        forecast = load_forecast(settings.forecast, settings, folder, carbon.regions)
    except InputError as error:
        raise error.under("problem.forecast") from None
    start, end = max(carbon.start, forecast.start), min(carbon.end, forecast.end)
    if (start, end) != (carbon.start, carbon.end):
        if not settings.trim or end <= start:
            raise InputError(_gap(carbon, forecast, bool(start < end)))
        carbon = carbon.between(start, end)
    return carbon, forecast.between(start, end)


def load_forecast(
    path: Path, settings: CarbonJobs, folder: Path, regions: tuple[str, ...]
) -> CarbonTrace:
    """A forecast from CSV files in the layouts of the carbon data, of these regions in this order.

    A region may go by its AWS name here and by its zone of Electricity Maps there.

    Raises:
      InputError: with every problem of the files, or the regions that they lack.
    """
    forecast = load_trace(path, settings, folder)
    return forecast.select(_columns(forecast, regions))


def forecast_note(carbon: CarbonTrace, forecast: CarbonTrace) -> str:
    """What a report says of a forecast: where it comes from, and how far off it is."""
    error = float(np.mean(np.abs(forecast.values - carbon.values)))
    share = error / float(np.mean(carbon.values))
    return f"forecast: {forecast.source}, off by {error:.3g} g/kWh ({share:.1%}) on average"


def _columns(forecast: CarbonTrace, regions: tuple[str, ...]) -> list[str]:
    """The forecast's names of the carbon data's regions."""
    names = [name_among(region, forecast.regions) for region in regions]
    missing = [region for region, name in zip(regions, names, strict=True) if name is None]
    if missing:
        raise InputError(
            Issue(
                "",
                f"has no region {', '.join(missing)}, which the carbon data have; it has "
                + ", ".join(forecast.regions),
                "want a forecast of every region, or name those that have one in problem.regions",
            )
        )
    return [name for name in names if name is not None]


def name_among(region: str, available: tuple[str, ...]) -> str | None:
    """A region's name among others, the AWS name or the zone, if it is there."""
    return next((name for name in (region, _TWINS.get(region)) if name in available), None)


def _gap(carbon: CarbonTrace, forecast: CarbonTrace, overlap: bool) -> Issue:
    """The forecast does not have all hours of the carbon data."""
    first, second = (f"{one.start}:00 to {one.end - 1}:00 UTC" for one in (forecast, carbon))
    hint = "want a forecast of every hour"
    if overlap:
        hint += ", or trim = true, which cuts both to the hours that they share"
    return Issue("problem.forecast", f"covers {first}, the carbon data {second}", hint)
