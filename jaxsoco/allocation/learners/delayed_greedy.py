"""Delayed greedy: waits for the forecast's cheapest slot and point (section 5).

With the forecast ``F`` of all slots, known from the start::

    (t*, u*) = argmin_{t <= T, u} F_t(u) / c_u
    start    = min(t*, T - ceil(1 / c_u*) + 1)

It waits OFF where the job arrived until the slot ``start``, and then runs at ``u*``: J slots, where
the speed is 1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import WholeSlots, arrive, keep, run_slot
from jaxsoco.allocation.settings import BaselineParams
from jaxsoco.allocation.spec import Observation
from jaxsoco.core.protocol import Algorithm


def _act(
    key: jax.Array, params: BaselineParams, state: WholeSlots, obs: Observation
) -> tuple[jax.Array, WholeSlots]:
    del key, params
    slots, n = obs.forecast.shape[:2]
    number = jnp.arange(1, slots + 1).reshape(-1, 1, *(1,) * state.place.ndim)
    costs = state.costs(obs.forecast)
    within = jnp.where(number <= state.deadline[None, None], costs, jnp.inf)
    # One argmin over slots and points: best = (t* - 1) n + u*.
    best = jnp.argmin(within.reshape(slots * n, *within.shape[2:]), axis=0)
    needed = state.slots(state.length, best % n)
    start = jnp.maximum(jnp.minimum(best // n + 1, state.deadline - needed + 1), 1)
    place = jnp.where(obs.slot == start, best % n, state.place)
    return run_slot(state, obs, place, obs.slot >= start)


delayed_greedy = Algorithm(arrive, _act, keep)
"""Runs from the forecast's cheapest slot on; parameters :class:`BaselineParams`."""
