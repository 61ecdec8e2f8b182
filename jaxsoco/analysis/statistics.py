"""Estimates with confidence intervals, for runs that share their seeds.

Runs of one seed see the same world at every point of a sweep and with every learner, so seeds, not
runs, are the independent units: means pooled over points get cluster-robust intervals, and slopes
are bootstrapped by resampling seeds. Where moments are kept in place of runs, blocks of seeds are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from jaxsoco.core.moments import Moments
from jaxsoco.core.plan import FEWEST_BLOCKS

LEVEL = 0.95
"""Usual level of an interval."""

RESAMPLES = 1000
"""Bootstrap resamples."""

FEWEST_SEEDS = 8
"""With fewer, exponents and medians over several points have no interval that covers its level."""

_ONE_SEED = "one seed"
_BOOTSTRAP_SEED = 20240815
_NOT_POSITIVE = "not positive for all resampled seeds"
_FEW_DOMINATE = "a few seeds dominate the mean"
_MOST_CLUSTERS = 2000
_MOST_RESAMPLED = 500
_MOST_ENTRIES = 2_000_000
_MEDIAN_RESAMPLES = 400
# More standard errors than any sample without a far outlier comes to (lognormal, 8 seeds: 25).
_MOST_ERRORS = 30.0
_NO_ERROR = 1e-12  # relative standard error of seeds that agree but for rounding


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


def too_few(units: int, want: int = FEWEST_SEEDS, what: str = "seeds") -> str:
    """Why there is no interval: ``too few seeds (4; want 8)``."""
    return f"too few {what} ({units}; want {want})"


def certain(value: float, note: str = "") -> Estimate:
    """A value that is known: a fact about the runs, or what is the same in all of them."""
    return Estimate(value, value, value, note)


class _Sums(NamedTuple):
    sums: np.ndarray
    counts: np.ndarray


class Clusters(_Sums):
    """Sums per independent unit (seed, bundle of seeds, or block of moments).

    As a tuple it is sums and counts, float64 ``[B, K]`` each, for B units and K positions: values
    summed over a unit's runs, and how many runs each sum has. ``blocks`` says that the units are
    blocks of moments, of which an interval takes more than of seeds.
    """

    blocks: bool = False

    def __new__(cls, sums: np.ndarray, counts: np.ndarray, blocks: bool = False) -> Clusters:
        """Clusters of units."""
        self = super().__new__(cls, sums, counts)
        self.blocks = blocks
        return self

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Clusters:
        """The clusters with a function applied to sums and counts."""
        return Clusters(function(self.sums), function(self.counts), self.blocks)

    def shortage(self, units: int) -> str:
        """Why so many units give no interval of a bootstrap; empty if they do."""
        want = FEWEST_BLOCKS if self.blocks else FEWEST_SEEDS
        return too_few(units, want, "blocks" if self.blocks else "seeds") if units < want else ""


@lru_cache(maxsize=1024)
def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t with ``freedom`` >= 1 degrees of freedom."""
    from scipy.special import stdtrit  # validation does without SciPy

    return float(stdtrit(freedom, probability))


def mean_estimate(moments: Moments, index: int = -1, level: float = LEVEL) -> Estimate:
    """Mean with Student's interval, from the entry ``index`` of moments ``[C]``."""
    count, mean = int(moments.count[index]), float(moments.mean[index])
    if count < 2:
        return Estimate(mean, note=_ONE_SEED if count else "")
    # mean -/+ t_{n-1} standard_error
    half = student_quantile(0.5 + level / 2, count - 1) * float(moments.standard_error[index])
    return Estimate(mean, mean - half, mean + half)


def mean_intervals(moments: Moments, level: float = LEVEL) -> list[np.ndarray]:
    """Means ``[...]`` and both ends of their intervals, as :func:`mean_estimate` has them."""
    counts, which = np.unique(moments.count, return_inverse=True)
    factors = [student_quantile(0.5 + level / 2, int(n) - 1) if n > 1 else math.nan for n in counts]
    half = np.array(factors)[which.reshape(np.shape(moments.count))] * moments.standard_error
    mean = np.asarray(moments.mean)
    return [mean, mean - half, mean + half]


def cluster(values: np.ndarray) -> Clusters:
    """Sums of ``values [points, seeds]`` per seed, as one position; NaN entries do not count."""
    finite = np.isfinite(values)
    sums = np.where(finite, values, 0.0).sum(axis=0)
    return Clusters(sums[:, None], finite.sum(axis=0).astype(np.float64)[:, None])


def beside(columns: Sequence[Clusters], units: int) -> Clusters:
    """Single positions put side by side; of ``units`` units, where there are none."""
    nothing = Clusters(np.zeros((units, 0)), np.zeros((units, 0)))
    sums, counts = (np.hstack([part[which] for part in (nothing, *columns)]) for which in range(2))
    return Clusters(sums, counts, any(part.blocks for part in columns))


def cluster_means(
    clusters: Clusters, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means ``[K]`` over all runs with the ends of their cluster-robust intervals.

    With one run per cluster this is Student's interval of the mean. Fewer than 30 blocks give none.
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
    fewest = FEWEST_BLOCKS if clusters.blocks else 2
    factor = np.array(
        [student_quantile(0.5 + level / 2, int(n) - 1) if n >= fewest else math.nan for n in units]
    )
    return mean, mean - factor * error, mean + factor * error


def pooled_mean(values: np.ndarray, level: float = LEVEL) -> Estimate:
    """Mean of ``values [points, seeds]`` over both axes; NaN entries do not count."""
    return mean_of(cluster(values), level)


def mean_of(clusters: Clusters, level: float = LEVEL) -> Estimate:
    """The mean of a single position with its cluster-robust interval."""
    mean, lower, upper = (float(end[0]) for end in cluster_means(clusters, level))
    note = ""
    if math.isfinite(mean) and not math.isfinite(lower):
        units = int(np.count_nonzero(clusters.counts))
        note = clusters.shortage(units) if clusters.blocks else _ONE_SEED
    return Estimate(mean, lower, upper, note)


def paired_mean(first: Clusters, second: Clusters, level: float = LEVEL) -> Estimate:
    """The mean of one position less that of another, of the same units in the same order.

    Where both have the same runs, this is :func:`mean_of` of the runs' differences.
    """
    means, rests = [], []
    for sums, counts in (first, second):
        total = float(counts.sum())
        means.append(float(sums.sum()) / total if total else math.nan)
        rests.append((sums - counts * means[-1])[:, 0] / max(total, 1.0))
    value = means[0] - means[1]
    units = int(np.count_nonzero((first.counts > 0) & (second.counts > 0)))
    if note := first.shortage(units) if math.isfinite(value) else "":
        return Estimate(value, note=note)
    half = student_quantile(0.5 + level / 2, max(units - 1, 1))
    half *= _standard_error(rests[0] - rests[1], units)
    return Estimate(value, value - half, value + half)


def pooled_quantile(values: np.ndarray, probability: float, level: float = LEVEL) -> Estimate:
    """Quantile of ``values [points, seeds]`` with an interval between two order statistics.

    One point: exact binomial ranks. Several points: Woodruff's interval with the cluster-robust
    error of the distribution function (J. Am. Stat. Assoc. 47, 1952).
    """
    finite = np.isfinite(values)
    ordered = np.sort(values[finite])
    n, units = ordered.size, int(finite.any(axis=0).sum())
    if n == 0:
        return Estimate(math.nan)
    value = float(np.quantile(ordered, probability))
    if units > 1 and ordered[0] == ordered[-1]:
        return certain(value)
    if np.count_nonzero(finite.any(axis=1)) == 1:
        low, high = binomial_ranks(n, probability, level)
    elif units < FEWEST_SEEDS:
        return Estimate(value, note=too_few(units))
    else:
        # Woodruff: an interval for F at the quantile, read back from the order statistics.
        below = np.where(finite, values <= value, np.nan)
        half = pooled_mean(below, level).half_width
        # Ranks outwards, so that rounding widens the interval.
        low = math.floor(n * (probability - half))
        high = math.ceil(n * (probability + half)) + 1
    lower = float(ordered[low - 1]) if low >= 1 else math.nan
    upper = float(ordered[high - 1]) if high <= n else math.nan
    missing = low < 1 or high > n
    return Estimate(value, lower, upper, _no_rank(n, probability, level) if missing else "")


@lru_cache(maxsize=1024)
def binomial_ranks(n: int, probability: float, level: float = LEVEL) -> tuple[int, int]:
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


def _no_rank(n: int, probability: float, level: float) -> str:
    """Why no order statistic of ``n`` runs lies beyond a quantile."""
    # All n lie on one side of it with probability max(p, 1 - p)^n.
    want = math.ceil(math.log((1 - level) / 2) / math.log(max(probability, 1 - probability)))
    return too_few(n, want) if n < want else f"no run beyond the {100 * probability:g} % quantile"


def bundle(clusters: Clusters, most: int = _MOST_CLUSTERS) -> Clusters:
    """At most ``most`` units: unit i goes to bundle i % most, which keeps units independent."""
    units = len(clusters.sums)
    if units <= most:
        return clusters
    pad = -units % most
    return clusters.map(
        lambda x: np.pad(x, ((0, pad), (0, 0))).reshape(-1, most, x.shape[1]).sum(axis=0)
    )


@lru_cache(maxsize=4)
def bootstrap_weights(units: int, resamples: int) -> np.ndarray:
    """How often each resample draws each unit, float64 ``[resamples, units]``; fixed seed."""
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    return generator.multinomial(units, np.full(units, 1 / units), size=resamples).astype(float)


def log_slope(x: np.ndarray, clusters: Clusters, level: float = LEVEL) -> Estimate:
    """Exponent of ``mean ~ x**exponent`` by least squares in logarithms.

    The interval is the symmetric studentised bootstrap over units, drawn jointly for all positions
    (paired): ``exponent -/+ q standard_error``, with q the quantile of
    ``|exponent* - exponent| / standard_error*`` over resamples (Hall, Ann. Stat. 16, 1988). Both
    standard errors are linearised (delta method). Percentiles would be too narrow for few units.

    >>> x, seeds = np.array([1.0, 2.0, 4.0]), np.linspace(0.9, 1.1, 8)[:, None]
    >>> growth = log_slope(x, Clusters(seeds * x**0.5, np.ones((8, 3))))
    >>> round(growth.value, 6), round(growth.upper, 6)
    (0.5, 0.5)

    Args:
      x: float64 ``[K]``, positive, at least two different.
      clusters: units ``[B, K]``; those without a run do not count.
      level: level of the interval.

    Returns:
      The exponent, as :func:`log_contrast` gives it.
    """
    return log_contrast(_slope_weights(x), clusters, level)


def log_contrast(weights: np.ndarray, clusters: Clusters, level: float = LEVEL) -> Estimate:
    """``sum_k weights_k log(mean_k)``, a contrast of logarithms of means, with its interval.

    That of :func:`log_slope`, which is the contrast of least squares.

    >>> twice = Clusters(np.ones((8, 1)) * [1.0, 2.0], np.ones((8, 2)))
    >>> round(log_contrast(np.array([-1.0, 1.0]), twice).value, 6)  # log(2 / 1)
    0.693147

    Args:
      weights: ``[K]``.
      clusters: units ``[B, K]``; those without a run do not count.
      level: level of the interval.

    Returns:
      The contrast; NaN if a mean is not positive. NaN ends, and a note, with fewer than 8 units at
      some position (unless all are alike), if too many resamples have a mean that is not
      positive, or where resamples without an outlier have no more than a trace of its spread.
    """
    present = clusters.counts.any(axis=1)
    sums, counts = bundle(clusters.map(lambda part: part[present]))
    total, runs = sums.sum(axis=0), counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.log(total / runs) @ weights)
    if not math.isfinite(value):
        return Estimate(math.nan)
    units, fewest = len(sums), int((counts > 0).sum(axis=0).min())
    # Influence of a unit on sum_k w_k log(sums_k / counts_k).
    error = _standard_error(sums @ (weights / total) - counts @ (weights / runs), units)
    agree = units > 1 and error <= _NO_ERROR * np.abs(weights).sum()
    shortage = clusters.shortage(fewest)
    if agree and (not shortage or _all_alike([sums, counts], axis=0)):
        return Estimate(value, value, value)
    if shortage:
        return Estimate(value, note=shortage)
    # A resample counts every unit w_b times: its means are sum w_b sums_b / sum w_b counts_b.
    draw = bootstrap_weights(units, RESAMPLES)
    with np.errstate(divide="ignore", invalid="ignore"):
        totals, all_runs = draw @ sums, draw @ counts
        values = np.log(totals / all_runs) @ weights
        influence = (weights / totals) @ sums.T - (weights / all_runs) @ counts.T
        squares = np.einsum("rb,rb,rb->r", draw, influence, influence)
        errors = np.sqrt(units / (units - 1) * squares)
        deviations = np.abs(values - value) / errors
    # A resample without a logarithm may lie anywhere.
    deviations[~np.isfinite(deviations)] = math.inf
    reach = float(np.quantile(deviations, level, method="higher"))
    if not math.isfinite(reach):
        return Estimate(value, note=_NOT_POSITIVE)
    if reach > _MOST_ERRORS:
        return Estimate(value, note=_FEW_DOMINATE)
    half = reach * error
    return Estimate(value, value - half, value + half)


def log_slope_of_medians(
    x: np.ndarray, columns: Sequence[np.ndarray], level: float = LEVEL
) -> Estimate:
    """As :func:`log_slope` for medians: Student's interval with the bootstrap's standard error.

    A linearised error would need the density at the median, and would miss what strongly paired
    positions have left of their spread. Past 500 seeds, the error is that of 500, scaled.

    Args:
      x: float64 ``[K]``, positive, at least two different.
      columns: values ``[points, seeds]`` at each position; NaN where a run is missing.
      level: level of the interval.
    """
    return log_contrast_of_medians(_slope_weights(x), columns, level)


def log_contrast_of_medians(
    weights: np.ndarray, columns: Sequence[np.ndarray], level: float = LEVEL
) -> Estimate:
    """As :func:`log_contrast` for medians; columns and interval of :func:`log_slope_of_medians`."""

    def contrast(medians: np.ndarray) -> np.ndarray:
        return np.log(medians) @ weights

    return _of_medians(contrast, columns, level)


def difference_of_medians(left: np.ndarray, right: np.ndarray, level: float = LEVEL) -> Estimate:
    """Median of ``left`` minus median of ``right``, ``[points, seeds]`` each, paired by seed.

    The interval is that of :func:`log_slope_of_medians`.

    >>> better = np.arange(16.0)[None]
    >>> difference_of_medians(better + 1.0, better)
    Estimate(value=1.0, lower=1.0, upper=1.0)
    """

    def difference(medians: np.ndarray) -> np.ndarray:
        return medians[..., 0] - medians[..., 1]

    return _of_medians(difference, [left, right], level)


def _of_medians(
    statistic: Callable[[np.ndarray], np.ndarray], columns: Sequence[np.ndarray], level: float
) -> Estimate:
    """A statistic of medians ``[..., K]`` of values ``[points, seeds]`` in each of K columns."""
    medians = np.array([_median(column) for column in columns])
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(medians))
    if not math.isfinite(value):
        return Estimate(math.nan)
    paired = np.flatnonzero(np.all([np.isfinite(c).any(axis=0) for c in columns], axis=0))
    units, sample = paired.size, paired[:_MOST_RESAMPLED]
    if units < 2:
        return Estimate(value, note=too_few(units))
    draw = bootstrap_weights(sample.size, _MEDIAN_RESAMPLES)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = [_resampled_medians(column[:, sample], draw) for column in columns]
        errors = statistic(np.stack(drawn, axis=-1)) - value
    agree = np.abs(errors).max() <= _NO_ERROR * np.abs(medians).max()
    if agree and (units >= FEWEST_SEEDS or _all_alike(columns, axis=1)):
        return certain(value)
    if units < FEWEST_SEEDS:
        return Estimate(value, note=too_few(units))
    error = float(errors.std(ddof=1)) * math.sqrt(sample.size / units)
    if not math.isfinite(error):
        return Estimate(value, note=_NOT_POSITIVE)
    half = student_quantile(0.5 + level / 2, units - 1) * error
    return Estimate(value, value - half, value + half)


def _all_alike(parts: Sequence[np.ndarray], axis: int) -> bool:
    """Whether values do not differ along an axis but for rounding."""
    return all(
        np.allclose(part, part.take([0], axis), rtol=_NO_ERROR, atol=0, equal_nan=True)
        for part in parts
    )


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan


def _resampled_medians(values: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Medians ``[R]`` of ``values [points, seeds]``, every seed counted ``draw [R, seeds]`` times.

    NaN entries do not count.
    """
    finite = np.isfinite(values)
    order = np.argsort(values[finite], kind="stable")
    ordered = values[finite][order]
    seed = np.broadcast_to(np.arange(values.shape[1]), values.shape)[finite][order]
    medians = []
    parts = -(-draw.shape[0] * seed.size // _MOST_ENTRIES)
    for part in np.array_split(draw.astype(np.int32), parts):
        ranks = part[:, seed].cumsum(axis=1, dtype=np.int32)
        runs = ranks[:, -1:]
        # Of an even number of runs, the two in the middle; of an odd one, twice the same.
        middles = ((runs + 1) // 2, runs // 2 + 1)
        places = [np.count_nonzero(ranks < rank, axis=1) for rank in middles]
        medians.append(ordered[np.minimum(places, seed.size - 1)].mean(axis=0))
    return np.concatenate(medians)


def _standard_error(influence: np.ndarray, units: int) -> float:
    """Of a statistic, from the influence of each of the units."""
    # Var = B / (B - 1) sum_b influence_b^2
    return math.sqrt(units / max(units - 1, 1) * float(np.square(influence).sum()))


def _slope_weights(x: np.ndarray) -> np.ndarray:
    """``[K]``: the least-squares slope of ``y`` in ``log x`` is their product with ``y``."""
    # slope = sum (log x - mean) y / sum (log x - mean)^2
    centred = np.log(x) - np.log(x).mean()
    return centred / np.square(centred).sum()
