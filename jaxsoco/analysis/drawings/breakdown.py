"""Bars that break a mean cost into its components, a bar a learner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings.cutting import LOOK, Span, figures, find_cut
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.ledger import Ledger

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_breakdown(
    ax: Axes, ledger: Ledger, labels: Sequence[str], points: Sequence[int], names: Mapping[str, str]
) -> tuple[list[Series], str]:
    """Draws the components of each learner's mean cost, and the interval of the total.

    Returns:
      What is drawn, and what the caption says of bars that are cut.
    """
    study = ledger.study
    rows, left = np.arange(len(labels)), np.zeros(len(labels))
    objective = [(i, cost) for i, cost in enumerate(study.costs) if cost.objective]
    parts = []
    for (column, cost), (colour, hatch) in zip(objective, cycle(style.COMPONENTS), strict=False):
        part = np.array([_pooled_part(ledger, n, points, column) for n in labels])
        ax.barh(rows, part, left=left, height=0.66, color=colour, hatch=hatch,
                label=style.plain(cost.name), edgecolor="white", linewidth=0.4)  # fmt: skip
        left += part
        parts.append(part)
    total = [ledger.sample(n, None, points).mean(study.level) for n in labels]
    ends = np.nan_to_num([[t.value - t.lower for t in total], [t.upper - t.value for t in total]])
    ax.errorbar([t.value for t in total], rows, xerr=ends, fmt="none", ecolor="#111111",
                elinewidth=0.9, capsize=2)  # fmt: skip
    ax.set_yticks(rows, [names[label] for label in labels])
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    if figure := ax.get_figure(root=True):
        figure.set_figheight(0.1 + 0.2 * len(labels))
    components = [cost.name for _, cost in objective]
    series = [
        Series(
            label,
            [*components, "total"],
            [*(float(part[i]) for part in parts), total[i].value],
            [*[np.nan] * len(parts), total[i].lower],
            [*[np.nan] * len(parts), total[i].upper],
        )
        for i, label in enumerate(labels)
    ]
    ax.set_xlim(left=min(0.0, float(left.min())))
    return series, _cut(ax, labels, {n: t.value for n, t in zip(labels, total, strict=True)})


def _cut(ax: Axes, labels: Sequence[str], totals: Mapping[str, float]) -> str:
    """Cuts bars that would flatten the others, with their value at the edge."""
    # All bars begin at zero, so the others are flattened where the longest of them is short.
    cut = find_cut(
        {label: Span(min(0.0, value), max(0.0, value)) for label, value in totals.items()}
    )
    if cut is None or not cut.above:
        return ""
    ax.set_xlim(right=1.35 * cut.high)
    for label in cut.above:
        text = f"{figures(totals[label])} ▶"
        ax.text(0.985, labels.index(label), text, transform=ax.get_yaxis_transform(), **LOOK)
    out = "; ".join(f"{label}, at {figures(totals[label])}" for label in cut.above)
    return f" The axis is cut: beyond it ends {out}."


def _pooled_part(ledger: Ledger, name: str, points: Iterable[int], column: int) -> float:
    """Mean of one cost component over the runs of several points."""
    cells = [ledger.cells[point, name].parts for point in points]
    counts = np.array([part.count[column] for part in cells])
    means = np.array([part.mean[column] for part in cells])
    return float(np.where(counts > 0, counts * means, 0.0).sum() / max(counts.sum(), 1))
