"""Fitted exponents: how the mean ratio or regret grows along every numeric axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.views import View, exponent, view
from jaxsoco.core.study import Study


@dataclass(frozen=True)
class Fit:
    """``measure ~ axis ** exponent`` for one learner, of its mean (median where there is none).

    Attributes:
      algorithm: label.
      against: comparator, or None for the cost itself.
      axis: name of the axis.
      where: the selection; other axes are pooled.
      exponent: least-squares slope in logarithms with its paired bootstrap interval.
      positions: how many values of the axis it rests on.
      note: why there is no exponent, or which values were left out.
    """

    algorithm: str
    against: str | None
    axis: str
    where: Mapping[str, Any]
    exponent: Estimate
    positions: int
    note: str


def fit(
    ledger: Ledger,
    algorithm: str,
    quantity: View,
    axis: str,
    where: Mapping[str, Any] | None = None,
) -> Fit:
    """Fits the exponent of one learner's quantity along an axis."""
    estimate, positions, note = exponent(ledger, algorithm, quantity, axis, where)
    against = quantity.against
    return Fit(algorithm, against, axis, dict(where or {}), estimate, positions, note)


def worlds(study: Study, axis: str) -> Iterator[dict[str, Any]]:
    """Every combination of the axes that are not numbers: different worlds are never pooled."""
    numeric = study.numeric_axes()
    names = [n for n in study.axes if n not in numeric and n != axis]
    for values in product(*(study.axes[name] for name in names)):
        where = dict(zip(names, values, strict=True))
        if study.select(where):
            yield where


def fits(ledger: Ledger) -> list[Fit]:
    """The exponents of every algorithm along every numeric axis."""
    study = ledger.study
    return [
        fit(ledger, algorithm, view({"against": against}, study, where), axis, where)
        for axis in study.numeric_axes()
        for where in worlds(study, axis)
        for against in study.comparators or (None,)
        for algorithm in study.algorithms
    ]
