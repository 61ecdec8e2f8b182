"""Fitted exponents: how the mean ratio or regret grows with the horizon, or along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots import default_plots
from jaxsoco.analysis.selection import default_axis
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.views import View, growth, view
from jaxsoco.core.study import HORIZON, Study


@dataclass(frozen=True)
class Fit:
    """``measure ~ axis ** exponent`` for one learner, of its mean (median where there is none).

    Attributes:
      algorithm: label.
      against: comparator, or None for the cost itself.
      axis: name of the axis.
      where: the selection; other axes are pooled.
      exponent: least-squares slope in logarithms with its interval, paired by seed.
      positions: how many values of the axis it rests on.
      note: why there is no exponent, or which values were left out.
      over: the range of the axis, ``T from 1000 to 16,000``.
      local: it is the slope over the last rounds of runs of one horizon.
    """

    algorithm: str
    against: str | None
    axis: str
    where: Mapping[str, Any]
    exponent: Estimate
    positions: int
    note: str
    over: str = ""
    local: bool = False

    @property
    def remarks(self) -> str:
        """What is to be said of it beside the numbers: why there is no exponent, or interval."""
        return "; ".join(text for text in (self.note, self.exponent.note) if text)


def fit(
    ledger: Ledger,
    algorithm: str,
    quantity: View,
    axis: str,
    where: Mapping[str, Any] | None = None,
) -> Fit:
    """Fits the exponent of one learner's quantity along an axis."""
    trend = growth(ledger, algorithm, quantity, axis, where)
    return Fit(
        algorithm=algorithm,
        against=quantity.against,
        axis=axis,
        where=dict(where or {}),
        exponent=trend.exponent,
        positions=len(trend.places),
        note=trend.note,
        over=trend.over,
        local=trend.local,
    )


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
