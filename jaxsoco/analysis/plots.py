"""The kinds of figures a report can have, and what they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsoco.analysis.selection import (
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
from jaxsoco.analysis.views import AGAINST, COST, PER_ROUND, STATISTIC
from jaxsoco.core.schema import Field
from jaxsoco.core.study import HORIZON, Study

_ALGORITHMS = Field("algorithms", "strings", "labels (all algorithms if absent)", default=None)
_TREND = Field("trend", "float", "exponent of a guide line through the middle", default=None)
_LOG = Field("log", "strings", "logarithmic axes", default=None, choices=("x", "y"))
_VIEW = (AGAINST, COST, STATISTIC, PER_ROUND)

PLOTS: dict[str, tuple[Field, ...]] = {
    "ratio-vs-axis": (
        Field("axis", "string", "an axis of the problem"),
        AGAINST,
        _ALGORITHMS,
    ),
    "ratio-cdf": (AGAINST, _ALGORITHMS),
    "cost-breakdown": (_ALGORITHMS,),
    "regret-vs-horizon": (*_VIEW, _ALGORITHMS, _TREND),
    "measure-vs-axis": (
        Field("axis", "string", "an axis of the problem"),
        *_VIEW,
        _ALGORITHMS,
        _LOG,
        _TREND,
    ),
    "measure-vs-parameter": (
        Field("parameter", "string", "a field of algorithms with several values"),
        Field("by", "string", "an axis of the problem: a line for each value", default=None),
        *_VIEW,
        Field("algorithms", "strings", "names of algorithms (all if absent)", default=None),
        _LOG,
    ),
    "curve": (
        *_VIEW,
        Field("rate", "boolean", "increments a round, between checkpoints", default=False),
        _ALGORITHMS,
        _LOG,
        _TREND,
    ),
}
"""Fields of every kind; each kind also takes the table ``where``."""


def validate_plot(
    plot: Mapping[str, Any],
    labels: Sequence[str],
    comparators: Sequence[str] | Mapping[str, str],
    axes: Mapping[str, Sequence[Any]],
    *,
    path: str = "plot",
    checkpoints: int = 1,
    costs: Sequence[str] = (),
    learners: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
) -> None:
    """Checks one ``[[plot]]`` completely, as ``checks.validate_check`` does for a check.

    Raises:
      InputError: with everything that is wrong.
    """
    scope = Scope(labels, comparators, axes, path, checkpoints, costs, learners or {})
    kind = read_kind(plot, PLOTS, "plot", scope)
    where = check_where(plot, scope)
    if kind == "measure-vs-parameter":
        bases = check_bases("algorithms", plot.get("algorithms"), scope)
        check_parameter(plot, scope, bases)
        if "by" in plot:
            check_axis(plot["by"], where, scope, numeric=False, key="by")
    else:
        check_labels("algorithms", plot.get("algorithms", ()), scope)
    if kind is not None and kind != "cost-breakdown":
        check_against(plot, scope)
    if kind in ("ratio-vs-axis", "ratio-cdf"):
        _check_ratio(plot, scope)
    check_cost(plot, scope)
    if kind == "curve" and checkpoints < 2:
        scope.found("kind", "costs are kept at the end of a run only", "want measure-vs-axis")
    if kind in ("ratio-vs-axis", "measure-vs-axis") and "axis" in plot:
        check_axis(plot["axis"], where, scope, numeric=False)
    if kind == "regret-vs-horizon" and default_axis(axes, checkpoints) != HORIZON:
        scope.found("kind", "the experiment has one horizon only", "want a list in run.horizons")
    scope.finish()


def _check_ratio(plot: Mapping[str, Any], scope: Scope) -> None:
    against = plot.get("against", next(iter(scope.comparators), None))
    if against in scope.estimated:
        message = f"there is no ratio to {against}, which is not run"
        scope.found("against", message, "want measure-vs-axis")


def default_plots(study: Study) -> list[dict[str, Any]]:
    """The figures of an experiment that asks for none."""
    plots: list[dict[str, Any]] = []
    if study.comparators and default_axis(study.axes, study.checkpoints) == HORIZON:
        plots.append({"kind": "regret-vs-horizon"})
    if study.comparators and study.measure == "ratio":
        plots += [{"kind": "ratio-vs-axis", "axis": axis} for axis in study.axes]
        plots.append({"kind": "ratio-cdf"})
    return [*plots, {"kind": "cost-breakdown"}]
