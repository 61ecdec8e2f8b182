"""The objective over the range of one or two parameters, on held-out seeds.

Not among the kinds that an experiment file may ask for: ``jaxsoco tune`` computes what it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import label_x, label_y, words
from jaxsoco.analysis.judgement import Judged
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import looks
from jaxsoco.analysis.plots._search import (
    COURSE,
    TuningPlot,
    is_wide,
    scale_objective,
    short_log,
)
from jaxsoco.analysis.searches import Parameter, Profile
from jaxsoco.core.study import Study
from jaxsoco.core.text import percent, rounded, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TALL = 2.3  # inches of a map


class LandscapePlot(TuningPlot):
    """A curve over one parameter, or a map over two, with the judged values marked."""

    name = "landscape"
    summary = "objective over the range of one or two parameters"

    def title(self, study: Study) -> str:
        """The objective by the parameters."""
        names = " and ".join(words(p.name) for p in self.search.parameters)
        text = f"{self.search.objective.words(study.measure)} by {names}"
        return text[0].upper() + text[1:]

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws the profile and the judged learners on it."""
        profile = self.search.profile
        if profile is None or not len(profile.values):
            raise NothingToDraw("the objective was not computed over the range")
        if len(self.search.parameters) == 1:
            return self._draw_curve(ledger, ax, profile)
        return self._draw_map(ledger, ax, profile)

    def _draw_curve(self, ledger: Ledger, ax: Axes, profile: Profile) -> str:
        study, (parameter,) = ledger.study, self.search.parameters
        axis = _Axis(parameter, [place[0] for place in profile.values])
        x, (value, low, high) = axis.places(), profile.objective.T
        look = COURSE.options()
        options = {**look, "linestyle": "none"} if axis.names else look
        ax.plot(x, value, label="held-out seeds", **options)
        if axis.names:
            ax.vlines(x, low, high, color=COURSE.color, alpha=0.4, linewidth=1)
        else:
            ax.fill_between(x, low, high, color=COURSE.color, alpha=0.18, linewidth=0)
        names = [place[0] for place in profile.values]
        self.series.append(
            Series("profile", names, *(tuple(map(float, v)) for v in (value, low, high)))
        )
        for one, places in self._marks():
            x, mark = axis.place(places[0]), looks(study)[one.label]
            error = np.abs(np.array([one.objective[1:]]).T - one.objective.value)
            ax.errorbar([x], [one.objective.value], yerr=np.nan_to_num(error), color=mark.color,
                        marker=mark.marker, markersize=5.5, linestyle="none", capsize=2,
                        label=style.plain(f"{one.row}: {_text(places[0])}"), zorder=3)  # fmt: skip
            ends = [(end,) for end in one.objective]
            self.series.append(Series(one.row, [places[0]], *ends))
        axis.scale(ax, "x")
        scale_objective(ax, value)
        label_x(ax, words(parameter.name))
        label_y(ax, self.quantity(study))
        return (
            f"{self.title(study)} of {self.search.name}, {profile.seeds} held-out seeds a place. "
            f"{percent(study.level)} intervals. Marks are the judged values, on "
            f"{study.seeds} held-out seeds."
        )

    def _draw_map(self, ledger: Ledger, ax: Axes, profile: Profile) -> str:
        study, (first, second) = ledger.study, self.search.parameters
        figure = ax.get_figure(root=True)
        across, up = (_Axis(p, [v[i] for v in profile.values])
                      for i, p in enumerate((first, second)))  # fmt: skip
        grid = np.full((len(up.values), len(across.values)), np.nan)
        for place, (value, *_) in zip(profile.values, profile.objective, strict=True):
            grid[up.values.index(place[1]), across.values.index(place[0])] = value
        finite = grid[np.isfinite(grid)]
        if figure is None or not finite.size:
            raise NothingToDraw("no place of the range has a finite objective")
        figure.set_figheight(figure.get_figheight() + _TALL - 1.7)
        mesh = ax.pcolormesh(across.edges(), up.edges(), grid, cmap="viridis_r",
                             norm=_norm(finite), rasterized=True)  # fmt: skip
        bar = figure.colorbar(mesh, ax=ax, pad=0.02)
        bar.set_label(style.wrapped(self.quantity(study), 28))
        bar.outline.set_linewidth(0.4)  # pyright: ignore[reportCallIssue]
        if is_wide(finite):
            style.plain_log(bar.ax.yaxis)
        for value, line in zip(up.values, grid, strict=True):
            names = f"{second.name} = {_text(value)}"
            self.series.append(Series(names, [*across.values], tuple(map(float, line))))
        for one, places in self._marks():
            mark = looks(study)[one.label]
            text = ", ".join(_text(place) for place in places)
            ax.plot([across.place(places[0])], [up.place(places[1])], marker=mark.marker,
                    color=mark.color, markeredgecolor="white", markeredgewidth=0.9, markersize=7,
                    linestyle="none", label=style.plain(f"{one.row}: {text}"), zorder=4,
                    clip_on=False)  # fmt: skip
        path = self._draw_path(ax, across, up)
        ax.grid(visible=False)
        across.scale(ax, "x")
        up.scale(ax, "y")
        label_x(ax, words(first.name))
        label_y(ax, words(second.name))
        return (
            f"{self.title(study)} of {self.search.name}, {profile.seeds} held-out seeds a place; "
            f"lighter is less.{path} Marks are the judged values."
        )

    def _draw_path(self, ax: Axes, across: _Axis, up: _Axis) -> str:
        """The places of the search's steps, and what the caption says of them."""
        search = self.search
        if not search.steps or across.names or up.names:
            return ""
        x, y = (search.course(parameter) for parameter in search.parameters)
        walks = search.walks
        ax.plot(x, y, color="white", linewidth=0.9, linestyle="-" if walks else "none",
                marker="o", markersize=2, markeredgecolor="none", zorder=3)  # fmt: skip
        return " The white line is the search." if walks else " White dots are places tried."

    def _marks(self) -> list[tuple[Judged, list[Any]]]:
        """The judged learners, with the numbers of their parameters, where they have some."""
        marks = []
        for one in self.rows:
            options = [self.search.values[row] for row in one.row.split(" = ")]
            places = [[values.get(p.name) for p in self.search.parameters] for values in options]
            whole = [place for place in places if all(_is_place(v) for v in place)]
            if whole:
                marks.append((one, whole[0]))
        return marks


def _is_place(value: Any) -> bool:
    return value is not None and value != "auto"


class _Axis:
    """The places of a parameter: numbers on a scale, or names side by side.

    Args:
      parameter: whose.
      values: what was tried, in any order, with repetitions.
    """

    def __init__(self, parameter: Parameter, values: list[Any]):
        self.scale_name = parameter.scale
        self.names = parameter.scale == "choice" and not _are_numbers(values)
        unique = list(dict.fromkeys(values))
        self.values = unique if self.names else sorted(unique)
        self._all = values

    def place(self, value: Any) -> float:
        """Where a value stands."""
        if not self.names:
            return float(value)
        return float(self.values.index(value)) if value in self.values else np.nan

    def places(self) -> list[float]:
        """Where all values stand, in the order given."""
        return [self.place(value) for value in self._all]

    def edges(self) -> np.ndarray:
        """Between the places, and beyond the first and the last, ``[K + 1]``."""
        x = np.array([self.place(value) for value in self.values])
        if len(x) < 2:
            return np.array([x[0] - 0.5, x[0] + 0.5])
        x = np.log(x) if self._is_log else x
        middle = (x[1:] + x[:-1]) / 2
        edges = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
        return np.exp(edges) if self._is_log else edges

    @property
    def _is_log(self) -> bool:
        return self.scale_name == "log" and not self.names

    def scale(self, ax: Axes, which: str) -> None:
        """Sets scale and ticks of the axes."""
        if self.names:
            getattr(ax, f"set_{which}ticks")(
                range(len(self.values)),
                [style.plain(_text(value)) for value in self.values],
            )
        elif self._is_log:
            getattr(ax, f"set_{which}scale")("log")
            short_log(getattr(ax, f"{which}axis"))


def _are_numbers(values: list[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _norm(finite: np.ndarray) -> Any:
    """Colours by the logarithm where values span a large factor."""
    from matplotlib.colors import LogNorm, Normalize

    low, high = float(finite.min()), float(finite.max())
    return (LogNorm if is_wide(finite) else Normalize)(low, high)


def _text(value: Any) -> str:
    return show(rounded(value))
