"""Mean and variance in float64, accumulated part by part.

Parts are merged by the pairwise update of Chan, Golub and LeVeque (Am. Stat. 37, 1983, "Algorithms
for computing the sample variance"). The mean carries what rounding took from it, so that any
partition of the values gives their mean and variance to a few units in the last place, also when
the spread is small beside the mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxsoco_kernels.sums import two_sum

__all__ = ["Moments", "merge_in_order", "merge_neighbours", "two_sum"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and sum of squared deviations, elementwise over any shape ``[...]``.

    Attributes:
      count: how many values, int64 ``[...]``.
      mean: float64 ``[...]``; NaN without values.
      m2: sum of squared deviations from the mean, float64 ``[...]``.
      mean_error: mean before rounding minus ``mean``, float64 ``[...]``.
    """

    count: Any
    mean: Any
    m2: Any
    mean_error: Any = 0.0

    @classmethod
    def empty(cls, shape: tuple[int, ...] = ()) -> Moments:
        """Moments of nothing: the neutral element of :meth:`merge`."""
        return cls.of(np.empty((0, *shape)))

    @classmethod
    def of(cls, values: Any, where: Any = None) -> Moments:
        """Moments of ``values [n, ...]`` along their first axis, computed in float64.

        Args:
          values: real numbers ``[n, ...]``.
          where: bool, broadcastable to ``values``: the entries that count (all if absent).
        """
        values = np.asarray(values, np.float64)
        use = np.broadcast_to(True if where is None else np.asarray(where), values.shape)
        count = np.sum(use, axis=0, dtype=np.int64)
        divisor = np.maximum(count, 1)
        # Two passes: the mean of the deviations from a rough mean corrects it.
        rough = np.where(use, values, 0.0).sum(axis=0) / divisor
        deviations = np.where(use, values - rough, 0.0)
        correction = deviations.sum(axis=0) / divisor
        mean, error = two_sum(rough, correction)
        # sum (x - rough)^2 - n correction^2
        m2 = np.square(deviations).sum(axis=0) - count * np.square(correction)
        return cls(count, np.where(count > 0, mean, np.nan)[()], np.maximum(m2, 0.0), error)

    def at(self, index: Any) -> Moments:
        """Those of some of the samples."""
        error = np.broadcast_to(self.mean_error, np.shape(self.mean))[index]
        return Moments(self.count[index], self.mean[index], self.m2[index], error)

    def merge(self, other: Moments) -> Moments:
        """Moments of both samples together; exact in the counts, rounded in the rest."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        # The difference of the means, with what rounding took from each.
        delta = (other.mean - self.mean) + (other.mean_error - self.mean_error)
        mean, error = two_sum(self.mean, self.mean_error + delta * share)
        # M2 = M2_a + M2_b + delta^2 n_a n_b / n
        m2 = self.m2 + other.m2 + np.square(delta) * share * self.count

        def pick(left: Any, right: Any, both: Any) -> Any:
            # The mean of no values is NaN: then the other side is taken as it is.
            return np.where(other.count == 0, left, np.where(self.count == 0, right, both))[()]

        return Moments(
            count,
            pick(self.mean, other.mean, mean),
            pick(self.m2, other.m2, m2),
            pick(self.mean_error, other.mean_error, error),
        )

    @property
    def variance(self) -> Any:
        """Unbiased variance (numpy's with ``ddof=1``) ``[...]``; NaN for fewer than two values."""
        return np.where(self.count > 1, self.m2 / np.maximum(self.count - 1, 1), np.nan)[()]

    @property
    def standard_error(self) -> Any:
        """Standard error of the mean ``[...]``; NaN for fewer than two values."""
        return np.sqrt(self.variance / np.maximum(self.count, 1))


def merge_in_order(parts: Iterable[Moments], shape: tuple[int, ...] = ()) -> Moments:
    """Merges from first to last, so that equal parts in equal order give equal bits."""
    total = Moments.empty(shape)
    for part in parts:
        total = total.merge(part)
    return total


def merge_neighbours(parts: Moments) -> Moments:
    """Merges along the first axis, neighbours first: the same bits for the same order of parts."""
    while len(parts.count) > 1:
        even = len(parts.count) // 2 * 2
        pairs = parts.at(slice(0, even, 2)).merge(parts.at(slice(1, even, 2)))
        parts = _beside(pairs, parts.at(slice(even, None)))
    return parts.at(0)


def _beside(first: Moments, second: Moments) -> Moments:
    fields = zip(vars(first).values(), vars(second).values(), strict=True)
    return Moments(*(np.concatenate(both) for both in fields))
