"""CVXPY's side of the allocation benchmark, and whether both sides agree.

CVXPY decides every slot from the state that our learner is in, so that both sides solve the same
problems, and the distance of our decision from its optimum is known in every slot. (On its own,
interior-point noise of 1e-6 soon leaves ST-CLIP's exactly tight budgets without a solution.)
"""

from __future__ import annotations

from typing import NamedTuple

import harness
from allocation_ours import EPSILON, Revealed
from reference_cvxpy import Reference
from reference_job import Job, Outcome

# Clarabel stops at a relative gap of 1e-8 of its own scaling; next to a tight constraint, and where
# the optimum is small beside `U c`, that is a few 1e-6.
_TOLERANCE = 1e-5


class Theirs:
    """CVXPY deciding one job after the other with one algorithm.

    Attributes:
      seconds: time of every job, ...
      solver: ... the part of it that Clarabel itself reports, ...
      programs: ... how many programs were solved, ...
      outcomes: ... and what came of it; one entry a job each.
      reference: who decides.
    """

    def __init__(self, name: str, revealed: Revealed, *, rebuild: bool):
        job = revealed.jobs[0]
        self.reference = Reference(job.points, len(job.costs), rebuild=rebuild)
        self._name, self._revealed = name, revealed
        self._decide(0)  # compiles the problems that are compiled once
        self.seconds: list[float] = []
        self.solver: list[float] = []
        self.programs: list[int] = []
        self.outcomes: list[Outcome] = []

    def next(self) -> None:
        """Decides the next job."""
        index, reference = len(self.outcomes), self.reference
        solver, programs = reference.solver_seconds, reference.solves
        self.seconds.append(harness.seconds_of(lambda: self.outcomes.append(self._decide(index))))
        self.solver.append(reference.solver_seconds - solver)
        self.programs.append(reference.solves - programs)

    def _decide(self, index: int) -> Outcome:
        job = self._revealed.jobs[index]
        if self._name == "OPT":
            return Outcome(self.reference.offline(job), [], [])
        decisions = self._revealed.decisions[self._name][index]
        if self._name == "PCM":
            return self.reference.pcm(job, decisions)
        return self.reference.st_clip(job, EPSILON, decisions)


class Agreement(NamedTuple):
    """One job on both sides.

    Attributes:
      ours: our cost, or optimal value.
      theirs: cost of the same decisions in the reference's ledger, or its optimal value.
      low: least objective of our decisions beyond the optimum that CVXPY finds from the same
        state, over the slots, in ``U c``; for the optimum, of the whole job.
      high: largest one.
      excess: most that a decision of ours exceeds ST-CLIP's budget, in ``U c``.
    """

    ours: float
    theirs: float
    low: float
    high: float
    excess: float

    @classmethod
    def of(cls, cost: float, outcome: Outcome, job: Job) -> Agreement:
        """Our cost beside what CVXPY found."""
        gaps = outcome.gaps or [(cost - outcome.cost) / job.unit]
        excess = max(outcome.excess, default=0.0)
        return cls(cost, outcome.cost, min(gaps), max(gaps), excess)

    @property
    def difference(self) -> float:
        """Relative difference of our cost from theirs."""
        return (self.ours - self.theirs) / abs(self.theirs)

    @property
    def holds(self) -> bool:
        """Whether our decisions are optimal in every slot and cost what we say."""
        errors = (abs(self.difference), -self.low, self.high, self.excess)
        return all(error < _TOLERANCE for error in errors)
