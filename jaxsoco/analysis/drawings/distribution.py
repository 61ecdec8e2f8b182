"""The empirical distribution of the runs, a step line a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_STEPS = 500


def draw_distributions(
    ax: Axes, values: Mapping[str, np.ndarray], looks: Mapping[str, style.Line]
) -> None:
    """Draws the distribution of every learner's sorted values, up to where all reach 99 %."""
    low = min(1.0, *(float(v[0]) for v in values.values()))
    high = max(float(np.quantile(v, 0.99)) for v in values.values())
    high = max(high, low * (1 + 1e-6))
    for i, (name, ordered) in enumerate(values.items()):
        x, y = steps(ordered, high)
        # Markers stand at other heights for every learner, so that they do not cover each other.
        marks = np.searchsorted(y, np.array([0.15, 0.4, 0.65, 0.9]) + 0.013 * (i % 7))
        every = [*map(int, marks)]
        ax.plot(x, y, drawstyle="steps-post", label=name, markevery=every, **looks[name].options())
    ax.set_xlim(low, high)
    if high > 4 * low > 0:
        ax.set_xscale("log")
        style.plain_log(ax.xaxis)
    ax.set_ylim(0, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_ylabel("fraction of runs")


def steps(ordered: np.ndarray, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The empirical distribution's corners; at most 500 of them, so 0.2 % is the largest error."""
    n = ordered.size
    ranks = np.arange(n)
    if n > _MOST_STEPS:
        ranks = np.unique(np.linspace(0, n - 1, _MOST_STEPS).round().astype(int))
    x, y = ordered[ranks], (ranks + 1) / n
    return np.concatenate([x[:1], x, [max(high, x[-1])]]), np.concatenate([[0.0], y, [1.0]])
