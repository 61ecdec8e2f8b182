"""A learner far from the others must not flatten them: the axis is cut, and a note tells where.

The rule compares the height that the others' values take up with the height of everything, on the
axis as it is (linear or logarithmic). It holds for whole learners, never for a part of a line, and
for fewer than half of them: whatever the majority does is what the figure is about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLATTENED = 1 / 6
"""The others take up less of the axis than this: they are flattened."""

_FLATTENED_PAIR = 1 / 20  # one of two learners is an outlier only where nothing else is to be seen
_NOISE = 1e-9  # values that differ by so little, relatively, are the same but for rounding
_NOTE = 0.11  # height of a note, of the axes'
_MOST, _MOST_NOTES = 10, 2  # outliers, and lines of notes on them at either end


class Span(NamedTuple):
    """Smallest and largest value that is drawn of a learner."""

    low: float
    high: float


class Cut(NamedTuple):
    """Limits of an axis that leave some learners out.

    Attributes:
      low: smallest value of the others.
      high: largest value of the others.
      above: learners beyond the upper end, at least in part.
      below: learners beyond the lower end.
    """

    low: float
    high: float
    above: tuple[str, ...]
    below: tuple[str, ...]

    @property
    def outliers(self) -> tuple[str, ...]:
        """All learners that the axis leaves out."""
        return (*self.above, *self.below)


def find_cut(spans: Mapping[str, Span], *, log: bool = False) -> Cut | None:
    """Where to cut an axis, if some learners flatten the others.

    Args:
      spans: learner -> what is drawn of it.
      log: the axis is logarithmic; values are positive.

    >>> find_cut({"a": Span(1, 2), "b": Span(1.5, 2.5), "c": Span(90, 100)})
    Cut(low=1, high=2.5, above=('c',), below=())
    >>> find_cut({"a": Span(1, 2), "b": Span(3, 4), "c": Span(8, 9)}) is None
    True
    """
    place = math.log if log else float
    spans = {name: span for name, span in spans.items() if all(map(math.isfinite, span))}
    if len(spans) < 2:
        return None
    whole = _height(spans.values(), place)
    least = _NOISE * (1.0 if log else max(abs(end) for span in spans.values() for end in span))
    limit = FLATTENED if len(spans) > 2 else _FLATTENED_PAIR
    descending = sorted(spans, key=lambda name: -spans[name].high)
    ascending = sorted(spans, key=lambda name: spans[name].low)
    for number in range(1, min(max(1, (len(spans) - 1) // 2), _MOST) + 1):
        # As few as will do; of as many, those that leave the least; of a tie, those above.
        choices = []
        for down in range(number + 1):
            out = {*descending[: number - down], *ascending[:down]}
            rest = [span for name, span in spans.items() if name not in out]
            choices.append((_height(rest, place), out, rest))
        height, out, rest = min(choices, key=lambda choice: choice[0])
        if least < height < limit * whole:
            low, high = min(span.low for span in rest), max(span.high for span in rest)
            above = tuple(name for name in spans if name in out and spans[name].high > high)
            below = tuple(name for name in spans if name in out and name not in above)
            return Cut(low, high, above, below)
    return None


def _height(spans: Iterable[Span], place: Callable[[float], float]) -> float:
    lows, highs = zip(*spans, strict=True)
    return place(max(highs)) - place(min(lows))


def cut_y(ax: Axes, cut: Cut, spans: Mapping[str, Span], names: Mapping[str, str]) -> None:
    """Cuts the y axis to the others, with notes at the edges on the learners left out."""
    above, below = (notes(side, spans, names) for side in (cut.above, cut.below))
    log = ax.get_yscale() == "log"
    low, high = (math.log(end) if log else end for end in (cut.low, cut.high))
    margin = 0.05 * (high - low)
    # Notes stand in room of their own beyond the others' values.
    unit = (high - low + 2 * margin) / (1 - _NOTE * len(above + below))
    low -= margin + _NOTE * len(below) * unit
    high += margin + _NOTE * len(above) * unit
    ax.set_ylim(*(math.exp(end) if log else end for end in (low, high)))
    for i, text in enumerate(above):
        ax.text(0.99, 1 - _NOTE * (i + 0.5), f"▲ {text}", transform=ax.transAxes, **LOOK)
    for i, text in enumerate(below):
        ax.text(0.99, _NOTE * (i + 0.5), f"▼ {text}", transform=ax.transAxes, **LOOK)


LOOK: dict[str, Any] = {
    "ha": "right",
    "va": "center",
    "fontsize": 7,
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
}


def notes(
    learners: Sequence[str], spans: Mapping[str, Span], names: Mapping[str, str]
) -> list[str]:
    """``oco_q: 1200 to 1630``, a line for each of the first learners, and how many more."""
    lines = [f"{names[name]}: {between(spans[name])}" for name in learners[:_MOST_NOTES]]
    more = len(learners) - len(lines)
    return lines + [f"and {more} more"] * (more > 0)


def between(span: Span) -> str:
    """``1200 to 1630``, or one number where the ends are as good as equal."""
    low, high = (figures(end) for end in span)
    return low if low == high else f"{low} to {high}"


def figures(value: float) -> str:
    """A number with three significant digits, as text."""
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    else:
        digits = 2 - math.floor(math.log10(abs(value))) if value else 0
        text = f"{round(value, digits):.{max(digits, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "\N{MINUS SIGN}")


def sentence(cut: Cut | None, spans: Mapping[str, Span]) -> str:
    """What the caption says of a cut; nothing without one."""
    if cut is None:
        return ""
    out = "; ".join(f"{name}, at {between(spans[name])}" for name in cut.outliers)
    return f" The axis is cut: beyond it lies {out}."


def span_of(low: Iterable[float], high: Iterable[float]) -> Span:
    """The span of the finite values; NaN without any."""
    lows = [x for x in low if math.isfinite(x)]
    highs = [x for x in high if math.isfinite(x)]
    return Span(min(lows, default=math.nan), max(highs, default=math.nan))
