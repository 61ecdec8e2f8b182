"""Labels and captions of figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.core.study import Study
from jaxsoco.core.text import NO_UNITS, percent, show_all

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Y_LABEL = 28  # letters that fit along the data's height
_X_LABEL = 48  # and below the data


def words(name: str) -> str:
    """``data size``."""
    return name.replace("_", " ")


def with_unit(name: str, unit: str) -> str:
    """``data size (GB)``."""
    return words(name) if unit in NO_UNITS else f"{words(name)} ({unit})"


def label_y(ax: Axes, text: str) -> None:
    """A label that stays beside the data, below the title."""
    ax.set_ylabel(style.wrapped(text, _Y_LABEL))


def label_x(ax: Axes, text: str) -> None:
    """A label below the data."""
    ax.set_xlabel(style.wrapped(text, _X_LABEL))


def title(text: str, where: Mapping[str, Any]) -> str:
    """``Mean regret by round, depth = 2``."""
    text = ", ".join(part for part in (text, show_all(where)) if part)
    return text[:1].upper() + text[1:]


def run_counts(counts: Iterable[np.ndarray]) -> str:
    """Fewest and most runs: ``512``, ``100 to 512``."""
    joined = np.concatenate([np.ravel(c) for c in counts])
    low, high = int(joined.min()), int(joined.max())
    return f"{low}" if low == high else f"{low} to {high}"


def bands(study: Study) -> str:
    """What the bands around means are."""
    over = "seeds"
    if study.moments:
        over += "; where points are pooled, over blocks of seeds"
    return f"Bands are {percent(study.level)} Student-t intervals of the mean over {over}."


def restriction(where: Mapping[str, Any], study: Study, *shown: str) -> str:
    """What a figure is restricted to and pooled over, apart from the axes that it shows."""
    pooled = [a for a in study.axes if a not in shown and a not in where]
    text = f", where {show_all(where)}" if where else ""
    return f"{text}, pooled over {' and '.join(pooled)}" if pooled else text
