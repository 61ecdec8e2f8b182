"""The rivals written down once more, in plain NumPy and HiGHS, one run and one loop at a time.

Every function takes the tables of a process, a list of trajectories that were recorded beforehand,
and constants; it yields, episode by episode, what the learner should decide before it is shown the
next trajectory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from provisioning_reference import paper_box
from scipy.optimize import linprog


class Process(NamedTuple):
    """What a learner is told: tables ``[T, S, A]``, and numbers."""

    loss: np.ndarray
    consumption: np.ndarray
    initial: np.ndarray
    baseline: np.ndarray
    base: float
    low: float
    high: float
    weight: float
    curvature: float
    episodes: int


class Episode(NamedTuple):
    """One recorded trajectory and the slope of the service cost that comes with it."""

    states: np.ndarray
    actions: np.ndarray
    slope: float


def value(policy, what, law, initial) -> float:
    """Expected sum of ``what [T, S, A]`` under a policy and a law ``[T, S, A, S]``."""
    ahead = np.zeros(initial.size)
    for t in reversed(range(what.shape[0])):
        ahead = np.array(
            [
                sum(
                    policy[t, s, a] * (what[t, s, a] + law[t, s, a] @ ahead)
                    for a in range(what.shape[2])
                )
                for s in range(initial.size)
            ]
        )
    return float(initial @ ahead)


def counted(process: Process, seen: list[Episode], pooled: bool) -> np.ndarray:
    """Transitions met, ``[T, S, A, S]``: all slots alike if pooled."""
    slots, s, a = process.loss.shape
    counts = np.zeros((slots, s, a, s))
    for one in seen:
        for t in range(slots):
            rows = range(slots) if pooled else [t]
            for row in rows:
                counts[row, one.states[t], one.actions[t], one.states[t + 1]] += 1
    return counts


def extended_program(loss, consumption, lower, upper, initial, budget):
    """Value and multiplier of the program over ``q_t(s, a, s')`` by HiGHS; None if infeasible."""
    slots, s, a = loss.shape
    index = np.arange(slots * s * a * s).reshape(slots, s, a, s)
    flow, start = np.zeros((slots * s, index.size)), np.zeros(slots * s)
    start[:s] = initial
    for t in range(slots):
        for i in range(s):
            flow[t * s + i, index[t, i].ravel()] += 1
            if t:
                flow[t * s + i, index[t - 1, :, :, i].ravel()] -= 1
    rows, spent = [], np.repeat(consumption.ravel(), s)
    for place in np.ndindex(index.shape):
        own, pair = index[place], index[place[:-1]]
        above, below = np.zeros(index.size), np.zeros(index.size)
        above[pair], below[pair] = -upper[place], lower[place]
        above[own] += 1
        below[own] -= 1
        rows += [above, below]
    found = linprog(
        np.repeat(loss.ravel(), s),
        A_ub=np.vstack([spent, *rows]),
        b_ub=np.array([budget, *np.zeros(len(rows))]),
        A_eq=flow,
        b_eq=start,
        method="highs-ds",
    )
    if found.status == 2:
        return None
    assert found.status == 0, found.message
    return float(found.fun), -float(found.ineqlin.marginals[0])


def best_response(policy, cost, lower, upper, initial) -> float:
    """Least expected cost of a policy over all laws of a box, next states in order of value."""
    ahead = np.zeros(initial.size)
    for t in reversed(range(cost.shape[0])):
        order, now = np.argsort(ahead, kind="stable"), np.zeros(initial.size)
        for s in range(initial.size):
            for a in range(cost.shape[2]):
                chances, left = lower[t, s, a].copy(), 1 - lower[t, s, a].sum()
                for j in order:
                    more = min(left, upper[t, s, a, j] - lower[t, s, a, j])
                    chances[j] += more
                    left -= more
                now[s] += policy[t, s, a] * (cost[t, s, a] + chances @ ahead)
        ahead = now
    return float(initial @ ahead)


def empirical(counts, factor, scale):
    """Transition frequencies and radii: uniform and 1 where a pair was never met."""
    slots, s, a = counts.shape[:3]
    law, radius = np.full(counts.shape, 1 / s), np.ones((slots, s, a))
    for place in np.ndindex(radius.shape):
        n = counts[place].sum()
        if n:
            law[place] = counts[place] / n
            radius[place] = min(1.0, scale * math.sqrt(factor / n))
    return law, radius


def log_term(process: Process, delta: float) -> float:
    slots, s, a = process.loss.shape
    return math.log(2 * s * a * slots * process.episodes / delta)


def moved(process: Process, k: int, budget: float, slope: float, multiplier: float) -> float:
    """BLOL's next budget after episode ``k``."""
    step = (slope - process.weight * multiplier) / (process.curvature * k)
    return min(max(budget - step, process.low), process.high)


def optcmdp(process, record, *, scale, delta, pooled, fixed=None):
    """Yields ``(budget, value or None, multiplier, box)``."""
    budget = process.low if fixed is None else fixed
    slots = process.loss.shape[0]
    for k, episode in enumerate(record, 1):
        counts = counted(process, record[: k - 1], pooled)
        law, radius = paper_box(counts, slots, process.episodes, delta, scale)
        lower, upper = np.maximum(law - radius, 0), np.minimum(law + radius, 1)
        plan = extended_program(
            process.loss, process.consumption, lower, upper, process.initial, budget
        )
        worth, multiplier = (None, 0.0) if plan is None else plan
        yield budget, worth, multiplier, (lower, upper)
        if fixed is None:
            budget = moved(process, k, budget, episode.slope, multiplier)


def optpess_lp(process, record, *, scale, delta, pooled, fixed=None):
    """Yields ``(budget, value or None where the baseline is played, multiplier, model)``."""
    budget = process.low if fixed is None else fixed
    slots, s, _ = process.loss.shape
    for k, episode in enumerate(record, 1):
        counts = counted(process, record[: k - 1], pooled)
        law, radius = empirical(counts, log_term(process, delta), scale)
        bonus = slots * s * radius
        wary = process.consumption + bonus
        hopeful = process.loss - bonus - 4 * slots / (budget - process.base) * bonus
        plan = None
        if value(process.baseline, wary, law, process.initial) < (budget + process.base) / 2:
            plan = extended_program(hopeful, wary, law, law, process.initial, budget)
        worth, multiplier = (None, 0.0) if plan is None else plan
        yield budget, worth, multiplier, (law, hopeful, wary)
        if fixed is None:
            budget = moved(process, k, budget, episode.slope, multiplier)
            budget = process.low if plan is None else budget


def optpess_primal_dual(process, record, *, scale, delta, pooled, tightening, fixed=None):
    """Yields ``(budget, policy [T, S, A], multiplier)``."""
    budget, queue = process.low if fixed is None else fixed, 0.0
    slots, s, a = process.loss.shape
    for k, episode in enumerate(record, 1):
        counts = counted(process, record[: k - 1], pooled)
        law, radius = empirical(counts, log_term(process, delta), scale)
        hopeful, spent = (x - slots * s * radius for x in (process.loss, process.consumption))
        price = queue / ((budget - process.base) * slots * math.sqrt(k))
        policy, ahead = np.zeros((slots, s, a)), np.zeros(s)
        for t in reversed(range(slots)):
            worth = hopeful[t] + price * spent[t] + law[t] @ ahead
            policy[t, range(s), worth.argmin(1)] = 1
            ahead = worth.min(1)
        log = math.log(k / delta)
        kept = tightening * 5 * slots**2 * math.sqrt(s**3 * a) * (log + 1) / math.sqrt(k * log)
        yield budget, policy, price
        used = value(policy, spent, law, process.initial)
        queue = max(0.0, queue + used + kept - budget)
        if fixed is None:
            budget = moved(process, k, budget, episode.slope, price)


def primal_dual_q(process, record, *, exploration, rate, fixed=None):
    """Yields ``(budget, policy [T, S, A], multiplier)``."""
    budget, multiplier = process.low if fixed is None else fixed, 0.0
    slots, s, a = process.loss.shape
    lost, spent, visits = (np.zeros((slots + 1, s, a)) for _ in range(3))

    def greedy(t, state):
        return int(np.argmin(lost[t, state] + multiplier * spent[t, state]))

    for k, episode in enumerate(record, 1):
        policy = np.full((slots, s, a), exploration / a)
        for t, i in np.ndindex(slots, s):
            policy[t, i, greedy(t, i)] += 1 - exploration
        yield budget, policy, multiplier
        total = 0.0
        for t in reversed(range(slots)):
            place, after = (t, episode.states[t], episode.actions[t]), episode.states[t + 1]
            visits[place] += 1
            step = (slots + 1) / (slots + visits[place])
            best = (t + 1, after, greedy(t + 1, after))
            lost[place] += step * (process.loss[place] + lost[best] - lost[place])
            spent[place] += step * (process.consumption[place] + spent[best] - spent[place])
            total += process.consumption[place]
        price, multiplier = multiplier, max(0.0, multiplier + rate * (total - budget))
        if fixed is None:
            budget = moved(process, k, budget, episode.slope, price)


class Adam:
    """Adam as in its paper, with the usual constants."""

    def __init__(self, shape):
        self.first, self.second, self.steps = np.zeros(shape), np.zeros(shape), 0

    def __call__(self, slope):
        self.steps += 1
        self.first = 0.9 * self.first + 0.1 * slope
        self.second = 0.999 * self.second + 0.001 * slope**2
        mean = self.first / (1 - 0.9**self.steps)
        return mean / (np.sqrt(self.second / (1 - 0.999**self.steps)) + 1e-8)


def softmax(logits):
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def ppo_slopes(logits, values, batch, old, advantage, returns, *, clip, entropy):
    """Slopes of PPO's objective by hand: those of a softmax, zero where the clip holds."""
    to_logits, to_values = np.zeros_like(logits), np.zeros_like(values)
    slots, count = logits.shape[0], len(batch)
    for n, t in np.ndindex(count, slots):
        s, a = batch[n].states[t], batch[n].actions[t]
        chances = softmax(logits[t, s])
        quotient = chances[a] / old[n, t]
        held = quotient < 1 - clip if advantage[n, t] > 0 else quotient > 1 + clip
        one = np.eye(chances.size)[a]
        if not held:
            to_logits[t, s] += quotient * advantage[n, t] * (one - chances)
        # Of sum p log p: p_j (log p_j - sum_i p_i log p_i).
        logs = np.log(chances)
        to_logits[t, s] += entropy * chances * (logs - chances @ logs)
        for c in range(2):
            to_values[c, t, s] += values[c, t, s] - returns[c, n, t]
    return to_logits / (count * slots), to_values / (count * slots)


def ppo(process, record, *, batch, epochs, step, clip, entropy, trace, **options):
    """Yields ``(budget, policy [T, S, A], multiplier)``; with the rate 0 there is no multiplier."""
    fixed, rate = options.get("fixed"), options.get("rate", 0.0)
    proportional = options.get("proportional", 0.0)
    budget, multiplier, excess = process.low if fixed is None else fixed, 0.0, 0.0
    integral = 0.0
    slots, s, a = process.loss.shape
    logits, values = np.zeros((slots, s, a)), np.zeros((2, slots + 1, s))
    adam, critic, tables = Adam(logits.shape), Adam(values.shape), process[:2]
    for k, episode in enumerate(record, 1):
        yield budget, softmax(logits), multiplier
        used, price = (
            sum(
                process.consumption[t, episode.states[t], episode.actions[t]] for t in range(slots)
            ),
            multiplier,
        )
        excess += used - budget
        if k % batch == 0:
            seen = record[k - batch : k]
            returns, gains = np.zeros((2, batch, slots)), np.zeros((2, batch, slots))
            for c, (n, one) in ((c, x) for c in range(2) for x in enumerate(seen)):
                ahead = 0.0
                for t in reversed(range(slots)):
                    here, after = one.states[t], one.states[t + 1]
                    delta = tables[c][t, here, one.actions[t]]
                    delta += values[c, t + 1, after] - values[c, t, here]
                    ahead = delta + trace * ahead
                    gains[c, n, t], returns[c, n, t] = ahead, ahead + values[c, t, here]
            advantage = gains[0] + price * gains[1]
            advantage = (advantage - advantage.mean()) / advantage.std()
            now = softmax(logits)
            old = np.array(
                [[now[t, x.states[t], x.actions[t]] for t in range(slots)] for x in seen]
            )
            left = 1 - (k - batch) / process.episodes
            for _ in range(epochs):
                slopes = ppo_slopes(
                    logits, values, seen, old, advantage, returns, clip=clip, entropy=entropy
                )
                logits = logits - step * left * adam(slopes[0])
                values = values - step * left * critic(slopes[1])
            integral = max(0.0, integral + rate * excess)
            multiplier = max(0.0, integral + proportional * excess / batch)
            excess = 0.0
        if fixed is None:
            budget = moved(process, k, budget, episode.slope, price)
