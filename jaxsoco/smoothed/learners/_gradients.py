"""Gradient steps over the horizon as they become possible, with and without momentum."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.learners._shared import game_of, number, sight
from jaxsoco.smoothed.settings_window import RHGDParams
from jaxsoco.smoothed.spec import Game, Observation, Spec
from jaxsoco.smoothed.theory import ratios, staircase
from jaxsoco.smoothed.theory.descent import extremes, full_matrix, require_quadratic
from jaxsoco.smoothed.theory.regions import project

Array = jax.Array


class StairsState(NamedTuple):
    """Before a round.

    Attributes:
      stairs: the points of all levels.
      convexity, smoothness: the smallest and the largest curvature so far, ``[...]``.
      clock: rounds that have begun, int32 ``[]``.
    """

    stairs: staircase.Stairs
    convexity: Array
    smoothness: Array
    clock: Array


def levels_of(params: RHGDParams) -> int:
    """``W``.

    Raises:
      ValueError: more steps than the window allows.
    """
    levels = params.window + 1 if params.trips is None else params.trips
    if levels > params.window + 1:
        raise ValueError(
            f"trips: {levels} steps, and the window allows window + 1 = {params.window + 1}"
        )
    return levels


def begin(key: Array, params: RHGDParams, spec: Spec) -> StairsState:
    """The ``init`` of both learners."""
    start = game_of(key, spec).start
    stairs = staircase.foot(start, levels_of(params))
    none = jnp.full_like(start[0], jnp.inf)
    return StairsState(stairs, none, -none, jnp.zeros((), jnp.int32))


def play(
    params: RHGDParams, state: StairsState, obs: Observation, momentum: bool
) -> tuple[Array, StairsState]:
    """One round: every level gets a point, the last one's is played."""
    levels, clock = levels_of(params), state.clock + 1
    theta, live = sight(obs, params.window)
    state = _with_curvatures(params, state, obs.game, theta, live)
    terms = _terms(state, obs.game, momentum)
    if not levels:
        # Gradient descent alone: what is seen now counts in the next round.
        now = jax.tree.map(lambda x: x[0], theta)
        following = staircase.descend(terms, state.stairs.points[0], now)
        stairs = state.stairs._replace(points=following[None])
        return state.stairs.points[0], state._replace(stairs=stairs, clock=clock)
    theta = jax.tree.map(lambda x: x[:levels], theta)
    # All lanes share the clock: one of the two is computed.
    stairs = jax.lax.cond(
        clock == 1,
        lambda: staircase.first(terms, theta),
        lambda: staircase.climb(terms, state.stairs, theta, clock),
    )
    return stairs.points[-1], state._replace(stairs=stairs, clock=clock)


def _with_curvatures(
    params: RHGDParams, state: StairsState, game: Game, theta: Any, live: Array
) -> StairsState:
    """With the curvatures in sight, or those that the parameters say."""
    least, most = params.convexity, params.smoothness
    if least is not None and most is not None:
        return state._replace(convexity=number(least, game), smoothness=number(most, game))
    require_quadratic(game)
    low, high = jax.vmap(lambda one: extremes(full_matrix(game, one)))(theta)
    low = jnp.min(jnp.where(live > 0, low, jnp.inf), axis=0)
    high = jnp.max(jnp.where(live > 0, high, -jnp.inf), axis=0)
    low, high = jnp.minimum(state.convexity, low), jnp.maximum(state.smoothness, high)
    low = low if least is None else number(least, game)
    return state._replace(convexity=low, smoothness=high if most is None else number(most, game))


def _terms(state: StairsState, game: Game, momentum: bool) -> staircase.Terms:
    kappa = jnp.mean(game.movement.up + game.movement.down, axis=0) / 2
    step, weight = ratios.gradient_rate(state.smoothness, state.convexity, kappa)
    return staircase.Terms(
        gradient=game.hitting.slope,
        project=lambda x: project(game, x),
        descent=1 / state.smoothness,
        step=step,
        momentum=weight if momentum else jnp.zeros_like(weight),
        kappa=kappa,
        start=game.start,
        horizon=game.horizon,
    )
