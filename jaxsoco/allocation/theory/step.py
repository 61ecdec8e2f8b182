"""The decision of one slot: how much work to do at the pseudo-cost's price, and where.

The target marginal is free, so transport decouples: every source state has one best ON and one
best OFF target, and a breakpoint price at which it switches over. Serving sources in the order of
their breakpoints solves the step exactly, for any metric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxsoco.allocation.theory.metric import Best, StateMetric, best_targets, with_lanes
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.support import held, on_support
from jaxsoco.core.lanes import align, lift, spread, where

CONVERGED, SHORT_OF_WORK = 0, 1

_BISECTIONS = 80


class StepInfo(NamedTuple):
    """How a step ended, ``[...]`` each.

    Attributes:
      status: 0, or 1 where the work that was asked for cannot be done in one slot.
      objective: value of the step's objective.
      work: work done, ``c . k``.
    """

    status: jax.Array
    objective: jax.Array
    work: jax.Array


def pcm_step(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    previous: jax.Array,
    utilization: jax.Array,
    pseudo_cost: PseudoCost,
) -> tuple[jax.Array, jax.Array, StepInfo]:
    """One step of pseudo-cost minimisation (PCM), solved exactly.

    Minimises ``f . k + W1_M(k, k_prev) - int_z^{z + c . k} psi`` over distributions ``k`` with
    ``c . k <= 1 - z``.

    Args:
      costs: ``f``, cost of a slot fully ON at each point, ``[n, ...]``.
      metric: any metric ``M`` over states, ``[2n, 2n, ...]`` or factored (faster).
      throughput: ``c``, work of a slot fully ON, ``[n, ...]``; a scalar or ``[1, ...]`` where all
        points work at one rate.
      previous: ``k_prev``, ``[2n, ...]``.
      utilization: ``z``, work done so far, ``[...]``.
      pseudo_cost: ``psi``.

    Returns:
      The decision ``[2n, ...]``, the new utilisation ``[...]`` and a :class:`StepInfo`. At ties
      the lowest index is served first. Source: arXiv 2408.07831, algorithm 1.
    """
    previous = jnp.asarray(previous)
    utilization, pseudo_cost = spread((utilization, pseudo_cost), previous[0])
    room = jnp.maximum(1 - utilization, 0)

    psi, done, left = lift((pseudo_cost, utilization, room))

    def work_at(price):
        return jnp.clip(psi.inverse(price) - done, 0, left)

    decision, work, spent = serve(costs, metric, throughput, previous, work_at)
    reward = pseudo_cost.integral(utilization, utilization + work)
    status = jnp.zeros(work.shape, jnp.int32)
    return decision, utilization + work, StepInfo(status, spent - reward, work)


def forced_step(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    previous: jax.Array,
    work: jax.Array,
) -> tuple[jax.Array, StepInfo]:
    """The cheapest way to do exactly ``work [...]`` in this slot (the mandatory phase)."""
    previous = jnp.asarray(previous)
    work = spread(work, previous[0])
    decision, done, spent = serve(costs, metric, throughput, previous, lambda _: lift(work))
    short = done < work - 1e3 * jnp.finfo(done.dtype).eps
    return decision, StepInfo(short.astype(jnp.int32), spent, done)


def serve(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    previous: jax.Array,
    work_at: Callable[[jax.Array], jax.Array],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Solves a step for a falling demand ``work_at(price)``: decision, work and plain cost."""
    lanes = previous.ndim - 1
    costs = align(costs, 1, lanes)
    metric = with_lanes(metric, lanes)
    rate = uniform_rate(throughput, costs.shape[0])
    if rate is None:
        return _serve_mixed(costs, metric, align(throughput, 1, lanes), previous, work_at)
    rate = spread(rate, previous[0])
    best = best_targets(metric, costs)

    def share_out(mass, best):
        on = shares(best.on, best.off, mass, rate, work_at)
        off = mass - on
        decision = assemble(best.on_state, best.off_state, on, off, costs.shape[0])
        spent = jnp.sum(on * best.on + off * best.off, axis=0)
        return decision, rate * jnp.sum(on, axis=0), spent

    def few():
        mass, *targets, _ = held(previous, *best)
        return share_out(mass, Best(*targets))

    return on_support(previous, few, lambda: share_out(previous, best))


def uniform_rate(throughput: jax.Array | float, points: int) -> jax.Array | None:
    """The common rate ``[...]`` of all points, or None where they may differ (static choice)."""
    shape = np.shape(throughput)
    if not shape:
        return jnp.asarray(throughput)
    if shape[0] == 1 or points == 1:
        return jnp.asarray(throughput)[0]
    if isinstance(throughput, Tracer):
        return None
    values = np.asarray(throughput)
    return jnp.asarray(values[0]) if np.all(values == values[:1]) else None


def shares(
    on_cost: jax.Array,
    off_cost: jax.Array,
    mass: jax.Array,
    rate: jax.Array,
    work_at: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """Mass of every source that goes ON, ``[m, ...]``, at one common rate.

    Source ``i`` pays off below the price ``(on_i - off_i) / rate``; the cheapest go first, and the
    one at which demand ends is split.
    """
    price = (on_cost - off_cost) / lift(rate)
    sources = mass.shape[0]
    places = jnp.arange(sources).reshape(sources, *(1,) * (mass.ndim - 1))

    # All pairs are compared: a sort of short rows is many times slower.
    def add(j, ahead):
        now = price[j][None]
        first = (now < price) | ((now == price) & (j < places))
        return ahead + jnp.where(first, mass[j][None], 0)

    ahead = jax.lax.fori_loop(0, sources, add, jnp.zeros_like(price))
    return jnp.clip(work_at(price) / lift(rate) - ahead, 0, mass)


def assemble(
    on_state: jax.Array, off_state: jax.Array, on: jax.Array, off: jax.Array, points: int
) -> jax.Array:
    """Moves shares ``[m, ...]`` of sources to their target states: the decision ``[2n, ...]``."""
    places = jnp.arange(points).reshape(points, *(1,) * (on.ndim - 1))

    def add(i, decision):
        ons, offs = decision
        ons = ons + jnp.where(places == on_state[i][None], on[i][None], 0)
        return ons, offs + jnp.where(places + points == off_state[i][None], off[i][None], 0)

    zeros = jnp.zeros((points, *on.shape[1:]), on.dtype)
    return jnp.concatenate(jax.lax.fori_loop(0, on.shape[0], add, (zeros, zeros)))


class _Assignment(NamedTuple):
    """Every source's single target at one price, and the work that this makes."""

    target: jax.Array  # [2n, ...] state
    cost: jax.Array  # [2n, ...] M + f
    work: jax.Array  # [...]


def _serve_mixed(costs, metric, throughput, previous, work_at):
    """As :func:`serve` for different rates: bisection on the price, then a mix of both ends."""
    n = costs.shape[0]
    limit = _highest_price(costs, metric, throughput)
    lanes = previous.shape[1:]

    def assign(price):
        best = best_targets(metric, costs - lift(price) * throughput)
        goes = best.on <= best.off
        rate = _pick(throughput, best.on_state)
        gain = jnp.where(goes, lift(price) * rate, 0)
        target = jnp.where(goes, best.on_state, best.off_state)
        cost = jnp.where(goes, best.on, best.off) + gain
        return _Assignment(target, cost, jnp.sum(jnp.where(goes, previous * rate, 0), axis=0))

    def bisect(_, state):
        low, high, at_low, at_high = state
        middle = (low + high) / 2
        now = assign(middle)
        enough = now.work >= work_at(lift(middle))[0]
        return (
            jnp.where(enough, low, middle),
            jnp.where(enough, middle, high),
            where(enough, at_low, now),
            where(enough, now, at_high),
        )

    low, high = jnp.broadcast_to(-limit, lanes), jnp.broadcast_to(limit, lanes)
    state = (low, high, assign(low), assign(high))
    low, high, at_low, at_high = jax.lax.fori_loop(0, _BISECTIONS, bisect, state)
    work = jnp.clip(work_at(lift((low + high) / 2))[0], at_low.work, at_high.work)
    span = at_high.work - at_low.work
    share = jnp.where(span > 0, (work - at_low.work) / jnp.where(span > 0, span, 1), 0)
    cost = lift(1 - share) * at_low.cost + lift(share) * at_high.cost
    places = jnp.arange(2 * n).reshape(2 * n, *(1,) * len(lanes))

    def add(i, decision):
        mass = previous[i]
        low_mass = jnp.where(places == at_low.target[i][None], lift((1 - share) * mass), 0)
        high_mass = jnp.where(places == at_high.target[i][None], lift(share * mass), 0)
        return decision + low_mass + high_mass

    decision = jax.lax.fori_loop(0, 2 * n, add, jnp.zeros_like(previous))
    return decision, work, jnp.sum(previous * cost, axis=0)


def _highest_price(costs, metric, throughput) -> jax.Array:
    """A price above which no source changes its target any more, ``[...]``.

    Sources change to ever faster targets until the price outweighs the smallest difference of two
    rates; differences at the level of rounding do not count.
    """
    if isinstance(metric, StateMetric):
        far = jnp.max(metric.distance, axis=(0, 1)) + 2 * jnp.max(metric.switch, axis=0)
    else:
        far = jnp.max(metric, axis=(0, 1))
    rates = jnp.concatenate([jnp.zeros_like(throughput[:1]), throughput])
    apart = jnp.abs(rates[:, None] - rates[None])
    counts = apart > 1e-9 * jnp.max(rates, axis=0)[None, None]
    gap = jnp.min(jnp.where(counts, apart, jnp.inf), axis=(0, 1))
    return 2 * (far + jnp.max(jnp.abs(costs), axis=0)) / gap


def _pick(values: jax.Array, index: jax.Array) -> jax.Array:
    """``values[index]`` per lane: values ``[n, ...]``, index ``[m, ...]``."""

    def add(v, picked):
        return jnp.where(index == v, values[v][None], picked)

    start = jnp.broadcast_to(
        values[0][None], jnp.broadcast_shapes(index.shape, values[0][None].shape)
    )
    return jax.lax.fori_loop(1, values.shape[0], add, start)
