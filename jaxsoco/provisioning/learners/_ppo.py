"""PPO as a learner of episodes: what is kept between them, and when the policy moves.

An episode is one trajectory. ``batch`` of them are kept, then the policy is improved
(:mod:`~jaxsoco.provisioning.theory.proximal_policy`) and the next batch begins. All lanes are at
the same episode, so that between two improvements nothing but the trajectory is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot, spread, where
from jaxsoco.provisioning.learners._rivals import begin_path
from jaxsoco.provisioning.learners._shared import Descent
from jaxsoco.provisioning.settings_rivals import PPOParams
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec
from jaxsoco.provisioning.theory.proximal_policy import ADAM, Weights, collect, improve


class PPOState(NamedTuple):
    """State of PPO.

    Attributes:
      descent: the budget.
      weights: logits ``[T, S, A, ...]`` and values ``[2, T, S, ...]``.
      moments: Adam's.
      states: of the batch so far, int32 ``[N, T + 1, ...]``.
      actions: int32 ``[N, T, ...]``.
      excess: consumption above the budget, summed over the batch, ``[...]``.
      integral: what ``lambda`` has gathered over all batches, ``[...]``.
      multiplier: ``lambda``, ``[...]``.
    """

    descent: Descent
    weights: Weights
    moments: Any
    states: jax.Array
    actions: jax.Array
    excess: jax.Array
    integral: jax.Array
    multiplier: jax.Array


def over_lanes(function: Callable, lanes: int) -> Callable:
    """A function of one run as a function of arrays with so many trailing lane axes."""
    for _ in range(lanes):
        function = jax.vmap(function, in_axes=-1, out_axes=-1)
    return function


def begin(key: jax.Array, params: PPOParams, spec: Spec) -> PPOState:
    """All actions alike, all values 0, an empty batch."""
    lanes, dtype = key.shape[1:], spec.dtype
    slots, s, a = spec.slots, spec.states, spec.actions
    weights = Weights(
        jnp.zeros((slots, s, a, *lanes), dtype), jnp.zeros((2, slots, s, *lanes), dtype)
    )
    zeros = jnp.zeros(lanes, dtype)
    return PPOState(
        descent=begin_path(key, params, spec),
        weights=weights,
        moments=over_lanes(ADAM.init, len(lanes))(weights),
        states=jnp.zeros((params.batch, slots + 1, *lanes), jnp.int32),
        actions=jnp.zeros((params.batch, slots, *lanes), jnp.int32),
        excess=zeros,
        integral=zeros,
        multiplier=zeros,
    )


def act(
    key: jax.Array, params: PPOParams, state: PPOState, obs: Observation
) -> tuple[Action, PPOState]:
    """The budget and the policy; nothing is drawn."""
    del key, params
    budget = state.descent.budget
    policy = jax.nn.softmax(state.weights.logits, axis=2)
    state = state._replace(descent=state.descent._replace(episode=obs.episode))
    return Action(budget, policy, state.multiplier, jnp.zeros(budget.shape, bool)), state


def remember(params: PPOParams, state: PPOState, feedback: Feedback) -> PPOState:
    """The batch with one more trajectory."""
    place = (state.descent.episode - 1) % params.batch
    here = one_hot(place, params.batch)[:, None]
    return state._replace(
        states=jnp.where(here, feedback.states[None], state.states),
        actions=jnp.where(here, feedback.actions[None], state.actions),
    )


def is_full(params: PPOParams, state: PPOState) -> jax.Array:
    """Whether the batch is complete, bool ``[...]``."""
    return state.descent.episode % params.batch == 0


def improved(params: PPOParams, state: PPOState) -> PPOState:
    """The policy after the batch, where it is complete."""
    full, known = is_full(params, state), state.descent.known
    like = state.multiplier
    numbers = spread((params.learning_rate, params.clip, params.entropy, params.trace), like)
    slots = state.actions.shape[1]
    tables = jnp.stack([known.loss, known.consumption])
    tables = jnp.broadcast_to(tables, (2, slots, *tables.shape[2:]))
    # What is left of the learning rate when this batch began.
    share = 1 - (state.descent.episode - params.batch) / known.episodes
    share = jnp.clip(share, 0, 1).astype(like.dtype)

    def one(weights, moments, tables, price, episodes, share, numbers):
        own = params_of(params, numbers)
        batch = collect(own, weights, tables, price, episodes)
        return improve(own, weights, moments, batch, share)

    def learn(_):
        old = (state.weights, state.moments)
        episodes = (state.states, state.actions)
        arguments = (*old, tables, state.multiplier, episodes, share, numbers)
        return where(full, over_lanes(one, like.ndim)(*arguments), old)

    def keep(_):
        return state.weights, state.moments

    weights, moments = jax.lax.cond(jnp.any(full), learn, keep, None)
    return state._replace(weights=weights, moments=moments)


def params_of(params: PPOParams, numbers: tuple[Any, ...]) -> PPOParams:
    """The parameters with one run's numbers."""
    rate, clip, entropy, trace = numbers
    return type(params)(
        batch=params.batch,
        epochs=params.epochs,
        learning_rate=rate,
        clip=clip,
        entropy=entropy,
        trace=trace,
    )
