"""A job played by the learners, and its optima. Needs JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.allocation.jobs import job_of
from jaxsoco.allocation.optima import linear_optimum, path_slots, whole_slot_optimum
from jaxsoco.allocation.planning.result import Plan, Schedule
from jaxsoco.allocation.planning.task import Task
from jaxsoco.allocation.prepare import workload_of
from jaxsoco.allocation.problem import allocation, begin, prices
from jaxsoco.allocation.spec import Costs, Spec
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
    forecast = None
    if task.prices.forecast is not None:
        forecast = jnp.asarray(task.prices.forecast * content.settings.energy, float)
    key = random.run_key(random.words(jax.random.key(seed, impl="threefry2x32")), 0)
    schedules = [
        learner_schedule(label, algorithm, params, spec, forecast, key)
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


class _Branch(NamedTuple):
    """A path of states ``[T]``, its service, move and switch by slot, and its weight in a mix."""

    weight: Any
    path: Any
    costs: tuple[Any, ...]


def learner_schedule(
    name: str,
    algorithm: Algorithm,
    params: PyTree,
    spec: Spec,
    forecast: jax.Array | None,
    key: jax.Array,
) -> Schedule:
    """Plays a learner.

    Args:
      name: of the schedule.
      algorithm: the learner.
      params: its parameters.
      spec: the job, without lanes, with ``spec.slots`` slots up to its deadline.
      forecast: of the slots' costs, ``[T, n]``; None for that of the spec.
      key: words ``[2]``, of the learner's own draws and of the forecast's.
    """
    actions, costs, faults = _play(algorithm, params, spec, forecast, key)
    actions, n = np.asarray(actions, np.float64), spec.points
    ledger = {part: np.asarray(x, np.float64) for part, x in costs._asdict().items()}
    on = actions[:, :n]
    return Schedule(name, "learner", on, actions[:, n:], ledger, _work(spec, on), int(faults))


def _roll(algorithm, params, spec, forecast, key):
    problem = allocation
    if forecast is not None:
        first = lambda _, spec: begin(spec, prices(spec), forecast)  # noqa: E731
        problem = allocation._replace(init=first)
    state, _, trace = rollout(
        algorithm, params, problem, spec, key, (spec.slots,), trace=True, differentiable=True
    )
    return *trace, algorithm.fault_count(state)


_play = jit(_roll, static_argnums=0)


def optimal_schedules(spec: Spec) -> tuple[Schedule, Schedule]:
    """The linear program's optimum, a mix of two schedules, and the best one in whole slots."""
    mix, whole = _optima(spec)
    return _follow("offline_optimum", spec, *mix), _follow("integral_optimum", spec, *whole)


def _solve(spec: Spec):
    """The paths of both optima with their costs, and the solvers' statuses."""
    costs = prices(spec)
    linear = linear_optimum(spec, costs)
    _, path, info = whole_slot_optimum(spec, costs)

    def branch(weight, path):
        return _Branch(weight, path, path_slots(spec, costs, path))

    low = branch(1 - linear.weight, linear.low_path)
    high = branch(linear.weight, linear.high_path)
    one = branch(jnp.ones_like(linear.weight), path)
    return ((low, high), linear.info.status), ((one,), info.status)


_optima = jit(_solve)


def _follow(name: str, spec: Spec, paths: Sequence[_Branch], status: jax.Array) -> Schedule:
    """The schedule that follows one of some paths, each with its weight as the chance."""
    slots, n = spec.slots, spec.points
    states = np.zeros((slots, 2 * n))
    ledger = {part: np.zeros(slots) for part in Costs._fields}
    for weight, path, costs in paths:
        states[np.arange(slots), np.asarray(path)] += float(weight)
        for part, values in zip(("service", "move", "switch"), costs, strict=True):
            ledger[part] += float(weight) * np.asarray(values, np.float64)
    on = states[:, :n]
    work = _work(spec, on)
    ledger["shortfall"][-1] = max(1 - work[-1], 0.0)
    faults = int(status != Status.OK)
    return Schedule(name, "optimum", on, states[:, n:], ledger, work, faults)


def _work(spec: Spec, on: np.ndarray) -> np.ndarray:
    return np.cumsum(on.sum(axis=1)) / int(spec.length)
