"""BALDE, the lower level: one episode's policy, optimistic in latency and pessimistic in resources.

Arrays over slots have a leading axis of ``T``, or of 1 where all slots are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align, spread
from jaxsoco.provisioning.spec import Feedback, Spec
from jaxsoco.provisioning.theory.confidence import confidence_box, log_term, uncertainty_bonus
from jaxsoco_kernels.occupancy import BudgetedSolution, solve_budgeted

THEORY = -1
"""As ``warm_up``: the paper's ``S^2 A T^4 / gamma^2`` episodes."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BLOLParams:
    """Parameters of BLOL and BALDE; every default is the paper's constant.

    Attributes:
      conf_scale: multiplies the confidence radius (15); with 1, budgets are safe in theory, and far
        more episodes are needed than most experiments have.
      delta: probability of a confidence set that fails, in (0, 1).
      confidence_episodes: ``K`` inside the logarithm of (15); 0 for the experiment's number.
      warm_up: ``K0``, first episodes played with the baseline; ``THEORY`` for the paper's number.
      growth: by which share the number of episodes after the warm-up grows between two plans, where
        ``resolve`` is ``"growth"``.
      counts: ``"per-slot"`` (any transitions) or ``"pooled"`` over slots (where all are alike).
      remaining: bonus from the slots that are left, not from all ``T``.
      tv_cap: summed radius of at most 1.
      resolve: when to plan anew: ``"every"`` episode, or on a static clock (``"growth"``); between
        plans the policy and the multiplier stay and the budget goes on.
      costs: whether consumption is ``"known"`` (the paper) or ``"estimated"`` from what was seen.
    """

    conf_scale: jax.Array | float = 1.0
    delta: jax.Array | float = 0.05
    confidence_episodes: jax.Array | float = 0.0
    warm_up: jax.Array | float = THEORY
    growth: jax.Array | float = 0.02
    counts: str = field(default="per-slot", metadata={"static": True})
    remaining: bool = field(default=False, metadata={"static": True})
    tv_cap: bool = field(default=False, metadata={"static": True})
    resolve: str = field(default="every", metadata={"static": True})
    costs: str = field(default="known", metadata={"static": True})


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


def known_of(spec: Spec, like: jax.Array) -> Known:
    """What a learner may know, with the lanes of ``like [...]``."""
    lanes = like.shape

    def table(x, structure):
        x = align(x, structure, len(lanes))
        return jnp.broadcast_to(x, (*x.shape[:structure], *lanes))

    numbers = (
        spec.base_consumption,
        spec.budget_low,
        spec.budget_high,
        spec.latency_weight,
        spec.curvature,
        spec.episodes,
    )
    loss, consumption, baseline = (
        table(x, 3) for x in (spec.loss, spec.consumption, spec.baseline)
    )
    return Known(loss, consumption, baseline, table(spec.initial, 1), *spread(numbers, like))


def no_experience(params: BLOLParams, spec: Spec, like: jax.Array) -> Experience:
    """Nothing seen yet."""
    if params.counts not in ("per-slot", "pooled"):
        raise ValueError(f'counts: want "per-slot" or "pooled", got {params.counts!r}')
    if params.costs not in ("known", "estimated"):
        raise ValueError(f'costs: want "known" or "estimated", got {params.costs!r}')
    rows = 1 if params.counts == "pooled" else spec.slots
    s, a = spec.states, spec.actions
    counts = jnp.zeros((rows, s, a, s, *like.shape), like.dtype)
    if params.costs == "known":
        return Experience(counts, None, None)
    seen = jnp.zeros((rows, s, a, *like.shape), like.dtype)
    return Experience(counts, seen, seen)


def learn(experience: Experience, feedback: Feedback) -> Experience:
    """Counts one more trajectory."""
    rows, s, a = experience.counts.shape[:3]
    dtype = experience.counts.dtype
    met = _one_hot(feedback.states[:-1], s, dtype)[:, :, None]
    met = met * _one_hot(feedback.actions, a, dtype)[:, None]
    after = _one_hot(feedback.states[1:], s, dtype)

    def pool(x):
        return jnp.sum(x, axis=0, keepdims=True) if rows == 1 else x

    counts = experience.counts + pool(met[:, :, :, None] * after[:, None, None])
    if experience.seen is None or experience.spent is None:
        return Experience(counts, None, None)
    observed = met * feedback.seen.astype(dtype)[:, None, None]
    spent = experience.spent + pool(observed * feedback.spent[:, None, None])
    return Experience(counts, experience.seen + pool(observed), spent)


def _one_hot(index: jax.Array, size: int, dtype) -> jax.Array:
    """``[T, ...] -> [T, size, ...]``."""
    places = jnp.arange(size).reshape(1, -1, *(1,) * (index.ndim - 1))
    return (index[:, None] == places).astype(dtype)


def warm_up_of(params: BLOLParams, known: Known, slots: int) -> jax.Array:
    """``K0``, ``[...]``: as given, or the paper's ``S^2 A T^4 / gamma^2``."""
    s, a = known.loss.shape[1:3]
    margin = known.budget_low - known.base_consumption
    given = jnp.broadcast_to(jnp.asarray(params.warm_up, margin.dtype), margin.shape)
    return jnp.where(given < 0, s**2 * a * float(slots) ** 4 / margin**2, given)


def plan_episode(
    params: BLOLParams, known: Known, experience: Experience, budget: jax.Array, slots: int
) -> BudgetedSolution:
    """BALDE's plan for one episode: equations (13) to (18), by the linear program (23).

    Args:
      params: scaling of the radius and tightenings.
      known: losses, consumption, the safe baseline's consumption.
      experience: counts so far.
      budget: ``b_k``, above the baseline's consumption, ``[...]``.
      slots: ``T``.

    Returns:
      The plan for ``lbar`` and ``dbar`` over the box; where its status is ``INFEASIBLE``, no policy
      is known to be safe but the baseline.
    """
    s, a = known.loss.shape[1:3]
    delta, scale = spread((params.delta, params.conf_scale), budget)
    given = jnp.broadcast_to(jnp.asarray(params.confidence_episodes, budget.dtype), budget.shape)
    episodes = jnp.where(given > 0, given, known.episodes)
    factor = log_term(s, a, slots, episodes, delta)
    _, lower, upper, radius = confidence_box(experience.counts, factor, scale=scale)
    bonus = uncertainty_bonus(radius, slots, remaining=params.remaining, tv_cap=params.tv_cap)
    consumption = known.consumption
    if experience.seen is not None and experience.spent is not None:
        unknown = scale * jnp.sqrt(2 * log_term(3 * s, a, slots, episodes, delta))
        width = jnp.minimum(
            unknown[None, None, None] / jnp.sqrt(jnp.maximum(experience.seen, 1)), 1
        )
        width = jnp.where(experience.seen > 0, width, 1)
        mean = jnp.clip(experience.spent / jnp.maximum(experience.seen, 1), 0, 1)
        consumption = jnp.minimum(mean + width, 1)
        # The estimate may lie a width below the truth and is raised by another: both are made up.
        loss_bonus = bonus + 2 * width
    else:
        loss_bonus = bonus
    rate = slots / (budget - known.base_consumption)
    return solve_budgeted(
        known.loss - rate[None, None, None] * loss_bonus,
        _all_slots(consumption + bonus, slots),
        lower,
        upper,
        known.initial,
        budget,
    )


def _all_slots(x: jax.Array, slots: int) -> jax.Array:
    return jnp.broadcast_to(x, (slots, *x.shape[1:]))
