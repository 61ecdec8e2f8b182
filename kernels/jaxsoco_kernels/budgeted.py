"""The least loss within a budget, by one price of consumption, lanes last."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import planning
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.lanes import where
from jaxsoco_kernels.planning import Uncertainty
from jaxsoco_kernels.shapes import expect, expect_floating

# Names of before there was one Status.
OPTIMAL, INFEASIBLE, ITERATION_LIMIT = Status.OK, Status.INFEASIBLE, Status.LIMIT


class BudgetedInfo(NamedTuple):
    """How a budgeted plan was found, ``[...]`` each: an :class:`~jaxsoco_kernels.info.Info` and
    the slack.

    Attributes:
      status: int32: ``OK``; ``INFEASIBLE``, and the solution describes a plan of least consumption,
        with multiplier 0; ``LIMIT``, and the plan is within the budget but only optimal up to
        ``residual``; ``NONFINITE``.
      residual: how far the value may be above the least one: of rounding size where the status is
        ``OK``, infinite where fewer than 3 plans were compared without an end.
      iterations: plans that were compared, int32.
      slack: budget minus expected consumption; where infeasible, minus the least attainable one,
        and negative.
    """

    status: jax.Array
    residual: jax.Array
    iterations: jax.Array
    slack: jax.Array


class BudgetedSolution(NamedTuple):
    """A plan within a budget.

    Attributes:
      value: expected loss, ``[...]``.
      multiplier: of the budget, at least 0: value falls at this rate as the budget grows (at
        a breakpoint, one of the possible rates), ``[...]``.
      occupancy: how often each state and action is met, ``[T, S, A, ...]``.
      policy: probabilities of the actions, ``[T, S, A, ...]``; in states that are never met, the
        action of the plan that consumes least.
      consumption: expected consumption, ``[...]``.
      info: :class:`BudgetedInfo`.
    """

    value: jax.Array
    multiplier: jax.Array
    occupancy: jax.Array
    policy: jax.Array
    consumption: jax.Array
    info: BudgetedInfo

    @property
    def status(self) -> jax.Array:
        """``info.status``, int32 ``[...]``."""
        return self.info.status


def solve_budgeted(
    loss: jax.Array,
    consumption: jax.Array,
    lower: jax.Array,
    upper: jax.Array,
    initial: jax.Array,
    budget: jax.Array,
    *,
    limit: int = 32,
) -> BudgetedSolution:
    """Least expected loss within a budget, over all policies and all transitions in a box, exactly.

    This is the extended linear program ``min <q, loss>`` over occupancies ``q [T, S, A, S]`` with
    ``<q, consumption> <= budget``. Its dual has one variable: for a price of consumption the best
    plan is a dynamic program, and the dual function is concave and piecewise linear. Two plans, one
    on each side of the budget, are its supporting lines; they are intersected until the plan at the
    intersection is no better, which takes finitely many steps (5 on average). The solution is the
    mix of the two plans' occupancies that spends the budget.

    >>> from jaxsoco_kernels.occupancy import solve_budgeted
    >>> loss = jnp.array([[[1.0, 0.0]]])  # one state: lose 1, or consume 1
    >>> sure = jnp.ones((2, 1, 2, 1))
    >>> plan = solve_budgeted(loss, 1 - loss, sure, sure, jnp.ones(1), 0.5)
    >>> float(plan.value), float(plan.multiplier)
    (1.5, 1.0)

    Args:
      loss: ``[T, S, A, ...]``.
      consumption: ``[T, S, A, ...]``.
      lower: least probabilities ``[T, S, A, S, ...]`` or ``[1, S, A, S, ...]``.
      upper: largest ones; ``sum lower <= 1 <= sum upper`` over next states.
      initial: distribution of the first state, ``[S, ...]``.
      budget: expected consumption of a whole episode at most, ``[...]``.
      limit: most plans that are compared, static.

    Returns:
      The solution. Differentiable in loss, consumption and budget, the two plans held fixed, which
      is the solution's derivative wherever it has one; not in the box and the first state.

    Source: linear program (23) of arXiv 2601.18936; solution by its scalar dual.
    """
    expect(
        loss=(loss, "T|1 S A ..."),
        consumption=(consumption, "T|1 S A ..."),
        lower=(lower, "T|1 S A S ..."),
        upper=(upper, "T|1 S A S ..."),
        initial=(initial, "S ..."),
        budget=(budget, "..."),
    )
    expect_floating(loss=loss, consumption=consumption, lower=lower, upper=upper, initial=initial)
    return _solve(
        loss, consumption, planning.box(lower, upper), lower.shape, initial, budget, limit
    )


def solve_budgeted_l1(
    loss: jax.Array,
    consumption: jax.Array,
    center: jax.Array,
    radius: jax.Array,
    initial: jax.Array,
    budget: jax.Array,
    *,
    limit: int = 32,
) -> BudgetedSolution:
    """As :func:`solve_budgeted` over an L1 ball: see :func:`extended_value_iteration_l1`.

    >>> from jaxsoco_kernels.occupancy import solve_budgeted_l1
    >>> loss = jnp.array([[[1.0], [0.0]]])  # state 0 loses 1, and consumes 1
    >>> center, radius = jnp.full((1, 2, 1, 2), 0.5), jnp.full((2, 2, 1), 0.5)
    >>> plan = solve_budgeted_l1(loss, loss, center, radius, jnp.array([1.0, 0.0]), 2.0)
    >>> float(plan.value), float(plan.info.slack)
    (1.25, 0.75)
    """
    expect(
        loss=(loss, "T|1 S A ..."),
        consumption=(consumption, "T|1 S A ..."),
        center=(center, "T|1 S A S ..."),
        radius=(radius, "T|1 S A ..."),
        initial=(initial, "S ..."),
        budget=(budget, "..."),
    )
    expect_floating(loss=loss, consumption=consumption, center=center, initial=initial)
    slots = max(center.shape[0], radius.shape[0])
    lanes = jnp.broadcast_shapes(center.shape[4:], radius.shape[3:])
    shape = (slots, *center.shape[1:4], *lanes)
    return _solve(loss, consumption, planning.ball(center, radius), shape, initial, budget, limit)


class _Side(NamedTuple):
    """A plan: expected loss and consumption ``[...]``, occupancy and one-hot policy."""

    loss: jax.Array
    consumption: jax.Array
    occupancy: jax.Array
    chosen: jax.Array


class _Search(NamedTuple):
    """Two plans around the budget, and the price of consumption that is tried next, ``[...]``.

    Attributes:
      over: a plan that spends more than the budget.
      under: a plan that spends the budget at most.
      budget: the budget; the least attainable consumption where that is more, by rounding.
      price: the two plans' lines meet there.
      gap: by how much the last plan beat the two lines.
      active: whether the search goes on, bool.
      split: whether the solution is a mix of the two, bool; otherwise it is ``under``.
      status: int32.
      plans: plans that were compared, int32.
      trip: the same for the slowest lane, int32 without lanes.
    """

    over: _Side
    under: _Side
    budget: jax.Array
    price: jax.Array
    gap: jax.Array
    active: jax.Array
    split: jax.Array
    status: jax.Array
    plans: jax.Array
    trip: jax.Array


class _Model(NamedTuple):
    """Loss and consumption ``[T, S, A, ...]``, transitions, the first state ``[S, ...]``."""

    loss: jax.Array
    consumption: jax.Array
    uncertainty: Uncertainty
    initial: jax.Array


def _solve(loss, consumption, uncertainty: Uncertainty, shape, initial, budget, limit):
    arrays = (loss.shape[3:], consumption.shape[3:], shape[4:], initial.shape[1:])
    lanes = jnp.broadcast_shapes(*arrays, jnp.shape(budget))
    slots = max(loss.shape[0], consumption.shape[0], shape[0])
    loss, consumption = (planning.all_slots(x, slots, lanes) for x in (loss, consumption))
    budget = jnp.broadcast_to(jnp.asarray(budget, loss.dtype), lanes)
    # The search finds the two plans; derivatives are those of their mix, the plans held fixed.
    fixed = jax.lax.stop_gradient((loss, consumption, uncertainty.data, initial, budget))
    model = _Model(*fixed[:2], uncertainty._replace(data=fixed[2]), fixed[3])
    return _mix(loss, consumption, budget, _search(model, fixed[4], limit))


def _search(model: _Model, budget: jax.Array, limit: int) -> _Search:
    """The two plans around the budget, by secants of the dual function.

    The dual function ``g(p) = min_q <q, loss + p consumption> - p budget`` of the price ``p`` is
    concave and piecewise linear: each plan is one of its supporting lines, with slope
    ``<q, consumption> - budget``. ``over`` is a line that rises, ``under`` one that falls, and the
    next price is where they cross.
    """
    lanes, dtype = budget.shape, model.loss.dtype
    zeros, yes = jnp.zeros(lanes, dtype), jnp.ones(lanes, bool)
    nothing = jnp.zeros(model.loss.shape, dtype)
    side = _Side(zeros, zeros, nothing, nothing)
    count = jnp.zeros(lanes, jnp.int32)
    unknown = jnp.full(lanes, jnp.inf, dtype)
    start = _Search(side, side, budget, zeros, unknown, yes, yes, count, count, jnp.int32(0))
    largest = jnp.max(jnp.abs(model.consumption), axis=(0, 1, 2))
    rounding = 32 * jnp.finfo(dtype).eps * model.loss.shape[0] * jnp.maximum(1, largest)
    last = jax.lax.while_loop(
        lambda now: jnp.any(now.active) & (now.trip < limit),
        lambda now: _advance(model, rounding, now),
        start,
    )
    status = jnp.where(last.active, Status.LIMIT, last.status)
    return last._replace(gap=jnp.where(last.split, last.gap, 0), status=status)


def _advance(model: _Model, rounding: jax.Array, now: _Search) -> _Search:
    """Plans for one more price."""
    eps = jnp.finfo(model.loss.dtype).eps
    # The first trip finds the least consumption (an infinite price), the second the least loss.
    first, second = now.trip == 0, now.trip == 1
    weight = jnp.where(first, 0, 1).astype(model.loss.dtype)
    price = jnp.where(first, 1, now.price)
    plan = _plan(model, weight * model.loss + price[None, None, None] * model.consumption)
    # Where the least attainable consumption exceeds the budget by rounding alone, it is spent.
    hopeless = first & (plan.consumption > now.budget + rounding)
    budget = jnp.where(first & ~hopeless, jnp.maximum(now.budget, plan.consumption), now.budget)
    # The plan of least loss is within the budget: its price is 0, and it is the solution.
    within = plan.consumption <= budget
    free = second & within
    # The two lines meet at height `line`; g is there, and the search ends, if no plan lies lower.
    line = now.over.loss + price * now.over.consumption
    size = jnp.abs(now.over.loss) + price * jnp.abs(now.over.consumption)
    gap = line - (plan.loss + price * plan.consumption)
    met = ~first & ~second & (gap <= 8 * eps * size)

    # Otherwise the plan replaces the one on its side of the budget.
    active = now.active
    over = where(active & ~met & ~within & ~first, plan, now.over)
    under = where(active & ~met & (within | first), plan, now.under)
    # loss_over + p spent_over = loss_under + p spent_under.
    spread = over.consumption - under.consumption
    crossing = (under.loss - over.loss) / jnp.where(spread > 0, spread, 1)
    # A line that is its own neighbour up to rounding gives the same price again and again.
    stuck = ~first & ~second & (crossing == now.price)
    goes_on = active & ~(hopeless | free | met | stuck)
    return _Search(
        over=over,
        under=under,
        budget=jnp.where(active, budget, now.budget),
        price=jnp.where(goes_on & ~first, jnp.maximum(crossing, 0), now.price),
        gap=jnp.where(active & ~first & ~second, jnp.maximum(gap, 0), now.gap),
        active=goes_on,
        split=now.split & ~(active & (hopeless | free)),
        status=jnp.where(active & hopeless, Status.INFEASIBLE, now.status),
        plans=now.plans + active,
        trip=now.trip + 1,
    )


def _plan(model: _Model, cost: jax.Array) -> _Side:
    """The plan of least expected ``cost [T, S, A, ...]``, and what it loses and consumes."""

    def keep(slot):
        return slot.chosen, jnp.sum(slot.chosen[:, :, None] * slot.transition, axis=1)

    _, (chosen, rows) = planning.backward(cost, model.uncertainty, keep)
    occupancy = planning.forward_rows(chosen, rows, model.initial)
    # Both sums are of the plan itself, so that they belong together also where plans tie.
    return _Side(
        planning.inner(occupancy, model.loss),
        planning.inner(occupancy, model.consumption),
        occupancy,
        chosen,
    )


def _mix(loss, consumption, budget, search: _Search) -> BudgetedSolution:
    """The mix of two plans that spends the budget: of their occupancies, not of their policies."""
    over, under, split = search.over, search.under, search.split
    over_loss, under_loss = (planning.inner(side.occupancy, loss) for side in (over, under))
    over_spent, under_spent = (
        planning.inner(side.occupancy, consumption) for side in (over, under)
    )
    # share spent_over + (1 - share) spent_under = budget; the multiplier is minus the slope of the
    # value between the two: (loss_under - loss_over) / (spent_over - spent_under).
    spread = jnp.where(split, over_spent - under_spent, 1)
    spread = jnp.where(spread > 0, spread, 1)
    target = budget + jax.lax.stop_gradient(search.budget - budget)
    share = jnp.where(split, jnp.clip((target - under_spent) / spread, 0, 1), 0)
    multiplier = jnp.where(split, jnp.maximum((under_loss - over_loss) / spread, 0), 0)
    wide = share[None, None, None]
    occupancy = wide * over.occupancy + (1 - wide) * under.occupancy
    policy = planning.policy_of(occupancy, under.chosen)
    spent = share * over_spent + (1 - share) * under_spent
    value = share * over_loss + (1 - share) * under_loss
    status = jnp.where(jnp.isfinite(value), search.status, Status.NONFINITE)
    slack = jnp.where(search.status == Status.INFEASIBLE, budget - under_spent, budget - spent)
    return BudgetedSolution(
        value=value,
        multiplier=multiplier,
        occupancy=occupancy,
        policy=policy,
        consumption=spent,
        info=BudgetedInfo(status, search.gap, search.plans, slack),
    )
