"""A seeded stand-in for measured carbon intensity, so that everything runs without any file.

Each region is a sum of cycles and noise, of unit variance each before weighting:

- a day, in the region's solar time: a dip around noon (solar power) and a peak in the evening;
- a week: weekends of the local calendar are cleaner than working days;
- a year: winter is dirtier than summer, on both hemispheres;
- weather: two AR(1) processes, one that lasts days and one that lasts hours.

A power then bends the sum so that over the first year its minimum, mean and maximum are those of
the region's row in :data:`jaxsoco.allocation.data.network.REGIONS` (see there for their source).
The cycles are those of a typical grid, not fitted to each one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace, positions_of
from jaxsoco.allocation.data.network import REGIONS, Region
from jaxsoco.core.errors import InputError, Issue

YEAR = 8760
"""Hours that are generated at least, and over which the range and the mean are matched."""
START = np.datetime64("2022-01-01T00", "h")

_DAY, _WEEK, _SEASON, _WEATHER, _HOURLY = 1.0, 0.45, 0.5, 0.75, 0.3
_WEATHER_MEMORY, _HOURLY_MEMORY = 0.98, 0.8


def synthetic_carbon(
    seed: int = 0, *, hours: int = YEAR, regions: Sequence[str] | None = None
) -> CarbonTrace:
    """Returns a reproducible trace with the ranges and means of the 14 regions.

    A region's values depend on the seed and the hour only: neither on which other regions are asked
    for nor on ``hours``. They are rounded to 0.01 g/kWh, as measured ones are, which also makes
    them (and the digest) the same on every platform.

    >>> from jaxsoco.allocation import synthetic_carbon
    >>> synthetic_carbon(hours=2, regions=["eu-west-3", "eu-north-1"]).values.tolist()
    [[125.1, 29.71], [125.41, 29.63]]

    Args:
      seed: seed of the noise.
      hours: length of the trace from the start of 2022 on.
      regions: names of :data:`~jaxsoco.allocation.data.network.REGIONS` in the order wanted; all of
        them by default.

    Raises:
      InputError: an unknown or repeated region, a negative seed, or less than one hour.
    """
    issues = [
        Issue(name, f"{value!r} is not a whole number >= {low}")
        for name, value, low in (("seed", seed, 0), ("hours", hours, 1))
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low
    ]
    if issues:
        raise InputError(issues)
    names = [region.name for region in REGIONS]
    indices = range(len(REGIONS)) if regions is None else positions_of(regions, names)
    noise = _noise(int(seed), indices, max(hours, YEAR))
    columns = [_region(REGIONS[i], noise[:, n])[:hours] for n, i in enumerate(indices)]
    return CarbonTrace(
        regions=tuple(names[index] for index in indices),
        start=START,
        values=np.stack(columns, axis=1),
        source=f"synthetic (seed {seed})",
    )


def _region(region: Region, noise: np.ndarray) -> np.ndarray:
    """Returns one region's trace ``[hours]`` of its noise ``[hours]``, a year or more of it."""
    level = _cycles(region, len(noise)) + noise
    year = level[:YEAR]
    # Later years may leave the first one's range: clip.
    share = np.clip((level - year.min()) / (year.max() - year.min()), 0.0, 1.0)
    mean = (region.mean - region.low) / (region.high - region.low)
    bent = share ** _power(share[:YEAR], mean)
    return np.round(region.low + (region.high - region.low) * bent, 2)


@functools.lru_cache(maxsize=len(REGIONS))  # a sweep over seeds asks for the same ones
def _cycles(region: Region, hours: int) -> np.ndarray:
    """Returns the deterministic part ``[hours]``: day, week and year of the region."""
    # Solar time: civil time with its daylight saving differs by an hour or so.
    local = np.arange(hours) + region.longitude / 15
    clock = local % 24
    day = 0.8 * _bump(clock, 19.5, 2.5) - _bump(clock, 13.0, 3.5)
    weekday = (local // 24 + START.astype("datetime64[D]").astype(int) + 3) % 7  # Monday is 0
    week = -np.select([weekday == 5, weekday == 6], [0.7, 1.0], 0.0)
    south = 0.5 if region.latitude < 0 else 0.0
    season = np.cos(2 * np.pi * (local / 8766 - 15 / 365.25 - south))
    return _DAY * _unit(day) + _WEEK * _unit(week) + _SEASON * _unit(season)


def _noise(seed: int, indices: Sequence[int], hours: int) -> np.ndarray:
    """Returns the random part ``[hours, regions]``; a longer one begins with the shorter one."""
    weights = np.array([_WEATHER, _HOURLY])
    memory = np.array([[_WEATHER_MEMORY], [_HOURLY_MEMORY]])
    draws = np.empty((hours, len(weights), len(indices)))
    for stream, place in np.ndindex(draws.shape[1:]):
        draws[:, stream, place] = _normals(seed, indices[place], stream, hours)
    draws[1:] *= np.sqrt(1 - memory**2)  # stationary from the first hour on
    # An hour at a time for all regions: much faster than a region at a time.
    for last, now in pairwise(draws):
        now += memory * last
    return weights[0] * draws[:, 0] + weights[1] * draws[:, 1]


def _normals(seed: int, index: int, stream: int, hours: int) -> np.ndarray:
    source = np.random.SeedSequence(seed, spawn_key=(index, stream))
    return np.random.Generator(np.random.PCG64(source)).standard_normal(hours)


def _bump(clock: np.ndarray, center: float, width: float) -> np.ndarray:
    """A smooth hump around an hour of the day, continuous over midnight."""
    away = (clock - center + 12) % 24 - 12
    return np.exp(-0.5 * (away / width) ** 2)


def _unit(part: np.ndarray) -> np.ndarray:
    """Scales to mean 0 and variance 1 over the first year, so that weights compare."""
    return (part - part[:YEAR].mean()) / part[:YEAR].std()


def _power(share: np.ndarray, mean: float) -> float:
    """Returns p with ``mean(share ** p) = mean``, which falls with p: halved, then by Newton."""
    low, high = -6.0, 6.0
    some = share[::7]  # every hour of the day, for a start that is good to a few per cent
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(some ** np.exp(middle)) > mean else (low, middle)
    power = float(np.exp((low + high) / 2))
    logs = np.log(np.maximum(share, np.finfo(float).tiny))
    for _ in range(5):
        bent = share**power
        power += float((mean - np.mean(bent)) / np.mean(bent * logs))
    return power
