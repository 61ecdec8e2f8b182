"""Sketches: the quantiles of any number of values from a fixed number of them, to a stated error.

A sketch of ``n`` values has ``K`` points: the values in the middle of ``K`` equal parts of their
order, each of which stands for ``n / K`` of them. So the share of values up to any number is known
to half a part, ``1 / (2 K)``, whatever the distribution. Sketches are merged by cutting the order
of all their points into parts again, which adds as much: the error is bounded by the number of
merges, and a sketch carries it. Nothing is drawn, so equal values in equal order make equal
sketches. At most ``K`` values are kept as they are, without an error.

No library does this: those that are well kept (``datasketches``) draw random numbers that cannot be
seeded, the others take values one by one, in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SIZE = 128
"""Points of a sketch that is stored."""

FINE = 512
"""Points of a sketch that is soon merged into another one."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """Sketches of several samples, elementwise over any shape ``[...]``.

    Attributes:
      count: values in each sample, int64 ``[...]``.
      points: float64 ``[..., K]``, increasing; NaN behind the values of a sample of less than K.
      error: by how large a share of the sample a point's rank can be off, float64 ``[...]``.
    """

    count: Any
    points: Any
    error: Any

    @classmethod
    def of(cls, values: Any, where: Any = None, size: int = SIZE) -> Sketch:
        """Sketches of finite ``values [n, ...]`` along their first axis.

        Args:
          values: real numbers ``[n, ...]``.
          where: bool, broadcastable to ``values``: the entries that count (all if absent).
          size: points.
        """
        values = np.asarray(values, np.float64)
        use = np.broadcast_to(True if where is None else np.asarray(where), values.shape)
        # Runs last: sorting runs through memory in order. NaN sorts behind everything.
        rows = np.ascontiguousarray(np.moveaxis(np.where(use, values, np.nan), 0, -1))
        rows.sort(axis=-1)
        count = np.sum(use, axis=0, dtype=np.int64)
        padded = np.pad(rows, [(0, 0)] * count.ndim + [(0, max(size - rows.shape[-1], 0))],
                        constant_values=np.nan)  # fmt: skip
        many = count > size
        middles = _middles(np.where(many, count, size), size).astype(np.int64)
        points = np.take_along_axis(padded, middles, axis=-1)
        return cls(count, points, np.where(many, 0.5 / size, 0.0))

    @classmethod
    def merged(cls, sketches: Sequence[Sketch], size: int = SIZE) -> Sketch:
        """The sketch of all samples together; the same bits for the same order of sketches.

        Raises:
          ValueError: there is none.
        """
        if not sketches:
            raise ValueError("nothing to merge")
        count = np.sum([one.count for one in sketches], axis=0)
        points = np.concatenate([one.points for one in sketches], axis=-1)
        weights = np.concatenate([one.weights for one in sketches], axis=-1)
        order = np.argsort(points, axis=-1, kind="stable")
        points = np.take_along_axis(points, order, axis=-1)
        ranks = np.take_along_axis(weights, order, axis=-1).cumsum(axis=-1)
        short = max(size - points.shape[-1], 0)
        if short:
            pad = [(0, 0)] * np.ndim(count) + [(0, short)]
            points = np.pad(points, pad, constant_values=np.nan)
            ranks = np.pad(ranks, pad, mode="edge")
        error = np.max([one.error for one in sketches], axis=0)
        # A sample that was kept whole so far, and still fits, is kept whole.
        whole = (count <= size) & (error == 0)
        places = np.broadcast_to(np.arange(size), (*np.shape(count), size))
        cut = _first_at(ranks, _middles(count, size))
        chosen = np.take_along_axis(points, np.where(whole[..., None], places, cut), axis=-1)
        chosen = np.where((count > 0)[..., None], chosen, np.nan)
        return cls(count, chosen, error + np.where(whole, 0.0, 0.5 / size))

    @property
    def weights(self) -> np.ndarray:
        """How many values each point stands for, float64 ``[..., K]``; 0 where there is none."""
        present = np.isfinite(self.points)
        number = present.sum(axis=-1, keepdims=True)
        share = np.asarray(self.count, float)[..., None] / np.maximum(number, 1)
        return np.where(present, share, 0.0)

    def at(self, index: Any) -> Sketch:
        """Some of the samples."""
        return Sketch(self.count[index], self.points[index], self.error[index])


def _middles(count: Any, size: int) -> np.ndarray:
    """The middles of equal parts of ``count [...]`` values, ``[..., size]``."""
    return (np.arange(size) + 0.5) * (np.asarray(count, float)[..., None] / size)


def _first_at(ranks: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Places ``[..., K]`` of the first of increasing ranks ``[..., M]`` that reach each target."""
    flat_ranks, flat_targets = (x.reshape(-1, x.shape[-1]) for x in (ranks, targets))
    places = [np.searchsorted(a, b) for a, b in zip(flat_ranks, flat_targets, strict=True)]
    last = ranks.shape[-1] - 1
    return np.minimum(np.reshape(places, targets.shape), last).astype(np.int64)


class Distribution:
    """A distribution known by sketches, one for each of several samples that are pooled.

    Args:
      sketches: of one sample each.
      scales: what the values of each sample are multiplied by, above 0.

    Attributes:
      count: values.
      error: by how large a share of them a rank can be off; 0 where all of them are known.
    """

    def __init__(self, sketches: Sequence[Sketch], scales: Sequence[float] | None = None):
        scales = [1.0] * len(sketches) if scales is None else scales
        points = np.concatenate(
            [one.points * scale for one, scale in zip(sketches, scales, strict=True)] or [[]]
        )
        weights = np.concatenate([one.weights for one in sketches] or [[]])
        present = np.isfinite(points)
        order = np.argsort(points[present], kind="stable")
        self.points, self._weights = points[present][order], weights[present][order]
        self._ranks = self._weights.cumsum()
        self.count = sum(int(one.count) for one in sketches)
        off = sum(float(one.error) * int(one.count) for one in sketches)
        self.error = off / max(self.count, 1)

    def quantile(self, probability: float) -> float:
        """A quantile: as ``numpy.quantile`` has it where all values are known; NaN of nothing."""
        if not self.count:
            return float("nan")
        # Of n values, the k-th from 0 is the quantile k / (n - 1), in the middle of its rank.
        target = probability * (self.count - 1) + 0.5
        if not self.error:
            return float(np.interp(target, self._ranks - 0.5, self.points))
        return self.at_rank(target)

    def at_rank(self, rank: float) -> float:
        """The value of a rank, from 0 to the number of values."""
        place = int(np.searchsorted(self._ranks, rank))
        return float(self.points[min(max(place, 0), len(self.points) - 1)])

    def below(self, value: float) -> float:
        """The share of values that are at most ``value``."""
        place = int(np.searchsorted(self.points, value, side="right"))
        return float(self._ranks[place - 1]) / self.count if place else 0.0


FAN = 64
"""Sketches that are merged at once."""


class Gathering:
    """The sketch of many samples that come one after the other, in bounded memory.

    Sketches are merged 64 at a time, and what comes of that again, so that the error grows with the
    logarithm of their number: by 1 / 2048 up to 64 of them, by twice that up to 4096.

    Args:
      size: points of the result, 1024 at most. With fewer, the error is larger by half a part.
    """

    SIZE = 1024

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._levels: list[list[Sketch]] = [[]]

    def add(self, sketch: Sketch) -> None:
        """Takes the next one."""
        level, whole = 0, sketch
        self._levels[0].append(whole)
        while len(self._levels[level]) == FAN:
            whole = Sketch.merged(self._levels[level], self.SIZE)
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(whole)

    def result(self) -> Sketch:
        """The sketch of all so far; what it is made of is let go.

        Raises:
          ValueError: there is none.
        """
        parts = [one for level in reversed(self._levels) for one in level]
        whole = parts[0] if len(parts) == 1 else None
        if whole is None or whole.points.shape[-1] > self._size:
            whole = Sketch.merged(parts, self._size)
            self._levels = [[] for _ in self._levels[1:]] + [[whole]]
        return whole
