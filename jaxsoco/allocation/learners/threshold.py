"""Threshold: runs a slot whenever its price is low enough, else waits in place (section 5).

With the work ``r`` left before slot ``t``::

    mandatory:  (T - t) max_u c_u < r                runs where it is, or if that is too slow at
                                                     argmax_u c_u
    accepts:    min_u f_t(u) / c_u <= sqrt(L U)      runs at argmin_u f_t(u) / c_u
    otherwise                                        waits OFF where it is
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import (
    WholeSlots,
    arrive,
    cheapest_point,
    compulsory_place,
    keep,
    run_slot,
)
from jaxsoco.allocation.settings import BaselineParams
from jaxsoco.allocation.spec import Observation
from jaxsoco.core.protocol import Algorithm


def _act(
    key: jax.Array, params: BaselineParams, state: WholeSlots, obs: Observation
) -> tuple[jax.Array, WholeSlots]:
    del key, params
    costs, mandatory = state.costs(obs.costs), state.is_urgent(obs.slot)
    accepts = jnp.min(costs, axis=0) <= state.price
    stays = jnp.where(mandatory, compulsory_place(state, obs.slot), state.place)
    place = jnp.where(accepts & ~mandatory, cheapest_point(costs), stays)
    return run_slot(state, obs, place, accepts | mandatory)


threshold = Algorithm(arrive, _act, keep)
"""Runs wherever a unit of work costs at most ``sqrt(L U)``; parameters :class:`BaselineParams`."""
