"""Threshold: runs a slot whenever its price is low enough, else waits in place (section 5).

With ``r`` slots of work left before slot ``t``::

    mandatory:  T - t + 1 <= r                       runs where it is
    accepts:    min_u f_t(u) / c <= sqrt(L U)        runs at argmin_u f_t(u)
    otherwise                                        waits OFF where it is
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import WholeSlots, arrive, cheapest_point, keep, run_slot
from jaxsoco.allocation.settings import BaselineParams
from jaxsoco.allocation.spec import Observation
from jaxsoco.core.protocol import Algorithm


def _act(
    key: jax.Array, params: BaselineParams, state: WholeSlots, obs: Observation
) -> tuple[jax.Array, WholeSlots]:
    del key, params
    accepts = jnp.min(obs.costs, axis=0) <= state.price
    mandatory = state.deadline - obs.slot + 1 <= state.left
    place = jnp.where(accepts & ~mandatory, cheapest_point(obs.costs), state.place)
    return run_slot(state, obs, place, accepts | mandatory)


threshold = Algorithm(arrive, _act, keep)
"""Runs wherever a slot costs at most ``c sqrt(L U)``; parameters :class:`BaselineParams`."""
