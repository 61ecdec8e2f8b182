"""The offline linear program, solved exactly by one multiplier and shortest paths.

Only one constraint couples the slots, ``sum_t c . k_t >= 1``, so by strong duality::

    OPT = max_{mu >= 0}  mu + min_path sum_t f_t(s_t) - mu c(s_t) + M(s_{t-1}, s_t)

(and the last switch-off). The inner minimum is concave and piecewise linear in ``mu``. Two lines,
of a path that does too little work and of one that does enough, are intersected; the path that is
cheapest there takes the place of one of them, until none is better. The optimum mixes the two.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.spec import finish_tolerance
from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric
from jaxsoco.allocation.theory.paths import Graph, ledger, pick
from jaxsoco.allocation.theory.shortest import cheapest, cheapest_path, stay_path
from jaxsoco.core.lanes import lift, where
from jaxsoco_kernels.info import Info, Status

_SECANT_STEPS = 12


class OfflineOptimum(NamedTuple):
    """The optimum of the linear program: a mix of two paths over states.

    Attributes:
      value: optimal cost, ``[...]``.
      multiplier: price of a unit of work; not unique, the value is.
      low_path: states of the path that does less than the whole work, int32 ``[T, ...]``.
      high_path: states of the path that does the whole work or more, int32 ``[T, ...]``.
      weight: weight of ``high_path``.
      info: an :class:`~jaxsoco_kernels.info.Info`: ``INFEASIBLE`` where no path does the work,
        ``LIMIT`` where the search did not end; the residual is the relative gap between the dual
        value and the cost of the mix.
    """

    value: jax.Array
    multiplier: jax.Array
    low_path: jax.Array
    high_path: jax.Array
    weight: jax.Array
    info: Info


def offline_optimum(
    costs: jax.Array,
    metric: jax.Array | StateMetric | TimedMetric,
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

    Two slots of work within three, which cost 4, 1 and 2: OFF, ON, ON, with two switches.

    >>> from jaxsoco.allocation import StateMetric, offline_optimum
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> costs = jnp.array([[4.0, 9.0], [1.0, 9.0], [2.0, 9.0]])
    >>> best = offline_optimum(costs, metric, jnp.array([0.5]), metric.switch, start=0)
    >>> round(float(best.value), 3), best.high_path.tolist()
    (3.5, [2, 0, 0])

    Args:
      costs: ``f``, cost of a slot fully ON, ``[T, n, ...]``.
      metric: ``[2n, 2n, ...]``, one for every move ``[T, 2n, 2n]`` or ``[T, 2n, 2n, ...]``, or a
        :class:`StateMetric` or, for distances that change, a :class:`TimedMetric` (fewer
        operations).
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
    # The first two lines: never ON (no cost, no work), and ON from the start to the deadline.
    cost, stay_on = stay_path(graph, throughput)
    work = graph.deadline * pick(throughput, stay_on)
    feasible = work >= 1 - finish_tolerance(cost.dtype)
    zeros = jnp.zeros_like(cost)
    low, high, done, count = _search(
        graph, throughput, _Line(zeros, zeros, zeros), _Line(cost, work, zeros), feasible
    )
    # In mu, cost + mu (1 - work) rises for the low path and falls for the high one: the dual is
    # largest where they cross.
    price = _crossing(low, high)
    value = low.cost + price * (1 - low.work)
    # The mix does the work exactly: (1 - weight) low.work + weight high.work = 1.
    rise = high.work - low.work
    weight = jnp.clip((1 - low.work) / jnp.where(rise > 0, rise, 1), 0, 1)
    paths = _paths(graph, throughput, low, high, stay_on)
    status = jnp.where(feasible, jnp.where(done, Status.OK, Status.LIMIT), Status.INFEASIBLE)
    mixed = _lagrangian(graph, throughput, paths, weight, price)
    residual = jnp.abs(mixed - value) / jnp.maximum(jnp.abs(value), 1e-30)
    value = _with_derivative(whole, rates, paths, weight, price, value)
    value = jnp.where(feasible, value, jnp.inf)
    info = Info(status.astype(jnp.int32), residual, count)
    return OfflineOptimum(value, price, paths[0], paths[1], weight, info)


class _Line(NamedTuple):
    """A path as a function of the price: ``cost - price * work``; shortest at ``price``."""

    cost: jax.Array
    work: jax.Array
    price: jax.Array


def _crossing(low: _Line, high: _Line) -> jax.Array:
    """The price at which two paths cost the same, ``[...]``."""
    rise = high.work - low.work
    # low.cost - mu low.work = high.cost - mu high.work
    return (high.cost - low.cost) / jnp.where(rise > 0, rise, 1)


def _search(
    graph: Graph, throughput: jax.Array, low: _Line, high: _Line, feasible: jax.Array
) -> tuple[_Line, _Line, jax.Array, jax.Array]:
    """Replaces the lines until none is better: both, whether the search ended, and its steps."""

    def step(state):
        low, high, done, count = state
        price = _crossing(low, high)
        cost, work = cheapest(graph, throughput, price)
        # The value of both lines where they cross: a better path lies below it.
        bound = low.cost - price * low.work
        improves = cost - price * work < bound - _tolerance(cost) * (
            jnp.abs(low.cost) + price * (1 + high.work)
        )
        enough = work >= 1 - finish_tolerance(cost.dtype)
        better = _Line(cost, work, price)
        low = where(improves & ~enough & ~done, better, low)
        high = where(improves & enough & ~done, better, high)
        return low, high, done | ~improves, count + ~done

    count = jnp.zeros(feasible.shape, jnp.int32)
    return jax.lax.while_loop(
        lambda s: jnp.any(~s[2] & (s[3] < _SECANT_STEPS)), step, (low, high, ~feasible, count)
    )


def _tolerance(costs: jax.Array) -> float:
    return 16 * float(jnp.finfo(costs.dtype).eps)


def _paths(
    graph: Graph, throughput: jax.Array, low: _Line, high: _Line, stay_on: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The two paths of the optimum, int32 ``[T, ...]``, traced at their own prices."""
    horizon = graph.costs.shape[0]
    slots = jnp.arange(horizon).reshape(horizon, *(1,) * graph.lanes)
    shape = (horizon, *stay_on.shape)
    rest = jnp.broadcast_to(lift(graph.start + graph.n), shape)
    # Price 0 marks the two starting lines, which no shortest path gave.
    stay = jnp.where(slots < lift(graph.deadline), lift(stay_on), lift(stay_on + graph.n))
    low_path = jnp.where(lift(low.price > 0), cheapest_path(graph, throughput, low.price), rest)
    high_path = jnp.where(lift(high.price > 0), cheapest_path(graph, throughput, high.price), stay)
    return low_path.astype(jnp.int32), high_path.astype(jnp.int32)


def _lagrangian(graph: Graph, throughput: jax.Array, paths, weight, price) -> jax.Array:
    """Cost of the mix of two paths, and the price of the work that it misses, ``[...]``."""
    # mu + sum over both paths of share (cost - mu work)
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
    # By the envelope theorem, paths, weight and price stay fixed.
    return value, jax.jvp(moving, leaves(graph, throughput), change)[1]
