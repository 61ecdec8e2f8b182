"""``ratio-vs-axis``: mean cost ratios along an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.cutting import Cut, Span, cut_y, find_cut, sentence, span_of
from jaxsoco.analysis.drawings.lines import draw_band, draw_whiskers
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import (
    bands,
    label_x,
    label_y,
    restriction,
    run_counts,
    title,
    with_unit,
    words,
)
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, AXIS, looks
from jaxsoco.analysis.plots._ratio import RatioPlot
from jaxsoco.analysis.selection import Scope, check_axis
from jaxsoco.analysis.views import AGAINST, Line, View
from jaxsoco.analysis.views import line as line_of
from jaxsoco.core.study import Study, is_numeric
from jaxsoco.core.text import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RatioVsAxis(RatioPlot):
    """Means of the runs' ratios: lines along numbers, whiskers beside names."""

    name = "ratio-vs-axis"
    summary = "mean cost ratios along an axis of the problem"
    fields = (AXIS, AGAINST, ALGORITHMS)

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, and an axis with a single value."""
        super().validate(scope)
        if "axis" in self.table:
            check_axis(self.table["axis"], self.where, scope)

    def title(self, study: Study) -> str:
        """The ratio along the axis."""
        text = f"mean ratio to {self.against(study)} by {words(self.table['axis'])}"
        return title(text, self.where)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws the means with their intervals over a grey line at 1."""
        study, axis, against = ledger.study, self.table["axis"], self.against(ledger.study)
        lines = {n: self._line(ledger, n, against, axis) for n in self.algorithms(study)}
        values = [v for v in study.axes[axis] if any(v in line.x for line in lines.values())]
        if not values:
            raise NothingToDraw("no run has a ratio")
        ax.axhline(1, color="#888888", linewidth=0.8, zorder=1)
        names = self.legend(ledger, lines)
        if is_numeric(values):
            for name, line in lines.items():
                draw_band(ax, line, names[name], looks(study)[name])
            style.numeric_ticks(ax, [float(v) for v in values])
        else:
            _draw_whiskers(ax, lines, names, looks(study), values)
        spans = {n: span_of(line.value, line.value) for n, line in lines.items() if line.x}
        cut = _cut(ax, lines, spans, names)
        self.series += [
            Series(n, line.x, *(v.tolist() for v in (line.value, line.lower, line.upper)))
            for n, line in lines.items()
        ]
        label_x(ax, with_unit(axis, study.units.get(axis, "")))
        label_y(ax, f"mean ratio to {words(against)}")
        runs = run_counts([line.runs for line in lines.values()])
        return (
            f"Mean of the runs' cost ratios to {against} against {axis}"
            f"{restriction(self.where, study, axis)}, {runs} runs a point. {bands(study)} "
            f"The grey line is a ratio of 1.{sentence(cut, spans)}"
        )

    def _line(self, ledger: Ledger, name: str, against: str, axis: str) -> Line:
        return line_of(ledger, name, View(against, measure="ratio"), axis, self.where)


def _cut(
    ax: Axes, lines: Mapping[str, Line], spans: Mapping[str, Span], names: Mapping[str, str]
) -> Cut | None:
    """Scales the axis of the ratios, and cuts it where a learner flattens the others."""
    low, high = ax.dataLim.intervaly
    cut = find_cut(spans, log=low > 0 and high > style.TALL * low)
    if cut is None:
        style.tall_range(ax, low, high)
        return None
    rest = [line for name, line in lines.items() if name not in cut.outliers]
    low, high = span_of(
        [cut.low, 1.0, *(end for line in rest for end in line.lower)],
        [cut.high, 1.0, *(end for line in rest for end in line.upper)],
    )
    cut = cut._replace(low=low, high=high)
    style.tall_range(ax, low, high)
    cut_y(ax, cut, spans, names)
    return cut


def _draw_whiskers(
    ax: Axes,
    lines: Mapping[str, Line],
    names: Mapping[str, str],
    looks: Mapping[str, style.Line],
    values: Sequence[Any],
) -> None:
    """Means with whiskers, side by side at every one of the values."""
    for i, (name, line) in enumerate(lines.items()):
        at = line._replace(x=tuple(values.index(v) for v in line.x))
        draw_whiskers(ax, at, names[name], looks[name], (i, len(lines)))
    style.category_ticks(ax, [show(v) for v in values])
