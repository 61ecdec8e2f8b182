"""One dimension in NumPy, from the definitions: slopes point by point, and dynamic programming.

A cost is ``(kind, weight, target)``: ``weight / 2 (x - target)^2`` or ``weight |x - target|``.
"""

from __future__ import annotations

import numpy as np


def value(kind: str, weight: float, target: float, x: float) -> float:
    gap = x - target
    return weight / 2 * gap * gap if kind == "quadratic" else weight * abs(gap)


def slope(kind: str, weight: float, target: float, x: np.ndarray) -> np.ndarray:
    if kind == "quadratic":
        return weight * (x - target)
    return weight * np.where(x >= target, 1.0, -1.0)


def work_slope(kind, weights, targets, start, up, down, x) -> np.ndarray:
    """``s_t(x)`` after all given rounds, by the recursion at every ``x`` alone."""
    s = np.where(x >= start, up, -down)
    for weight, target in zip(weights, targets, strict=True):
        s = slope(kind, weight, target, x) + np.clip(s, -down, up)
    return s


def threshold(function, level: float, lo: float, hi: float, last: bool) -> float:
    """``inf {s >= level}``, or ``sup {s <= level}``, by bisection."""
    for _ in range(80):
        middle = (lo + hi) / 2
        before = function(np.array(middle)) <= level if last else function(np.array(middle)) < level
        lo, hi = (middle, hi) if before else (lo, middle)
    return (lo + hi) / 2


def bounds(kind, weights, targets, start, up, down, lo, hi) -> np.ndarray:
    """``L_t`` and ``U_t`` of every round, ``[T, 2]``."""
    rows = []
    for t in range(1, len(targets) + 1):

        def after(x, t=t):
            return work_slope(kind, weights[:t], targets[:t], start, up, down, x)

        rows.append((threshold(after, -down, lo, hi, False), threshold(after, up, lo, hi, True)))
    return np.array(rows)


def lazy(limits: np.ndarray, start: float) -> np.ndarray:
    """Lazy capacity provisioning between given bounds ``[T, 2]``."""
    path, x = [], start
    for low, high in limits:
        x = min(max(x, low), high)
        path.append(x)
    return np.array(path)


def mean(kind, weights, targets, start, up, down, lo, hi, nodes: int = 40_001) -> np.ndarray:
    """``hi - integral of P_t``, by quadrature, of every round."""
    x = np.linspace(lo, hi, nodes)
    means = []
    for t in range(1, len(targets) + 1):
        s = work_slope(kind, weights[:t], targets[:t], start, up, down, x)
        share = (np.clip(s, -down, up) + down) / (up + down)
        means.append(hi - np.trapezoid(share, x))
    return np.array(means)


def balanced(kind, weights, targets, start, price, share=0.5) -> np.ndarray:
    """Moves towards the target until ``price |x - y| = share f(x)``."""
    path, y = [], start
    for weight, target in zip(weights, targets, strict=True):
        low, high = 0.0, 1.0
        for _ in range(80):
            u = (low + high) / 2
            x = y + u * (target - y)
            paid = price * abs(x - y) < share * value(kind, weight, target, x)
            low, high = (u, high) if paid else (low, u)
        y = y + (low + high) / 2 * (target - y)
        path.append(y)
    return np.array(path)


def table_optimum(costs, start, up, down, end=0.0) -> tuple[float, np.ndarray, np.ndarray]:
    """Dynamic programming on ``0..m``, with ``end`` times the last position as a last cost.

    Returns:
      The least cost, the path of least cost, and the prefix optima ``[T]``.
    """
    places = np.arange(costs.shape[1])
    moves = np.maximum(places[None] - places[:, None], 0) * up
    moves = moves + np.maximum(places[:, None] - places[None], 0) * down
    total = moves[int(start)] + costs[0]
    back, prefixes = [], [total.min()]
    for row in costs[1:]:
        steps = total[:, None] + moves
        back.append(steps.argmin(axis=0))
        total = steps.min(axis=0) + row
        prefixes.append(total.min())
    total = total + end * places
    path = [int(total.argmin())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    return float(total.min()), np.array(path[::-1]), np.array(prefixes)


def table_cost(costs, path, start, up, down) -> float:
    """What a path of real positions costs, linear between the integers."""
    hit = sum(np.interp(x, np.arange(len(row)), row) for row, x in zip(costs, path, strict=True))
    steps = np.diff(np.concatenate([[start], path]))
    return float(hit + up * np.maximum(steps, 0).sum() + down * np.maximum(-steps, 0).sum())


def convex_rows(rng: np.random.Generator, rounds: int, levels: int, scale=1.0) -> np.ndarray:
    """Random convex tables, least at 0, ``[T, m + 1]``."""
    steps = np.sort(rng.normal(size=(rounds, levels)) * scale, axis=1)
    rows = np.concatenate([np.zeros((rounds, 1)), np.cumsum(steps, axis=1)], axis=1)
    return rows - rows.min(axis=1, keepdims=True)
