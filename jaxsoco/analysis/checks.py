"""Checks: claims of a paper that a sweep confirms or refutes, each with its measured value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import (
    WHERE,
    Scope,
    check_against,
    check_axis,
    check_bases,
    check_cost,
    check_labels,
    check_parameter,
    check_where,
    default_axis,
    read_kind,
)
from jaxsoco.analysis.statistics import Estimate, pooled_mean, pooled_quantile
from jaxsoco.analysis.views import (
    AGAINST,
    COST,
    PER_ROUND,
    STATISTIC,
    View,
    exponent,
    finals,
    least,
    profiles,
    view,
)
from jaxsoco.core.schema import Field
from jaxsoco.core.text import show_all

SHORTFALL = "shortfall"
"""Cost component that must be zero in a complete run: work missing at the deadline."""

_BOUNDS = (
    Field("at_most", "float", "largest value", default=None),
    Field("at_least", "float", "smallest value", default=None),
)

CHECKS: dict[str, tuple[Field, ...]] = {
    "slope": (
        Field("algorithm", "string", "the learner's label"),
        Field("between", "float", "smallest and largest exponent"),
        Field("axis", "string", "numeric axis (the horizon or the only one)", default=None),
        AGAINST,
        COST,
        STATISTIC,
        PER_ROUND,
    ),
    "value": (
        Field("algorithm", "string", "the learner's label"),
        AGAINST,
        COST,
        Field(
            "statistic",
            "choice",
            "which statistic of the runs (the mean; the median where there is no mean)",
            default=None,
            choices=("mean", "median", "p95", "max"),
        ),
        PER_ROUND,
        *_BOUNDS,
    ),
    "ratio": (
        Field("algorithm", "string", "the learner's label"),
        Field("against", "string", "comparator or learner (the first comparator)", default=None),
        Field(
            "statistic",
            "choice",
            "which statistic of the runs' cost ratios",
            default="mean",
            choices=("mean", "median", "p95", "max"),
        ),
        *_BOUNDS,
    ),
    "order": (
        Field("algorithms", "strings", "labels, the best learner first"),
        AGAINST,
        COST,
        STATISTIC,
        Field("tolerance", "float", "by how much one may be out of order", default=0.0, low=0),
    ),
    "minimum": (
        Field("algorithm", "string", "name of an algorithm with several values of the parameter"),
        Field("parameter", "string", "the field that is varied"),
        Field("between", "float", "smallest and largest value where the least is"),
        AGAINST,
        COST,
        STATISTIC,
    ),
    "complete": (
        Field("algorithms", "strings", "labels (all learners if absent)", default=None),
        Field(
            "tolerance",
            "float",
            "largest shortfall of a run (1e-9 if absent; in float32 1e-5)",
            default=None,
            low=0,
        ),
    ),
}
"""Fields of every kind; each kind also takes the table ``where``."""


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


def validate_check(
    check: Mapping[str, Any],
    labels: Sequence[str],
    comparators: Sequence[str] | Mapping[str, str],
    axes: Mapping[str, Sequence[Any]],
    *,
    path: str = "check",
    checkpoints: int = 1,
    costs: Sequence[str] = (),
    learners: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
) -> None:
    """Checks one ``[[check]]`` completely: its fields, labels, selection and axis.

    Args:
      check: the table as the experiment states it.
      labels: labels of the algorithms.
      comparators: names of the comparators; a mapping gives for each one that is not run the
        component that is the regret against it.
      axes: values of every axis of the problem.
      path: where the check stands, the prefix of every issue's path.
      checkpoints: rounds of a run at which costs are kept.
      costs: components of the ledger.
      learners: label -> the name that learners with other values share, and the values.

    Raises:
      InputError: with everything that is wrong.
    """
    scope = Scope(labels, comparators, axes, path, checkpoints, costs, learners or {})
    kind = read_kind(check, CHECKS, "check", scope)
    where = check_where(check, scope)
    if kind == "minimum":
        bases = check_bases("algorithm", check.get("algorithm"), scope)
        check_parameter(check, scope, bases)
    elif kind in ("slope", "ratio", "value"):
        check_labels("algorithm", check.get("algorithm"), scope)
    else:
        check_labels("algorithms", check.get("algorithms", ()), scope)
    names = check.get("algorithms")
    if kind == "order" and isinstance(names, list | tuple) and not _is_order(names):
        scope.found("algorithms", "is no order", "want two or more different labels")
    if kind in ("ratio", "order", "value", "minimum"):
        check_against(check, scope, learners=kind == "ratio")
    check_cost(check, scope)
    if kind in ("ratio", "value") and "at_most" not in check and "at_least" not in check:
        scope.found("at_most", "is missing", "want at_most, at_least or both")
    if kind == "slope":
        _validate_slope(check, where, scope)
    scope.finish()


def _is_order(names: Sequence[Any]) -> bool:
    return len(names) > 1 and all(a not in names[:i] for i, a in enumerate(names))


def _validate_slope(check: Mapping[str, Any], where: Mapping[str, Any], scope: Scope) -> None:
    check_against(check, scope, needed=False)
    axis = check.get("axis") or default_axis(scope.axes, scope.checkpoints)
    if axis is None:
        scope.found("axis", "is missing, and no axis goes without saying", "want a numeric axis")
    else:
        check_axis(axis, where, scope, numeric=True)


def run_checks(checks: Sequence[Mapping[str, Any]], ledger: Ledger) -> list[CheckResult]:
    """Evaluates validated checks on what the ledger holds."""
    return [_RUN[check["kind"]](check, ledger) for check in checks]


def _slope(check: Mapping[str, Any], ledger: Ledger) -> CheckResult:
    study, where = ledger.study, check.get(WHERE)
    seen = view(check, study, where)
    axis = check.get("axis") or default_axis(study.axes, study.checkpoints) or ""
    measured, _, note = exponent(ledger, check["algorithm"], seen, axis, where)
    low, high = check["between"]
    passed = bool(low <= measured.value <= high)
    subject = f"{seen.words(study, check['algorithm'])}{_where(check)}"
    runs = np.isfinite(finals(ledger, check["algorithm"], seen, study.select(where))).sum()
    if not math.isfinite(measured.value):
        sentence = f"{subject}: no exponent in {axis}, {note}"
    else:
        sentence = (
            f"{subject} grows like {axis}^{_number(measured, study.level)}; "
            f"claimed: exponent between {low:g} and {high:g}"
        )
    return CheckResult(check, passed, measured, int(runs), sentence)


def _ratio(check: Mapping[str, Any], ledger: Ledger) -> CheckResult:
    seen = View(_against(check, ledger), measure="ratio")
    statistic = check.get("statistic") or "mean"
    subject = f"{statistic} cost ratio of {check['algorithm']} to {seen.against}"
    return _bounded(check, ledger, seen, statistic, subject)


def _value(check: Mapping[str, Any], ledger: Ledger) -> CheckResult:
    seen = view(check, ledger.study, check.get(WHERE))
    subject = seen.words(ledger.study, check["algorithm"])
    return _bounded(check, ledger, seen, seen.statistic, subject)


def _bounded(
    check: Mapping[str, Any], ledger: Ledger, seen: View, statistic: str, subject: str
) -> CheckResult:
    study = ledger.study
    values = finals(ledger, check["algorithm"], seen, study.select(check.get(WHERE)))
    measured = _STATISTICS[statistic](values, study.level)
    low, high = check.get("at_least"), check.get("at_most")
    passed = (low is None or measured.value >= low) and (high is None or measured.value <= high)
    bounds = [] if low is None else [f"at least {low:g}"]
    bounds += [] if high is None else [f"at most {high:g}"]
    sentence = (
        f"{subject}{_where(check)} is {_number(measured, study.level)}; "
        f"claimed: {' and '.join(bounds)}"
    )
    return _judged(check, bool(passed), measured, values, sentence)


def _largest(values: np.ndarray, level: float) -> Estimate:
    """The largest of the runs; a sample bounds the largest ratio from below only."""
    known = values[np.isfinite(values)]
    return Estimate(float(known.max()) if known.size else math.nan)


_STATISTICS: dict[str, Callable[[np.ndarray, float], Estimate]] = {
    "mean": pooled_mean,
    "median": lambda values, level: pooled_quantile(values, 0.5, level),
    "p95": lambda values, level: pooled_quantile(values, 0.95, level),
    "max": _largest,
}


def _order(check: Mapping[str, Any], ledger: Ledger) -> CheckResult:
    study, names = ledger.study, list(check["algorithms"])
    seen, tolerance = view(check, study, check.get(WHERE)), check.get("tolerance", 0.0)
    points = study.select(check.get(WHERE))
    values = [finals(ledger, name, seen, points) for name in names]
    statistic = _STATISTICS[seen.statistic]
    paired = "paired "
    if seen.statistic == "median":  # of differences is no difference of medians
        paired = ""
        middles = [statistic(v, study.level).value for v in values]
        steps = [Estimate(worse - better) for better, worse in pairwise(middles)]
    else:
        steps = [statistic(worse - better, study.level) for better, worse in pairwise(values)]
    measured = min(steps, key=lambda s: s.value if math.isfinite(s.value) else -math.inf)
    passed = all(step.value >= -tolerance for step in steps)
    means = " < ".join(
        f"{name} {statistic(v, study.level).value:.4g}"
        for name, v in zip(names, values, strict=True)
    )
    slack = f" (tolerance {tolerance:g})" if tolerance else ""
    sentence = (
        f"{seen.words(study)}{_where(check)}, claimed: {means}{slack}; "
        f"the smallest {paired}step is {_number(measured, study.level)}"
    )
    return _judged(check, passed, measured, np.stack(values).sum(axis=0), sentence)


def _minimum(check: Mapping[str, Any], ledger: Ledger) -> CheckResult:
    study, where = ledger.study, check.get(WHERE)
    seen, parameter = view(check, study, where), check["parameter"]
    found = profiles(ledger, check["algorithm"], parameter, seen, where)
    (profile,) = found if len(found) == 1 else ([],)
    if len(profile) == 0:
        note = "several" if found else "no"
        sentence = f"{check['algorithm']} has {note} profiles in {parameter}: nothing is judged"
        return CheckResult(check, False, Estimate(math.nan), 0, sentence)
    measured = least(profile, seen, study.level)
    low, high = check["between"]
    sentence = (
        f"the least {seen.words(study, check['algorithm'])}{_where(check)} is at {parameter} = "
        f"{_number(measured, study.level)}; claimed: between {low:g} and {high:g}"
    )
    passed = bool(low <= measured.value <= high)
    return _judged(check, passed, measured, profile[0][1], sentence)


def _complete(check: Mapping[str, Any], ledger: Ledger) -> CheckResult:
    study = ledger.study
    tolerance = study.rounding if check.get("tolerance") is None else check["tolerance"]
    names = check.get("algorithms") or study.labels
    points = study.select(check.get(WHERE))
    cells = [ledger.cells[point, name] for point in points for name in names]
    expected = sum(g.seeds for g in study.groups for p in g.points if p in points)
    missing = expected * len(names) - sum(cell.runs for cell in cells)
    column = next((i for i, cost in enumerate(study.costs) if cost.name == SHORTFALL), None)
    worst = math.nan
    if column is not None:
        worst = float(np.fmax.reduce([cell.worst[column] for cell in cells], initial=math.nan))
    nonfinite = sum(cell.nonfinite for cell in cells)
    nonconverged = sum(cell.nonconverged for cell in cells)
    passed = not (missing or nonfinite or nonconverged or worst > tolerance)
    counts = [
        f"{missing} runs missing",
        f"{nonfinite} not finite",
        f"{nonconverged} with a kernel that did not converge",
    ]
    if column is not None:
        unit = study.costs[column].unit
        largest = f"{worst:.3g} {unit}".strip() if math.isfinite(worst) else "unknown"
        counts.append(f"largest shortfall {largest} (claimed: at most {tolerance:g})")
    sentence = f"all runs complete{_where(check)}: " + ", ".join(counts)
    measured = Estimate(float(missing + nonfinite + nonconverged))
    return CheckResult(check, passed, measured, sum(cell.runs for cell in cells), sentence)


_RUN: dict[str, Callable[[Mapping[str, Any], Ledger], CheckResult]] = {
    "slope": _slope,
    "value": _value,
    "ratio": _ratio,
    "order": _order,
    "minimum": _minimum,
    "complete": _complete,
}


def _judged(
    check: Mapping[str, Any], passed: bool, measured: Estimate, values: np.ndarray, sentence: str
) -> CheckResult:
    """A result on per-run values; without a single run the claim is not confirmed."""
    runs = int(np.isfinite(values).sum())
    if runs == 0:
        return CheckResult(check, False, measured, 0, f"{sentence} (no finite run yet)")
    return CheckResult(check, passed, measured, runs, sentence)


def _against(check: Mapping[str, Any], ledger: Ledger) -> str | None:
    first = ledger.study.comparators[0] if ledger.study.comparators else None
    return check.get("against") or first


def _where(check: Mapping[str, Any]) -> str:
    return f" where {show_all(check[WHERE])}" if check.get(WHERE) else ""


def _number(estimate: Estimate, level: float) -> str:
    """``0.498 (95 % interval 0.471 to 0.525)``."""
    if not math.isfinite(estimate.value):
        return "unknown"
    if not math.isfinite(estimate.half_width):
        return f"{estimate.value:.4g}"
    interval = f"{100 * level:g} % interval {estimate.lower:.4g} to {estimate.upper:.4g}"
    return f"{estimate.value:.4g} ({interval})"
