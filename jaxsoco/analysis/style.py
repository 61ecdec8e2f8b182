"""One look for all figures of a report: a learner keeps its colour, marker and line everywhere."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.escape import ELLIPSIS, one_line, short_names
from jaxsoco.core.text import shorten

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

TALL = 8.0
"""Ratios over a larger factor are drawn on a logarithmic axis."""

_X_LETTERS = 42  # that fit side by side below the axes

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


def find_matplotlib() -> None:
    """Imports matplotlib.

    Raises:
      InputError: the environment names a backend that there is none of.
    """
    try:
        import matplotlib  # noqa: F401
    except ValueError as error:
        hint = "unset it: figures are written to files, which takes no backend"
        raise InputError(Issue("MPLBACKEND", str(error), hint)) from error


@contextmanager
def figure_style(text: str = "") -> Iterator[None]:
    """Draws with these settings alone, whatever the user's matplotlibrc says.

    Args:
      text: what the figures may have to write; fonts are chosen that have its characters, and
        what no font has becomes a box, without a warning.
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        matplotlib.rcParams["font.family"] = [_FONT, *fallback_fonts(text)[0]]
        yield


_FONT = "DejaVu Sans"  # comes with matplotlib
_MOST_FONTS = 400


def fallback_fonts(text: str) -> tuple[tuple[str, ...], str]:
    """Installed fonts with the characters that the usual one lacks, and what none of them has."""
    return _fonts_with("".join(sorted({c for c in one_line(text) if ord(c) > 0x17F})))


@lru_cache(maxsize=16)
def _fonts_with(characters: str) -> tuple[tuple[str, ...], str]:
    if not characters:
        return (), ""
    from matplotlib.font_manager import findfont, fontManager

    missing = {ord(c) for c in characters} - _charmap(findfont(_FONT))
    fonts: list[str] = []
    # A regular face of every family, in an order that does not depend on the machine's folders.
    faces = {
        font.name: font.fname
        for font in fontManager.ttflist
        # Boxes for everything, and letters in the places of others.
        if font.style == "normal" and not font.name.startswith(("Last Resort", "cm"))
    }
    for name, path in sorted(faces.items())[:_MOST_FONTS]:
        if not missing:
            break
        if present := missing & _charmap(path):
            fonts.append(name)
            missing -= present
    return tuple(fonts), "".join(map(chr, sorted(missing)))


def _charmap(path: str) -> set[int]:
    from matplotlib.font_manager import get_font

    try:
        return {*get_font(path).get_charmap()}
    except (OSError, RuntimeError):  # a font that is damaged, or gone since it was listed
        return set()


def plain(text: str) -> str:
    """A text of anybody on one line, in which matplotlib finds no mathematics."""
    text = one_line(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text  # legends leave out what begins with one


def wrapped(text: str, width: int, most: int = 3) -> str:
    """A text of anybody on a few lines, ``name = value`` on one of them."""
    text = shorten(one_line(text), width * most, ELLIPSIS)
    # To textwrap a no-break space is a letter.
    lines = textwrap.wrap(text.replace(" = ", "\xa0=\xa0"), width)[:most]
    return "\n".join(plain(line.replace("\xa0", " ")) for line in lines)


LETTERS = 44
"""Of a learner's name in a legend."""


def names(labels: Iterable[str], most: int = LETTERS) -> dict[str, str]:
    """How learners are named in figures: their labels, cut in the middle where they are long."""
    return {label: plain(name) for label, name in short_names(tuple(labels), most).items()}


def numeric_ticks(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis where the values are more even on it; ticks at the values if few."""
    place = np.sort(np.asarray(values, np.float64))
    ordered = place.tolist()
    if place[0] > 0 and len(place) > 2 and _unevenness(np.log(place)) < _unevenness(place):
        ax.set_xscale("log")
        plain_log(ax.xaxis)
        place = np.log(place)
    _ticks_if_apart(ax, ordered, place)


def few_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Ticks at the values of a linear axis if they are few and do not crowd."""
    place = np.sort(np.asarray(values, np.float64))
    _ticks_if_apart(ax, place.tolist(), place)


def _ticks_if_apart(ax: Axes, ordered: list[float], place: np.ndarray) -> None:
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
    ax.xaxis.set_major_formatter(lambda value, _: number(value).replace("-", "\N{MINUS SIGN}"))
    ax.xaxis.set_minor_locator(NullLocator())


def whole_ticks(ax: Axes) -> None:
    """Ticks of the x axis at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def category_ticks(ax: Axes, values: Sequence[str]) -> None:
    """A tick for every name, at 0, 1, 2, ...; aslant where they would run into each other."""
    texts = names(values, 24)
    ax.set_xticks(range(len(values)), [texts[value] for value in values])
    longest = max(map(len, texts.values()), default=0)
    if longest * len(values) > _X_LETTERS:
        for label in ax.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
        if figure := ax.get_figure(root=True):  # the data keep their height
            figure.set_figheight(figure.get_figheight() + 0.03 * longest)


def _power_of_ten(value: float) -> str:
    """A number of any size as ``m 10^e``: large and small ones alike on one axis."""
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    factor, power = f"{float(mantissa):g}", f"10^{{{int(exponent)}}}"
    return f"${power}$" if factor == "1" else rf"${factor}\times{power}$"


def tall_range(ax: Axes, low: float, high: float) -> None:
    """A logarithmic ratio axis where the means span more than a factor of 8."""
    if low > 0 and high > TALL * low:
        ax.set_yscale("log")
        plain_log(ax.yaxis)


def plain_log(axis: Any) -> None:
    """Plain labels in place of powers of ten: 1, 2, 5, 10, and some between on a short axis."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())


def without_minor_labels(axis: Any) -> None:
    """No numbers between the powers of ten."""
    from matplotlib.ticker import NullFormatter

    axis.set_minor_formatter(NullFormatter())


def legend(figure: Figure, ax: Axes, note: str = "") -> int:
    """Below the axes, so that it never covers data; returns its rows.

    Args:
      figure: the figure.
      ax: its axes, whose artists have the labels.
      note: what a mark in the labels means.
    """
    handles, labels = ax.get_legend_handles_labels()
    if not labels and not note:
        return 0
    labels = _distinct(labels)
    columns = _legend_columns(labels)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=note or None,
                  title_fontsize=6.5)  # fmt: skip
    return -(-len(labels) // columns) + (1 + note.count("\n") if note else 0)


def heading(figure: Figure, title: str, study: str) -> None:
    """The title over the figure, and below it, smaller, that of the study."""
    lines = 1 + title.count("\n")
    # Empty lines of the title keep the room in which the study's stands.
    figure.suptitle(title + "\n" * (1 + study.count("\n")), x=0.01, ha="left")
    top = 0.045 + 0.1425 * lines
    figure.text(0.01, 1 - top / figure.get_figheight(), study, va="top", fontsize=7,
                color="#666666")  # fmt: skip


def _distinct(labels: Sequence[str]) -> list[str]:
    """The labels; the second one of two that are alike says so."""
    counts: dict[str, int] = {}
    texts = []
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
        texts.append(f"{label} (#{counts[label]})" if counts[label] > 1 else label)
    return texts


def _legend_columns(labels: Sequence[str]) -> int:
    """Columns of a legend below a one-column figure."""
    longest = max((len(label.replace("$", "").replace("^{", "")) for label in labels), default=0)
    return max(1, min(len(labels), 66 // (longest + 10)))
