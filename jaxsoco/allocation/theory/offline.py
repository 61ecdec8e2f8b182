"""The offline linear program, solved exactly by one multiplier and shortest paths."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.spec import finish_tolerance
from jaxsoco.allocation.theory.metric import StateMetric
from jaxsoco.allocation.theory.paths import Graph, ends, ledger, pick, relax
from jaxsoco.core.lanes import lift, where

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
    whole = Graph.of(costs, metric, switch, start, deadline)
    rates = whole.rates(throughput)
    # The search is not differentiated: by the envelope theorem the optimum's derivative is that
    # of the Lagrangian at its paths.
    graph, throughput = jax.lax.stop_gradient((whole, rates))
    cost_high, stay_on = _stay_path(graph, throughput)
    work_high = graph.deadline * pick(throughput, stay_on)
    feasible = work_high >= 1 - finish_tolerance(cost_high.dtype)
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
        enough = work >= 1 - finish_tolerance(cost.dtype)
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


class _Line(NamedTuple):
    """A path as a function of the price: ``cost - price * work``; found at ``price``."""

    cost: jax.Array
    work: jax.Array
    price: jax.Array


def _tolerance(costs: jax.Array) -> float:
    return 16 * float(jnp.finfo(costs.dtype).eps)


def _stay_path(graph: Graph, throughput: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The cheapest path that goes to a point that can do the work, and stays ON to the end."""
    slots = jnp.arange(1, graph.costs.shape[0] + 1).reshape(-1, 1, *(1,) * graph.lanes)
    within = slots <= lift(lift(graph.deadline))
    service = jnp.sum(jnp.where(within, graph.costs, 0), axis=0)
    total = _entry(graph) + service + graph.final
    able = lift(graph.deadline) * throughput >= 1 - finish_tolerance(total.dtype)
    rated = jnp.where(able, total, jnp.finfo(total.dtype).max)
    place = jnp.argmin(rated, axis=0).astype(jnp.int32)
    return pick(total, place), place


def _entry(graph: Graph) -> jax.Array:
    """Cost from OFF at the start to ON at every point in the first slot, ``[n, ...]``."""
    first = graph.moves(0)
    if graph.beta is None:
        return pick(jnp.swapaxes(first, 0, 1)[: graph.n], graph.start + graph.n)
    return pick(jnp.swapaxes(first, 0, 1), graph.start) + lift(pick(graph.beta, graph.start))


def _shortest(graph: Graph, throughput, price) -> tuple[jax.Array, jax.Array]:
    """Plain cost and work of the cheapest path at a price of work, ``[...]`` each."""
    value = ends(graph)
    nothing = jnp.zeros_like(value[0])
    gain = throughput * lift(price)

    def step(carry, t):
        (on, off), (work_on, work_off) = carry
        pair = (work_on + throughput, work_off)
        new, _, (done,) = relax(graph, t, on + (graph.costs[t] - gain), off, (pair,))
        return where(t < graph.deadline, (new, done), carry), None

    slots = jnp.arange(graph.costs.shape[0])
    (value, work), _ = jax.lax.scan(step, (value, (nothing, nothing)), slots, reverse=True)
    done = pick(work[1], graph.start)
    return pick(value[1], graph.start) + price * done, done


def _paths(graph: Graph, throughput, low: _Line, high: _Line, stay_on):
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


def _path(graph: Graph, throughput, price) -> jax.Array:
    """The cheapest path at a price: one backward pass for the choices, one forward."""
    n = graph.n
    gain = throughput * lift(price)

    def back(value, t):
        on, off = value
        new, states, _ = relax(graph, t, on + (graph.costs[t] - gain), off, ())
        return where(t < graph.deadline, new, value), jnp.concatenate(states)

    def forward(at, now):
        t, states = now
        following = pick(states, at)
        off = jnp.where(at < n, at + n, at)
        at = jnp.where(t < graph.deadline, following, off)
        return at, at

    slots = jnp.arange(graph.costs.shape[0])
    _, choices = jax.lax.scan(back, ends(graph), slots, reverse=True)
    return jax.lax.scan(forward, graph.start + n, (slots, choices.astype(jnp.int32)))[1]


def _lagrangian(graph: Graph, throughput, paths, weight, price) -> jax.Array:
    """Cost of the mix of two paths, and the price of the work that it misses, ``[...]``."""
    total = price
    for path, share in zip(paths, (1 - weight, weight), strict=True):
        work = jnp.sum(_work(graph, throughput, path), axis=0)
        total = total + share * (sum(ledger(graph, path)) - price * work)
    return total


def _work(graph: Graph, throughput, path) -> jax.Array:
    """Work of every slot of a path, ``[T, ...]``."""
    slots = jnp.arange(path.shape[0]).reshape(-1, *(1,) * graph.lanes)
    runs = (path < graph.n) & (slots < graph.deadline[None])
    return jnp.where(runs, jax.vmap(pick, (None, 0))(throughput, path % graph.n), 0)


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
