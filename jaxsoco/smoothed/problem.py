"""The world: nature's data, what learners see of them, and what decisions cost.

Nature is oblivious: it never sees a decision. The last ``w`` rounds before a learner sees them are
kept by the core's :class:`~jaxsoco.core.nature.Window`; beyond the horizon nothing costs.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align
from jaxsoco.core.nature import Window, rounds
from jaxsoco.core.protocol import Problem
from jaxsoco.smoothed.spec import Costs, Feedback, Forecast, Game, Observation, Spec
from jaxsoco.smoothed.theory.algebra import length
from jaxsoco.smoothed.theory.regions import feasible

TOLERANCE = 1e-9
"""What an action may be off the feasible set before it counts, relative to its size (float64)."""


class World(NamedTuple):
    """State of the world.

    Attributes:
      clock: rounds that have begun, int32, one number for all lanes.
      position: ``x_(t-1) [d, ...]``.
      memory: of the source.
    """

    clock: jax.Array
    position: jax.Array
    memory: Any


class Round(NamedTuple):
    """Nature's move.

    Attributes:
      clock: the round's number, int32 ``[]``.
      theta: data of the round's cost.
      error: ``e_t``, in the shape of what forecasts err in; None where there are none.
    """

    clock: jax.Array
    theta: Any
    error: jax.Array | None


def _init(key: jax.Array, spec: Spec) -> World:
    lanes = key.shape[1:]
    game = spec.game.aligned(lanes)
    memory = spec.source.begin(random.fold(key, 0), game, lanes)
    return World(jnp.zeros((), jnp.int32), game.start, memory)


def _advance(key: jax.Array, spec: Spec, world: World) -> tuple[World, Round]:
    clock = world.clock + 1
    memory, theta = spec.source.step(random.fold(key, 0), spec.game, world.memory, clock)
    error = None
    if spec.forecast is not None:
        goal = getattr(theta, spec.game.hitting.goal)
        scale = align(spec.forecast.scale, 0, key.ndim - 1)
        shape = goal.shape[: goal.ndim - (key.ndim - 1)]
        draw = random.normal(random.fold(key, 1), shape, goal.dtype)
        error = scale.reshape((1,) * len(shape) + scale.shape) * draw
    return world._replace(clock=clock, memory=memory), Round(clock, theta, error)


def _observe(spec: Spec, world: World, round: Round | Window) -> Observation:
    game = spec.game.aligned(world.position.shape[1:])
    if isinstance(round, Window):
        sight = jax.tree.map(lambda x, y: jnp.concatenate([x[None], y]), round.now, round.coming)
    else:
        sight = jax.tree.map(lambda x: jnp.asarray(x)[None], round)
    lanes = world.position.shape[1:]
    live = (sight.clock <= game.horizon).astype(world.position.dtype)
    live = jnp.broadcast_to(align(live, 1, len(lanes)), (*live.shape, *lanes))
    theta = sight.theta
    if game.information == "after":
        theta = None
    elif spec.forecast is not None:
        theta = predicted(spec.forecast, game, sight)
    return Observation(game, world.position, theta, live)


def predicted(forecast: Forecast, game: Game, sight: Round) -> Any:
    """What is predicted of the rounds in sight: ``y_s - sum_u g(s - u) e_u``, ``[w + 1, ...]``."""
    goal, error = getattr(sight.theta, game.hitting.goal), sight.error
    assert error is not None
    size = error.shape[0]
    lag = jnp.arange(size)[:, None] - jnp.arange(size)[None]  # s - u
    first = 0 if forecast.present == "noisy" else 1
    counts = (lag >= 0) & (jnp.arange(size)[None] >= first)
    lag = jnp.maximum(lag, 0).reshape(size, size, *(1,) * (error.ndim - 1))
    counts = counts.reshape(lag.shape)
    if forecast.correlation == "iid":
        weight = (lag == 0).astype(error.dtype)
    elif forecast.correlation == "walk":
        weight = jnp.ones(lag.shape, error.dtype)
    else:
        decay = align(forecast.decay, 0, game.start.ndim - 1)
        decay = decay.reshape((1,) * (lag.ndim - decay.ndim) + decay.shape)
        weight = decay ** lag.astype(error.dtype)
    noise = jnp.sum(jnp.where(counts, weight, 0) * error[None], axis=1)
    return sight.theta._replace(**{game.hitting.goal: goal - noise})


def _play(
    key: jax.Array, spec: Spec, world: World, round: Round, action: jax.Array
) -> tuple[World, Feedback, Costs]:
    del key
    game = spec.game.aligned(world.position.shape[1:])
    position, missed = settled(game, round.theta, action)
    costs = charge(game, round.theta, position, world.position)
    costs = costs._replace(infeasible=missed)
    return world._replace(position=position), Feedback(round.theta, position), costs


def settled(game: Game, theta: Any, action: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The feasible position next to an action, and 1 where it had to be changed, ``[...]``."""
    position = feasible(game, theta, action)
    change = jnp.max(jnp.abs(position - action), axis=0)
    tolerance = TOLERANCE if action.dtype == jnp.float64 else 1e-4
    size = 1 + jnp.max(jnp.abs(position), axis=0)
    missed = ~(change <= tolerance * size)
    return position, missed.astype(action.dtype)


def charge(game: Game, theta: Any, position: jax.Array, last: jax.Array) -> Costs:
    """What a round costs at ``position`` after ``last [d, ...]``."""
    hit = game.hitting.value(position, theta)
    step = length(position - last)
    return Costs(hit, game.movement.cost(position, last), step, jnp.zeros_like(step))


@cache
def world(window: int) -> Problem:
    """The world in which learners see ``window`` rounds ahead; the same object for the same one."""
    return Problem(_init, _advance, _observe, _play, window=window)


def thetas(key: jax.Array, spec: Spec) -> Any:
    """Data of all rounds that the run of this key meets, leaves ``[T, ...]``, lanes on all."""
    return rounds(world(0), spec, key, spec.game.horizon).theta
