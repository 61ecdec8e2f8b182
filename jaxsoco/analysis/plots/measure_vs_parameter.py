"""``measure-vs-parameter``: what is looked at along a parameter of algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.lines import Lines
from jaxsoco.analysis.drawings.words import words
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import LOG, VIEW, Plot
from jaxsoco.analysis.selection import Scope, check_axis, check_bases, check_parameter, check_view
from jaxsoco.analysis.views import View, columns_line, finals, profiles, view
from jaxsoco.core.schema import Field
from jaxsoco.core.study import Study, matches
from jaxsoco.core.text import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws the profiles of every algorithm in every world."""
        study, parameter = ledger.study, self.table["parameter"]
        drawing = Lines(ax, study, view(self.table, study, self.where), self.log)
        series = list(self._series(study))
        looks = cycle(style.lines([label for _, label, _ in series]).values())
        for (base, label, where), look in zip(series, looks, strict=False):
            for profile in profiles(ledger, base, parameter, drawing.view, where):
                places, runs = zip(*profile, strict=True)
                drawing.add(label, columns_line(places, runs, drawing.view, study), look)
            level = _level(ledger, base, parameter, drawing.view, where)
            if np.isfinite(level):
                ax.axhline(level, label=label, color=look.color, linestyle="--", linewidth=1)
        if not drawing.counts:
            raise NothingToDraw(f"no algorithm with several values of {parameter} has runs")
        drawing.finish()
        ax.set_xlabel(words(parameter))
        return drawing.caption(self.where, parameter)

    def _series(self, study: Study) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Algorithm, label and selection of every line."""
        by = self.table.get("by")
        bases = self.table.get("algorithms") or dict.fromkeys(b for b, _ in study.settings.values())
        for base in bases:
            if by is None:
                yield base, base, dict(self.where)
                continue
            for value in study.axes[by]:
                if by not in self.where or matches(value, self.where[by]):
                    yield base, f"{base}, {by} = {show(value)}", {**self.where, by: value}


def _level(ledger: Ledger, base: str, parameter: str, view: View, where: dict[str, Any]) -> float:
    """What is seen of an algorithm that has no such parameter; NaN if it has, or has no runs."""
    study = ledger.study
    settings = [values for name, values in study.settings.values() if name == base]
    if base not in study.labels or any(parameter in values for values in settings):
        return np.nan
    runs = finals(ledger, base, view, study.select(where))
    if not np.isfinite(runs).any():
        return np.nan
    return float(np.nanmedian(runs) if view.statistic == "median" else np.nanmean(runs))
