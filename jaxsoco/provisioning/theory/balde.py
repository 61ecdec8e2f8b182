"""BALDE, the lower level: one episode's policy within a budget, from counts of the transitions.

With ``T`` slots, known loss ``l`` and consumption ``d``, and counts ``n`` of the episodes so far::

    p(s'|s,a) = n(s,a,s') / n(s,a),   P_k = {P': |P' - p| <= radius}       (13) to (15)
    d_bar = d + u,   u_t(s,a) = T sum_s' radius_t(s,a,s')                  (16), pessimistic
    l_bar = l - T u / (b_k - b_base)                                       (17), optimistic
    (pi_k, lambda_k) = min V_l_bar(pi; P')  over pi and P' in P_k
                       subject to V_d_bar(pi; P') <= b_k                   (18), a linear program

``lambda_k`` is the multiplier of the budget ``b_k``, ``b_base`` what the baseline is expected to
consume.

Unknown consumption, or an unknown loss, is the mean of what was observed, raised or lowered by a
width (:func:`~jaxsoco.provisioning.theory.confidence.upper_mean`). With ``latency_slope`` other
than ``"multiplier"``, ``lambda_k`` is a difference quotient of the value of (18) in the budget.

Equations are those of arXiv 2601.18936. Arrays over slots have a leading axis of ``T``, or of 1
where all slots are alike.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align, one_hot, spread
from jaxsoco.provisioning.settings_learners import Confidence, Planning
from jaxsoco.provisioning.spec import Feedback, Spec
from jaxsoco.provisioning.theory.confidence import (
    confidence_box,
    log_term,
    lower_mean,
    uncertainty_bonus,
    upper_mean,
)
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.occupancy import BudgetedSolution, solve_budgeted


class Known(NamedTuple):
    """What the learner is told in advance: tables ``[T or 1, S, A, ...]``, numbers ``[...]``."""

    loss: jax.Array
    consumption: jax.Array
    baseline: jax.Array
    initial: jax.Array
    base_consumption: jax.Array
    budget_low: jax.Array
    budget_high: jax.Array
    latency_weight: jax.Array
    curvature: jax.Array
    episodes: jax.Array


def known_of(spec: Spec, like: jax.Array) -> Known:
    """What a learner may know, with the lanes of ``like [...]``."""

    def table(x, structure):
        x = align(x, structure, like.ndim)
        return jnp.broadcast_to(x, (*x.shape[:structure], *like.shape))

    numbers = (
        spec.base_consumption,
        spec.budget_low,
        spec.budget_high,
        spec.latency_weight,
        spec.curvature,
        spec.episodes,
    )
    tables = (spec.told_loss, spec.told_consumption, spec.baseline)
    loss, consumption, baseline = (table(x, 3) for x in tables)
    return Known(loss, consumption, baseline, table(spec.initial, 1), *spread(numbers, like))


class Experience(NamedTuple):
    """What the learner has seen.

    Attributes:
      counts: transitions, ``[T or 1, S, A, S, ...]``.
      seen: how often consumption was observed, ``[T or 1, S, A, ...]``; None where it is known.
      spent: the sum of what was observed, likewise.
      loss_seen: how often the loss was observed, likewise.
      lost: the sum of what was observed of it, likewise.
    """

    counts: jax.Array
    seen: jax.Array | None
    spent: jax.Array | None
    loss_seen: jax.Array | None
    lost: jax.Array | None


def no_experience(params: Planning, spec: Spec, like: jax.Array) -> Experience:
    """Nothing seen yet, with the lanes and precision of ``like [...]``."""
    counts = no_counts(params, spec, like)
    zeros = jnp.zeros((*counts.shape[:3], *like.shape), like.dtype)
    spent = (zeros, zeros) if params.costs == "estimated" else (None, None)
    lost = (zeros, zeros) if params.losses == "estimated" else (None, None)
    return Experience(counts, *spent, *lost)


def no_counts(params: Confidence, spec: Spec, like: jax.Array) -> jax.Array:
    """Transitions met so far, none: ``[T or 1, S, A, S, ...]``, likewise."""
    rows = 1 if params.counts == "pooled" else spec.slots
    shape = (rows, spec.states, spec.actions, spec.states)
    return jnp.zeros((*shape, *like.shape), like.dtype)


def learn(experience: Experience, feedback: Feedback) -> Experience:
    """Counts one more trajectory."""
    rows, s, a = experience.counts.shape[:3]
    dtype = experience.counts.dtype
    # Indicators of (s_t, a_t), [T, S, A, ...], and of s_{t+1}, [T, S, ...].
    states, actions = feedback.states, feedback.actions
    visits = one_hot(states[:-1], s, 1, dtype)[:, :, None] * one_hot(actions, a, 1, dtype)[:, None]
    after = one_hot(states[1:], s, 1, dtype)

    def pool(x):
        return jnp.sum(x, axis=0, keepdims=True) if rows == 1 else x

    # n_t(s, a, s') += 1 for every transition of the trajectory.
    counts = experience.counts + pool(visits[:, :, :, None] * after[:, None, None])

    def observe(seen, total, now, values):
        """Counts and sums of what was observed: None where it is known."""
        if seen is None or total is None:
            return None, None
        observed = visits * now.astype(dtype)[:, None, None]
        return seen + pool(observed), total + pool(observed * values[:, None, None])

    spent = observe(experience.seen, experience.spent, feedback.seen, feedback.spent)
    lost = observe(experience.loss_seen, experience.lost, feedback.loss_seen, feedback.lost)
    return Experience(counts, *spent, *lost)


def constants(params: Confidence, known: Known) -> tuple[jax.Array, jax.Array, jax.Array]:
    """``K`` of the logarithm, ``delta`` and the factor on the radius, ``[...]`` each."""
    like, episodes = known.budget_low, params.confidence_episodes
    episodes = known.episodes if episodes is None else episodes
    return spread((episodes, params.delta, params.conf_scale), like)


def plan_episode(
    params: Planning, known: Known, experience: Experience, budget: jax.Array, slots: int
) -> BudgetedSolution:
    """BALDE's plan for one episode: equations (13) to (18), by the linear program (23).

    >>> from jaxsoco.provisioning import BLOLParams, paper_queue, plan_episode
    >>> from jaxsoco.provisioning.theory.balde import known_of, no_experience
    >>> spec, params = paper_queue(capacity=2, slots=2, budget_low=1.0), BLOLParams()
    >>> def plan(budget):
    ...     known, seen = known_of(spec, budget), no_experience(params, spec, budget)
    ...     return plan_episode(params, known, seen, budget, spec.slots)
    >>> int(jax.jit(plan)(1.5).info.status)  # INFEASIBLE: nothing is known of the transitions yet
    1

    Args:
      params: scaling of the radius and tightenings.
      known: losses, consumption, the safe baseline's consumption.
      experience: counts so far.
      budget: ``b_k``, above the baseline's consumption, ``[...]``.
      slots: ``T``.

    Returns:
      The plan for ``l_bar`` and ``d_bar`` over the box; where its status is ``INFEASIBLE``, no
      policy is known to be safe but the baseline. Its multiplier is as ``latency_slope`` says.
    """
    s, a = known.loss.shape[1:3]
    episodes, delta, scale = constants(params, known)
    # (13) to (15): the box, and u of (16).
    factor = log_term(s, a, slots, episodes, delta)
    _, lower, upper, radius = confidence_box(experience.counts, factor, scale=scale)
    bonus = uncertainty_bonus(radius, slots, remaining=params.remaining, tv_cap=params.tv_cap)
    loss, consumption, loss_bonus = known.loss, known.consumption, bonus
    if experience.seen is not None and experience.spent is not None:
        factor = log_term(3 * s, a, slots, episodes, delta)
        consumption, width = upper_mean(experience.spent, experience.seen, factor, scale=scale)
        # The mean may lie a width below the truth and is raised by another: both are made up for.
        loss_bonus = bonus + 2 * width
    if experience.loss_seen is not None and experience.lost is not None:
        factor = log_term(3 * s, a, slots, episodes, delta)
        loss = lower_mean(experience.lost, experience.loss_seen, factor, scale=scale)
    # (16) pessimistic in consumption.
    consumption = consumption + bonus
    consumption = jnp.broadcast_to(consumption, (slots, *consumption.shape[1:]))

    def solve(budget, room):
        # (17): optimistic in loss; (18): one P' in objective and constraint.
        optimistic = loss - (slots / room)[None, None, None] * loss_bonus
        return solve_budgeted(optimistic, consumption, lower, upper, known.initial, budget)

    room = budget - known.base_consumption
    plan = solve(budget, room)
    if params.latency_slope == "multiplier":
        return plan
    moving = params.latency_slope == "total-difference"
    quotient = _difference_quotient(solve, plan, budget, room, params.spacing, moving)
    return plan._replace(multiplier=quotient)


def _difference_quotient(solve, plan, budget, room, spacing, moving: bool) -> jax.Array:
    """By how much the plan's value falls for a unit of budget, ``[...]``.

    Central, between ``b - h`` and ``b + h`` with ``h = spacing room``; where there is no plan
    within ``b - h``, from ``b`` on.

    Args:
      solve: plan within a budget, whose bonus is that of another room above the baseline.
      plan: the plan within ``b``.
      budget: ``b``, ``[...]``.
      room: ``b - b_base``, ``[...]``.
      spacing: below 1.
      moving: whether the bonus of (17) moves with the budget.
    """
    step = spread(spacing, budget) * room

    def value_beside(shift):
        beside = solve(budget + shift, room + shift if moving else room)
        return beside.value, beside.info.status

    (below, above), status = jax.lax.map(value_beside, jnp.stack([-step, step]))
    feasible = status[0] != Status.INFEASIBLE
    fall = jnp.where(feasible, below, plan.value) - above
    return fall / jnp.where(feasible, 2 * step, step)
