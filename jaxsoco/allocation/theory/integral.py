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
    return cheapest_slots(Graph.of(costs, metric, switch, start, deadline), slots, length)


def cheapest_slots(
    graph: Graph, slots: int, length: jax.Array | int | None
) -> tuple[jax.Array, jax.Array, Info]:
    """As :func:`integral_optimum`, of a graph whose costs may be negative."""
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


def cost_to_go(graph: Graph, slots: int, after: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Least cost of the rest of a whole-slot schedule, from being ON or OFF in the slot before.

    Args:
      graph: of the job.
      slots: largest number of slots, static.
      after: the rest begins with this slot, an int scalar from 0 on.

    Returns:
      From ON, and from OFF, by slots left and place, ``[slots + 1, n, ...]`` each; infinite where
      the work cannot be done any more. No derivatives flow through it.
    """
    graph = jax.lax.stop_gradient(graph)
    last = graph.costs.shape[0] - 1

    def back(i, value):
        return _slot_before(graph, value, last - i)[0]

    return jax.lax.fori_loop(0, last + 1 - after, back, _work_done(graph, slots))


def run_less(on: jax.Array) -> jax.Array:
    """Cost to go by the slots left before a slot that runs: with r left it leaves r - 1."""
    return jnp.concatenate([jnp.full_like(on[:1], jnp.inf), on[:-1]])


def _whole_slots(graph: Graph, slots: int):
    """Backward pass: costs to go ``[slots + 1, n, ...]`` (ON, OFF) by slots left, and choices."""

    def back(value, t):
        return _slot_before(graph, value, t)

    start = _work_done(graph, slots)
    return jax.lax.scan(back, start, jnp.arange(graph.costs.shape[0]), reverse=True)


def _work_done(graph: Graph, slots: int) -> tuple[jax.Array, jax.Array]:
    """Costs to go after the last slot, when no work may be left: infinite unless r = 0."""
    last = ends(graph)
    first = jnp.arange(slots + 1).reshape(slots + 1, *(1,) * last[0].ndim) == 0
    on, off = (jnp.where(first, end[None], jnp.inf) for end in last)
    return on, off


def _slot_before(graph: Graph, value: tuple[jax.Array, jax.Array], t):
    """Costs to go before slot ``t``, of those after it, and the states that it leads to."""
    on, off = value
    # V_t(i, r) = min_j M(i, j) + f_t(j) [j ON] + V_{t+1}(j, r - [j ON])
    on = run_less(on) + graph.costs[t][None]
    new, states = jax.vmap(lambda a, b: relax(graph, t, a, b, ())[:2])(on, off)
    # As int16 the largest array, [T, slots + 1, 2n, ...], takes half the memory.
    choices = jnp.concatenate(states, axis=1).astype(jnp.int16)
    return where(t < graph.deadline, new, value), choices


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
