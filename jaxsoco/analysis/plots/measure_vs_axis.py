"""``measure-vs-axis``: what is looked at along an axis of the problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsoco.analysis.drawings.words import label_x, with_unit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, AXIS, LOG, TREND, VIEW
from jaxsoco.analysis.plots._lines import LinesPlot
from jaxsoco.analysis.selection import Scope, check_axis
from jaxsoco.core.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class MeasureVsAxis(LinesPlot):
    """Ratio, regret, cost or one component along an axis."""

    name = "measure-vs-axis"
    summary = "ratio, regret or cost along an axis of the problem"
    fields = (AXIS, *VIEW, ALGORITHMS, LOG, TREND)

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and an axis with a single value."""
        super().validate(scope)
        if "axis" in self.table:
            check_axis(self.table["axis"], self.where, scope)

    def title(self, study: Study) -> str:
        """The view along the axis."""
        return self.title_along(study, self.table["axis"])

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a line a learner along the axis."""
        axis = self.table["axis"]
        drawing = self.lines(ledger, ax, axis)
        label_x(ax, with_unit(axis, ledger.study.units.get(axis, "")))
        return drawing.caption(self.where, axis)
