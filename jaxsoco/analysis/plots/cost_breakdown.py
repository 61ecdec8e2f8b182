"""``cost-breakdown``: what the mean cost consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.breakdown import draw_breakdown
from jaxsoco.analysis.drawings.words import restriction, run_counts, with_unit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, Plot
from jaxsoco.core.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CostBreakdown(Plot):
    """Components of the mean cost of every learner, comparators among them."""

    name = "cost-breakdown"
    summary = "components of the mean cost, one bar per learner"
    fields = (ALGORITHMS,)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a bar a learner."""
        study = ledger.study
        points = study.select(self.where)
        names = self.algorithms(study)
        if "algorithms" not in self.table:
            names += study.optima
        finite = {n: np.isfinite(ledger.totals(n, points)) for n in names}
        names = [n for n in names if finite[n].any()]
        if not names:
            raise NothingToDraw("no run is there")
        draw_breakdown(ax, ledger, names, points)
        ax.set_xlabel(with_unit("mean cost of a run", study.unit))
        runs = run_counts([finite[n].sum()[None] for n in names])
        return (
            f"Components of the mean cost{restriction(self.where, study)}, {runs} runs a "
            f"learner. The whisker is the {percent(study.level)} interval of the mean total."
        )
