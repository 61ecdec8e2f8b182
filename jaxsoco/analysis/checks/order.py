"""``order``: which learner is better than which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from jaxsoco.analysis.checks._base import STATISTICS, Check, CheckResult, number
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, check_labels, check_view
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.views import AGAINST, COST, STATISTIC, finals, view
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
            "how much worse than its successor a learner may be",
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

    def run(self, ledger: Ledger) -> CheckResult:
        """Estimates every step from one learner to the next."""
        study, names = ledger.study, list(self.table["algorithms"])
        quantity, points = view(self.table, study, self.where), study.select(self.where)
        values = [finals(ledger, name, quantity, points) for name in names]
        statistic = STATISTICS[quantity.statistic]
        middles = [statistic(v, study.level).value for v in values]
        if quantity.statistic == "median":  # of differences is no difference of medians
            paired = ""
            steps = [Estimate(worse - better) for better, worse in pairwise(middles)]
        else:
            paired = "paired "
            steps = [statistic(worse - better, study.level) for better, worse in pairwise(values)]
        measured = min(steps, key=lambda s: s.value if math.isfinite(s.value) else -math.inf)
        tolerance = self.table.get("tolerance", 0.0)
        passed = all(step.value >= -tolerance for step in steps)
        means = " < ".join(f"{n} {middle:.4g}" for n, middle in zip(names, middles, strict=True))
        slack = f" (tolerance {tolerance:g})" if tolerance else ""
        sentence = (
            f"{quantity.words(study)}{self.where_text}, claimed: {means}{slack}; "
            f"the smallest {paired}step is {number(measured, study.level)}"
        )
        return self.judged(passed, measured, np.stack(values).sum(axis=0), sentence)


def _is_order(names: Sequence[Any]) -> bool:
    return len(names) > 1 and all(name not in names[:i] for i, name in enumerate(names))
