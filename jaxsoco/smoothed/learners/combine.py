"""Combination: it stays with one until its cost exceeds a bound, then follows the other.

The bound is multiplied by ``gamma`` at every change. Costs are what advice and the robust learner
would have paid so far if followed from the start. Where movement is a metric, it costs at most ``2
gamma^2 / (gamma - 1) + 1`` times what the better one does, 9 with ``gamma = 2``. The first bound is
what the better one has paid once both have paid.

Antoniadis, Coester, Elias, Polak, Simon, "Online metric algorithms with untrusted predictions",
ICML 2020, section 3, after Fiat et al. 1994.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners import _advice
from jaxsoco.smoothed.learners._advice import Advised
from jaxsoco.smoothed.learners._descent import number
from jaxsoco.smoothed.settings_advice import CombineParams
from jaxsoco.smoothed.spec import Feedback, Observation, Spec
from jaxsoco.smoothed.theory.trust import change_leader


class CombineState(NamedTuple):
    """Before a round.

    Attributes:
      advised: advice and robust learner.
      leader: 0 for advice, 1 for the robust learner, int32 ``[...]``.
      bound: on the leader's cost, ``[...]``.
      faults: of the robust learner, int32 ``[...]``.
      clock: rounds that have begun, int32 ``[]``.
    """

    advised: Advised
    leader: jax.Array
    bound: jax.Array
    faults: jax.Array
    clock: jax.Array


def _init(key: jax.Array, params: CombineParams, spec: Spec) -> CombineState:
    advised = _advice.begin(key, params, spec)
    leader, clock = jnp.zeros(key.shape[1:], jnp.int32), jnp.zeros((), jnp.int32)
    bound = jnp.zeros_like(advised.adviser.cost)
    return CombineState(advised, leader, bound, advised.faults, clock)


def _act(
    key: jax.Array, params: CombineParams, state: CombineState, obs: Observation
) -> tuple[jax.Array, CombineState]:
    clock = state.clock + 1
    advised = _advice.think(key, params, state.advised, obs, clock)
    gamma = number(params.gamma, obs.game)
    leader, bound = change_leader(state.leader, state.bound, advised.costs, gamma)
    follows = (leader == 1)[None]
    action = jnp.where(follows, advised.robust.position, advised.adviser.position)
    return action, CombineState(advised, leader, bound, advised.faults, clock)


def _update(
    params: CombineParams, state: CombineState, action: jax.Array, feedback: Feedback
) -> CombineState:
    del action
    return state._replace(advised=_advice.learn(params, state.advised, feedback))


combine = Algorithm(_init, _act, _update)
"""Advice and a robust learner combined; parameters
:class:`~jaxsoco.smoothed.settings_advice.CombineParams`."""
