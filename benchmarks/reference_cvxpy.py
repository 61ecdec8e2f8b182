"""A straightforward per-slot implementation of PCM, ST-CLIP and the offline optimum in CVXPY.

Written from the paper (arXiv 2408.07831) as one would write a research script: one convex program
a slot, solved by Clarabel, with the bookkeeping in NumPy. It imports nothing of the library, and
serves as the other side of a benchmark and as an oracle. Costs enter the programs in units of
``U c``.

Distances between distributions over states are written as transport between the ``n`` points
plus the change of OFF mass (equal where the distance is a metric): a plan over all ``2n`` states
takes Clarabel three times as long.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import cvxpy as cp
import numpy as np
from reference_job import (
    DONE,
    Advice,
    Job,
    Outcome,
    Price,
    Run,
    competitive_ratio,
    robustness,
)

# Interior points leave mass of about 1e-9 everywhere; it is swept away after every slot.
_DUST = 1e-7

# Clarabel gives up on a few programs whose constraint leaves next to no room.
_ATTEMPTS: tuple[dict[str, Any], ...] = (
    {},
    {"max_step_fraction": 0.9},
    {"max_step_fraction": 0.7, "max_iter": 500},
)


@dataclass
class Program:
    """A convex program that is solved again and again with other numbers.

    Attributes:
      write: makes ``(problem, variables)`` from named values, which are parameters or arrays.
      shapes: shape of every value, and whether it is non-negative.
      rebuild: write the problem anew for every solve (as published code does) instead of once.
      solves: how often it was solved.
      solver_seconds: what Clarabel itself reported for these solves.
      inaccurate: how many of them ended short of full accuracy.
      retries: how often Clarabel gave up and was called again with shorter steps.
    """

    write: Callable[[Any], tuple[cp.Problem, dict[str, cp.Variable]]]
    shapes: Mapping[str, tuple[tuple[int, ...], bool]]
    rebuild: bool
    solves: int = 0
    solver_seconds: float = 0.0
    inaccurate: int = 0
    retries: int = 0
    _compiled: Any = field(default=None, repr=False)

    def solve(self, **values: Any) -> tuple[float, dict[str, np.ndarray]] | None:
        """Optimal value (NaN if not to full accuracy) and variables; None if infeasible."""
        problem, variables = self._rebuilt(values) if self.rebuild else self._refilled(values)
        self._run(problem)
        self.solves += 1
        self.solver_seconds += problem.solver_stats.solve_time  # type: ignore[union-attr]
        if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
            return None
        accurate = problem.status == cp.OPTIMAL
        self.inaccurate += not accurate
        found = {name: np.asarray(x.value) for name, x in variables.items()}
        return float(problem.value) if accurate else math.nan, found  # type: ignore[arg-type]

    def _run(self, problem: cp.Problem) -> None:
        for options in _ATTEMPTS:
            with warnings.catch_warnings(), contextlib.suppress(cp.SolverError):
                warnings.filterwarnings("ignore", "Solution may be inaccurate")
                problem.solve(solver=cp.CLARABEL, enforce_dpp=not self.rebuild, **options)
                return
            self.retries += 1
        raise RuntimeError(f"Clarabel gave up {len(_ATTEMPTS)} times")

    def _rebuilt(self, values):
        return self.write(SimpleNamespace(**values))

    def _refilled(self, values):
        if self._compiled is None:
            parameters = {
                name: cp.Parameter(shape, nonneg=nonneg)
                for name, (shape, nonneg) in self.shapes.items()
            }
            self._compiled = parameters, self.write(SimpleNamespace(**parameters))
        parameters, program = self._compiled
        for name, value in values.items():
            parameters[name].value = value
        return program


class _Slot:
    """Variables of one slot: the decision, and what its service and switches cost."""

    def __init__(self, v: Any):
        n = v.costs.shape[0]
        self.on, self.off = cp.Variable(n, nonneg=True), cp.Variable(n, nonneg=True)
        swing = cp.Variable(n)
        self._left = v.previous_on + v.previous_off
        change = self.off - v.previous_off
        self.constraints = [swing >= change, swing >= -change]
        self.plain = v.costs @ self.on + v.switch @ swing
        self.variables = {"on": self.on, "off": self.off}

    def moved(self, distance: Any) -> cp.Expression:
        """Cost of a transport plan from the last marginal over points to the new one."""
        n = self.on.shape[0]
        plan = cp.Variable((n, n), nonneg=True)
        self.constraints.append(cp.sum(plan, axis=1) == self._left)
        self.constraints.append(cp.sum(plan, axis=0) == self.on + self.off)
        return cp.sum(cp.multiply(distance, plan))


def _priced(v: Any) -> tuple[_Slot, cp.Expression, cp.Variable]:
    """The step at the pseudo-cost's price: slot, objective, work."""
    slot = _Slot(v)
    work, exponent = cp.Variable(), cp.Variable()
    slot.constraints.append(work == v.throughput * cp.sum(slot.on))
    slot.constraints.append(work <= v.room)
    slot.constraints.append(exponent == v.inverse * work)
    reward = v.slope * work - v.growth * (cp.exp(exponent) - 1)
    return slot, slot.plain + slot.moved(v.inner) - reward, work


def _price_step(v: Any):
    slot, objective, _ = _priced(v)
    return cp.Problem(cp.Minimize(objective), slot.constraints), slot.variables


def _forced_step(v: Any):
    slot = _Slot(v)
    slot.constraints.append(v.throughput * cp.sum(slot.on) == v.work)
    objective = slot.plain + slot.moved(v.inner)
    return cp.Problem(cp.Minimize(objective), slot.constraints), slot.variables


def _clip_step(v: Any):
    slot, objective, work = _priced(v)
    behind = cp.Variable(nonneg=True)
    to_advice = v.on_to_advice @ slot.on + v.off_to_advice @ slot.off
    spends = slot.plain + slot.moved(v.distance) + to_advice
    slot.constraints.append(behind >= v.lead - work)
    slot.constraints.append(spends - v.lower * work + v.spread * behind <= v.allowed)
    return cp.Problem(cp.Minimize(objective), slot.constraints), slot.variables


def _offline(v: Any):
    slots, n = v.costs.shape
    on, off = cp.Variable((slots, n), nonneg=True), cp.Variable((slots, n), nonneg=True)
    plans, swing = cp.Variable((slots, n * n), nonneg=True), cp.Variable((slots, n))
    leaving, arriving = np.kron(np.eye(n), np.ones((n, 1))), np.kron(np.ones((n, 1)), np.eye(n))
    start = cp.reshape(v.start, (1, n), order="C")
    before_off = cp.vstack([start, off[:-1]])
    before = cp.vstack([start, on[:-1] + off[:-1]])
    constraints = [
        plans @ leaving == before,
        plans @ arriving == on + off,
        swing >= off - before_off,
        swing >= before_off - off,
        v.throughput * cp.sum(on) >= 1,
    ]
    service = cp.sum(cp.multiply(v.costs, on))
    moves = cp.sum(plans @ v.distance) + cp.sum(swing @ v.switch) + on[-1] @ v.switch
    return cp.Problem(cp.Minimize(service + moves), constraints), {"on": on, "off": off}


class Reference:
    """PCM, ST-CLIP and the offline optimum for jobs of ``points`` points and ``slots`` slots.

    Args:
      points: ``n``.
      slots: ``T``.
      rebuild: write every program anew for every solve instead of once (disciplined
        parametrised programming).
    """

    def __init__(self, points: int, slots: int, *, rebuild: bool = False):
        n = points
        per_point, scalar = ((n,), True), ((), True)
        signed = ((), False)
        slot = {
            "costs": per_point,
            "switch": per_point,
            "previous_on": per_point,
            "previous_off": per_point,
            "throughput": scalar,
            "inner": ((n, n), True),
        }
        price = {**slot, "room": scalar, "slope": signed, "growth": scalar, "inverse": scalar}
        clip = {
            **price,
            "distance": ((n, n), True),
            "on_to_advice": per_point,
            "off_to_advice": per_point,
            "lead": signed,
            "lower": scalar,
            "spread": scalar,
            "allowed": signed,
        }
        whole = {
            "costs": ((slots, n), True),
            "distance": ((n * n,), True),
            "switch": per_point,
            "start": per_point,
            "throughput": scalar,
        }
        self.price = Program(_price_step, price, rebuild)
        self.forced = Program(_forced_step, {**slot, "work": scalar}, rebuild)
        self.clip = Program(_clip_step, clip, rebuild)
        self.whole = Program(_offline, whole, rebuild)
        self.fallbacks = 0

    @property
    def programs(self) -> tuple[Program, ...]:
        """All programs."""
        return self.price, self.forced, self.clip, self.whole

    @property
    def solver_seconds(self) -> float:
        """Time inside Clarabel so far, as it reports it."""
        return sum(p.solver_seconds for p in self.programs)

    @property
    def solves(self) -> int:
        """Programs solved so far."""
        return sum(p.solves for p in self.programs)

    def offline(self, job: Job) -> float:
        """Value of the offline linear program."""
        answer = self.whole.solve(
            costs=job.costs / job.unit,
            distance=job.distance.ravel() / job.unit,
            switch=job.switch / job.unit,
            start=np.eye(job.points)[job.start],
            throughput=job.throughput,
        )
        if answer is None:
            raise ValueError("the job cannot be done by its deadline")
        return answer[0] * job.unit

    def pcm(self, job: Job, follow: np.ndarray | None = None) -> Outcome:
        """PCM on one job.

        Args:
          job: the job.
          follow: decisions ``[T, 2n]`` of another implementation. Every slot is then decided anew
            from their states, and the outcome says how far each of them is from the optimum.
        """
        run = Run(job, follow)
        price = Price(job, competitive_ratio(job))
        for slot in range(len(job.costs)):
            if run.rests(slot):
                continue
            if run.must(slot):
                self._force(run, slot, job.tree)
                continue
            value, decision = self._at_price(run, slot, price, run.done)
            taken = run.take(slot, decision)
            objective = job.charge(slot, taken, run.before, job.tree)
            earned = price.integral(run.done - job.work(taken), run.done)
            run.compare(objective - earned, value)
        return run.outcome()

    def st_clip(self, job: Job, epsilon: float, follow: np.ndarray | None = None) -> Outcome:
        """ST-CLIP on one job, with the job's advice; ``follow`` as in :meth:`pcm`."""
        run = Run(job, follow)
        price = Price(job, robustness(job, epsilon))
        advice = Advice(job, epsilon)
        robust = 0.0
        for slot in range(len(job.costs)):
            advice.see(slot)
            if run.rests(slot):
                continue
            if run.must(slot):
                self._force(run, slot, job.distance)
                continue
            done, spent = run.done, run.cost
            answer = self._clipped(run, slot, price, advice, robust)
            if answer is None:  # by rounding, not even the advice fits: follow it
                self.fallbacks += 1
                answer = math.nan, advice.followed(1 - done)
            value, decision = answer
            free = job.work(decision)
            if advice.excess(slot, decision, run.previous, done, spent) > -DONE * job.unit:
                free = job.work(self._at_price(run, slot, price, robust)[1])
            taken = run.take(slot, decision)
            work = job.work(taken)
            objective = job.charge(slot, taken, run.before, job.tree)
            run.compare(objective - price.integral(robust, robust + work), value)
            run.exceed(advice.excess(slot, taken, run.before, done, spent))
            robust += min(free, work)
        return run.outcome()

    def _slot(self, run: Run, slot: int, inner: np.ndarray) -> dict[str, Any]:
        job, n = run.job, run.job.points
        return {
            "costs": job.costs[slot] / job.unit,
            "switch": job.switch / job.unit,
            "previous_on": run.previous[:n],
            "previous_off": run.previous[n:],
            "throughput": job.throughput,
            "inner": inner / job.unit,
        }

    def _at_price(self, run: Run, slot: int, price: Price, start: float):
        values = self._slot(run, slot, run.job.tree)
        return _decided(self.price.solve(**values, **price.terms(start), room=1 - run.done))

    def _force(self, run: Run, slot: int, inner: np.ndarray) -> None:
        """The mandatory phase: as much work as the slot takes, in the cheapest way."""
        job = run.job
        work = min(1 - run.done, job.throughput)
        value, decision = _decided(self.forced.solve(**self._slot(run, slot, inner), work=work))
        taken = run.take(slot, decision)
        run.compare(job.charge(slot, taken, run.before, inner), value)

    def _clipped(self, run: Run, slot: int, price: Price, advice: Advice, robust: float):
        job, n = run.job, run.job.points
        to_advice = advice.column / job.unit
        answer = self.clip.solve(
            **self._slot(run, slot, job.tree),
            **price.terms(robust),
            room=1 - run.done,
            distance=job.distance / job.unit,
            on_to_advice=to_advice[:n],
            off_to_advice=to_advice[n:],
            lead=advice.done - run.done,
            lower=job.lower / job.unit,
            spread=(job.upper - job.lower) / job.unit,
            allowed=advice.allowed(run.done, run.cost) / job.unit,
        )
        return None if answer is None else _decided(answer)


def _decided(answer) -> tuple[float, np.ndarray]:
    """Optimal value, and the decision without the dust of an interior-point method."""
    if answer is None:
        raise RuntimeError("Clarabel calls a feasible program infeasible")
    value, found = answer
    decision = np.concatenate([found["on"], found["off"]])
    decision = np.where(decision > _DUST, decision, 0)
    return value, decision / decision.sum()
