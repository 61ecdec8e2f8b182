"""Labels and captions of figures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.core.study import Study
from jaxsoco.core.text import percent, show_all

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Y_LABEL = 28  # letters that fit along the data's height


def words(name: str) -> str:
    """``data size``."""
    return name.replace("_", " ")


def with_unit(name: str, unit: str) -> str:
    """``data size (GB)``."""
    return f"{words(name)} ({unit})" if unit else words(name)


def label_y(ax: Axes, text: str) -> None:
    """A label that stays beside the data, below the title."""
    ax.set_ylabel("\n".join(textwrap.wrap(text, _Y_LABEL)))


def run_counts(counts: Iterable[np.ndarray]) -> str:
    """Fewest and most runs: ``512``, ``100 to 512``."""
    joined = np.concatenate([np.ravel(c) for c in counts])
    low, high = int(joined.min()), int(joined.max())
    return f"{low}" if low == high else f"{low} to {high}"


def bands(study: Study) -> str:
    """What the bands around means are."""
    return f"Bands are {percent(study.level)} Student-t intervals of the mean over seeds."


def restriction(where: Mapping[str, Any], study: Study, axis: str = "") -> str:
    """What a figure is restricted to and pooled over."""
    pooled = [a for a in study.axes if a != axis and a not in where]
    text = f", where {show_all(where)}" if where else ""
    return f"{text}, pooled over {' and '.join(pooled)}" if pooled else text
