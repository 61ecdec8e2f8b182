"""Jobs that arrive over time and share capacity: learners at posted prices, behind an admission.

When a job arrives it is admitted if all jobs that are there can still finish. Capacity has a
*posted price* by hour and region, which grows with the load ``l`` that the jobs before it plan for
that hour and region, of the capacity ``K`` there::

    lambda_h(u) = (U - L) (steepness^(l / K) - 1) / (steepness - 1)

The learner, unchanged, plays the job alone at the costs ``f + lambda``. What it decides is a wish:
in every hour the jobs are served in the order of their arrival, and a job runs as its learner
wishes as far as there is room, and more or less where reserved work demands it. What it could not
do it makes up for. So capacity is never exceeded, and an admitted job always finishes. Where room
is left for every wish, each job does what its learner decides, up to whole steps of work (16,384
an hour, so that sums of it are exact).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.allocation.optima import linear_optimum
from jaxsoco.allocation.planning.playing import learner_schedule
from jaxsoco.allocation.sharing.crew import Crew
from jaxsoco.allocation.sharing.network import SharedJobs, SharedNetwork, check_shared
from jaxsoco.allocation.spec import Spec
from jaxsoco.allocation.theory.metric import StateMetric, movement
from jaxsoco.core import random
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.compiler import jit
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.protocol import Algorithm, PyTree

_APART = 1.01
"""Where prices leave no room for a move, ``U`` is this multiple of ``L + D + 2 tau``."""


@dataclass(frozen=True, eq=False)
class SharedRun:
    """What became of jobs that share capacity; slots count from a job's arrival.

    Attributes:
      admitted: whether a job was taken, bool ``[m]``; of the others all below is 0.
      states: shares of every job in the states ON and OFF of every slot, ``[m, T, 2n]``.
      load: jobs that run in every hour and region, ``[hours, n]``.
      posted: prices of capacity that a job's learner met, ``[m, hours, n]`` (g for a job-hour).
      service: cost of the work, ``[m]`` (g).
      move: of moving between regions.
      switch: of suspending and resuming, the final switch-off included.
    """

    admitted: np.ndarray
    states: np.ndarray
    load: np.ndarray
    posted: np.ndarray
    service: np.ndarray
    move: np.ndarray
    switch: np.ndarray

    @property
    def total(self) -> float:
        """Cost of all jobs together, without posted prices (g)."""
        return float(np.sum(self.service + self.move + self.switch))


@own_rules
def share_capacity(
    network: SharedNetwork,
    jobs: SharedJobs,
    algorithm: Algorithm,
    params: PyTree,
    key: jax.Array,
    *,
    forecast: np.ndarray | None = None,
    steepness: float = 50.0,
) -> SharedRun:
    """Runs jobs as they arrive, each by the learner, within the capacity.

    >>> from jaxsoco.allocation import SharedJobs, SharedNetwork, share_capacity
    >>> costs, capacity = np.array([[9.0, 1.0], [9.0, 2.0]]), np.ones((2, 2))
    >>> network = SharedNetwork(costs, 0.5 * (1 - np.eye(2)), np.zeros(2), capacity)
    >>> zeros = np.zeros(2, int)
    >>> jobs = SharedJobs(arrival=zeros, deadline=zeros + 2, length=zeros + 1, start=zeros + 1)
    >>> run = share_capacity(network, jobs, *jaxsoco.learner("allocation/delayed_greedy"), key)
    >>> run.load[:, 1].tolist(), round(run.total, 2)
    ([1.0, 1.0], 3.0)

    Args:
      network: hours and regions.
      jobs: in the order of their arrival.
      algorithm: the learner of every job.
      params: its parameters.
      key: a JAX key; job ``i`` has the key of seed ``i`` under it.
      forecast: of the costs, ``[hours, n]``, which advice and posted prices come from; the costs
        themselves if None.
      steepness: of the posted prices in the load, above 1.

    Raises:
      TypeError: ``key`` is no JAX key.
      InputError: values that make no sense, or less capacity than the jobs need.
    """
    words, jobs = random.key_words(key), check_shared(network, jobs)
    expected = np.asarray(network.costs if forecast is None else forecast, float)
    if expected.shape != np.shape(network.costs):
        message = f"has the shape {list(expected.shape)}"
        raise InputError(Issue("forecast", message, f"want {list(np.shape(network.costs))}"))
    if not steepness > 1:
        raise InputError(Issue("steepness", f"{steepness:g} is too small", "want a number > 1"))
    count, (hours, n) = len(jobs.length), network.costs.shape
    slots = int(np.max(jobs.deadline))
    crew = Crew(network, jobs)
    posted, planned = np.zeros((count, hours, n)), np.zeros((hours, n))
    for hour in range(hours):
        for job in np.flatnonzero(jobs.arrival == hour):
            if not crew.admit(int(job)):
                continue
            price = _posted(network, planned, steepness)
            posted[job] = price
            alone = _Alone(network, jobs, int(job), price, expected, slots)
            spec, ahead = alone.spec(), jnp.asarray(alone.window(expected + price))
            wish = learner_schedule(
                "", algorithm, params, spec, ahead, random.run_key(words, jnp.int32(job))
            )
            crew.wish(int(job), wish.on, wish.off)
            planned[alone.hours] += np.asarray(_planned(spec, ahead))[: len(alone.hours)]
        crew.serve(hour)
    return _settled(network, jobs, crew, posted)


def _posted(network: SharedNetwork, planned: np.ndarray, steepness: float) -> np.ndarray:
    """The posted price of every hour and region; where there is no capacity, the highest."""
    spread = float(np.max(network.costs) - np.min(network.costs))
    capacity = network.capacity
    load = np.minimum(planned / np.where(capacity > 0, capacity, 1), 2.0)
    load = np.where(capacity > 0, load, 2.0)
    return spread * (steepness**load - 1) / (steepness - 1)


class _Alone(NamedTuple):
    """One job, alone at posted prices."""

    network: SharedNetwork
    jobs: SharedJobs
    job: int
    price: np.ndarray
    expected: np.ndarray
    slots: int

    @property
    def hours(self) -> np.ndarray:
        """The job's hours."""
        arrival = int(self.jobs.arrival[self.job])
        return np.arange(arrival, arrival + int(self.jobs.deadline[self.job]))

    def window(self, values: np.ndarray) -> np.ndarray:
        """Rows of the job's hours, and the last one again up to ``slots``, ``[slots, n]``."""
        rows = int(self.jobs.arrival[self.job]) + np.arange(self.slots)
        return values[np.minimum(rows, self.hours[-1])]

    def spec(self) -> Spec:
        """The job as a learner knows it."""
        _, deadline, length, start = (int(part[self.job]) for part in self.jobs)
        costs = self.window(self.network.costs + self.price)
        low, high = length * costs.min(), length * costs.max()
        moves = float(np.max(self.network.distance) + 2 * np.max(self.network.switch))
        high = max(high, _APART * (low + length * moves))
        return Spec(
            trace=jnp.asarray(costs, float),
            power=jnp.asarray(1.0, float),
            hour=jnp.int32(0),
            distance=jnp.asarray(self.network.distance, float),
            switch=jnp.asarray(self.network.switch, float),
            start=jnp.int32(start),
            deadline=jnp.int32(deadline),
            length=jnp.int32(length),
            lower=jnp.asarray(low, float),
            upper=jnp.asarray(high, float),
            forecast_noise=jnp.asarray(0.0, float),
            slots=self.slots,
            max_length=int(np.max(self.jobs.length)),
        )


def _plan_load(spec: Spec, costs: jax.Array) -> jax.Array:
    """How much the linear optimum of a job runs in its slots, ``[T, n]``."""
    best = linear_optimum(spec, costs)
    n, slots = spec.points, jnp.arange(spec.slots)
    load = jnp.zeros((spec.slots, n), costs.dtype)
    for path, weight in ((best.low_path, 1 - best.weight), (best.high_path, best.weight)):
        load = load.at[slots, path % n].add(jnp.where(path < n, weight, 0))
    return load


_planned = jit(_plan_load)


def _settled(network: SharedNetwork, jobs: SharedJobs, crew: Crew, posted: np.ndarray) -> SharedRun:
    """Charges what was really done."""
    count, (hours, n) = len(jobs.length), network.costs.shape
    slots = crew.states.shape[1]
    number = np.arange(slots)
    within = (number < jobs.deadline[:, None]) & crew.admitted[:, None]
    rows = np.minimum(jobs.arrival[:, None] + number, hours - 1)
    on = crew.states[..., :n] * within[..., None]
    load = np.zeros((hours, n))
    np.add.at(load, rows, on)
    service = np.sum(on * network.costs[rows], axis=(1, 2))
    start = np.zeros((count, 1, 2 * n))
    start[np.arange(count), 0, n + jobs.start] = 1
    before = np.concatenate([start, crew.states[:, :-1]], axis=1)
    lanes = [np.moveaxis(part, -1, 0).reshape(2 * n, -1) for part in (crew.states, before)]
    metric = StateMetric(jnp.asarray(network.distance, float), jnp.asarray(network.switch, float))
    parts = _movement(*(jnp.asarray(part, float) for part in lanes), metric)
    # What was never there did not move.
    move, switch = (np.where(within, np.asarray(x).reshape(count, slots), 0) for x in parts)
    last = jobs.deadline - 1
    final = on[np.arange(count), last] @ network.switch
    return SharedRun(
        crew.admitted,
        crew.states * within[..., None],
        load,
        posted,
        service,
        move.sum(axis=1),
        switch.sum(axis=1) + final,
    )


_movement = jit(lambda after, before, metric: movement(after, before, metric.with_lanes(1)))
