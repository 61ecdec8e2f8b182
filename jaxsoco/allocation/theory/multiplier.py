"""The multiplier of ST-CLIP's constraint: a bracket of two plans, narrowed a fixed number of times.

With the multiplier ``lam``, the dual function ``min_plan value + lam excess`` is concave; a plan
whose excess is positive lies left of its maximum, one with excess 0 or less right of it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.plans import Plan, Prices, Sources, best_plan
from jaxsoco.core.lanes import where

_EVALUATIONS = 11


class _Trial(NamedTuple):
    """A multiplier that was tried, and ``psi`` at the work of its plan, ``[...]`` each."""

    multiplier: jax.Array
    price: jax.Array


def bracket(
    sources: Sources, prices: Prices, left: Plan, right: Plan, goal: jax.Array
) -> tuple[Plan, Plan]:
    """Narrows a plan that breaks the constraint and one that keeps it around the multiplier.

    The tangents of the dual at both plans cross at its corner, if that is one corner. Where it is
    smooth, they only halve the excess, and a secant takes its place: as long as the same arcs are
    best, the multiplier is affine in ``psi`` at the plan's work, and the mix of the two plans
    already does the optimal work.

    Args:
      sources: of the step.
      prices: of the step.
      left: a plan with an excess above ``goal``; lanes where it is not stay as they are.
      right: a plan with an excess up to ``goal``.
      goal: the excess that counts as none, ``[...]``.
    """

    def price(work):
        return prices.pseudo_cost(prices.robust + work)

    def refine(i, search):
        left, right, older, newer = search
        drop = left.excess - right.excess
        usable = (left.excess > goal) & (drop > 0)
        drop = jnp.where(usable, drop, 1)
        low, high = left.multiplier, right.multiplier
        # The tangents value + multiplier * excess of the dual at both plans cross here.
        cross = jnp.clip((right.value - left.value) / drop, low, high)
        # The secant through the last two trials, at the work of the mix with excess 0.
        share = jnp.clip(left.excess / drop, 0, 1)
        target = price(left.work + share * (right.work - left.work))
        change = newer.price - older.price
        slope = (newer.multiplier - older.multiplier) / jnp.where(change != 0, change, 1)
        secant = newer.multiplier + slope * (target - newer.price)
        inside = (change != 0) & (secant > low) & (secant < high)
        # Both can creep from one side: every third time, the bracket is halved.
        bounded = jnp.isfinite(high)
        middle = (low + jnp.where(bounded, high, 0)) / 2
        trial = jnp.where((i % 3 == 1) & inside, secant, cross)
        trial = jnp.where((i % 3 == 2) & bounded, middle, trial)
        trial = jnp.where(usable, trial, 0)
        now = best_plan(sources, prices, trial)
        breaks = now.excess > goal
        left, right = where(usable & breaks, now, left), where(usable & ~breaks, now, right)
        return left, right, newer, _Trial(trial, price(now.work))

    first = _Trial(left.multiplier, price(left.work))
    return jax.lax.fori_loop(0, _EVALUATIONS, refine, (left, right, first, first))[:2]
