"""The rivals of PCM and ST-CLIP as their papers write them, one job at a time, in NumPy.

Slow and plain on purpose; nothing here imports the library. Decisions of one region are found by
bisection of their optimality conditions, plans by recursion.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, linprog
from soad_reference import Bounds, Price, states


class Job(NamedTuple):
    """One job: costs and forecast ``[T, n]``, its network, where and what; advice ``[T, A]``."""

    costs: np.ndarray
    forecast: np.ndarray
    distance: np.ndarray
    switch: np.ndarray
    start: int
    deadline: int
    length: int
    lower: float
    upper: float
    advice: np.ndarray | None = None
    weights: np.ndarray | None = None

    @property
    def own(self) -> np.ndarray:
        """Costs of the region of arrival."""
        return self.costs[:, self.start]

    def decisions(self, on: np.ndarray, place: np.ndarray | None = None) -> np.ndarray:
        """``[T, 2n]``, from the fraction that runs and the place in every slot."""
        n = self.costs.shape[1]
        place = np.full(len(on), self.start) if place is None else place
        table = np.zeros((len(on), 2 * n))
        slots = np.arange(len(on))
        table[slots, place] = on
        table[slots, n + place] += 1 - on
        return table


def believed(job: Job, tau: float, scales: tuple[float, float]) -> Bounds:
    low = scales[0] * job.lower
    return Bounds(low, max(scales[1] * job.upper, 1.01 * (low + 2 * tau)), 0.0, tau)


def minimiser(slope, kink: float, low: float, high: float) -> float:
    """Where a rising slope ``(m, side)`` changes sign; it jumps at ``kink``, left -1, right +1."""
    pieces = [(low, min(max(kink, low), high), -1), (min(max(kink, low), high), high, 1)]
    for left, right, side in pieces:
        if slope(left, side) >= 0:
            return left
        if slope(right, side) > 0:
            return float(brentq(lambda m, s=side: slope(m, s), left, right, xtol=1e-15, rtol=1e-15))
    return high


class Line(NamedTuple):
    """A job in one region, with switches that cost ``beta`` in its decisions."""

    job: Job
    price: Price
    beta: float

    @property
    def rate(self) -> float:
        return 1 / self.job.length

    def best(self, t: int, before: float, done: float, low: float, high: float) -> float:
        def slope(m, side):
            return self.job.own[t] + side * self.beta - self.rate * self.price(done + self.rate * m)

        return minimiser(slope, before, low, high)

    def limits(self, t: int, work: float) -> tuple[float, float]:
        left = (1 - work) * self.job.length if 1 - work > 1e-9 else 0.0
        after = max(self.job.deadline - t - 1, 0)
        return min(max(left - after, 0), 1), min(left, 1)


def trade(job: Job, *, scales: tuple[float, float] = (1.0, 1.0), switching: bool) -> np.ndarray:
    """One-way trading, or RORO if it minds ``switching``: the fractions that run ``[T]``."""
    beta = job.switch[job.start] if switching else 0.0
    bounds = believed(job, beta * job.length, scales)
    line = Line(job, Price(bounds, bounds.eta), beta)
    on, work, before = [], 0.0, 0.0
    for t in range(len(job.costs)):
        before = line.best(t, before, work, *line.limits(t, work))
        work += line.rate * before
        on.append(before)
    return np.array(on)


def clip(job: Job, epsilon: float) -> np.ndarray:
    """RORO clipped to advice: the fractions that run ``[T]``."""
    assert job.advice is not None and job.weights is not None
    beta, n = job.switch[job.start], job.costs.shape[1]
    L, U = job.lower, job.upper
    bounds = Bounds(L, U, 0.0, beta * job.length)
    line = Line(job, Price(bounds, bounds.gamma(epsilon)), beta)
    on, work, before, robust, spent = [], 0.0, 0.0, 0.0, 0.0
    paid, done, advised = 0.0, 0.0, 0.0
    for t, f in enumerate(job.own):
        a = float(np.sum(job.weights[job.advice[t] < n]))
        paid += f * a + beta * abs(a - advised)
        done, advised = done + line.rate * a, a
        budget = (1 + epsilon) * (paid + beta * a + (1 - done) * L)
        budget += 1e-12 * (abs(budget) + U * line.rate)

        def excess(m, f=f, a=a, before=before, work=work, spent=spent, done=done, budget=budget):
            behind = max(done - work - line.rate * m, 0)
            now = spent + f * m + beta * abs(m - before) + beta * abs(m - a) + beta * a
            return now + (1 - work - line.rate * m) * L + behind * (U - L) - budget

        least, most = line.limits(t, work)
        free = line.best(t, before, robust, least, most)
        kinks = [min(max(x, 0), most) for x in (0, before, a, (done - work) / line.rate, most)]
        centre = min(kinks, key=excess)
        chosen = free
        if excess(centre) > 0:
            chosen = centre
        elif excess(free) > 0:
            chosen = float(brentq(excess, centre, free, xtol=1e-15, rtol=1e-15))
        chosen = min(max(chosen, least), most)
        robust += line.rate * min(free, chosen)
        spent += f * chosen + beta * abs(chosen - before)
        work += line.rate * chosen
        before = chosen
        on.append(chosen)
    return np.array(on)


def receding_horizon(job: Job) -> np.ndarray:
    """Plans the rest in every slot, by recursion over schedules: decisions ``[T, 2n]``."""
    n, T = job.costs.shape[1], job.deadline
    metric = states(job.distance, job.switch)

    def rest(now: int):
        @cache
        def best(t: int, state: int, left: int) -> tuple[float, int]:
            if t == T:
                return (job.switch[state] if state < n else 0.0, -1) if left == 0 else (np.inf, -1)
            options = []
            for after in range(2 * n):
                runs = after < n
                if runs and left == 0:
                    continue
                price = (job.costs if t == now else job.forecast)[t, after] if runs else 0.0
                later = best(t + 1, after, left - runs)[0]
                options.append((metric[state, after] + price + later, after))
            return min(options)

        return best

    state, left, table = n + job.start, job.length, np.zeros((len(job.costs), 2 * n))
    for t in range(len(job.costs)):
        if t < T:
            state = rest(t)(t, state, left)[1]
        left -= state < n
        table[t, state] = 1
    return table


def wait_awhile(job: Job, interrupting: bool) -> np.ndarray:
    """Chooses its slots when it arrives: which of them run ``[T]``."""
    own = job.forecast[: job.deadline, job.start]
    if interrupting:
        chosen = sorted(range(job.deadline), key=lambda t: (own[t], t))[: job.length]
    else:
        starts = range(job.deadline - job.length + 1)
        first = min(starts, key=lambda t: own[t : t + job.length].sum())
        chosen = list(range(first, first + job.length))
    return np.isin(np.arange(len(job.costs)), chosen).astype(float)


def follow_sun(job: Job, margin: float) -> np.ndarray:
    """Runs at once where it is cheapest: decisions ``[T, 2n]``."""
    place, places = job.start, []
    for t, prices in enumerate(job.costs):
        if t < job.length and prices.min() < (1 - margin) * prices[place]:
            place = int(prices.argmin())
        places.append(place)
    on = (np.arange(len(job.costs)) < job.length).astype(float)
    return job.decisions(on, np.array(places))


def fractional_optimum(prices: np.ndarray, length: int, beta: float) -> float:
    """Cheapest fractions of one region's slots, switches included, by HiGHS."""
    T = len(prices)
    change = np.eye(T + 1, T) - np.eye(T + 1, T, -1)  # m_t - m_{t-1}, and the last switch-off
    cost = np.concatenate([prices, np.full(T + 1, beta)])
    both = np.block([[change, -np.eye(T + 1)], [-change, -np.eye(T + 1)]])
    limits = [(0, 1)] * T + [(0, None)] * (T + 1)
    work = np.concatenate([np.ones(T), np.zeros(T + 1)])[None]
    found = linprog(cost, both, np.zeros(2 * T + 2), work, [length], limits, method="highs")
    return found.fun
