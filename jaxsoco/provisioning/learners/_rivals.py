"""What the rivals share: budgets that descend as BLOL's do, or one that stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot, spread
from jaxsoco.provisioning.learners._shared import (
    Descent,
    PlannerState,
    check_choices,
    descend,
    first_state,
    follow_slope,
    project_budget,
)
from jaxsoco.provisioning.settings_rivals import (
    Multiplied,
    OptCMDPParams,
    OptPessLPParams,
    Paths,
    PPOLagrangianParams,
    PrimalDualQParams,
)
from jaxsoco.provisioning.spec import Action, Feedback, Spec
from jaxsoco.provisioning.theory.balde import (
    Experience,
    Known,
    known_of,
    learn,
    no_counts,
)

_Params = TypeVar("_Params", bound=Paths)
_Multiplied = TypeVar("_Multiplied", PrimalDualQParams, PPOLagrangianParams)


def first_budget(params: Paths, known: Known) -> jax.Array:
    """The least budget, or the fixed one, ``[...]``."""
    if params.path == "blol":
        return known.budget_low
    return project_budget(spread(params.budget, known.budget_low), known)


def begin_path(key: jax.Array, params: Paths, spec: Spec) -> Descent:
    """Of a learner that has a multiplier but no plan, before the first episode."""
    check_choices(params)
    known = known_of(spec, jnp.zeros(key.shape[1:], spec.dtype))
    return Descent(known, jnp.zeros(key.shape[1:], jnp.int32), first_budget(params, known))


def follow_path(
    params: Paths, state: Descent, feedback: Feedback, multiplier: jax.Array
) -> Descent:
    """The next budget: (11) and (12) of BLOL with the multiplier ``[...]``, or the same."""
    if params.path == "fixed":
        return state
    slope = feedback.slope - state.known.latency_weight * multiplier
    return follow_slope(state, slope, params.step)


def begin_planner(
    key: jax.Array, params: OptCMDPParams | OptPessLPParams, spec: Spec
) -> PlannerState:
    """Of a learner that solves a program in every episode, without a warm-up."""
    check_choices(params)
    like = jnp.zeros(key.shape[1:], spec.dtype)
    seen = Experience(no_counts(params, spec, like), None, None, None, None)
    state = first_state(like, spec, 0, seen)
    return state._replace(budget=first_budget(params, state.known))


def update_planner(
    params: OptCMDPParams | OptPessLPParams,
    state: PlannerState,
    action: Action,
    feedback: Feedback,
) -> PlannerState:
    """Counts the trajectory; the next budget is that of (11) and (12), or the same."""
    del action
    seen, budget = learn(state.seen, feedback), state.budget
    if params.path == "blol":
        slope = feedback.slope - state.known.latency_weight * state.decision.multiplier
        budget = descend(state, slope, params.step)
    return state._replace(seen=seen, budget=budget)


def resolve(params: _Params, spec: Spec) -> _Params:
    """BLOL's step ``1 / theta_g``, and all episodes for ``K``."""
    numbers = {"step": 1 / spec.curvature if params.step is None else params.step}
    episodes = jnp.asarray(spec.episodes, spec.dtype)
    if getattr(params, "confidence_episodes", episodes) is None:
        numbers["confidence_episodes"] = episodes
    return replace(params, **numbers)


# --- a running multiplier -------------------------------------------------------------------------


def consumed(consumption: jax.Array, feedback: Feedback) -> jax.Array:
    """What the trajectory consumes by a table ``[T or 1, S, A, ...]``, ``[...]``."""
    s, a = consumption.shape[1:3]
    states = one_hot(feedback.states[:-1], s, 1, consumption.dtype)
    actions = one_hot(feedback.actions, a, 1, consumption.dtype)
    return jnp.sum(states[:, :, None] * actions[:, None] * consumption, axis=(0, 1, 2))


def rate_of(params: Multiplied, known: Known) -> jax.Array | float:
    """Step of the multiplier, ``1 / sqrt(K)`` if None."""
    return 1 / jnp.sqrt(known.episodes) if params.rate is None else params.rate


def resolve_multiplier(params: _Multiplied, spec: Spec) -> _Multiplied:
    """BLOL's step, and the rate ``1 / sqrt(K)``."""
    rate = 1 / jnp.sqrt(jnp.asarray(spec.episodes, spec.dtype))
    rate = rate if params.rate is None else params.rate
    return replace(resolve(params, spec), rate=rate)
