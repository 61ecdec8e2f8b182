"""Follow the sun: runs at once, in every slot where the carbon is lowest then.

From slot 1 on, from where the job is, ``u``::

    v = argmin_v f_t(v) / c_v
    moves to v if f_t(v) / c_v < (1 - margin) f_t(u) / c_u, and runs where it then is

Moves are not weighed: ``margin = 0`` is the rule as practitioners state it. There is no guarantee.

"Follow the renewables": Liu, Lin, Wierman, Low, Andrew, "Geographical load balancing with
renewables", GreenMetrics 2011.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import WholeSlots, arrive, cheapest_point, keep, run_slot
from jaxsoco.allocation.settings_rivals import FollowSunParams
from jaxsoco.allocation.spec import Observation
from jaxsoco.core.lanes import spread, take
from jaxsoco.core.protocol import Algorithm


def _act(
    key: jax.Array, params: FollowSunParams, state: WholeSlots, obs: Observation
) -> tuple[jax.Array, WholeSlots]:
    del key
    costs = state.costs(obs.costs)
    here = take(costs, state.place)
    moves = jnp.min(costs, axis=0) < (1 - spread(params.margin, here)) * here
    place = jnp.where(moves, cheapest_point(costs), state.place)
    return run_slot(state, obs, place, jnp.ones(place.shape, bool))


follow_sun = Algorithm(arrive, _act, keep)
"""Runs where it is cheapest now; parameters :class:`FollowSunParams`."""
