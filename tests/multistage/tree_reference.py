"""Every algorithm as one NumPy loop over rounds and nodes, written from the paper alone.

A tree is a list of the children's ids of every decision node; ids from ``len(children)`` on are
leaves. Nothing is kept along paths, nothing is masked, every expected cost is a recursion.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Result(NamedTuple):
    expected: np.ndarray
    realised: np.ndarray
    logits: list[np.ndarray]


def depth_of(children, node=0) -> int:
    if node >= len(children):
        return 0
    return 1 + max(depth_of(children, child) for child in children[node])


def softmax(s):
    s = np.asarray(s, np.float64)
    weights = np.exp(s - s.max())
    return weights / weights.sum()


def expected(children, play, means, node=0) -> float:
    """Expected cost at a node, by recursion."""
    if node >= len(children):
        return float(means[node - len(children)])
    values = [expected(children, play, means, child) for child in children[node]]
    return float(np.dot(play[node], values))


def drawn(weights, u) -> int:
    total = np.cumsum(weights)
    return int(np.argmax(u < total)) if (u < total).any() else int(np.argmax(weights))


def segment_of(t, segment_end) -> int:
    return min(int(np.searchsorted(segment_end, t)), len(segment_end) - 1)


class Agents:
    """What the loop asks of the nodes; ``n`` is the number of decision nodes."""

    def __init__(self, children, horizon, **params):
        self.children, self.horizon, self.params = children, horizon, params
        self.depth, self.width = depth_of(children), max(map(len, children))
        self.start()

    def epsilon(self, i):
        return 0.0

    def before(self, t):
        """Called before round ``t = 1, 2, ..``."""

    def play(self, i):
        eps = self.epsilon(i)
        return eps / len(self.children[i]) + (1 - eps) * np.asarray(self.learned(i))


class Exp3(Agents):
    weighted = False

    def start(self):
        self.theta = [np.zeros(len(row)) for row in self.children]
        self.eta = self.params.get("eta", self.horizon**-0.5)

    def learned(self, i):
        return softmax(self.eta * self.theta[i])

    def learn(self, i, m, cost, explored, reach):
        reach = reach if self.weighted else 1.0
        k, x = len(self.children[i]), self.learned(i)[m]
        self.theta[i][m] -= cost * k / reach if explored else cost / (reach * x)

    def logits(self):
        return [self.eta * theta for theta in self.theta]


class EpsilonExp3(Exp3):
    weighted = True

    def start(self):
        super().start()
        self.tune(self.horizon)

    def tune(self, horizon):
        h = self.depth
        self.eta = self.params.get("eta", horizon ** (-h / (h + 1)))
        self.eps = self.params.get("epsilon", min(1.0, self.width * horizon ** (-1 / (h + 1))))

    def epsilon(self, i):
        only_leaves = all(child >= len(self.children) for child in self.children[i])
        return 0.0 if only_leaves else self.eps


class AnytimeEpsilonExp3(EpsilonExp3):
    def before(self, t):
        if math.log2(t).is_integer():
            self.theta = [np.zeros(len(row)) for row in self.children]
            self.tune(t)


class BroadOMD(Agents):
    """Log-barrier steps by bisection on the multiplier, nothing like the library's."""

    def start(self):
        variant = self.params.get("variant", "v1")
        self.variant = variant
        sizes = [len(row) for row in self.children]
        self.mirror = [np.full(k, 1 / k) for k in sizes]
        self.weights = [np.full(k, 1 / k) for k in sizes]
        self.guess = [np.zeros(k) for k in sizes]
        self.eta = [np.full(k, self.params.get("eta", 1 / 162)) for k in sizes]
        self.rho = [np.full(k, 2.0 * k) for k in sizes]
        self.varied = [0.0 for _ in sizes]
        self.events = 0

    def learned(self, i):
        return self.weights[i]

    def learn(self, i, m, cost, explored, reach):
        k, w = len(self.children[i]), self.weights[i].copy()
        hit = np.arange(k) == m
        if self.variant == "v1":
            guess = self.guess[i]
            estimate = guess + hit * (cost - guess) / w
            extra = 6 * self.eta[i] * w * (estimate - guess) ** 2
            self.mirror[i] = barrier(self.mirror[i], estimate + extra, self.eta[i])
            self.guess[i] = np.where(hit, cost, guess)
            rising = 1 / w > self.rho[i]
            self.events += int(rising.sum())
            self.rho[i] = np.where(rising, 2 / w, self.rho[i])
            factor = math.exp(1 / math.log(self.horizon))
            self.eta[i] = np.where(rising, self.eta[i] * factor, self.eta[i])
            self.weights[i] = barrier(self.mirror[i], self.guess[i], self.eta[i])
            return
        estimate = hit * cost / w
        eta = self.eta[i][0]
        self.mirror[i] = barrier(self.mirror[i], estimate, self.eta[i])
        if self.variant == "v0":
            self.varied[i] += float(np.sum(w**2 * (estimate - cost) ** 2))
            if self.varied[i] >= k * math.log(self.horizon) / (3 * eta**2):
                self.eta[i], self.varied[i] = self.eta[i] / 2, 0.0
                self.mirror[i] = np.full(k, 1 / k)
                self.events += 1
        self.weights[i] = self.mirror[i]

    def logits(self):
        return [np.log(w) for w in self.weights]


def barrier(w, losses, eta):
    """argmin <x, losses> + D(x, w): 1/x_i = 1/w_i + eta_i (losses_i - lam), by bisection."""
    # In Python's own numbers: a few arms are quicker without arrays.
    rates = [float(r) for r in eta]
    base = [1 / float(a) + r * float(b) for a, b, r in zip(w, losses, rates, strict=True)]

    def mass(lam):
        return sum(1 / (b - r * lam) for b, r in zip(base, rates, strict=True))

    high = min(b / r for b, r in zip(base, rates, strict=True))
    low = high - 1.0
    while mass(low) > 1:
        low = high - 2 * (high - low)
    for _ in range(90):
        middle = (low + high) / 2
        if all(b > r * middle for b, r in zip(base, rates, strict=True)) and mass(middle) <= 1:
            low = middle
        else:
            high = middle
    x = np.array([1 / (b - r * low) for b, r in zip(base, rates, strict=True)])
    return x / x.sum()


class OraclePolicy(Agents):
    def start(self):
        n = len(self.children)
        self.theta = [np.zeros(len(row)) for row in self.children]
        self.jobs = np.zeros(n)
        exponent = self.params.get("exponent", 1 / self.depth)
        self.q = self.params.get("exploration", min(0.5, self.horizon**-exponent))
        self.decay = self.params.get("decay", 0)

    def learned(self, i):
        row, n = self.children[i], len(self.children)
        k = len(row)
        if all(child >= n for child in row):
            return softmax(math.sqrt(math.log(k) / (k * (self.jobs[i] + 1))) * self.theta[i])
        values = [self.value(child) for child in row]
        best = int(np.argmin(values))
        play = np.zeros(k)
        for m in range(k):
            if m != best:
                play[m] = self.worse(values[m] - values[best]) / (k - 1)
        play[best] = 1 - play.sum()
        return play

    def worse(self, gap):
        if self.decay == 0:
            return self.q
        return max(0.5, self.q) if gap == 0 else min(max(0.5, self.q), self.q * gap**-self.decay)

    def value(self, node):
        n = len(self.children)
        if node >= n:
            return self.params["means"][node - n]
        return float(np.dot(self.learned(node), [self.value(c) for c in self.children[node]]))

    def learn(self, i, m, cost, explored, reach):
        self.theta[i][m] -= cost / self.learned(i)[m]
        self.jobs[i] += 1

    def logits(self):
        return self.theta


AGENTS = {
    "epsilon_exp3": EpsilonExp3,
    "anytime_epsilon_exp3": AnytimeEpsilonExp3,
    "exp3": Exp3,
    "broad_omd": BroadOMD,
    "oracle_policy": OraclePolicy,
}


def rivals():
    """The agents of the other file, which builds on this one."""
    from multistage_rivals_reference import RIVALS

    return RIVALS


def follow(name, children, q, base, segment_end, uniforms, **params):
    """One run; columns are mode and child of each level, then the cost."""
    horizon, n = len(uniforms), len(children)
    if name == "normalized_eg":
        return follow_eg(children, q, base, segment_end, uniforms, **params)
    agents = (AGENTS | rivals())[name](children, horizon, **params)
    expectations, costs = [], []
    for t, row in enumerate(uniforms, 1):
        agents.before(t)
        s = segment_of(t, segment_end)
        means = base + (1 - base) * q[s]
        play = [agents.play(i) for i in range(n)]
        expectations.append(expected(children, play, means))
        node, reach, path, d = 0, 1.0, [], 0
        while node < n:
            mode, u = row[2 * d], row[2 * d + 1]
            k = len(children[node])
            explored = mode < agents.epsilon(node)
            m = min(k - 1, int(u * k)) if explored else drawn(agents.learned(node), u)
            path.append((node, m, explored, reach))
            reach *= play[node][m]
            node, d = children[node][m], d + 1
        leaf = node - n
        cost = 1.0 if row[-1] < q[s][leaf] else float(base[leaf])
        costs.append(cost)
        for i, m, explored, v in path:
            agents.learn(i, m, cost, explored, v)
    return Result(np.array(expectations), np.array(costs), agents.logits()), agents


def follow_eg(children, q, base, segment_end, uniforms, feedback="realised", eta=None):
    """Complete one-hop feedback; a column for every node in the order of ids."""
    n, horizon = len(children), len(uniforms)
    theta = [np.zeros(len(row)) for row in children]
    rate = [math.sqrt(math.log(len(r)) / horizon) if eta is None else eta for r in children]
    expectations, costs = [], []
    for t, row in enumerate(uniforms, 1):
        s = segment_of(t, segment_end)
        means = base + (1 - base) * q[s]
        play = [softmax(rate[i] * theta[i]) for i in range(n)]
        y = np.concatenate([np.zeros(n), np.where(row[n:] < q[s], 1.0, base)])
        w = np.concatenate([np.zeros(n), means])
        for i in reversed(range(n)):
            y[i] = y[children[i][drawn(play[i], row[i])]]
            w[i] = np.dot(play[i], w[list(children[i])])
        expectations.append(w[0])
        costs.append(y[0])
        told = y if feedback == "realised" else w
        for i in range(n):
            theta[i] -= told[list(children[i])]
    logits = [rate[i] * theta[i] for i in range(n)]
    return Result(np.array(expectations), np.array(costs), logits), None
