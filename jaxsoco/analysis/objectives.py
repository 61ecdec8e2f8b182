"""What a search minimises, estimated from runs: a mean, a quantile, or the mean of the worst runs.

Differences are paired: runs of one seed share their world.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.pairing import mean_step, median_step
from jaxsoco.analysis.samples import Sample, values_of
from jaxsoco.analysis.statistics import (
    FEWEST_SEEDS,
    Estimate,
    bootstrap_weights,
    certain,
    pooled_mean,
    student_quantile,
    too_few,
)
from jaxsoco.core.study import Study

_RESAMPLES = 400
_MOST_RESAMPLED = 2000


class Objective(NamedTuple):
    """What is minimised.

    Attributes:
      against: comparator of the ratio or regret; None for the cost itself.
      cost: a component; None for the total cost.
      statistic: ``"mean"``, ``"median"``, ``"quantile"`` or ``"cvar"`` over runs.
      level: of the quantile, or the share of runs that are not the worst ones of the CVaR.
    """

    against: str | None = None
    cost: str | None = None
    statistic: str = "mean"
    level: float | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Objective:
        """What :meth:`_asdict` made."""
        return cls(**{name: table.get(name, cls._field_defaults[name]) for name in cls._fields})

    @property
    def statistic_words(self) -> str:
        """``mean``, ``0.9 quantile of the``, ``mean of the worst 10 % of the``."""
        if self.statistic == "quantile":
            return f"{self.level:g} quantile of the"
        if self.statistic == "cvar":
            return f"mean of the worst {100 * (1 - (self.level or 0)):.4g} % of the"
        return self.statistic

    def words(self, measure: str) -> str:
        """``mean regret against online_optimum``, ``median hit cost``.

        Args:
          measure: of the family, ``"ratio"`` or ``"regret"``.
        """
        if self.against is None:
            return f"{self.statistic_words} {self.cost or 'total'} cost"
        quantity = " ".join(word for word in (self.cost, measure) if word)
        relation = "to" if measure == "ratio" else "against"
        return f"{self.statistic_words} {quantity} {relation} {self.against}"

    def sample(self, ledger: Ledger, label: str) -> Sample:
        """The value of every run of a learner, at all points."""
        points = range(len(ledger.study.points))
        return ledger.sample(label, self.against, points, None, self.cost)

    def unit(self, study: Study) -> str:
        """Unit of its values; empty for a ratio."""
        if self.against is not None and study.measure == "ratio":
            return ""
        return study.unit if self.cost is None else study.cost(self.cost).unit

    def estimate(self, sample: Sample, confidence: float) -> Estimate:
        """The objective with its interval."""
        if self.statistic == "cvar":
            return pooled_mean(self._tail(sample), confidence)
        if self.statistic == "mean":
            return sample.mean(confidence)
        return sample.quantile(self._probability, confidence)

    def difference(self, first: Sample, second: Sample, confidence: float) -> Estimate:
        """By how much the objective of the first is larger, with a paired interval."""
        if self.statistic == "mean":
            return mean_step(second, first, confidence)
        if self.statistic == "median":
            return median_step(second, first, confidence)
        if self.statistic == "cvar":
            return pooled_mean(self._tail(first) - self._tail(second), confidence)
        one, other = values_of([first, second], "a paired difference of quantiles")
        return _difference(lambda x: _quantiles(x, self._probability), one, other, confidence)

    @property
    def _probability(self) -> float:
        return 0.5 if self.statistic == "median" else self.level or 0.5

    def _tail(self, sample: Sample) -> np.ndarray:
        """Values ``[points, seeds]`` whose mean is the CVaR, and its error theirs to first order.

        They are ``q + max(x - q, 0) / (1 - level)`` for the quantile ``q``, one of the values
        (Rockafellar and Uryasev, J. Risk 2, 2000): the CVaR is their least mean over ``q``, so
        that the error of ``q`` counts in second order alone.
        """
        (values,) = values_of([sample], "a CVaR")
        level = self.level or 0.0
        finite = values[np.isfinite(values)]
        place = np.quantile(finite, level, method="inverted_cdf") if finite.size else math.nan
        return place + np.maximum(values - place, 0.0) / (1 - level)


def _quantiles(values: np.ndarray, probability: float) -> np.ndarray:
    """Of values ``[..., points, seeds]``, over points and seeds: ``[...]``."""
    return np.nanquantile(values.reshape(*values.shape[:-2], -1), probability, axis=-1)


def _difference(
    statistic: Callable[[np.ndarray], np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
    confidence: float,
) -> Estimate:
    """Difference of a statistic of values ``[points, seeds]``, by resampling seeds jointly."""
    paired = np.flatnonzero(np.isfinite(first).any(axis=0) & np.isfinite(second).any(axis=0))
    if not paired.size:
        return Estimate(math.nan)
    value = float(statistic(first) - statistic(second))
    if paired.size < FEWEST_SEEDS:
        return Estimate(value, note=too_few(paired.size))
    some = paired[:_MOST_RESAMPLED]
    drawn = []
    for counts in bootstrap_weights(some.size, _RESAMPLES).astype(int):
        seeds = np.repeat(some, counts)
        drawn.append(float(statistic(first[:, seeds]) - statistic(second[:, seeds])))
    # The error of fewer seeds than there are is larger by the root of their share.
    error = float(np.std(drawn, ddof=1)) * math.sqrt(some.size / paired.size)
    if error == 0:
        return certain(value)
    half = student_quantile(0.5 + confidence / 2, paired.size - 1) * error
    return Estimate(value, value - half, value + half)
