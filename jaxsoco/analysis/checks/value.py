"""``value``: a bound on a statistic of the runs."""

from __future__ import annotations

from jaxsoco.analysis.checks._base import ALGORITHM, CheckResult
from jaxsoco.analysis.checks._bounded import BOUNDS, Bounded
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, check_view
from jaxsoco.analysis.views import AGAINST, COST, PER_ROUND, view
from jaxsoco.core.schema import Field


class Value(Bounded):
    """A statistic of the ratio, regret or cost is at most, or at least, so much."""

    name = "value"
    summary = "a statistic of the ratio, regret or cost lies between bounds"
    fields = (
        ALGORITHM,
        AGAINST,
        COST,
        Field(
            "statistic",
            "choice",
            "statistic over runs (the mean, or the median for costs without one)",
            default=None,
            choices=("mean", "median", "p95", "max"),
        ),
        PER_ROUND,
        *BOUNDS,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and bounds that are missing."""
        super().validate(scope)
        check_view(self.table, scope)

    def run(self, ledger: Ledger) -> CheckResult:
        """Compares the statistic with the bounds."""
        quantity = view(self.table, ledger.study, self.where)
        subject = quantity.words(ledger.study, self.table["algorithm"])
        return self.bounded(ledger, quantity, quantity.statistic, subject)
