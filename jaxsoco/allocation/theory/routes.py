"""Plans of ST-CLIP's step for advice in several states, or for points that work at several rates.

A plan moves mass from source ``i`` by way of state ``j`` of the decision to the advised state
``a_l``. At a multiplier ``lam`` of the constraint and a price ``p`` of work a unit of it costs::

    base_ij + lam (slope_ij + M(j, a_l)) - p c_j

The work of the best assignment (``assignment``) rises with ``p``, in steps, while demand falls: the
two assignments on either side of the crossing are mixed. Any pair ``(lam, p)`` bounds the step's
optimum from below (weak duality): that is the certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.assignment import (
    Assigner,
    Assignment,
    Scales,
    Target,
    assigner_of,
)
from jaxsoco.allocation.theory.plans import Prices, Sources, demand, reserve, reward
from jaxsoco.core.lanes import where

EVALUATIONS = 10

OfWork = Callable[[jax.Array], jax.Array]


class RoutePlan(NamedTuple):
    """A plan, as masses that go to states of the decision.

    Attributes:
      state: int32 ``[R, ...]``.
      mass: ``[R, ...]``.
      value: the objective, ``[...]``.
      excess: the constraint's left side minus its right side.
      work: ``c . k``.
      multiplier: at which the plan is best; infinite for the one with the least excess.
      bound: no plan that keeps the constraint has a lower objective.
    """

    state: jax.Array
    mass: jax.Array
    value: jax.Array
    excess: jax.Array
    work: jax.Array
    multiplier: jax.Array
    bound: jax.Array


class _Demand(NamedTuple):
    """Work that pays off at a price, and what work is worth, ``[...]``.

    Attributes:
      work_at: work at a price.
      before: worth of the last bit of some work; infinite where that must be done.
      after: worth of the next bit; minus infinity where no work is left.
    """

    work_at: OfWork
    before: OfWork
    after: OfWork


def best_routes(
    sources: Sources, target: Target, prices: Prices, multiplier: jax.Array, *, uniform: bool
) -> RoutePlan:
    """The plan that is best at a multiplier ``[...]`` of the constraint.

    At an infinite one this is the plan that spends the least of the budget, at most as much as
    following the advice.

    Args:
      sources: of the step; the way back is not part of their slopes.
      target: the advice.
      prices: of the step.
      multiplier: of the constraint.
      uniform: all ON states have one rate (static).
    """
    thrifty = jnp.isinf(multiplier)
    ones = jnp.ones_like(multiplier)
    scales = Scales(jnp.where(thrifty, 0, ones), jnp.where(thrifty, ones, multiplier))
    assigner = assigner_of(sources, target, scales, prices, uniform)
    wanted = _demand(prices, scales)
    low, high, last = _crossing(assigner, wanted, prices.rate)
    plan = _mixed(prices, low, high, _sold(low, high, wanted), multiplier)
    # At any price p: min_plan cost - p c . k
    #                 + min_s p s - reward(s) + lam (fixed + reserve(s))
    work = wanted.work_at(last.price)
    held = scales.slope * (prices.fixed + reserve(prices, work)) - reward(prices, work)
    bound = last.cost - last.price * last.work + last.price * work + held
    return plan._replace(bound=jnp.where(last.exact & ~thrifty, bound, -jnp.inf))


def no_routes(sources: Sources, target: Target) -> RoutePlan:
    """A plan that moves nothing, of the shape of :func:`best_routes`'s."""
    pairs = 2 * sources.mass.shape[0] * target.weight.shape[0]
    nothing = jnp.zeros_like(sources.mass[0])
    rows = jnp.zeros((pairs, *nothing.shape), nothing.dtype)
    return RoutePlan(rows.astype(jnp.int32), rows, *[nothing] * 5)


def even_multiplier(
    prices: Prices, left: RoutePlan, right: RoutePlan, share: jax.Array
) -> jax.Array:
    """The multiplier ``[...]`` at which two plans are even, next to a mix of them.

    Of the mix, ``share [...]`` is the right plan. Were there no other plans, its excess being 0,
    this would be the step's multiplier.
    """
    psi = prices.pseudo_cost
    more = right.work - left.work
    work = left.work + share * more
    base = right.value + reward(prices, right.work) - left.value - reward(prices, left.work)
    linear = right.excess - reserve(prices, right.work) - left.excess + reserve(prices, left.work)
    promised = psi.L + jnp.where(work < prices.lead, psi.U - psi.L, 0)
    drop = promised * more - linear
    gain = base - psi(prices.robust + work) * more
    return jnp.where(drop > 0, gain / jnp.where(drop > 0, drop, 1), -1)


def gather_routes(plan: RoutePlan, states: int) -> jax.Array:
    """The decision ``[2n, ...]`` that a plan makes."""
    places = jnp.arange(states).reshape(states, *(1,) * (plan.mass.ndim - 1))

    # A scatter-add written as masked sums over the lanes.
    def add(r, decision):
        return decision + jnp.where(places == plan.state[r][None], plan.mass[r][None], 0)

    empty = jnp.zeros((states, *plan.mass.shape[1:]), plan.mass.dtype)
    return jax.lax.fori_loop(0, plan.mass.shape[0], add, empty)


def _mixed(
    prices: Prices, low: Assignment, high: Assignment, work: jax.Array, multiplier: jax.Array
) -> RoutePlan:
    """The mix of two assignments that does some work, as far as they reach."""
    span = high.work - low.work
    share = jnp.where(span > 0, (work - low.work) / jnp.where(span > 0, span, 1), 0)
    share = jnp.clip(share, 0, 1)

    def mix(of):
        return (1 - share) * of(low) + share * of(high)

    work = mix(lambda end: end.work)
    value = mix(lambda end: end.base) - reward(prices, work)
    excess = prices.fixed + mix(lambda end: end.slope) + reserve(prices, work)
    masses = ((1 - share)[None, None] * low.mass, share[None, None] * high.mass)
    return RoutePlan(
        _rows(low.state, high.state),
        _rows(*masses),
        value,
        excess,
        work,
        multiplier,
        jnp.full_like(value, -jnp.inf),
    )


def _rows(low: jax.Array, high: jax.Array) -> jax.Array:
    """Pairs ``[m, A, ...]`` of two assignments, one after the other, ``[2 m A, ...]``."""
    return jnp.concatenate([x.reshape(-1, *x.shape[2:]) for x in (low, high)])


# --- work and its price --------------------------------------------------------------------------


class _Dual(NamedTuple):
    """What an assignment at a price proves, ``[...]`` each; see :class:`Assignment`."""

    price: jax.Array
    cost: jax.Array
    work: jax.Array
    exact: jax.Array


def _crossing(
    assigner: Assigner, wanted: _Demand, scale: jax.Array
) -> tuple[Assignment, Assignment, _Dual]:
    """Assignments that do at most and at least the work demanded, and one at a price between.

    ``scale [...]`` is any amount of work, above 0.
    """

    def middle(low, high):
        return (low.price + high.price) / 2

    def trial(low, high):
        # The best mix of the two sells work at the price where both cost the same, or is an end of
        # the two, at a price between what its last and its next bit of work are worth.
        span = high.work - low.work
        even = (high.cost - low.cost) / jnp.where(span > 0, span, 1)
        price = jnp.where(span > 0, even, middle(low, high))
        price = jnp.clip(price, wanted.after(high.work), wanted.before(low.work))
        return jnp.clip(price, low.price, high.price)

    # Where all sources are ON, work may still be worth more than that takes.
    highest = jnp.maximum(assigner.high, wanted.after(jnp.zeros_like(assigner.high)))

    # The two ends are the first trials of the loop, and the last one is for the bound alone: each
    # evaluation of its own would make the program longer by as much again.
    def refine(i, search):
        # The price is carried: XLA computes cheap values anew for each of their uses, and would
        # see a tie both ways if these rounded differently.
        low, high, price, _ = search
        now = assigner.at(price)
        # For the same reason this is a division, which it never computes twice.
        surplus = (now.work - wanted.work_at(price)) / scale
        enough = jnp.where(i < 2, i == 1, surplus >= 0)
        low = where((i <= EVALUATIONS + 1) & ~enough, now, low)
        high = where((i <= EVALUATIONS + 1) & enough, now, high)
        # Trials of this kind end, but may do so slowly: every third time, the bracket is halved.
        halve = (i % 3 == 0) & (i < EVALUATIONS + 1)
        price = jnp.where(halve, middle(low, high), trial(low, high))
        price = jnp.where(i == 0, highest, price)
        return low, high, price, _Dual(now.price, now.cost, now.work, now.exact)

    blank = assigner.blank
    last = _Dual(blank.price, blank.cost, blank.work, blank.exact)
    start = (blank, blank, assigner.low, last)
    low, high, _, last = jax.lax.fori_loop(0, EVALUATIONS + 3, refine, start)
    return low, high, last


def _sold(low: Assignment, high: Assignment, wanted: _Demand) -> jax.Array:
    """Work ``[...]`` of the best mix of two assignments."""
    span = high.work - low.work
    even = (high.cost - low.cost) / jnp.where(span > 0, span, 1)
    # Not the demand at the price where the search ends: there it may jump.
    between = jnp.where(even > wanted.before(low.work), low.work, wanted.work_at(even))
    return jnp.where(even < wanted.after(high.work), high.work, between)


def _demand(prices: Prices, scales: Scales) -> _Demand:
    """Of the Lagrangian, within ``least <= s <= 1 - z``.

    Work ``s`` is worth ``v psi(rho + s) + lam (L + (U - L) [s < A - z])``, with the scales ``v``,
    which is 1, or 0 for the constraint alone, and ``lam``.
    """
    psi = prices.pseudo_cost
    priced = demand(prices, scales.slope)

    def work_at(price):
        steps = jnp.where(price < psi.L, prices.room, jnp.where(price < psi.U, prices.lead, 0))
        alone = jnp.clip(steps, prices.least, prices.room)
        return jnp.where(scales.base > 0, priced(price), alone)

    def worth(work, ahead):
        promised = psi.L + jnp.where(ahead, psi.U - psi.L, 0)
        return scales.base * psi(prices.robust + work) + scales.slope * promised

    def before(work):
        return jnp.where(work <= prices.least, jnp.inf, worth(work, work <= prices.lead))

    def after(work):
        return jnp.where(work >= prices.room, -jnp.inf, worth(work, work < prices.lead))

    return _Demand(work_at, before, after)
