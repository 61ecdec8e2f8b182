"""Estimates with confidence intervals, for runs that share their seeds.

Runs of one seed see the same world at every point of a sweep and with every learner, so seeds, not
runs, are the independent units: means pooled over points get cluster-robust intervals, and slopes
are bootstrapped by resampling seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from jaxsoco.core.moments import Moments

LEVEL = 0.95
"""Usual level of an interval."""

RESAMPLES = 1000
"""Bootstrap resamples."""

_BOOTSTRAP_SEED = 20240815
_MOST_CLUSTERS = 2000
_MOST_RESAMPLED = 500
_MEDIAN_RESAMPLES = 400


class _Ends(NamedTuple):
    value: float
    lower: float = math.nan
    upper: float = math.nan


class Estimate(_Ends):
    """A value and the ends of its interval; NaN where the data give none.

    As a tuple it is the three numbers; ``note`` says in words why there is no interval.

    >>> value, lower, upper = Estimate(1.5, 1.2, 1.8)
    >>> Estimate(1.5, note="too few seeds (4; want 8)").note
    'too few seeds (4; want 8)'
    """

    note: str = ""

    def __new__(
        cls, value: float, lower: float = math.nan, upper: float = math.nan, note: str = ""
    ) -> Estimate:
        """An estimate; without ends it has no interval."""
        self = super().__new__(cls, value, lower, upper)
        self.note = note
        return self

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return (self.upper - self.lower) / 2


class Clusters(NamedTuple):
    """Sums per independent unit (seed, or bundle of seeds).

    Attributes:
      sums: float64 ``[B, K]``: values summed over a unit's runs, for each of K positions.
      counts: float64 ``[B, K]``: how many runs each sum has.
    """

    sums: np.ndarray
    counts: np.ndarray


@lru_cache(maxsize=1024)
def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t with ``freedom`` >= 1 degrees of freedom."""
    from scipy.special import stdtrit  # validation does without SciPy

    return float(stdtrit(freedom, probability))


def mean_estimate(moments: Moments, index: int = -1, level: float = LEVEL) -> Estimate:
    """Mean with Student's interval, from the entry ``index`` of moments ``[C]``."""
    count, mean = int(moments.count[index]), float(moments.mean[index])
    if count < 2:
        return Estimate(mean)
    # mean -/+ t_{n-1} standard_error
    half = student_quantile(0.5 + level / 2, count - 1) * float(moments.standard_error[index])
    return Estimate(mean, mean - half, mean + half)


def cluster(values: np.ndarray) -> Clusters:
    """Sums of ``values [points, seeds]`` per seed, as one position; NaN entries do not count."""
    finite = np.isfinite(values)
    sums = np.where(finite, values, 0.0).sum(axis=0)
    return Clusters(sums[:, None], finite.sum(axis=0).astype(np.float64)[:, None])


def beside(columns: Sequence[Clusters], units: int) -> Clusters:
    """Single positions put side by side; of ``units`` units, where there are none."""
    nothing = Clusters(np.zeros((units, 0)), np.zeros((units, 0)))
    return Clusters(*(np.hstack(parts) for parts in zip(nothing, *columns, strict=True)))


def cluster_means(
    clusters: Clusters, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means ``[K]`` over all runs with the ends of their cluster-robust intervals.

    With one run per cluster this is Student's interval of the mean.
    """
    sums, counts = clusters
    total = counts.sum(axis=0)
    mean = np.where(total > 0, sums.sum(axis=0) / np.maximum(total, 1), np.nan)
    present = counts > 0
    units = present.sum(axis=0)
    # Residual of a unit, over all its runs: sum_r (x_r - mean).
    rest = np.where(present, sums - counts * mean, 0.0)
    # Var(mean) = B / (B - 1) sum_b residual_b^2 / n^2, for B units and n runs.
    spread = np.square(rest).sum(axis=0) * units / np.maximum(units - 1, 1)
    error = np.sqrt(spread) / np.maximum(total, 1)
    factor = np.array(
        [student_quantile(0.5 + level / 2, int(n) - 1) if n > 1 else math.nan for n in units]
    )
    return mean, mean - factor * error, mean + factor * error


def pooled_mean(values: np.ndarray, level: float = LEVEL) -> Estimate:
    """Mean of ``values [points, seeds]`` over both axes; NaN entries do not count."""
    mean, lower, upper = cluster_means(cluster(values), level)
    return Estimate(float(mean[0]), float(lower[0]), float(upper[0]))


def pooled_quantile(values: np.ndarray, probability: float, level: float = LEVEL) -> Estimate:
    """Quantile of ``values [points, seeds]`` with an interval between two order statistics.

    One point: exact binomial ranks. Several points: Woodruff's interval with the cluster-robust
    error of the distribution function (J. Am. Stat. Assoc. 47, 1952).
    """
    finite = np.isfinite(values)
    ordered = np.sort(values[finite])
    n = ordered.size
    if n == 0:
        return Estimate(math.nan)
    value = float(np.quantile(ordered, probability))
    if np.count_nonzero(finite.any(axis=1)) == 1:
        low, high = _binomial_ranks(n, probability, level)
    else:
        # Woodruff: an interval for F at the quantile, read back from the order statistics.
        below = np.where(finite, values <= value, np.nan)
        half = pooled_mean(below, level).half_width
        if not math.isfinite(half):
            return Estimate(value)
        # Ranks outwards, so that rounding widens the interval.
        low = math.floor(n * (probability - half))
        high = math.ceil(n * (probability + half)) + 1
    lower = float(ordered[low - 1]) if low >= 1 else math.nan
    return Estimate(value, lower, float(ordered[high - 1]) if high <= n else math.nan)


@lru_cache(maxsize=1024)
def _binomial_ranks(n: int, probability: float, level: float = LEVEL) -> tuple[int, int]:
    """Ranks (from 1; 0 and n + 1 mean none) that enclose a quantile with this level.

    With ``B`` runs below the quantile, binomial, the order statistic of rank r lies above it with
    probability ``P(B < r)``: the lower rank is the largest one for which that is at most a tail,
    the upper rank the smallest one for which it is at least the rest.
    """
    from scipy.special import bdtr, bdtrik

    tail = (1 - level) / 2

    def below(rank: int) -> float:
        """``P(B < rank)``."""
        return float(bdtr(rank - 1, n, probability)) if rank > 0 else 0.0

    low, high = (max(round(float(bdtrik(p, n, probability))), 0) for p in (tail, 1 - tail))
    # The inverse of the distribution is continuous: the ranks are next to it.
    while low > 0 and below(low) > tail:
        low -= 1
    while below(low + 1) <= tail:
        low += 1
    while high > 0 and below(high - 1) >= 1 - tail:
        high -= 1
    while high <= n and below(high) < 1 - tail:
        high += 1
    return low, high


def bundle(clusters: Clusters, most: int = _MOST_CLUSTERS) -> Clusters:
    """At most ``most`` units: unit i goes to bundle i % most, which keeps units independent."""
    units = len(clusters.sums)
    if units <= most:
        return clusters
    pad = -units % most
    return Clusters(
        *(np.pad(x, ((0, pad), (0, 0))).reshape(-1, most, x.shape[1]).sum(axis=0) for x in clusters)
    )


@lru_cache(maxsize=4)
def _bootstrap_weights(units: int, resamples: int) -> np.ndarray:
    """How often each resample draws each unit, float64 ``[resamples, units]``; fixed seed."""
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    return generator.multinomial(units, np.full(units, 1 / units), size=resamples).astype(float)


def log_slope(x: np.ndarray, clusters: Clusters, level: float = LEVEL) -> Estimate:
    """Exponent of ``mean ~ x**exponent`` by least squares in logarithms.

    The interval is the percentile bootstrap over units, drawn jointly for all positions (paired).

    Args:
      x: float64 ``[K]``, positive, at least two different.
      clusters: units ``[B, K]``.
      level: level of the interval.

    Returns:
      The exponent; NaN if a mean is not positive. NaN ends if more than a few resamples have a
      mean that is not positive, or with a single unit.
    """
    sums, counts = bundle(clusters)
    weights = _slope_weights(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = float(np.log(sums.sum(axis=0) / counts.sum(axis=0)) @ weights)
        if not math.isfinite(exponent) or len(sums) < 2:
            return Estimate(exponent if math.isfinite(exponent) else math.nan)
        # A resample counts every unit w_b times: its means are sum w_b sums_b / sum w_b counts_b.
        draw = _bootstrap_weights(len(sums), RESAMPLES)
        slopes = np.log((draw @ sums) / (draw @ counts)) @ weights
    return _with_percentiles(exponent, slopes, level)


def log_slope_of_medians(
    x: np.ndarray, columns: Sequence[np.ndarray], level: float = LEVEL
) -> Estimate:
    """As :func:`log_slope` for medians; the bootstrap draws seeds, jointly for all positions.

    Args:
      x: float64 ``[K]``, positive, at least two different.
      columns: values ``[points, seeds]`` at each position; NaN where a run is missing.
      level: level of the interval, from at most 500 seeds and 400 resamples.
    """
    weights = _slope_weights(x)
    seeds = min(_MOST_RESAMPLED, *(c.shape[1] for c in columns))
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = float(np.log([_median(c) for c in columns]) @ weights)
        if not math.isfinite(exponent) or seeds < 2:
            return Estimate(exponent if math.isfinite(exponent) else math.nan)
        generator = np.random.default_rng(_BOOTSTRAP_SEED)
        slopes = np.empty(_MEDIAN_RESAMPLES)
        for i in range(_MEDIAN_RESAMPLES):
            # The same seeds at all positions: resamples stay paired.
            sample = generator.integers(seeds, size=seeds)
            medians = [_median(c[:, sample]) for c in columns]
            slopes[i] = np.log(medians) @ weights
    return _with_percentiles(exponent, slopes, level)


def _slope_weights(x: np.ndarray) -> np.ndarray:
    """``[K]``: the least-squares slope of ``y`` in ``log x`` is their product with ``y``."""
    # slope = sum (log x - mean) y / sum (log x - mean)^2
    centred = np.log(x) - np.log(x).mean()
    return centred / np.square(centred).sum()


def _with_percentiles(exponent: float, resampled: np.ndarray, level: float) -> Estimate:
    """An exponent with the percentiles of resampled ones; without, if too few are finite."""
    finite = resampled[np.isfinite(resampled)]
    tail = (1 - level) / 2
    if finite.size < (1 - tail) * resampled.size:
        return Estimate(exponent)
    lower, upper = np.quantile(finite, [tail, 1 - tail])
    return Estimate(exponent, float(lower), float(upper))


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan
