"""``minimum``: at which value of a parameter an algorithm does best."""

from __future__ import annotations

import math

from jaxsoco.analysis.checks._base import Check, CheckResult, number
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, check_bases, check_parameter, check_view
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.views import AGAINST, COST, STATISTIC, least, profiles, view
from jaxsoco.core.schema import Field


class Minimum(Check):
    """The measure is least at a value of the parameter in an interval."""

    name = "minimum"
    summary = "an algorithm's best value of a parameter lies in an interval"
    fields = (
        Field("algorithm", "string", "name of an algorithm with several values of the parameter"),
        Field("parameter", "string", "the field that is varied"),
        Field("between", "pair", "interval that contains the best value"),
        AGAINST,
        COST,
        STATISTIC,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and a parameter without several values."""
        bases = check_bases("algorithm", self.table.get("algorithm"), scope)
        check_parameter(self.table, scope, bases)
        check_view(self.table, scope)

    def run(self, ledger: Ledger) -> CheckResult:
        """Looks for the least value of the algorithm's profile in the parameter."""
        study, parameter = ledger.study, self.table["parameter"]
        algorithm, quantity = self.table["algorithm"], view(self.table, study, self.where)
        candidates = profiles(ledger, algorithm, parameter, quantity, self.where)
        if len(candidates) != 1 or not candidates[0]:
            amount = "several" if candidates else "no"
            sentence = f"{algorithm} has {amount} profiles in {parameter}: nothing is judged"
            return CheckResult(self.table, False, Estimate(math.nan), 0, sentence)
        (profile,) = candidates
        measured = least(profile, quantity, study.level)
        low, high = self.table["between"]
        sentence = (
            f"the least {quantity.words(study, algorithm)}{self.where_text} is at {parameter} = "
            f"{number(measured, study.level)}; claimed: between {low:g} and {high:g}"
        )
        passed = bool(low <= measured.value <= high)
        return self.judged(passed, measured, profile[0][1], sentence)
