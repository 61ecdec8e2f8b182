"""What runs came to at some points: the value of each of them, or blocks of their moments."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxsoco.analysis.statistics import (
    FEWEST_SEEDS,
    Clusters,
    Estimate,
    _no_rank,
    binomial_ranks,
    certain,
    cluster,
    mean_estimate,
    mean_of,
    pooled_mean,
    pooled_quantile,
    student_quantile,
    too_few,
)
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.moments import Moments
from jaxsoco.core.sketch import Distribution, Sketch
from jaxsoco.core.study import Study


def single_runs(what: str) -> InputError:
    """What is raised where moments cannot answer."""
    message = f"{what} takes the costs of every run, and moments are all that is kept of them"
    return InputError(Issue("run.keep", message, 'compute with keep = "checkpoints" or "final"'))


def require_runs(study: Study, what: str) -> None:
    """Raises where moments are kept in place of runs.

    Raises:
      InputError: they are; ``what`` needs every run.
    """
    if study.moments:
        raise single_runs(what)


class Sample(ABC):
    """One value a run: a cost, ratio or regret, of one learner at some points."""

    runs: int
    """Runs with a value."""
    seeds: int
    """Seeds with a value at some point."""
    error: float = 0.0
    """By how large a share of the runs the rank of a quantile can be off."""

    @abstractmethod
    def over(self, divisor: float) -> Sample:
        """All values divided by a number above 0."""

    @abstractmethod
    def clusters(self) -> Clusters:
        """Sums per independent unit, at one position."""

    @abstractmethod
    def mean(self, level: float) -> Estimate:
        """The mean with its interval."""

    @abstractmethod
    def quantile(self, probability: float, level: float) -> Estimate:
        """A quantile with its interval."""

    @abstractmethod
    def quantiles(self, probabilities: Sequence[float]) -> np.ndarray:
        """Quantiles without intervals; NaN of nothing."""

    @property
    @abstractmethod
    def largest(self) -> float:
        """The largest value; NaN of nothing."""

    @property
    @abstractmethod
    def magnitude(self) -> float:
        """Mean size of the values, whatever their sign; 0 of nothing."""

    @property
    def average(self) -> float:
        """The mean without an interval; NaN of nothing."""
        sums, counts = self.clusters()
        total = counts.sum()
        return float(sums.sum() / total) if total else math.nan

    @property
    def words(self) -> str:
        """What is to be said of quantiles: that they come from a sketch; empty if they do not."""
        return sketch_words(self.error)


def sketch_words(error: float) -> str:
    """``from a sketch, ranks to 0.44 % of the runs``; empty for an error of 0."""
    return f"from a sketch, ranks to {100 * error:.2g} % of the runs" if error else ""


class Runs(Sample):
    """The values themselves.

    Args:
      values: ``[points, seeds]``; NaN where a run is missing or does not count.
    """

    def __init__(self, values: np.ndarray):
        self.values = values
        finite = np.isfinite(values)
        self.runs, self.seeds = int(finite.sum()), int(finite.any(axis=0).sum())

    def over(self, divisor: float) -> Sample:
        """See :class:`Sample`."""
        return Runs(self.values / divisor)

    def clusters(self) -> Clusters:
        """See :class:`Sample`: a unit a seed."""
        return cluster(self.values)

    def mean(self, level: float) -> Estimate:
        """See :class:`Sample`."""
        return pooled_mean(self.values, level)

    def quantile(self, probability: float, level: float) -> Estimate:
        """See :class:`Sample`."""
        return pooled_quantile(self.values, probability, level)

    def quantiles(self, probabilities: Sequence[float]) -> np.ndarray:
        """See :class:`Sample`."""
        if not self.runs:
            return np.full(len(probabilities), np.nan)
        return np.quantile(self._finite, probabilities)

    @property
    def largest(self) -> float:
        """See :class:`Sample`."""
        return float(self._finite.max()) if self.runs else math.nan

    @property
    def magnitude(self) -> float:
        """See :class:`Sample`."""
        return float(np.abs(self._finite).mean()) if self.runs else 0.0

    @property
    def _finite(self) -> np.ndarray:
        return self.values[np.isfinite(self.values)]


class Column(NamedTuple):
    """One value a run at one point, summed up.

    Attributes:
      moments: of all runs; scalars.
      low: the least value.
      high: the largest.
      sketch: quantiles.
      ends: first and last seed of every block ``[B, 2]``, increasing.
      sums: over the runs of each block ``[B]``.
      counts: runs that count ``[B]``.
    """

    moments: Moments
    low: float
    high: float
    sketch: Sketch
    ends: np.ndarray
    sums: np.ndarray
    counts: np.ndarray

    def over(self, divisor: float) -> Column:
        """All values divided by a number above 0."""
        m = self.moments
        return Column(
            Moments(m.count, m.mean / divisor, m.m2 / divisor**2, m.mean_error / divisor),
            self.low / divisor,
            self.high / divisor,
            Sketch(self.sketch.count, self.sketch.points / divisor, self.sketch.error),
            self.ends,
            self.sums / divisor,
            self.counts,
        )


class Blocks(Sample):
    """Moments of blocks of seeds.

    Args:
      columns: a point each, of those that have runs.
    """

    def __init__(self, columns: Sequence[Column]):
        self.columns = [*columns]
        counts = [int(one.moments.count) for one in self.columns]
        # Of several points, a seed may count at one and not at another: so many at least.
        self.runs, self.seeds = sum(counts), max(counts, default=0)
        self._distribution = Distribution([one.sketch for one in self.columns])
        self.error = self._distribution.error

    def over(self, divisor: float) -> Sample:
        """See :class:`Sample`."""
        return Blocks([one.over(divisor) for one in self.columns])

    def clusters(self) -> Clusters:
        """See :class:`Sample`: a unit a block."""
        return self.between(common_edges([column.ends for column in self.columns]))

    def between(self, edges: np.ndarray) -> Clusters:
        """The sums of the blocks between one edge and the next, which none reaches over."""
        units = max(len(edges) - 1, 0)
        sums, counts = np.zeros(units), np.zeros(units)
        for column in self.columns:
            place = np.searchsorted(edges, column.ends[:, 0], side="right") - 1
            np.add.at(sums, place, column.sums)
            np.add.at(counts, place, column.counts)
        return Clusters(sums[:, None], counts[:, None], blocks=True)

    def mean(self, level: float) -> Estimate:
        """See :class:`Sample`; of one point, from M2 over its runs."""
        if len(self.columns) == 1:
            values = vars(self.columns[0].moments).values()
            return mean_estimate(Moments(*map(np.atleast_1d, values)), level=level)
        return mean_of(self.clusters(), level) if self.columns else Estimate(math.nan)

    def quantile(self, probability: float, level: float) -> Estimate:
        """See :class:`Sample`.

        The ends are those of exact ranks, moved outwards by the error of the sketch. Of several
        points, whose runs share their seeds in a way that moments do not tell, the standard error
        of the distribution function is at most the weighted mean of theirs.
        """
        known, n = self._distribution, self.runs
        if not n:
            return Estimate(math.nan)
        value = known.quantile(probability)
        least, most = min(one.low for one in self.columns), self.largest
        if self.seeds > 1 and least == most:
            return certain(value)
        if len(self.columns) == 1:
            low, high = binomial_ranks(n, probability, level)
        else:
            fewest = min(int(one.moments.count) for one in self.columns)
            if fewest < FEWEST_SEEDS:
                return Estimate(value, note=too_few(fewest))
            half = self._half_share(value) * student_quantile(0.5 + level / 2, fewest - 1)
            low = math.floor(n * (probability - half))
            high = math.ceil(n * (probability + half)) + 1
        slack = known.error * n
        lower = least if low - slack < 1 else known.at_rank(low - slack)
        upper = most if high + slack > n else known.at_rank(high + slack)
        ends = lower if low >= 1 else math.nan, upper if high <= n else math.nan
        missing = low < 1 or high > n
        return Estimate(value, *ends, _no_rank(n, probability, level) if missing else "")

    def _half_share(self, value: float) -> float:
        """The largest standard error of the share of runs up to a value."""
        errors = 0.0
        for one in self.columns:
            share = Distribution([one.sketch]).below(value)
            errors += math.sqrt(int(one.moments.count) * share * (1 - share))
        return errors / self.runs

    def quantiles(self, probabilities: Sequence[float]) -> np.ndarray:
        """See :class:`Sample`."""
        return np.array([self._distribution.quantile(p) for p in probabilities])

    @property
    def largest(self) -> float:
        """See :class:`Sample`."""
        return max((one.high for one in self.columns), default=math.nan)

    @property
    def magnitude(self) -> float:
        """See :class:`Sample`; where values have both signs, their root mean square, not less."""
        total = 0.0
        for one in self.columns:
            m, count = one.moments, int(one.moments.count)
            square = float(m.mean) ** 2 + float(m.m2) / max(count, 1)
            total += count * (abs(float(m.mean)) if one.low >= 0 else math.sqrt(square))
        return total / self.runs if self.runs else 0.0


def common_edges(ends: Sequence[np.ndarray]) -> np.ndarray:
    """The seeds at which no block of any list ends or begins within one of another."""
    edges = np.unique(np.concatenate([np.ravel(one) for one in ends] or [np.zeros(0, int)]))
    for blocks in ends:
        place = np.searchsorted(blocks[:, 0], edges, side="left") - 1
        # The last block that begins before an edge must have ended there.
        inside = (place >= 0) & (blocks[np.maximum(place, 0), 1] > edges)
        edges = edges[~inside]
    return edges


def values_of(samples: Sequence[Sample], what: str) -> list[np.ndarray]:
    """The runs' values ``[points, seeds]`` of each sample.

    Raises:
      InputError: they are not kept.
    """
    if not all(isinstance(one, Runs) for one in samples):
        raise single_runs(what)
    return [one.values for one in samples if isinstance(one, Runs)]


def as_sample(values: Sample | np.ndarray) -> Sample:
    """Values per run ``[points, seeds]`` as a sample."""
    return values if isinstance(values, Sample) else Runs(values)
