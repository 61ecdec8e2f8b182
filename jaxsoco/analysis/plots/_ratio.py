"""Figures of cost ratios."""

from __future__ import annotations

from jaxsoco.analysis.plots._base import Plot
from jaxsoco.analysis.selection import Scope, check_against


class RatioPlot(Plot):
    """A figure of the runs' cost ratios to a comparator that is run."""

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and a comparator to which there is no ratio."""
        super().validate(scope)
        check_against(self.table, scope)
        rival = self.table.get("against", next(iter(scope.comparators), None))
        if rival in scope.estimated:
            message = f"there is no ratio to {rival}, which is not run"
            scope.report("against", message, "want measure-vs-axis")
