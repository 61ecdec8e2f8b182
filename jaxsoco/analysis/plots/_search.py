"""The course of a search: its objective and its parameters, step by step.

Not among the kinds that an experiment file may ask for: it shows what ``jaxsoco tune`` did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import label_x, label_y, with_unit, words
from jaxsoco.analysis.judgement import Judged
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import Plot, looks
from jaxsoco.analysis.searches import ROWS, Parameter, Search
from jaxsoco.core.study import Study
from jaxsoco.core.text import count, percent, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COURSE = style.Line("#444444", "o", "-")
"""How a search is drawn; colours are those of who is judged."""

_PANEL = 0.85  # inches of a parameter's panel
_SPAN = 20.0  # an objective over a larger factor is drawn on a logarithmic axis


def short_log(axis: Any) -> None:
    """Labels of a logarithmic axis: decades, or some places between where these are few."""
    low, high = axis.get_view_interval()
    if high < 100 * low:
        style.plain_log(axis)
    else:
        style.without_minor_labels(axis)


def is_wide(finite: np.ndarray) -> bool:
    """Whether values span so large a factor that they are shown by their logarithm."""
    return bool(finite.size and finite.min() > 0 and finite.max() > _SPAN * finite.min())


def scale_objective(ax: Axes, value: np.ndarray) -> None:
    """A logarithmic axis for an objective that spans a large factor."""
    if is_wide(value[np.isfinite(value)]):
        ax.set_yscale("log")
        style.plain_log(ax.yaxis)


class TuningPlot(Plot):
    """A figure of one search.

    Args:
      search: what is shown.
      rows: its judgement, as :func:`~jaxsoco.analysis.judgement.judged` makes it.
    """

    def __init__(self, search: Search, rows: Sequence[Judged]):
        super().__init__({"kind": self.name, "learner": search.name})
        self.search, self.rows = search, rows

    def quantity(self, study: Study) -> str:
        """The objective with its unit, for an axis."""
        objective = self.search.objective
        return with_unit(objective.words(study.measure), objective.unit(study))


class SearchPlot(TuningPlot):
    """The objective over the steps, with its interval, and below it every parameter."""

    name = "search"
    summary = "objective and parameters of a search, step by step"

    def title(self, study: Study) -> str:
        """What was searched for."""
        return f"Search for {' and '.join(words(p.name) for p in self.search.parameters)}"

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a panel for the objective and one for each parameter."""
        search = self.search
        if not search.steps:
            raise NothingToDraw("the steps of the search are not there")
        steps = np.arange(1, search.steps + 1)
        panels = self._panels(ax)
        self._draw_objective(ledger, ax, steps)
        for parameter, panel in zip(search.parameters, panels[1:], strict=True):
            self._draw_parameter(ledger, panel, parameter, steps)
        for panel in panels[:-1]:
            panel.tick_params(labelbottom=False)
        style.whole_ticks(panels[-1])
        label_x(panels[-1], "step")
        return self._caption(ledger)

    def _panels(self, ax: Axes) -> list[Axes]:
        """The axes given, and below them more of their width."""
        figure, number = ax.get_figure(root=True), len(self.search.parameters)
        if figure is None:
            raise NothingToDraw("the axes have no figure")
        height = figure.get_figheight()
        grid = figure.add_gridspec(1 + number, 1, height_ratios=[height, *[_PANEL] * number])
        figure.set_figheight(height + _PANEL * number)
        ax.set_subplotspec(grid[0])
        return [ax, *(figure.add_subplot(grid[1 + i], sharex=ax) for i in range(number))]

    def _line(self, ax: Axes, steps: np.ndarray, value: np.ndarray, label: str = "") -> None:
        if self.search.walks:
            options = {**COURSE.options(), "markevery": -(-len(steps) // 10)}
        else:  # no place follows from the one before
            options = {**COURSE.options(), "linestyle": "none"}
        ax.plot(steps, value, label=label or None, **options)

    def _draw_objective(self, ledger: Ledger, ax: Axes, steps: np.ndarray) -> None:
        history, study = self.search.history, ledger.study
        value, low, high = (np.asarray(history[k], float) for k in ("objective", "low", "high"))
        self._line(ax, steps, value, "seeds of the search")
        if self.search.walks:
            ax.fill_between(steps, low, high, color=COURSE.color, alpha=0.18, linewidth=0)
        else:
            ax.vlines(steps, low, high, color=COURSE.color, alpha=0.35, linewidth=0.8)
        self._note("seeds of the search", steps, value, low, high)
        for one in self.rows:
            if np.isfinite(one.objective.value):
                name, color = f"{one.row}, held out", looks(study)[one.label].color
                ax.axhline(one.objective.value, label=style.plain(name), color=color,
                           linestyle="--", linewidth=1)  # fmt: skip
                self._note(name, [""], [one.objective.value])
        scale_objective(ax, value)
        label_y(ax, self.quantity(study))

    def _draw_parameter(
        self, ledger: Ledger, ax: Axes, parameter: Parameter, steps: np.ndarray
    ) -> None:
        course = self.search.course(parameter)
        self._note(parameter.name, steps, course)
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in course):
            names = [show(value, "auto") for value in parameter.choices]
            self._line(ax, steps, np.array([parameter.choices.index(value) for value in course]))
            ax.set_yticks(range(len(names)), [style.plain(name) for name in names])
        else:
            self._line(ax, steps, np.array(course, float))
            if parameter.scale == "log":
                ax.set_yscale("log")
                short_log(ax.yaxis)
        for row in ROWS:
            place, label = self.search.values.get(row, {}), self.search.labels.get(row, "")
            number = place.get(parameter.name)
            if isinstance(number, int | float) and label == self._first_label(label, row):
                ax.axhline(
                    number, color=looks(ledger.study)[label].color, linestyle="--", linewidth=0.8
                )
        label_y(ax, words(parameter.name))

    def _first_label(self, label: str, row: str) -> str:
        """The label, unless a row before this one has it: one line for both."""
        before = ROWS[: ROWS.index(row)]
        return "" if label in (self.search.labels.get(one) for one in before) else label

    def _note(self, name: str, x: Any, value: Any, low: Any = (), high: Any = ()) -> None:
        places = [*x] if isinstance(x, list) else [int(i) for i in x]
        numbers = [float(v) if isinstance(v, int | float) else math.nan for v in value]
        ends = (tuple(map(float, end)) for end in (low, high))
        self.series.append(Series(name, places, numbers, *ends))

    def _caption(self, ledger: Ledger) -> str:
        search, study = self.search, ledger.study
        rejected = int(np.sum(np.asarray(search.history.get("nonfinite", [0])) > 0))
        more = f" {count(rejected, 'step')} had runs that are not finite." if rejected else ""
        return (
            f"{search.objective.words(study.measure).capitalize()} of {search.name} over the "
            f"{count(search.steps, 'step')} of the search ({search.method}), {search.seeds} runs "
            f"each, and the parameters. Bands are {percent(study.level)} intervals on the seeds "
            "of the search, where the best value seems better than it is; dashed lines are the "
            f"values of {count(study.seeds, 'held-out seed')}.{more}"
        )
