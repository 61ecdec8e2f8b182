"""The empirical distribution of the runs, a step line a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings.cutting import LOOK, Cut, Span, figures, find_cut
from jaxsoco.analysis.drawings.series import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_STEPS = 500
_MOST_NOTES = 4
_LOG = 4.0  # values over a larger factor are drawn on a logarithmic axis


def draw_distributions(
    ax: Axes,
    values: Mapping[str, np.ndarray],
    looks: Mapping[str, style.Line],
    names: Mapping[str, str],
) -> tuple[list[Series], str]:
    """Draws the distribution of every learner's sorted values, up to where all reach 99 %.

    Returns:
      What is drawn, and what the caption says of the end of the axis.
    """
    low = min(1.0, *(float(v[0]) for v in values.values()))
    ends = {name: float(np.quantile(v, 0.99)) for name, v in values.items()}
    cut = _find_cut(low, ends)
    high = max(cut.high if cut else max(ends.values()), low * (1 + 1e-6))
    series = []
    for i, (name, ordered) in enumerate(values.items()):
        x, y = steps(ordered, high)
        # Markers stand at other heights for every learner, so that they do not cover each other.
        marks = np.searchsorted(y, np.array([0.15, 0.4, 0.65, 0.9]) + 0.013 * (i % 7))
        every = [*map(int, marks)]
        ax.plot(x, y, drawstyle="steps-post", label=names[name], markevery=every,
                **looks[name].options())  # fmt: skip
        series.append(Series(name, x.tolist(), y.tolist()))
    ax.set_xlim(low, high)
    if high > _LOG * low > 0:
        ax.set_xscale("log")
        style.plain_log(ax.xaxis)
    ax.set_ylim(0, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_ylabel("fraction of runs")
    if cut is None:
        return series, "The axis ends where all learners reach 99 %."
    medians = {name: figures(float(np.median(values[name]))) for name in cut.above}
    for i, (name, median) in enumerate([*medians.items()][:_MOST_NOTES]):
        ax.text(0.985, 0.07 + 0.11 * i, f"{names[name]}: median {median} ▶", transform=ax.transAxes,
                **LOOK)  # fmt: skip
    out = "; ".join(f"{name}, of median {median}" for name, median in medians.items())
    return series, f"The axis is cut where the others reach 99 %: beyond it lies {out}."


def _find_cut(low: float, ends: Mapping[str, float]) -> Cut | None:
    """Where the axis ends if some learners flatten the distributions of the others."""
    spans = {name: Span(low, end) for name, end in ends.items()}
    log = max(ends.values()) > _LOG * low > 0
    cut = find_cut(spans, log=log)
    if cut is None and log:  # seen on the axis that the others would have by themselves
        cut = find_cut(spans)
        cut = cut if cut and cut.high <= _LOG * low else None
    return cut


def steps(ordered: np.ndarray, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The empirical distribution's corners; at most 500 of them, so 0.2 % is the largest error."""
    n = ordered.size
    ranks = np.arange(n)
    if n > _MOST_STEPS:
        ranks = np.unique(np.linspace(0, n - 1, _MOST_STEPS).round().astype(int))
    x, y = ordered[ranks], (ranks + 1) / n
    return np.concatenate([x[:1], x, [max(high, x[-1])]]), np.concatenate([[0.0], y, [1.0]])
