"""One look for all figures of a report: a learner keeps its colour, marker and line everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which is too pale for lines on white.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_LINES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))

COMPONENTS = (
    ("#34567a", ""),
    ("#8fb0cf", "////"),
    ("#e3c08a", "...."),
    ("#b07a6a", "\\\\\\\\"),
    ("#c9c9c9", "xxxx"),
    ("#6f7f5f", "++++"),
)
"""Fill and hatch of the cost components, in the order of the ledger."""

WIDTH = 3.5
"""Inches: one column of a paper."""

_RC: Any = {
    "font.family": "sans-serif",
    "font.size": 8,
    "figure.titlesize": 8.5,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.borderpad": 0.1,
    "legend.borderaxespad": 0.2,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.35,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    # The same numbers give the same file.
    "svg.hashsalt": "jaxsoco",
    "svg.fonttype": "path",
}


class Line(NamedTuple):
    """How a learner is drawn."""

    color: str
    marker: str
    linestyle: Any

    def options(self) -> dict[str, Any]:
        """Keywords for ``Axes.plot``."""
        return {**self._asdict(), "markeredgecolor": "white", "markeredgewidth": 0.4}


def lines(labels: Iterable[str]) -> dict[str, Line]:
    """A line for every label; the first 315 differ from each other."""
    return {
        label: Line(_COLOURS[i % 7], _MARKERS[i % 9], _LINES[i % 5])
        for i, label in enumerate(labels)
    }


@contextmanager
def figure_style() -> Iterator[None]:
    """Draws with these settings alone, whatever the user's matplotlibrc says."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def numeric_ticks(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis where the values are more even on it; ticks at the values if few."""
    place = np.sort(np.asarray(values, np.float64))
    ordered = place.tolist()
    if place[0] > 0 and len(place) > 2 and _unevenness(np.log(place)) < _unevenness(place):
        ax.set_xscale("log")
        plain_log(ax.xaxis)
        place = np.log(place)
    if len(place) <= 8 and np.diff(place).min(initial=np.inf) > 0.07 * np.ptp(place):
        ticks_at(ax, ordered)


def _unevenness(ordered: np.ndarray) -> float:
    """Spread of the gaps between the values, relative to the mean gap."""
    gaps = np.diff(ordered)
    return float(gaps.std() / gaps.mean())


def ticks_at(ax: Axes, values: Sequence[float]) -> None:
    """Ticks of the x axis at these values and nowhere else."""
    from matplotlib.ticker import FixedLocator, NullLocator

    number = _power_of_ten if max(values) >= 1e6 else "{:g}".format
    ax.xaxis.set_major_locator(FixedLocator([*values]))
    ax.xaxis.set_major_formatter(lambda value, _: number(value))
    ax.xaxis.set_minor_locator(NullLocator())


def _power_of_ten(value: float) -> str:
    """A number of any size as ``m 10^e``: large and small ones alike on one axis."""
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    factor, power = f"{float(mantissa):g}", f"10^{{{int(exponent)}}}"
    return f"${power}$" if factor == "1" else rf"${factor}\times{power}$"


def tall_range(ax: Axes) -> None:
    """A logarithmic ratio axis where the means span more than a factor of 8."""
    low, high = ax.dataLim.intervaly
    if low > 0 and high > 8 * low:
        ax.set_yscale("log")
        plain_log(ax.yaxis)


def plain_log(axis: Any) -> None:
    """Plain labels in place of powers of ten: 1, 2, 5, 10, and some between on a short axis."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())


def legend(figure: Figure, ax: Axes) -> int:
    """Below the axes, so that it never covers data; returns its rows."""
    handles, labels = ax.get_legend_handles_labels()
    columns = _legend_columns(labels)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return -(-len(labels) // columns)


def _legend_columns(labels: Sequence[str]) -> int:
    """Columns of a legend below a one-column figure."""
    longest = max((len(label.replace("$", "").replace("^{", "")) for label in labels), default=0)
    return max(1, min(len(labels), 66 // (longest + 10)))
