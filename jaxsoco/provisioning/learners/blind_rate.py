"""The same rate in every state, from a budget that follows the service costs alone.

Episode ``k`` with ``T`` slots and ``theta_f = 2 (tracking + anchoring)``::

    pi_k(s) = the two actions next to b_k / T, mixed to spend just that in every slot
    b_{k+1} = clip(b_k - f_k'(b_k) / (theta_f k), B0, b_high)
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot, take
from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._shared import (
    Descent,
    begin_descent,
    follow_service,
    plain_action,
)
from jaxsoco.provisioning.settings_learners import BlindRateParams
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec


class BlindRateState(NamedTuple):
    """Descent of the budget; zeros ``[T, ...]``, in whose shape the number of slots stands."""

    descent: Descent
    slots: jax.Array


def init(key: jax.Array, params: BlindRateParams, spec: Spec) -> BlindRateState:
    """The least budget."""
    del params
    slots = jnp.zeros((spec.slots, *key.shape[1:]), spec.dtype)
    return BlindRateState(begin_descent(key, spec), slots)


def act(
    key: jax.Array, params: BlindRateParams, state: BlindRateState, obs: Observation
) -> tuple[Action, BlindRateState]:
    """The budget, spread evenly over the slots; nothing is drawn."""
    del key, params
    descent = state.descent._replace(episode=obs.episode)
    slots, states = state.slots.shape[0], descent.known.loss.shape[1]
    chances = constant_rate(descent.known.consumption, descent.budget / slots)
    policy = jnp.broadcast_to(chances[None, None], (slots, states, *chances.shape))
    return plain_action(descent.budget, policy), state._replace(descent=descent)


def constant_rate(consumption: jax.Array, rate: jax.Array) -> jax.Array:
    """Chances of the actions, ``[A, ...]``, that spend ``rate [...]`` in every slot.

    The two actions next to the rate are mixed. Where an action's consumption depends on the state
    or the slot, its largest counts, so that no more than the rate is spent.

    Args:
      consumption: ``[T, S, A, ...]`` or ``[1, S, A, ...]``.
      rate: resources a slot; clipped to what actions take.
    """
    rates = jnp.max(consumption, axis=(0, 1))
    rate = jnp.clip(rate, jnp.min(rates, axis=0), jnp.max(rates, axis=0))[None]
    # The nearest action at or below the rate, and the nearest at or above it.
    below = jnp.argmax(jnp.where(rates <= rate, rates, -jnp.inf), axis=0)
    above = jnp.argmin(jnp.where(rates >= rate, rates, jnp.inf), axis=0)
    low, high = take(rates, below), take(rates, above)
    # rate = (1 - share) low + share high
    gap = high - low
    share = jnp.where(gap > 0, (rate[0] - low) / jnp.where(gap > 0, gap, 1), 0)[None]
    # Where both are the same action the share is 0, and all the chance is on it.
    is_below, is_above = (one_hot(index, rates.shape[0]) for index in (below, above))
    return jnp.where(is_below, 1 - share, 0) + jnp.where(is_above, share, 0)


def update(
    params: BlindRateParams, state: BlindRateState, action: Action, feedback: Feedback
) -> BlindRateState:
    """Moves the budget along the slope of the service costs."""
    del params, action
    return state._replace(descent=follow_service(state.descent, feedback))


blind_rate = Algorithm(init, act, update)
"""The same rate in every state; :class:`~jaxsoco.provisioning.BlindRateParams`."""
