"""The convex programs of PCM, ST-CLIP and the offline optimum, in CVXPY.

A program's values are parameters, so that it is compiled once, or arrays. Distances between
distributions over states are written as transport between the ``n`` points plus the change of OFF
mass (equal where the distance is a metric): with one plan over all ``2n`` states Clarabel takes two
to three times as long.
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
        """Optimal value (NaN if not to full accuracy) and variables; None if none were found."""
        problem, variables = self._rebuilt(values) if self.rebuild else self._refilled(values)
        self.solves += 1
        if not self._run(problem):
            return None
        accurate = problem.status == cp.OPTIMAL
        self.inaccurate += not accurate
        found = {name: np.asarray(x.value) for name, x in variables.items()}
        return float(problem.value) if accurate else math.nan, found  # type: ignore[arg-type]

    def _run(self, problem: cp.Problem) -> bool:
        """Whether Clarabel found a solution."""
        for options in _ATTEMPTS:
            with warnings.catch_warnings(), contextlib.suppress(cp.SolverError):
                warnings.filterwarnings("ignore", "Solution may be inaccurate")
                problem.solve(
                    solver=cp.CLARABEL, enforce_dpp=not self.rebuild, warm_start=False, **options
                )
                self.solver_seconds += problem.solver_stats.solve_time  # type: ignore[union-attr]
                return problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)
            self.retries += 1
        return False

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

    def moved(self, distance: Any) -> Any:
        """Cost of a transport plan from the last marginal over points to the new one."""
        n = self.on.shape[0]
        plan = cp.Variable((n, n), nonneg=True)
        self.constraints.append(cp.sum(plan, axis=1) == self._left)
        self.constraints.append(cp.sum(plan, axis=0) == self.on + self.off)
        return cp.sum(cp.multiply(distance, plan))


def _priced(v: Any) -> tuple[_Slot, Any, cp.Variable]:
    """The step at the pseudo-cost's price: slot, objective, work."""
    slot = _Slot(v)
    work, exponent = cp.Variable(), cp.Variable()
    slot.constraints.append(work == v.throughput * cp.sum(slot.on))
    slot.constraints.append(work <= v.room)
    slot.constraints.append(exponent == v.inverse * work)
    reward = v.slope * work - v.growth * (cp.exp(exponent) - 1)
    return slot, slot.plain + slot.moved(v.inner) - reward, work


def price_step(v: Any):
    """PCM's step, and ST-CLIP's without its constraint."""
    slot, objective, _ = _priced(v)
    return cp.Problem(cp.Minimize(objective), slot.constraints), slot.variables


def forced_step(v: Any):
    """The cheapest way to do a given amount of work."""
    slot = _Slot(v)
    slot.constraints.append(v.throughput * cp.sum(slot.on) == v.work)
    objective = slot.plain + slot.moved(v.inner)
    return cp.Problem(cp.Minimize(objective), slot.constraints), slot.variables


def clip_step(v: Any):
    """ST-CLIP's step: PCM's with the consistency constraint, and a transport in each."""
    slot, objective, work = _priced(v)
    behind = cp.Variable(nonneg=True)
    slot.constraints.append(work >= v.least)
    to_advice = v.on_to_advice @ slot.on + v.off_to_advice @ slot.off
    spends = slot.plain + slot.moved(v.distance) + to_advice
    slot.constraints.append(behind >= v.lead - work)
    slot.constraints.append(spends - v.lower * work + v.spread * behind <= v.allowed)
    return cp.Problem(cp.Minimize(objective), slot.constraints), slot.variables


def offline(v: Any):
    """The whole job at once, with a plan of moves for every slot."""
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
