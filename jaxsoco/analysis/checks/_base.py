"""What all checks share: their result, statistics over runs, and how numbers are worded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxsoco.analysis.kinds import Kind
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.statistics import Estimate, pooled_mean, pooled_quantile
from jaxsoco.core.schema import Field
from jaxsoco.core.text import percent, show_all

ALGORITHM = Field("algorithm", "string", "the learner's label")


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Attributes:
      check: the check as the experiment states it.
      passed: whether the claim holds for the measured value.
      measured: the value with its interval.
      runs: how many runs it rests on.
      sentence: all of it in words.
    """

    check: Mapping[str, Any]
    passed: bool
    measured: Estimate
    runs: int
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; what is not finite becomes null."""
        value, lower, upper = (x if math.isfinite(x) else None for x in self.measured)
        return {
            "check": dict(self.check),
            "passed": self.passed,
            "value": value,
            "lower": lower,
            "upper": upper,
            "runs": self.runs,
            "sentence": self.sentence,
        }


class Check(Kind):
    """A claim on the results of a sweep."""

    def run(self, ledger: Ledger) -> CheckResult:
        """Measures what the claim is about, and judges it."""
        raise NotImplementedError

    @property
    def where_text(self) -> str:
        """`` where data_size = 4``, or nothing."""
        return f" where {show_all(self.where)}" if self.where else ""

    def judged(
        self, passed: bool, measured: Estimate, values: np.ndarray, sentence: str
    ) -> CheckResult:
        """A result on per-run values; without a single run the claim is not confirmed."""
        runs = int(np.isfinite(values).sum())
        if runs == 0:
            return CheckResult(self.table, False, measured, 0, f"{sentence} (no finite run yet)")
        return CheckResult(self.table, passed, measured, runs, sentence)


def _largest(values: np.ndarray, level: float) -> Estimate:
    """The largest of the runs; a sample bounds the largest ratio from below only."""
    finite = values[np.isfinite(values)]
    return Estimate(float(finite.max()) if finite.size else math.nan)


STATISTICS: dict[str, Callable[[np.ndarray, float], Estimate]] = {
    "mean": pooled_mean,
    "median": lambda values, level: pooled_quantile(values, 0.5, level),
    "p95": lambda values, level: pooled_quantile(values, 0.95, level),
    "max": _largest,
}
"""Estimates from ``values [points, seeds]`` at a level."""


def number(estimate: Estimate, level: float) -> str:
    """``0.498 (95 % interval 0.471 to 0.525)``."""
    if not math.isfinite(estimate.value):
        return "unknown"
    if not math.isfinite(estimate.half_width):
        return f"{estimate.value:.4g}"
    interval = f"{percent(level)} interval {estimate.lower:.4g} to {estimate.upper:.4g}"
    return f"{estimate.value:.4g} ({interval})"
