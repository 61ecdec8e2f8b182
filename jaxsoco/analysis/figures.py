"""Drawing: every kind of figure for one column of a paper.

matplotlib is imported when a figure is drawn, and its global state is left as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.constraints import MARK, brief_footnote, footnote
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.indicators import beside_median
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots import PLOTS, Plot
from jaxsoco.core.study import Study
from jaxsoco.core.text import show, show_all

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DATA_HEIGHT = 1.7
_TITLE, _SUBTITLE = 52, 60  # letters of a line
_LISTED = 3
"""Names in a title; the rest are counted."""


class Drawing(NamedTuple):
    """A figure with the title, caption and data that belong to it."""

    kind: str
    figure: Figure
    caption: str
    title: str
    series: Sequence[Series]


Asked = Mapping[str, Any] | Plot
"""A figure as the experiment states it, or itself."""


def draw(plot: Asked, ledger: Ledger, title: str = "") -> Drawing:
    """Draws one validated plot; call it, and save the figure, within ``style.figure_style()``.

    Args:
      plot: the figure.
      ledger: the runs.
      title: one that tells it from the other figures of a report; its own if empty.

    Raises:
      NothingToDraw: there are no runs for it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDTH, _DATA_HEIGHT), layout="constrained")
    ax = figure.add_subplot()
    kind = _plot(plot)
    title = title or kind.title(ledger.study)
    caption = kind.draw(ledger, ax)
    beside = beside_median(kind, ledger)
    beside = f"{beside[0].upper()}{beside[1:]}." if beside else ""
    notes = [text for text in (beside, brief_footnote(kind.broken)) if text]
    rows = style.legend(figure, ax, "\n".join(style.wrapped(text, 66, 4) for text in notes))
    heads = style.wrapped(title, _TITLE, 4), style.wrapped(ledger.study.title, _SUBTITLE)
    # What stands around the data adds to the height, so that the data keep theirs.
    around = 0.45 + 0.15 * sum(map(_lines, heads)) + 0.145 * rows
    figure.set_figheight(figure.get_figheight() + around)
    style.heading(figure, *heads)
    return Drawing(
        kind.name,
        figure,
        " ".join(text for text in (caption, beside, footnote(kind.broken)) if text),
        title,
        kind.series or _series_on(ax),
    )


def titles(plots: Sequence[Asked], study: Study) -> list[str]:
    """A title for every figure of a report, no two alike.

    Figures that show the same thing are told apart by the fields in which they differ, such as
    their learners or logarithmic axes, or else numbered.
    """
    kinds = [_plot(plot) for plot in plots]
    plain_titles, tables = [kind.title(study) for kind in kinds], [kind.table for kind in kinds]
    full = []
    for plot, title in zip(tables, plain_titles, strict=True):
        rivals = [other for other, text in zip(tables, plain_titles, strict=True) if text == title]
        keys = dict.fromkeys(key for other in rivals for key in other if key != "where")
        telling = [key for key in keys if any(o.get(key) != plot.get(key) for o in rivals)]
        values = {key: plot[key] for key in telling if key in plot}
        full.append(f"{title}, {_values_text(values)}" if values else title)
    return [
        f"{title} (#{full[:i].count(title) + 1})" if full.count(title) > 1 else title
        for i, title in enumerate(full)
    ]


def _plot(plot: Asked) -> Plot:
    return plot if isinstance(plot, Plot) else PLOTS.make(plot)


def _values_text(values: Mapping[str, Any]) -> str:
    parts = []
    for key, value in values.items():
        items = value if isinstance(value, list | tuple) else [value]
        names = [*map(show, items)]
        if len(names) > _LISTED:
            names[_LISTED:] = [f"{len(names) - _LISTED} more"]
        text = " and ".join(names)
        named = {"log": f"logarithmic {text}", "algorithms": text, "kind": text}
        parts.append(named.get(key, f"{key} = {text}"))
    return ", ".join(parts)


def everything_written(ledger: Ledger, plots: Sequence[Asked]) -> str:
    """All text of users that the figures may show, for the choice of fonts."""
    study = ledger.study
    parts = [study.title, *study.labels, *study.comparators, MARK]
    parts += [text for cost in study.costs for text in (cost.name, cost.unit)]
    parts += [*study.axes, *study.units.values()]
    parts += [show(value) for values in study.axes.values() for value in values]
    parts += [show_all(_plot(plot).where) for plot in plots]
    return "\n".join(parts)


def _lines(text: str) -> int:
    return 1 + text.count("\n") if text else 0


def _series_on(ax: Axes) -> list[Series]:
    """The lines that stand on the axes, for a kind of plot that does not say what it drew."""
    series = []
    for line in ax.lines:
        x, y = (np.asarray(values, float).tolist() for values in line.get_data(orig=False))
        label = str(line.get_label())
        series.append(Series("" if label.startswith("_child") else label, x, y))
    return series
