"""Intervals of what has no formula: differences of medians, and where a profile is least.

Seeds are drawn with replacement, jointly for everything that is compared: runs of one seed share
their world.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jaxsoco.analysis.statistics import LEVEL, Estimate

FEWEST_SEEDS = 8
"""Below, a bootstrap's interval is too narrow to be given."""

_SEED = 20240815
_RESAMPLES, _FEWEST_RESAMPLES = 1000, 200
_BLOCK = 4_000_000
_WORK = 40_000_000

Middles = Callable[[np.ndarray, np.ndarray], np.ndarray]


def step_of_medians(better: np.ndarray, worse: np.ndarray, level: float = LEVEL) -> Estimate:
    """How much larger the median of ``worse`` is than that of ``better``.

    Args:
      better: values ``[points, seeds]``; NaN where a run is missing.
      worse: likewise, of the same runs.
      level: of the interval.
    """
    columns = [better, worse]
    whole = _all_medians(columns)
    value = float(whole[1] - whole[0])
    if (few := _too_few(columns)) or math.isnan(value):
        return Estimate(value, note=few)
    steps = np.concatenate([m[1] - m[0] for m in _resampled(columns, medians)])
    return _between_percentiles(value, steps, steps, level)


def place_of_least(
    places: Sequence[float],
    columns: Sequence[np.ndarray],
    statistic: str,
    level: float = LEVEL,
    same: bool = False,
) -> Estimate:
    """Where the mean or median of the runs is least.

    The interval runs between percentiles of the resampled profiles' least places; a resample in
    which several places tie counts for the first of them below, and for the last above.

    Args:
      places: in order ``[K]``.
      columns: values ``[points, seeds]`` at each place; NaN where a run is missing.
      statistic: ``"mean"`` or ``"median"``.
      level: of the interval.
      same: all seeds give the same, so that nothing but a tie makes the interval wide.
    """
    at, middles = np.asarray(places, float), medians if statistic == "median" else means
    ones = np.ones((1, columns[0].shape[1]))
    whole = np.array([middles(values, ones)[0] for values in columns])
    if np.isnan(whole).any():
        return Estimate(math.nan)
    best = float(at[whole.argmin()])
    if same:
        tied = at[whole == whole.min()]
        return Estimate(best, float(tied[0]), float(tied[-1]))
    if few := _too_few(columns):
        return Estimate(best, note=few)
    rows = np.concatenate([*_resampled(columns, middles)], axis=1)
    least = rows == np.fmin.reduce(rows, axis=0)
    first = at[least.argmax(axis=0)]
    last = at[len(at) - 1 - least[::-1].argmax(axis=0)]
    return _between_percentiles(best, first, last, level)


def medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Medians ``[R]`` of ``values [points, seeds]`` whose seeds count ``weights [R, seeds]`` times.

    With whole weights, the median of the repeated values; NaN values do not count.
    """
    keep = np.isfinite(values)
    seed = np.broadcast_to(np.arange(values.shape[1]), values.shape)[keep]
    ordered, order = np.sort(values[keep]), np.argsort(values[keep], kind="stable")
    total = weights[:, seed[order]].cumsum(axis=1)
    if not ordered.size:
        return np.full(len(weights), np.nan)
    # Half of the weight lies at or below the lower median, more than half at or below the upper.
    half = total[:, -1:] / 2
    lower, upper = (total >= half).argmax(axis=1), (total > half).argmax(axis=1)
    return np.where(total[:, -1] > 0, (ordered[lower] + ordered[upper]) / 2, np.nan)


def means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means ``[R]``, arguments as of :func:`medians`."""
    finite = np.isfinite(values)
    sums, counts = np.where(finite, values, 0.0).sum(axis=0), finite.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return (weights @ sums) / (weights @ counts)


def _all_medians(columns: Sequence[np.ndarray]) -> np.ndarray:
    finite = [values[np.isfinite(values)] for values in columns]
    return np.array([np.median(v) if v.size else math.nan for v in finite])


def _too_few(columns: Sequence[np.ndarray]) -> str:
    seeds = min(int(np.isfinite(values).any(axis=0).sum()) for values in columns)
    return "" if seeds >= FEWEST_SEEDS else f"too few seeds ({seeds}; want {FEWEST_SEEDS} or more)"


def _resampled(columns: Sequence[np.ndarray], middles: Middles) -> Iterator[np.ndarray]:
    """The columns' middles ``[K, R]``, block by block of resamples."""
    seeds, size = columns[0].shape[1], max(values.size for values in columns)
    resamples = int(np.clip(_WORK // size, _FEWEST_RESAMPLES, _RESAMPLES))
    block = int(np.clip(_BLOCK // size, 1, resamples))
    generator = np.random.default_rng(_SEED)
    for start in range(0, resamples, block):
        draws = range(start, min(start + block, resamples))
        samples = [generator.integers(seeds, size=seeds) for _ in draws]
        weights = np.array([np.bincount(sample, minlength=seeds) for sample in samples], float)
        yield np.array([middles(values, weights) for values in columns])


def _between_percentiles(
    value: float, below: np.ndarray, above: np.ndarray, level: float
) -> Estimate:
    tail = (1 - level) / 2
    if np.isfinite(below).mean() < 1 - tail:
        return Estimate(value)
    lower = np.quantile(below[np.isfinite(below)], tail, method="lower")
    upper = np.quantile(above[np.isfinite(above)], 1 - tail, method="higher")
    return Estimate(value, float(lower), float(upper))
