"""What is kept of many runs in place of each of them: moments, extremes and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxsoco.core.moments import Moments, merge_in_order
from jaxsoco.core.sketch import FINE, SIZE, Sketch

PART = 4096
"""Runs that are summed up at once, at most: what bounds memory, whatever the length of a block."""

_NUMBERS = 7
COLUMNS = _NUMBERS + SIZE
"""Numbers of a stored summary: count, mean, its rounding, M2, least, largest, error, points."""


@dataclass(frozen=True, eq=False)
class Summary:
    """Summaries of several samples, elementwise over any shape ``[...]``.

    Attributes:
      moments: count, mean and M2.
      low: least value, float64 ``[...]``; NaN of nothing.
      high: largest value, likewise.
      sketch: quantiles.
    """

    moments: Moments
    low: Any
    high: Any
    sketch: Sketch

    @classmethod
    def of(cls, values: Any, where: Any, size: int = SIZE) -> Summary:
        """The summary of ``values [n, ...]`` along the first axis, where bool ``[n, ...]`` says."""
        values, use = np.asarray(values, np.float64), np.asarray(where, bool)
        numbers = np.where(use, values, np.nan)
        nothing = np.full(values.shape[1:], np.nan)
        return cls(
            Moments.of(values, use),
            np.fmin.reduce(numbers, axis=0, initial=np.nan) if len(numbers) else nothing,
            np.fmax.reduce(numbers, axis=0, initial=np.nan) if len(numbers) else nothing,
            Sketch.of(values, use, size),
        )

    @classmethod
    def of_parts(cls, values: Any, where: Any) -> Summary:
        """As :meth:`of` for any number of values, a part at a time: the bits of a block."""
        parts = [slice(i, i + PART) for i in range(0, len(values), PART)]
        size = part_size(len(values))
        return cls.merged([cls.of(values[part], where[part], size) for part in parts])

    @classmethod
    def merged(cls, parts: Sequence[Summary], size: int = SIZE) -> Summary:
        """The summary of all samples together; one alone is left as it is.

        Raises:
          ValueError: there is none.
        """
        if len(parts) == 1:
            return parts[0]
        return cls(
            merge_in_order((one.moments for one in parts), np.shape(parts[0].low)),
            np.fmin.reduce([one.low for one in parts]),
            np.fmax.reduce([one.high for one in parts]),
            Sketch.merged([one.sketch for one in parts], size),
        )

    def to_array(self) -> np.ndarray:
        """All of it as float64 ``[..., COLUMNS]``."""
        moments = self.moments
        numbers = [moments.count, moments.mean, moments.mean_error, moments.m2]
        columns = np.broadcast_arrays(*numbers, self.low, self.high, self.sketch.error)
        return np.concatenate([np.stack(columns, axis=-1), self.sketch.points], axis=-1)

    @classmethod
    def from_array(cls, array: np.ndarray) -> Summary:
        """What :meth:`to_array` made."""
        count, mean, error, m2, low, high, off = np.moveaxis(array[..., :_NUMBERS], -1, 0)
        count = count.astype(np.int64)
        sketch = Sketch(count, array[..., _NUMBERS:], off)
        return cls(Moments(count, mean, m2, error), low, high, sketch)

    def at(self, index: Any) -> Summary:
        """Some of the samples."""
        parts = self.moments.at(index), self.low[index], self.high[index]
        return Summary(*parts, self.sketch.at(index))


def part_size(runs: int) -> int:
    """Points of the sketches of the parts of a block of so many runs."""
    return SIZE if runs <= PART else FINE
