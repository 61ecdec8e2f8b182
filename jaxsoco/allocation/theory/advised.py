"""Advice as ST-CLIP's step takes it: one state, states with weights, or a distribution."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric
from jaxsoco.core.lanes import align


class Mix(NamedTuple):
    """States ``[A, ...]`` and their weights ``[A, ...]``; states None: all, with ``[2n, ...]``."""

    states: jax.Array | None
    weights: jax.Array


def read_advice(
    advice: jax.Array | tuple[jax.Array, jax.Array], like: jax.Array
) -> jax.Array | Mix:
    """One advised state, int ``[...]``, or a mix of several: a choice by type and shape.

    Args:
      advice: an int ``[...]``, ``(states [A, ...], weights [A, ...])``, or ``[2n, ...]``.
      like: a decision, ``[2n, ...]``.

    Raises:
      ValueError: the advice has another form.
    """
    shape, lanes = like.shape, like.ndim - 1
    if isinstance(advice, tuple):
        states, weights = (jnp.asarray(x) for x in advice)
        whole = jnp.issubdtype(states.dtype, jnp.integer)
        if not (whole and states.ndim and weights.ndim and len(states) == len(weights)):
            raise ValueError(
                "advice: want int states [A, ...] and as many weights, got "
                f"{states.dtype} {states.shape} and {weights.shape}"
            )
        states, weights = (
            jnp.broadcast_to(align(x, 1, lanes), (x.shape[0], *shape[1:]))
            for x in (states, weights)
        )
        # One state has the whole weight.
        return states[0] if len(states) == 1 else Mix(states, weights.astype(like.dtype))
    advice = jnp.asarray(advice)
    if jnp.issubdtype(advice.dtype, jnp.integer) and advice.ndim in (0, lanes):
        return jnp.broadcast_to(advice, shape[1:])
    advice = align(advice, 1, lanes)
    if advice.shape[0] != shape[0]:
        raise ValueError(
            f"advice: want a state index, (states, weights) or [{shape[0]}, ...], "
            f"got {advice.shape}"
        )
    return Mix(None, jnp.broadcast_to(advice, shape).astype(like.dtype))


def advice_cost(
    metric: jax.Array | StateMetric, place: jax.Array, states: int, lanes: int
) -> jax.Array:
    """Cost ``M(j, a)`` of moving from every state to the advised one, ``[2n, ...]``."""
    places = jnp.arange(states).reshape(states, *(1,) * lanes)
    if not isinstance(metric, StateMetric):
        # Column a of the matrix, selected by a mask.
        at = places[None] == place[None, None]
        return jnp.sum(jnp.where(at, metric, 0), axis=1)
    n = states // 2
    at = places[:n] == (place % n)[None]
    # d(j, a), and beta at each end that is OFF.
    distance = jnp.sum(jnp.where(at[None], metric.distance, 0), axis=1)
    beta = metric.switch
    beta_there = jnp.sum(jnp.where(at & (place >= n)[None], beta, 0), axis=0)
    full = jnp.concatenate([distance, beta + distance]) + beta_there[None]
    # M(a, a) = 0, also where a is OFF.
    return jnp.where(places == place[None], 0, full)


def mix_cost(metric: jax.Array | StateMetric, mix: Mix) -> jax.Array:
    """Cost ``M(j, a_l)`` of moving from every state to every advised one, ``[2n, A, ...]``."""
    if mix.states is None:
        return metric.matrix() if isinstance(metric, StateMetric) else metric
    lanes = mix.weights.ndim - 1
    n = metric.points if isinstance(metric, StateMetric) else metric.shape[0] // 2
    each = jax.vmap(lambda state: advice_cost(metric, state, 2 * n, lanes), out_axes=1)
    return each(mix.states)


def mix_work(rates: jax.Array, mix: Mix) -> jax.Array:
    """Work ``c(a) [...]`` of a mix, for ``rates [2n, ...]`` that are 0 where OFF."""
    if mix.states is None:
        return jnp.sum(rates * mix.weights, axis=0)
    places = jnp.arange(rates.shape[0]).reshape(-1, 1, *(1,) * (mix.weights.ndim - 1))
    at = places == mix.states[None]
    return jnp.sum(jnp.where(at, rates[:, None], 0) * mix.weights[None], axis=(0, 1))
