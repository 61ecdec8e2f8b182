"""The decision of one slot where points work at different rates.

The Lagrangian of the work decouples the sources: at a price ``mu`` of work, source ``i`` goes to
``argmin_j M(i, j) + f_j - mu c_j``. The price at which this does the work demanded is found by
bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric, best_targets
from jaxsoco.core.lanes import lift, where

_BISECTIONS = 80


class _Assignment(NamedTuple):
    """Every source's single target at one price, and the work that this makes."""

    target: jax.Array  # [2n, ...] state
    cost: jax.Array  # [2n, ...] M + f
    work: jax.Array  # [...]


def serve_mixed(
    costs: jax.Array,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    previous: jax.Array,
    work_at: Callable[[jax.Array], jax.Array],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Solves a step for a falling demand ``work_at(price)``, as ``step.serve`` does.

    Args:
      costs: ``f [n, ...]``.
      metric: ``[2n, 2n, ...]`` or factored, with as many lanes.
      throughput: ``c``, ``[n, ...]``.
      previous: ``[2n, ...]``.
      work_at: demand ``[1, ...]`` at a price ``[1, ...]``.

    Returns:
      The decision ``[2n, ...]``, the work ``[...]`` and the plain cost ``[...]``.
    """
    n = costs.shape[0]
    # Outside [-limit, limit] no source changes its target.
    limit = _highest_price(costs, metric, throughput)
    lanes = previous.shape[1:]

    def assign(price):
        # Every source's best target at this price: min_j M(i, j) + f_j - price c_j.
        best = best_targets(metric, costs - lift(price) * throughput)
        goes = best.on <= best.off
        rate = _pick(throughput, best.on_state)
        # best holds M + f - price c: with the price added back, the plain cost M + f is left.
        gain = jnp.where(goes, lift(price) * rate, 0)
        target = jnp.where(goes, best.on_state, best.off_state)
        cost = jnp.where(goes, best.on, best.off) + gain
        return _Assignment(target, cost, jnp.sum(jnp.where(goes, previous * rate, 0), axis=0))

    def bisect(_, state):
        # Work rises with the price, demand falls: keep the crossing between low and high.
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
    # Both assignments are optimal at the crossing: their mix that does the work demanded is, too.
    work = jnp.clip(work_at(lift((low + high) / 2))[0], at_low.work, at_high.work)
    span = at_high.work - at_low.work
    share = jnp.where(span > 0, (work - at_low.work) / jnp.where(span > 0, span, 1), 0)
    cost = lift(1 - share) * at_low.cost + lift(share) * at_high.cost
    places = jnp.arange(2 * n).reshape(2 * n, *(1,) * len(lanes))

    # k = (1 - share) k_low + share k_high, source by source.
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
        # A bound on every M(i, j): the longest move, and a switch at both ends.
        far = jnp.max(metric.distance, axis=(0, 1)) + 2 * jnp.max(metric.switch, axis=0)
    else:
        far = jnp.max(metric, axis=(0, 1))
    # OFF states work at rate 0.
    rates = jnp.concatenate([jnp.zeros_like(throughput[:1]), throughput])
    apart = jnp.abs(rates[:, None] - rates[None])
    counts = apart > 1e-9 * jnp.max(rates, axis=0)[None, None]
    gap = jnp.min(jnp.where(counts, apart, jnp.inf), axis=(0, 1))
    # Beyond this price, a gap between two rates outweighs any difference in M + f.
    return 2 * (far + jnp.max(jnp.abs(costs), axis=0)) / gap


def _pick(values: jax.Array, index: jax.Array) -> jax.Array:
    """``values[index]`` per lane: values ``[n, ...]``, index ``[m, ...]``."""

    def add(v, picked):
        return jnp.where(index == v, values[v][None], picked)

    start = jnp.broadcast_to(
        values[0][None], jnp.broadcast_shapes(index.shape, values[0][None].shape)
    )
    return jax.lax.fori_loop(1, values.shape[0], add, start)
