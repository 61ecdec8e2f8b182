"""Jobs, the rules of PCM and ST-CLIP and their bookkeeping, one job and one slot at a time.

Written from the paper (arXiv 2408.07831) in NumPy; it imports nothing of the library. ``n``
points, ``2n`` states: index ``u`` is ON at ``u``, ``n + u`` is OFF at ``u``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import ot
from scipy.optimize import brentq
from scipy.special import lambertw

DONE = 1e-6
"""Work that interior-point solutions may be short of, as a fraction of the job."""


class Job(NamedTuple):
    """One job, in float64: what the programs are told.

    Attributes:
      costs: cost of a slot fully ON, ``[T, n]``.
      distance: cost of moving the whole job, a metric ``[n, n]``.
      tree: the metric inside the decision, ``[n, n]``.
      switch: cost of a temporal switch, ``[n]``.
      start: point where the job arrives.
      throughput: ``c``, work of a slot fully ON.
      lower: ``L``, lower bound on price per unit of work.
      upper: ``U``, upper bound.
      advice: advised states, int ``[T]``.
    """

    costs: np.ndarray
    distance: np.ndarray
    tree: np.ndarray
    switch: np.ndarray
    start: int
    throughput: float
    lower: float
    upper: float
    advice: np.ndarray

    @property
    def points(self) -> int:
        """Number of points ``n``."""
        return self.costs.shape[1]

    @property
    def unit(self) -> float:
        """The unit of costs, ``U c``."""
        return self.upper * self.throughput

    @property
    def move_bound(self) -> float:
        """``D``: largest move per unit of work."""
        return float(self.distance.max()) / self.throughput

    @property
    def switch_bound(self) -> float:
        """``tau``: largest switch per unit of work."""
        return float(self.switch.max()) / self.throughput

    def state(self, index: int) -> np.ndarray:
        """All mass in one state, ``[2n]``."""
        return np.eye(2 * self.points)[index]

    def work(self, decision: np.ndarray) -> float:
        """``c . k`` of a decision."""
        return self.throughput * float(decision[: self.points].sum())

    def moved(self, p: np.ndarray, q: np.ndarray, distance: np.ndarray) -> float:
        """Wasserstein distance of two distributions over states."""
        n = self.points
        swing = float(self.switch @ np.abs(p[n:] - q[n:]))
        give, take = p[:n] + p[n:], q[:n] + q[n:]
        if np.abs(give - take).max() < 1e-15:
            return swing
        a, b = np.flatnonzero(give > 0), np.flatnonzero(take > 0)
        plan_cost = np.ascontiguousarray(distance[np.ix_(a, b)])
        cost = ot.emd2(give[a] / give.sum(), take[b] / take.sum(), plan_cost)
        return swing + cost  # type: ignore[operator]

    def charge(self, slot: int, decision: np.ndarray, previous: np.ndarray, distance=None) -> float:
        """Service and movement of one slot (movement by the true metric unless told)."""
        distance = self.distance if distance is None else distance
        service = float(self.costs[slot] @ decision[: self.points])
        return service + self.moved(decision, previous, distance)


class Price(NamedTuple):
    """The pseudo-cost ``psi(z) = U - tau + B exp(z / alpha)``."""

    job: Job
    alpha: float

    @property
    def factor(self) -> float:
        """The negative factor ``B``."""
        job = self.job
        return job.upper / self.alpha - job.upper + job.move_bound + 2 * job.switch_bound

    def integral(self, a: float, b: float) -> float:
        """``int_a^b psi``."""
        rise = math.exp(b / self.alpha) - math.exp(a / self.alpha)
        flat = self.job.upper - self.job.switch_bound
        return flat * (b - a) + self.alpha * self.factor * rise

    def terms(self, start: float) -> dict[str, float]:
        """What a program needs: ``-int psi = growth (exp(inverse s) - 1) - slope s``."""
        job = self.job
        growth = -self.alpha * self.factor * math.exp(start / self.alpha)
        return {
            "slope": (job.upper - job.switch_bound) / job.unit,
            "growth": growth / job.unit,
            "inverse": 1 / self.alpha,
        }


def competitive_ratio(job: Job) -> float:
    """PCM's ``eta``, in closed form with Lambert's W (equation 4)."""
    gap = (job.upper - job.move_bound - 2 * job.switch_bound) / job.upper
    inner = (job.lower / job.upper - gap) * math.exp(-gap)
    return float(1 / (lambertw(inner).real + gap))


def robustness(job: Job, epsilon: float) -> float:
    """ST-CLIP's ``gamma``: the root in ``[eta, U / L]``, or ``eta`` where there is none."""
    low, high, move, tau = job.lower, job.upper, job.move_bound, job.switch_bound
    eta = competitive_ratio(job)
    top = high - low - move - 2 * tau

    def gap(g: float) -> float:
        reach = g * math.log(top / (high - high / g - move - 2 * tau))
        return g - epsilon - high / low + reach * (high - low + move) / low

    bracket = (eta, high / low)
    if gap(bracket[0]) <= 0 or gap(bracket[1]) >= 0:
        return eta
    return brentq(gap, *bracket, xtol=1e-14)  # type: ignore[return-value]


class Outcome(NamedTuple):
    """What became of one job.

    Attributes:
      cost: service, moves and switches, the final switch-off included.
      gaps: objective of the followed decision minus the optimum, one a solved slot, in ``U c``
        (empty unless decisions were followed).
      excess: by how much followed decisions break the consistency constraint, in ``U c``.
    """

    cost: float
    gaps: list[float]
    excess: list[float]


class Run:
    """One job in progress."""

    def __init__(self, job: Job, follow: np.ndarray | None):
        self.job, self._follow = job, follow
        self.previous = self.before = job.state(job.points + job.start)
        self.done = self.cost = 0.0
        self._gaps: list[float] = []
        self._excess: list[float] = []

    def rests(self, slot: int) -> bool:
        """Whether the job is done: all ON mass then goes to its own OFF."""
        if 1 - self.done > DONE:
            return False
        n = self.job.points
        off = self.previous[:n] + self.previous[n:]
        self.take(slot, np.concatenate([np.zeros(n), off]))
        return True

    def must(self, slot: int) -> bool:
        """Whether the slots after this one are too few for the work that is left."""
        return self.least(slot) > DONE

    def least(self, slot: int) -> float:
        """The work that the slots after this one cannot do."""
        after = len(self.job.costs) - slot - 1
        return max(1 - self.done - after * self.job.throughput, 0.0)

    def take(self, slot: int, decision: np.ndarray) -> np.ndarray:
        """Plays a decision, or the followed one, and pays for it; returns what was played."""
        if self._follow is not None:
            decision = self._follow[slot]
        self.cost += self.job.charge(slot, decision, self.previous)
        self.done += self.job.work(decision)
        self.before, self.previous = self.previous, decision
        return decision

    def compare(self, objective: float, optimum: float) -> None:
        """Notes the gap of a followed decision; ``optimum`` is in units of ``U c``."""
        if self._follow is not None and not math.isnan(optimum):
            self._gaps.append(objective / self.job.unit - optimum)

    def exceed(self, excess: float) -> None:
        """Notes by how much a followed decision breaks the consistency constraint."""
        if self._follow is not None:
            self._excess.append(max(excess, 0) / self.job.unit)

    def outcome(self) -> Outcome:
        """The job's costs, with the last switch-off."""
        off = float(self.job.switch @ self.previous[: self.job.points])
        return Outcome(self.cost + off, self._gaps, self._excess)


class Advice:
    """The advice so far, and what trust in it allows."""

    def __init__(self, job: Job, epsilon: float):
        self._job, self._epsilon = job, epsilon
        self._cost = self.done = 0.0
        self._place = job.points + job.start
        extra = np.concatenate([np.zeros(job.points), job.switch])
        metric = np.tile(job.distance, (2, 2)) + extra[:, None] + extra
        np.fill_diagonal(metric, 0)
        self._metric = metric

    def see(self, slot: int) -> None:
        """The advice for a slot."""
        job, place = self._job, int(self._job.advice[slot])
        self._cost += self._metric[self._place, place]
        if place < job.points:
            self._cost += job.costs[slot, place]
            self.done += job.throughput
        self._place = place

    @property
    def column(self) -> np.ndarray:
        """Cost of moving from every state to the advised one, ``[2n]``."""
        return self._metric[:, self._place]

    def allowed(self, done: float, spent: float) -> float:
        """What this slot may cost, before work counts as done."""
        job = self._job
        back = job.switch_bound * job.throughput * (self._place < job.points)
        budget = (1 + self._epsilon) * (self._cost + back + (1 - self.done) * job.lower)
        return budget - spent - back - (1 - done) * job.lower

    def excess(self, slot: int, decision, previous, done: float, spent: float) -> float:
        """Left side minus right side of the consistency constraint."""
        job, work = self._job, self._job.work(decision)
        left = job.charge(slot, decision, previous) + float(self.column @ decision)
        left += max(self.done - done - work, 0) * (job.upper - job.lower) - work * job.lower
        return left - self.allowed(done, spent)

    def followed(self, room: float, least: float) -> np.ndarray:
        """Everything at the advised point, ON as far as the work left goes, or must."""
        job, n = self._job, self._job.points
        point = self._place % n
        on = min(1.0, room / job.throughput) if self._place < n else least / job.throughput
        return on * job.state(point) + (1 - on) * job.state(n + point)
