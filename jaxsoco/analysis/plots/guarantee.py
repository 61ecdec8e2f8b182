"""``guarantee``: the largest cost ratios, and what theory guarantees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import label_x, label_y, restriction, title, with_unit, words
from jaxsoco.analysis.guarantees import check_guaranteed, envelope, labels_of, worst
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import LOG, Plot
from jaxsoco.analysis.plots._curves import curves_of
from jaxsoco.analysis.selection import Scope, check_axis, check_parameter
from jaxsoco.analysis.views import AGAINST
from jaxsoco.core.schema import Field
from jaxsoco.core.study import Study, is_numeric

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class _Row(NamedTuple):
    """A line: its name in the legend, its places, and a label and points for each of them."""

    name: str
    places: list[float]
    cells: list[tuple[str, tuple[int, ...]]]


class GuaranteePlot(Plot):
    """Solid the worst run, dashed the bound that theory gives for it."""

    name = "guarantee"
    summary = "the largest cost ratio along an axis or a parameter, and what theory guarantees"
    fields = (
        Field("along", "string", "an axis of the problem, or a parameter of algorithms"),
        AGAINST,
        Field("algorithms", "strings", "labels (all with a guarantee if absent)", default=None),
        LOG,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, learners without a guarantee, and nothing to go along."""
        check_guaranteed(self.table, scope)
        along = self.table.get("along")
        if not isinstance(along, str):
            return
        if along in scope.axes:
            check_axis(along, self.where, scope, numeric=True, key="along")
        else:
            inner = scope.at(scope.path)
            check_parameter({"parameter": along}, inner, scope.bases)
            if inner.issues:
                hint = "want an axis of the problem, or a field of algorithms, with several numbers"
                scope.report("along", f"{along} has not several numbers as values", hint)

    def title(self, study: Study) -> str:
        """The worst ratio along the axis."""
        text = f"largest ratio to {self.against(study)} by {words(self.table['along'])}"
        return title(text, self.where)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws two lines a learner."""
        study, along = ledger.study, self.table["along"]
        against = self.against(study)
        labels = labels_of(self.table, study, against)
        rows = self._rows(study, labels)
        looks = style.lines(row.name for row in rows)
        runs = 0
        for row in rows:
            cells = [worst(ledger, label, against, points) for label, points in row.cells]
            keep = [i for i, cell in enumerate(cells) if cell.runs]
            if not keep:
                continue
            runs += sum(cells[i].runs for i in keep)
            x = [row.places[i] for i in keep]
            ratio, bound = envelope(cells[i] for i in keep)
            self._pair(ax, row.name, looks[row.name], x, ratio, bound)
        if not runs:
            raise NothingToDraw("no run has a ratio")
        for scale in self.log:
            getattr(ax, f"set_{scale}scale")("log")
        if "y" in self.log:
            style.plain_log(ax.yaxis)
        if "x" not in self.log:
            style.few_ticks(ax, sorted({x for line in self.series for x in line.x}))
        label_x(ax, with_unit(along, study.units.get(along, "")))
        label_y(ax, f"largest ratio to {words(against)}")
        return (
            f"Largest cost ratio to {against} by {words(along)}"
            f"{restriction(self.where, study, along)}, of {runs} runs. Dashed: what theory "
            "guarantees."
        )

    def _pair(
        self, ax: Axes, name: str, look: style.Line, x: list[float], ratio: Any, bound: Any
    ) -> None:
        """The worst of the runs, and the bound on it."""
        text = style.plain(name)
        ax.plot(x, ratio, label=text, **look.options())
        self.series.append(Series(name, x, [*map(float, ratio)]))
        if np.isfinite(bound).any():
            style_of = {"color": look.color, "linestyle": "--", "linewidth": 1}
            ax.plot(x, bound, label=f"{text}, theory", **style_of)
            self.series.append(Series(f"{name}, theory", x, [*map(float, bound)]))

    def _rows(self, study: Study, labels: list[str]) -> list[_Row]:
        along, points = self.table["along"], study.select(self.where)
        if along in study.axes:
            values = {v: tuple(p) for v, p in study.along(along, points).items() if p}
            places = [float(v) for v in values] if is_numeric(values) else []
            return [_Row(n, places, [(n, p) for p in values.values()]) for n in labels]
        bases = dict.fromkeys(study.settings[name][0] for name in labels)
        curves = [curve for base in bases for curve in curves_of(study, base, along)]
        rows = []
        for curve in curves:
            kept = [name for name in curve.labels if name in labels and name in curve.places]
            if kept:
                places = [curve.places[name] for name in kept]
                rows.append(_Row(curve.name, places, [(name, points) for name in kept]))
        return rows
