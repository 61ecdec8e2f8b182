"""Admitted jobs as they really run: what their learners wish, as far as there is room. No JAX."""

from __future__ import annotations

import numpy as np

from jaxsoco.allocation.sharing.network import SharedJobs, SharedNetwork
from jaxsoco.allocation.sharing.room import STEPS, Room


class Crew:
    """The admitted jobs as they really run; every amount of work in steps."""

    def __init__(self, network: SharedNetwork, jobs: SharedJobs):
        count, n = len(jobs.length), network.costs.shape[1]
        slots = int(np.max(jobs.deadline))
        self._network, self._jobs = network, jobs
        self.room = Room(network.capacity, count)
        self.admitted = np.zeros(count, bool)
        self.states = np.zeros((count, slots, 2 * n))
        self._left = STEPS * jobs.length.astype(np.int64)
        self._wishes: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def admit(self, job: int) -> bool:
        """Takes a job in the hour of its arrival if it can finish, and all others still can."""
        arrival, deadline = int(self._jobs.arrival[job]), int(self._jobs.deadline[job])
        work = int(self._left[job])
        self.admitted[job] = self.room.admit(job, arrival, arrival + deadline, work)
        return bool(self.admitted[job])

    def wish(self, job: int, on: np.ndarray, off: np.ndarray) -> None:
        """What the job's learner decides, ``[T, n]`` each."""
        self._wishes[job] = on, off

    def serve(self, hour: int) -> None:
        """Runs an hour of every job that is there, in the order of their arrival."""
        for job in self._wishes:
            slot = hour - int(self._jobs.arrival[job])
            if slot < int(self._jobs.deadline[job]):
                self._run(job, hour, slot)

    def _run(self, job: int, hour: int, slot: int) -> None:
        on, off = (part[slot] for part in self._wishes[job])
        length = int(self._jobs.length[job])
        if not self._left[job]:
            before = self.states[job, slot - 1]
            n = len(on)
            self.states[job, slot, n:] = before[:n] + before[n:]
            return
        # What the learner has done by now, and this job has not: the wish of this hour.
        wished = self._wishes[job][0][: slot + 1].sum() * STEPS
        done = length * STEPS - self._left[job]
        least, most = self.room.bounds(job, hour)
        wish = int(np.clip(round(wished - done), least, most))
        places = on if on.sum() > 0 else off
        work = self._place(job, hour, wish, least, places)
        self.room.use(job, hour, work)
        self._left[job] -= work.sum()
        runs = work / STEPS
        # What waits is where the learner has it; of what it wanted to run, where that was.
        waits = np.maximum(on + off - runs, 0)
        waits *= max(1 - runs.sum(), 0) / max(waits.sum(), 1e-300)
        self.states[job, slot] = np.concatenate([runs, waits])

    def _place(self, job: int, hour: int, wish: int, least: int, places: np.ndarray) -> np.ndarray:
        """Steps of work by region, ``[n]``: ``least`` at least, ``wish`` at most."""
        left = self.room.left[hour]
        total = places.sum()
        asked = np.floor(wish * places / total + 1e-6).astype(np.int64)
        # Rounding down loses less than a step a region: the largest share makes it up.
        asked[np.argmax(places)] += wish - asked.sum()
        work = np.minimum(asked, left)
        missing = least - int(work.sum())
        if missing > 0:
            # Work that must be done goes to where it is cheapest, the way there included.
            home = int(np.argmax(places))
            price = self._network.costs[hour] + self._network.distance[home]
            for place in np.argsort(price, kind="stable"):
                more = min(missing, int(left[place] - work[place]))
                work[place] += more
                missing -= more
        return work
