"""Interpolation: ``x_t = (1 - lam) advice_t + lam robust_t`` with a fixed ``lam``.

Hitting costs and movement are jointly convex, so that it costs at most ``(1 - lam) ADV + lam ROB``,
whatever the advice.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners import _advice
from jaxsoco.smoothed.learners._advice import Advised
from jaxsoco.smoothed.learners._descent import number
from jaxsoco.smoothed.settings_advice import InterpolateParams
from jaxsoco.smoothed.spec import Feedback, Observation, Spec


class InterpolateState(NamedTuple):
    """Before a round.

    Attributes:
      advised: advice and robust learner.
      faults: of the robust learner, int32 ``[...]``.
      clock: rounds that have begun, int32 ``[]``.
    """

    advised: Advised
    faults: jax.Array
    clock: jax.Array


def _init(key: jax.Array, params: InterpolateParams, spec: Spec) -> InterpolateState:
    advised = _advice.begin(key, params, spec)
    return InterpolateState(advised, advised.faults, jnp.zeros((), jnp.int32))


def _act(
    key: jax.Array, params: InterpolateParams, state: InterpolateState, obs: Observation
) -> tuple[jax.Array, InterpolateState]:
    clock = state.clock + 1
    advised = _advice.think(key, params, state.advised, obs, clock)
    share = number(params.trust, obs.game)[None]
    action = (1 - share) * advised.adviser.position + share * advised.robust.position
    return action, InterpolateState(advised, advised.faults, clock)


def _update(
    params: InterpolateParams, state: InterpolateState, action: jax.Array, feedback: Feedback
) -> InterpolateState:
    del action
    return state._replace(advised=_advice.learn(params, state.advised, feedback))


interpolate = Algorithm(_init, _act, _update)
"""A fixed mean of advice and a robust learner; parameters
:class:`~jaxsoco.smoothed.settings_advice.InterpolateParams`."""
