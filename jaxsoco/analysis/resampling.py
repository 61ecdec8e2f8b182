"""Where a profile over a parameter is least, with an interval from resampled seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxsoco.analysis.pairing import aligned
from jaxsoco.analysis.samples import Sample, as_sample, values_of
from jaxsoco.analysis.statistics import (
    LEVEL,
    RESAMPLES,
    Clusters,
    Estimate,
    _resampled_medians,
    bootstrap_weights,
)
from jaxsoco.analysis.verdicts import rounded_up

_MOST_RESAMPLED = 2000

Columns = Sequence[Sample] | Sequence[np.ndarray]
"""What the runs came to at each place; as arrays, values ``[points, seeds]``, NaN where missing."""


def place_of_least(
    places: Sequence[float],
    columns: Columns,
    statistic: str,
    level: float = LEVEL,
    same: bool = False,
) -> Estimate:
    """Where the mean or median of the runs is least.

    Seeds are drawn with replacement, jointly for all places. The interval runs between percentiles
    of the resampled profiles' least places; a resample in which several places tie counts for the
    first of them below, and for the last above. Past 2000 seeds, 2000 stand for all, which makes
    the interval wider, not narrower. Where moments are kept, blocks are drawn in place of seeds.

    >>> profile = [np.full((1, 8), height) for height in (3.0, 1.0, 2.0)]
    >>> place_of_least([0.1, 0.2, 0.4], profile, "mean")
    Estimate(value=0.2, lower=0.2, upper=0.2)

    Args:
      places: in order ``[K]``.
      columns: the runs at each place.
      statistic: ``"mean"`` or ``"median"``.
      level: of the interval.
      same: all seeds give the same, so that nothing but a tie makes the interval wide.
    """
    at, median = np.asarray(places, float), statistic == "median"
    samples = [as_sample(values) for values in columns]
    middles = [one.quantiles([0.5])[0] if median else one.average for one in samples]
    whole = np.array(middles)
    best = float(at[np.nanargmin(whole)])
    if same:
        tied = at[whole == np.nanmin(whole)]
        return Estimate(best, float(tied[0]), float(tied[-1]))
    units = aligned(samples)
    fewest = min(int(np.count_nonzero(one.counts)) for one in units)
    if shortage := units[0].shortage(fewest):
        return Estimate(best, note=shortage)
    first, last = _least_places(at, samples, median)
    tail = (1 - level) / 2
    lower = np.quantile(first, tail, method="lower")
    upper = np.quantile(last, 1 - tail, method="higher")
    return Estimate(best, float(lower), float(upper))


def seeds_to_place(
    places: Sequence[float],
    columns: Columns,
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
      columns: the runs at each place.
      statistic: ``"mean"`` or ``"median"``.
      low: smallest place that is claimed.
      high: largest one.
      level: of the interval.

    Returns:
      The number; infinity where half of the resamples or more are on the wrong side.
    """
    from scipy.special import ndtri  # validation does without SciPy

    samples = [as_sample(values) for values in columns]
    first, last = _least_places(np.asarray(places, float), samples, statistic == "median")
    best = np.median(first)
    below, above = float(np.mean(first < low)), float(np.mean(last > high))
    if best < low:
        below, above = float(np.mean(last >= low)), 0.0
    elif best > high:
        below, above = 0.0, float(np.mean(first <= high))
    wrong = max(below, above)
    if wrong >= 0.5:
        return math.inf
    seeds = min(one.seeds for one in samples)
    distance = -float(ndtri(max(wrong, 1 / RESAMPLES)))
    return rounded_up(max(seeds * (-float(ndtri((1 - level) / 2)) / distance) ** 2, seeds + 1))


def _least_places(
    at: np.ndarray, samples: Sequence[Sample], median: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last of the least places of every resample, ``[R]`` each."""
    if median:
        values = [one[:, :_MOST_RESAMPLED] for one in values_of(samples, "a resampled median")]
        draw = bootstrap_weights(values[0].shape[1], RESAMPLES)
        rows = np.stack([_resampled_medians(one, draw) for one in values])
    else:
        units = [one.map(lambda part: part[:_MOST_RESAMPLED]) for one in aligned(samples)]
        draw = bootstrap_weights(len(units[0].sums), RESAMPLES)
        rows = np.stack([_resampled_means(one, draw) for one in units])
    least = rows == np.fmin.reduce(rows, axis=0)
    return at[least.argmax(axis=0)], at[len(at) - 1 - least[::-1].argmax(axis=0)]


def _resampled_means(clusters: Clusters, draw: np.ndarray) -> np.ndarray:
    """Means ``[R]`` of one position, every unit counted ``draw [R, units]`` times."""
    sums, counts = clusters
    with np.errstate(invalid="ignore"):
        return ((draw @ sums) / (draw @ counts))[:, 0]
