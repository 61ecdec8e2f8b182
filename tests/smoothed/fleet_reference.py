"""Lazy budgeting round by round, as the papers write it, without arrays of lanes.

Dynamic programs go over all pairs of states; ties go to the fewest servers of the last types.
"""

import itertools
import math

import numpy as np


def states_of(servers) -> list[tuple[int, ...]]:
    """All numbers of servers, sorted by ``(x_d, .., x_1)``."""
    return sorted(itertools.product(*(range(m + 1) for m in servers)), key=lambda x: x[::-1])


def first_least(values) -> int:
    return int(np.argmax(values <= values.min() + 1e-11 * (1 + abs(values.min()))))


class Prefix:
    """The least cost of being at each state, extended by one round at a time."""

    def __init__(self, servers, weight):
        self.states = states_of(servers)
        x = np.array(self.states, float)
        # sum_k beta_k (x_k - y_k)^+, to row from column.
        self.moves = np.maximum(x[:, None] - x[None], 0) @ np.asarray(weight, float)
        self.table = np.where([not any(x) for x in self.states], 0.0, np.inf)

    def add(self, hits) -> tuple[int, ...]:
        """Where the optimum of the rounds so far ends; ``hits`` are costs of all states."""
        self.table = (self.moves + self.table[None]).min(axis=1) + hits
        return self.states[first_least(self.table)]


def load_costs(loads, costs, servers) -> np.ndarray:
    """Costs ``[T, states]`` of loads without dispatching."""
    x = np.array(states_of(servers), float)
    enough = x.sum(axis=1)[None] >= np.asarray(loads)[:, None]
    return np.where(enough, (x @ np.asarray(costs))[None], np.inf)


def dispatch_costs(loads, terms, servers) -> np.ndarray:
    """``min sum_k x_k g_k(z_k / x_k)``, ``[T, states]``: equal marginal costs, by bisection."""
    idle, linear, quadratic, capacity = (np.asarray(v, float) for v in terms)
    x, load = np.array(states_of(servers), float)[None], np.asarray(loads)[:, None]

    def per_server(price):
        return np.clip((price[..., None] - linear) / (2 * quadratic), 0, capacity)

    low = np.full((load.shape[0], x.shape[1]), -1.0)
    high = low + 2 + (linear + 2 * quadratic * capacity).max()
    for _ in range(80):
        middle = (low + high) / 2
        less = (x * per_server(middle)).sum(-1) < load
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    per = per_server(high)
    cost = (x * (idle + linear * per + quadratic * per**2)).sum(-1)
    return np.where(load > (x * capacity).sum(-1) + 1e-9, np.inf, cost)


def lanes(x, count) -> list[int]:
    """``y_j = max{k: x_k + .. + x_d >= j}``."""
    kinds = range(1, len(x) + 1)
    return [max([k for k in kinds if sum(x[k - 1 :]) >= j], default=0) for j in range(1, count + 1)]


def by_lanes(hits, costs, weight, servers, gamma=1.0) -> list[tuple[int, ...]]:
    """The algorithm for loads without dispatching."""
    count, kinds = sum(servers), len(servers)
    times = [0, *(math.floor(gamma * b / c + 1e-12) for b, c in zip(weight, costs, strict=True))]
    prefix = Prefix(servers, weight)
    kept, until, path = [0] * count, [0] * count, []
    for t, row in enumerate(hits, 1):
        goal = lanes(prefix.add(row), count)
        for j in range(count):
            if kept[j] < goal[j] or t >= until[j]:
                kept[j] = goal[j]
                until[j] = t + times[kept[j]]
            else:
                until[j] = max(until[j], t + times[goal[j]])
        path.append(tuple(kept.count(k) for k in range(1, kinds + 1)))
    return path


def by_pools(hits, idles, weight, servers) -> list[tuple[int, ...]]:
    """Algorithm B; servers are remembered by the round they started in."""
    prefix = Prefix(servers, weight)
    started: list[list[int]] = [[] for _ in servers]
    path = []
    for t, row in enumerate(hits):
        goal = prefix.add(row)
        for k, mine in enumerate(started):
            most = weight[k] * (1 + 1e-12)
            mine[:] = [u for u in mine if sum(i[k] for i in idles[u + 1 : t + 1]) <= most]
            mine += [t] * max(0, goal[k] - len(mine))
        path.append(tuple(map(len, started)))
    return path


def by_parts(hits, idles, weight, servers, eps) -> list[tuple[int, ...]]:
    """Algorithm C: B on equal parts of every round, of which the cheapest decision is played."""
    kinds, index = len(servers), {x: i for i, x in enumerate(states_of(servers))}
    worst = [max(i / b for i, b in zip(idle, weight, strict=True)) for idle in idles]
    counts = [max(1, math.ceil(kinds / eps * w)) for w in worst]
    parts = [row / n for row, n in zip(hits, counts, strict=True) for _ in range(n)]
    shares = [idle / n for idle, n in zip(idles, counts, strict=True) for _ in range(n)]
    path = iter(by_pools(parts, shares, weight, servers))
    chosen = []
    for row, n in zip(hits, counts, strict=True):
        mine = [next(path) for _ in range(n)]
        chosen.append(min(mine, key=lambda x, row=row: row[index[x]]))
    return chosen


def total(hits, weight, servers, path) -> float:
    """Hitting and switching costs of a path from nothing."""
    index = {x: i for i, x in enumerate(states_of(servers))}
    ups = np.maximum(np.diff(np.array(path), axis=0, prepend=0), 0) @ np.asarray(weight)
    return float(sum(row[index[x]] for row, x in zip(hits, path, strict=True)) + ups.sum())


def best(hits, weight, servers) -> float:
    """The least cost of all rounds."""
    prefix = Prefix(servers, weight)
    for row in hits:
        prefix.add(row)
    return float(prefix.table.min())
