"""``trend``: the measure keeps to a power law with a given exponent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

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
    default_axis,
)
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.trends import Law, Share, shares
from jaxsoco.analysis.verdicts import Verdict, decide, together
from jaxsoco.analysis.views import AGAINST, COST, PER_ROUND, STATISTIC, finals, view
from jaxsoco.core.schema import Field
from jaxsoco.core.study import HORIZON, is_numeric, matches
from jaxsoco.core.text import show, thousands


class Trend(Check):
    """At every place of an axis the measure is so many times ``constant axis^exponent``.

    The constant is given, as that of a theorem's bound is, or such that the law goes through the
    runs at one place. Where a fitted exponent still changes, this says how far from the law the
    runs are.
    """

    name = "trend"
    summary = "at every place of an axis the measure is within a share of a given power law"
    fields = (
        ALGORITHM,
        Field("exponent", "float", "exponent of the law"),
        Field("between", "pair", "smallest and largest share of the law: [0.9, 1.1], or [0, 1]"),
        Field(
            "through",
            "float",
            "place of the axis at which the law is what the runs came to",
            default=None,
        ),
        Field(
            "constant",
            "float",
            "factor of the law, in place of `through`",
            default=None,
            low=0,
            open_low=True,
        ),
        Field("axis", "string", "numeric axis (the horizon, or the only axis)", default=None),
        AGAINST,
        COST,
        STATISTIC,
        PER_ROUND,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, a law that nothing or two things fix, and a place that is none."""
        given = self.table.keys() & {"through", "constant"}
        if len(given) != 1:
            message = "is missing, and so is constant" if not given else "is there with constant"
            scope.report("through", message, "want one of them")
        axis = self.table.get("axis") or default_axis(scope.axes)
        axis = check_growth(self.table, axis, scope)
        if axis is None:
            return
        before = len(scope.issues)
        # Rounds of one run are no places here.
        check_axis(axis, self.where, replace(scope, checkpoints=1), numeric=True)
        if isinstance(axis, str) and len(scope.issues) == before:
            self._check_places(axis, scope)

    def _check_places(self, axis: str, scope: Scope) -> None:
        """Reports places that have no power, and a ``through`` that is none of them."""
        wanted = self.where.get(axis)
        values: list[Any] = [v for v in scope.axes[axis] if wanted is None or matches(v, wanted)]
        if any(value <= 0 for value in values):
            message = f"{axis} is not above 0 everywhere"
            scope.report("axis", message, f"select its positive values with where.{axis}")
        through = self.table.get("through")
        if is_numeric([through]) and through not in values:
            hint = "its places: " + ", ".join(map(show, values))
            scope.report("through", f"{show(through)} is no place of {axis}", hint)

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """The ratio of two medians is resampled seed by seed."""
        through = "through" in self.table
        return "the ratio of two medians resamples single runs" if median and through else ""

    def run(self, ledger: Ledger) -> CheckResult:
        """Estimates the share at every place, and judges the one that decides."""
        study, algorithm = ledger.study, self.table["algorithm"]
        quantity = view(self.table, study, self.where)
        law = Law(
            self.table.get("axis") or default_axis(study.axes) or "",
            self.table["exponent"],
            self.table.get("constant"),
            self.table.get("through", math.nan),
        )
        low, high = self.table["between"]
        rows = shares(ledger, algorithm, quantity, law, self.where)
        values = finals(ledger, algorithm, quantity, study.select(self.where))
        subject = f"{quantity.words(study, algorithm)}{self.where_text}"
        if not rows:
            sentence = f"{subject} has no runs at two values of {law.axis}"
            return self.decided(Estimate(math.nan), np.empty((0, 0)), sentence)
        row = _decisive(rows, low, high)
        axis = "T" if law.axis == HORIZON else law.axis
        places = ", ".join(f"{one.share.value:.3g}" for one in rows)
        sentence = (
            f"{subject} over {law}: {places} at {axis} = "
            f"{', '.join(thousands(one.place) for one in rows)}; "
            f"the one that decides, at {thousands(row.place)}, is "
            f"{number(row.share, study.level)}; claimed: between {low:g} and {high:g}"
        )
        return self.decided(row.share, values, sentence, low=low, high=high)


def _decisive(rows: Sequence[Share], low: float, high: float) -> Share:
    """The place on which the verdict on all of them rests.

    One that fails, or else one that is undecided, or else any: of those the one whose interval
    goes furthest beyond the bounds, or comes closest to them.
    """
    verdicts: list[Verdict] = [decide(row.share, low, high) for row in rows]
    verdict = together(verdicts)
    group = [row for row, one in zip(rows, verdicts, strict=True) if one == verdict]
    return max(group, key=lambda row: _overhang(row.share, low, high))


def _overhang(share: Estimate, low: float, high: float) -> float:
    """How far an interval reaches beyond the bounds; negative within them."""
    if not all(map(math.isfinite, share)):
        return math.inf
    return max(low - share.lower, share.upper - high)
