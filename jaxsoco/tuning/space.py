"""Parameters as free coordinates: positive ones by their logarithm, bounded ones by a logit.

==========  ============================================  ========================================
scale       value of a free coordinate ``u``              for
==========  ============================================  ========================================
log         ``exp(u)``                                    positive parameters
logit       ``low + (high - low) / (1 + exp(-u))``        parameters between two ends
linear      ``u``                                         all others
choice      ``choices[u]``                                integers, words and static parameters
==========  ============================================  ========================================

A step that leaves the range is projected onto it. Nothing here imports JAX.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Scale = Literal["log", "logit", "linear", "choice"]

EDGE = 1e-6
"""Part of a range next to its ends that a logit leaves out, where its slope vanishes."""

REACH = 100.0
"""Factor by which designs go up and down from the start where no range is given."""

SMALLEST = 1e-30
"""Of a positive parameter: what the validator takes."""


@dataclass(frozen=True)
class Dimension:
    """One parameter of a search.

    >>> from jaxsoco.tuning.space import Dimension
    >>> rate = Dimension("learning_rate", 1e-5, 1e-1, "log")
    >>> round(float(rate.value(rate.free(1e-3))), 9)
    0.001

    Attributes:
      name: of the parameter.
      low: smallest value.
      high: largest value.
      scale: how values become free coordinates.
      choices: all values, of a ``"choice"``.
      size: how many numbers it is: 1, or more for an array of a user's own parameters (linear).
      ranged: whether the user gave the range, which designs then cover as a whole.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf
    scale: Scale = "linear"
    choices: tuple[Any, ...] = ()
    size: int = 1
    ranged: bool = False

    def free(self, value: Any) -> Any:
        """The free coordinate of a value (number or array), inside the range."""
        xp = _numpy(value)
        if self.scale == "log":
            return xp.log(xp.clip(value, max(self.low, SMALLEST), self.high))
        if self.scale == "logit":
            part = (value - self.low) / (self.high - self.low)
            part = xp.clip(part, EDGE, 1 - EDGE)
            return xp.log(part) - xp.log1p(-part)
        return xp.clip(value, self.low, self.high)

    def value(self, free: Any) -> Any:
        """The value of a free coordinate (number or array)."""
        xp = _numpy(free)
        if self.scale == "log":
            # The exponential of the logarithm of an end may lie a rounding unit beyond it.
            return xp.clip(xp.exp(free), max(self.low, SMALLEST), self.high)
        if self.scale == "logit":
            return self.low + (self.high - self.low) / (1 + xp.exp(-free))
        return free

    @property
    def box(self) -> tuple[float, float]:
        """Smallest and largest free coordinate."""
        if self.scale == "choice":
            return 0.0, len(self.choices) - 1.0
        if self.scale == "logit":
            edge = math.log1p(-EDGE) - math.log(EDGE)
            return -edge, edge
        if self.scale == "log":
            high = math.log(self.high) if math.isfinite(self.high) else math.inf
            return math.log(max(self.low, SMALLEST)), high
        return self.low, self.high

    def span(self, start: float) -> tuple[float, float]:
        """The free coordinates that a design covers: the user's range, or around the start.

        Around it means from a hundredth to a hundredfold of the start, or of its odds; of a linear
        parameter, its size (at least 1) up and down.
        """
        low, high = self.box
        if self.scale == "linear" and not (self.ranged and math.isfinite(high - low)):
            reach = max(abs(start), 1.0)
        else:
            reach = math.inf if self.ranged else math.log(REACH)
        return max(low, start - reach), min(high, start + reach)


def _numpy(value: Any) -> Any:
    """JAX's NumPy for its arrays, NumPy for all else."""
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(value, jax.Array):
        return jax.numpy
    return np


@dataclass(frozen=True)
class Space:
    """The parameters of a search: free coordinates are one array ``[P, ...]``.

    >>> from jaxsoco.tuning.space import Dimension, Space
    >>> space = Space((Dimension("gain", 0, 1e4, "log"), Dimension("part", 0, 1, "logit")))
    >>> space.size, space.names
    (2, ('gain', 'part'))
    """

    dimensions: tuple[Dimension, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(one.name for one in self.dimensions)

    @property
    def coordinates(self) -> tuple[Dimension, ...]:
        """The parameter of every free coordinate, ``[P]``."""
        return tuple(one for one in self.dimensions for _ in range(one.size))

    @property
    def size(self) -> int:
        """How many free coordinates there are (P)."""
        return sum(one.size for one in self.dimensions)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for every coordinate: ``gain``, ``weights[2]``."""
        return tuple(
            one.name if one.size == 1 else f"{one.name}[{i}]"
            for one in self.dimensions
            for i in range(one.size)
        )

    @property
    def real(self) -> bool:
        """Whether all are real numbers that are leaves: one program serves all values."""
        return all(one.scale != "choice" for one in self.dimensions)

    def values(self, free: Any) -> dict[str, Any]:
        """Values by name of free coordinates ``[P, ...]``: ``[...]``, or ``[size, ...]`` each.

        Those of choices are the choices themselves (of concrete coordinates).
        """
        values, first = {}, 0
        for one in self.dimensions:
            part = free[first] if one.size == 1 else free[first : first + one.size]
            if one.scale == "choice":
                values[one.name] = one.choices[round(float(part))]
            else:
                values[one.name] = one.value(part)
            first += one.size
        return values

    def free(self, values: Mapping[str, Any]) -> np.ndarray | Any:
        """Free coordinates ``[P]`` of values by name."""
        parts = []
        for one in self.dimensions:
            value = values[one.name]
            if one.scale == "choice":
                value = float(one.choices.index(value)) if value in one.choices else 0.0
                parts.append(np.reshape(value, (1,)))
                continue
            xp = _numpy(value)
            parts.append(one.free(xp.reshape(xp.asarray(value, float), (one.size,))))
        xp = _numpy(next((part for part in parts if _numpy(part) is not np), parts[0]))
        return xp.concatenate(parts)

    def project(self, free: Any) -> Any:
        """The nearest free coordinates ``[P]`` within the range."""
        ends = np.array([one.box for one in self.coordinates]).T
        xp = _numpy(free)
        return xp.clip(free, *(xp.asarray(end, free.dtype) for end in ends))

    def spans(self, start: Any) -> np.ndarray:
        """Ends of what a design covers, in free coordinates, float64 ``[P, 2]``."""
        starts = np.asarray(start, np.float64)
        each = zip(self.coordinates, starts, strict=True)
        return np.array([one.span(float(x)) for one, x in each])
