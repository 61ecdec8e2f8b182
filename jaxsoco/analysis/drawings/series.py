"""What is drawn, as data: the rows of the CSV file beside a figure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jaxsoco.core.escape import spreadsheet
from jaxsoco.core.text import show


class Series(NamedTuple):
    """One line, or row of bars, of a figure; the sequences are equally long.

    Attributes:
      learner: label, or what else the legend calls it.
      x: places, numbers or names.
      value: what is drawn there.
      lower: lower end of its interval or band; NaN where there is none.
      upper: upper end.
    """

    learner: str
    x: Sequence[Any]
    value: Sequence[float]
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()


def csv_of(panel: str, series: Iterable[Series]) -> str:
    """The points of a figure as CSV, with floats that read back to the same bits.

    Args:
      panel: title of the figure, so that the rows of several files can be told apart.
      series: what is drawn.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["panel", "learner", "x", "value", "lower", "upper"])
    for line in series:
        nothing = [math.nan] * len(line.x)
        columns = (line.value, line.lower or nothing, line.upper or nothing)
        for x, *numbers in zip(line.x, *columns, strict=True):
            cells = [_cell(x), *(_cell(float(number)) for number in numbers)]
            writer.writerow([spreadsheet(panel), spreadsheet(line.learner), *cells])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, float):  # as Python writes it: NumPy's floats name their type
        return "" if math.isnan(value) else repr(float(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return repr(value)
    return spreadsheet(show(value))
