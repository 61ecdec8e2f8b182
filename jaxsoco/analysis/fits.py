"""Fitted exponents: how the mean ratio or regret grows along every numeric axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from jaxsoco.analysis.ledger import Curve, Ledger
from jaxsoco.analysis.statistics import Clusters, Estimate, log_slope
from jaxsoco.analysis.study import Study


@dataclass(frozen=True)
class Fit:
    """``mean measure ~ axis ** exponent`` for one learner.

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
    against: str | None,
    axis: str,
    where: Mapping[str, Any] | None = None,
) -> Fit:
    """Fits the exponent of one learner's mean measure along an axis."""
    curve, note = _usable(ledger.curve(algorithm, against, axis, where))
    exponent = Estimate(math.nan)
    if len(curve.x) < 2:
        note = f"fewer than two positive values of {axis} have runs"
    else:
        exponent = log_slope(np.array(curve.x, np.float64), curve.clusters, ledger.study.level)
        if not math.isfinite(exponent.value):
            note = "the mean is not positive everywhere, so it has no logarithm"
    return Fit(algorithm, against, axis, dict(where or {}), exponent, len(curve.x), note)


def _usable(curve: Curve) -> tuple[Curve, str]:
    """The positions that have a logarithm, and a note on the others."""
    keep = [x > 0 for x in curve.x]
    if all(keep):
        return curve, ""
    left = ", ".join(f"{x:g}" for x in curve.x if x <= 0)
    x = tuple(x for x in curve.x if x > 0)
    return Curve(x, Clusters(*(a[:, keep] for a in curve.clusters))), f"without {left}"


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
        fit(ledger, algorithm, against, axis, where)
        for axis in study.numeric_axes()
        for where in worlds(study, axis)
        for against in study.comparators or (None,)
        for algorithm in study.algorithms
    ]
