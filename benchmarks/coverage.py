"""How often the report's intervals contain the true value: the table of docs/statistics.md.

Sweeps whose true values are known are drawn again and again, as a report reads them: values by
point, seed and position on an axis, runs of one seed alike. Every estimate is the one that the
report prints; percentiles and BCa stand beside the exponents' intervals for comparison. With
``--blocks``, the table of those that are made of blocks of moments in place of the runs.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import ndtr, ndtri

from jaxsoco.analysis import statistics as st
from jaxsoco.analysis.samples import Blocks
from jaxsoco.analysis.sums import Sums
from jaxsoco.core.measures import TOTAL, compare
from jaxsoco.core.plan import block_of
from jaxsoco.core.sketch import Gathering
from jaxsoco.core.summary import Summary

SEEDS = (2, 4, 8, 16, 32, 64)
BLOCK_SEEDS = (16, 64, 1024, 8192)
"""16 blocks of one seed; 32 of 2, of 32, and of 256, of which a sketch keeps 128 values."""
LEVEL = 0.95
EXPONENT = 0.5
KEY = 20240815

ROUNDS = np.array([1000.0, 2000.0, 4000.0, 8000.0, 16000.0])
LEVELS = np.array([1.0, 1.5, 2.0])
"""How dear the pooled points are."""


class Tail(NamedTuple):
    """A distribution of costs with median 1, in two halves: of the seed's world, of the run.

    Attributes:
      name: in the table.
      scale: standard deviation of the value, or of its logarithm.
      log: lognormal rather than normal.
    """

    name: str
    scale: float
    log: bool

    @property
    def mean(self) -> float:
        """Of one value."""
        return math.exp(self.scale**2 / 2) if self.log else 1.0

    def draw(self, generator: np.random.Generator, *shape: int) -> np.ndarray:
        """Values of this ``shape``, whose last axis is seeds; one world for all of a seed's."""
        world = generator.normal(size=shape[-1])
        noise = self.scale * (world + generator.normal(size=shape)) / math.sqrt(2)
        return np.exp(noise) if self.log else 1 + noise

    def below(self, value: float) -> float:
        """The distribution function."""
        return float(ndtr((math.log(value) if self.log else value - 1) / self.scale))


NORMAL, RATIOS, HEAVY = (
    Tail("normal", 0.2, log=False),
    Tail("lognormal 0.5", 0.5, log=True),
    Tail("lognormal 1", 1.0, log=True),
)
TAILS = (NORMAL, RATIOS, HEAVY)


class Trial(NamedTuple):
    """An estimate of something that is known."""

    truth: float
    estimate: st.Estimate


def growth(draw: np.random.Generator, tail: Tail, seeds: int, points: int) -> list[np.ndarray]:
    """Values ``[points, seeds]`` at every horizon, growing like its square root."""
    levels = LEVELS[:points, None]
    values = tail.draw(draw, len(ROUNDS), points, seeds) * levels
    return list(values * (ROUNDS**EXPONENT)[:, None, None])


def clusters(columns: Sequence[np.ndarray], seeds: int) -> st.Clusters:
    """Sums by seed at every position, as the ledger has them."""
    return st.beside([st.cluster(values) for values in columns], seeds)


def exponent_of_means(draw: np.random.Generator, tail: Tail, seeds: int, points: int = 1) -> Trial:
    """As printed in the report."""
    columns = growth(draw, tail, seeds, points)
    return Trial(EXPONENT, st.log_slope(ROUNDS, clusters(columns, seeds), LEVEL))


def pooled_exponent_of_means(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The same, of three points together."""
    return exponent_of_means(draw, tail, seeds, len(LEVELS))


def exponent_of_medians(
    draw: np.random.Generator, tail: Tail, seeds: int, points: int = 1
) -> Trial:
    """As printed in the report where costs have no mean."""
    columns = growth(draw, tail, seeds, points)
    return Trial(EXPONENT, st.log_slope_of_medians(ROUNDS, columns, LEVEL))


def pooled_exponent_of_medians(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The same, of three points together."""
    return exponent_of_medians(draw, tail, seeds, len(LEVELS))


def mean(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The mean of one point."""
    return Trial(tail.mean, st.pooled_mean(tail.draw(draw, 1, seeds), LEVEL))


def pooled_mean(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The mean of three points together."""
    values = tail.draw(draw, len(LEVELS), seeds) * LEVELS[:, None]
    return Trial(tail.mean * LEVELS.mean(), st.pooled_mean(values, LEVEL))


def mean_ratio(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The mean of the runs' ratios; the world is in cost and optimum alike."""
    optimum = np.exp(draw.normal(size=(1, seeds)))
    ratios = compare(optimum * tail.draw(draw, 1, seeds), optimum, "ratio")
    return Trial(tail.mean, st.pooled_mean(ratios, LEVEL))


def paired_difference(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The step of an ``order``: two learners in the same worlds, a tenth apart."""
    better, worse = tail.draw(draw, 2, seeds)
    return Trial(0.1 * tail.mean, st.pooled_mean((1.1 * worse - better)[None], LEVEL))


def paired_difference_of_medians(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The same for medians."""
    better, worse = tail.draw(draw, 2, 1, seeds)
    return Trial(0.1, st.difference_of_medians(1.1 * worse, better, LEVEL))


def median(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The median of one point."""
    return Trial(1.0, st.pooled_quantile(tail.draw(draw, 1, seeds), 0.5, LEVEL))


def pooled_median(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The median of three points together."""
    return _pooled_quantile(draw, tail, seeds, 0.5)


def pooled_p95(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The 95 % quantile of three points together."""
    return _pooled_quantile(draw, tail, seeds, 0.95)


def _pooled_quantile(
    draw: np.random.Generator,
    tail: Tail,
    seeds: int,
    probability: float,
    estimate: Callable[[np.ndarray, float], st.Estimate] = st.pooled_quantile,
) -> Trial:
    def excess(value: float) -> float:
        return float(np.mean([tail.below(value / level) for level in LEVELS])) - probability

    values = tail.draw(draw, len(LEVELS), seeds) * LEVELS[:, None]
    truth = float(root_scalar(excess, bracket=(1e-3, 1e3)).root)
    return Trial(truth, estimate(values, probability))


def by_percentiles(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """Percentiles of resampled exponents: what was printed before."""
    value, _, slopes = _resampled(draw, tail, seeds)
    lower, upper = np.quantile(slopes, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Trial(EXPONENT, st.Estimate(value, float(lower), float(upper)))


def by_bca(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """Percentiles, corrected for bias and skewness (Efron, J. Am. Stat. Assoc. 82, 1987)."""
    value, influence, slopes = _resampled(draw, tail, seeds)
    share = np.clip(np.mean(slopes < value), 1 / st.RESAMPLES, 1 - 1 / st.RESAMPLES)
    bias = ndtri(share)
    skew = np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5)
    shifted = bias + ndtri([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    lower, upper = np.quantile(slopes, ndtr(bias + shifted / (1 - skew * shifted)))
    return Trial(EXPONENT, st.Estimate(value, float(lower), float(upper)))


def _resampled(
    draw: np.random.Generator, tail: Tail, seeds: int
) -> tuple[float, np.ndarray, np.ndarray]:
    """The exponent of means, the seeds' influence on it, and those of resamples."""
    sums = clusters(growth(draw, tail, seeds, 1), seeds).sums
    centred = np.log(ROUNDS) - np.log(ROUNDS).mean()
    weights = centred / np.square(centred).sum()
    slopes = np.log(_draws(seeds) @ sums / seeds) @ weights
    value = float(np.log(sums.mean(axis=0)) @ weights)
    return value, (sums / sums.mean(axis=0) - 1) @ weights / seeds, slopes


@lru_cache
def _draws(seeds: int) -> np.ndarray:
    """How often each resample draws each seed ``[resamples, seeds]``."""
    draw = np.random.default_rng(KEY)
    return draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=st.RESAMPLES).astype(float)


def summed(values: np.ndarray) -> Blocks:
    """Values ``[points, seeds]`` as ``run.keep = "moments"`` keeps them."""
    total, length = TOTAL, block_of(values.shape[1])
    columns = []
    for row in values:
        sums = Sums((total,), (1, 1), everywhere=False, size=Gathering.SIZE)
        parts = row.reshape(-1, length).T[:, :, None, None]
        arrays = Summary.of(parts, np.isfinite(parts)).to_array()
        for i, array in enumerate(arrays):
            sums.add((i * length, (i + 1) * length), array)
        columns.append(sums.column(total, -1))
    return Blocks(columns)


def block_clusters(columns: Sequence[np.ndarray]) -> st.Clusters:
    """Sums by block at every position; the quantiles, which take most of the time, are left out."""
    length = block_of(columns[0].shape[1])
    parts = [values.reshape(len(values), -1, length).sum(axis=(0, 2)) for values in columns]
    runs = np.full(parts[0].shape, float(len(columns[0]) * length))
    return st.Clusters(np.stack(parts, axis=1), np.stack([runs] * len(parts), axis=1), blocks=True)


def block_exponent(draw: np.random.Generator, tail: Tail, seeds: int, points: int = 1) -> Trial:
    """As printed in the report where moments are kept."""
    columns = growth(draw, tail, seeds, points)
    return Trial(EXPONENT, st.log_slope(ROUNDS, block_clusters(columns), LEVEL))


def pooled_block_exponent(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The same, of three points together."""
    return block_exponent(draw, tail, seeds, len(LEVELS))


def pooled_block_mean(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The mean of three points together, from blocks."""
    values = tail.draw(draw, len(LEVELS), seeds) * LEVELS[:, None]
    return Trial(tail.mean * LEVELS.mean(), st.mean_of(block_clusters([values]), LEVEL))


def paired_block_means(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The step of an ``order``, from blocks of the same seeds."""
    better, worse = tail.draw(draw, 2, 1, seeds)
    pair = block_clusters([1.1 * worse]), block_clusters([better])
    return Trial(0.1 * tail.mean, st.paired_mean(*pair, LEVEL))


def block_median(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The median of one point, from the sketch of its blocks."""
    return Trial(1.0, summed(tail.draw(draw, 1, seeds)).quantile(0.5, LEVEL))


def pooled_block_p95(draw: np.random.Generator, tail: Tail, seeds: int) -> Trial:
    """The 95 % quantile of three points together, from sketches."""
    return _pooled_quantile(draw, tail, seeds, 0.95, _block_quantile)


def _block_quantile(values: np.ndarray, probability: float) -> st.Estimate:
    return summed(values).quantile(probability, LEVEL)


ESTIMATES: dict[str, Callable[[np.random.Generator, Tail, int], Trial]] = {
    "exponent of means": exponent_of_means,
    "exponent of means, 3 points": pooled_exponent_of_means,
    "exponent of medians": exponent_of_medians,
    "exponent of medians, 3 points": pooled_exponent_of_medians,
    "mean": mean,
    "mean, 3 points": pooled_mean,
    "mean ratio": mean_ratio,
    "paired difference of means": paired_difference,
    "paired difference of medians": paired_difference_of_medians,
    "median": median,
    "median, 3 points": pooled_median,
    "95 % quantile, 3 points": pooled_p95,
    "(exponent of means by percentiles)": by_percentiles,
    "(exponent of means by BCa)": by_bca,
}
"""What is tried; those in brackets are not what the report does."""

OF_BLOCKS: dict[str, Callable[[np.random.Generator, Tail, int], Trial]] = {
    "exponent of means": block_exponent,
    "exponent of means, 3 points": pooled_block_exponent,
    "mean, 3 points": pooled_block_mean,
    "paired difference of means": paired_block_means,
    "median": block_median,
    "95 % quantile, 3 points": pooled_block_p95,
}
"""The same from blocks of moments, where it is made otherwise than from the runs."""


def coverage(
    name: str,
    tail: Tail,
    seeds: int,
    replications: int,
    key: int = KEY,
    estimates: Mapping[str, Callable[[np.random.Generator, Tail, int], Trial]] = ESTIMATES,
) -> float:
    """Share of the intervals that contain the truth; NaN if more than 1 % are absent.

    An end that is absent counts as infinite, an interval without both ends as absent.
    """
    number = list(estimates).index(name)
    draw = np.random.default_rng([key, number, TAILS.index(tail), seeds])
    hits = absent = 0
    for _ in range(replications):
        truth, (_, lower, upper) = estimates[name](draw, tail, seeds)
        hits += not (lower > truth or upper < truth)
        absent += math.isnan(lower) and math.isnan(upper)
    return math.nan if absent > 0.01 * replications else hits / replications


def lines(
    replications: int,
    estimates: Mapping[str, Callable[[np.random.Generator, Tail, int], Trial]] = ESTIMATES,
    sizes: Sequence[int] = SEEDS,
) -> Iterator[str]:
    """The table in Markdown."""
    yield f"| estimate | values | {' | '.join(f'{n} seeds' for n in sizes)} |"
    yield "|---|---|" + "--:|" * len(sizes)
    for name in estimates:
        for tail in TAILS:
            shares = [coverage(name, tail, n, replications, estimates=estimates) for n in sizes]
            cells = ["too few" if math.isnan(share) else f"{share:.3f}" for share in shares]
            yield f"| {name} | {tail.name} | {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Coverage of the report's intervals.")
    parser.add_argument("--replications", type=int, default=2000, help="sweeps for a number")
    parser.add_argument("--blocks", action="store_true", help="of blocks of moments instead")
    options = parser.parse_args()
    error = math.sqrt(LEVEL * (1 - LEVEL) / options.replications)
    print(
        f"Nominal level {LEVEL:g}; {options.replications} sweeps for every number, whose", end=" "
    )
    print(f"standard error is {error:.3f}.\n")
    tables = (OF_BLOCKS, BLOCK_SEEDS) if options.blocks else (ESTIMATES, SEEDS)
    for line in lines(options.replications, *tables):
        print(line, flush=True)


if __name__ == "__main__":
    main()
