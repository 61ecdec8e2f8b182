"""The kinds of figures a report can have.

Every kind is a class in a module of this package: ``name``, ``summary``, ``fields``, ``validate``
and ``draw``.
"""

from __future__ import annotations

from typing import Any

from jaxsoco.analysis.kinds import Kinds
from jaxsoco.analysis.plots._base import Plot
from jaxsoco.analysis.selection import default_axis
from jaxsoco.core.study import HORIZON, Study

__all__ = ["PLOTS", "Plot", "default_plots", "validate_plot"]

PLOTS = Kinds("plot", Plot, __name__)
"""Every kind of plot; ``PLOTS[name]`` are its fields."""

validate_plot = PLOTS.require
"""Checks one ``[[plot]]`` completely."""


def default_plots(study: Study) -> list[dict[str, Any]]:
    """The figures of an experiment that asks for none."""
    plots: list[dict[str, Any]] = []
    if study.comparators and default_axis(study.axes, study.checkpoints) == HORIZON:
        plots.append({"kind": "regret-vs-horizon"})
    if study.comparators and study.measure == "ratio":
        plots += [{"kind": "ratio-vs-axis", "axis": axis} for axis in study.axes]
        if not study.moments:
            plots.append({"kind": "ratio-cdf"})
    return [*plots, {"kind": "cost-breakdown"}]
