"""Degenerate worlds: no NaN anywhere, the job is done, and the optima are still optima."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from jaxsoco import registry
from jaxsoco.testing.cases import Case, Judge, Learner
from jaxsoco.testing.rollouts import Record, judged, objective, roll, rolled
from jaxsoco.testing.verdicts import require

ROUNDING = 1e-9
"""Of the optimum: sums of some tens of numbers in float64, and the tolerance of full work."""


def check_world(
    case: Case, settings: Any, learners: Iterable[Learner], judges: Iterable[Judge]
) -> dict[str, int]:
    """No NaN, no faults, no negative cost; nothing left undone; no learner below a bound.

    Args:
      case: the problem.
      settings: of the world (the case's own if None).
      learners: those that play in it.
      judges: comparators; those of ``case.order`` and ``case.bounds`` that are not among them are
        left out.

    Returns:
      How many learners every comparator of ``case.bounds`` was compared with.
    """
    optima = {judge.entry.name: _optimum(judge, settings) for judge in judges}
    for low, high in case.order:
        if low in optima and high in optima:
            ordered = optima[low] <= optima[high] * (1 + ROUNDING)
            message = f"{case.family}/{low} is above {high} in {np.sum(~ordered)} runs"
            require(np.all(ordered), message)
    bounds = [name for name in case.bounds if name in optima]
    compared = dict.fromkeys(bounds, 0)
    for learner in learners:
        record = (
            rolled(learner, "vmap")
            if settings is None
            else roll(learner, "vmap", settings=settings)
        )
        _require_sound(learner, record)
        if learner.entry.name in case.unsafe:
            continue
        _require_complete(learner, record)
        totals = {name: cost[-1] for name, cost in record.totals().items()}
        for name in bounds:
            if case.bounds[name](record.stacked("actions")):
                compared[name] += 1
                # Costs are quadratic in the rounding of a place: an optimum of 0 is found as that.
                least = optima[name] * (1 - ROUNDING) - ROUNDING**2
                below = objective(case, totals) < least
                message = f"{learner.id} costs less than {name} in {np.sum(below)} runs"
                require(not below.any(), message)
    return compared


def _optimum(judge: Judge, settings: Any) -> np.ndarray:
    costs, faults = judged(judge, "native", settings=settings)
    for name, cost in costs.items():
        require(np.isfinite(cost).all(), f"{judge.id}: cost {name} is not finite")
    require(not faults.any(), f"{judge.id}: {faults.sum()} kernel calls did not converge")
    return objective(judge.case, costs)


def _require_sound(learner: Learner, record: Record) -> None:
    for name in ("observations", "actions", "costs"):
        for leaf in jax.tree.leaves(getattr(record, name)):
            require(np.isfinite(leaf).all(), f"{learner.id}: its {name} are not all finite")
    for leaf in jax.tree.leaves(record.states):
        require(not np.isnan(leaf).any(), f"{learner.id}: a state holds NaN")
    faults = np.asarray(learner.algorithm.fault_count(record.states[-1]))
    require(not faults.any(), f"{learner.id}: {faults.sum()} kernel calls did not converge")
    for cost in jax.tree.leaves(record.costs):
        require(np.all(cost >= 0), f"{learner.case.problem}: a cost is negative")


def _require_complete(learner: Learner, record: Record) -> None:
    """What is missing or violated is 0."""
    case = learner.case
    costs = registry.family(case.family).costs
    other = [c.name for c in costs if not c.objective and c.name not in case.ledger]
    for name in other:
        missed = record.totals()[name][-1].max()
        require(missed <= ROUNDING, f"{learner.id}: {name}: expected 0, got {missed}")
