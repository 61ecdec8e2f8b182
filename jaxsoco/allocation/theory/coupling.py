"""Schedules drawn from fractional decisions (arXiv 2408.07831, theorem 2.5).

A decision ``p_t`` says with which probability the job is in each state. Drawn from ``p_t`` alone,
the states of successive slots would jump; drawn from an optimal coupling of ``(p_{t-1}, p_t)``,

    s_0 = OFF at the start,    P(s_t = j | s_{t-1} = i) = pi_t(i, j) / p_{t-1}(i)

they have the decisions as their marginals, and the expected cost of the schedule is the cost of
the decisions. The coupling is built in the three steps of the split identity of W1, each of which
keeps in place all mass that may stay. With ``stay = min(p_OFF, q_OFF)`` at every point:

1. of the mass OFF, ``p_OFF - stay`` is switched on, where it is;
2. what is ON then, ``p_ON + p_OFF - stay``, is carried to ``q_ON + q_OFF - stay`` by an optimal
   plan over the distances;
3. where it arrives, ``q_OFF - stay`` of it is switched off.

The steps cost ``sum beta (p_OFF - stay)``, ``W1_d(P, Q)`` and ``sum beta (q_OFF - stay)``; together
that is ``W1(p, q)``, so that the coupling they make is optimal.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric
from jaxsoco.core import random
from jaxsoco.core.lanes import lift, one_hot, spread, take
from jaxsoco.core.shapes import expect, expect_floating
from jaxsoco_kernels import transport


class _Steps(NamedTuple):
    """The chances of the three steps; states of no mass stay where they are.

    Attributes:
      leaves: that what is OFF is switched on, ``[n, ...]``.
      carried: where what is ON goes, from and to, ``[n, n, ...]``.
      runs: that what has arrived stays ON, ``[n, ...]``.
    """

    leaves: jax.Array
    carried: jax.Array
    runs: jax.Array


def optimal_coupling(p: jax.Array, q: jax.Array, metric: StateMetric) -> jax.Array:
    """An optimal plan from one decision to the next: what goes from every state to every other.

    >>> from jaxsoco.allocation import StateMetric, optimal_coupling
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> on, half = jnp.array([1.0, 0.0, 0.0, 0.0]), jnp.array([0.5, 0.0, 0.0, 0.5])
    >>> optimal_coupling(on, half, metric)[0].tolist()  # half stays, half moves and switches off
    [0.5, 0.0, 0.0, 0.5]

    Args:
      p: ``[2n, ...]``, sums to 1.
      q: ``[2n, ...]``, sums to 1.
      metric: of the states, factored.

    Returns:
      ``[2n, 2n, ...]`` with row sums ``p`` and column sums ``q``; its cost is ``W1(p, q)``.
      Source: arXiv 2408.07831, theorem 2.5.
    """
    n = metric.points
    steps = _steps(p, q, metric)
    states = [jnp.full(jnp.shape(p)[1:], i, jnp.int32) for i in range(2 * n)]
    return jnp.stack([p[i][None] * _onward(steps, state) for i, state in enumerate(states)])


def next_state(
    draw: jax.Array, state: jax.Array, p: jax.Array, q: jax.Array, metric: StateMetric
) -> jax.Array:
    """Draws the state that follows one under ``p``, by the optimal coupling of ``p`` and ``q``.

    >>> from jaxsoco.allocation import StateMetric, next_state
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> on, half = jnp.array([1.0, 0.0, 0.0, 0.0]), jnp.array([0.5, 0.0, 0.0, 0.5])
    >>> [int(next_state(draw, 0, on, half, metric)) for draw in (0.3, 0.7)]
    [0, 3]

    Args:
      draw: uniform in [0, 1), ``[...]``.
      state: of positive probability under ``p``, int ``[...]``.
      p: the decision before, ``[2n, ...]``.
      q: the decision now, ``[2n, ...]``.
      metric: of the states, factored.

    Returns:
      int32 ``[...]``, of positive probability under ``q``.
    """
    p, q = jnp.asarray(p), jnp.asarray(q)
    draw, state = spread(draw, p[0]), jnp.broadcast_to(jnp.asarray(state, jnp.int32), p.shape[1:])
    chances = jax.lax.stop_gradient(_onward(_steps(p, q, metric), state))
    reached = jnp.cumsum(chances, axis=0)
    # The first state at which the distribution function exceeds the draw.
    place = jnp.sum(reached <= lift(draw * reached[-1]), axis=0, dtype=jnp.int32)
    # The product may round up to the whole: then it is the last state that is possible.
    numbers = jnp.arange(p.shape[0], dtype=jnp.int32).reshape(-1, *(1,) * (p.ndim - 1))
    return jnp.minimum(place, jnp.max(jnp.where(chances > 0, numbers, 0), axis=0))


def sample_schedule(
    key: jax.Array,
    decisions: jax.Array,
    metric: StateMetric | TimedMetric,
    start: jax.Array | int,
) -> jax.Array:
    """Draws a schedule, one state a slot, from the fractional decisions of a run.

    Given the key of the run, it is the schedule that a problem with ``sample=True`` charges. Work
    that the decisions do in full is done in expectation only: a schedule may finish early, or not.

    >>> from jaxsoco.allocation import StateMetric, sample_schedule
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> half = jnp.array([0.5, 0.0, 0.5, 0.0])  # half of the job runs, at the first point
    >>> decisions = jnp.broadcast_to(half[:, None], (3, 4, 5))  # three slots, five runs
    >>> sample_schedule(jax.random.split(key, 5), decisions, metric, start=0).tolist()
    [[2, 0, 2, 2, 2], [2, 0, 2, 2, 2], [2, 0, 2, 2, 2]]

    Args:
      key: a JAX key ``[...]``, every axis a lane; the run may use it, too.
      decisions: of every slot, ``[T, 2n, ...]``, such as ``run.trace[0]``.
      metric: of the states, factored; or one for every segment of slots.
      start: point where the job arrives (OFF), int ``[...]``.

    Returns:
      The states, int32 ``[T, ...]``. Source: arXiv 2408.07831, theorem 2.5.

    Raises:
      TypeError: ``key`` is no JAX key, or the decisions are no floating-point numbers.
    """
    words, n = random.key_words(key), metric.points
    decisions = jnp.asarray(decisions)
    expect_floating(decisions=decisions)
    lanes = words.shape[1:]
    expect(decisions=(decisions, " ".join(map(str, ("T", 2 * n, *lanes)))))
    return draw_schedule(words, decisions, metric, start)


def draw_schedule(
    words: jax.Array,
    decisions: jax.Array,
    metric: StateMetric | TimedMetric,
    start: jax.Array | int,
) -> jax.Array:
    """As :func:`sample_schedule`, for the words of a key ``[2, ...]``."""
    n, lanes = metric.points, words.shape[1:]
    place = jnp.broadcast_to(jnp.asarray(start, jnp.int32) + n, lanes)
    first = one_hot(place, 2 * n, dtype=decisions.dtype)

    def step(carry, now):
        place, before = carry
        slot, decision = now
        draw = slot_draw(random.round_keys(words, slot)[random.NOISE], decision.dtype)
        place = next_state(draw, place, before, decision, metric.at(slot - 1))
        return (place, decision), place

    slots = jnp.arange(1, decisions.shape[0] + 1)
    return jax.lax.scan(step, (place, first), (slots, decisions))[1]


def slot_draw(key: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """The uniform ``[...]`` behind the state of a slot, from the key of the slot's noise."""
    return random.uniform(key, (), dtype)


def _steps(p: jax.Array, q: jax.Array, metric: StateMetric) -> _Steps:
    n = metric.points
    p, q = jnp.asarray(p), jnp.asarray(q)
    metric = metric.with_lanes(p.ndim - 1)
    stay = jnp.minimum(p[n:], q[n:])
    before, after = p[:n] + p[n:] - stay, q[:n] + q[n:] - stay
    _, flow, _, _ = transport.transport(before - after, metric.distance)
    # What the plan does not carry away stays in place.
    rest = jnp.maximum(before - jnp.sum(flow, axis=1), 0)
    here = jnp.eye(n, dtype=bool).reshape(n, n, *(1,) * (p.ndim - 1))
    carried = flow + jnp.where(here, rest[:, None], 0)
    total = jnp.sum(carried, axis=1, keepdims=True)
    chances = jnp.where(total > 0, carried / jnp.where(total > 0, total, 1), here)
    return _Steps(1 - _share(stay, p[n:], 1), chances, _share(q[:n], after, 0))


def _share(part: jax.Array, whole: jax.Array, nothing: int) -> jax.Array:
    """``part / whole`` in [0, 1], or ``nothing`` where there is no mass."""
    some = whole > 0
    return jnp.where(some, jnp.clip(part / jnp.where(some, whole, 1), 0, 1), nothing)


def _onward(steps: _Steps, state: jax.Array) -> jax.Array:
    """The chances of the next states ``[2n, ...]`` for each lane's state ``[...]``."""
    n = steps.leaves.shape[0]
    at = state % n
    off = state >= n
    moves = jnp.where(off, take(steps.leaves, at), 1)
    carried = lift(moves) * take(steps.carried, at)
    rests = jnp.where(one_hot(at, n), lift(1 - moves), 0)
    return jnp.concatenate([carried * steps.runs, carried * (1 - steps.runs) + rests])
