"""BALDE, the lower level: one episode's policy within a budget, from counts of the transitions.

With ``T`` slots, known loss ``l`` and consumption ``d``, and counts ``n`` of the episodes so far::

    p(s'|s,a) = n(s,a,s') / n(s,a),   P_k = {P': |P' - p| <= radius}       (13) to (15)
    d_bar = d + u,   u_t(s,a) = T sum_s' radius_t(s,a,s')                  (16), pessimistic
    l_bar = l - T u / (b_k - b_base)                                       (17), optimistic
    (pi_k, lambda_k) = min V_l_bar(pi; P')  over pi and P' in P_k
                       subject to V_d_bar(pi; P') <= b_k                   (18), a linear program

``lambda_k`` is the multiplier of the budget ``b_k``, ``b_base`` what the baseline is expected to
consume.

Equations are those of arXiv 2601.18936. Arrays over slots have a leading axis of ``T``, or of 1
where all slots are alike.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align, one_hot, spread
from jaxsoco.provisioning.settings import Planning
from jaxsoco.provisioning.spec import Feedback, Spec
from jaxsoco.provisioning.theory.confidence import (
    confidence_box,
    log_term,
    uncertainty_bonus,
    upper_mean,
)
from jaxsoco_kernels.occupancy import BudgetedSolution, solve_budgeted


class Known(NamedTuple):
    """What the learner may know in advance: tables ``[T or 1, S, A, ...]``, numbers ``[...]``."""

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
    tables = (spec.loss, spec.consumption, spec.baseline)
    loss, consumption, baseline = (table(x, 3) for x in tables)
    return Known(loss, consumption, baseline, table(spec.initial, 1), *spread(numbers, like))


class Experience(NamedTuple):
    """What the learner has seen.

    Attributes:
      counts: transitions, ``[T or 1, S, A, S, ...]``.
      seen: how often consumption was observed, ``[T or 1, S, A, ...]``; None where it is known.
      spent: the sum of what was observed, likewise.
    """

    counts: jax.Array
    seen: jax.Array | None
    spent: jax.Array | None


def no_experience(params: Planning, spec: Spec, like: jax.Array) -> Experience:
    """Nothing seen yet, with the lanes and precision of ``like [...]``."""
    rows = 1 if params.counts == "pooled" else spec.slots
    s, a = spec.states, spec.actions
    counts = jnp.zeros((rows, s, a, s, *like.shape), like.dtype)
    if params.costs == "known":
        return Experience(counts, None, None)
    zeros = jnp.zeros((rows, s, a, *like.shape), like.dtype)
    return Experience(counts, zeros, zeros)


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
    if experience.seen is None or experience.spent is None:
        return Experience(counts, None, None)
    observed = visits * feedback.seen.astype(dtype)[:, None, None]
    spent = experience.spent + pool(observed * feedback.spent[:, None, None])
    return Experience(counts, experience.seen + pool(observed), spent)


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
      policy is known to be safe but the baseline.
    """
    s, a = known.loss.shape[1:3]
    delta, scale = spread((params.delta, params.conf_scale), budget)
    episodes = params.confidence_episodes
    episodes = known.episodes if episodes is None else spread(episodes, budget)
    # (13) to (15): the box, and u of (16).
    factor = log_term(s, a, slots, episodes, delta)
    _, lower, upper, radius = confidence_box(experience.counts, factor, scale=scale)
    bonus = uncertainty_bonus(radius, slots, remaining=params.remaining, tv_cap=params.tv_cap)
    consumption, loss_bonus = known.consumption, bonus
    if experience.seen is not None and experience.spent is not None:
        factor = log_term(3 * s, a, slots, episodes, delta)
        consumption, width = upper_mean(experience.spent, experience.seen, factor, scale=scale)
        # The mean may lie a width below the truth and is raised by another: both are made up for.
        loss_bonus = bonus + 2 * width
    # (16) and (17): pessimistic in consumption, optimistic in loss.
    rate = slots / (budget - known.base_consumption)
    loss = known.loss - rate[None, None, None] * loss_bonus
    consumption = consumption + bonus
    consumption = jnp.broadcast_to(consumption, (slots, *consumption.shape[1:]))
    # (18): one P' in objective and constraint.
    return solve_budgeted(loss, consumption, lower, upper, known.initial, budget)
