"""``measure-vs-parameter``: what is looked at along a parameter of algorithms."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.constraints import MARK, Breach
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.lines import Lines
from jaxsoco.analysis.drawings.words import label_x, title, words
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import LOG, VIEW, Plot
from jaxsoco.analysis.plots._curves import Curve, curves_of
from jaxsoco.analysis.selection import Scope, check_axis, check_bases, check_parameter, check_view
from jaxsoco.analysis.views import columns_line, finals, view
from jaxsoco.core.escape import ELLIPSIS
from jaxsoco.core.schema import Field
from jaxsoco.core.study import Study, matches
from jaxsoco.core.text import shorten, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LONGEST = 60  # letters of a line's name


class MeasureVsParameter(Plot):
    """A line an algorithm, and a level line for each one that has no such parameter."""

    name = "measure-vs-parameter"
    summary = "ratio, regret or cost along a parameter of algorithms"
    fields = (
        Field("parameter", "string", "an algorithm field with several values"),
        Field("by", "string", "an axis of the problem, one line per value", default=None),
        *VIEW,
        Field("algorithms", "strings", "names of algorithms (all if absent)", default=None),
        LOG,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and a parameter without several values."""
        bases = check_bases("algorithms", self.table.get("algorithms"), scope)
        check_parameter(self.table, scope, bases)
        if "by" in self.table:
            check_axis(self.table["by"], self.where, scope, key="by")
        check_view(self.table, scope)

    def title(self, study: Study) -> str:
        """The view along the parameter."""
        by = f" and {words(self.table['by'])}" if "by" in self.table else ""
        text = view(self.table, study, self.where).words(study)
        return title(f"{text} by {words(self.table['parameter'])}{by}", self.where)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws the profiles of every algorithm in every world."""
        study, parameter = ledger.study, self.table["parameter"]
        seen = view(self.table, study, self.where)
        drawing = Lines(ax, study, seen, self.log, series=self.series, error=ledger.error)
        curves = [(w, curve) for w in self._worlds(study) for curve in self._curves(study)]
        curves.sort(key=lambda pair: pair[1].order)  # an algorithm's worlds side by side
        looks = cycle(style.lines(str(i) for i in range(len(curves))).values())
        for (where, curve), look in zip(curves, looks, strict=False):
            points = study.select(where)
            places, runs = [], []
            for label in curve.labels:
                values = finals(ledger, label, seen, points)
                if values.runs:
                    places.append(curve.places.get(label, np.nan))
                    runs.append(values)
            if not runs:
                continue
            name = ", ".join([curve.name, *self._world_text(where)])
            text = style.plain(shorten(name, _LONGEST, ELLIPSIS))
            if any(breach.learner in curve.labels for breach in self._breaches(ledger, curve)):
                text = f"{text} {MARK}"
            if curve.places:
                drawing.add(name, columns_line(tuple(places), runs, seen, study), look, text)
            else:
                median = seen.statistic == "median"
                middle = runs[0].quantiles([0.5])[0] if median else runs[0].average
                drawing.level(name, float(middle), look, text)
        if not drawing.counts:
            raise NothingToDraw(f"no algorithm with several values of {parameter} has runs")
        drawing.finish()
        label_x(ax, words(parameter))
        return drawing.caption(self.where, parameter, self.table.get("by", ""))

    def _worlds(self, study: Study) -> list[dict[str, Any]]:
        """The selection of every line of an algorithm."""
        by = self.table.get("by")
        if by is None:
            return [dict(self.where)]
        values = [v for v in study.axes[by] if by not in self.where or matches(v, self.where[by])]
        return [{**self.where, by: value} for value in values]

    def _world_text(self, where: dict[str, Any]) -> list[str]:
        by = self.table.get("by")
        return [] if by is None else [f"{by} = {show(where[by])}"]

    def _curves(self, study: Study) -> list[Curve]:
        """Learners that differ in the parameter alone, together; the others one by one."""
        bases = self.table.get("algorithms") or dict.fromkeys(b for b, _ in study.settings.values())
        return [
            curve._replace(order=i)
            for i, base in enumerate(bases)
            for curve in curves_of(study, base, self.table["parameter"])
        ]

    def _breaches(self, ledger: Ledger, curve: Curve) -> list[Breach]:
        self.legend(ledger, curve.labels)
        return self.broken
