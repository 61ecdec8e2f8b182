"""What is left of a shared capacity, and reservations by which every admitted job can finish.

A job may run in any region in any hour, so whether jobs can finish depends on the hours alone: it
is a flow from jobs through hours, at most one hour of work a job and hour, at most the capacity of
all regions an hour. Work is counted in whole steps, ``STEPS`` an hour: sums of it are exact.
No JAX.
"""

from __future__ import annotations

import numpy as np

STEPS = 2**14
"""Steps of an hour of work. A flow has 32 bits: 131,000 hours of work at once."""


def in_steps(amount: np.ndarray) -> np.ndarray:
    """Amounts of hours in whole steps, rounded down, int64."""
    return np.floor(np.asarray(amount, float) * STEPS + 1e-6).astype(np.int64)


def most_work(
    capacity: np.ndarray, arrival: np.ndarray, deadline: np.ndarray, length: np.ndarray
) -> int:
    """Most work of all jobs that fits between arrivals and deadlines, in steps.

    Args:
      capacity: ``[hours, n]``.
      arrival: ``[m]``.
      deadline: hours from the arrival, ``[m]``.
      length: hours of work, ``[m]``.
    """
    hours = np.arange(len(capacity))
    open_ = (hours >= arrival[:, None]) & (hours < (arrival + deadline)[:, None])
    room = in_steps(capacity).sum(axis=1)
    return int(flow(STEPS * np.asarray(length, np.int64), open_, room).sum())


def flow(work: np.ndarray, open_: np.ndarray, room: np.ndarray) -> np.ndarray:
    """A largest flow of work into hours, int64 ``[m, hours]``; every number in steps.

    Args:
      work: of the jobs, ``[m]``.
      open_: whether a job may run in an hour, bool ``[m, hours]``.
      room: of the hours, ``[hours]``.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import maximum_flow

    jobs, hours = open_.shape
    job, hour = np.nonzero(open_)
    sink = 1 + jobs + hours
    # Nobody needs more of an hour than one step count a job.
    room = np.minimum(room, STEPS * jobs)
    tails = np.concatenate([np.zeros(jobs, int), 1 + job, 1 + jobs + np.arange(hours)])
    heads = np.concatenate([1 + np.arange(jobs), 1 + jobs + hour, np.full(hours, sink)])
    sizes = np.concatenate([work, np.full(len(job), STEPS), room]).astype(np.int32)
    network = coo_array((sizes, (tails, heads)), shape=(sink + 1, sink + 1)).tocsr()
    flows = maximum_flow(network, 0, sink).flow.toarray()
    return flows[1 : 1 + jobs, 1 + jobs : sink].astype(np.int64)


class Room:
    """Capacity that is left, hour by hour; every number in steps.

    Of every admitted job so much work is reserved in the hours to come as it has left, so that all
    of them can finish whatever they do now.

    Args:
      capacity: ``[hours, n]``, in jobs.
      jobs: how many there may be.

    Attributes:
      left: of every hour and region, int64 ``[hours, n]``.
      reserved: work of every job in the hours to come, int64 ``[jobs, hours]``.
    """

    def __init__(self, capacity: np.ndarray, jobs: int):
        self.left = in_steps(capacity)
        self.reserved = np.zeros((jobs, len(capacity)), np.int64)
        self._open = np.zeros((jobs, len(capacity)), bool)

    def admit(self, job: int, now: int, end: int, work: int) -> bool:
        """Reserves a job's work from ``now`` on and before ``end``, if all others keep theirs."""
        self._open[job, now:end] = True
        demand = self.reserved[:, now:].sum(axis=1)
        demand[job] = work
        flows = flow(demand, self._open[:, now:], self.left[now:].sum(axis=1))
        if flows.sum() < demand.sum():
            self._open[job] = False
            return False
        self.reserved[:, now:] = flows
        return True

    def bounds(self, job: int, hour: int) -> tuple[int, int]:
        """Least and most work that the job may do in this hour."""
        later = self._later_room(job, hour)
        now, owed = int(self.reserved[job, hour]), int(self.reserved[job, hour:].sum())
        spare = int(self.left[hour].sum() - self.reserved[:, hour].sum())
        return max(now - int(later.sum()), 0), min(STEPS, owed, now + spare)

    def use(self, job: int, hour: int, placed: np.ndarray) -> None:
        """The job runs here: ``placed [n]``, within :meth:`bounds` and ``left``."""
        work, mine = int(placed.sum()), self.reserved[job]
        change = work - int(mine[hour])
        later = self._later_room(job, hour)
        mine[hour] = 0
        self.left[hour] -= placed
        if change > 0:  # What was done early is reserved no longer, the nearest hours first.
            mine[hour + 1 :] -= _filled(mine[hour + 1 :], change)
        elif change < 0:  # What was not done is put off as far as it can be.
            mine[hour + 1 :] += _filled(later[::-1], -change)[::-1]

    def _later_room(self, job: int, hour: int) -> np.ndarray:
        """How much more work of a job every later hour could take."""
        rest = slice(hour + 1, None)
        spare = self.left[rest].sum(axis=1) - self.reserved[:, rest].sum(axis=0)
        mine = np.where(self._open[job, rest], STEPS - self.reserved[job, rest], 0)
        return np.minimum(mine, spare)


def _filled(sizes: np.ndarray, amount: int) -> np.ndarray:
    """An amount put into vessels of these sizes one after the other."""
    before = np.cumsum(sizes) - sizes
    return np.clip(amount - before, 0, sizes)
