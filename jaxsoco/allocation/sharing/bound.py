"""The relaxation of shared capacity: its prices by hour and region, and the lower bound.

With ``lambda >= 0`` for capacity, every job is alone at the costs ``f + lambda``, and its linear
optimum is known exactly (:func:`offline_optimum`)::

    D(lambda) = sum_i OPT_i(f + lambda) - sum_{h,u} lambda_h(u) K_h(u)

A supergradient of ``D`` is the load of these optima less the capacity. Prices follow it, with
steps that aim at a level a little above the best value so far (Polyak's steps with a level that is
lowered whenever it is out of reach)::

    lambda <- max(lambda + (level - D(lambda)) g / |g|^2, 0)

``D`` of any prices is a lower bound of whatever respects the capacity; in the limit it is the
linear program's optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.allocation.sharing.network import SharedJobs, SharedNetwork, check_shared
from jaxsoco.allocation.theory.metric import StateMetric
from jaxsoco.allocation.theory.offline import offline_optimum
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.compiler import jit
from jaxsoco_kernels.info import Status

_PATIENCE = 25
"""Steps without a better bound after which the level is lowered."""


@dataclass(frozen=True, eq=False)
class CapacityBound:
    """A lower bound on the cost of all jobs together, and the prices that prove it.

    Attributes:
      value: the bound, ``D(prices)`` (g).
      prices: of capacity, by hour and region, ``[hours, n]`` (g for a job-hour).
      alone: the bound without capacity, ``D(0)``: the jobs' optima, each alone (g).
      load: of the jobs' optima at ``prices``, in jobs that run, ``[hours, n]``.
    """

    value: float
    prices: np.ndarray
    alone: float
    load: np.ndarray


@own_rules
def capacity_bound(
    network: SharedNetwork, jobs: SharedJobs, *, iterations: int = 1500
) -> CapacityBound:
    """A lower bound on what jobs that share capacity cost together.

    In float32 (without ``jax_enable_x64``) it is rounded, by about 1e-6 of itself.

    Two jobs of one hour within two; region 1 is cheap, and has room for one of them at a time:

    >>> from jaxsoco.allocation import SharedJobs, SharedNetwork, capacity_bound
    >>> costs, capacity = np.array([[9.0, 1.0], [9.0, 2.0]]), np.ones((2, 2))
    >>> network = SharedNetwork(costs, 0.5 * (1 - np.eye(2)), np.zeros(2), capacity)
    >>> zeros = np.zeros(2, int)
    >>> jobs = SharedJobs(arrival=zeros, deadline=zeros + 2, length=zeros + 1, start=zeros + 1)
    >>> bound = capacity_bound(network, jobs)
    >>> round(bound.alone, 2), round(bound.value, 2)
    (2.0, 3.0)

    Args:
      network: hours and regions.
      jobs: all of them, known beforehand.
      iterations: steps of the prices; each solves every job once.

    Raises:
      InputError: values that make no sense, or less capacity than the jobs need.
    """
    jobs = check_shared(network, jobs)
    best, prices, alone, load = _ascend(_problem(network, jobs), iterations)
    return CapacityBound(float(best), np.asarray(prices), float(alone), np.asarray(load))


class _Problem(NamedTuple):
    """Arrays of the relaxation: jobs are lanes."""

    costs: jax.Array  # [hours, n]
    capacity: jax.Array  # [hours, n]
    metric: StateMetric
    rows: jax.Array  # hour of every slot of every job, int32 [T, m]
    deadline: jax.Array  # int32 [m]
    length: jax.Array  # int32 [m]
    start: jax.Array  # int32 [m]


def _problem(network: SharedNetwork, jobs: SharedJobs) -> _Problem:
    numbers = (jnp.asarray(part, jnp.int32) for part in jobs[1:])
    slots = int(np.max(jobs.deadline))
    hours = np.arange(slots)[:, None] + jobs.arrival[None]
    rows = jnp.asarray(np.minimum(hours, network.hours - 1), jnp.int32)
    metric = StateMetric(jnp.asarray(network.distance, float), jnp.asarray(network.switch, float))
    costs = jnp.asarray(network.costs, float)
    capacity = jnp.asarray(network.capacity, float)
    return _Problem(costs, capacity, metric, rows, *numbers)


class _Point(NamedTuple):
    """Prices of capacity, the value of the relaxation there, and the load of its optima."""

    prices: jax.Array
    value: jax.Array
    load: jax.Array


def _evaluate(problem: _Problem, prices: jax.Array) -> _Point:
    """``D`` at some prices; minus infinity where a job's optimum was not found exactly."""
    costs, deadline = problem.costs + prices, problem.deadline
    n = costs.shape[1]
    of_jobs = jnp.moveaxis(costs[problem.rows], -1, 1)  # [T, n, m]
    rate = 1 / jnp.asarray(problem.length, costs.dtype)
    metric = problem.metric.with_lanes(1)
    best = offline_optimum(
        of_jobs, metric, rate[None], metric.switch, problem.start, deadline=deadline
    )
    value = jnp.sum(best.value) - jnp.sum(prices * problem.capacity)
    value = jnp.where(jnp.all(best.info.status == Status.OK), value, -jnp.inf)
    slots = jnp.arange(problem.rows.shape[0])[:, None]
    load = jnp.zeros_like(costs)
    for path, weight in ((best.low_path, 1 - best.weight), (best.high_path, best.weight)):
        runs = jnp.where((path < n) & (slots < deadline[None]), weight[None], 0)
        load = load.at[problem.rows, path % n].add(runs)
    return _Point(prices, value, load)


class _Climb(NamedTuple):
    """State of the ascent: where it is, the best point, the level's height above it, patience."""

    here: _Point
    best: _Point
    height: jax.Array
    stale: jax.Array


def _climbed(problem: _Problem, iterations: int):
    first = _evaluate(problem, jnp.zeros_like(problem.costs))
    height = 0.1 * jnp.abs(first.value)
    start = _Climb(first, first, height, jnp.int32(0))
    last = jax.lax.fori_loop(0, iterations, lambda _, climb: _step(problem, climb), start)
    return last.best.value, last.best.prices, first.value, last.best.load


def _step(problem: _Problem, climb: _Climb) -> _Climb:
    here, best = climb.here, climb.best
    slope = here.load - problem.capacity
    # Prices at 0 stay there where capacity is left.
    slope = jnp.where((here.prices <= 0) & (slope < 0), 0, slope)
    norm = jnp.sum(slope**2)
    level = best.value + climb.height
    length = jnp.where(norm > 0, (level - here.value) / jnp.where(norm > 0, norm, 1), 0)
    length = jnp.where(jnp.isfinite(length), length, 0)
    there = _evaluate(problem, jnp.maximum(here.prices + length * slope, 0))
    better = there.value > best.value
    rises = there.value >= best.value + 0.5 * climb.height
    stale = jnp.where(rises, 0, climb.stale + 1)
    tired = stale >= _PATIENCE
    # A level out of reach: aim lower.
    height = jnp.where(tired, 0.5 * climb.height, climb.height)
    best = jax.tree.map(lambda new, old: jnp.where(better, new, old), there, best)
    return _Climb(there, best, height, jnp.where(tired, 0, stale))


_ascend = jit(_climbed, static_argnums=1)
