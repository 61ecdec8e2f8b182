"""``ratio-cdf``: the distribution of cost ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.distribution import draw_distributions
from jaxsoco.analysis.drawings.words import label_x, restriction, run_counts, title, words
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, looks
from jaxsoco.analysis.plots._ratio import RatioPlot
from jaxsoco.analysis.selection import Scope
from jaxsoco.analysis.views import AGAINST
from jaxsoco.core.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RatioCdf(RatioPlot):
    """The share of runs whose ratio is at most so much."""

    name = "ratio-cdf"
    summary = "empirical distribution of the runs' cost ratios"
    fields = (AGAINST, ALGORITHMS)

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """Every run is a step."""
        return "the distribution is drawn run by run"

    def title(self, study: Study) -> str:
        """The distribution of the ratios."""
        return title(f"distribution of ratios to {self.against(study)}", self.where)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a step line a learner."""
        study = ledger.study
        against, points = self.against(study), study.select(self.where)
        ratios = {n: ledger.values(n, against, points, "ratio") for n in self.algorithms(study)}
        ordered = {name: np.sort(v[np.isfinite(v)]) for name, v in ratios.items()}
        ordered = {name: v for name, v in ordered.items() if v.size}
        if not ordered:
            raise NothingToDraw("no run has a ratio")
        names = self.legend(ledger, ordered)
        self.series, end = draw_distributions(ax, ordered, looks(study), names)
        label_x(ax, f"ratio to {words(against)}")
        runs = run_counts([np.array([v.size]) for v in ordered.values()])
        return (
            f"Empirical distribution of the runs' cost ratios to {against}"
            f"{restriction(self.where, study)}, {runs} runs a learner. {end}"
        )
