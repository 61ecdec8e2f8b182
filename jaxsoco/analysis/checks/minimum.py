"""``minimum``: at which value of a parameter an algorithm does best."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from jaxsoco.analysis.checks._base import Check, CheckResult, number
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.resampling import seeds_to_place
from jaxsoco.analysis.selection import Scope, check_bases, check_parameter, check_view
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.views import AGAINST, COST, STATISTIC, least, profiles, view
from jaxsoco.core.schema import Field


class Minimum(Check):
    """The measure is least at a value of the parameter in an interval.

    Seeds are resampled, and each resample has a value at which its mean (or median) is least: the
    interval of the best value leaves out at most 2.5 % of the resamples on either side. The claim
    holds if that interval lies inside the claimed one, and fails if it lies outside.
    """

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
        """Reports unknown names, and a parameter without several values, or not the only one."""
        bases = check_bases("algorithm", self.table.get("algorithm"), scope)
        check_parameter(self.table, scope, bases)
        if others := _other_fields(self.table.get("parameter"), scope, bases):
            message = f"has several profiles: its learners differ in {' and '.join(others)}, too"
            scope.report("algorithm", message, "give each profile a label of its own")
        check_view(self.table, scope)

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """Profiles of medians are resampled seed by seed."""
        return "a profile of medians resamples single runs" if median else ""

    def run(self, ledger: Ledger) -> CheckResult:
        """Looks for the least value of the algorithm's profile in the parameter."""
        study, parameter = ledger.study, self.table["parameter"]
        algorithm, quantity = self.table["algorithm"], view(self.table, study, self.where)
        candidates = profiles(ledger, algorithm, parameter, quantity, self.where)
        if not candidates:
            sentence = f"{algorithm} has no profile in {parameter}"
            return self.decided(Estimate(math.nan), np.empty((0, 0)), sentence)
        (profile,) = candidates  # validation refuses several
        labels = [label for label, (base, _) in study.settings.items() if base == algorithm]
        same = ledger.repeats((*labels, quantity.against), study.select(self.where))
        measured = least(profile, quantity, study.level, same)
        low, high = self.table["between"]
        sentence = (
            f"the least {quantity.words(study, algorithm)}{self.where_text} is at {parameter} = "
            f"{number(measured, study.level)}; claimed: between {low:g} and {high:g}"
        )
        needed, values = math.nan, profile[0][1]
        if not same and math.isfinite(measured.half_width):
            places, columns = zip(*profile, strict=True)
            rule = quantity.statistic, low, high, study.level
            needed = seeds_to_place(places, columns, *rule)
        return self.decided(measured, values, sentence, low=low, high=high, needed=needed)


def _other_fields(parameter: Any, scope: Scope, bases: Collection[str]) -> list[str]:
    """Fields beside the parameter in which the learners of an algorithm differ."""
    if not isinstance(parameter, str):
        return []  # reported as a field already
    variants = [values for base, values in scope.learners.values() if base in bases]
    swept = [values for values in variants if parameter in values]
    names = dict.fromkeys(name for values in swept for name in values if name != parameter)
    return [name for name in names if len({repr(values.get(name)) for values in swept}) > 1]
