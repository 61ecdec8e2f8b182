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
from jaxsoco.smoothed.learners._shared import number
from jaxsoco.smoothed.settings_advice import CombineParams
from jaxsoco.smoothed.spec import Observation, Spec
from jaxsoco.smoothed.theory.trust import change_leader


class Leader(NamedTuple):
    """Who is followed.

    Attributes:
      place: 0 for advice, 1 for the robust learner, int32 ``[...]``.
      bound: on the leader's cost, ``[...]``.
    """

    place: jax.Array
    bound: jax.Array


def _init(key: jax.Array, params: CombineParams, spec: Spec) -> Advised:
    state = _advice.begin(key, params, spec)
    first = Leader(jnp.zeros(key.shape[1:], jnp.int32), jnp.zeros_like(state.adviser.cost))
    return state._replace(own=first)


def _act(
    key: jax.Array, params: CombineParams, state: Advised, obs: Observation
) -> tuple[jax.Array, Advised]:
    state = _advice.think(key, params, state, obs)
    gamma = number(params.gamma, obs.game)
    leader = Leader(*change_leader(state.own.place, state.own.bound, state.costs, gamma))
    follows = (leader.place == 1)[None]
    action = jnp.where(follows, state.robust.position, state.adviser.position)
    return action, state._replace(own=leader)


combine = Algorithm(_init, _act, _advice.learn)
"""Advice and a robust learner combined; parameters
:class:`~jaxsoco.smoothed.settings_advice.CombineParams`."""
