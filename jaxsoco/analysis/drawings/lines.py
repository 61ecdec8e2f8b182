"""Lines with bands: what is looked at along an axis, a parameter, or the rounds of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.words import bands, label_y, restriction, run_counts, with_unit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.views import Line, View, course, line
from jaxsoco.core.study import HORIZON, Study, is_numeric
from jaxsoco.core.text import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_MARKERS = 10


def draw_band(ax: Axes, line: Line, label: str, look: style.Line, every: int | None = None) -> None:
    """A line with its band, and a marker at every so many values."""
    ax.plot(line.x, line.value, label=label, markevery=every, **look.options())
    ax.fill_between(line.x, line.lower, line.upper, color=look.color, alpha=0.18, linewidth=0)


@dataclass
class Lines:
    """Lines of one view on one pair of axes.

    Attributes:
      ax: where they are drawn.
      study: the study.
      view: what they show.
      log: logarithmic axes.
      counts: runs at every position of every line drawn.
      hidden: names of the lines that have nothing to show.
    """

    ax: Axes
    study: Study
    view: View
    log: Sequence[str] = ()
    counts: list[np.ndarray] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    _drawn: list[Line] = field(default_factory=list)

    def add(self, name: str, line: Line, look: style.Line, label: str = "") -> None:
        """Draws one line where it has values (positive ones on a logarithmic axis)."""
        keep = line.value > 0 if "y" in self.log else np.isfinite(line.value)
        if not keep.any():
            self.hidden.append(name)
            return
        x, value = np.asarray(line.x, float)[keep], line.value[keep]
        lower, upper = line.lower[keep], line.upper[keep]
        if "y" in self.log:  # a band below zero has no logarithm
            lower = np.maximum(lower, value / 100)
        visible = Line(tuple(x), value, lower, upper, line.runs)
        draw_band(self.ax, visible, label or name, look, -(-len(x) // _MOST_MARKERS))
        self.counts.append(line.runs)
        self._drawn.append(visible)

    def finish(self, trend: float | None = None) -> None:
        """Scales and labels the axes once all lines are there.

        Raises:
          NothingToDraw: no line has anything to show.
        """
        quantity = self.view.quantity(self.study)
        if not self._drawn:
            raise NothingToDraw(f"no {self.view.statistic} {quantity} is positive")
        if trend is not None:
            _draw_trend(self.ax, trend, self._drawn[0])
        _log_axes(self.ax, self.log, {float(x) for line in self._drawn for x in line.x})
        study, cost = self.study, self.view.cost
        unit = study.unit if cost is None else study.cost(cost).unit
        unit = "" if "ratio" in quantity else unit
        label_y(self.ax, with_unit(f"{self.view.statistic} {quantity}", unit))

    def caption(self, where: Mapping[str, Any], axis: str) -> str:
        """What is to be seen, by what, from how many runs."""
        study, statistic = self.study, self.view.statistic
        text = self.view.words(study)
        along = "horizon" if axis == HORIZON else axis.replace("_", " ")
        about = bands(study)
        if statistic == "median":
            about = "Bands are quartiles of the runs."
            if not study.heavy.isdisjoint(study.select(where)):
                about += " The costs have no mean here."
        if self.hidden:
            about += f" Not shown, for want of a positive {statistic}: {', '.join(self.hidden)}."
        return (
            f"{text[0].upper()}{text[1:]} by {along}{restriction(where, study, axis)}, "
            f"{run_counts(self.counts)} runs a point. {about}"
        )


def learner_lines(
    ledger: Ledger, names: Sequence[str], view: View, axis: str | None, where: Mapping[str, Any]
) -> dict[str, Line]:
    """A line a learner along an axis (None: the rounds of a run)."""
    if axis is None:
        return {name: course(ledger, name, view, where) for name in names}
    return {name: line(ledger, name, view, axis, where) for name in names}


def on_categories(ax: Axes, lines: Mapping[str, Line], values: Sequence[Any]) -> Mapping[str, Line]:
    """The lines with places 0, 1, ... and ticks for an axis whose ``values`` are not numbers."""
    categories = [v for v in values if any(v in line.x for line in lines.values())]
    if is_numeric(categories):
        return lines
    ax.set_xticks(range(len(categories)), [show(v) for v in categories])
    return {
        name: line._replace(x=tuple(categories.index(v) for v in line.x))
        for name, line in lines.items()
    }


def _log_axes(ax: Axes, log: Sequence[str], places: set[float]) -> None:
    """Logarithmic axes with plain labels, at the places themselves where they are few."""
    if "x" in log:
        ax.set_xscale("log")
        if len(places) <= 6:
            style.ticks_at(ax, sorted(places))
        elif max(places) < 1000 * min(places):
            style.plain_log(ax.xaxis)
    if "y" in log:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        if high < 30 * low:
            style.plain_log(ax.yaxis)


def _draw_trend(ax: Axes, exponent: float, line: Line) -> None:
    """A power law through the middle of a line."""
    x, value = np.asarray(line.x), line.value
    x, value = x[x > 0], value[x > 0]
    middle = len(x) // 2
    ax.plot(x, value[middle] * (x / x[middle]) ** exponent, color="#666666", linewidth=0.9,
            linestyle=(0, (2, 2)), zorder=1, label=f"$\\propto T^{{{exponent:.3g}}}$")  # fmt: skip
