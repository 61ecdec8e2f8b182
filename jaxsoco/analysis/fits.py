"""Fitted exponents: how the mean ratio or regret grows with the horizon, or along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots import default_plots
from jaxsoco.analysis.selection import default_axis
from jaxsoco.analysis.views import LAST, Growth, View, growth, view
from jaxsoco.core.study import HORIZON, Study


@dataclass(frozen=True)
class Fit:
    """``measure ~ axis ** exponent`` for one learner, of its mean (median where there is none).

    Attributes:
      algorithm: label.
      against: comparator, or None for the cost itself.
      where: the selection; other axes are pooled.
      growth: the exponent, and what it rests on.
    """

    algorithm: str
    against: str | None
    where: Mapping[str, Any]
    growth: Growth

    @property
    def remarks(self) -> str:
        """What is to be said of it beside the numbers: why there is no exponent, or interval."""
        return "; ".join(text for text in (self.growth.note, self.growth.exponent.note) if text)


def fit(
    ledger: Ledger,
    algorithm: str,
    quantity: View,
    axis: str,
    where: Mapping[str, Any] | None = None,
    last: float = LAST.default,
) -> Fit:
    """Fits the exponent of one learner's quantity along an axis, paired by seed."""
    trend = growth(ledger, algorithm, quantity, axis, where, last)
    return Fit(algorithm, quantity.against, dict(where or {}), trend)


def worlds(study: Study, axis: str) -> Iterator[dict[str, Any]]:
    """Every combination of the axes that are not numbers: different worlds are never pooled."""
    numeric = study.numeric_axes()
    names = [n for n in study.axes if n not in numeric and n != axis]
    for values in product(*(study.axes[name] for name in names)):
        where = dict(zip(names, values, strict=True))
        if study.select(where):
            yield where


def fitted_axes(study: Study) -> list[str]:
    """The horizon, and the numeric axes that a check or figure names.

    An experiment without a horizon that asks for no figures gets figures along its axes, and
    exponents with them.
    """
    asked = [*study.presentation.checks, *study.presentation.plots]
    numeric = study.numeric_axes()
    if HORIZON not in numeric and not study.presentation.plots:
        # Figures may run along the seeds of a world; nothing grows with them.
        plots = default_plots(study)
        asked += [plot for plot in plots if plot.get("axis") not in study.seed_axes]
    slope = default_axis(study.axes, study.checkpoints)
    names = {table.get("axis") or (slope if table["kind"] == "slope" else None) for table in asked}
    return [axis for axis in numeric if axis == HORIZON or axis in names]


def fits(ledger: Ledger) -> list[Fit]:
    """The exponents of every algorithm along the horizon, and what else is asked for."""
    study = ledger.study
    return [
        fit(ledger, algorithm, view({"against": against}, study, where), axis, where)
        for axis in fitted_axes(study)
        for where in worlds(study, axis)
        for against in study.comparators or (None,)
        for algorithm in study.algorithms
    ]
