"""Claims that a statistic of the runs lies between bounds."""

from __future__ import annotations

from jaxsoco.analysis.checks._base import STATISTICS, Check, CheckResult, number
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, check_labels
from jaxsoco.analysis.views import View, finals
from jaxsoco.core.schema import Field

BOUNDS = (
    Field("at_most", "float", "largest value", default=None),
    Field("at_least", "float", "smallest value", default=None),
)


class Bounded(Check):
    """A statistic with ``at_most``, ``at_least`` or both."""

    def validate(self, scope: Scope) -> None:
        """Reports an unknown learner, and bounds that are missing."""
        check_labels("algorithm", self.table.get("algorithm"), scope)
        if not {"at_most", "at_least"} & self.table.keys():
            scope.report("at_most", "is missing", "want at_most, at_least or both")

    def bounded(self, ledger: Ledger, view: View, statistic: str, subject: str) -> CheckResult:
        """Judges the statistic of what the view shows at the end of the runs."""
        study = ledger.study
        values = finals(ledger, self.table["algorithm"], view, study.select(self.where))
        measured = STATISTICS[statistic](values, study.level)
        low, high = self.table.get("at_least"), self.table.get("at_most")
        above = low is None or measured.value >= low
        below = high is None or measured.value <= high
        bounds = [] if low is None else [f"at least {low:g}"]
        bounds += [] if high is None else [f"at most {high:g}"]
        sentence = (
            f"{subject}{self.where_text} is {number(measured, study.level)}; "
            f"claimed: {' and '.join(bounds)}"
        )
        return self.judged(bool(above and below), measured, values, sentence)
