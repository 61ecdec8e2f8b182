"""The other sides of the multistage benchmark: a literal NumPy loop, and the same loop in numba.

Both are one run of eps-EXP3 on a complete tree with the exact expected cost of every round, kept up
to date along the path, as ours is. Arrays are indexed by node ids in level order.
"""

from __future__ import annotations

import math

import numba
import numpy as np


def rates(depth: int, children: int, horizon: int) -> tuple[np.ndarray, float]:
    """Exploration of each level and learning rate (arXiv 2404.04509, lemma 4)."""
    epsilon = np.full(depth, min(1.0, children * horizon ** (-1 / (depth + 1))))
    epsilon[-1] = 0.0
    return epsilon, horizon ** (-depth / (depth + 1))


def literal(depth, children, chance, switch, horizon, rounds, seed) -> tuple[float, float]:
    """The algorithm as the paper writes it, in NumPy: ``(sum of expected, of realised costs)``."""
    generator = np.random.default_rng(seed)
    epsilon, eta = rates(depth, children, horizon)
    nodes = sum(children**d for d in range(depth))
    theta = np.zeros((nodes, children))
    level = np.repeat(np.arange(depth), [children**d for d in range(depth)])

    def play(i):
        x = np.exp(eta * (theta[i] - theta[i].max()))
        x /= x.sum()
        e = epsilon[level[i]]
        return x, e / children + (1 - e) * x

    def value(i, means):
        if i >= nodes:
            return means[i - nodes]
        return sum(p * value(i * children + 1 + m, means) for m, p in enumerate(play(i)[1]))

    worth = np.zeros(nodes + children**depth)
    expected = realised = 0.0
    for t in range(1, rounds + 1):
        means = chance[0] if t <= switch else chance[1]
        if t in (1, switch + 1):
            worth[nodes:] = means
            for i in reversed(range(nodes)):
                worth[i] = value(i, means)
        expected += worth[0]
        node, reach, path = 0, 1.0, []
        for d in range(depth):
            learned, full = play(node)
            if generator.random() < epsilon[d]:
                child = int(generator.integers(children))
                weight = children / reach
            else:
                child = min(
                    int(np.searchsorted(np.cumsum(learned), generator.random())), children - 1
                )
                weight = 1 / (reach * learned[child])
            path.append((node, child, weight))
            reach *= full[child]
            node = node * children + 1 + child
        cost = float(generator.random() < means[node - nodes])
        realised += cost
        for i, m, weight in reversed(path):
            theta[i, m] -= cost * weight
            first = i * children + 1
            worth[i] = play(i)[1] @ worth[first : first + children]
    return expected, realised


@numba.njit(cache=False)
def compiled(depth, children, chance, switch, epsilon, eta, rounds, seed):
    """The same with what a careful author would keep: probabilities, one pass, no allocation."""
    np.random.seed(seed)
    nodes = (children**depth - 1) // (children - 1)
    s = np.zeros((nodes, children))
    p = np.full((nodes, children), 1.0 / children)
    w = np.zeros(nodes + children**depth)
    path = np.zeros(depth, np.int64)
    chosen = np.zeros(depth, np.int64)
    weights = np.zeros(depth)
    expected = 0.0
    realised = 0.0
    for t in range(1, rounds + 1):
        if t == 1 or t == switch + 1:
            segment = 0 if t <= switch else 1
            for j in range(children**depth):
                w[nodes + j] = chance[segment, j]
            first = nodes
            for d in range(depth - 1, -1, -1):
                first -= children**d
                for i in range(first, first + children**d):
                    total = 0.0
                    for m in range(children):
                        x = epsilon[d] / children + (1 - epsilon[d]) * p[i, m]
                        total += x * w[i * children + 1 + m]
                    w[i] = total
        expected += w[0]
        node = 0
        reach = 1.0
        for d in range(depth):
            e = epsilon[d]
            if e > 0.0 and np.random.random() < e:
                child = int(np.random.random() * children)
                weight = children / reach
            else:
                u = np.random.random()
                child = 0
                total = p[node, 0]
                while child < children - 1 and u >= total:
                    child += 1
                    total += p[node, child]
                weight = 1.0 / (reach * p[node, child])
            path[d] = node
            chosen[d] = child
            weights[d] = weight
            reach *= e / children + (1 - e) * p[node, child]
            node = node * children + 1 + child
        cost = 1.0 if np.random.random() < w[node] else 0.0
        realised += cost
        if cost > 0.0:
            for d in range(depth - 1, -1, -1):
                i = path[d]
                s[i, chosen[d]] -= eta * cost * weights[d]
                top = s[i, 0]
                for m in range(1, children):
                    top = max(top, s[i, m])
                total = 0.0
                for m in range(children):
                    s[i, m] -= top
                    p[i, m] = math.exp(s[i, m])
                    total += p[i, m]
                value = 0.0
                for m in range(children):
                    p[i, m] /= total
                    x = epsilon[d] / children + (1 - epsilon[d]) * p[i, m]
                    value += x * w[i * children + 1 + m]
                w[i] = value
    return expected, realised


class Loop:
    """One run of one of the loops on a Bernoulli tree of the paper; call it to run it."""

    def __init__(
        self, depth: int, children: int, *, rounds: int, worst: bool, literal: bool = False
    ):
        leaves = children**depth
        low = 0.2 * (depth - 1)
        costs = 1 - (1 - low) * (np.arange(leaves) + 1) / leaves
        costs[0] = 1.0
        after = costs.copy()
        after[0] = 0.0
        self._chance = np.ones((2, leaves)) if worst else np.stack([costs, after])
        self._shape, self._literal = (depth, children), literal
        self.total = rounds

    def __call__(self) -> None:
        """Runs it once."""
        self.run(self.total, 1)

    def run(self, rounds: int, seed: int) -> tuple[float, float]:
        """Sums of expected and realised costs."""
        switch = rounds // 100
        if self._literal:
            return literal(*self._shape, self._chance, switch, rounds, rounds, seed)
        epsilon, eta = rates(*self._shape, rounds)
        return compiled(*self._shape, self._chance, switch, epsilon, eta, rounds, seed)

    def mean_cost(self, rounds: int, runs: int) -> tuple[float, float]:
        """Mean expected cost a round over independent runs, and its standard error."""
        costs = np.array([self.run(rounds, seed)[0] for seed in range(runs)]) / rounds
        return float(costs.mean()), float(costs.std() / runs**0.5)
