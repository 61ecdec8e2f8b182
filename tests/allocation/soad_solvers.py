"""Reference solutions of the allocation problem by general solvers and by brute force.

Each problem is written down with its full transport plan, without the structure that the library
exploits: Clarabel (exponential cone) for the steps, HiGHS for linear programs.
"""

from __future__ import annotations

from typing import NamedTuple

import clarabel
import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from soad_reference import Slot, states, w1


class Solution(NamedTuple):
    """A solver's answer: decision and objective of its plan made exact, and a lower bound."""

    decision: np.ndarray
    value: float
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

    ``tree`` is the distance inside the objective, whose price starts at ``robust``; ``advice`` is a
    state, or a distribution over all of them. ``back`` is the distance of the way back to the
    advice, the slot's own if None.
    """

    slot: Slot
    tree: np.ndarray  # [n, n]
    robust: float
    advice: int | np.ndarray
    advice_work: float
    spent: float
    budget: float
    least: float = 0.0  # work that is mandatory
    back: np.ndarray | None = None  # [n, n]

    @property
    def tree_metric(self) -> np.ndarray:
        return states(self.tree, self.slot.switch)

    @property
    def back_metric(self) -> np.ndarray:
        slot = self.slot
        return states(slot.distance if self.back is None else self.back, slot.switch)

    @property
    def advised(self) -> np.ndarray:
        return (  # pyright: ignore
            np.eye(self.slot.previous.size)[self.advice]
            if np.ndim(self.advice) == 0
            else self.advice
        )

    def objective(self, decision: np.ndarray) -> float:
        slot = self.slot
        earned = slot.price.integral(self.robust, self.robust + slot.work(decision))
        return slot.charge(decision, self.tree_metric) - float(earned)

    def excess(self, decision: np.ndarray) -> float:
        """Left side minus right side of the consistency constraint, with separate transports."""
        slot, b = self.slot, self.slot.price.bounds
        work = slot.work(decision)
        left = self.spent + slot.charge(decision) + w1(decision, self.advised, self.back_metric)
        left += b.tau * slot.work(self.advised) + (1 - slot.done - work) * b.L
        left += max(self.advice_work - slot.done - work, 0) * (b.U - b.L)
        return left - self.budget


def solve_slot(slot: Slot) -> Solution:
    """PCM's step: minimise ``<M + f, y> - int psi`` over plans ``y`` from the last decision."""
    n = slot.costs.size
    plan = Plan.of(slot.previous)
    to_cost = np.concatenate([slot.costs, np.zeros(n)])
    arcs = slot.metric[plan.sources] + to_cost
    return _price_program(slot, plan, arcs, start=slot.done)


def solve_clip(clip: Clip) -> Solution:
    """ST-CLIP's step, one plan for both metrics."""
    slot, b = clip.slot, clip.slot.price.bounds
    plan, arcs, spends = _clip_plan(clip)
    # Variables: plan, work s, growth t, shortfall behind the advice u.
    fixed = clip.spent + b.tau * slot.work(clip.advised) + (1 - slot.done) * b.L
    consistency = np.concatenate([spends.ravel(), [-b.L, 0, b.U - b.L]]) / slot.scale
    behind, positive, works = np.zeros((3, plan.size + 3))
    behind[plan.size], behind[-1] = -1, -1
    positive[-1], works[plan.size] = -1, -1
    right = [(clip.budget - fixed) / slot.scale, slot.done - clip.advice_work, 0.0, -clip.least]
    rows = sparse.csr_matrix(np.stack([consistency, behind, positive, works]))
    return _price_program(slot, plan, arcs, clip.robust, (rows, np.array(right)))


def _clip_plan(clip: Clip) -> tuple[Plan, np.ndarray, np.ndarray]:
    """The plan's arcs: their cost in the objective, and in the constraint."""
    slot = clip.slot
    plan = Plan.of(slot.previous)
    to_cost = np.concatenate([slot.costs, np.zeros(slot.costs.size)])
    spends = slot.metric[plan.sources] + to_cost + clip.back_metric[:, clip.advice]
    return plan, clip.tree_metric[plan.sources] + to_cost, spends


def least_excess(clip: Clip) -> float:
    """How far below its budget ST-CLIP's constraint can be brought at all (HiGHS)."""
    slot, b = clip.slot, clip.slot.price.bounds
    plan, _, spends = _clip_plan(clip)
    # Variables: plan, shortfall behind the advice; the work is counted on the plan.
    counted = np.tile(np.append(slot.throughput, np.zeros(slot.costs.size)), plan.mass.size)
    cost = np.append(spends.ravel() - b.L * counted, b.U - b.L) / slot.scale
    equal = sparse.hstack([plan.rows(), sparse.csr_matrix((plan.mass.size, 1))])
    behind, enough, capped = np.append(counted, 1.0), np.append(counted, 0), np.append(-counted, 0)
    above = sparse.csr_matrix(np.stack([behind, enough, capped]))
    right = np.array([clip.advice_work - slot.done, clip.least, slot.done - 1])
    fixed = clip.spent + b.tau * slot.work(clip.advised) + (1 - slot.done) * b.L
    return _highs(cost, equal, plan.mass, above, right) * slot.scale + fixed - clip.budget


def joint_objective(clip: Clip, decision: np.ndarray) -> float:
    """Objective of a decision of ST-CLIP by the best plan that keeps the budget (HiGHS)."""
    slot, b = clip.slot, clip.slot.price.bounds
    plan, arcs, spends = _clip_plan(clip)
    work = slot.work(decision)
    fixed = clip.spent + b.tau * slot.work(clip.advised) + (1 - slot.done - work) * b.L
    fixed += max(clip.advice_work - slot.done - work, 0) * (b.U - b.L)
    arrive = sparse.csr_matrix(sparse.kron(np.ones((1, plan.mass.size)), sparse.eye(plan.states)))
    # One row is redundant, and the budget is often exactly what the one feasible plan spends.
    equal = sparse.vstack([plan.rows(), arrive[:-1]])
    right = np.concatenate([plan.mass, decision[:-1]])
    room = clip.budget - fixed + 1e-9 * slot.scale
    spend = -sparse.csr_matrix(spends.ravel()[None]) / slot.scale
    value = _highs(arcs.ravel() / slot.scale, equal, right, spend, np.array([-room / slot.scale]))
    earned = slot.price.integral(clip.robust, clip.robust + work)
    return value * slot.scale - float(earned)


def _price_program(slot, plan, arcs, start, extra=None) -> Solution:
    """Clarabel on costs in units of ``slot.scale``; variables: plan, work s, growth t, (u)."""
    price, unit = slot.price, slot.scale
    n, alpha = slot.costs.size, price.rate
    tail = 2 if extra is None else 3
    size = plan.size + tail
    cost = np.concatenate([arcs.ravel() / unit, np.zeros(tail)])
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
    exact = plan.repair(x[: plan.size])
    decision = exact.sum(axis=0)
    earned = price.integral(start, start + slot.work(decision))
    return Solution(decision, float(np.sum(exact * arcs) - earned), bound * unit)


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
            break
    if best is None or gap > 1e-7:
        raise RuntimeError(f"Clarabel: {best and best.status}, off by {gap:.1e}")
    return np.array(best.x), best.obj_val_dual


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


class Job(NamedTuple):
    """A whole offline instance; ``deadline`` is the number of rows of ``costs``."""

    costs: np.ndarray  # [T, n]
    metric: np.ndarray  # [T, 2n, 2n], one for every move
    switch: np.ndarray  # [n], of the final switch-off
    throughput: np.ndarray  # [n]
    start: int

    def cost(self, path: np.ndarray) -> float:
        """Cost of a path of states, final switch-off included."""
        n, at, total = self.switch.size, self.start + self.switch.size, 0.0
        for costs, metric, state in zip(self.costs, self.metric, path, strict=True):
            total += metric[at, state] + (costs[state] if state < n else 0)
            at = state
        return total + (self.switch[at] if at < n else 0)

    def work(self, path: np.ndarray) -> float:
        n = self.switch.size
        return float(sum(self.throughput[s] for s in path if s < n))

    def spend(self, decisions: np.ndarray) -> float:
        """Cost of distributions over states ``[T, 2n]``, moved by exact transport."""
        n = self.switch.size
        before, total = np.eye(2 * n)[self.start + n], 0.0
        for costs, metric, now in zip(self.costs, self.metric, decisions, strict=True):
            total += costs @ now[:n] + w1(now, before, metric)
            before = now
        return float(total + self.switch @ before[:n])


class Flow(NamedTuple):
    """One transport plan a slot, ``[T, 2n, 2n]`` flattened, as a flow of one unit."""

    cost: np.ndarray
    conserve: sparse.csr_matrix
    supply: np.ndarray
    works: np.ndarray  # of every arc


def flow_program(job: Job) -> Flow:
    """The flow of a job through its states, slot by slot, the final switch-off included."""
    horizon, n = job.costs.shape
    m = 2 * n
    cost = job.metric + np.concatenate([job.costs, np.zeros((horizon, n))], axis=1)[:, None]
    cost[-1] += np.append(job.switch, np.zeros(n))
    leaves = sparse.kron(sparse.eye(m), np.ones((1, m)))
    arrives = sparse.kron(np.ones((1, m)), sparse.eye(m))
    # Mass that leaves a state in slot t arrived there in slot t - 1, or started there.
    blocks = sparse.kron(sparse.eye(horizon), leaves)
    blocks -= sparse.kron(sparse.eye(horizon, k=-1), arrives)
    right = np.zeros(horizon * m)
    right[job.start + n] = 1
    works = np.tile(np.append(job.throughput, np.zeros(n)), horizon * m)
    return Flow(cost.ravel(), sparse.csr_matrix(blocks), right, works)


def linear_optimum(job: Job) -> float:
    """The offline linear program with one transport plan a slot (HiGHS)."""
    flow = flow_program(job)
    unit = float(flow.cost.max())
    works = sparse.csr_matrix(flow.works[None])
    return _highs(flow.cost / unit, flow.conserve, flow.supply, works, np.ones(1)) * unit


def largest_flow(job: Job, *, integral: bool) -> float:
    """Largest cost of a flow that does exactly the work, of paths or of mixes of them (HiGHS)."""
    flow = flow_program(job)
    unit = float(flow.cost.max())
    rows = sparse.vstack([flow.conserve, sparse.csr_matrix(flow.works[None])])
    right = np.append(flow.supply, 1.0)
    answer = milp(
        -flow.cost / unit,
        constraints=LinearConstraint(rows, right, right),
        integrality=np.full(flow.cost.size, int(integral)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-12},
    )
    if not answer.success:
        raise RuntimeError(answer.message)
    return -answer.fun * unit


def whole_slots_path(job: Job, slots: int) -> np.ndarray | None:
    """Cheapest path that is ON in exactly ``slots`` slots, by a search over (state, slots done)."""
    n = job.switch.size
    reached: dict[tuple[int, int], tuple[float, tuple[int, ...]]]
    reached = {(job.start + n, 0): (0.0, ())}
    for costs, metric in zip(job.costs, job.metric, strict=True):
        following: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
        for (state, done), (spent, path) in reached.items():
            for target in range(2 * n):
                on = target < n
                key = (target, done + on)
                total = spent + metric[state, target] + (costs[target] if on else 0)
                if key[1] <= slots and total < following.get(key, (np.inf,))[0]:
                    following[key] = (total, (*path, target))
        reached = following
    ends = [path for (_, done), (_, path) in reached.items() if done == slots]
    return np.array(min(ends, key=lambda p: job.cost(np.array(p)))) if ends else None


def whole_slots_optimum(job: Job, slots: int) -> float:
    """Cost of the cheapest path that is ON in exactly ``slots`` slots, or infinity."""
    path = whole_slots_path(job, slots)
    return np.inf if path is None else job.cost(path)
