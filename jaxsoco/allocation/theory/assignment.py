"""Where the mass of ST-CLIP's step goes at given prices of the constraint and of work.

Mass moves from source ``i`` by way of state ``j`` of the decision to the advised state ``a_l``. At
weights ``v`` of the objective and ``lam`` of the constraint, and a price ``p`` of work, a unit
costs::

    v base_ij + lam (slope_ij + M(j, a_l)) - p c_j

so that every pair ``(i, l)`` has one best ``j``, and the masses of the pairs solve a transport
problem between the last decision and the advice (``flows``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.flows import couple
from jaxsoco.allocation.theory.plans import Prices, Sources
from jaxsoco.core.lanes import lift, where


class Target(NamedTuple):
    """The advice, and what the ways lead through.

    Attributes:
      weight: of the advised states, ``[A, ...]``.
      back: way back to them ``M(j, a_l)``, ``[2n, A, ...]``.
      rates: ``c_j [2n, ...]``, 0 where OFF.
    """

    weight: jax.Array
    back: jax.Array
    rates: jax.Array


class _Ways(NamedTuple):
    """Best state of every pair of a source and an advised state, ``[m, A, ...]`` each."""

    cost: jax.Array  # the price of work not counted
    base: jax.Array
    slope: jax.Array
    rate: jax.Array
    state: jax.Array


class Assignment(NamedTuple):
    """What all sources do at one price of work.

    Attributes:
      price: of work, ``[...]``.
      cost: weighted sum of objective and constraint, the price of work not counted.
      base: the objective, but for the reward.
      slope: the constraint's movement and service.
      work: ``c . k``.
      exact: the coupling is optimal, bool.
      mass: of every pair of a source and an advised state, ``[m, A, ...]``.
      state: of the decision through which it goes, int32.
    """

    price: jax.Array
    cost: jax.Array
    base: jax.Array
    slope: jax.Array
    work: jax.Array
    exact: jax.Array
    mass: jax.Array
    state: jax.Array


class Scales(NamedTuple):
    """Weights of objective and constraint in the cost of a way, ``[...]`` each."""

    base: jax.Array
    slope: jax.Array


class Assigner(NamedTuple):
    """The assignment at a price, and prices below and above which it does not change.

    ``blank`` is an assignment of zeros, of the shape of the others.
    """

    at: Callable[[jax.Array], Assignment]
    blank: Assignment
    low: jax.Array
    high: jax.Array


def assigner_of(
    sources: Sources, target: Target, scales: Scales, prices: Prices, uniform: bool
) -> Assigner:
    """The best assignments of a step; ``uniform``: all ON states have one rate (static)."""
    ways_at, low, high = (_uniform if uniform else _mixed_rates)(sources, target, scales, prices)
    tied = (scales.slope == 0)[None, None]

    def at(price):
        ways = ways_at(price)
        # At multiplier 0 all returns to the advice cost the same: the constraint's cost decides.
        cost = jnp.where(tied, ways.slope, ways.cost - price[None, None] * ways.rate)
        mass, exact = couple(sources.mass, target.weight, cost)

        def total(of):
            return jnp.sum(mass * of, axis=(0, 1))

        return Assignment(
            price,
            total(ways.cost),
            total(ways.base),
            total(ways.slope),
            total(ways.rate),
            exact,
            mass,
            ways.state,
        )

    return Assigner(at, _blank(sources, target), low, high)


def _blank(sources: Sources, target: Target) -> Assignment:
    pairs = jnp.zeros((*sources.mass.shape[:1], *target.weight.shape), sources.mass.dtype)
    nothing = pairs[0, 0]
    exact = jnp.ones(nothing.shape, bool)
    states = pairs.astype(jnp.int32)
    return Assignment(nothing, nothing, nothing, nothing, nothing, exact, pairs, states)


def _uniform(sources: Sources, target: Target, scales: Scales, prices: Prices):
    """At one rate the best ON and the best OFF way hang on no price, and the price picks one."""
    n = sources.base.shape[1] // 2
    free = jnp.zeros_like(prices.rate)
    on = _best_ways(sources, target, scales, free, range(n))
    off = _best_ways(sources, target, scales, free, range(n, 2 * n))
    even = (on.cost - off.cost) / prices.rate[None, None]
    least, most = jnp.min(even, axis=(0, 1)), jnp.max(even, axis=(0, 1))
    margin = 1e-3 * (most - least + prices.pseudo_cost.U)

    def ways_at(price):
        return where(even < price[None, None], on, off)

    return ways_at, least - margin, most + margin


def _mixed_rates(sources: Sources, target: Target, scales: Scales, prices: Prices):
    """Where the rates differ every price has ways of its own."""
    n2 = sources.base.shape[1]
    of_base, of_slope = lift(lift(scales))
    direct = of_base * sources.base + of_slope * sources.slope
    spread = [jnp.max(x, axis=(0, 1)) - jnp.min(x, axis=(0, 1)) for x in (direct, target.back)]
    apart = jnp.abs(target.rates[:, None] - target.rates[None])
    counts = apart > 1e-9 * jnp.max(target.rates, axis=0)[None, None]
    gap = jnp.min(jnp.where(counts, apart, jnp.inf), axis=(0, 1))
    # Beyond this price the gap between two rates outweighs any difference in cost.
    limit = 2 * (spread[0] + scales.slope * spread[1]) / gap + prices.pseudo_cost.U

    def ways_at(price):
        return _best_ways(sources, target, scales, price, range(n2))

    return ways_at, -limit, limit


def _best_ways(
    sources: Sources, target: Target, scales: Scales, price: jax.Array, states: range
) -> _Ways:
    """The ways that cost the least at a price ``[...]``, the first of several."""

    of_base, of_slope = lift(lift(scales))

    # A running minimum over the states: no table [m, 2n, A, ...] is built.
    def cost(j):
        base, back = sources.base[:, j][:, None], target.back[j][None]
        slope = sources.slope[:, j][:, None] + back
        paid = lift(lift(price)) * target.rates[j][None, None]
        return of_base * base + of_slope * slope - paid

    def better(j, best):
        least, state = best
        now = cost(j)
        return jnp.minimum(now, least), jnp.where(now < least, j, state)

    first = cost(states.start)
    start = (first, jnp.full(first.shape, states.start, jnp.int32))
    state = jax.lax.fori_loop(states.start + 1, states.stop, better, start)[1]

    # The parts are looked up, not carried along: at a tie each might be another state's.
    def look(j, parts):
        now = (sources.base[:, j][:, None], sources.slope[:, j][:, None], target.back[j][None])
        now = (*now, target.rates[j][None, None])
        return tuple(jnp.where(state == j, a, b) for a, b in zip(now, parts, strict=True))

    nothing = (jnp.zeros_like(first),) * 4
    base, slope, back, rate = jax.lax.fori_loop(states.start, states.stop, look, nothing)
    slope = slope + back
    return _Ways(of_base * base + of_slope * slope, base, slope, rate, state)
