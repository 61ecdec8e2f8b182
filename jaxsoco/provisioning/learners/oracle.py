"""BLOL that knows the transitions ``P``: what learning them costs is what BLOL pays above it.

As :mod:`~jaxsoco.provisioning.learners.blol` with, in place of BALDE's plan::

    (pi_k, lambda_k) = min V_l(pi; P)  over pi  subject to V_d(pi; P) <= b_k
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.provisioning.learners._shared import PlannerState, decide, descend, first_state
from jaxsoco.provisioning.settings_learners import OracleParams
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec
from jaxsoco_kernels.occupancy import BudgetedSolution, solve_budgeted


def init(key: jax.Array, params: OracleParams, spec: Spec) -> PlannerState:
    """The transitions in the place of counts."""
    like = jnp.zeros(key.shape[1:], spec.dtype)
    transition = align(spec.transition, 4, like.ndim)
    transition = jnp.broadcast_to(transition, (*transition.shape[:4], *like.shape))
    return first_state(like, spec, params.warm_up, seen=transition)


def act(
    key: jax.Array, params: OracleParams, state: PlannerState, obs: Observation
) -> tuple[Action, PlannerState]:
    """The budget, and the best policy within it; nothing is drawn."""
    del key, params

    def plan() -> BudgetedSolution:
        known, slots = state.known, state.decision.policy.shape[0]
        tables = (known.loss, known.consumption)
        loss, consumption = (jnp.broadcast_to(x, (slots, *x.shape[1:])) for x in tables)
        # A box with one member: lower = upper = P.
        box = (state.seen, state.seen)
        return solve_budgeted(loss, consumption, *box, known.initial, state.budget)

    return decide(state, obs, plan)


def update(
    params: OracleParams, state: PlannerState, action: Action, feedback: Feedback
) -> PlannerState:
    """Moves the budget as BLOL does, equations (11) and (12)."""
    del params, action
    # (11)
    slope = feedback.slope - state.known.latency_weight * state.decision.multiplier
    return state._replace(budget=descend(state, slope))


oracle = Algorithm(init, act, update, faults=counted_faults)
"""BLOL that knows the transitions; :class:`~jaxsoco.provisioning.OracleParams`."""
