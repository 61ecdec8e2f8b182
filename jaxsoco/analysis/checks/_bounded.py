"""Claims that a statistic of the runs lies between bounds."""

from __future__ import annotations

import math

from jaxsoco.analysis.checks._base import (
    STATISTICS,
    Check,
    CheckResult,
    amount,
    check_equality,
    number,
)
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.samples import Sample
from jaxsoco.analysis.selection import Scope, check_labels
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.verdicts import decide
from jaxsoco.analysis.views import View, estimated, finals
from jaxsoco.core.schema import Field
from jaxsoco.core.text import show

BOUNDS = (
    Field("at_most", "float", "largest value", default=None),
    Field("at_least", "float", "smallest value", default=None),
)


class Bounded(Check):
    """A statistic with ``at_most``, ``at_least`` or both."""

    def validate(self, scope: Scope) -> None:
        """Reports an unknown learner, and bounds that are missing."""
        check_labels("algorithm", self.table.get("algorithm"), scope)
        low, high = self.table.get("at_least"), self.table.get("at_most")
        if not {"at_most", "at_least"} & self.table.keys():
            scope.report("at_most", "is missing", "want at_most, at_least or both")
        elif self.table.get("statistic") != "max":
            check_equality("at_most", low, high, scope)

    def bounded(self, ledger: Ledger, view: View, statistic: str, subject: str) -> CheckResult:
        """Judges the statistic of what the view shows at the end of the runs."""
        study, label = ledger.study, self.table["algorithm"]
        points = study.select(self.where)
        values = finals(ledger, label, view, points)
        measured = STATISTICS[statistic](values, study.level)
        measured = estimated(ledger, measured, (label, view.against), points)
        low, high = self.table.get("at_least"), self.table.get("at_most")
        bounds = [] if low is None else [f"at least {show(low)}"]
        bounds += [] if high is None else [f"at most {show(high)}"]
        claim = f"claimed: {' and '.join(bounds)}"
        if statistic in ("median", "p95") and values.words:
            claim = f"{values.words}; {claim}"
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if statistic == "max":
            return self._of_every_run(
                ledger, measured, values, view.against, subject, claim, low, high
            )
        sentence = f"{subject}{self.where_text} is {number(measured, study.level)}; {claim}"
        return self.decided(measured, values, sentence, low=low, high=high)

    def _of_every_run(
        self,
        ledger: Ledger,
        largest: Estimate,
        values: Sample,
        rival: str | None,
        subject: str,
        claim: str,
        low: float,
        high: float,
    ) -> CheckResult:
        """A fact about the runs: it fails if one of them has no finite cost to be bounded."""
        label, points = self.table["algorithm"], ledger.study.select(self.where)
        rival = rival if rival in ledger.study.labels else None
        finite = ledger.sample(label, rival, points, "regret").runs
        lost = sum(ledger.cells[point, label].runs for point in points) - finite
        fact = f"{subject} in all {values.runs} runs{self.where_text} is {amount(largest.value)}"
        sentence = f"{fact}; {claim}"
        if lost:
            sentence += f" ({lost} more with a cost that is not finite)"
        passed = decide(largest, low, high) == "passed" and not (lost and high < math.inf)
        return self.judged(passed, largest, values, sentence)
