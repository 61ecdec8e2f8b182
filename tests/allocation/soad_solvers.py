"""Reference solutions of the allocation problem by general solvers and by brute force.

Each problem is written down with its full transport plan, without the structure that the library
exploits: Clarabel (exponential cone) for the steps, HiGHS for linear programs.
"""

from __future__ import annotations

from typing import NamedTuple

import clarabel
import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from soad_reference import Slot, states, w1


class Solution(NamedTuple):
    """A solver's answer: its decision made exactly feasible, and a lower bound on the optimum."""

    decision: np.ndarray
    bound: float


class Plan(NamedTuple):
    """Rows and indices of a transport plan from the support of ``previous`` to all states."""

    mass: np.ndarray  # [S]
    sources: np.ndarray  # [S] states
    states: int

    @property
    def size(self) -> int:
        return self.mass.size * self.states

    @classmethod
    def of(cls, previous: np.ndarray) -> Plan:
        sources = np.flatnonzero(previous > 0)
        return cls(previous[sources], sources, previous.size)

    def rows(self) -> sparse.csr_matrix:
        """Row sums of the plan."""
        ones = np.ones((1, self.states))
        return sparse.csr_matrix(sparse.kron(sparse.eye(self.mass.size), ones))

    def to(self, weights: np.ndarray) -> sparse.csr_matrix:
        """One row: the target marginal times ``weights [2n]``."""
        return sparse.csr_matrix(np.tile(weights, self.mass.size)[None])

    def repair(self, flat: np.ndarray) -> np.ndarray:
        """The plan with exact row sums, ``[S, 2n]``."""
        plan = np.clip(flat.reshape(-1, self.states), 0, None)
        return plan * (self.mass / plan.sum(axis=1))[:, None]


class Clip(NamedTuple):
    """What ST-CLIP's step is told beyond a slot (whose ``distance`` is the true metric).

    ``tree`` is the distance inside the objective, whose price starts at ``robust``.
    """

    slot: Slot
    tree: np.ndarray  # [n, n]
    robust: float
    advice: int
    advice_work: float
    spent: float
    budget: float

    @property
    def tree_metric(self) -> np.ndarray:
        return states(self.tree, self.slot.switch)

    @property
    def advised(self) -> np.ndarray:
        return np.eye(self.slot.previous.size)[self.advice]

    def objective(self, decision: np.ndarray) -> float:
        slot = self.slot
        earned = slot.price.integral(self.robust, self.robust + slot.work(decision))
        return slot.charge(decision, self.tree_metric) - float(earned)

    def excess(self, decision: np.ndarray) -> float:
        """Left side minus right side of the consistency constraint, with separate transports."""
        slot, b = self.slot, self.slot.price.bounds
        work = slot.work(decision)
        left = self.spent + slot.charge(decision) + w1(decision, self.advised, slot.metric)
        left += b.tau * slot.work(self.advised) + (1 - slot.done - work) * b.L
        left += max(self.advice_work - slot.done - work, 0) * (b.U - b.L)
        return left - self.budget


def solve_slot(slot: Slot) -> Solution:
    """PCM's step: minimise ``<M + f, y> - int psi`` over plans ``y`` from the last decision."""
    n = slot.costs.size
    plan = Plan.of(slot.previous)
    to_cost = np.concatenate([slot.costs, np.zeros(n)])
    arcs = (slot.metric[plan.sources] + to_cost).ravel()
    return _price_program(slot, plan, arcs, start=slot.done)


def solve_clip(clip: Clip) -> Solution:
    """ST-CLIP's step, one plan for both metrics."""
    slot, b = clip.slot, clip.slot.price.bounds
    n = slot.costs.size
    plan = Plan.of(slot.previous)
    to_cost = np.concatenate([slot.costs, np.zeros(n)])
    arcs = (clip.tree_metric[plan.sources] + to_cost).ravel()
    to_advice = slot.metric[:, clip.advice]
    spends = (slot.metric[plan.sources] + to_cost + to_advice).ravel()
    # Variables: plan, work s, growth t, shortfall behind the advice u.
    fixed = clip.spent + b.tau * slot.work(clip.advised) + (1 - slot.done) * b.L
    consistency = sparse.csr_matrix(np.concatenate([spends, [-b.L, 0, b.U - b.L]])[None])
    behind = np.zeros(plan.size + 3)
    behind[plan.size], behind[-1] = -1, -1
    rows = sparse.vstack([consistency / slot.scale, sparse.csr_matrix(behind[None])])
    right = [(clip.budget - fixed) / slot.scale, -(clip.advice_work - slot.done)]
    positive = -sparse.csr_matrix(np.eye(plan.size + 3)[-1:])
    extra = sparse.vstack([rows, positive])
    return _price_program(slot, plan, arcs, clip.robust, (extra, np.array([*right, 0.0])))


def _price_program(slot, plan, arcs, start, extra=None) -> Solution:
    """Clarabel on costs in units of ``slot.scale``; variables: plan, work s, growth t, (u)."""
    price, unit = slot.price, slot.scale
    n, alpha = slot.costs.size, price.rate
    tail = 2 if extra is None else 3
    size = plan.size + tail
    cost = np.concatenate([arcs / unit, np.zeros(tail)])
    cost[plan.size] = -(price.bounds.U - price.bounds.tau) / unit
    cost[plan.size + 1] = -price.factor * np.exp(start / alpha) / unit
    pad = sparse.csr_matrix((plan.mass.size, tail))
    counted = plan.to(np.concatenate([slot.throughput, np.zeros(n)]))
    counts = sparse.hstack([-counted, sparse.csr_matrix(np.eye(1, tail))])
    equal = sparse.vstack([sparse.hstack([plan.rows(), pad]), counts])
    capped = sparse.csr_matrix(np.eye(size)[plan.size][None])
    below = [sparse.hstack([-sparse.eye(plan.size), sparse.csr_matrix((plan.size, tail))]), capped]
    limits = [np.zeros(plan.size), [1 - slot.done]]
    if extra is not None:
        below.append(extra[0])
        limits.append(extra[1])
    cone = np.zeros((3, size))
    # t >= alpha (exp(s / alpha) - 1), in Clarabel's cone y exp(x / y) <= z.
    cone[0, plan.size], cone[2, plan.size + 1] = -1 / alpha, -1 / alpha
    inequality = sparse.vstack(below)
    matrix = sparse.vstack([equal, inequality, sparse.csr_matrix(cone)]).tocsc()
    right = np.concatenate([plan.mass, [0.0], *limits, [0.0, 1.0, 1.0]])
    cones = [
        clarabel.ZeroConeT(equal.shape[0]),
        clarabel.NonnegativeConeT(inequality.shape[0]),
        clarabel.ExponentialConeT(),
    ]
    x, bound = _clarabel(cost, matrix, right, cones)
    return Solution(plan.repair(x[: plan.size]).sum(axis=0), bound * unit)


# Clarabel gives up on one in ten of the larger programs; another path to the optimum then works.
_ATTEMPTS = (
    {"equilibrate_enable": False},
    {"max_step_fraction": 0.9},
    {"max_step_fraction": 0.9, "equilibrate_enable": False},
    {"max_step_fraction": 0.7, "max_iter": 500},
    {"max_step_fraction": 0.7, "max_iter": 500, "equilibrate_enable": False},
)


def _clarabel(cost, matrix, right, cones) -> tuple[np.ndarray, float]:
    """Minimiser and dual value of ``min cost . x``, ``right - matrix x`` in the cones."""
    best, gap = None, np.inf
    for attempt in _ATTEMPTS:
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_threads = 1
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
        for name, value in attempt.items():
            setattr(settings, name, value)
        nothing = sparse.csc_matrix((cost.size, cost.size))
        answer = clarabel.DefaultSolver(nothing, cost, matrix, right, cones, settings).solve()
        error = max(abs(answer.obj_val - answer.obj_val_dual), answer.r_prim, answer.r_dual)
        if error < gap:
            best, gap = answer, error
        if gap < 1e-9:
            return np.array(answer.x), answer.obj_val_dual
    raise RuntimeError(f"Clarabel: {best and best.status}, off by {gap:.1e}")


def cheapest_work(slot: Slot, work: float) -> float:
    """Least service and movement that does exactly ``work`` in the slot (HiGHS)."""
    n = slot.costs.size
    plan = Plan.of(slot.previous)
    arcs = slot.metric[plan.sources] + np.concatenate([slot.costs, np.zeros(n)])
    counts = plan.to(np.concatenate([slot.throughput, np.zeros(n)]))
    equal = sparse.vstack([plan.rows(), counts])
    answer = _highs(arcs.ravel() / slot.scale, equal, np.append(plan.mass, work))
    return answer * slot.scale


def _highs(cost, equal, right, above=None, least=None) -> float:
    """Optimal value of ``min cost . x`` with ``equal x = right``, ``above x >= least``, x >= 0."""
    answer = linprog(
        cost,
        A_eq=equal,
        b_eq=right,
        A_ub=None if above is None else -above,
        b_ub=None if least is None else -least,
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if answer.status != 0:
        raise RuntimeError(f"HiGHS: {answer.message}")
    return float(answer.fun)
