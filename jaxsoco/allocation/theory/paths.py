"""The time-expanded graph of a job: its states slot by slot, and the costs of paths through it."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric, of_slot, state_metric
from jaxsoco.core.lanes import align, take
from jaxsoco_kernels.minplus import minplus_carry


class Graph(NamedTuple):
    """The time-expanded graph; ``factored``: metric kept as (distance, switch)."""

    costs: jax.Array  # [T, n, ...]
    metric: jax.Array  # [2n, 2n, ...], [T, 2n, 2n, ...]; [n, n, ...], [S, n, n, ...] if factored
    beta: jax.Array | None  # [n, ...] if factored
    final: jax.Array  # [n, ...] cost of the last switch-off
    start: jax.Array  # [...]
    deadline: jax.Array  # [...]
    segment: jax.Array | None = None  # [T, ...] of every slot, of a metric [S, ...]

    @property
    def timed(self) -> bool:
        """Whether the metric depends on the slot."""
        return self.metric.ndim == 3 + self.lanes

    @classmethod
    def of(cls, costs, metric, switch, start, deadline) -> Graph:
        """Aligns what the optima are called with; ``deadline`` None means all slots."""
        costs = jnp.asarray(costs)
        horizon, n, lanes = costs.shape[0], costs.shape[1], costs.ndim - 2
        shape = costs.shape[2:]
        beta = segment = None
        if isinstance(metric, TimedMetric):
            metric, beta, segment = metric.with_lanes(lanes)
            if segment.shape[0] != horizon:
                raise ValueError(f"metric: {segment.shape[0]} slots have a segment, of {horizon}")
        elif isinstance(metric, StateMetric):
            metric, beta = metric.with_lanes(lanes)
        else:
            metric = jnp.asarray(metric)
            # A metric [T, 2n, 2n] is one matrix for every slot, shared by all lanes.
            shared = metric.ndim == 3 and metric.shape == (horizon, 2 * n, 2 * n)
            if shared and lanes and metric.shape == (2 * n, 2 * n, *shape):
                raise ValueError(
                    f"metric: {metric.shape} may be one for every slot or one for every lane; "
                    f"give {(*metric.shape, 1)} for the first and a StateMetric for the second"
                )
            timed = metric.ndim == 3 + lanes or shared
            metric = align(metric, 2 + timed, lanes)
        final = jnp.asarray(switch, costs.dtype)
        final = align(jnp.broadcast_to(final, (n,)) if final.ndim == 0 else final, 1, lanes)
        deadline = horizon if deadline is None else deadline
        start = jnp.broadcast_to(jnp.asarray(start, jnp.int32), shape)
        deadline = jnp.broadcast_to(jnp.asarray(deadline, jnp.int32), shape)
        return cls(costs, metric, beta, final, start, deadline, segment)

    @property
    def n(self) -> int:
        """Number of points."""
        return self.costs.shape[1]

    @property
    def lanes(self) -> int:
        """Number of lane axes."""
        return self.costs.ndim - 2

    def with_matrices(self) -> Graph:
        """The same graph with whole metrics over states, one for every segment if timed."""
        if self.beta is None:
            return self
        whole = state_metric if self.segment is None else jax.vmap(state_metric, (0, None))
        return self._replace(metric=whole(self.metric, self.beta), beta=None)

    def rates(self, throughput) -> jax.Array:
        """Work of a slot fully ON at every point, ``[n, ...]``."""
        x = jnp.asarray(throughput, self.costs.dtype)
        return jnp.broadcast_to(
            align(x if x.ndim else x[None], 1, self.lanes), self.costs.shape[1:]
        )

    def moves(self, t):
        """The metric (if factored, the distance) of the move into slot ``t`` (0-based)."""
        if self.segment is not None:
            return of_slot(self.metric, self.segment, t)
        return self.metric[t] if self.timed else self.metric


def path_ledger(
    costs: jax.Array,
    metric: jax.Array | StateMetric | TimedMetric,
    path: jax.Array,
    start: jax.Array | int,
    deadline: jax.Array | int | None = None,
    *,
    switch: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Service, move and switch costs of following a path of states.

    Args:
      costs: ``[T, n, ...]``.
      metric: as in :func:`offline_optimum`; with a full matrix all changes of state count as moves.
      path: states, int ``[T, ...]``.
      start: point where the job arrives (OFF), int ``[...]``.
      deadline: last slot that counts; ``T`` if None.
      switch: cost of the final switch-off ``[n, ...]``; a factored metric knows it.

    Returns:
      Three costs ``[...]``; the final switch-off counts as a switch.
    """
    if switch is None:
        if not isinstance(metric, (StateMetric, TimedMetric)):
            raise TypeError("switch: needed beside a full metric matrix")
        switch = metric.switch
    return ledger(Graph.of(costs, metric, switch, start, deadline), jnp.asarray(path, jnp.int32))


def ledger(graph: Graph, path: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Service, move and switch costs of a path of states ``[T, ...]``."""

    def step(carry, now):
        (service, moved, switched), before = carry
        t, state = now
        parts = _of_slot(graph, t, before, state)
        return ((service + parts[0], moved + parts[1], switched + parts[2]), state), None

    zeros = jnp.zeros(graph.start.shape, graph.costs.dtype)
    slots = jnp.arange(graph.costs.shape[0])
    first = ((zeros, zeros, zeros), graph.start + graph.n)
    return jax.lax.scan(step, first, (slots, path))[0][0]


def slot_ledger(graph: Graph, path: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """As :func:`ledger`, slot by slot, ``[T, ...]`` each; the last slot pays the switch-off."""

    def step(before, now):
        t, state = now
        return state, _of_slot(graph, t, before, state)

    slots = jnp.arange(graph.costs.shape[0])
    return jax.lax.scan(step, graph.start + graph.n, (slots, path))[1]


def _of_slot(graph: Graph, t, before, state) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What a slot costs that goes from one state to another, ``[...]`` each."""
    n, within = graph.n, t < graph.deadline
    # ON in the last slot: the switch-off after it is still to be paid.
    last = (t + 1 == graph.deadline) & (state < n)
    service = jnp.where(state < n, pick(graph.costs[t], state % n), 0)
    moved, changed = change(graph, t, before, state)
    end = jnp.where(last, pick(graph.final, state % n), 0)
    return (
        jnp.where(within, service, 0),
        jnp.where(within, moved, 0),
        jnp.where(within, changed + end, 0),
    )


def relax(graph: Graph, t, on: jax.Array, off: jax.Array, carried):
    """One backward step: cost to go from every state before the move into slot ``t``.

    ``on``, ``off`` ``[n, ...]``: cost to go from being ON (its service included) or OFF in the
    slot. ``carried``: pairs of arrays ``[n, ...]`` (ON, OFF) taken along from where the minimum
    leads. Returns such pairs: the costs, the states that lead there, and what was carried. ON and
    OFF stay apart because joining them would copy every array twice a slot.
    """
    n = graph.n
    if graph.beta is None:
        along = tuple(jnp.concatenate(pair) for pair in carried)
        best = minplus_carry(graph.moves(t), jnp.concatenate([on, off]), along)
        value, state, along = jax.tree.map(lambda x: (x[:n], x[n:]), best)
        return value, state, along
    # h_v = min(on_v, beta_v + off_v): the best of both states, were the mass ON at v before.
    leave = graph.beta + off
    runs = on <= leave
    places = jnp.arange(n, dtype=jnp.int32).reshape(n, *(1,) * graph.lanes)
    target = jnp.where(runs, places, places + n)
    along = tuple(jnp.where(runs, a, b) for a, b in carried)
    best = jnp.where(runs, on, leave)
    # V_ON(u) = min_v d(u, v) + h_v,  V_OFF(u) = min(off_u, beta_u + V_ON(u)).
    value, _, (state, *along) = minplus_carry(graph.moves(t), best, (target, *along))
    away = graph.beta + value
    # What stays OFF keeps its own state and its own carried numbers.
    stays = off <= away
    resting = lambda a, b: (a, jnp.where(stays, b, a))  # noqa: E731
    kept = tuple(resting(a, b) for a, (_, b) in zip(along, carried, strict=True))
    return (value, jnp.where(stays, off, away)), resting(state, places + n), kept


def ends(graph: Graph) -> tuple[jax.Array, jax.Array]:
    """Cost after the last slot, from ON (the mass is switched off) and from OFF, ``[n, ...]``."""
    shape = graph.costs.shape[1:]
    return jnp.broadcast_to(graph.final, shape), jnp.zeros(shape, graph.costs.dtype)


def change(graph: Graph, t, source, target) -> tuple[jax.Array, jax.Array]:
    """Cost of a change of state, split into move and switch, ``[...]`` each."""
    n = graph.n
    if graph.beta is None:
        moved = pick(pick(jnp.swapaxes(graph.moves(t), 0, 1), source), target)
        return moved, jnp.zeros_like(moved)
    # M(i, j) = d(i, j) + beta_i [i OFF] + beta_j [j OFF], and M(i, i) = 0.
    switches = sum(jnp.where(s >= n, pick(graph.beta, s % n), 0) for s in (source, target))
    moved = pick(pick(jnp.swapaxes(graph.moves(t), 0, 1), source % n), target % n)
    return moved, jnp.where(source == target, 0, switches)


def pick(values: jax.Array, index: jax.Array) -> jax.Array:
    """``values[..., index]`` per lane, along the last axis before the lanes of ``index``."""
    return take(values, index, values.ndim - index.ndim - 1)
