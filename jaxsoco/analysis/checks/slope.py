"""``slope``: the exponent with which the measure grows along an axis."""

from __future__ import annotations

import math

from jaxsoco.analysis.checks._base import (
    ALGORITHM,
    Check,
    CheckResult,
    check_growth,
    number,
)
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import (
    Scope,
    check_axis,
    check_last,
    default_axis,
)
from jaxsoco.analysis.views import (
    AGAINST,
    COST,
    LAST,
    PER_ROUND,
    STATISTIC,
    finals,
    growth,
    view,
)
from jaxsoco.core.schema import Field


class Slope(Check):
    """The measure grows like ``axis ** exponent`` with an exponent in an interval."""

    name = "slope"
    summary = "the growth exponent along an axis lies in an interval"
    fields = (
        ALGORITHM,
        Field("between", "pair", "smallest and largest exponent"),
        Field("axis", "string", "numeric axis (the horizon, or the only axis)", default=None),
        AGAINST,
        COST,
        STATISTIC,
        PER_ROUND,
        LAST,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and an axis that is missing or cannot have a slope."""
        axis = self.table.get("axis") or default_axis(scope.axes, scope.checkpoints)
        axis = check_growth(self.table, axis, scope)
        if axis is not None:
            check_axis(axis, self.where, scope, numeric=True)
            check_last(self.table, axis, scope)

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """Exponents of medians are resampled seed by seed."""
        return "an exponent of medians resamples single runs" if median else ""

    def run(self, ledger: Ledger) -> CheckResult:
        """Fits the exponent."""
        study, algorithm = ledger.study, self.table["algorithm"]
        quantity = view(self.table, study, self.where)
        axis = self.table.get("axis") or default_axis(study.axes, study.checkpoints) or ""
        last = self.table.get(LAST.name, LAST.default)
        trend = growth(ledger, algorithm, quantity, axis, self.where, last)
        measured = trend.exponent
        low, high = self.table["between"]
        subject = f"{quantity.words(study, algorithm)}{self.where_text}"
        values = finals(ledger, algorithm, quantity, study.select(self.where))
        if not math.isfinite(measured.value):
            sentence = f"{subject}: no exponent in {axis}, {trend.note}"
        else:
            sentence = (
                f"{subject} grows like {axis}^{number(measured, study.level)}, "
                f"{'a' if trend.local else 'over'} {trend.over}"
                f"{f' ({trend.note})' if trend.note else ''}; "
                f"claimed: exponent between {low:g} and {high:g}"
            )
        return self.decided(measured, values, sentence, low=low, high=high)
