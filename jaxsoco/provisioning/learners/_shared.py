"""What the learners share: the state of those that plan, steps of the budget, BALDE around it.

A planning learner plays the baseline for ``K0`` episodes, then what its plan says: the best policy
``pi_k`` within the budget ``b_k`` and its multiplier ``lambda_k``. Where no policy is known to be
safe, it plays the baseline with ``lambda_k = 0``. Equations are those of arXiv 2601.18936.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from optax import projections

from jaxsoco.core import lanes
from jaxsoco.core.lanes import spread
from jaxsoco.provisioning.settings_learners import BLOLParams, Planning
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec
from jaxsoco.provisioning.theory.balde import Known, known_of, no_experience, plan_episode
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.occupancy import BudgetedSolution

_Params = TypeVar("_Params", bound=Planning)

# --- the budget of those that plan ----------------------------------------------------------------


class Decision(NamedTuple):
    """The plan in force: policy ``[T, S, A, ...]``, multiplier, and whether it is the fall-back."""

    policy: jax.Array
    multiplier: jax.Array
    fallback: jax.Array


class PlannerState(NamedTuple):
    """State of a learner that plans its episodes.

    Attributes:
      known: what it knows in advance.
      seen: its :class:`~jaxsoco.provisioning.theory.balde.Experience`; for ``oracle`` the
        transitions.
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


def first_state(like: jax.Array, spec: Spec, warm_up: Any, seen: Any) -> PlannerState:
    """The least budget and the baseline, before the first episode.

    Args:
      like: ``[...]``, of the run's lanes and precision.
      spec: the instance.
      warm_up: ``K0``, a number or ``[...]``.
      seen: its experience, or whatever its plan knows of the transitions.
    """
    known = known_of(spec, like)
    policy = jnp.broadcast_to(known.baseline, (spec.slots, *known.baseline.shape[1:]))
    count = jnp.zeros(like.shape, jnp.int32)
    zeros = jnp.zeros_like(like)
    return PlannerState(
        known=known,
        seen=seen,
        warm_up=spread(warm_up, like),
        episode=count,
        budget=known.budget_low,
        decision=Decision(policy, zeros, jnp.zeros(like.shape, bool)),
        due=zeros,
        faults=count,
    )


def decide(
    state: PlannerState,
    obs: Observation,
    plan: Callable[[], BudgetedSolution],
    growth: jax.Array | float | None = None,
) -> tuple[Action, PlannerState]:
    """Plays the baseline during the warm-up, then what ``plan`` says.

    Args:
      state: before the episode.
      obs: the episode's number.
      plan: the best policy within ``state.budget``.
      growth: by which share the number of episodes since the warm-up grows between two plans; None
        plans every episode. Between plans the policy and the multiplier stay.
    """
    # k - K0: at most 0 during the warm-up.
    number = obs.episode.astype(state.budget.dtype) - state.warm_up
    due = (number > 0) & (number >= state.due)

    def replan(_):
        solution = plan()
        status = solution.info.status
        # An infeasible plan is no failure: the baseline takes its place.
        fault = (status != Status.OK) & (status != Status.INFEASIBLE)
        decision = lanes.where(due, _decision(state, solution), state.decision)
        return decision, state.faults + (due & fault)

    def keep(_):
        return state.decision, state.faults

    # All lanes plan at once, unless their warm-ups differ: on a static clock one branch runs.
    decision, faults = jax.lax.cond(jnp.any(due), replan, keep, None)
    following = number + 1
    if growth is not None:
        # The next plan is due once k - K0 has grown by that share.
        following = jnp.maximum(following, jnp.ceil(number * (1 + growth)))
    state = state._replace(
        episode=obs.episode,
        decision=decision,
        faults=faults,
        due=jnp.where(due, following, state.due),
    )
    return Action(state.budget, *decision), state


def _decision(state: PlannerState, solution: BudgetedSolution) -> Decision:
    """The plan, or the baseline where there is none."""
    safe = solution.info.status != Status.INFEASIBLE
    baseline = jnp.broadcast_to(state.known.baseline, solution.policy.shape)
    return Decision(
        policy=lanes.where(safe, solution.policy, baseline),
        multiplier=jnp.where(safe, solution.multiplier, 0),
        fallback=~safe,
    )


def descend(state: PlannerState, slope: jax.Array, step: Any = None) -> jax.Array:
    """The next budget, ``[...]``: equation (12) for a slope ``h_k [...]``.

    ``clip(b_k - c h_k / (k - K0), B0, b_high)`` with ``c`` the ``step``, ``1 / theta_g`` if None;
    ``B0`` after an episode of the baseline.
    """
    known, budget = state.known, state.budget
    number = state.episode.astype(budget.dtype) - state.warm_up
    # eta_k = c / (k - K0)
    strength = known.curvature if step is None else 1 / step
    rate = 1 / (strength * jnp.maximum(number, 1))
    lower = project_budget(budget - rate * slope, known)
    moves = (number > 0) & ~state.decision.fallback
    return jnp.where(moves, lower, known.budget_low)


# --- BALDE ----------------------------------------------------------------------------------------


def resolve_descent(params: BLOLParams, spec: Spec) -> BLOLParams:
    """As :func:`resolve`, and the paper's step ``1 / theta_g``."""
    step = 1 / spec.curvature if params.step is None else params.step
    return replace(resolve(params, spec), step=step)


def resolve(params: _Params, spec: Spec) -> _Params:
    """The paper's ``K0 = S^2 A T^4 / gamma^2``, ``gamma = B0 - b_base``, and all episodes for K."""
    warm_up, episodes = params.warm_up, params.confidence_episodes
    if warm_up is None:
        margin = spec.budget_low - spec.base_consumption
        warm_up = spec.states**2 * spec.actions * float(spec.slots) ** 4 / margin**2
    if episodes is None:
        episodes = jnp.asarray(spec.episodes, spec.dtype)
    return replace(params, warm_up=warm_up, confidence_episodes=episodes)


def begin_balde(key: jax.Array, params: Planning, spec: Spec) -> PlannerState:
    """State of a learner that plans with BALDE, before the first episode."""
    check_choices(params)
    like = jnp.zeros(key.shape[1:], spec.dtype)
    return first_state(like, spec, resolve(params, spec).warm_up, no_experience(params, spec, like))


def check_choices(params: Any) -> None:
    """Refuses values that are none of a field's choices.

    Raises:
      ValueError: a value is none of them.
    """
    for field in params.FIELDS:
        value = getattr(params, field.name)
        if field.choices and value not in field.choices:
            choices = " or ".join(f'"{choice}"' for choice in field.choices)
            raise ValueError(f"{field.name}: want {choices}, got {value!r}")


def act_with_balde(
    key: jax.Array, params: Planning, state: PlannerState, obs: Observation
) -> tuple[Action, PlannerState]:
    """The budget and BALDE's plan within it, every episode or on a static clock; draws nothing."""
    del key
    slots = state.decision.policy.shape[0]

    def plan():
        return plan_episode(params, state.known, state.seen, state.budget, slots)

    return decide(state, obs, plan, params.growth if params.resolve == "growth" else None)


# --- budgets that follow the service costs alone --------------------------------------------------


class Descent(NamedTuple):
    """Online gradient descent on the service costs: what is known, episode and budget ``[...]``."""

    known: Known
    episode: jax.Array
    budget: jax.Array


def begin_descent(key: jax.Array, spec: Spec) -> Descent:
    """The least budget, before the first episode."""
    like = jnp.zeros(key.shape[1:], spec.dtype)
    known = known_of(spec, like)
    return Descent(known, jnp.zeros(like.shape, jnp.int32), known.budget_low)


def project_budget(budget: jax.Array, known: Known) -> jax.Array:
    """The nearest budget in ``[budget_low, budget_high]``, ``[...]``."""
    return projections.projection_box(budget, known.budget_low, known.budget_high)


def follow_service(state: Descent, feedback: Feedback) -> Descent:
    """``b_{k+1} = clip(b_k - f_k'(b_k) / (theta_f k), B0, b_high)``."""
    return follow_slope(state, feedback.slope)


def follow_slope(state: Descent, slope: jax.Array, step: Any = None) -> Descent:
    """``b_{k+1} = clip(b_k - c h_k / k, B0, b_high)``, ``c`` the ``step``, 1 / theta_f if None."""
    known = state.known
    # 1 / eta_k = k / c
    strength = known.curvature if step is None else 1 / step
    rate = strength * jnp.maximum(state.episode, 1).astype(state.budget.dtype)
    return state._replace(budget=project_budget(state.budget - slope / rate, known))


def plain_action(budget: jax.Array, policy: jax.Array) -> Action:
    """An action of a learner that has no multiplier and never falls back."""
    return Action(budget, policy, jnp.zeros_like(budget), jnp.zeros(budget.shape, bool))
