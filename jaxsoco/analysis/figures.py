"""Drawing: every kind of figure for one column of a paper.

matplotlib is imported when a figure is drawn, and its global state is left as it was.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.fits import fit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import WHERE
from jaxsoco.analysis.statistics import Estimate, cluster_means, pooled_mean
from jaxsoco.analysis.views import View, course, finals, line, profile_line, profiles, view
from jaxsoco.core.study import HORIZON, Study, is_numeric, matches
from jaxsoco.core.text import show, show_all

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DATA_HEIGHT = 1.7
_MOST_STEPS = 500
_MOST_MARKERS = 10
_Y_LABEL = 28  # letters that fit along the data's height


class Drawing(NamedTuple):
    """A figure with the caption that belongs to it."""

    kind: str
    figure: Figure
    caption: str


class NothingToDraw(Exception):
    """The runs there are do not give this figure (a sweep that is not complete, say)."""


def draw(plot: Mapping[str, Any], ledger: Ledger) -> Drawing:
    """Draws one validated plot; call it, and save the figure, within ``style.figure_style()``.

    Raises:
      NothingToDraw: there are no runs for it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDTH, _DATA_HEIGHT), layout="constrained")
    ax = figure.add_subplot()
    caption = _DRAW[plot["kind"]](plot, ledger, ax)
    title = textwrap.wrap(ledger.study.title, 52)
    figure.suptitle("\n".join(title), x=0.01, ha="left")
    rows = style.legend(figure, ax)
    # What stands around the data adds to the height, so that the data keep theirs.
    figure.set_figheight(figure.get_figheight() + 0.45 + 0.15 * len(title) + 0.145 * rows)
    return Drawing(plot["kind"], figure, caption)


def _ratio_vs_axis(plot: Mapping[str, Any], ledger: Ledger, ax: Axes) -> str:
    study, axis = ledger.study, plot["axis"]
    where, against = plot.get(WHERE), _against(plot, study)
    names = _algorithms(plot, study)
    curves = {n: ledger.curve(n, against, axis, where, "ratio") for n in names}
    shown = [v for v in study.axes[axis] if any(v in c.x for c in curves.values())]
    if not shown:
        raise NothingToDraw("no run has a ratio")
    numeric = is_numeric(shown)
    ax.axhline(1, color="#888888", linewidth=0.8, zorder=1)
    for i, (name, curve) in enumerate(curves.items()):
        mean, lower, upper = cluster_means(curve.clusters, study.level)
        look = style.lines(study.labels)[name]
        if numeric:
            ax.plot(curve.x, mean, label=name, **look.options())
            ax.fill_between(curve.x, lower, upper, color=look.color, alpha=0.18, linewidth=0)
        else:
            offset = (i - (len(names) - 1) / 2) * 0.66 / len(names)
            x = [shown.index(v) + offset for v in curve.x]
            ends = np.nan_to_num([mean - lower, upper - mean])
            ax.errorbar(x, mean, yerr=ends, label=name, fmt=look.marker, color=look.color,
                        capsize=1.5, elinewidth=0.9)  # fmt: skip
    if numeric:
        style.numeric_ticks(ax, [float(v) for v in shown])
    else:
        ax.set_xticks(range(len(shown)), [show(v) for v in shown])
        ax.grid(False, axis="x")
    style.tall_range(ax)
    ax.set_xlabel(_with_unit(axis, study.units.get(axis, "")))
    _label_y(ax, f"mean ratio to {_words(against)}")
    fewest, most = _counts([c.clusters.counts.sum(axis=0) for c in curves.values()])
    return (
        f"Mean of the runs' cost ratios to {against} against {axis}"
        f"{_selection(plot, study, axis)}, {_range(fewest, most)} runs a point. {_band(study)} "
        "The grey line is a ratio of 1."
    )


def _ratio_cdf(plot: Mapping[str, Any], ledger: Ledger, ax: Axes) -> str:
    study = ledger.study
    against, points = _against(plot, study), study.select(plot.get(WHERE))
    names = _algorithms(plot, study)
    values = {n: _known(ledger.values(n, against, points, "ratio")) for n in names}
    values = {name: v for name, v in values.items() if v.size}
    if not values:
        raise NothingToDraw("no run has a ratio")
    low = min(1.0, *(float(v[0]) for v in values.values()))
    high = max(float(np.quantile(v, 0.99)) for v in values.values())
    high = max(high, low * (1 + 1e-6))
    for i, (name, ordered) in enumerate(values.items()):
        x, y = _steps(ordered, high)
        look = style.lines(study.labels)[name]
        marks = np.searchsorted(y, np.array([0.15, 0.4, 0.65, 0.9]) + 0.013 * (i % 7))
        every = [*map(int, marks)]
        ax.plot(x, y, drawstyle="steps-post", label=name, markevery=every, **look.options())
    ax.set_xlim(low, high)
    if high > 4 * low > 0:
        ax.set_xscale("log")
        style.plain_log(ax.xaxis)
    ax.set_ylim(0, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_xlabel(f"ratio to {_words(against)}")
    ax.set_ylabel("fraction of runs")
    fewest, most = _counts([np.array([v.size]) for v in values.values()])
    return (
        f"Empirical distribution of the runs' cost ratios to {against}{_selection(plot, study)}, "
        f"{_range(fewest, most)} runs a learner. The axis ends where all learners reach 99 %."
    )


def _steps(ordered: np.ndarray, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The empirical distribution's corners; at most 500 of them, so 0.2 % is the largest error."""
    n = ordered.size
    ranks = np.arange(n)
    if n > _MOST_STEPS:
        ranks = np.unique(np.linspace(0, n - 1, _MOST_STEPS).round().astype(int))
    x, y = ordered[ranks], (ranks + 1) / n
    return np.concatenate([x[:1], x, [max(high, x[-1])]]), np.concatenate([[0.0], y, [1.0]])


def _cost_breakdown(plot: Mapping[str, Any], ledger: Ledger, ax: Axes) -> str:
    study = ledger.study
    points = study.select(plot.get(WHERE))
    names = [*_algorithms(plot, study)]
    if "algorithms" not in plot:
        names += study.optima
    names = [n for n in names if np.isfinite(ledger.totals(n, points)).any()]
    if not names:
        raise NothingToDraw("no run is there")
    rows = np.arange(len(names))
    left = np.zeros(len(names))
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
    ax.set_xlabel(_with_unit("mean cost of a run", study.unit))
    if figure := ax.get_figure(root=True):
        figure.set_figheight(0.1 + 0.2 * len(names))
    fewest, most = _counts([np.isfinite(ledger.totals(n, points)).sum()[None] for n in names])
    return (
        f"Components of the mean cost{_selection(plot, study)}, {_range(fewest, most)} runs a "
        f"learner. The whisker is the {_level(study)} interval of the mean total."
    )


def _regret_vs_horizon(plot: Mapping[str, Any], ledger: Ledger, ax: Axes) -> str:
    where = plot.get(WHERE)
    seen = view(plot, ledger.study, where)
    drawn = _lines(plot, ledger, ax, HORIZON, seen, ("x", "y"), exponents=True)
    ax.set_xlabel("horizon T (rounds)")
    fitted = f" The exponents are least-squares slopes with {_level(ledger.study)} bootstrap "
    return _caption(plot, ledger, seen, HORIZON, drawn) + fitted + "intervals over seeds."


def _measure_vs_axis(plot: Mapping[str, Any], ledger: Ledger, ax: Axes) -> str:
    study, axis = ledger.study, plot["axis"]
    seen = view(plot, study, plot.get(WHERE))
    drawn = _lines(plot, ledger, ax, axis, seen, tuple(plot.get("log") or ()))
    ax.set_xlabel(_with_unit(axis, study.units.get(axis, "")))
    return _caption(plot, ledger, seen, axis, drawn)


def _curve(plot: Mapping[str, Any], ledger: Ledger, ax: Axes) -> str:
    seen = view(plot, ledger.study, plot.get(WHERE))
    drawn = _lines(plot, ledger, ax, None, seen, tuple(plot.get("log") or ()))
    ax.set_xlabel("round")
    return _caption(plot, ledger, seen, "round", drawn)


def _measure_vs_parameter(plot: Mapping[str, Any], ledger: Ledger, ax: Axes) -> str:
    study, parameter = ledger.study, plot["parameter"]
    where, log = plot.get(WHERE) or {}, tuple(plot.get("log") or ())
    seen = view(plot, study, where)
    by = plot.get("by")
    shown = (
        [v for v in study.axes[by] if by not in where or matches(v, where[by])] if by else [None]
    )
    bases = plot.get("algorithms") or [*dict.fromkeys(b for b, _ in study.settings.values())]
    drawn, colours = (
        _Drawn([], []),
        cycle(style.lines([f"{b} {v}" for b in bases for v in shown]).values()),
    )
    for base in bases:
        for value in shown:
            here = where if value is None else {**where, by: value}
            look, label = next(colours), base if value is None else f"{base}, {by} = {show(value)}"
            for profile in profiles(ledger, base, parameter, seen, here):
                found = profile_line(profile, seen, study.level)
                ax.plot(found.x, found.value, label=label, **look.options())
                ax.fill_between(found.x, found.lower, found.upper, color=look.color, alpha=0.18,
                                linewidth=0)  # fmt: skip
                drawn.counts.append(found.runs)
            if base in study.labels and not any(
                parameter in own for b, own in study.settings.values() if b == base
            ):
                flat = finals(ledger, base, seen, study.select(here))
                if np.isfinite(flat).any():
                    middle = np.nanmedian(flat) if seen.statistic == "median" else np.nanmean(flat)
                    ax.axhline(
                        float(middle), label=label, color=look.color, linestyle="--", linewidth=1
                    )
    if not drawn.counts:
        raise NothingToDraw(f"no algorithm with several values of {parameter} has runs")
    _log_axes(ax, log, {float(x) for line in ax.lines for x in np.asarray(line.get_xdata())})
    ax.set_xlabel(_words(parameter))
    unit = study.unit if seen.cost is None else study.cost(seen.cost).unit
    _label_y(ax, _with_unit(f"{seen.statistic} {seen.quantity(study)}", unit))
    return _caption(plot, ledger, seen, parameter, drawn)


class _Drawn(NamedTuple):
    """What a figure of lines shows: counts of runs, and learners left out."""

    counts: list[np.ndarray]
    hidden: list[str]


def _lines(
    plot: Mapping[str, Any],
    ledger: Ledger,
    ax: Axes,
    axis: str | None,
    seen: View,
    log: tuple[str, ...],
    *,
    exponents: bool = False,
) -> _Drawn:
    """Draws a line a learner along an axis (None: the rounds of a run), with its band."""
    study, where = ledger.study, plot.get(WHERE)
    names = _algorithms(plot, study)
    found = {n: course(ledger, n, seen, where) if axis is None
             else line(ledger, n, seen, axis, where) for n in names}  # fmt: skip
    shown = [v for v in study.axes.get(axis or "", ()) if any(v in f.x for f in found.values())]
    words = bool(shown) and not is_numeric(shown)
    drawn, ends = _Drawn([], []), []
    for name, (x, value, lower, upper, runs) in found.items():
        keep = value > 0 if "y" in log else np.isfinite(value)
        if not keep.any():
            drawn.hidden.append(name)
            continue
        at = np.array([shown.index(v) for v in x] if words else x, float)[keep]
        value, lower, upper = value[keep], lower[keep], upper[keep]
        if "y" in log:  # a band below zero has no logarithm
            lower = np.maximum(lower, value / 100)
        label = name
        if exponents:
            label = _with_exponent(name, fit(ledger, name, seen, axis or HORIZON, where).exponent)
        look = style.lines(study.labels)[name]
        every = -(-len(at) // _MOST_MARKERS)
        ax.plot(at, value, label=label, markevery=every, **look.options())
        ax.fill_between(at, lower, upper, color=look.color, alpha=0.18, linewidth=0)
        drawn.counts.append(runs)
        ends.append((at, value))
    if not ends:
        raise NothingToDraw(f"no {seen.statistic} {seen.quantity(study)} is positive")
    if plot.get("trend") is not None:
        _draw_trend(ax, plot["trend"], *ends[0])
    if words:
        ax.set_xticks(range(len(shown)), [show(v) for v in shown])
    _log_axes(ax, log, {float(t) for at, _ in ends for t in at})
    unit = study.unit if seen.cost is None else study.cost(seen.cost).unit
    quantity = seen.quantity(study)
    _label_y(ax, _with_unit(f"{seen.statistic} {quantity}", "" if "ratio" in quantity else unit))
    return drawn


def _label_y(ax: Axes, text: str) -> None:
    """A label that stays beside the data, below the title."""
    ax.set_ylabel("\n".join(textwrap.wrap(text, _Y_LABEL)))


def _log_axes(ax: Axes, log: tuple[str, ...], places: set[float]) -> None:
    """Logarithmic axes with plain labels, at the places themselves where they are few."""
    if "x" in log:
        ax.set_xscale("log")
        if len(places) <= 6:
            style.ticks_at(ax, sorted(places))
        elif max(places) < 1000 * min(places):
            style.plain_log(ax.xaxis)
    if "y" in log:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        if high < 30 * low:
            style.plain_log(ax.yaxis)


def _draw_trend(ax: Axes, exponent: float, x: np.ndarray, value: np.ndarray) -> None:
    """A power law through the middle of the first line."""
    positive = x > 0
    x, value = x[positive], value[positive]
    middle = len(x) // 2
    ax.plot(x, value[middle] * (x / x[middle]) ** exponent, color="#666666", linewidth=0.9,
            linestyle=(0, (2, 2)), zorder=1, label=f"$\\propto T^{{{exponent:.3g}}}$")  # fmt: skip


def _caption(plot: Mapping[str, Any], ledger: Ledger, seen: View, axis: str, drawn: _Drawn) -> str:
    study = ledger.study
    text = seen.words(study)
    along = "horizon" if axis == HORIZON else axis.replace("_", " ")
    fewest, most = _counts(drawn.counts)
    bands = _band(study)
    if seen.statistic == "median":
        bands = "Bands are quartiles of the runs."
        if not study.heavy.isdisjoint(study.select(plot.get(WHERE))):
            bands += " The costs have no mean here."
    left = ", ".join(drawn.hidden)
    missing = f" Not shown, for want of a positive {seen.statistic}: {left}." if left else ""
    return (
        f"{text[0].upper()}{text[1:]} by {along}{_selection(plot, study, axis)}, "
        f"{_range(fewest, most)} runs a point. {bands}{missing}"
    )


_DRAW: dict[str, Callable[[Mapping[str, Any], Ledger, Any], str]] = {
    "ratio-vs-axis": _ratio_vs_axis,
    "ratio-cdf": _ratio_cdf,
    "cost-breakdown": _cost_breakdown,
    "regret-vs-horizon": _regret_vs_horizon,
    "measure-vs-axis": _measure_vs_axis,
    "measure-vs-parameter": _measure_vs_parameter,
    "curve": _curve,
}


def _algorithms(plot: Mapping[str, Any], study: Study) -> list[str]:
    return list(plot.get("algorithms") or study.algorithms)


def _against(plot: Mapping[str, Any], study: Study) -> str:
    return plot.get("against") or study.comparators[0]


def _known(values: np.ndarray) -> np.ndarray:
    return np.sort(values[np.isfinite(values)])


def _pooled_part(ledger: Ledger, name: str, points: Iterable[int], column: int) -> float:
    """Mean of one cost component over the runs of several points."""
    cells = [ledger.cells[point, name].parts for point in points]
    counts = np.array([part.count[column] for part in cells])
    means = np.array([part.mean[column] for part in cells])
    return float(np.where(counts > 0, counts * means, 0.0).sum() / max(counts.sum(), 1))


def _with_unit(text: str, unit: str) -> str:
    return f"{_words(text)} ({unit})" if unit else _words(text)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _with_exponent(name: str, exponent: Estimate) -> str:
    """``scale: T^0.50 [0.47, 0.53]`` for the legend."""
    if not math.isfinite(exponent.value):
        return name
    digits = 3 if exponent.half_width < 0.01 else 2
    text = f"{name}: $T^{{{exponent.value:.{digits}f}}}$"
    if math.isfinite(exponent.half_width):
        text += f" [{exponent.lower:.{digits}f}, {exponent.upper:.{digits}f}]"
    return text


def _counts(counts: Iterable[np.ndarray]) -> tuple[int, int]:
    joined = np.concatenate([np.ravel(c) for c in counts])
    return int(joined.min()), int(joined.max())


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _level(study: Study) -> str:
    return f"{100 * study.level:g} %"


def _band(study: Study) -> str:
    return f"Bands are {_level(study)} Student-t intervals of the mean over seeds."


def _selection(plot: Mapping[str, Any], study: Study, axis: str = "") -> str:
    """What the figure is restricted to and pooled over, in words."""
    where = plot.get(WHERE) or {}
    pooled = [a for a in study.axes if a != axis and a not in where]
    text = f", where {show_all(where)}" if where else ""
    return f"{text}, pooled over {' and '.join(pooled)}" if pooled else text
