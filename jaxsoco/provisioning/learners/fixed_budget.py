"""BALDE under one budget, which is DOPE (Bura et al. 2022).

As :mod:`~jaxsoco.provisioning.learners.blol` with, in every episode::

    b_k = clip(budget, budget_low, budget_high)
"""

from __future__ import annotations

import jax

from jaxsoco.core.lanes import spread
from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.provisioning.learners._shared import (
    PlannerState,
    act_with_balde,
    begin_balde,
    project_budget,
    resolve,
)
from jaxsoco.provisioning.settings_learners import FixedBudgetParams
from jaxsoco.provisioning.spec import Action, Feedback, Spec
from jaxsoco.provisioning.theory.balde import learn


def init(key: jax.Array, params: FixedBudgetParams, spec: Spec) -> PlannerState:
    """The budget, before the first episode."""
    state = begin_balde(key, params, spec)
    known = state.known
    budget = spread(params.budget, known.budget_low)
    return state._replace(budget=project_budget(budget, known))


def update(
    params: FixedBudgetParams, state: PlannerState, action: Action, feedback: Feedback
) -> PlannerState:
    """Counts the trajectory."""
    del params, action
    return state._replace(seen=learn(state.seen, feedback))


fixed_budget = Algorithm(init, act_with_balde, update, faults=counted_faults, resolve=resolve)
"""BALDE under one budget; parameters :class:`~jaxsoco.provisioning.FixedBudgetParams`."""
