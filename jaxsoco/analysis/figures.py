"""Drawing: every kind of figure for one column of a paper.

matplotlib is imported when a figure is drawn, and its global state is left as it was.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxsoco.analysis import style
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots import PLOTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DATA_HEIGHT = 1.7


class Drawing(NamedTuple):
    """A figure with the caption that belongs to it."""

    kind: str
    figure: Figure
    caption: str


def draw(plot: Mapping[str, Any], ledger: Ledger) -> Drawing:
    """Draws one validated plot; call it, and save the figure, within ``style.figure_style()``.

    Raises:
      NothingToDraw: there are no runs for it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDTH, _DATA_HEIGHT), layout="constrained")
    ax = figure.add_subplot()
    caption = PLOTS.make(plot).draw(ledger, ax)
    title = textwrap.wrap(ledger.study.title, 52)
    figure.suptitle("\n".join(title), x=0.01, ha="left")
    rows = style.legend(figure, ax)
    # What stands around the data adds to the height, so that the data keep theirs.
    figure.set_figheight(figure.get_figheight() + 0.45 + 0.15 * len(title) + 0.145 * rows)
    return Drawing(plot["kind"], figure, caption)
