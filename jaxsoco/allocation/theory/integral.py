"""The best schedule in whole slots: a dynamic program over state and slots left."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric
from jaxsoco.allocation.theory.paths import Graph, ends, pick, relax
from jaxsoco.core.lanes import where
from jaxsoco_kernels.info import Info, Status


def integral_optimum(
    costs: jax.Array,
    metric: jax.Array | StateMetric | TimedMetric,
    throughput: jax.Array,
    switch: jax.Array,
    start: jax.Array | int,
    *,
    slots: int,
    length: jax.Array | int | None = None,
    deadline: jax.Array | int | None = None,
) -> tuple[jax.Array, jax.Array, Info]:
    """The cheapest schedule that is fully ON in exactly ``length`` slots, one path.

    >>> from jaxsoco.allocation import StateMetric, integral_optimum
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> costs = jnp.array([[4.0, 9.0], [1.0, 9.0], [2.0, 9.0]])
    >>> cost, path, _ = integral_optimum(costs, metric, jnp.array([0.5]), metric.switch, 0, slots=2)
    >>> round(float(cost), 3), path.tolist()  # OFF, ON, ON at point 0
    (3.5, [2, 0, 0])

    Args:
      costs: ``[T, n, ...]``.
      metric: as in :func:`offline_optimum`.
      throughput: ``[n, ...]``; unused but for its symmetry with the fractional optimum (whole
        slots at one rate ``1 / length``).
      switch: ``[n, ...]``.
      start: point where the job arrives, int ``[...]``.
      slots: largest number of slots, static.
      length: slots of work, int ``[...]`` between 1 and ``slots``; ``slots`` if None.
      deadline: last slot that counts, int ``[...]``; ``T`` if None.

    Returns:
      The optimal cost ``[...]`` (``inf`` if the deadline is shorter than the job), the states
      int32 ``[T, ...]`` and an :class:`~jaxsoco_kernels.info.Info`, ``INFEASIBLE`` there. Exact: a
      dynamic program over state and slots done.
    """
    del throughput
    graph = Graph.of(costs, metric, switch, start, deadline)
    length = jnp.broadcast_to(
        jnp.asarray(slots if length is None else length), graph.deadline.shape
    )
    value, choices = _whole_slots(graph, slots)
    # Cost to go from OFF at the start, with the whole length left.
    remaining = jnp.arange(slots + 1).reshape(slots + 1, *(1,) * length.ndim) == length[None]
    best = jnp.min(jnp.where(remaining, pick(value[1], graph.start), jnp.inf), axis=0)
    path = _trace_whole_slots(graph, choices, length)
    status = jnp.where(jnp.isfinite(best), Status.OK, Status.INFEASIBLE).astype(jnp.int32)
    zeros = jnp.zeros(best.shape, best.dtype)
    return best, path, Info(status, zeros, jnp.zeros(best.shape, jnp.int32))


def _whole_slots(graph: Graph, slots: int):
    """Backward pass: costs to go ``[slots + 1, n, ...]`` (ON, OFF) by slots left, and choices."""
    last = ends(graph)
    # After the last slot no work may be left: infinite unless r = 0.
    first = jnp.arange(slots + 1).reshape(slots + 1, *(1,) * last[0].ndim) == 0
    start = tuple(jnp.where(first, end[None], jnp.inf) for end in last)

    def back(value, t):
        on, off = value
        # With r slots left, being ON in this slot leaves r - 1.
        less = jnp.concatenate([jnp.full_like(on[:1], jnp.inf), on[:-1]])
        on = less + graph.costs[t][None]
        # V_t(i, r) = min_j M(i, j) + f_t(j) [j ON] + V_{t+1}(j, r - [j ON])
        new, states = jax.vmap(lambda a, b: relax(graph, t, a, b, ())[:2])(on, off)
        # As int16 the largest array, [T, slots + 1, 2n, ...], takes half the memory.
        choices = jnp.concatenate(states, axis=1).astype(jnp.int16)
        return where(t < graph.deadline, new, value), choices

    return jax.lax.scan(back, start, jnp.arange(graph.costs.shape[0]), reverse=True)


def _trace_whole_slots(graph: Graph, choices, length):
    n = graph.n

    def forward(carry, now):
        at, left = carry
        t, states = now
        # The choice of the state, with as many slots of work left.
        following = pick(pick(jnp.swapaxes(states, 0, 1), left), at).astype(jnp.int32)
        off = jnp.where(at < n, at + n, at)
        at = jnp.where(t < graph.deadline, following, off)
        return (at, left - (at < n)), at

    slots = jnp.arange(graph.costs.shape[0])
    carry = (graph.start + n, length.astype(jnp.int32))
    return jax.lax.scan(forward, carry, (slots, choices))[1]
