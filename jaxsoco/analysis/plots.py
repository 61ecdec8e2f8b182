"""The kinds of figures a report can have, and what they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsoco.analysis.selection import (
    Scope,
    check_against,
    check_axis,
    check_labels,
    check_where,
    default_axis,
    read_kind,
)
from jaxsoco.analysis.study import HORIZON, Study
from jaxsoco.core.schema import Field

_AGAINST = Field("against", "string", "comparator (the first one if absent)", default=None)
_ALGORITHMS = Field("algorithms", "strings", "labels (all algorithms if absent)", default=None)

PLOTS: dict[str, tuple[Field, ...]] = {
    "ratio-vs-axis": (
        Field("axis", "string", "an axis of the problem"),
        _AGAINST,
        _ALGORITHMS,
    ),
    "ratio-cdf": (_AGAINST, _ALGORITHMS),
    "cost-breakdown": (_ALGORITHMS,),
    "regret-vs-horizon": (_AGAINST, _ALGORITHMS),
}
"""Fields of every kind; each kind also takes the table ``where``."""


def validate_plot(
    plot: Mapping[str, Any],
    labels: Sequence[str],
    comparators: Sequence[str],
    axes: Mapping[str, Sequence[Any]],
    *,
    path: str = "plot",
    checkpoints: int = 1,
) -> None:
    """Checks one ``[[plot]]`` completely, as ``checks.validate_check`` does for a check.

    Raises:
      InputError: with everything that is wrong.
    """
    scope = Scope(labels, comparators, axes, path, checkpoints)
    kind = read_kind(plot, PLOTS, "plot", scope)
    where = check_where(plot, scope)
    check_labels("algorithms", plot.get("algorithms", ()), scope)
    if kind is not None and kind != "cost-breakdown":
        check_against(plot, scope)
    if kind == "ratio-vs-axis" and "axis" in plot:
        check_axis(plot["axis"], where, scope, numeric=False)
    if kind == "regret-vs-horizon" and default_axis(axes, checkpoints) != HORIZON:
        scope.found("kind", "the experiment has one horizon only", "want a list in run.horizons")
    scope.finish()


def default_plots(study: Study) -> list[dict[str, Any]]:
    """The figures of an experiment that asks for none."""
    plots: list[dict[str, Any]] = []
    if study.comparators and default_axis(study.axes, study.checkpoints) == HORIZON:
        plots.append({"kind": "regret-vs-horizon"})
    if study.comparators and study.measure == "ratio":
        plots += [{"kind": "ratio-vs-axis", "axis": axis} for axis in study.axes]
        plots.append({"kind": "ratio-cdf"})
    return [*plots, {"kind": "cost-breakdown"}]
