"""One-dimensional problems with switching costs, place by place and by dynamic programs, in NumPy.

Lanes last, as in the kernels; a derivative is a function of places ``[n, lanes]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Prices(NamedTuple):
    """Where a path begins and what its movement costs, ``[lanes]`` each or numbers."""

    start: Any
    up: Any
    down: Any


def work_slopes(derivatives: Sequence[Callable], x: np.ndarray, prices: Prices) -> np.ndarray:
    """``s_1(x) .. s_T(x)``, ``[T, n, ...]`` for places ``x [n, ...]``."""
    s = np.where(x >= prices.start, prices.up, -np.asarray(prices.down))
    rows = []
    for derivative in derivatives:
        s = derivative(x) + np.clip(s, -np.asarray(prices.down), prices.up)
        rows.append(s)
    return np.stack(rows)


def levels(derivatives: Sequence[Callable], prices: Prices, level: Any, last: bool) -> np.ndarray:
    """For every round the first place with ``s_t >= level``, or the last with ``s_t <= level``.

    Of ``[-60, 60]``, to the last bit.
    """
    rounds = np.arange(len(derivatives))
    shape = (len(rounds), *np.shape(level + 0 * np.asarray(prices.start)))
    low, high = np.full(shape, -60.0), np.full(shape, 60.0)
    for _ in range(62):
        middle = (low + high) / 2
        s = work_slopes(derivatives, middle, prices)[rounds, rounds]
        before = s <= level if last else s < level
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    return low if last else high


def means(
    derivatives: Sequence[Callable], prices: Prices, kinks: np.ndarray, lo: float, hi: float
) -> np.ndarray:
    """``hi`` less the integral of ``P_t`` over a box, where slopes are linear between ``kinks``."""
    box = np.broadcast_to([[lo], [hi]], (2, kinks.shape[1]))
    ends = np.sort(np.clip(np.concatenate([kinks, box]), lo, hi), axis=0)
    up, down = np.asarray(prices.up), np.asarray(prices.down)
    total = 0
    # Two points of a piece, as far from its middle on both sides, have the mean of its ends.
    for weight in (0.25, 0.75):
        x = ends[:-1] + weight * np.diff(ends, axis=0)
        share = (np.clip(work_slopes(derivatives, x, prices), -down, up) + down) / (up + down)
        total = total + np.sum(np.diff(ends, axis=0) * share, axis=1) / 2
    return hi - total


def cost_of_moves(path: np.ndarray, prices: Prices) -> Any:
    """Of paths ``[T, ...]``."""
    first = np.broadcast_to(prices.start, path.shape[1:])[None]
    steps = np.diff(np.concatenate([first, path]), axis=0)
    moves = prices.up * np.maximum(steps, 0) + prices.down * np.maximum(-steps, 0)
    return np.sum(moves, axis=0)


def least_integral_costs(costs: np.ndarray, prices: Prices) -> np.ndarray:
    """Of paths on ``0..m`` for ``costs [T, m + 1, ...]``, by their ends: ``[m + 1, ...]``."""
    places = np.arange(costs.shape[1]).reshape(-1, *(1,) * (costs.ndim - 2))

    def move(step):
        return prices.up * np.maximum(step, 0) + prices.down * np.maximum(-step, 0)

    best = costs[0] + move(places - prices.start)
    for row in costs[1:]:
        best = row + np.min(best[:, None] + move(places[None] - places[:, None]), axis=0)
    return best
