"""Offline optima: the linear program's exact value, and the best schedule in whole slots."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.metric import StateMetric
from jaxsoco.core.lanes import align, lift, where
from jaxsoco_kernels.minplus import minplus_carry

CONVERGED, INFEASIBLE, NOT_CONVERGED = 0, 1, 2

_SECANT_STEPS = 12


class OfflineInfo(NamedTuple):
    """How an optimum was found, ``[...]`` each: status (1 = infeasible), gap, iterations used.

    ``residual`` is the relative gap between the dual value and the cost of the primal mix.
    """

    status: jax.Array
    residual: jax.Array
    iterations: jax.Array


class OfflineOptimum(NamedTuple):
    """The optimum of the linear program: a mix of two paths over states.

    Attributes:
      value: optimal cost, ``[...]``.
      multiplier: price of a unit of work; not unique, the value is.
      low_path: states of the path that does less than the whole work, int32 ``[T, ...]``.
      high_path: states of the path that does the whole work or more, int32 ``[T, ...]``.
      weight: weight of ``high_path``.
      info: :class:`OfflineInfo`.
    """

    value: jax.Array
    multiplier: jax.Array
    low_path: jax.Array
    high_path: jax.Array
    weight: jax.Array
    info: OfflineInfo


def offline_optimum(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    switch: jax.Array,
    start: jax.Array | int,
    *,
    deadline: jax.Array | int | None = None,
) -> OfflineOptimum:
    """Exact optimum of the offline linear program (fractional decisions).

    Strong duality leaves one multiplier; for a fixed one the problem is a shortest path (min-plus
    Viterbi). The multiplier is found by intersecting the lines of a path that does too little and
    one that does enough, which ends after finitely many steps (at most 12 are taken).

    Args:
      costs: ``f``, cost of a slot fully ON, ``[T, n, ...]``.
      metric: ``[2n, 2n, ...]``, one for every move ``[T, 2n, 2n]`` or ``[T, 2n, 2n, ...]``, or a
        :class:`StateMetric` (fewer operations).
      throughput: ``c``, work of a slot fully ON, ``[n, ...]`` or ``[1, ...]``.
      switch: cost of the final switch-off, ``[n, ...]``.
      start: point where the job arrives (OFF), int ``[...]``.
      deadline: last slot that counts, int ``[...]``; ``T`` if None.

    Returns:
      The optimum. Source: arXiv 2408.07831, section 2 (the offline problem).
    """
    whole = _Graph.of(costs, metric, switch, start, deadline)
    rates = whole.rates(throughput)
    # The search is not differentiated: by the envelope theorem the optimum's derivative is that
    # of the Lagrangian at its paths.
    graph, throughput = jax.lax.stop_gradient((whole, rates))
    cost_high, stay_on = _stay_path(graph, throughput)
    work_high = graph.deadline * _at(throughput, stay_on)
    feasible = work_high >= 1 - _work_tolerance(cost_high)
    zeros = jnp.zeros_like(cost_high)
    low = _Line(zeros, zeros, zeros)
    high = _Line(cost_high, work_high, zeros)

    def cross(low, high):
        rise = high.work - low.work
        return (high.cost - low.cost) / jnp.where(rise > 0, rise, 1)

    def step(state):
        low, high, done, count = state
        price = cross(low, high)
        cost, work = _shortest(graph, throughput, price)
        bound = low.cost - price * low.work
        improves = cost - price * work < bound - _tolerance(cost) * (
            jnp.abs(low.cost) + price * (1 + high.work)
        )
        enough = work >= 1 - _work_tolerance(cost)
        found = _Line(cost, work, price)
        low = where(improves & ~enough & ~done, found, low)
        high = where(improves & enough & ~done, found, high)
        return low, high, done | ~improves, count + ~done

    count = jnp.zeros(zeros.shape, jnp.int32)
    state = (low, high, ~feasible, count)
    low, high, done, count = jax.lax.while_loop(
        lambda s: jnp.any(~s[2] & (s[3] < _SECANT_STEPS)), step, state
    )
    price = cross(low, high)
    value = low.cost + price * (1 - low.work)
    rise = high.work - low.work
    weight = jnp.clip((1 - low.work) / jnp.where(rise > 0, rise, 1), 0, 1)
    paths = _paths(graph, throughput, low, high, stay_on)
    status = jnp.where(feasible, jnp.where(done, CONVERGED, NOT_CONVERGED), INFEASIBLE)
    mixed = _lagrangian(graph, throughput, paths, weight, price)
    residual = jnp.abs(mixed - value) / jnp.maximum(jnp.abs(value), 1e-30)
    value = _with_derivative(whole, rates, paths, weight, price, value)
    value = jnp.where(feasible, value, jnp.inf)
    info = OfflineInfo(status.astype(jnp.int32), residual, count)
    return OfflineOptimum(value, price, paths[0], paths[1], weight, info)


def integral_optimum(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    switch: jax.Array,
    start: jax.Array | int,
    *,
    slots: int,
    length: jax.Array | int | None = None,
    deadline: jax.Array | int | None = None,
) -> tuple[jax.Array, jax.Array, OfflineInfo]:
    """The cheapest schedule that is fully ON in exactly ``length`` slots, one path.

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
      int32 ``[T, ...]`` and an :class:`OfflineInfo`. Exact: a dynamic program over state and slots
      done.
    """
    del throughput
    graph = _Graph.of(costs, metric, switch, start, deadline)
    length = jnp.broadcast_to(
        jnp.asarray(slots if length is None else length), graph.deadline.shape
    )
    value, choices = _whole_slots(graph, slots)
    remaining = jnp.arange(slots + 1).reshape(slots + 1, *(1,) * length.ndim) == length[None]
    best = jnp.min(jnp.where(remaining, _at(value, graph.start + graph.n), jnp.inf), axis=0)
    path = _trace_whole_slots(graph, choices, length)
    status = jnp.where(jnp.isfinite(best), CONVERGED, INFEASIBLE).astype(jnp.int32)
    zeros = jnp.zeros(best.shape, best.dtype)
    return best, path, OfflineInfo(status, zeros, jnp.zeros(best.shape, jnp.int32))


def path_ledger(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
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
        if not isinstance(metric, StateMetric):
            raise TypeError("switch: needed beside a full metric matrix")
        switch = metric.switch
    return _ledger(_Graph.of(costs, metric, switch, start, deadline), jnp.asarray(path, jnp.int32))


def _ledger(graph: _Graph, path: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    n = graph.n

    def step(carry, now):
        (service, move, switched), at = carry
        t, state = now
        within = t < graph.deadline
        last = (t + 1 == graph.deadline) & (state < n)
        work = jnp.where(state < n, _at(graph.costs[t], state % n), 0)
        moved, changed = _change(graph, t, at, state)
        end = jnp.where(last, _at(graph.final, state % n), 0)
        parts = (
            service + jnp.where(within, work, 0),
            move + jnp.where(within, moved, 0),
            switched + jnp.where(within, changed + end, 0),
        )
        return (parts, state), None

    zeros = jnp.zeros(graph.start.shape, graph.costs.dtype)
    slots = jnp.arange(graph.costs.shape[0])
    start_state = ((zeros, zeros, zeros), graph.start + n)
    return jax.lax.scan(step, start_state, (slots, path))[0][0]


class _Line(NamedTuple):
    """A path as a function of the price: ``cost - price * work``; found at ``price``."""

    cost: jax.Array
    work: jax.Array
    price: jax.Array


class _Graph(NamedTuple):
    """The time-expanded graph; ``factored``: metric kept as (distance, switch)."""

    costs: jax.Array  # [T, n, ...]
    metric: jax.Array  # [2n, 2n, ...], [T, 2n, 2n, ...], or [n, n, ...] if factored
    beta: jax.Array | None  # [n, ...] if factored
    final: jax.Array  # [n, ...] cost of the last switch-off
    start: jax.Array  # [...]
    deadline: jax.Array  # [...]

    @property
    def timed(self) -> bool:
        """Whether there is one metric for every slot."""
        return self.metric.ndim == 3 + self.lanes

    @classmethod
    def of(cls, costs, metric, switch, start, deadline) -> _Graph:
        costs = jnp.asarray(costs)
        horizon, n, lanes = costs.shape[0], costs.shape[1], costs.ndim - 2
        shape = costs.shape[2:]
        beta = None
        if isinstance(metric, StateMetric):
            metric = metric.with_lanes(lanes)
            metric, beta = metric.distance, metric.switch
        else:
            metric = jnp.asarray(metric)
            timed = metric.ndim == 3 + lanes or (
                metric.ndim == 3 and metric.shape == (horizon, 2 * n, 2 * n)
            )
            metric = align(metric, 2 + timed, lanes)
        final = jnp.asarray(switch, costs.dtype)
        final = align(jnp.broadcast_to(final, (n,)) if final.ndim == 0 else final, 1, lanes)
        deadline = horizon if deadline is None else deadline
        start = jnp.broadcast_to(jnp.asarray(start, jnp.int32), shape)
        deadline = jnp.broadcast_to(jnp.asarray(deadline, jnp.int32), shape)
        return cls(costs, metric, beta, final, start, deadline)

    @property
    def n(self) -> int:
        return self.costs.shape[1]

    @property
    def lanes(self) -> int:
        return self.costs.ndim - 2

    def rates(self, throughput) -> jax.Array:
        """Work of a slot fully ON at every point, ``[n, ...]``."""
        x = jnp.asarray(throughput, self.costs.dtype)
        return jnp.broadcast_to(
            align(x if x.ndim else x[None], 1, self.lanes), self.costs.shape[1:]
        )

    def moves(self, t):
        """The metric of the move into slot ``t`` (0-based)."""
        return self.metric[t] if self.timed else self.metric


def _tolerance(costs: jax.Array) -> float:
    return 16 * float(jnp.finfo(costs.dtype).eps)


def _work_tolerance(x: jax.Array) -> float:
    return 1e-9 if x.dtype == jnp.float64 else 1e-5


def _at(values: jax.Array, index: jax.Array) -> jax.Array:
    """``values[..., index, lanes]`` along the axis just before the lanes."""
    axis = values.ndim - index.ndim - 1
    shape = (1,) * axis + (values.shape[axis],) + (1,) * index.ndim
    hit = jnp.arange(values.shape[axis]).reshape(shape) == index.reshape(
        (1,) * (axis + 1) + index.shape
    )
    return jnp.sum(jnp.where(hit, values, 0), axis=axis, dtype=values.dtype)


def _stay_path(graph: _Graph, throughput: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The cheapest path that goes to a point that can do the work, and stays ON to the end."""
    slots = jnp.arange(1, graph.costs.shape[0] + 1).reshape(-1, 1, *(1,) * graph.lanes)
    within = slots <= lift(lift(graph.deadline))
    service = jnp.sum(jnp.where(within, graph.costs, 0), axis=0)
    total = _entry(graph) + service + graph.final
    able = lift(graph.deadline) * throughput >= 1 - _work_tolerance(total)
    rated = jnp.where(able, total, jnp.finfo(total.dtype).max)
    place = jnp.argmin(rated, axis=0).astype(jnp.int32)
    return _at(total, place), place


def _entry(graph: _Graph) -> jax.Array:
    """Cost from OFF at the start to ON at every point in the first slot, ``[n, ...]``."""
    first = graph.moves(0)
    if graph.beta is None:
        return _at(jnp.swapaxes(first, 0, 1)[: graph.n], graph.start + graph.n)
    return _at(jnp.swapaxes(first, 0, 1), graph.start) + lift(_at(graph.beta, graph.start))


def _relax(graph: _Graph, t, on: jax.Array, off: jax.Array, carried):
    """One backward step: cost to go from every state before the move into slot ``t``.

    ``on``, ``off`` ``[n, ...]``: cost to go from being ON (its service included) or OFF in the
    slot. ``carried``: pairs of arrays ``[n, ...]`` taken along from where the minimum leads.
    Returns the costs ``[2n, ...]``, the states that lead there and what was carried.
    """
    n = graph.n
    if graph.beta is None:
        values = jnp.concatenate([on, off])
        along = tuple(jnp.concatenate(pair) for pair in carried)
        value, state, along = minplus_carry(graph.moves(t), values, along)
        return value, state, along
    leave = graph.beta + off
    runs = on <= leave
    places = jnp.arange(n, dtype=jnp.int32).reshape(n, *(1,) * graph.lanes)
    target = jnp.where(runs, places, places + n)
    best = jnp.where(runs, on, leave)
    along = tuple(jnp.where(runs, a, b) for a, b in carried)
    value, _, (state, *along) = minplus_carry(graph.metric, best, (target, *along))
    away = graph.beta + value
    stays = off <= away
    join = lambda a, b: jnp.concatenate([a, jnp.where(stays, b, a)])  # noqa: E731
    resting = tuple(join(a, b) for a, (_, b) in zip(along, carried, strict=True))
    costs = jnp.concatenate([value, jnp.where(stays, off, away)])
    return costs, join(state, jnp.broadcast_to(places + n, state.shape)), resting


def _ends(graph: _Graph) -> jax.Array:
    """Cost after the last slot: ON mass is switched off, ``[2n, ...]``."""
    shape = graph.costs.shape[1:]
    return jnp.concatenate(
        [jnp.broadcast_to(graph.final, shape), jnp.zeros(shape, graph.costs.dtype)]
    )


def _shortest(graph: _Graph, throughput, price) -> tuple[jax.Array, jax.Array]:
    """Plain cost and work of the cheapest path at a price of work, ``[...]`` each."""
    n = graph.n
    value = _ends(graph)
    nothing = jnp.zeros_like(value)

    def step(carry, t):
        value, work = carry
        on = value[:n] + graph.costs[t] - throughput * lift(price)
        pairs = ((work[:n] + throughput, work[n:]),)
        new, _, (done,) = _relax(graph, t, on, value[n:], pairs)
        return where(t < graph.deadline, (new, done), carry), None

    slots = jnp.arange(graph.costs.shape[0])
    (value, work), _ = jax.lax.scan(step, (value, nothing), slots, reverse=True)
    at = graph.start + n
    work = _at(work, at)
    return _at(value, at) + price * work, work


def _paths(graph: _Graph, throughput, low: _Line, high: _Line, stay_on):
    """The two paths of the optimum, int32 ``[T, ...]``, found again at their own prices."""
    horizon = graph.costs.shape[0]
    slots = jnp.arange(horizon).reshape(horizon, *(1,) * graph.lanes)
    shape = (horizon, *stay_on.shape)
    rest = jnp.broadcast_to(lift(graph.start + graph.n), shape)
    # Price 0 marks the two starting lines, which no shortest path gave.
    stay = jnp.where(slots < lift(graph.deadline), lift(stay_on), lift(stay_on + graph.n))
    low_path = jnp.where(lift(low.price > 0), _path(graph, throughput, low.price), rest)
    high_path = jnp.where(lift(high.price > 0), _path(graph, throughput, high.price), stay)
    return low_path.astype(jnp.int32), high_path.astype(jnp.int32)


def _path(graph: _Graph, throughput, price) -> jax.Array:
    """The cheapest path at a price: one backward pass for the choices, one forward."""
    n = graph.n

    def back(value, t):
        on = value[:n] + graph.costs[t] - throughput * lift(price)
        new, state, _ = _relax(graph, t, on, value[n:], ())
        return where(t < graph.deadline, new, value), state

    def forward(at, now):
        t, states = now
        following = _at(states, at)
        off = jnp.where(at < n, at + n, at)
        at = jnp.where(t < graph.deadline, following, off)
        return at, at

    slots = jnp.arange(graph.costs.shape[0])
    _, choices = jax.lax.scan(back, _ends(graph), slots, reverse=True)
    return jax.lax.scan(forward, graph.start + n, (slots, choices.astype(jnp.int32)))[1]


def _lagrangian(graph: _Graph, throughput, paths, weight, price) -> jax.Array:
    """Cost of the mix of two paths, and the price of the work that it misses, ``[...]``."""
    total = price
    for path, share in zip(paths, (1 - weight, weight), strict=True):
        work = jnp.sum(_work(graph, throughput, path), axis=0)
        total = total + share * (sum(_ledger(graph, path)) - price * work)
    return total


def _work(graph: _Graph, throughput, path) -> jax.Array:
    """Work of every slot of a path, ``[T, ...]``."""
    slots = jnp.arange(path.shape[0]).reshape(-1, *(1,) * graph.lanes)
    runs = (path < graph.n) & (slots < graph.deadline[None])
    return jnp.where(runs, jax.vmap(_at, (None, 0))(throughput, path % graph.n), 0)


@jax.custom_jvp
def _with_derivative(graph, throughput, paths, weight, price, value):
    """``value``, with the derivative of the Lagrangian in the graph and the throughput."""
    del graph, throughput, paths, weight, price
    return value


@_with_derivative.defjvp
def _with_derivative_jvp(primals, tangents):
    graph, throughput, *fixed, value = primals
    moving = lambda costs, metric, beta, final, rates: _lagrangian(  # noqa: E731
        graph._replace(costs=costs, metric=metric, beta=beta, final=final), rates, *fixed
    )
    leaves = lambda g, r: (g.costs, g.metric, g.beta, g.final, r)  # noqa: E731
    change = leaves(tangents[0], tangents[1])
    return value, jax.jvp(moving, leaves(graph, throughput), change)[1]


def _change(graph: _Graph, t, source, target) -> tuple[jax.Array, jax.Array]:
    """Cost of a change of state, told apart into move and switch, ``[...]`` each."""
    n = graph.n
    if graph.beta is None:
        moved = _at(_at(jnp.swapaxes(graph.moves(t), 0, 1), source), target)
        return moved, jnp.zeros_like(moved)
    switches = sum(jnp.where(s >= n, _at(graph.beta, s % n), 0) for s in (source, target))
    moved = _at(_at(jnp.swapaxes(graph.metric, 0, 1), source % n), target % n)
    return moved, jnp.where(source == target, 0, switches)


def _whole_slots(graph: _Graph, slots: int):
    """Backward pass: cost to go ``[slots + 1, 2n, ...]`` by slots of work left, and choices."""
    n = graph.n
    ends = _ends(graph)
    first = jnp.arange(slots + 1).reshape(slots + 1, *(1,) * ends.ndim) == 0
    start = jnp.where(first, ends[None], jnp.inf)

    def back(value, t):
        # With r slots left, being ON in this slot leaves r - 1.
        less = jnp.concatenate([jnp.full_like(value[:1], jnp.inf), value[:-1]])
        on = less[:, :n] + graph.costs[t][None]
        relax = lambda a, b: _relax(graph, t, a, b, ())[:2]  # noqa: E731
        new, states = jax.vmap(relax)(on, value[:, n:])
        return where(t < graph.deadline, new, value), states.astype(jnp.int16)

    return jax.lax.scan(back, start, jnp.arange(graph.costs.shape[0]), reverse=True)


def _trace_whole_slots(graph: _Graph, choices, length):
    n = graph.n

    def forward(carry, now):
        at, left = carry
        t, states = now
        following = _at(_at(jnp.swapaxes(states, 0, 1), left), at).astype(jnp.int32)
        off = jnp.where(at < n, at + n, at)
        at = jnp.where(t < graph.deadline, following, off)
        return (at, left - (at < n)), at

    slots = jnp.arange(graph.costs.shape[0])
    carry = (graph.start + n, length.astype(jnp.int32))
    return jax.lax.scan(forward, carry, (slots, choices))[1]
