"""Where a profile over a parameter is least, with an interval from resampled seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxsoco.analysis.statistics import (
    FEWEST_SEEDS,
    LEVEL,
    RESAMPLES,
    Estimate,
    _bootstrap_weights,
    _resampled_medians,
    cluster,
    too_few,
)
from jaxsoco.analysis.verdicts import rounded_up

_MOST_RESAMPLED = 2000


def place_of_least(
    places: Sequence[float],
    columns: Sequence[np.ndarray],
    statistic: str,
    level: float = LEVEL,
    same: bool = False,
) -> Estimate:
    """Where the mean or median of the runs is least.

    Seeds are drawn with replacement, jointly for all places. The interval runs between percentiles
    of the resampled profiles' least places; a resample in which several places tie counts for the
    first of them below, and for the last above. Past 2000 seeds, 2000 stand for all, which makes
    the interval wider, not narrower.

    >>> profile = [np.full((1, 8), height) for height in (3.0, 1.0, 2.0)]
    >>> place_of_least([0.1, 0.2, 0.4], profile, "mean")
    Estimate(value=0.2, lower=0.2, upper=0.2)

    Args:
      places: in order ``[K]``.
      columns: values ``[points, seeds]`` at each place; NaN where a run is missing.
      statistic: ``"mean"`` or ``"median"``.
      level: of the interval.
      same: all seeds give the same, so that nothing but a tie makes the interval wide.
    """
    at, median = np.asarray(places, float), statistic == "median"
    whole = np.array([np.nanmedian(v) if median else np.nanmean(v) for v in columns])
    best = float(at[np.nanargmin(whole)])
    if same:
        tied = at[whole == np.nanmin(whole)]
        return Estimate(best, float(tied[0]), float(tied[-1]))
    seeds = min(int(np.isfinite(values).any(axis=0).sum()) for values in columns)
    if seeds < FEWEST_SEEDS:
        return Estimate(best, note=too_few(seeds))
    first, last = _least_places(at, columns, median)
    tail = (1 - level) / 2
    lower = np.quantile(first, tail, method="lower")
    upper = np.quantile(last, 1 - tail, method="higher")
    return Estimate(best, float(lower), float(upper))


def seeds_to_place(
    places: Sequence[float],
    columns: Sequence[np.ndarray],
    statistic: str,
    low: float,
    high: float,
    level: float = LEVEL,
) -> float:
    """About how many seeds would tell whether a profile is least from ``low`` to ``high``.

    The share of resamples on the wrong side of a bound is a distance in standard errors, which
    grows like the square root of the seeds, until the share is no more than a tail's.

    Args:
      places: in order ``[K]``.
      columns: values ``[points, seeds]`` at each place.
      statistic: ``"mean"`` or ``"median"``.
      low: smallest place that is claimed.
      high: largest one.
      level: of the interval.

    Returns:
      The number; infinity where half of the resamples or more are on the wrong side.
    """
    from scipy.special import ndtri  # validation does without SciPy

    first, last = _least_places(np.asarray(places, float), columns, statistic == "median")
    best = np.median(first)
    below, above = float(np.mean(first < low)), float(np.mean(last > high))
    if best < low:
        below, above = float(np.mean(last >= low)), 0.0
    elif best > high:
        below, above = 0.0, float(np.mean(first <= high))
    wrong = max(below, above)
    if wrong >= 0.5:
        return math.inf
    seeds = min(int(np.isfinite(values).any(axis=0).sum()) for values in columns)
    distance = -float(ndtri(max(wrong, 1 / RESAMPLES)))
    return rounded_up(max(seeds * (-float(ndtri((1 - level) / 2)) / distance) ** 2, seeds + 1))


def _least_places(
    at: np.ndarray, columns: Sequence[np.ndarray], median: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last of the least places of every resample, ``[R]`` each."""
    middles = _resampled_medians if median else _resampled_means
    samples = [values[:, :_MOST_RESAMPLED] for values in columns]
    draw = _bootstrap_weights(samples[0].shape[1], RESAMPLES)
    rows = np.stack([middles(values, draw) for values in samples])
    least = rows == np.fmin.reduce(rows, axis=0)
    return at[least.argmax(axis=0)], at[len(at) - 1 - least[::-1].argmax(axis=0)]


def _resampled_means(values: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Means ``[R]`` of ``values [points, seeds]``, every seed counted ``draw [R, seeds]`` times."""
    sums, counts = cluster(values)
    with np.errstate(invalid="ignore"):
        return ((draw @ sums) / (draw @ counts))[:, 0]
