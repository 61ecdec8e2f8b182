"""Balanced steps: a greedy step for the curvature that the feedback has shown so far.

With ``y = x - v`` the deviation from the minimiser and ``w_t = y_(t-1) - delta_t`` the deviation
if nothing is done, a hitting cost ``a/2 |y|^2`` and ``lambda`` on moving give::

    y_t = argmin_y  a/2 |y|^2 + lambda/2 |y - w_t|^2 = lambda / (lambda + a) w_t

The hitting cost is hidden, so ``a`` is estimated from its noisy values ``f_s`` by least squares on
``q_s = |y_s|^2 / 2``, drawn towards a prior::

    a_t = (prior + sum_s f_s q_s) / (1 + sum_s q_s^2)
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.extend import Algorithm
from jaxsoco.tracking import Feedback, Observation, Spec
from jaxsoco_seasons import BalancedParams


class State(NamedTuple):
    """The last deviation ``[d, ...]``, ``sum f q`` and ``sum q^2``, ``[...]`` each."""

    deviation: jax.Array
    products: jax.Array
    squares: jax.Array


def start(key: jax.Array, params: BalancedParams, spec: Spec) -> State:
    """The state at the minimiser, before any feedback."""
    del params
    # Of the spec, a learner may read sizes and bounds; the lanes are those of the key.
    deviation = jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)
    return State(deviation, jnp.zeros_like(deviation[0]), jnp.zeros_like(deviation[0]))


def curvature(params: BalancedParams, state: State) -> jax.Array:
    """The estimate ``a_t [...]``. Noise may make it negative; the curvature never is."""
    return jnp.maximum((params.prior + state.products) / (1 + state.squares), 0)


def learn(params: BalancedParams, state: State, action: jax.Array, feedback: Feedback) -> State:
    """The state with one more ``f`` and ``q``."""
    del params
    half = jnp.sum(action * action, axis=0) / 2
    return state._replace(
        products=state.products + feedback.value * half, squares=state.squares + half * half
    )


def _act(
    key: jax.Array, params: BalancedParams, state: State, obs: Observation
) -> tuple[jax.Array, State]:
    del key
    stay = state.deviation - obs.increment
    keep = params.weight / (params.weight + curvature(params, state))
    deviation = keep[None] * stay
    return deviation, state._replace(deviation=deviation)


balanced_step = Algorithm(start, _act, learn)
"""The learner; parameters :class:`~jaxsoco_seasons.BalancedParams`."""
