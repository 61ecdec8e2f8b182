"""A straightforward per-slot implementation of PCM, ST-CLIP and the offline optimum in CVXPY.

Written from the paper (arXiv 2408.07831) as one would write a research script: one convex program
a slot, solved by Clarabel, with the bookkeeping in NumPy. It imports nothing of the library, and
serves as the other side of a benchmark and as an oracle. Costs enter the programs in units of
``U c``.
"""

from __future__ import annotations

import math
from typing import Any

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
from reference_programs import Program, clip_step, forced_step, offline, price_step

# Interior points leave mass of about 1e-9 everywhere; it is swept away after every slot.
_DUST = 1e-7


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
            "least": scalar,
        }
        whole = {
            "costs": ((slots, n), True),
            "distance": ((n * n,), True),
            "switch": per_point,
            "start": per_point,
            "throughput": scalar,
        }
        self.price = Program(price_step, price, rebuild)
        self.forced = Program(forced_step, {**slot, "work": scalar}, rebuild)
        self.clip = Program(clip_step, clip, rebuild)
        self.whole = Program(offline, whole, rebuild)
        self.fallbacks = 0

    @property
    def programs(self) -> tuple[Program, ...]:
        """All programs."""
        return self.price, self.forced, self.clip, self.whole

    @property
    def troubles(self) -> np.ndarray:
        """Programs short of full accuracy, called again, and without a solution, ``[3]``."""
        counts = [(p.inaccurate, p.retries) for p in self.programs]
        return np.append(np.sum(counts, axis=0), self.fallbacks)

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
            # Mandatory is what the slots left cannot do; it goes by the true distance.
            least, inner = run.least(slot), job.tree
            if least > DONE:
                inner = job.distance
            done, spent = run.done, run.cost
            answer = self._clipped(run, slot, price, advice, (robust, least, inner))
            if answer is None:  # by rounding, not even the advice seems to fit: follow it
                self.fallbacks += 1
                answer = math.nan, advice.followed(1 - done, least)
            value, decision = answer
            free = job.work(decision)
            if advice.excess(slot, decision, run.previous, done, spent) > -DONE * job.unit:
                free = job.work(self._at_price(run, slot, price, robust)[1])
            taken = run.take(slot, decision)
            work = job.work(taken)
            objective = job.charge(slot, taken, run.before, inner)
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

    def _clipped(self, run: Run, slot: int, price: Price, advice: Advice, state: tuple):
        robust, least, inner = state
        job, n = run.job, run.job.points
        to_advice = advice.column / job.unit
        answer = self.clip.solve(
            **self._slot(run, slot, inner),
            least=least,
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
        raise RuntimeError("Clarabel finds no solution of a feasible program")
    value, found = answer
    decision = np.concatenate([found["on"], found["off"]])
    decision = np.where(decision > _DUST, decision, 0)
    return value, decision / decision.sum()
