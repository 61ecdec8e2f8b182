"""Mixes of paths: fractional decisions that put a fixed weight on each of a few paths of states.

The cost of a mix is not the mean of its paths' costs: mass of one path may take the place of
another's, so a change costs ``W1`` of the two marginals, which is at most that mean.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric, movement


def marginal(states: jax.Array, weights: jax.Array, points: int) -> jax.Array:
    """The decision ``sum_a weights[a] delta(states[a])``, ``[2n, ...]``.

    Args:
      states: int ``[A, ...]``.
      weights: ``[A, ...]``.
      points: ``n``.
    """
    places = jnp.arange(2 * points, dtype=jnp.int32).reshape(-1, 1, *(1,) * (states.ndim - 1))
    return jnp.sum(jnp.where(places == states[None], weights[None], 0), axis=1)


def state_work(states: jax.Array, throughput: jax.Array, points: int) -> jax.Array:
    """Work ``c(a) [A, ...]`` of advice in states ``[A, ...]``.

    Args:
      states: int ``[A, ...]``.
      throughput: ``c``, ``[1, ...]``, or ``[n, ...]`` where points work at several rates.
      points: ``n``.
    """
    if throughput.shape[0] == 1:
        return jnp.where(states < points, throughput, 0)
    places = jnp.arange(points).reshape(-1, *(1,) * states.ndim)
    return jnp.sum(jnp.where(places == states[None], throughput[:, None], 0), axis=0)


def mix_ledger(
    costs: jax.Array,
    metric: StateMetric | TimedMetric,
    states: jax.Array,
    weights: jax.Array,
    start: jax.Array | int,
    deadline: jax.Array | int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Service, move and switch costs of following a mix of paths exactly.

    Args:
      costs: ``[T, n, ...]``.
      metric: the metric over states, or one for every segment of slots.
      states: of each path, int ``[T, A, ...]``.
      weights: ``[A, ...]``.
      start: point where the job arrives (OFF), int ``[...]``.
      deadline: last slot that counts, int ``[...]``.

    Returns:
      Three costs ``[...]``; the final switch-off counts as a switch.
    """
    horizon, n, shape = costs.shape[0], costs.shape[1], costs.shape[2:]
    metric = metric.with_lanes(len(shape))
    begin = jnp.broadcast_to(jnp.asarray(start + n, jnp.int32), shape)[None]
    before = marginal(begin, jnp.ones_like(begin, costs.dtype), n)

    def step(carry, now):
        (service, move, switched), before = carry
        t, f, places = now
        decision = marginal(places, weights, n)
        on = decision[:n]
        moved, changed = movement(decision, before, metric.at(t))
        final = jnp.where(t + 1 == deadline, jnp.sum(metric.switch * on, axis=0), 0)
        within = t < deadline
        parts = (
            service + jnp.where(within, jnp.sum(f * on, axis=0), 0),
            move + jnp.where(within, moved, 0),
            switched + jnp.where(within, changed + final, 0),
        )
        return (parts, decision), None

    zeros = jnp.zeros(shape, costs.dtype)
    slots = jnp.arange(horizon)
    return jax.lax.scan(step, ((zeros, zeros, zeros), before), (slots, costs, states))[0][0]
