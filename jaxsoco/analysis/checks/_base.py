"""What all checks share: their result, statistics over runs, and how numbers are worded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxsoco.analysis.kinds import Kind
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.pairing import mean_step, median_step
from jaxsoco.analysis.samples import Sample, as_sample
from jaxsoco.analysis.selection import Scope, check_against, check_cost, check_labels
from jaxsoco.analysis.statistics import Estimate, certain
from jaxsoco.analysis.verdicts import Verdict, decide, reason, seeds_to_decide
from jaxsoco.core.schema import Field
from jaxsoco.core.text import percent, show_all

ALGORITHM = Field("algorithm", "string", "the learner's label")


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Attributes:
      check: the check as the experiment states it.
      passed: whether the claim holds; None if the runs do not decide it.
      measured: the value with its interval.
      runs: how many runs it rests on.
      sentence: all of it in words.
      seeds_to_decide: about how many seeds would decide a claim that the interval of this many
        does not; infinity if no number would, NaN where that is not known.
    """

    check: Mapping[str, Any]
    passed: bool | None
    measured: Estimate
    runs: int
    sentence: str
    seeds_to_decide: float = math.nan

    @property
    def verdict(self) -> Verdict:
        """``"passed"``, ``"failed"`` or ``"undecided"``."""
        return "undecided" if self.passed is None else "passed" if self.passed else "failed"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; what is not finite becomes null."""
        value, lower, upper, seeds = (
            x if math.isfinite(x) else None for x in (*self.measured, self.seeds_to_decide)
        )
        return {
            "check": dict(self.check),
            "verdict": self.verdict,
            "passed": None if self.passed is None else bool(self.passed),
            "value": value,
            "lower": lower,
            "upper": upper,
            "runs": self.runs,
            "seeds_to_decide": seeds,
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
        self,
        passed: bool | None,
        measured: Estimate,
        values: Sample | np.ndarray,
        sentence: str,
    ) -> CheckResult:
        """A verdict on per-run values that is a fact about the runs.

        Without a single finite run the claim is not confirmed.

        Args:
          passed: whether the claim holds; None for undecided.
          measured: the value.
          values: the runs; as an array ``[points, seeds]``, NaN where missing or not finite.
          sentence: claim and measurement in words.
        """
        runs = as_sample(values).runs
        if runs == 0:
            return CheckResult(self.table, False, measured, 0, f"{sentence} (no finite run yet)")
        return CheckResult(self.table, passed, measured, runs, sentence)

    def decided(
        self,
        measured: Estimate,
        values: Sample | np.ndarray,
        sentence: str,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        strict: bool = False,
        needed: float | None = None,
    ) -> CheckResult:
        """The verdict that the interval of an estimate gives on ``low <= estimate <= high``.

        An undecided claim says in its sentence why, and how many seeds would decide it.

        Args:
          measured: the estimate with its interval.
          values: the runs; as an array ``[points, seeds]``, NaN where missing or not finite.
          sentence: claim and measurement in words.
          low: smallest value that the claim allows.
          high: largest value that it allows.
          strict: a value on the bound is a tie, which decides nothing.
          needed: how many seeds would decide it, if it is not :func:`seeds_to_decide`.
        """
        sample = as_sample(values)
        runs, seeds = sample.runs, sample.seeds
        if runs == 0:
            return CheckResult(self.table, None, measured, 0, f"{sentence} (no finite run yet)")
        verdict = decide(measured, low, high, strict=strict)
        if verdict != "undecided":
            return CheckResult(self.table, verdict == "passed", measured, runs, sentence)
        if needed is None:
            needed = seeds_to_decide(measured, seeds, low, high)
        sentence += f"; undecided: {reason(measured, seeds, needed)}"
        return CheckResult(self.table, None, measured, runs, sentence, needed)


def check_equality(key: str, low: Any, high: Any, scope: Scope) -> None:
    """Reports a claim that an estimate equals one number: no interval lies in a single point."""
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    if numbers and low == high:
        message = f"claims that an estimate equals {low:g}"
        scope.report(key, message, "a claim of equality states its tolerance: want two bounds")


def check_growth(table: Mapping[str, Any], axis: str | None, scope: Scope) -> str | None:
    """Checks what claims on the growth along an axis share, and returns the axis.

    Args:
      table: the check.
      axis: the one that it names, or that goes without saying; None if there is neither.
      scope: what the experiment has; takes the problems.
    """
    check_labels("algorithm", table.get("algorithm"), scope)
    check_cost(table, scope)
    check_against(table, scope, needed=False)
    between = table.get("between")
    if isinstance(between, list | tuple) and len(between) == 2:
        check_equality("between", between[0], between[1], scope)
    if axis is None:
        hint = "want a numeric axis"
        scope.report("axis", "is missing, and no axis goes without saying", hint)
    return axis


def _quantile(probability: float) -> Callable[[Sample, float], Estimate]:
    return lambda sample, level: sample.quantile(probability, level)


def _largest(sample: Sample, level: float) -> Estimate:
    """The largest of the runs, a fact: it says nothing of other runs."""
    return certain(sample.largest)


STATISTICS: dict[str, Callable[[Sample, float], Estimate]] = {
    "mean": lambda sample, level: sample.mean(level),
    "median": _quantile(0.5),
    "p95": _quantile(0.95),
    "max": _largest,
}
"""Estimates from the runs at a level."""

PAIRED_STEPS: dict[str, Callable[[Sample, Sample, float], Estimate]] = {
    "mean": mean_step,
    "median": median_step,
}
"""By how much the statistic of the second learner's runs is larger than that of the first one's,
whose runs have the same seeds."""


def amount(value: float) -> str:
    """``0.498``; ``unknown`` where there is no number."""
    return "unknown" if math.isnan(value) else f"{value:.4g}"


def number(estimate: Estimate, level: float) -> str:
    """``0.498 (95 % interval 0.471 to 0.525)``."""
    if not math.isfinite(estimate.value):
        return "unknown"
    if not math.isfinite(estimate.half_width):
        return f"{estimate.value:.4g}"
    if estimate.note:
        return f"{estimate.value:.4g} ({estimate.note})"
    interval = f"{percent(level)} interval {estimate.lower:.4g} to {estimate.upper:.4g}"
    return f"{estimate.value:.4g} ({interval})"
