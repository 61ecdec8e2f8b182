"""``ratio``: a bound on the cost ratio to a comparator or to another learner."""

from __future__ import annotations

from jaxsoco.analysis.checks._base import ALGORITHM, CheckResult
from jaxsoco.analysis.checks._bounded import BOUNDS, Bounded
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, check_first_comparator, check_labels
from jaxsoco.analysis.views import View
from jaxsoco.core.schema import Field


class Ratio(Bounded):
    """A statistic of the runs' cost ratios is at most, or at least, so much."""

    name = "ratio"
    summary = "a statistic of the cost ratio to a comparator or learner lies between bounds"
    fields = (
        ALGORITHM,
        Field("against", "string", "comparator or learner (the first comparator)", default=None),
        Field(
            "statistic",
            "choice",
            "statistic of the runs' cost ratios",
            default="mean",
            choices=("mean", "median", "p95", "max"),
        ),
        *BOUNDS,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and bounds that are missing."""
        super().validate(scope)
        if "against" in self.table:
            check_labels("against", self.table["against"], scope)
        else:
            check_first_comparator(scope)

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """Ratios are summed up against comparators alone."""
        rival = self.table.get("against", next(iter(scope.comparators), None))
        if rival in scope.comparators:
            return ""
        return f"ratios are summed up against comparators, and {rival} is a learner"

    def run(self, ledger: Ledger) -> CheckResult:
        """Compares the statistic with the bounds."""
        rival = self.table.get("against") or next(iter(ledger.study.comparators), None)
        statistic = self.table.get("statistic") or "mean"
        subject = f"{statistic} cost ratio of {self.table['algorithm']} to {rival}"
        return self.bounded(ledger, View(rival, measure="ratio"), statistic, subject)
