"""Greedy: moves once, to ``argmin_u f_1(u) / c_u``, and runs there from slot 1 on (section 5)."""

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
    place = jnp.where(obs.slot == 1, cheapest_point(state.costs(obs.costs)), state.place)
    return run_slot(state, obs, place, jnp.ones(place.shape, bool))


greedy = Algorithm(arrive, _act, keep)
"""Runs at once at the point that is cheapest then; parameters :class:`BaselineParams`."""
