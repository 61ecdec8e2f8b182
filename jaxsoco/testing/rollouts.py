"""Rollouts piece by piece: the pieces of :mod:`jaxsoco.testing.pieces` in a Python loop.

The engine compiles a whole rollout at once. Here the pieces of a problem are compiled once for all
its learners, every state on the way can be looked at, and a run can be tampered with in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco import registry
from jaxsoco.testing.cases import Case, Judge, Learner, instance, remembered
from jaxsoco.testing.pieces import RUNS, Layout, keys, mind, pieces, quick


class Record(NamedTuple):
    """One block of runs, in numpy, runs last; the lists have one entry for every round."""

    spec: Any
    observations: list
    actions: list
    states: list
    feedback: list
    costs: list

    def stacked(self, name: str) -> Any:
        """``observations``, ``actions`` or ``costs`` with the rounds as their first axis."""
        return jax.tree.map(lambda *rows: np.stack(rows), *getattr(self, name))

    def totals(self) -> dict[str, np.ndarray]:
        """Cumulative costs after every round, ``[T, RUNS]``."""
        return {k: np.cumsum(v, axis=0) for k, v in self.stacked("costs")._asdict().items()}


def roll(
    learner: Learner,
    layout: Layout,
    *,
    x64: bool = True,
    settings: Any = None,
    elsewhere: tuple[int, int] | None = None,
) -> Record:
    """Plays all runs of a learner with its default parameters.

    Args:
      learner: the learner and its problem.
      layout: how; a learner that is written for one run only is native under ``vmap``.
      x64: whether in float64.
      settings: other settings than the case's.
      elsewhere: ``(round, first)``: after that round nature's moves are those that the runs
        ``first, first + 1, ...`` see; what the learner was told in advance (its spec, forecasts)
        stays.
    """
    if layout == "native" and not learner.native:
        layout = "vmap"
    with jax.enable_x64(x64):
        if settings is None:
            settings = instance(learner.case, x64).settings
        block = keys()
        other = keys(elsewhere[1] if elsewhere else 0)
        swap = elsewhere[0] if elsewhere else np.inf

        def play(key, other_key):
            return _play(learner, layout, x64, settings, key, other_key, swap)

        if layout != "loop":
            return play(block, other)
        single = [play(block[:, i], other[:, i]) for i in range(RUNS)]
        return jax.tree.map(lambda *runs: np.stack(runs, axis=-1), *single)


def _play(learner, layout, x64, settings, key, other_key, swap) -> Record:
    problem, own = pieces(learner.case, layout, x64), mind(learner, layout, x64)
    params, horizon = learner.params(), instance(learner.case, x64).horizon
    spec = problem.draw(key, settings)
    world, state = problem.open(key, spec), own.init(key, params, spec)
    # Without a swap the other run is this one.
    other_spec = spec if swap >= horizon else problem.draw(other_key, settings)
    other_world = world if swap >= horizon else problem.open(other_key, other_spec)
    record = Record(spec, [], [], [state], [], [])
    for t in range(1, horizon + 1):
        at = jnp.int32(t)
        world, now = problem.move(key, at, spec, world)
        if swap < horizon:
            other_world, other_now = problem.move(other_key, at, other_spec, other_world)
            now = other_now if t > swap else now
        observation = problem.look(spec, world, now)
        action, state = own.act(key, at, params, state, observation)
        world, feedback, costs = problem.play(key, at, spec, world, now, action)
        state = own.update(params, state, action, feedback)
        for name, one in (
            ("observations", observation),
            ("actions", action),
            ("states", state),
            ("feedback", feedback),
            ("costs", costs),
        ):
            getattr(record, name).append(one)
    return jax.tree.map(np.asarray, record)


@remembered
def rolled(learner: Learner, layout: Layout, x64: bool = True) -> Record:
    """:func:`roll` on the case's own settings."""
    return roll(learner, layout, x64=x64)


@remembered
def _judge(judge: Judge, layout: Layout, x64: bool) -> Callable:
    del x64
    horizon = instance(judge.case, True).horizon

    def outcome(key, spec):
        return judge.comparator(key, spec, (horizon,))

    if layout == "vmap":
        outcome = jax.vmap(outcome, in_axes=-1, out_axes=-1)
    return jax.jit(outcome, compiler_options=quick())


def judged(
    judge: Judge, layout: Layout, *, x64: bool = True, settings: Any = None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A comparator's costs ``[RUNS]`` by name, and its faults, on the runs of :func:`roll`."""
    with jax.enable_x64(x64):
        if settings is None:
            settings = instance(judge.case, x64).settings
        problem, program = pieces(judge.case, layout, x64), _judge(judge, layout, x64)

        def one(key):
            return jax.tree.map(np.asarray, program(key, problem.draw(key, settings)))

        if layout != "loop":
            costs, faults = one(keys())
        else:
            single = [one(key) for key in keys().T]
            costs, faults = jax.tree.map(lambda *runs: np.stack(runs, axis=-1), *single)
    return {name: cost[-1] for name, cost in costs.items()}, faults


def objective(case: Case, costs: Mapping[str, Any]) -> np.ndarray:
    """The total of the costs that count."""
    counted = [c.name for c in registry.family(case.family).costs if c.objective]
    return sum((costs[name] for name in counted), np.zeros(()))
