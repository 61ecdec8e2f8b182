"""The decision of one slot: how much work to do at the pseudo-cost's price, and where.

The target marginal is free, so transport decouples: a source state ``i`` has one best ON and one
best OFF target, and a price of work at which it goes ON::

    on_i = min_{j ON} M(i, j) + f_j,    off_i = min_{j OFF} M(i, j),    mu_i = (on_i - off_i) / c

Serving the sources in the order of ``mu_i``, while the work done is below the demand at that price,
solves the step exactly, for any metric. Where the points work at different rates, see ``rates``.
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
from jaxsoco.allocation.theory.rates import serve_mixed
from jaxsoco.allocation.theory.support import held_states, on_support
from jaxsoco.core.lanes import align, lift, spread
from jaxsoco_kernels.info import Status


class StepInfo(NamedTuple):
    """How a step ended, ``[...]`` each.

    Attributes:
      status: a :class:`~jaxsoco_kernels.info.Status`, int32: ``INFEASIBLE`` where the work that was
        asked for cannot be done in one slot.
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

    A job of two slots, OFF at the first of two points, where a slot costs 1.5, starts to run:

    >>> from jaxsoco.allocation import PseudoCost, StateMetric, competitive_ratio, pcm_step
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> psi = PseudoCost(1.0, 10.0, 2.0, 0.5, rate=competitive_ratio(1.0, 10.0, 2.0, 0.5))
    >>> off = jnp.array([0.0, 0.0, 1.0, 0.0])
    >>> decision, done, info = pcm_step(jnp.array([1.5, 9.0]), metric, 0.5, off, 0.0, psi)
    >>> decision.tolist(), float(done)
    ([1.0, 0.0, 0.0, 0.0], 0.5)

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

    # Demand: work pays off while psi(z + s) is above its price, so s = psi^-1(price) - z, within
    # [0, 1 - z].
    def work_at(price):
        return jnp.clip(psi.inverse(price) - done, 0, left)

    decision, work, spent = serve(costs, metric, throughput, previous, work_at)
    # int_z^{z + c . k} psi
    reward = pseudo_cost.integral(utilization, utilization + work)
    status = jnp.full(work.shape, Status.OK, jnp.int32)
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
    # Demand that no price changes: the same sweep then does just this, the cheapest way.
    decision, done, spent = serve(costs, metric, throughput, previous, lambda _: lift(work))
    short = done < work - 1e3 * jnp.finfo(done.dtype).eps
    status = jnp.where(short, Status.INFEASIBLE, Status.OK).astype(jnp.int32)
    return decision, StepInfo(status, spent, done)


def serve(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    previous: jax.Array,
    work_at: Callable[[jax.Array], jax.Array],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Solves a step for a falling demand ``work_at(price)``.

    Returns:
      The decision ``[2n, ...]``, the work ``c . k [...]`` and the plain cost ``f . k + W1 [...]``.
    """
    lanes = previous.ndim - 1
    costs = align(costs, 1, lanes)
    metric = with_lanes(metric, lanes)
    rate = uniform_rate(throughput, costs.shape[0])
    if rate is None:
        return serve_mixed(costs, metric, align(throughput, 1, lanes), previous, work_at)
    rate = spread(rate, previous[0])
    # on_i = min_{j ON} M(i, j) + f_j and off_i = min_{j OFF} M(i, j) of every source i.
    best = best_targets(metric, costs)

    def share_out(mass, best):
        on = shares(best.on, best.off, mass, rate, work_at)
        off = mass - on
        decision = assemble(best.on_state, best.off_state, on, off, costs.shape[0])
        # The plan's cost, sum_i on_i (M + f) + off_i M: it is optimal, so this is f . k + W1.
        spent = jnp.sum(on * best.on + off * best.off, axis=0)
        return decision, rate * jnp.sum(on, axis=0), spent

    def few():
        mass, *targets, _ = held_states(previous, *best)
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
    # mu_i = (on_i - off_i) / c
    price = (on_cost - off_cost) / lift(rate)
    sources = mass.shape[0]
    places = jnp.arange(sources).reshape(sources, *(1,) * (mass.ndim - 1))

    # ahead_i: mass of the sources before i in the order of (price, index). All pairs are compared:
    # a sort of short rows is many times slower.
    def add(j, ahead):
        now = price[j][None]
        first = (now < price) | ((now == price) & (j < places))
        return ahead + jnp.where(first, mass[j][None], 0)

    ahead = jax.lax.fori_loop(0, sources, add, jnp.zeros_like(price))
    # What demand leaves for source i, of the mass that it has.
    return jnp.clip(work_at(price) / lift(rate) - ahead, 0, mass)


def assemble(
    on_state: jax.Array, off_state: jax.Array, on: jax.Array, off: jax.Array, points: int
) -> jax.Array:
    """Moves shares ``[m, ...]`` of sources to their target states: the decision ``[2n, ...]``."""
    places = jnp.arange(points).reshape(points, *(1,) * (on.ndim - 1))

    # A scatter-add written as masked sums over the lanes.
    def add(i, decision):
        ons, offs = decision
        ons = ons + jnp.where(places == on_state[i][None], on[i][None], 0)
        return ons, offs + jnp.where(places + points == off_state[i][None], off[i][None], 0)

    zeros = jnp.zeros((points, *on.shape[1:]), on.dtype)
    return jnp.concatenate(jax.lax.fori_loop(0, on.shape[0], add, (zeros, zeros)))
