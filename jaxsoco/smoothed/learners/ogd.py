"""Online gradient descent: ``x_(t+1) = P(x_t - eta_t grad f_t(x_t))``, ``eta_t = D / (G sqrt(t))``.

It decides before it sees the round's cost. Against paths of length ``P_T`` its regret, with
movement of ``beta |x - y|``, is at most ``sqrt(T) (3/2 G D + G P_T + 2 beta D)``. The
first decision is the start; slopes longer than ``G`` are cut to it.

Zinkevich, "Online convex programming and generalized infinitesimal gradient ascent", ICML 2003.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import game_of, number
from jaxsoco.smoothed.learners._slopes import constants, slope_at
from jaxsoco.smoothed.settings_space import OGDParams
from jaxsoco.smoothed.spec import Feedback, Game, Observation, Spec
from jaxsoco.smoothed.theory.regions import project


class OGDState(NamedTuple):
    """Before a round.

    Attributes:
      game: the rules, with lanes.
      point: the decision, ``[d, ...]``.
      clock: rounds that are over, int32 ``[]``.
    """

    game: Game
    point: jax.Array
    clock: jax.Array


def _init(key: jax.Array, params: OGDParams, spec: Spec) -> OGDState:
    del params
    game = game_of(key, spec)
    return OGDState(game, project(game, game.start), jnp.zeros((), jnp.int32))


def _act(
    key: jax.Array, params: OGDParams, state: OGDState, obs: Observation
) -> tuple[jax.Array, OGDState]:
    del key, params, obs
    return state.point, state


def _update(params: OGDParams, state: OGDState, action: jax.Array, feedback: Feedback) -> OGDState:
    del action
    game, clock = state.game, state.clock + 1
    diameter, steepness = constants(params, game)
    if params.step is None:
        step = diameter / (steepness * jnp.sqrt(clock.astype(diameter.dtype)))
    else:
        step = number(params.step, game)
    slope = slope_at(game, feedback, steepness)
    return OGDState(game, project(game, feedback.position - step[None] * slope), clock)


ogd = Algorithm(_init, _act, _update)
"""Online gradient descent; parameters :class:`~jaxsoco.smoothed.settings_space.OGDParams`."""
