"""CVXPY's side of the allocation benchmark, and whether both sides agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import harness
import numpy as np
from allocation_ours import EPSILON, Revealed
from reference_cvxpy import Reference
from reference_job import Job

# Clarabel stops at a relative gap of 1e-8; next to a tight constraint that is 1e-6 of `U c`.
_GAP = 1e-5
_RELATIVE = 1e-6


class Theirs:
    """CVXPY deciding one job after the other with one algorithm.

    Attributes:
      seconds: time of every job, ...
      solver: ... the part of it that Clarabel itself reports, ...
      programs: ... and how many programs were solved; one entry a job each.
      costs: cost of every job.
      reference: who decides.
    """

    def __init__(self, name: str, jobs: Revealed, *, rebuild: bool):
        first = jobs.jobs[0]
        self._name = name
        self.reference = Reference(first.points, len(first.costs), rebuild=rebuild)
        self._jobs = iter(jobs.jobs)
        self.seconds: list[float] = []
        self.solver: list[float] = []
        self.programs: list[int] = []
        self.costs: list[float] = []

    def warm(self, job: Job) -> None:
        """Compiles the problems that are compiled once."""
        _decide(self.reference, self._name, job)

    def next(self) -> None:
        """Decides the next job."""
        job, reference = next(self._jobs), self.reference
        solver, programs = reference.solver_seconds, reference.solves
        self.seconds.append(
            harness.seconds_of(lambda: self.costs.append(_decide(reference, self._name, job)))
        )
        self.solver.append(reference.solver_seconds - solver)
        self.programs.append(reference.solves - programs)


def _decide(reference: Reference, name: str, job: Job) -> float:
    if name == "PCM":
        return reference.pcm(job).cost
    return reference.st_clip(job, EPSILON).cost if name == "ST-CLIP" else reference.offline(job)


class Agreement(NamedTuple):
    """One job, decided by both sides.

    Attributes:
      ours: our cost.
      theirs: CVXPY's cost on its own trajectory. At ties the two may part ways.
      ledger: cost of *our* decisions in the reference's ledger.
      low: least objective of our decisions beyond the optimum that CVXPY finds from the same
        state, over the slots, in ``U c``.
      high: largest one.
      excess: most that a decision of ours exceeds ST-CLIP's budget, in ``U c``.
    """

    ours: float
    theirs: float
    ledger: float
    low: float = 0.0
    high: float = 0.0
    excess: float = 0.0

    @property
    def difference(self) -> float:
        """Relative difference of our cost from CVXPY's."""
        return (self.ours - self.theirs) / abs(self.theirs)

    @property
    def holds(self) -> bool:
        """Whether our decisions are optimal in every slot and cost what we say."""
        exact = abs(self.ours - self.ledger) <= _RELATIVE * abs(self.ledger)
        return exact and self.low > -_GAP and self.high < _GAP and self.excess < _RELATIVE


def agreements(name: str, jobs: Revealed, ours: np.ndarray, theirs: Theirs) -> Iterator[Agreement]:
    """Every slot of our trajectories decided anew by CVXPY, one job after the other."""
    first = jobs.jobs[0]
    reference = Reference(first.points, len(first.costs))
    for i, job in enumerate(jobs.jobs):
        own, cost = float(ours[i]), theirs.costs[i]
        if name == "OPT":
            yield Agreement(own, cost, cost)
            continue
        decisions = jobs.decisions[name][i]
        if name == "PCM":
            found = reference.pcm(job, decisions)
        else:
            found = reference.st_clip(job, EPSILON, decisions)
        gaps, excess = found.gaps or [0.0], found.excess or [0.0]
        yield Agreement(own, cost, found.cost, min(gaps), max(gaps), max(excess))
