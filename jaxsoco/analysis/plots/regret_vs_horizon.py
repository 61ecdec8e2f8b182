"""``regret-vs-horizon``: growth with the horizon, with fitted exponents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jaxsoco.analysis.drawings.words import label_x
from jaxsoco.analysis.fits import fit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, TREND, VIEW
from jaxsoco.analysis.plots._lines import LinesPlot
from jaxsoco.analysis.selection import Scope, default_axis
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.study import HORIZON, Study
from jaxsoco.core.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RegretVsHorizon(LinesPlot):
    """Ratio, regret or cost by the horizon on logarithmic axes."""

    name = "regret-vs-horizon"
    summary = "regret against the horizon on logarithmic axes, with fitted exponents"
    fields = (*VIEW, ALGORITHMS, TREND)

    @property
    def log(self) -> tuple[str, ...]:
        """Both axes are logarithmic."""
        return ("x", "y")

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and an experiment with one horizon."""
        super().validate(scope)
        if default_axis(scope.axes, scope.checkpoints) != HORIZON:
            message = "the experiment has one horizon only"
            scope.report("kind", message, "want a list in run.horizons")

    def title(self, study: Study) -> str:
        """The view along the horizon."""
        return self.title_along(study, HORIZON)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a line a learner, its exponent in the legend."""
        drawing = self.lines(ledger, ax, HORIZON)
        label_x(ax, "horizon T (rounds)")
        level = percent(ledger.study.level)
        return (
            f"{drawing.caption(self.where, HORIZON)} The exponents are least-squares slopes with "
            f"{level} bootstrap intervals over seeds."
        )

    def more(self, ledger: Ledger, name: str) -> str:
        """``: T^0.50 [0.47, 0.53]``."""
        view = self.view(ledger.study)
        return _power(fit(ledger, name, view, HORIZON, self.where).exponent)


def _power(exponent: Estimate) -> str:
    if not math.isfinite(exponent.value):
        return ""
    half = exponent.half_width  # one digit of it is shown at least
    digits = min(max(2, -math.floor(math.log10(half))), 5) if half > 0 else 2
    text = f": $T^{{{exponent.value:.{digits}f}}}$"
    if math.isfinite(exponent.half_width):
        text += f" [{exponent.lower:.{digits}f}, {exponent.upper:.{digits}f}]"
    return text.replace("-", "\N{MINUS SIGN}")
