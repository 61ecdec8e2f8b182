"""Guarded advice: followed while ``ADV_t <= factor ROB_t + slack``, then never again.

``ADV_t`` and ``ROB_t`` are what the two would have cost up to now if followed from the start. Where
movement is a metric, it costs at most ``max(1, factor) ROB + slack + beta D``, with ``beta D`` the
dearest move. With ``factor = 1`` and ``slack = beta D``, the default, advice that is an offline
optimum is followed to the end: it is 1-consistent and additively robust.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners import _advice
from jaxsoco.smoothed.learners._advice import Advised
from jaxsoco.smoothed.learners._shared import number
from jaxsoco.smoothed.settings_advice import GuardedParams
from jaxsoco.smoothed.spec import Game, Observation, Spec
from jaxsoco.smoothed.theory.trust import keeps_faith


def _init(key: jax.Array, params: GuardedParams, spec: Spec) -> Advised:
    # Its own: whether advice is followed still.
    return _advice.begin(key, params, spec)._replace(own=jnp.ones(key.shape[1:], bool))


def _act(
    key: jax.Array, params: GuardedParams, state: Advised, obs: Observation
) -> tuple[jax.Array, Advised]:
    state = _advice.think(key, params, state, obs)
    factor = number(params.factor, obs.game)
    faithful = keeps_faith(state.own, *state.costs, factor, _slack(params, obs.game))
    action = jnp.where(faithful[None], state.adviser.position, state.robust.position)
    return action, state._replace(own=faithful)


def _slack(params: GuardedParams, game: Game) -> jax.Array:
    """``beta D``, the dearest move in the box, unless another slack is given."""
    if params.slack is not None:
        return number(params.slack, game)
    if game.region != "box" or game.lo is None or game.hi is None:
        return jnp.zeros_like(game.start[0])
    return jnp.maximum(game.movement.cost(game.hi, game.lo), game.movement.cost(game.lo, game.hi))


guarded = Algorithm(_init, _act, _advice.learn)
"""Guarded advice; parameters :class:`~jaxsoco.smoothed.settings_advice.GuardedParams`."""
