"""The metric over states: every point ON or OFF, a move between points, a switch in place."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco_kernels import transport
from jaxsoco_kernels.minplus import metric_closure as metric_closure
from jaxsoco_kernels.minplus import minplus


class StateMetric(NamedTuple):
    """The state metric in factored form: the hot functions never build its ``2n x 2n`` matrix.

    Attributes:
      distance: cost of moving all mass between points, a metric ``[n, n, ...]``.
      switch: cost of a temporal switch at a point, ``[n, ...]``.
    """

    distance: jax.Array
    switch: jax.Array

    @property
    def points(self) -> int:
        """Number of points ``n``."""
        return self.distance.shape[0]

    def matrix(self) -> jax.Array:
        """The whole matrix, ``[2n, 2n, ...]``."""
        return state_metric(self.distance, self.switch)

    def with_lanes(self, lanes: int) -> StateMetric:
        """The same with exactly ``lanes`` lane axes (of size 1 where shared)."""
        return StateMetric(align(self.distance, 2, lanes), align(self.switch, 1, lanes))

    def at(self, slot: jax.Array | int) -> StateMetric:
        """The metric of the move into a slot, which is the same in every slot."""
        del slot
        return self

    def upper(self) -> StateMetric:
        """The metric itself, which no slot's exceeds."""
        return self


class TimedMetric(NamedTuple):
    """State metrics of a network whose distances change, factored: one distance a segment.

    The move into a slot costs the distance of the slot's segment, so memory grows with the segments
    and not with the slots.

    >>> from jaxsoco.allocation import TimedMetric
    >>> near = 1 - jnp.eye(2)
    >>> metric = TimedMetric(jnp.stack([near, 3 * near]), jnp.full(2, 0.25), jnp.array([0, 0, 1]))
    >>> [float(m.distance[0, 1]) for m in (metric.at(1), metric.at(2), metric.upper())]
    [1.0, 3.0, 3.0]

    Attributes:
      distance: cost of moving all mass between points in every segment, metrics ``[S, n, n, ...]``.
      switch: cost of a temporal switch at a point, ``[n, ...]``.
      segment: of every slot, int ``[T, ...]`` between 0 and S - 1; without lanes, all lanes change
        in the same slots.
    """

    distance: jax.Array
    switch: jax.Array
    segment: jax.Array

    @property
    def points(self) -> int:
        """Number of points ``n``."""
        return self.distance.shape[1]

    def with_lanes(self, lanes: int) -> TimedMetric:
        """The same with exactly ``lanes`` lane axes (of size 1 where shared)."""
        return TimedMetric(
            align(self.distance, 3, lanes),
            align(self.switch, 1, lanes),
            align(self.segment, 1, lanes),
        )

    def at(self, slot: jax.Array | int) -> StateMetric:
        """The metric of the move into a slot, int from 0 on."""
        return StateMetric(of_slot(self.distance, self.segment, slot), self.switch)

    def upper(self) -> StateMetric:
        """The least metric that no slot's exceeds: the largest distance of every pair of points."""
        # A maximum of metrics is a metric: d_t(u, w) <= d_t(u, v) + d_t(v, w) for every t.
        return StateMetric(jnp.max(self.distance, axis=0), self.switch)


def of_slot(values: jax.Array, segment: jax.Array, slot: jax.Array | int) -> jax.Array:
    """The segment's ``values [S, ..., lanes]`` in a slot, with ``segment [T, lanes]``."""
    index = jnp.asarray(segment)[slot]
    first, structure = jnp.ravel(index)[0], values.ndim - 1 - index.ndim
    lanes = jnp.broadcast_shapes(index.shape, values.shape[1 + structure :])

    def together():
        shared = jax.lax.dynamic_index_in_dim(values, first, 0, keepdims=False)
        return jnp.broadcast_to(shared, (*shared.shape[:structure], *lanes))

    def apart():
        lane = index.reshape((1,) * (1 + structure) + index.shape)
        return jnp.take_along_axis(values, lane, axis=0, mode="clip")[0]

    # A slice costs a tenth of a gather, and jobs of one deadline change in the same slots. (A
    # comparison with every segment, as `take` does it, reads all of them in every slot.)
    if index.size == 1:
        return together()
    return jax.lax.cond(jnp.all(index == first), together, apart)


def state_metric(distance: jax.Array, switch: jax.Array) -> jax.Array:
    """Metric over the ``2n`` states: index ``u`` is ON at ``u``, ``n + u`` is OFF at ``u``.

    An OFF end adds its switch cost: ``M(ON_u, ON_v) = d(u, v)``,
    ``M(OFF_u, ON_v) = switch_u + d(u, v)``, ``M(OFF_u, OFF_v) = switch_u + d(u, v) + switch_v``.

    >>> from jaxsoco.allocation import state_metric
    >>> state_metric(jnp.array([[0.0, 1.0], [1.0, 0.0]]), 0.25)[2].tolist()  # from OFF at point 0
    [0.25, 1.25, 0.0, 1.5]

    Args:
      distance: ``[n, n, ...]`` cost of a move.
      switch: ``[n, ...]`` (or a scalar) cost of a temporal switch.

    Returns:
      ``[2n, 2n, ...]``. Source: arXiv 2408.07831, section 2.
    """
    distance = jnp.asarray(distance)
    n, lanes = distance.shape[0], distance.ndim - 2
    switch = jnp.asarray(switch, distance.dtype)
    if switch.ndim == 0:
        switch = jnp.broadcast_to(switch, (n,))
    beta = align(switch, 1, lanes)
    # M(i, j) = d(i, j) + beta_i [i OFF] + beta_j [j OFF], and 0 on the diagonal.
    extra = jnp.concatenate([jnp.zeros_like(beta), beta])
    tiled = jnp.concatenate([distance, distance])
    full = jnp.concatenate([tiled, tiled], axis=1) + extra[:, None] + extra[None]
    eye = jnp.eye(2 * n, dtype=bool).reshape(2 * n, 2 * n, *(1,) * (full.ndim - 2))
    return jnp.where(eye, 0, full)


def wasserstein(p: jax.Array, q: jax.Array, metric: jax.Array | StateMetric) -> jax.Array:
    """Wasserstein-1 distance between two distributions over states: what a move costs.

    >>> from jaxsoco.allocation import state_metric, wasserstein
    >>> metric = state_metric(jnp.array([[0.0, 1.0], [1.0, 0.0]]), 0.25)
    >>> on, half = jnp.array([1.0, 0.0, 0.0, 0.0]), jnp.array([0.5, 0.0, 0.0, 0.5])
    >>> float(wasserstein(on, half, metric))  # half the job moves and switches off
    0.625

    Args:
      p: ``[2n, ...]``, sums to 1.
      q: ``[2n, ...]``, sums to 1.
      metric: a metric ``[2n, 2n, ...]``, or a :class:`StateMetric` (faster, by the split identity
        into spatial transport and change of OFF mass).

    Returns:
      ``[...]``, exact to rounding, differentiable.
    """
    p, q = jnp.asarray(p), jnp.asarray(q)
    lanes = max(p.ndim, q.ndim) - 1
    if isinstance(metric, StateMetric):
        moved, switched = movement(align(p, 1, lanes), align(q, 1, lanes), metric)
        return moved + switched
    # Only p - q is transported: in a metric, mass that both have stays where it is.
    excess = align(p, 1, lanes) - align(q, 1, lanes)
    return transport.excess_cost(excess, _full(metric, lanes))


def movement(p: jax.Array, q: jax.Array, metric: StateMetric) -> tuple[jax.Array, jax.Array]:
    """Splits ``W1(p, q)`` into the cost of moves and of temporal switches, ``[...]`` each."""
    n = metric.points
    change = p - q
    lanes = change.ndim - 1
    metric = metric.with_lanes(lanes)
    # W1_M(p, q) = W1_d(P, Q) + sum_u beta_u |p[OFF_u] - q[OFF_u]|, with P and Q the spatial
    # marginals (ON + OFF).
    moved = transport.excess_cost(change[:n] + change[n:], metric.distance)
    return moved, jnp.sum(metric.switch * jnp.abs(change[n:]), axis=0)


def with_lanes(metric: jax.Array | StateMetric, lanes: int) -> jax.Array | StateMetric:
    """A metric in either form with exactly ``lanes`` lane axes (of size 1 where shared).

    Raises:
      TypeError: it is a :class:`TimedMetric`, of which a step takes that of its slot.
    """
    return metric.with_lanes(lanes) if isinstance(metric, StateMetric) else _full(metric, lanes)


def _full(metric: jax.Array, lanes: int) -> jax.Array:
    """A full matrix with exactly ``lanes`` lane axes."""
    if isinstance(metric, TimedMetric):
        raise TypeError("metric: want the one of a slot, metric.at(slot), got a TimedMetric")
    return align(metric, 2, lanes)


class Best(NamedTuple):
    """Cheapest targets of every state: costs and target states, ``[2n, ...]`` each."""

    on: jax.Array
    on_state: jax.Array
    off: jax.Array
    off_state: jax.Array


def best_targets(
    metric: jax.Array | StateMetric, on: jax.Array, off: jax.Array | None = None
) -> Best:
    """Cheapest ON and OFF target of every source state: ``min_j M(i, j) + extra_j``.

    Args:
      metric: ``[2n, 2n, ...]`` or factored.
      on: extra cost of ending ON, ``[n, ...]``.
      off: extra cost of ending OFF, ``[n, ...]``; zero if None.
    """
    n = on.shape[0]
    if not isinstance(metric, StateMetric):
        off = jnp.zeros_like(on) if off is None else off
        on_cost, on_state = minplus(metric[:, :n], on)
        off_cost, off_state = minplus(metric[:, n:], off)
        return Best(on_cost, on_state, off_cost, off_state + n)
    beta = metric.switch
    leave = beta if off is None else beta + off
    # M(OFF_i, j) = beta_i + M(ON_i, j) but for j = OFF_i: one pass over d serves both halves.
    on_cost, on_at = minplus(metric.distance, on)
    off_cost, off_at = minplus(metric.distance, leave)
    places = jnp.arange(n, dtype=jnp.int32).reshape(n, *(1,) * (on.ndim - 1))
    # M(OFF_i, OFF_i) = 0, not 2 beta_i.
    stay = jnp.zeros_like(off_cost) if off is None else jnp.broadcast_to(off, off_cost.shape)
    away = beta + off_cost
    stays = stay <= away
    return Best(
        jnp.concatenate([on_cost, beta + on_cost]),
        jnp.concatenate([on_at, on_at]),
        jnp.concatenate([off_cost, jnp.where(stays, stay, away)]),
        n + jnp.concatenate([off_at, jnp.where(stays, places, off_at)]),
    )
