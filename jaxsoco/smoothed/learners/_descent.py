"""What the learners along the proximal path share."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.learners._shared import game_of, now, number
from jaxsoco.smoothed.spec import Game, Observation, Spec
from jaxsoco.smoothed.theory.descent import curvature

Array = jax.Array


class Seen(NamedTuple):
    """What is known of all hitting costs.

    Attributes:
      convexity: the smallest curvature so far, infinite before the first round, ``[...]``.
    """

    convexity: Array


def nothing_seen(key: Array, params: Any, spec: Spec) -> Seen:
    """The ``init`` of a learner that goes by the convexity of the costs."""
    del params
    start = game_of(key, spec).start
    return Seen(jnp.full_like(start[0], jnp.inf))


def seen(params: Any, state: Seen, obs: Observation) -> Seen:
    """With the round's cost: its curvature, or the convexity that the parameters say.

    Raises:
      ValueError: neither the parameters nor the cost say it.
    """
    if params.convexity is not None:
        return Seen(number(params.convexity, obs.game))
    return Seen(jnp.minimum(state.convexity, curvature(obs.game, now(obs))))


def scale(game: Game) -> Array:
    """The weight of a movement that is a multiple of ``|x - y|`` or its square, ``[...]``."""
    if game.movement.kind in ("l2", "squared", "entropy"):
        return game.movement.up[0]
    return jnp.ones_like(game.start[0])
