"""A job played by the learners, and its optima. Needs JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.allocation.jobs import job_of
from jaxsoco.allocation.planning.result import Plan, Schedule
from jaxsoco.allocation.planning.task import Task
from jaxsoco.allocation.prepare import workload_of
from jaxsoco.allocation.problem import allocation, begin, prices
from jaxsoco.allocation.spec import Costs, Spec
from jaxsoco.allocation.theory.integral import integral_optimum
from jaxsoco.allocation.theory.offline import offline_optimum
from jaxsoco.core import random
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Algorithm, PyTree
from jaxsoco.core.rollout import rollout
from jaxsoco_kernels.info import Status


@own_rules
def carry_out(task: Task, learners: Mapping[str, tuple[Any, Any]], seed: int = 0) -> Plan:
    """Plays the learners and solves for the optima; needs JAX, in its current precision.

    Args:
      task: of :func:`lay_out`.
      learners: label -> algorithm and parameters.
      seed: root of the random streams: the keys are those of seed 0 under this root.
    """
    job, content, window = task.job, task.content, task.prices.window
    # L and U come from the whole trace; learners and optima need the job's own hours alone, so that
    # a plan of another hour is the same program.
    integers = (task.prices.hour, job.deadline, job.hours, content.carbon.regions.index(job.region))
    spec = job_of(workload_of(content), *(jnp.asarray(x, jnp.int32) for x in integers))
    spec = replace(spec, trace=jnp.asarray(window, float), hour=jnp.int32(0))
    expected = None
    if task.prices.forecast is not None:
        expected = jnp.asarray(task.prices.forecast * content.settings.energy, float)
    key = random.run_key(random.words(jax.random.key(seed, impl="threefry2x32")), 0)
    schedules = [
        learner_schedule(label, algorithm, params, spec, expected, key)
        for label, (algorithm, params) in learners.items()
    ]
    bounds = float(spec.lower), float(spec.upper)
    return Plan(
        job,
        content.carbon.regions,
        window,
        task.prices.measured,
        task.prices.forecast,
        bounds,
        (*schedules, *optimal_schedules(spec)),
        task.notes,
        (*task.warnings, *_bound_warnings(task, bounds)),
    )


def _bound_warnings(task: Task, bounds: tuple[float, float]) -> list[str]:
    """What the learners' price bounds do not hold for."""
    settings, window, hours = task.content.settings, task.prices.window, task.job.hours
    low, high = (float(x) * settings.energy * hours for x in (window.min(), window.max()))
    slack = 1e-6 * high  # of float32
    warnings = []
    if settings.bounds == "window" and bounds[1] > high + slack:
        warnings.append(
            "problem.bounds: the prices of these hours lie closer together than a move and two "
            "switches cost; U is raised, PCM will not move"
        )
    if low < bounds[0] - slack or high > bounds[1] + slack:
        warnings.append(
            "problem.bounds: some of these hours have prices that the 30 days before did not "
            "have; no guarantee covers this job"
        )
    return warnings


class _Weighted(NamedTuple):
    """A path of states ``[T]``, and its weight in a mix."""

    weight: float
    path: np.ndarray


def learner_schedule(
    name: str,
    algorithm: Algorithm,
    params: PyTree,
    spec: Spec,
    expected: jax.Array | None,
    key: jax.Array,
) -> Schedule:
    """Plays a learner.

    Args:
      name: of the schedule.
      algorithm: the learner.
      params: its parameters.
      spec: the job, without lanes, with ``spec.slots`` slots up to its deadline.
      expected: forecast of the slots' costs, ``[T, n]``; None for that of the spec.
      key: words ``[2]``, of the learner's own draws and of the forecast's.
    """
    actions, costs, faults = _play(algorithm, params, spec, expected, key)
    actions, n = np.asarray(actions, np.float64), spec.points
    ledger = {part: np.asarray(x, np.float64) for part, x in costs._asdict().items()}
    on = actions[:, :n]
    return Schedule(name, "learner", on, actions[:, n:], ledger, _work(spec, on), int(faults))


def _rolled(algorithm, params, spec, expected, key):
    problem = allocation
    if expected is not None:
        first = lambda _, spec: begin(spec, prices(spec), expected)  # noqa: E731
        problem = allocation._replace(init=first)
    state, _, traced = rollout(
        algorithm, params, problem, spec, key, (spec.slots,), trace=True, differentiable=True
    )
    return *traced, algorithm.fault_count(state)


_play = jit(_rolled, static_argnums=0)


def optimal_schedules(spec: Spec) -> tuple[Schedule, Schedule]:
    """The linear program's optimum, a mix of two schedules, and the best one in whole slots."""
    (low, high, weight, status), (path, whole_status) = _optima(spec)
    both = [
        _Weighted(1 - float(weight), np.asarray(low)),
        _Weighted(float(weight), np.asarray(high)),
    ]
    mixed = _mix("offline_optimum", spec, both, int(status != Status.OK))
    one = [_Weighted(1.0, np.asarray(path))]
    return mixed, _mix("integral_optimum", spec, one, int(whole_status != Status.OK))


def _solved(spec: Spec):
    costs, metric = prices(spec), spec.metric
    network = (costs, metric, spec.throughput, metric.switch, spec.start)
    best = offline_optimum(*network, deadline=spec.deadline)
    _, path, info = integral_optimum(
        *network, slots=spec.max_length, length=spec.length, deadline=spec.deadline
    )
    linear = best.low_path, best.high_path, best.weight, best.info.status
    return linear, (path, info.status)


_optima = jit(_solved)


def _mix(name: str, spec: Spec, paths: Sequence[_Weighted], faults: int) -> Schedule:
    """The schedule that follows one of some paths, each with its weight as the chance."""
    slots, n = spec.slots, spec.points
    states = np.zeros((slots, 2 * n))
    ledger = {part: np.zeros(slots) for part in Costs._fields}
    for weight, path in paths:
        states[np.arange(slots), path] += weight
        for part, values in _path_ledger(spec, path).items():
            ledger[part] += weight * values
    on = states[:, :n]
    work = _work(spec, on)
    ledger["shortfall"][-1] = max(1 - work[-1], 0.0)
    return Schedule(name, "optimum", on, states[:, n:], ledger, work, faults)


def _work(spec: Spec, on: np.ndarray) -> np.ndarray:
    return np.cumsum(on.sum(axis=1)) / int(spec.length)


def _path_ledger(spec: Spec, path: np.ndarray) -> dict[str, np.ndarray]:
    """Service, move and switch of every slot of a path; the last slot pays the switch-off."""
    n = spec.points
    costs = np.asarray(prices(spec), np.float64)
    distance = np.asarray(spec.metric.distance, np.float64)
    switch = np.asarray(spec.metric.switch, np.float64)
    before = np.concatenate([[int(spec.start) + n], path[:-1]])
    here, there = path % n, before % n
    ends = (path >= n) * switch[here] + (before >= n) * switch[there]
    switched = np.where(path == before, 0.0, ends)
    switched[-1] += (path[-1] < n) * switch[here[-1]]
    service = np.where(path < n, costs[np.arange(len(path)), here], 0.0)
    return {"service": service, "move": distance[there, here], "switch": switched}
