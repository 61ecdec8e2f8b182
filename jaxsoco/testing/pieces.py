"""The protocol's functions of a case, each compiled alone: of its problem, and of a learner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.compiler import YNN, known
from jaxsoco.core.compiler import equations as inner_equations
from jaxsoco.core.nature import move_ahead, start_ahead
from jaxsoco.testing.cases import Case, Learner, instance, remembered

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
    options = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False, YNN: ""}
    return known(options)


def keys(first: int = 0) -> jax.Array:
    """Keys of the runs ``first, first + 1, ...``, words ``[2, RUNS]``."""
    return random.run_key(jax.random.key(ROOT), first + jnp.arange(RUNS))


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


def equations(function: Callable, *arguments: Any) -> Iterator[Any]:
    """Every equation of a function's program, inner programs included."""
    return inner_equations(jax.make_jaxpr(function)(*arguments).jaxpr)
