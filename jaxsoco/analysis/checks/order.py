"""``order``: which learner is better than which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from jaxsoco.analysis.checks._base import (
    PAIRED_STEPS,
    STATISTICS,
    Check,
    CheckResult,
    amount,
    number,
)
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.pairing import common
from jaxsoco.analysis.samples import Sample
from jaxsoco.analysis.selection import Scope, check_labels, check_view
from jaxsoco.analysis.statistics import Estimate, certain
from jaxsoco.analysis.verdicts import Verdict, decide, seeds_to_decide, together
from jaxsoco.analysis.views import AGAINST, COST, STATISTIC, View, estimated, finals, view
from jaxsoco.core.schema import Field


class Order(Check):
    """Learners are in order, judged by paired steps: runs of one seed share their world."""

    name = "order"
    summary = "learners rank in the stated order, the best first"
    fields = (
        Field("algorithms", "strings", "labels, the best learner first"),
        AGAINST,
        COST,
        STATISTIC,
        Field(
            "tolerance",
            "float",
            "how much worse than its successor a learner may be; without it, ties are undecided",
            default=0.0,
            low=0,
        ),
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and a list that is no order."""
        names = self.table.get("algorithms", ())
        check_labels("algorithms", names, scope)
        if isinstance(names, list | tuple) and names and not _is_order(names):
            scope.report("algorithms", "is no order", "want two or more different labels")
        check_view(self.table, scope)

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """Medians are compared seed by seed."""
        return "the difference of two medians resamples single runs" if median else ""

    def run(self, ledger: Ledger) -> CheckResult:
        """Estimates every step from one learner to the next, and judges the one that decides."""
        study, names = ledger.study, list(self.table["algorithms"])
        quantity, points = view(self.table, study, self.where), study.select(self.where)
        values = [finals(ledger, name, quantity, points) for name in names]
        tolerance = self.table.get("tolerance", 0.0)
        steps = [
            self._step(ledger, quantity, pair, columns)
            for pair, columns in zip(pairwise(names), pairwise(values), strict=True)
        ]
        runs = common(values)
        decisive = _decisive(steps, runs.seeds, -tolerance)
        measured = steps[decisive]
        middles = [STATISTICS[quantity.statistic](v, study.level).value for v in values]
        ranks = " < ".join(f"{n} {amount(m)}" for n, m in zip(names, middles, strict=True))
        slack = f" (tolerance {tolerance:g})" if tolerance else ""
        smallest = measured.value == min(step.value for step in steps)
        step = f"the {'smallest ' * smallest}paired step"
        if len(steps) > 1:
            step += f", from {names[decisive]} to {names[decisive + 1]},"
        sentence = (
            f"{quantity.words(study)}{self.where_text}, claimed: {ranks}{slack}; "
            f"{step} is {number(measured, study.level)}"
        )
        return self.decided(
            measured,
            runs,
            sentence,
            low=-tolerance,
            strict=not tolerance,  # where runs do not tell two learners apart, neither is better
        )

    def _step(
        self,
        ledger: Ledger,
        quantity: View,
        names: tuple[str, str],
        values: tuple[Sample, Sample],
    ) -> Estimate:
        """By how much the second learner is worse than the first; 0 where rounding alone is."""
        study, points = ledger.study, ledger.study.select(self.where)
        step = PAIRED_STEPS[quantity.statistic](*values, study.level)
        step = estimated(ledger, step, (*names, quantity.against), points)
        sizes = [*values]
        if (quantity.measure or study.measure) == "regret" and quantity.cost is None:
            sizes += [ledger.sample(name, None, points) for name in names]
        noise = study.noise * max(one.magnitude for one in sizes)
        ends = [abs(end) for end in step if not math.isnan(end)]
        return certain(0.0, "to rounding") if len(ends) == 3 and max(ends) <= noise else step


def _decisive(steps: Sequence[Estimate], seeds: int, low: float) -> int:
    """The step on which the verdict on all of them rests.

    One that fails, or else one that is undecided: of those the one that needs the fewest seeds to
    fail, or if none seems to fail, the most seeds to pass. If all pass, the smallest.
    """
    verdicts: list[Verdict] = [decide(step, low, strict=low == 0) for step in steps]
    verdict = together(verdicts)
    group = [i for i, one in enumerate(verdicts) if one == verdict]
    if verdict != "undecided":
        return min(group, key=lambda i: steps[i].value)
    needed = {i: seeds_to_decide(steps[i], seeds, low) for i in group}
    needed = {i: math.inf if math.isnan(n) else n for i, n in needed.items()}
    worse = [i for i in group if steps[i].value < low]
    return min(worse, key=needed.__getitem__) if worse else max(group, key=needed.__getitem__)


def _is_order(names: Sequence[Any]) -> bool:
    return len(names) > 1 and all(name not in names[:i] for i, name in enumerate(names))
