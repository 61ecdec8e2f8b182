"""Figures with a line a learner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxsoco.analysis.drawings.lines import Lines, learner_lines, on_categories
from jaxsoco.analysis.drawings.words import title, words
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import Plot, looks
from jaxsoco.analysis.selection import Scope, check_view
from jaxsoco.analysis.views import View, view
from jaxsoco.core.study import HORIZON, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LinesPlot(Plot):
    """A figure of a view along something, a line a learner."""

    def validate(self, scope: Scope) -> None:
        """Reports unknown learners, comparators and components."""
        super().validate(scope)
        check_view(self.table, scope)

    def view(self, study: Study) -> View:
        """What is looked at."""
        return view(self.table, study, self.where)

    def lines(self, ledger: Ledger, ax: Axes, axis: str | None) -> Lines:
        """Draws the lines along an axis (None: the rounds of a run)."""
        study, labels = ledger.study, self.algorithms(ledger.study)
        values: tuple[Any, ...] = study.axes.get(axis or "", ())
        view, names = self.view(study), self.legend(ledger, labels)
        lines = learner_lines(ledger, labels, view, axis, self.where)
        lines, places = on_categories(ax, lines, values)
        options = {"beside": len(lines), "series": self.series, "error": ledger.error}
        drawing = Lines(ax, study, view, self.log, places, **options)
        for name, line in lines.items():
            text = names[name] + self.more(ledger, name)
            drawing.add(name, line, looks(study)[name], text)
        along = "T" if axis in (None, HORIZON) else words(axis)
        drawing.finish(self.table.get("trend"), along)
        return drawing

    def more(self, ledger: Ledger, name: str) -> str:
        """What the legend says after a learner's name, ready for matplotlib."""
        return ""

    def title_along(self, study: Study, along: str) -> str:
        """``Mean regret against static_optimum by round, depth = 2``."""
        view = self.view(study)
        text = view.words(study)
        if view.rate:  # of the rounds between two checkpoints, not of all so far
            text = text.replace("per round", "of the rounds just past")
        return title(f"{text} by {words(along)}", self.where)
