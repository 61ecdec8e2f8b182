"""``cost-breakdown``: what the mean cost consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.breakdown import draw_breakdown
from jaxsoco.analysis.drawings.words import label_x, restriction, run_counts, title, with_unit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, Plot
from jaxsoco.core.study import Study
from jaxsoco.core.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LETTERS = 24  # of a name beside its bar


class CostBreakdown(Plot):
    """Components of the mean cost of every learner, comparators among them."""

    name = "cost-breakdown"
    summary = "components of the mean cost, one bar per learner"
    fields = (ALGORITHMS,)

    def title(self, study: Study) -> str:
        """The components of the mean cost."""
        return title("components of the mean cost", self.where)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a bar a learner."""
        study = ledger.study
        points = study.select(self.where)
        labels = self.algorithms(study)
        if "algorithms" not in self.table:
            labels += study.optima
        runs = {n: ledger.sample(n, None, points).runs for n in labels}
        labels = [n for n in labels if runs[n]]
        if not labels:
            raise NothingToDraw("no run is there")
        names = self.legend(ledger, labels, _LETTERS)
        self.series, cut = draw_breakdown(ax, ledger, labels, points, names)
        label_x(ax, with_unit("mean cost of a run", study.unit))
        counts = run_counts([np.array([runs[n]]) for n in labels])
        return (
            f"Components of the mean cost{restriction(self.where, study)}, {counts} runs a "
            f"learner. The whisker is the {percent(study.level)} interval of the mean total.{cut}"
        )
