"""Lines with bands: what is looked at along an axis, a parameter, or the rounds of a run.

Along names there are whiskers in place of lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.cutting import Cut, Span, cut_y, find_cut, sentence, span_of
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import bands, label_y, restriction, run_counts, with_unit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.samples import sketch_words
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


def draw_whiskers(
    ax: Axes, line: Line, label: str, look: style.Line, place: tuple[int, int]
) -> None:
    """Means with whiskers beside names, which no line connects.

    Args:
      ax: where they are drawn.
      line: its values, at 0, 1, ... of the names.
      label: what the legend says.
      look: how it is drawn.
      place: of the learner among so many that stand side by side.
    """
    i, count = place
    x = np.asarray(line.x, float) + (i - (count - 1) / 2) * 0.66 / count
    ends = np.nan_to_num([line.value - line.lower, line.upper - line.value])
    ax.errorbar(x, line.value, yerr=ends, label=label, fmt=look.marker, color=look.color,
                capsize=1.5, elinewidth=0.9)  # fmt: skip
    ax.grid(False, axis="x")


@dataclass
class Lines:
    """Lines of one view on one pair of axes.

    Attributes:
      ax: where they are drawn.
      study: the study.
      view: what they show.
      log: logarithmic axes.
      places: names of the places 0, 1, ... of an axis that has no numbers.
      beside: learners that stand side by side at such a place.
      counts: runs at every position of every line drawn.
      hidden: names of the lines that have nothing to show.
      series: what is drawn.
      cut: where the axis ends short of some learners.
      error: of the ranks of quantiles, where they come from sketches.
    """

    ax: Axes
    study: Study
    view: View
    log: Sequence[str] = ()
    places: Sequence[Any] = ()
    beside: int = 1
    counts: list[np.ndarray] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    cut: Cut | None = None
    error: float = 0.0
    _labels: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, line: Line, look: style.Line, label: str = "") -> None:
        """Draws one line where it has values (positive ones on a logarithmic axis).

        Args:
          name: the learner; every line has another.
          line: its values.
          look: how it is drawn.
          label: what the legend says, ready for matplotlib; the name if absent.
        """
        keep = line.value > 0 if "y" in self.log else np.isfinite(line.value)
        if not keep.any():
            self.hidden.append(name)
            return
        x, value = np.asarray(line.x, float)[keep], line.value[keep]
        lower, upper = line.lower[keep], line.upper[keep]
        self._note(name, x, value, lower, upper)
        if "y" in self.log:  # a band below zero has no logarithm
            lower = np.maximum(lower, value / 100)
        visible = Line(tuple(x), value, lower, upper, line.runs)
        self._labels[name] = label or style.plain(name)
        if self.places:
            place = (len(self.counts), self.beside)
            draw_whiskers(self.ax, visible, self._labels[name], look, place)
        else:
            draw_band(self.ax, visible, self._labels[name], look, -(-len(x) // _MOST_MARKERS))
        self.counts.append(line.runs)

    def level(self, name: str, value: float, look: style.Line, label: str = "") -> None:
        """Draws a level line, of a learner that has no place on the axis."""
        if not np.isfinite(value) or ("y" in self.log and value <= 0):
            self.hidden.append(name)
            return
        self._note(name, [""], [value])
        self._labels[name] = label or style.plain(name)
        self.ax.axhline(value, label=self._labels[name], color=look.color, linestyle="--",
                        linewidth=1)  # fmt: skip

    def _note(self, name: str, x: Any, value: Any, lower: Any = (), upper: Any = ()) -> None:
        """Keeps what is drawn."""
        places = [self.places[int(i)] for i in x] if self.places else [*map(_plain_number, x)]
        self.series.append(
            Series(name, places, *(tuple(map(float, v)) for v in (value, lower, upper)))
        )

    def finish(self, trend: float | None = None, along: str = "T") -> None:
        """Scales and labels the axes once all lines are there.

        Args:
          trend: exponent of a guide line; None for no such line.
          along: what the legend calls the axis whose power it is.

        Raises:
          NothingToDraw: no line has anything to show.
        """
        quantity = self.view.quantity(self.study)
        drawn = [line for line in self.series if line.lower]
        if not drawn:
            raise NothingToDraw(f"no {self.view.statistic} {quantity} is positive")
        x = {float(place) for line in drawn for place in line.x} if not self.places else set()
        _scale_axes(self.ax, self.log, x)
        self._cut()
        if trend is not None:
            self._draw_trend(trend, along, drawn[0])
        if "y" in self.log:
            _plain_y(self.ax)
        study, cost = self.study, self.view.cost
        unit = study.unit if cost is None else study.cost(cost).unit
        if "ratio" in quantity or (unit == "rounds" and quantity.endswith("per round")):
            unit = ""
        label_y(self.ax, with_unit(f"{self.view.statistic} {quantity}", unit))

    def _cut(self) -> None:
        """Cuts the axis where a learner flattens the others."""
        spans = {line.learner: span_of(line.value, line.value) for line in self.series}
        cut = find_cut(spans, log="y" in self.log)
        if cut is None:
            return
        rest = [line for line in self.series if line.learner not in cut.outliers]
        low, high = span_of(
            [cut.low, *(end for line in rest for end in line.lower if "y" not in self.log)],
            [cut.high, *(end for line in rest for end in line.upper)],
        )
        self.cut = cut._replace(low=low, high=high)
        cut_y(self.ax, self.cut, spans, self._labels)

    def _draw_trend(self, exponent: float, along: str, line: Series) -> None:
        """A power law through the middle of a line, which leaves the axis as it is."""
        x, value = np.asarray(line.x, float), np.asarray(line.value)
        x, value = x[x > 0], value[x > 0]
        middle = len(x) // 2
        guide = value[middle] * (x / x[middle]) ** exponent
        limits = self.ax.get_ylim()
        text = f"{exponent:.3g}".replace("-", "\N{MINUS SIGN}")
        power = f"$\\propto T^{{{text}}}$" if along == "T" else f"$\\propto$ {along}$^{{{text}}}$"
        self.ax.plot(x, guide, color="#666666", linewidth=0.9, linestyle=(0, (2, 2)), zorder=1,
                     label=power)  # fmt: skip
        self.ax.set_ylim(limits)
        self.series.append(Series(f"proportional to {along}^{exponent:.3g}", [*x], tuple(guide)))

    def caption(self, where: Mapping[str, Any], axis: str, by: str = "") -> str:
        """What is to be seen, by what, from how many runs; ``by`` an axis with lines apart."""
        study, statistic = self.study, self.view.statistic
        text = self.view.words(study)
        along = "horizon" if axis == HORIZON else axis.replace("_", " ")
        about = bands(study)
        if statistic == "median":
            sketch = sketch_words(self.error)
            about = f"Bands are quartiles of the runs{f' ({sketch})' if sketch else ''}."
            if not study.heavy.isdisjoint(study.select(where)):
                about += " The costs have no mean here."
        if self.hidden:
            about += f" Not shown, for want of a positive {statistic}: {', '.join(self.hidden)}."
        about += sentence(self.cut, self._spans())
        return (
            f"{text[0].upper()}{text[1:]} by {along}{restriction(where, study, axis, by)}, "
            f"{run_counts(self.counts)} runs a point. {about}"
        )

    def _spans(self) -> dict[str, Span]:
        return {line.learner: span_of(line.value, line.value) for line in self.series}


def _plain_number(value: Any) -> Any:
    """A float that is whole as an integer; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def learner_lines(
    ledger: Ledger, names: Sequence[str], view: View, axis: str | None, where: Mapping[str, Any]
) -> dict[str, Line]:
    """A line a learner along an axis (None: the rounds of a run)."""
    if axis is None:
        return {name: course(ledger, name, view, where) for name in names}
    return {name: line(ledger, name, view, axis, where) for name in names}


def on_categories(
    ax: Axes, lines: Mapping[str, Line], values: Sequence[Any]
) -> tuple[Mapping[str, Line], list[Any]]:
    """The lines with places 0, 1, ... and ticks for an axis whose ``values`` are not numbers.

    Returns:
      The lines, and the values at the places (none for an axis of numbers).
    """
    categories = [v for v in values if any(v in line.x for line in lines.values())]
    if is_numeric(categories):
        return lines, []
    style.category_ticks(ax, [show(v) for v in categories])
    moved = {
        name: line._replace(x=tuple(categories.index(v) for v in line.x))
        for name, line in lines.items()
    }
    return moved, categories


def _scale_axes(ax: Axes, log: Sequence[str], places: set[float]) -> None:
    """Logarithmic axes with plain labels; ticks at the places themselves where they are few."""
    if "x" in log:
        ax.set_xscale("log")
        if len(places) <= 6:
            style.ticks_at(ax, sorted(places))
        elif max(places) < 1000 * min(places):
            style.plain_log(ax.xaxis)
    elif len(places) > 1:
        style.few_ticks(ax, sorted(places))
    if "y" in log:
        ax.set_yscale("log")


def _plain_y(ax: Axes) -> None:
    low, high = ax.get_ylim()
    if high < 100 * low:
        style.plain_log(ax.yaxis)
    else:  # decades suffice
        style.without_minor_labels(ax.yaxis)
