"""``curve``: what is looked at over the rounds of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsoco.analysis.drawings.words import label_x
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, LOG, TREND, VIEW
from jaxsoco.analysis.plots._lines import LinesPlot
from jaxsoco.analysis.selection import Scope
from jaxsoco.core.schema import Field
from jaxsoco.core.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Curve(LinesPlot):
    """Cumulative values, averages or rates at the checkpoints of a run."""

    name = "curve"
    summary = "ratio, regret or cost over the rounds of a run"
    fields = (
        *VIEW,
        Field("rate", "boolean", "increments per round between checkpoints", default=False),
        ALGORITHMS,
        LOG,
        TREND,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and runs without checkpoints."""
        super().validate(scope)
        if scope.checkpoints < 2:
            message = "costs are kept at the end of a run only"
            scope.report("kind", message, "want measure-vs-axis")

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """Increments are those of single runs."""
        rate = median and self.table.get("rate", False)
        return "the median increment is that of single runs" if rate else ""

    def title(self, study: Study) -> str:
        """The view over the rounds."""
        return self.title_along(study, "round")

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a line a learner over the rounds."""
        drawing = self.lines(ledger, ax, None)
        label_x(ax, "round")
        return drawing.caption(self.where, "round")
