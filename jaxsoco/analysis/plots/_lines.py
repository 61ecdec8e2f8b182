"""Figures with a line a learner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxsoco.analysis.drawings.lines import Lines, learner_lines, on_categories
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import Plot, looks
from jaxsoco.analysis.selection import Scope, check_view
from jaxsoco.analysis.views import View, view
from jaxsoco.core.study import Study

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
        study = ledger.study
        drawing = Lines(ax, study, self.view(study), self.log)
        lines = learner_lines(ledger, self.algorithms(study), drawing.view, axis, self.where)
        values: tuple[Any, ...] = study.axes.get(axis or "", ())
        for name, line in on_categories(ax, lines, values).items():
            drawing.add(name, line, looks(study)[name], self.label(ledger, name))
        drawing.finish(self.table.get("trend"))
        return drawing

    def label(self, ledger: Ledger, name: str) -> str:
        """A learner in the legend."""
        return name
