"""Guarded advice: followed while ``ADV_t <= factor ROB_t + slack``, then never again.

``ADV_t`` and ``ROB_t`` are what the two would have cost up to now if followed from the start. Where
movement is a metric, it costs at most ``max(1, factor) ROB + slack + beta D``, with ``beta D`` the
dearest move. With ``factor = 1`` and ``slack = beta D``, the default, advice that is an offline
optimum is followed to the end: it is 1-consistent and additively robust.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners import _advice
from jaxsoco.smoothed.learners._advice import Advised
from jaxsoco.smoothed.learners._descent import number
from jaxsoco.smoothed.settings_advice import GuardedParams
from jaxsoco.smoothed.spec import Feedback, Game, Observation, Spec
from jaxsoco.smoothed.theory.trust import keeps_faith


class GuardedState(NamedTuple):
    """Before a round.

    Attributes:
      advised: advice and robust learner.
      faithful: whether advice is followed still, bool ``[...]``.
      faults: of the robust learner, int32 ``[...]``.
      clock: rounds that have begun, int32 ``[]``.
    """

    advised: Advised
    faithful: jax.Array
    faults: jax.Array
    clock: jax.Array


def _init(key: jax.Array, params: GuardedParams, spec: Spec) -> GuardedState:
    advised = _advice.begin(key, params, spec)
    faithful, clock = jnp.ones(key.shape[1:], bool), jnp.zeros((), jnp.int32)
    return GuardedState(advised, faithful, advised.faults, clock)


def _act(
    key: jax.Array, params: GuardedParams, state: GuardedState, obs: Observation
) -> tuple[jax.Array, GuardedState]:
    clock = state.clock + 1
    advised = _advice.think(key, params, state.advised, obs, clock)
    factor = number(params.factor, obs.game)
    faithful = keeps_faith(state.faithful, *advised.costs, factor, _slack(params, obs.game))
    action = jnp.where(faithful[None], advised.adviser.position, advised.robust.position)
    return action, GuardedState(advised, faithful, advised.faults, clock)


def _slack(params: GuardedParams, game: Game) -> jax.Array:
    """``beta D``, the dearest move in the box, unless another slack is given."""
    if params.slack is not None:
        return number(params.slack, game)
    if game.region != "box" or game.lo is None or game.hi is None:
        return jnp.zeros_like(game.start[0])
    return jnp.maximum(game.movement.cost(game.hi, game.lo), game.movement.cost(game.lo, game.hi))


def _update(
    params: GuardedParams, state: GuardedState, action: jax.Array, feedback: Feedback
) -> GuardedState:
    del action
    return state._replace(advised=_advice.learn(params, state.advised, feedback))


guarded = Algorithm(_init, _act, _update)
"""Guarded advice; parameters :class:`~jaxsoco.smoothed.settings_advice.GuardedParams`."""
