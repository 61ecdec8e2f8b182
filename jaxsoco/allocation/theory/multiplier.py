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
      follow: a plan that keeps the budget if any does, or if the advice does; see
        :func:`bracket`.
      decision: that a plan makes, ``[2n, ...]``.
      bound: lower bound on the optimum that a plan proves at its multiplier, ``[...]`` each.
      prices: of the step.
      met: excess that counts as rounding.
      **search: more for :func:`bracket`.
    """
    left, right, free, goal, *_ = bracket(
        best, lambda work: prices.pseudo_cost(prices.robust + work), follow, met, **search
    )
    # The constraint is excess <= 0: the multiplier maximises min_plan value + lam excess.
    binding = free.excess > goal
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


class _Free(NamedTuple):
    """What is kept of the free plan, ``[...]`` each; see :class:`Priced`."""

    excess: jax.Array
    work: jax.Array


class _Search(NamedTuple):
    """The bracket, and what the search for it remembers.

    Attributes:
      left: a plan with an excess above ``goal``, or the free plan where that is not.
      right: a plan with an excess up to ``goal``.
      free: the plan at multiplier 0.
      goal: the excess that counts as none, ``[...]``.
      older: the last trial but one.
      newer: the last trial.
    """

    left: Any
    right: Any
    free: _Free
    goal: jax.Array
    older: _Trial
    newer: _Trial


def bracket(
    best: Callable[[jax.Array], AnyPlan],
    price: Callable[[jax.Array], jax.Array],
    follow: AnyPlan,
    met: jax.Array,
    *,
    even: Callable[[AnyPlan, AnyPlan, jax.Array], jax.Array] | None = None,
    evaluations: int = EVALUATIONS,
) -> _Search:
    """Narrows a plan that breaks the constraint and one that keeps it around the multiplier.

    The tangents of the dual at both plans cross at its corner, if that is one corner. Where it is
    smooth, they only halve the excess, and a secant takes its place: as long as the same arcs are
    best, the multiplier is affine in ``psi`` at the plan's work, and the mix of the two plans
    already does the optimal work.

    Args:
      best: the best plan at a multiplier ``[...]``.
      price: ``psi`` once some work ``[...]`` of the step is done.
      follow: the first plan that keeps the budget; with ``even`` its shape alone counts.
      met: excess that counts as rounding.
      even: of the two plans and the right one's share in their mix, the multiplier at which they
        are even next to it. Takes the secant's place, and the first plan that keeps the budget is
        the best one at an infinite multiplier.
      evaluations: plans to try after the first ones (static).
    """

    def allowed(excess):
        # An excess up to this much is rounding: without slack, many plans meet the constraint
        # exactly, and the advice, where the search starts, need not be the best of them.
        return jnp.clip(excess, _SPENDABLE * met, met)

    # The search opens at multipliers infinity (with `even`) and 0. All trials are made in one
    # place: each call of `best` is a large part of the whole program.
    opening = 1 if even is None else 2
    # Both tangents and secants can creep from one side: every so often, the bracket is halved. Two
    # even plans come from the other side than the tangents, and close it in nearly always.
    halved = 3 if even is None else 6

    def refine(i, search):
        left, right, free, goal, older, newer = search
        drop = left.excess - right.excess
        usable = (left.excess > goal) & (drop > 0)
        drop = jnp.where(usable, drop, 1)
        low, high = left.multiplier, right.multiplier
        # The tangents value + multiplier * excess of the dual at both plans cross here.
        cross = jnp.clip((right.value - left.value) / drop, low, high)
        share = jnp.clip(left.excess / drop, 0, 1)
        if even is None:
            # The secant through the last two trials, at the work of the mix with excess 0.
            target = price(left.work + share * (right.work - left.work))
            change = newer.price - older.price
            slope = (newer.multiplier - older.multiplier) / jnp.where(change != 0, change, 1)
            guess = jnp.where(change != 0, newer.multiplier + slope * (target - newer.price), low)
        else:
            guess = even(left, right, share)
        inside = (guess > low) & (guess < high)
        bounded = jnp.isfinite(high)
        middle = (low + jnp.where(bounded, high, 0)) / 2
        turn = (i - opening) % halved
        trial = jnp.where((turn % 2 == 1) & inside, guess, cross)
        trial = jnp.where((turn == halved - 1) & bounded, middle, trial)
        # 0 in the opening, too: there the left plan is still a blank one.
        trial = jnp.where(usable, trial, 0)
        thrifty, first = i == opening - 2, i == opening - 1
        if even is not None:
            trial = jnp.where(thrifty, jnp.inf, trial)
        now = best(trial)
        breaks = now.excess > goal
        newest = _Trial(trial, price(now.work))
        return _Search(
            where(first | (usable & breaks), now, left),
            where(thrifty | (usable & ~breaks), now, right),
            where(first, _Free(now.excess, now.work), free),
            jnp.where(thrifty, allowed(now.excess), goal),
            where(first, newest, newer),
            newest,
        )

    zeros = jnp.zeros_like(met)
    nothing, trial = _Free(zeros, zeros), _Trial(zeros, zeros)
    start = _Search(follow, follow, nothing, allowed(follow.excess), trial, trial)
    return jax.lax.fori_loop(0, opening + evaluations, refine, start)
