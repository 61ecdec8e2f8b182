"""``guarantee``: no run costs more than theory allows."""

from __future__ import annotations

import math

from jaxsoco.analysis.checks._base import Check, CheckResult, amount
from jaxsoco.analysis.guarantees import Worst, check_guaranteed, labels_of, worst
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.views import AGAINST
from jaxsoco.core.schema import Field
from jaxsoco.core.text import show_all


class Guaranteed(Check):
    """The cost ratio of every run is at most the theorem's, at its point and its parameters.

    A fact about the runs: a single one above it refutes the claim.
    """

    name = "guarantee"
    summary = "no run's cost ratio to a comparator is above what theory guarantees"
    fields = (
        Field("algorithms", "strings", "labels (all with a guarantee if absent)", default=None),
        AGAINST,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and learners of which theory promises nothing."""
        check_guaranteed(self.table, scope)

    def run(self, ledger: Ledger) -> CheckResult:
        """Looks for the run that comes closest to its guarantee."""
        study = ledger.study
        against = self.table.get("against") or study.comparators[0]
        names, points = labels_of(self.table, study, against), study.select(self.where)
        rows = [(name, p, worst(ledger, name, against, [p])) for name in names for p in points]
        found = [(_share(row), name, point, row) for name, point, row in rows if row.runs]
        runs = sum(row.runs for *_, row in found)
        expected = sum(ledger.cells[point, name].runs for name in names for point in points)
        share, name, point, row = max(
            found, default=(math.nan, "", -1, Worst(math.nan, math.nan, 0))
        )
        about = f"the cost ratio to {against} in all {runs} runs{self.where_text}"
        sentence = f"{about} is at most {amount(share)} of what theory guarantees"
        if found:
            place = show_all({axis: study.points[point][axis] for axis in study.axes})
            at = f" at {place}" if place else ""
            sentence += f" ({name}{at}: {amount(row.ratio)} of {amount(row.guarantee)})"
        sentence += "; claimed: at most 1"
        lost = expected - runs
        if lost:
            sentence += f" ({lost} more with a cost that is not finite)"
        passed = bool(found) and share <= 1 + study.rounding and not lost
        return CheckResult(self.table, passed, Estimate(share), runs, sentence)


def _share(row: Worst) -> float:
    return row.ratio / row.guarantee
