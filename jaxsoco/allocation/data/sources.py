"""Reads the data that a problem's settings name."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.loading import load_carbon_csv
from jaxsoco.allocation.data.network import close_metric, great_circle_latency, load_latency
from jaxsoco.allocation.data.synthetic import synthetic_carbon
from jaxsoco.allocation.settings import CarbonJobs
from jaxsoco.core.errors import InputError


def read_carbon(settings: CarbonJobs, folder: Path) -> CarbonTrace:
    """The trace that the settings name, with the regions that take part.

    Raises:
      InputError: with every problem of the data, under the setting that led to it.
    """
    try:
        if settings.carbon == "synthetic":
            carbon = _synthetic(settings.carbon_seed)
        else:
            path = str((folder / settings.carbon).resolve())
            carbon = _load(path, settings.signal, settings.fill_gaps, settings.trim)
        return carbon if settings.regions is None else carbon.select(tuple(settings.regions))
    except InputError as error:
        raise error.under("problem") from None


# The points of a sweep share their data.
@functools.lru_cache(maxsize=8)
def _synthetic(seed: int) -> CarbonTrace:
    return synthetic_carbon(seed)


@functools.lru_cache(maxsize=8)
def _load(path: str, signal: str, fill_gaps: int, trim: bool) -> CarbonTrace:
    return load_carbon_csv(path, signal=signal, fill_gaps=fill_gaps, trim=trim)


def read_latency(
    settings: CarbonJobs, folder: Path, regions: tuple[str, ...]
) -> tuple[np.ndarray, int]:
    """The round-trip times that the settings name, closed under shortest paths.

    Returns:
      The metric ``[n, n]`` float64 (ms), and how many triangles of the data violated it.

    Raises:
      InputError: with every problem of the data, under the setting that led to it.
    """
    try:
        if settings.latency == "great-circle":
            return close_metric(great_circle_latency(regions))
        return close_metric(load_latency(folder / settings.latency, regions))
    except InputError as error:
        raise error.under("problem.latency") from None
