"""Independent reference mathematics of the allocation problem, in NumPy float64.

Written from the paper (arXiv 2408.07831) and textbook definitions, for the tests alone; nothing
here imports the library. ``n`` points, ``2n`` states: ``u`` is ON at ``u``, ``n + u`` OFF at ``u``.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import ot
from scipy.optimize import brentq
from scipy.special import lambertw

# --- metrics ------------------------------------------------------------------------------------


def network(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """A random metric ``[n, n]`` of diameter 1 (0 for one point)."""
    if kind == "plane":
        place = rng.uniform(size=(n, 2))
        distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    elif kind == "closure":
        raw = rng.uniform(0.05, 1, size=(n, n)) ** 2
        distance = shortest_paths(raw + raw.T)
    elif kind == "tree":
        # Few different weights, one of them 0: full of ties.
        distance = tree_paths(rng, n)
    elif kind == "star":
        distance = 1.0 - np.eye(n)
    else:
        raise ValueError(kind)
    return distance / max(distance.max(), 1e-300)


def tree_paths(rng: np.random.Generator, n: int) -> np.ndarray:
    """Path lengths in a random tree over ``n`` nodes with weights from 1, 2, 3, now and then 0."""
    distance = np.zeros((n, n))
    for node in range(1, n):
        parent = rng.integers(node)
        weight = rng.choice([0.0, 1.0, 2.0, 3.0], p=[0.1, 0.3, 0.3, 0.3])
        distance[node, :node] = distance[:node, node] = distance[parent, :node] + weight
    return distance if distance.max() > 0 else 1.0 - np.eye(n)


def spanning_tree(rng: np.random.Generator, distance: np.ndarray) -> np.ndarray:
    """Path lengths in a random spanning tree: they dominate the metric, as an embedding does."""
    n = distance.shape[0]
    tree, joined = np.zeros((n, n)), [0]
    for v in rng.permutation(np.arange(1, n)):
        parent = rng.choice(joined)
        for u in joined:
            tree[u, v] = tree[v, u] = tree[u, parent] + distance[parent, v]
        joined.append(int(v))
    return tree


def shortest_paths(weights: np.ndarray) -> np.ndarray:
    """Lengths of shortest paths, by Bellman's recursion over the number of arcs."""
    n = weights.shape[0]
    best = np.where(np.eye(n, dtype=bool), 0.0, weights)
    for _ in range(n):
        best = np.minimum(best, np.min(best[:, :, None] + best[None], axis=1))
    return best


def states(distance: np.ndarray, switch: np.ndarray) -> np.ndarray:
    """The state metric ``[2n, 2n]``, entry by entry: an OFF end costs its switch."""
    n = distance.shape[0]
    metric = np.zeros((2 * n, 2 * n))
    for i in range(2 * n):
        for j in range(2 * n):
            if i != j:
                ends = sum(switch[s - n] for s in (i, j) if s >= n)
                metric[i, j] = distance[i % n, j % n] + ends
    return metric


# --- transport ----------------------------------------------------------------------------------


def w1(p: np.ndarray, q: np.ndarray, metric: np.ndarray) -> float:
    """Wasserstein-1 distance by POT's network simplex."""
    p, q = np.asarray(p, float), np.asarray(q, float)
    if min(p.min(), q.min()) < -1e-9:
        raise ValueError("a distribution has a negative entry")
    # POT answers 0, silently, if an entry is negative by rounding, and wants equal sums.
    p, q = np.clip(p, 0, None), np.clip(q, 0, None)
    give, take = p > 0, q > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cost = ot.emd2(
            p[give] / p.sum(),
            q[take] / q.sum(),
            np.ascontiguousarray(metric[np.ix_(give, take)]),
            numItermax=1_000_000,
        )
    return float(cost)


# --- constants of the price rule ------------------------------------------------------------------


@dataclass(frozen=True)
class Bounds:
    """Price bounds per unit of work: ``L <= f / c <= U``, moves ``<= D``, switches ``<= tau``."""

    L: float
    U: float
    D: float
    tau: float

    @property
    def eta(self) -> float:
        """PCM's competitive ratio by the closed form with Lambert's W."""
        gap = (self.U - self.D - 2 * self.tau) / self.U
        inner = (self.D + self.L - self.U + 2 * self.tau) / self.U * np.exp(-gap)
        return float(1 / (lambertw(inner, 0).real + gap))

    def gamma(self, epsilon: float) -> float:
        """ST-CLIP's robustness for trust ``epsilon``: the root in [eta, U / L], or eta."""
        L, U, D, fixed = self.L, self.U, self.D, self.D + 2 * self.tau

        def residual(g: float) -> float:
            reach = g * np.log((U - L - fixed) / (U - U / g - fixed))  # psi there is L + D + tau
            return epsilon + U / L - reach / L * (U - L + D) - g

        low, high = self.eta, U / L
        if epsilon > low - 1 + D / L:
            return low
        ends = residual(low), residual(high)
        if abs(ends[0]) < 1e-12 * high or epsilon == 0:
            return low if abs(ends[0]) < abs(ends[1]) else high
        return float(brentq(residual, low, high, xtol=1e-14 * high, rtol=1e-15))


def random_bounds(rng: np.random.Generator) -> Bounds:
    """Admissible bounds: fluctuation 1.5 to 60, moves and switches that fit in between."""
    U = 10 ** rng.uniform(0, 3)
    L = U / rng.uniform(1.5, 60)
    room = U - L
    D = room * rng.uniform(0.01, 0.6)
    tau = 0 if rng.uniform() < 0.2 else (room - D) / 2 * rng.uniform(0.01, 0.7)
    return Bounds(L, U, D, tau)


class Price(NamedTuple):
    """The pseudo-cost ``psi(z) = U - tau + B exp(z / rate)``."""

    bounds: Bounds
    rate: float

    @property
    def factor(self) -> float:
        b = self.bounds
        return b.U / self.rate - b.U + b.D + 2 * b.tau

    def __call__(self, z):
        return self.bounds.U - self.bounds.tau + self.factor * np.exp(np.asarray(z) / self.rate)

    def integral(self, a, b):
        # Gauss-Legendre, not the antiderivative: psi is analytic and mild, so this is exact.
        nodes, weights = np.polynomial.legendre.leggauss(20)
        a, b = np.asarray(a, float), np.asarray(b, float)
        at = a[..., None] + (b - a)[..., None] * (nodes + 1) / 2
        return np.sum(self(at) * weights, axis=-1) * (b - a) / 2


# --- one slot -------------------------------------------------------------------------------------


class Slot(NamedTuple):
    """One decision to take: what a step of PCM is told."""

    price: Price
    costs: np.ndarray  # [n]
    distance: np.ndarray  # [n, n]
    switch: np.ndarray  # [n]
    throughput: np.ndarray  # [n]
    previous: np.ndarray  # [2n]
    done: float

    @property
    def metric(self) -> np.ndarray:
        return states(self.distance, self.switch)

    @property
    def scale(self) -> float:
        """The unit of tolerances: ``U c``, the highest cost of a slot."""
        return self.price.bounds.U * float(self.throughput.max())

    def work(self, decision: np.ndarray) -> float:
        return float(self.throughput @ decision[: self.costs.size])

    def charge(self, decision: np.ndarray, metric: np.ndarray | None = None) -> float:
        """Service and movement."""
        metric = self.metric if metric is None else metric
        return float(self.costs @ decision[: self.costs.size]) + w1(decision, self.previous, metric)

    def objective(self, decision: np.ndarray) -> float:
        earned = self.price.integral(self.done, self.done + self.work(decision))
        return self.charge(decision) - float(earned)


def random_decision(rng: np.random.Generator, n: int, kind: str | None = None) -> np.ndarray:
    """A distribution over ``2n`` states: in one state, in a few, or everywhere."""
    kind = kind or rng.choice(["one", "few", "all"])
    size = {"one": 1, "few": min(2 * n, 3), "all": 2 * n}[str(kind)]
    decision = np.zeros(2 * n)
    decision[rng.choice(2 * n, size, replace=False)] = rng.dirichlet(np.ones(size))
    return decision


def random_slot(rng: np.random.Generator, n: int, *, kind: str, mixed: bool) -> Slot:
    """A slot within its bounds, with PCM's rate; ``mixed``: points differ in throughput."""
    bounds = random_bounds(rng)
    rate = 1 / rng.integers(1, 11)
    throughput = np.full(n, rate)
    if mixed:
        throughput = rate * rng.choice([0.3, 0.5, 0.8, 0.99, 1.0, rng.uniform(0.2, 1)], n)
    floor = throughput.min()
    costs = throughput * rng.uniform(bounds.L, bounds.U, n)
    if rng.uniform() < 0.3:  # prices that tie
        costs = throughput * rng.choice([bounds.L, (bounds.L + bounds.U) / 2, bounds.U], n)
    distance = bounds.D * floor * network(rng, n, kind)
    switch = bounds.tau * throughput * rng.choice([0.0, 0.5, 1.0], n)
    done = float(rng.choice([0.0, rng.uniform(), 1 - 1e-3 * rng.uniform(), 0.999 * rng.uniform()]))
    previous = random_decision(rng, n)
    price = Price(bounds, bounds.eta)
    return Slot(price, costs, distance, switch, throughput, previous, done)
