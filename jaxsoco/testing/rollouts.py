"""Rollouts piece by piece: the functions of the protocol, each compiled alone, in a Python loop.

The engine compiles a whole rollout at once. Here the pieces of a problem are compiled once for all
its learners, every state on the way can be looked at, and a run can be tampered with in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco import registry
from jaxsoco.core import random
from jaxsoco.core.nature import move_ahead, start_ahead
from jaxsoco.testing.cases import Case, Judge, Learner, instance, remembered

Layout = Literal["native", "vmap", "loop"]
"""All runs in trailing lanes, ``vmap`` over single runs, or one single run after the other."""

RUNS = 16
"""Runs of a block: full vector registers on every device."""

ROOT = 3
"""Root of their seeds."""


@cache
def quick() -> dict[str, Any] | None:
    """Compiler options that take a third of the time: what is compared are layouts and slopes."""
    if jax.default_backend() != "cpu":
        return None
    return {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


def keys(first: int = 0) -> jax.Array:
    """Keys of the runs ``first, first + 1, ...``, words ``[2, RUNS]``."""
    return random.run_key(jax.random.key(ROOT), first + jnp.arange(RUNS))


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


class Pieces(NamedTuple):
    """The protocol's functions, with keys of runs instead of keys of streams."""

    draw: Callable  # (key, settings) -> spec
    open: Callable  # (key, spec) -> world
    move: Callable  # (key, t, spec, world) -> world, round
    look: Callable  # (spec, world, round) -> observation
    play: Callable  # (key, t, spec, world, round, action) -> world, feedback, costs


class Mind(NamedTuple):
    """A learner's functions likewise."""

    init: Callable  # (key, params, spec) -> state
    act: Callable  # (key, t, params, state, observation) -> action, state
    update: Callable  # (params, state, action, feedback) -> state


def raw_pieces(case: Case, x64: bool) -> Pieces:
    """A problem's functions, not compiled. With a window, nature ahead of the run is carried."""
    made = instance(case, x64)
    problem = made.problem

    def stream(key):
        return random.rollout_keys(key, nature=problem.counter, learner=False)

    def start(key, spec):
        return problem.init(random.round_keys(key, 0)[0], spec)

    def start_windowed(key, spec):
        world = start(key, spec)
        return world, start_ahead(problem, spec, stream(key), world)

    def move_windowed(key, t, spec, world):
        world, ahead = world
        world, now = problem.advance(stream(key)(t)[0], spec, world)
        last = stream(key)(t + problem.window)[0]
        ahead, shown = move_ahead(problem, spec, last, ahead, now)
        return (world, ahead), (now, shown)

    def play_windowed(key, t, spec, world, now, action):
        rest = spec, world[0], now[0], action
        after, feedback, costs = problem.play(stream(key)(t)[2], *rest)
        return (after, world[1]), feedback, costs

    draw = lambda key, settings: made.draw(random.draw_key(key), settings)  # noqa: E731
    if problem.window:
        return Pieces(
            draw=draw,
            open=start_windowed,
            move=move_windowed,
            look=lambda spec, world, now: problem.observe(spec, world[0], now[1]),
            play=play_windowed,
        )
    return Pieces(
        draw=draw,
        open=start,
        move=lambda key, t, spec, world: problem.advance(stream(key)(t)[0], spec, world),
        look=problem.observe,
        play=lambda key, t, *rest: problem.play(stream(key)(t)[2], *rest),
    )


def raw_mind(learner: Learner) -> Mind:
    """A learner's functions, not compiled."""
    algorithm = learner.algorithm

    def stream(key, t):
        return random.rollout_keys(key, nature=False, learner=algorithm.counter)(t)[1]

    return Mind(
        init=lambda key, params, spec: algorithm.init(random.round_keys(key, 0)[1], params, spec),
        act=lambda key, t, *rest: algorithm.act(stream(key, t), *rest),
        update=algorithm.update,
    )


_PER_RUN = {
    Pieces: ((1, 0), (1, 1), (1, 0, 1, 1), (1, 1, 1), (1, 0, 1, 1, 1, 1)),
    Mind: ((1, 0, 1), (1, 0, 0, 1, 1), (0, 1, 1, 1)),
}
"""Which arguments of each piece differ between runs."""


def compiled(functions: Any, layout: Layout) -> Any:
    """The same functions, compiled for a layout."""
    stages = []
    for function, per_run in zip(functions, _PER_RUN[type(functions)], strict=True):
        if layout == "vmap":
            axes = tuple(-1 if one else None for one in per_run)
            function = jax.vmap(function, in_axes=axes, out_axes=-1)
        stages.append(jax.jit(function, compiler_options=quick()))
    return type(functions)(*stages)


@remembered
def pieces(case: Case, layout: Layout, x64: bool) -> Pieces:
    """A problem's functions, compiled for a layout."""
    return compiled(raw_pieces(case, x64), layout)


@remembered
def mind(learner: Learner, layout: Layout, x64: bool) -> Mind:
    """A learner's functions, compiled for a layout."""
    del x64  # programs of the two precisions are kept apart
    return compiled(raw_mind(learner), layout)


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


def equations(function: Callable, *arguments: Any) -> Iterator[Any]:
    """Every equation of a function's program, inner programs included."""
    pending = [jax.make_jaxpr(function)(*arguments).jaxpr]
    while pending:
        for eqn in pending.pop().eqns:
            yield eqn
            for value in eqn.params.values():
                inner = value if isinstance(value, tuple | list) else (value,)
                pending += [getattr(x, "jaxpr", x) for x in inner if hasattr(x, "eqns")]
