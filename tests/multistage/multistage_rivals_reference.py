"""The learners of other papers, each written from its paper alone for the loop of tree_reference.

A node sees its own jobs only, but for the two that decide alone: they are kept as one table over
all leaves or all experts, from which a node's play is added up afresh every time.
"""

from __future__ import annotations

import math

import numpy as np
from tree_reference import Agents, softmax


def log_of(play):
    with np.errstate(divide="ignore"):
        return np.log(play)


class ExpIX(Agents):
    """Neu (2015): eta = 2 gamma = sqrt(2 log K / (K T))."""

    def start(self):
        k = max(self.width, 2)
        self.eta = self.params.get("eta", math.sqrt(2 * math.log(k) / (k * self.horizon)))
        self.gamma = self.params.get("gamma", self.eta / 2)
        self.losses = [np.zeros(len(row)) for row in self.children]

    def learned(self, i):
        return softmax(-self.eta * self.losses[i])

    def learn(self, i, m, cost, explored, reach):
        self.losses[i][m] += cost / (self.learned(i)[m] + self.gamma)

    def logits(self):
        return [-self.eta * row for row in self.losses]


class ExpP(Agents):
    """Bubeck and Cesa-Bianchi (2012), figure 3.1 and theorem 3.3, on gains."""

    def start(self):
        k, t = max(self.width, 2), self.horizon
        delta = self.params.get("delta", 0.05)
        self.eta = self.params.get("eta", 0.95 * math.sqrt(math.log(k) / (t * k)))
        self.gamma = self.params.get("gamma", min(1.0, 1.05 * math.sqrt(k * math.log(k) / t)))
        self.beta = self.params.get("beta", math.sqrt(math.log(k / delta) / (t * k)))
        self.gains = [np.zeros(len(row)) for row in self.children]

    def learned(self, i):
        k = len(self.children[i])
        return (1 - self.gamma) * softmax(self.eta * self.gains[i]) + self.gamma / k

    def learn(self, i, m, cost, explored, reach):
        p = self.learned(i)
        for arm in range(len(p)):
            self.gains[i][arm] += ((1 - cost) * (arm == m) + self.beta) / p[arm]

    def logits(self):
        return [self.eta * row for row in self.gains]


class ExpS(Agents):
    """Auer et al. (2002), figure 4 and corollary 8.2, on gains; weights as they are."""

    def start(self):
        k, t = max(self.width, 2), self.horizon
        segments = self.params.get("switches", 1) + 1
        hard = k * (segments * math.log(k * t) + math.e) / ((math.e - 1) * t)
        self.gamma = self.params.get("gamma", min(1.0, math.sqrt(hard)))
        self.alpha = self.params.get("alpha", 1 / t)
        self.weights = [np.ones(len(row)) for row in self.children]

    def learned(self, i):
        w = self.weights[i]
        return (1 - self.gamma) * w / w.sum() + self.gamma / len(w)

    def learn(self, i, m, cost, explored, reach):
        w, k, p = self.weights[i], len(self.children[i]), self.learned(i)
        spread = math.e * self.alpha / k * w.sum()
        estimate = np.where(np.arange(k) == m, (1 - cost) / p, 0)
        self.weights[i] = w * np.exp(self.gamma * estimate / k) + spread

    def logits(self):
        return [log_of(self.learned(i)) for i in range(len(self.children))]


class Tsallis(Agents):
    """Zimmert and Seldin (2021), algorithm 1 with importance weights; the sum by bisection."""

    def start(self):
        self.losses = [np.zeros(len(row)) for row in self.children]
        self.jobs = [0 for _ in self.children]
        self.scale = self.params.get("eta_scale", 2.0)
        self.kept = [None for _ in self.children]

    def learned(self, i):
        if self.kept[i] is None:
            self.kept[i] = self.point(self.losses[i], self.scale / math.sqrt(self.jobs[i] + 1))
        return self.kept[i]

    @staticmethod
    def point(losses, eta):
        losses = [float(x) for x in losses]

        def mass(x):
            return sum(4 / (eta * (loss - x)) ** 2 for loss in losses)

        low = min(losses) - 2 * math.sqrt(len(losses)) / eta
        high = min(losses) - 2 / eta * (1 - 1e-12)
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if mass(middle) < 1 else (low, middle)
        w = np.array([4 / (eta * (loss - low)) ** 2 for loss in losses])
        return w / w.sum()

    def learn(self, i, m, cost, explored, reach):
        self.losses[i][m] += cost / self.learned(i)[m]
        self.jobs[i] += 1
        self.kept[i] = None

    def logits(self):
        return [log_of(self.learned(i)) for i in range(len(self.children))]


class Index(Agents):
    """Keeps every job of every node and averages afresh."""

    def start(self):
        self.jobs = [[] for _ in self.children]
        self.setting()

    def weights(self, count):
        """What the jobs count, from the first to the last."""
        return np.ones(count)

    def learned(self, i):
        k, jobs = len(self.children[i]), self.jobs[i]
        weights = self.weights(len(jobs))
        arms, costs = np.array([m for m, _ in jobs], int), np.array([c for _, c in jobs])
        index = np.full(k, -np.inf)
        for m in range(k):
            count = weights[arms == m].sum() if len(jobs) else 0.0
            if count > 0:
                mean = (weights * costs)[arms == m].sum() / count
                index[m] = mean - math.sqrt(self.factor * math.log(max(weights.sum(), 1)) / count)
        return np.eye(k)[int(np.argmin(index))]

    def learn(self, i, m, cost, explored, reach):
        self.jobs[i].append((m, cost))

    def logits(self):
        return [log_of(self.learned(i)) for i in range(len(self.children))]


class Ucb1(Index):
    def setting(self):
        self.factor = self.params.get("exploration", 2.0)


class DiscountedUcb(Index):
    def setting(self):
        changes = self.params.get("switches", 1)
        theory = 1 - 0.25 * math.sqrt(min(changes / self.horizon, 1))
        self.discount = self.params.get("discount", theory)
        self.factor = 4 * self.params.get("exploration", 0.5)

    def weights(self, count):
        return self.discount ** np.arange(count - 1, -1, -1.0)


class WindowUcb(Index):
    def setting(self):
        self.window = self.params.get("window", 1000)
        self.factor = self.params.get("exploration", 0.6)

    def weights(self, count):
        return (np.arange(count) >= count - self.window).astype(float)


class Central(Agents):
    """One table of weights over leaves; a node sends jobs by what lies below its children."""

    def below(self, node):
        n = len(self.children)
        if node >= n:
            return [node - n]
        return [leaf for child in self.children[node] for leaf in self.below(child)]

    def learned(self, i):
        q = self.leaf_chances()
        mass = np.array([q[self.below(child)].sum() for child in self.children[i]])
        return mass / mass.sum()

    def learn(self, i, m, cost, explored, reach):
        leaf = self.children[i][m] - len(self.children)
        if leaf >= 0:  # once a job, at the end of its way
            self.charge(leaf, cost)

    def logits(self):
        return [log_of(self.learned(i)) for i in range(len(self.children))]


class LeafExp3(Central):
    """Bubeck and Cesa-Bianchi (2012), theorem 3.1."""

    def start(self):
        self.leaves = len(self.below(0))
        arms = max(self.leaves, 2)
        self.eta = self.params.get("eta", math.sqrt(2 * math.log(arms) / (arms * self.horizon)))
        self.theta = np.zeros(self.leaves)

    def leaf_chances(self):
        return softmax(self.eta * self.theta)

    def charge(self, leaf, cost):
        self.theta[leaf] -= cost / self.leaf_chances()[leaf]


class NodeExp4(Central):
    """Bubeck and Cesa-Bianchi (2012), theorem 4.2; the advice as a whole matrix."""

    def start(self):
        n, leaves = len(self.children), len(self.below(0))
        self.advice = np.zeros((n + leaves, leaves))
        self.advice[n:] = np.eye(leaves)
        for i in reversed(range(n)):
            self.advice[i] = np.mean([self.advice[child] for child in self.children[i]], axis=0)
        theory = math.sqrt(2 * math.log(max(n + leaves, 2)) / (leaves * self.horizon))
        self.eta, self.theta = self.params.get("eta", theory), np.zeros(n + leaves)

    def leaf_chances(self):
        return softmax(self.eta * self.theta) @ self.advice

    def charge(self, leaf, cost):
        self.theta -= self.advice[:, leaf] * cost / self.leaf_chances()[leaf]


RIVALS = {
    "exp3_ix": ExpIX,
    "exp3_p": ExpP,
    "exp3_s": ExpS,
    "tsallis_inf": Tsallis,
    "ucb1": Ucb1,
    "discounted_ucb": DiscountedUcb,
    "sliding_window_ucb": WindowUcb,
    "leaf_exp3": LeafExp3,
    "node_exp4": NodeExp4,
}
