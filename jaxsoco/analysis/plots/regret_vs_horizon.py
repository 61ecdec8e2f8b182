"""``regret-vs-horizon``: growth with the horizon, with fitted exponents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxsoco.analysis.drawings.words import label_x
from jaxsoco.analysis.fits import Fit, fit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, TREND, VIEW
from jaxsoco.analysis.plots._lines import LinesPlot
from jaxsoco.analysis.selection import Scope, check_last, default_axis
from jaxsoco.analysis.views import LAST, Growth, growth
from jaxsoco.core.study import HORIZON, Study
from jaxsoco.core.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RegretVsHorizon(LinesPlot):
    """Ratio, regret or cost by the horizon on logarithmic axes."""

    name = "regret-vs-horizon"
    summary = "regret against the horizon on logarithmic axes, with fitted exponents"
    fields = (*VIEW, ALGORITHMS, TREND, LAST)

    @property
    def log(self) -> tuple[str, ...]:
        """Both axes are logarithmic."""
        return ("x", "y")

    @property
    def last(self) -> float:
        """Along one run, over which last rounds the local slopes are."""
        return self.table.get(LAST.name, LAST.default)

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and an experiment with one horizon."""
        super().validate(scope)
        if default_axis(scope.axes, scope.checkpoints) != HORIZON:
            message = "the experiment has one horizon only"
            scope.report("kind", message, "want a list in run.horizons")
        check_last(self.table, HORIZON, scope)

    def title(self, study: Study) -> str:
        """The view along the horizon."""
        return self.title_along(study, HORIZON)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a line a learner, its exponent in the legend."""
        drawing = self.lines(ledger, ax, HORIZON)
        label_x(ax, "horizon T (rounds)")
        view = self.view(ledger.study)
        names = self.algorithms(ledger.study)
        exponents = [fit(ledger, name, view, HORIZON, self.where, self.last) for name in names]
        return f"{drawing.caption(self.where, HORIZON)}{_how(exponents, ledger.study)}"

    def more(self, ledger: Ledger, name: str) -> str:
        """``: T^0.50 [0.47, 0.53]``."""
        view = self.view(ledger.study)
        return _power(growth(ledger, name, view, HORIZON, self.where, self.last))


def _how(exponents: Sequence[Fit], study: Study) -> str:
    """What the caption says of the exponents: over which rounds they are, whence the intervals."""
    level, units = study.level, "blocks of seeds" if study.moments else "seeds"
    ranges: dict[str, list[str]] = {}
    for one in exponents:
        if math.isfinite(one.growth.exponent.value):
            over = one.growth.over.removeprefix("local slope over ")
            ranges.setdefault(over, []).append(one.algorithm)
    if not ranges:
        return ""
    local = any(one.growth.local for one in exponents)
    texts = [f"{over} ({', '.join(names)})" for over, names in ranges.items()]
    over = next(iter(ranges)) if len(ranges) == 1 else ", ".join(texts)
    what = "Local slopes" if local else "The exponents"
    text = f" {what} are by least squares over {over}"
    finite = [e for e in (one.growth.exponent for one in exponents) if math.isfinite(e.value)]
    without = [estimate for estimate in finite if not math.isfinite(estimate.half_width)]
    notes = dict.fromkeys(estimate.note for estimate in without if estimate.note)
    if len(without) < len(finite):
        text += f", with {percent(level)} bootstrap intervals over {units}"
    return text + (f"; without an interval: {', '.join(notes)}." if notes else ".")


def _power(trend: Growth) -> str:
    exponent = trend.exponent
    if not math.isfinite(exponent.value):
        return ""
    half = exponent.half_width  # one digit of it is shown at least
    digits = min(max(2, -math.floor(math.log10(half))), 5) if half > 0 else 2
    value = f"{exponent.value:.{digits}f}"
    text = f": local slope {value}" if trend.local else f": $T^{{{value}}}$"
    if math.isfinite(exponent.half_width):
        text += f" [{exponent.lower:.{digits}f}, {exponent.upper:.{digits}f}]"
    return text.replace("-", "\N{MINUS SIGN}")
