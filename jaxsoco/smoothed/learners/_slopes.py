"""What the learners that go by slopes after the fact share."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.learners._shared import number
from jaxsoco.smoothed.settings_space import SlopeParams
from jaxsoco.smoothed.spec import Feedback, Game
from jaxsoco.smoothed.theory.algebra import length
from jaxsoco.smoothed.theory.movements import LINEAR

Array = jax.Array


def constants(params: SlopeParams, game: Game) -> tuple[Array, Array]:
    """The diameter ``D``, 1 where decisions have no bounds, and the bound ``G`` on slopes."""
    steepness = number(params.lipschitz, game)
    if params.diameter is not None:
        return number(params.diameter, game), steepness
    if game.region == "ball":
        assert game.hi is not None
        return 2 * game.hi[0], steepness
    if game.region == "simplex":
        return number(2**0.5, game), steepness
    if game.lo is None or game.hi is None:
        return jnp.ones_like(steepness), steepness
    return length(game.hi - game.lo), steepness


def price(game: Game) -> Array:
    """The most that a move by 1 costs, in ``|x - y|_2``, or the weight of what is no norm."""
    movement = game.movement
    if movement.kind not in LINEAR:
        return movement.up[0]
    dearest = jnp.broadcast_to(jnp.maximum(movement.up, movement.down), game.start.shape)
    return length(dearest)


def slope_at(game: Game, feedback: Feedback, limit: Array) -> Array:
    """The slope of the round's cost where the learner is; one that is longer than ``G`` is cut."""
    slope = game.hitting.slope(feedback.position, feedback.theta)
    size = length(slope)
    return slope * jnp.where(size > limit, limit / jnp.where(size > 0, size, 1), 1)[None]
