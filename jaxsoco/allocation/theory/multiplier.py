"""The multiplier of ST-CLIP's constraint: a bracket of two plans, narrowed a fixed number of times.

With the multiplier ``lam``, the dual function ``min_plan value + lam excess`` is concave; a plan
whose excess is positive lies left of its maximum, one with excess 0 or less right of it. The step
is the mix of the two last plans that meets the constraint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.plans import Prices, reward
from jaxsoco.core.lanes import lift, where

EVALUATIONS = 11

# Share of the tolerance that a step may spend although it need not. Spent in full, it would leave
# none for the rounding of the steps after it, of which each starts from this one's excess.
_SPENDABLE = 1 / 3


class Solution(NamedTuple):
    """The optimum of a step, ``[...]`` each but the decision ``[2n, ...]``.

    ``multiplier`` is the mean of those of the two plans that are mixed, ``proof`` the one that
    bounds the optimum better: they differ where the dual function has a corner.
    """

    decision: jax.Array
    work: jax.Array
    free_work: jax.Array
    objective: jax.Array
    excess: jax.Array
    multiplier: jax.Array
    proof: jax.Array
    gap: jax.Array


class Priced(Protocol):
    """What the search reads of a plan, ``[...]`` each; see :class:`~.plans.Plan`."""

    @property
    def value(self) -> jax.Array:
        """The objective."""
        ...

    @property
    def excess(self) -> jax.Array:
        """Left side of the constraint minus its right side."""
        ...

    @property
    def work(self) -> jax.Array:
        """Work done, ``c . k``."""
        ...

    @property
    def multiplier(self) -> jax.Array:
        """At which the plan is best; infinite for one that only keeps the constraint."""
        ...


AnyPlan = TypeVar("AnyPlan", bound=Priced)


class _Trial(NamedTuple):
    """A multiplier that was tried, and ``psi`` at the work of its plan, ``[...]`` each."""

    multiplier: jax.Array
    price: jax.Array


def solve(
    best: Callable[[jax.Array], AnyPlan],
    follow: AnyPlan,
    decision: Callable[[AnyPlan], jax.Array],
    bound: Callable[[AnyPlan, jax.Array], jax.Array],
    prices: Prices,
    met: jax.Array,
    **search: Any,
) -> Solution:
    """The step: the free plan, then the multiplier if that breaks the budget.

    Args:
      best: the best plan at a multiplier ``[...]``.
      follow: a plan that keeps the budget if any does, or if the advice does.
      decision: that a plan makes, ``[2n, ...]``.
      bound: lower bound on the optimum that a plan proves at its multiplier, ``[...]`` each.
      prices: of the step.
      met: excess that counts as rounding.
      **search: more for :func:`bracket`.
    """
    # Multiplier 0: the step without the constraint, k~.
    free = best(jnp.zeros_like(met))
    # An excess up to this much is rounding: without slack, many plans meet the constraint exactly,
    # and the advice, where the search starts, need not be the best of them.
    goal = jnp.clip(follow.excess, _SPENDABLE * met, met)
    binding = free.excess > goal
    # The constraint is excess <= 0: the multiplier maximises min_plan value + lam excess.
    left, right = bracket(
        best,
        lambda work: prices.pseudo_cost(prices.robust + work),
        free,
        follow,
        goal,
        **search,
    )
    # Both ends minimise the Lagrangian at the multiplier: so does the mix with excess 0.
    span = left.excess - right.excess
    mix = jnp.where(span > 0, left.excess / jnp.where(span > 0, span, 1), 1)
    clipped = jnp.clip(mix, 0, 1)
    # Where the search lands on the root, an excess of rounding is left of it: the right plan is
    # taken whole, but its share moves with the budget as any other, and so do the slopes.
    moving = jax.lax.stop_gradient(clipped) + (mix - jax.lax.stop_gradient(mix))
    weight = jnp.where(right.excess <= goal, moving, clipped)
    weight = jnp.where(binding, weight, 0)

    def mixed(of):
        return (1 - weight) * of(left) + weight * of(right)

    share = lift(weight)
    ends = tuple(decision(plan) for plan in (left, right))
    work = mixed(lambda plan: plan.work)
    # The reward is concave in work: the mix earns more than its two ends' mean.
    plain = mixed(lambda plan: plan.value + reward(prices, plan.work))
    # The followed advice carries an infinite multiplier: it stays where no trial met the budget.
    bounded = jnp.isfinite(right.multiplier)
    upper = jnp.where(bounded, right.multiplier, left.multiplier)
    multiplier = (1 - weight) * left.multiplier + weight * upper
    # Weak duality: what the Lagrangian is worth at either end, of which the better one counts.
    ends_prove = bound(left, left.multiplier), bound(right, upper)
    better = bounded & (ends_prove[1] > ends_prove[0])
    proven = jnp.where(better, ends_prove[1], ends_prove[0])
    proof = jnp.where(better, upper, left.multiplier)
    return Solution(
        (1 - share) * ends[0] + share * ends[1],
        work,
        free.work,
        plain - reward(prices, work),
        mixed(lambda plan: plan.excess),
        jnp.where(binding, multiplier, 0),
        jnp.where(binding, proof, 0),
        # Of the mean of the two values: the mix itself is no worse.
        jax.lax.stop_gradient(jnp.maximum(mixed(lambda plan: plan.value) - proven, 0)),
    )


def bracket(
    best: Callable[[jax.Array], AnyPlan],
    price: Callable[[jax.Array], jax.Array],
    left: AnyPlan,
    right: AnyPlan,
    goal: jax.Array,
    *,
    even: Callable[[AnyPlan, AnyPlan, jax.Array], jax.Array] | None = None,
    evaluations: int = EVALUATIONS,
) -> tuple[AnyPlan, AnyPlan]:
    """Narrows a plan that breaks the constraint and one that keeps it around the multiplier.

    The tangents of the dual at both plans cross at its corner, if that is one corner. Where it is
    smooth, they only halve the excess, and a secant takes its place: as long as the same arcs are
    best, the multiplier is affine in ``psi`` at the plan's work, and the mix of the two plans
    already does the optimal work.

    Args:
      best: the best plan at a multiplier ``[...]``.
      price: ``psi`` once some work ``[...]`` of the step is done.
      left: a plan with an excess above ``goal``; lanes where it is not stay as they are.
      right: a plan with an excess up to ``goal``.
      goal: the excess that counts as none, ``[...]``.
      even: of the two plans and the right one's share in their mix, the multiplier at which they
        are even next to it; takes the secant's place.
      evaluations: plans to try (static).
    """

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
        if even is not None:
            secant = even(left, right, share)
            inside = (secant > low) & (secant < high)
        trial = jnp.where((i % 3 == 1) & inside, secant, cross)
        trial = jnp.where((i % 3 == 2) & bounded, middle, trial)
        trial = jnp.where(usable, trial, 0)
        now = best(trial)
        breaks = now.excess > goal
        left, right = where(usable & breaks, now, left), where(usable & ~breaks, now, right)
        return left, right, newer, _Trial(trial, price(now.work))

    first = _Trial(left.multiplier, price(left.work))
    return jax.lax.fori_loop(0, evaluations, refine, (left, right, first, first))[:2]
