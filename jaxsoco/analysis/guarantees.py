"""What theory guarantees of learners, beside what their runs came to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, Table, check_against, check_labels
from jaxsoco.core.study import Study


class Worst(NamedTuple):
    """The largest cost ratio of a learner's runs, and the largest that theory allows.

    Attributes:
      ratio: over all runs; NaN without any.
      guarantee: over the points; NaN where theory says nothing.
      runs: how many there are.
    """

    ratio: float
    guarantee: float
    runs: int


def worst(ledger: Ledger, label: str, against: str, points: Iterable[int]) -> Worst:
    """The largest ratio at some points, and the guarantee."""
    points = tuple(points)
    sample = ledger.sample(label, against, points, "ratio")
    promised = ledger.study.guarantees.get(label, {}).get(against)
    guarantee = max((promised[p] for p in points), default=math.nan) if promised else math.nan
    return Worst(sample.largest if sample.runs else math.nan, guarantee, sample.runs)


def labels_of(table: Table, study: Study, against: str) -> list[str]:
    """Learners that a check or figure is about: those named, or all with a guarantee."""
    promised = [n for n in study.algorithms if against in study.guarantees.get(n, {})]
    return list(table.get("algorithms") or promised)


def check_guaranteed(table: Table, scope: Scope) -> None:
    """Reports unknown names, and learners of which theory promises nothing."""
    names: Any = table.get("algorithms", ())
    check_labels("algorithms", names, scope)
    check_against(table, scope)
    against = table.get("against", next(iter(scope.comparators), None))
    if scope.issues or scope.labels is None or not isinstance(against, str):
        return
    without = [n for n in names or scope.labels if against not in scope.guarantees.get(n, ())]
    if names and without:
        message = f"theory promises nothing of {without[0]} against {against} here"
        scope.report("algorithms", message, "leave it out, or want another comparator")
    elif len(without) == len(scope.labels):
        message = f"theory promises nothing against {against} of any learner here"
        scope.report("against", message, "want another comparator")


def envelope(rows: Iterable[Worst]) -> np.ndarray:
    """Ratios and guarantees ``[2, K]``."""
    return np.array([(row.ratio, row.guarantee) for row in rows], float).reshape(-1, 2).T
