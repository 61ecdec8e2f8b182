"""``frontier``: one largest cost ratio against another, as consistency against robustness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import label_x, label_y, restriction, title, words
from jaxsoco.analysis.guarantees import envelope, worst
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import Plot
from jaxsoco.analysis.plots._curves import curves_of
from jaxsoco.analysis.selection import Scope, check_axis, check_bases, check_parameter
from jaxsoco.core.schema import Field
from jaxsoco.core.study import Study, matches
from jaxsoco.core.text import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Frontier(Plot):
    """A point a value of the parameter, joined; dashed where theory has its guarantees."""

    name = "frontier"
    summary = "the largest ratio in one setting against that in another, along a parameter"
    fields = (
        Field("parameter", "string", "an algorithm field with several values"),
        Field("axis", "string", "the axis of the problem that tells the two settings apart"),
        Field("x", "string", "its value for the horizontal ratio"),
        Field("x_against", "string", "comparator of the horizontal ratio"),
        Field("y", "string", "its value for the vertical ratio"),
        Field("y_against", "string", "comparator of the vertical ratio"),
        Field("algorithms", "strings", "names of algorithms (all if absent)", default=None),
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, values that the axis lacks, and a parameter of one value."""
        bases = check_bases("algorithms", self.table.get("algorithms"), scope)
        check_parameter(self.table, scope, bases)
        if "axis" in self.table:
            check_axis(self.table["axis"], self.where, scope)
        axis = self.table.get("axis", "")
        values = scope.axes.get(axis, ()) if isinstance(axis, str) else ()
        for key in ("x", "y"):
            wanted, rival = self.table.get(key), self.table.get(f"{key}_against")
            if wanted is not None and values and wanted not in values:
                hint = f"want one of {', '.join(map(show, values))}"
                scope.report(key, f"{show(wanted)} is no value of {self.table['axis']}", hint)
            if rival is not None and rival not in scope.comparators:
                names = ", ".join(scope.comparators) or "none"
                message = f'the experiment has no comparator "{rival}"'
                scope.report(f"{key}_against", message, f"it has: {names}")

    def title(self, study: Study) -> str:
        """One ratio against the other."""
        pair = (f"ratio to {self.table[f'{k}_against']} ({self.table[k]})" for k in ("y", "x"))
        return title(words(" against ".join(pair)), self.where)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws the learners along the parameter, and their guarantees."""
        study, parameter = ledger.study, self.table["parameter"]
        bases = self.table.get("algorithms") or dict.fromkeys(b for b, _ in study.settings.values())
        curves = [c for base in bases for c in curves_of(study, base, parameter) if c.places]
        looks = style.lines(curve.name for curve in curves)
        runs = 0
        for curve in curves:
            sides = [self._side(ledger, curve.labels, key) for key in ("x", "y")]
            (x, x_bound), (y, y_bound) = (side[0] for side in sides)
            runs += sum(side[1] for side in sides)
            keep = np.isfinite(x) & np.isfinite(y)
            if not keep.any():
                continue
            places = [curve.places[label] for label in curve.labels]
            text, look = style.plain(curve.name), looks[curve.name]
            ax.plot(x[keep], y[keep], label=text, **look.options())
            self._name_places(ax, places, x, y)
            self.series.append(Series(curve.name, x[keep].tolist(), y[keep].tolist()))
            if np.isfinite(x_bound + y_bound).all():
                style_of = {"color": look.color, "linestyle": "--", "linewidth": 1}
                ax.plot(x_bound, y_bound, label=f"{text}, theory", **style_of)
                self.series.append(
                    Series(f"{curve.name}, theory", x_bound.tolist(), y_bound.tolist())
                )
        if not self.series:
            raise NothingToDraw(f"no algorithm with several values of {parameter} has runs")
        label_x(ax, f"largest ratio to {words(self.table['x_against'])}, {self.table['x']}")
        label_y(ax, f"largest ratio to {words(self.table['y_against'])}, {self.table['y']}")
        axis = self.table["axis"]
        return (
            f"Largest cost ratio to {self.table['y_against']} where {axis} = {self.table['y']} "
            f"against that to {self.table['x_against']} where {axis} = {self.table['x']}"
            f"{restriction(self.where, study, axis)}, for values of {words(parameter)} (beside the "
            f"points), of {runs} runs. Dashed: what theory guarantees."
        )

    def _side(self, ledger: Ledger, labels: tuple[str, ...], key: str) -> tuple[np.ndarray, int]:
        """Ratios and guarantees ``[2, K]`` in one of the two settings, and the runs."""
        study, axis = ledger.study, self.table["axis"]
        points = [
            point
            for point in study.select(self.where)
            if matches(study.points[point][axis], self.table[key])
        ]
        rows = [worst(ledger, label, self.table[f"{key}_against"], points) for label in labels]
        return envelope(rows), sum(row.runs for row in rows)

    def _name_places(self, ax: Axes, places: list[float], x: np.ndarray, y: np.ndarray) -> None:
        """The values of the parameter, beside their points."""
        for place, a, b in zip(places, x, y, strict=True):
            if np.isfinite(a) and np.isfinite(b):
                ax.annotate(show(place), (a, b), xytext=(3, 3), textcoords="offset points",
                            fontsize=6)  # fmt: skip
