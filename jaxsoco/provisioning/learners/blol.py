"""BLOL: gradient steps on the budget, with BALDE's multiplier as the slope of the latency.

And those that differ in one thing: ``fixed_budget`` (never moves the budget), ``no_dual`` (leaves
the multiplier out), ``oracle`` (knows the transitions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import lanes
from jaxsoco.core.lanes import align, spread
from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._shared import (
    THEORY,
    BLOLParams,
    Known,
    known_of,
    learn,
    no_experience,
    plan_episode,
    warm_up_of,
)
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec
from jaxsoco_kernels.occupancy import INFEASIBLE, ITERATION_LIMIT, BudgetedSolution, solve_budgeted


class Decision(NamedTuple):
    """The plan in force: policy ``[T, S, A, ...]``, multiplier, and whether it is the fall-back."""

    policy: jax.Array
    multiplier: jax.Array
    fallback: jax.Array


class BLOLState(NamedTuple):
    """State of BLOL.

    Attributes:
      known: what it was told in advance.
      seen: what it has seen; for ``oracle`` the transitions.
      warm_up: ``K0``, ``[...]``.
      episode: episodes begun, int32 ``[...]``.
      budget: ``b_k``, ``[...]``.
      decision: the plan in force.
      due: the episode that plans next, counted from the end of the warm-up, ``[...]``.
      faults: plans that did not converge, int32 ``[...]``.
    """

    known: Known
    seen: Any
    warm_up: jax.Array
    episode: jax.Array
    budget: jax.Array
    decision: Decision
    due: jax.Array
    faults: jax.Array


Planner = Callable[[Any, Known, Any, jax.Array, int], BudgetedSolution]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FixedBudgetParams(BLOLParams):
    """As :class:`BLOLParams`; ``budget`` is raised to the least budget if it is below."""

    budget: jax.Array | float = 0.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OracleParams:
    """``warm_up``: first episodes played with the baseline."""

    warm_up: jax.Array | float = 0.0


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    numbers = ("conf_scale", "delta", "confidence_episodes", "warm_up", "growth", "budget")
    words = {"theory": THEORY, "horizon": 0}
    found = dict(values)
    for name in numbers:
        if name in found:
            found[name] = jnp.asarray(words.get(found[name], found[name]), float)
    return found


def blol_params(values: Mapping[str, Any]) -> BLOLParams:
    """Parameters from an experiment's values."""
    return BLOLParams(**_values(values))


no_dual_params = blol_params


def fixed_budget_params(values: Mapping[str, Any]) -> FixedBudgetParams:
    """Parameters from an experiment's values."""
    return FixedBudgetParams(**_values(values))


def oracle_params(values: Mapping[str, Any]) -> OracleParams:
    """Parameters from an experiment's values."""
    return OracleParams(**_values(values))


def _learner(
    *,
    first: Callable[[Any, Known], jax.Array],
    slope: Callable[[BLOLState, Feedback], jax.Array] | None,
    begin: Callable[[Any, Spec, jax.Array], Any] = no_experience,
    learn: Callable[[Any, Feedback], Any] = learn,
    plan: Planner = plan_episode,
) -> Algorithm:
    """A learner that plans every episode within its budget and then moves the budget.

    Args:
      first: the first budget, ``[...]``.
      slope: what the budget descends along, ``[...]``; None keeps the budget.
      begin: what is known of the transitions before the first episode.
      learn: what is known of them after one more.
      plan: the policy of one episode.
    """

    def init(key: jax.Array, params: Any, spec: Spec) -> BLOLState:
        like = jnp.zeros(key.shape[1:], spec.dtype)
        known = known_of(spec, like)
        policy = jnp.broadcast_to(known.baseline, (spec.slots, *known.baseline.shape[1:]))
        whole = jnp.zeros(like.shape, jnp.int32)
        return BLOLState(
            known=known,
            seen=begin(params, spec, like),
            warm_up=warm_up_of(params, known, spec.slots),
            episode=whole,
            budget=jnp.broadcast_to(first(params, known), like.shape),
            decision=Decision(policy, like, jnp.zeros(like.shape, bool)),
            due=like,
            faults=whole,
        )

    def act(
        key: jax.Array, params: Any, state: BLOLState, obs: Observation
    ) -> tuple[Action, BLOLState]:
        del key
        number = obs.episode.astype(state.budget.dtype) - state.warm_up
        ready = (number > 0) & (number >= state.due)

        def anew(_):
            slots = state.decision.policy.shape[0]
            found = plan(params, state.known, state.seen, state.budget, slots)
            safe = found.status != INFEASIBLE
            base = jnp.broadcast_to(state.known.baseline, found.policy.shape)
            decision = Decision(
                policy=lanes.where(safe, found.policy, base),
                multiplier=jnp.where(safe, found.multiplier, 0),
                fallback=~safe,
            )
            fault = found.status == ITERATION_LIMIT
            return (
                lanes.where(ready, decision, state.decision),
                state.faults + (ready & fault),
            )

        def as_before(_):
            return state.decision, state.faults

        # All lanes plan at once, unless their warm-ups differ: on a static clock one branch runs.
        decision, faults = jax.lax.cond(jnp.any(ready), anew, as_before, None)
        state = state._replace(
            episode=obs.episode,
            decision=decision,
            faults=faults,
            due=jnp.where(ready, _next(params, number), state.due),
        )
        return Action(state.budget, *decision), state

    def update(params: Any, state: BLOLState, action: Action, feedback: Feedback) -> BLOLState:
        del params, action
        known, budget = state.known, state.budget
        if slope is not None:
            # Equation (12); the budget stays at its least value as long as the baseline is played.
            number = state.episode.astype(budget.dtype) - state.warm_up
            step = 1 / (known.curvature * jnp.maximum(number, 1))
            moved = jnp.clip(
                budget - step * slope(state, feedback), known.budget_low, known.budget_high
            )
            moves = (number > 0) & ~state.decision.fallback
            budget = jnp.where(moves, moved, known.budget_low)
        return state._replace(seen=learn(state.seen, feedback), budget=budget)

    return Algorithm(init, act, update)


def _next(params: Any, number: jax.Array) -> jax.Array:
    """The episode that plans next after ``number [...]``, counted from the end of the warm-up."""
    kind = getattr(params, "resolve", "every")
    if kind == "every":
        return number + 1
    if kind != "growth":
        raise ValueError(f'resolve: want "every" or "growth", got {kind!r}')
    return jnp.maximum(number + 1, jnp.ceil(number * (1 + params.growth)))


def _least(params: Any, known: Known) -> jax.Array:
    del params
    return known.budget_low


def _frozen(params: FixedBudgetParams, known: Known) -> jax.Array:
    (budget,) = spread((params.budget,), known.budget_low)
    return jnp.clip(budget, known.budget_low, known.budget_high)


def _with_dual(state: BLOLState, feedback: Feedback) -> jax.Array:
    """Equation (11)."""
    return feedback.slope - state.known.latency_weight * state.decision.multiplier


def _without_dual(state: BLOLState, feedback: Feedback) -> jax.Array:
    del state
    return feedback.slope


def _truth(params: OracleParams, spec: Spec, like: jax.Array) -> jax.Array:
    del params
    transition = align(spec.transition, 4, like.ndim)
    return jnp.broadcast_to(transition, (*transition.shape[:4], *like.shape))


def _nothing_new(seen: jax.Array, feedback: Feedback) -> jax.Array:
    del feedback
    return seen


def _plan_with_truth(
    params: OracleParams, known: Known, transition: jax.Array, budget: jax.Array, slots: int
) -> BudgetedSolution:
    del params
    loss, consumption = (
        jnp.broadcast_to(x, (slots, *x.shape[1:])) for x in (known.loss, known.consumption)
    )
    return solve_budgeted(loss, consumption, transition, transition, known.initial, budget)


blol = _learner(first=_least, slope=_with_dual)
"""BLOL over BALDE (equations (11) and (12)); parameters :class:`BLOLParams`."""

no_dual = _learner(first=_least, slope=_without_dual)
"""BALDE under a budget that follows the service costs alone; parameters :class:`BLOLParams`."""

fixed_budget = _learner(first=_frozen, slope=None)
"""BALDE under one budget (DOPE, Bura et al. 2022); parameters :class:`FixedBudgetParams`."""

oracle = _learner(
    first=_least, slope=_with_dual, begin=_truth, learn=_nothing_new, plan=_plan_with_truth
)
"""BLOL that knows the transitions; parameters :class:`OracleParams`."""
