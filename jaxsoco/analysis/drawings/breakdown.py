"""Bars that break a mean cost into its components, a bar a learner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.statistics import pooled_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_breakdown(ax: Axes, ledger: Ledger, names: Sequence[str], points: Sequence[int]) -> None:
    """Draws the components of each learner's mean cost, and the interval of the total."""
    study = ledger.study
    rows, left = np.arange(len(names)), np.zeros(len(names))
    objective = [(i, cost) for i, cost in enumerate(study.costs) if cost.objective]
    for (column, cost), (colour, hatch) in zip(objective, cycle(style.COMPONENTS), strict=False):
        part = np.array([_pooled_part(ledger, n, points, column) for n in names])
        ax.barh(rows, part, left=left, height=0.66, color=colour, hatch=hatch, label=cost.name,
                edgecolor="white", linewidth=0.4)  # fmt: skip
        left += part
    total = [pooled_mean(ledger.totals(n, points), study.level) for n in names]
    ends = np.nan_to_num([[t.value - t.lower for t in total], [t.upper - t.value for t in total]])
    ax.errorbar([t.value for t in total], rows, xerr=ends, fmt="none", ecolor="#111111",
                elinewidth=0.9, capsize=2)  # fmt: skip
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlim(left=min(0.0, float(left.min())))
    if figure := ax.get_figure(root=True):
        figure.set_figheight(0.1 + 0.2 * len(names))


def _pooled_part(ledger: Ledger, name: str, points: Iterable[int], column: int) -> float:
    """Mean of one cost component over the runs of several points."""
    cells = [ledger.cells[point, name].parts for point in points]
    counts = np.array([part.count[column] for part in cells])
    means = np.array([part.mean[column] for part in cells])
    return float(np.where(counts > 0, counts * means, 0.0).sum() / max(counts.sum(), 1))
