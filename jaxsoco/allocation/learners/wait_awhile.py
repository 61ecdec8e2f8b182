"""Let's wait awhile: shifts the job in time, to the forecast's cheapest slots where it arrived.

With the forecast ``F`` at the region of arrival, ``r`` slots of work left before slot ``t``::

    interrupting      runs if F_t is among the r lowest of F_t .. F_T (earlier slots first at ties)
    not interrupting  runs from s* = argmin_{t <= s <= T - J + 1} sum_{k = s}^{s + J - 1} F_k on

Both choose what they would at the arrival, for the forecast is the same in every slot. It does not
look at the costs of the present slot, nor at switches. There is no guarantee.

Wiesner, Behnke, Scheinert, Gontarska, Thamsen, "Let's wait awhile: how temporal workload shifting
can reduce carbon emissions in the cloud", Middleware 2021, section 4.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import WholeSlots, arrive, keep, run_slot
from jaxsoco.allocation.settings_rivals import WaitAwhileParams
from jaxsoco.allocation.spec import Observation
from jaxsoco.core.lanes import take
from jaxsoco.core.protocol import Algorithm


def _act(
    key: jax.Array, params: WaitAwhileParams, state: WholeSlots, obs: Observation
) -> tuple[jax.Array, WholeSlots]:
    del key
    runs = _is_cheap(state, obs) if params.interrupting else _has_begun(state, obs)
    return run_slot(state, obs, state.place, runs)


def _own_forecast(state: WholeSlots, obs: Observation) -> tuple[jax.Array, jax.Array]:
    """``F`` at the job's region and the numbers of the slots, ``[slots, ...]`` each."""
    own = take(obs.forecast, state.place, axis=1)
    return own, jnp.arange(1, own.shape[0] + 1).reshape(-1, *(1,) * state.place.ndim)


def _is_cheap(state: WholeSlots, obs: Observation) -> jax.Array:
    """Whether fewer slots to come are cheaper than slots are left, ``[...]``."""
    own, number = _own_forecast(state, obs)
    now = own[jnp.ravel(obs.slot)[0] - 1]  # all lanes are in the same slot
    to_come = (number > obs.slot[None]) & (number <= state.deadline[None])
    return jnp.sum(to_come & (own < now[None]), axis=0) < state.slots(state.left, state.place)


def _has_begun(state: WholeSlots, obs: Observation) -> jax.Array:
    """Whether the job runs already, or begins in this slot, ``[...]``."""
    own, number = _own_forecast(state, obs)
    sums = jnp.concatenate([jnp.zeros_like(own[:1]), jnp.cumsum(own, axis=0)])
    needed = state.slots(state.length, state.place)
    end = jnp.minimum(number - 1 + needed[None], own.shape[0])
    block = jnp.take_along_axis(sums, end, axis=0) - sums[:-1]
    last = jnp.maximum(state.deadline - needed, 0) + 1
    allowed = (number >= obs.slot[None]) & (number <= last[None])
    start = jnp.argmin(jnp.where(allowed, block, jnp.inf), axis=0) + 1
    return (state.left < state.length) | (start == obs.slot)


wait_awhile = Algorithm(arrive, _act, keep)
"""Waits for the forecast's cheapest slots; parameters :class:`WaitAwhileParams`."""
