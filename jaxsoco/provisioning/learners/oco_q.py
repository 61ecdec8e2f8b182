"""Learners whose budget follows the service costs alone: ``blind_rate`` and ``oco_q``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import spread, take
from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._shared import Known, known_of
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec


class Descent(NamedTuple):
    """Online gradient descent on the service costs: what is known, episode and budget ``[...]``."""

    known: Known
    episode: jax.Array
    budget: jax.Array


def _start(key: jax.Array, spec: Spec) -> Descent:
    like = jnp.zeros(key.shape[1:], spec.dtype)
    known = known_of(spec, like)
    return Descent(known, jnp.zeros(like.shape, jnp.int32), known.budget_low)


def _descend(state: Descent, feedback: Feedback) -> Descent:
    """A step of ``1 / (theta_f k)``."""
    known = state.known
    rate = known.curvature * jnp.maximum(state.episode, 1).astype(state.budget.dtype)
    moved = state.budget - feedback.slope / rate
    return state._replace(budget=jnp.clip(moved, known.budget_low, known.budget_high))


def _action(budget: jax.Array, policy: jax.Array) -> Action:
    return Action(budget, policy, jnp.zeros_like(budget), jnp.zeros(budget.shape, bool))


# --- a state-blind constant rate ------------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BlindRateParams:
    """Nothing to tune."""


def blind_rate_params(values: Mapping[str, Any]) -> BlindRateParams:
    """Parameters from an experiment's values (there are none)."""
    del values
    return BlindRateParams()


def _blind_init(key: jax.Array, params: BlindRateParams, spec: Spec) -> tuple[Descent, jax.Array]:
    del params
    # How long an episode is stands in the state's shape.
    like = jnp.zeros((spec.slots, *key.shape[1:]), spec.dtype)
    return _start(key, spec), like


def _blind_act(
    key: jax.Array, params: BlindRateParams, state: tuple[Descent, jax.Array], obs: Observation
) -> tuple[Action, tuple[Descent, jax.Array]]:
    del key, params
    descent, clock = state
    descent = descent._replace(episode=obs.episode)
    slots = clock.shape[0]
    chances = constant_rate(descent.known.consumption, descent.budget / slots)
    shape = (slots, descent.known.loss.shape[1], *chances.shape)
    policy = jnp.broadcast_to(chances[None, None], shape)
    return _action(descent.budget, policy), (descent, clock)


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
    below = jnp.argmax(jnp.where(rates <= rate, rates, -jnp.inf), axis=0)
    above = jnp.argmin(jnp.where(rates >= rate, rates, jnp.inf), axis=0)
    low, high = take(rates, below), take(rates, above)
    gap = high - low
    share = jnp.where(gap > 0, (rate[0] - low) / jnp.where(gap > 0, gap, 1), 0)[None]
    places = jnp.arange(rates.shape[0]).reshape(-1, *(1,) * below.ndim)
    return jnp.where(places == below[None], 1 - share, 0) + jnp.where(
        places == above[None], share, 0
    )


def _blind_update(
    params: BlindRateParams, state: tuple[Descent, jax.Array], action: Action, feedback: Feedback
) -> tuple[Descent, jax.Array]:
    del params, action
    return _descend(state[0], feedback), state[1]


blind_rate = Algorithm(_blind_init, _blind_act, _blind_update)
"""Spends ``b_k / T`` in every slot whatever the state; its budget follows the service costs."""


# --- Q-learning without a constraint --------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OcoQParams:
    """``exploration``: chance of an action at random, in [0, 1]."""

    exploration: jax.Array | float = 0.1


class OcoQState(NamedTuple):
    """Descent of the budget; values and visits of the actions, ``[T, S, A, ...]`` each."""

    descent: Descent
    value: jax.Array
    visits: jax.Array


def oco_q_params(values: Mapping[str, Any]) -> OcoQParams:
    """Parameters from an experiment's values."""
    return OcoQParams(exploration=jnp.asarray(values["exploration"], float))


def _q_init(key: jax.Array, params: OcoQParams, spec: Spec) -> OcoQState:
    del params
    shape = (spec.slots, spec.states, spec.actions, *key.shape[1:])
    zeros = jnp.zeros(shape, spec.dtype)
    return OcoQState(_start(key, spec), zeros, zeros)


def _q_act(
    key: jax.Array, params: OcoQParams, state: OcoQState, obs: Observation
) -> tuple[Action, OcoQState]:
    del key
    budget, actions = state.descent.budget, state.value.shape[2]
    (chance,) = spread((params.exploration,), budget)
    best = jnp.argmin(state.value, axis=2)
    places = jnp.arange(actions).reshape(1, 1, -1, *(1,) * budget.ndim)
    greedy = (places == best[:, :, None]).astype(budget.dtype)
    wide = chance[None, None, None]
    policy = (1 - wide) * greedy + wide / actions
    state = state._replace(descent=state.descent._replace(episode=obs.episode))
    return _action(budget, policy), state


def _q_update(
    params: OcoQParams, state: OcoQState, action: Action, feedback: Feedback
) -> OcoQState:
    del params, action
    slots, s, a = state.value.shape[:3]
    loss = state.descent.known.loss
    loss = jnp.broadcast_to(loss, (slots, *loss.shape[1:]))
    lanes = feedback.slope.ndim
    states = jnp.arange(s).reshape(-1, 1, *(1,) * lanes)
    actions = jnp.arange(a).reshape(1, -1, *(1,) * lanes)

    def step(ahead, now):
        value, visits, lost, state, chosen, after = now
        met = (states == state[None, None]) & (actions == chosen[None, None])
        visits = visits + met
        aim = lost + take(ahead, after)[None, None]
        rate = (slots + 1) / (slots + jnp.maximum(visits, 1))
        value = jnp.where(met, value + rate * (aim - value), value)
        return jnp.min(value, axis=1), (value, visits)

    path = (feedback.states[:-1], feedback.actions, feedback.states[1:])
    last = jnp.zeros((s, *feedback.slope.shape), state.value.dtype)
    tables = (state.value, state.visits, loss, *path)
    _, (value, visits) = jax.lax.scan(step, last, tables, reverse=True)
    return OcoQState(_descend(state.descent, feedback), value, visits)


oco_q = Algorithm(_q_init, _q_act, _q_update)
"""Q-learning that minimises the latency and ignores the budget; it violates the constraint.

Epsilon-greedy, one table for each slot, step sizes ``(T + 1) / (T + n)`` (Jin, Allen-Zhu, Bubeck,
Jordan 2018, "Is Q-learning provably efficient?"); parameters :class:`OcoQParams`.
"""
