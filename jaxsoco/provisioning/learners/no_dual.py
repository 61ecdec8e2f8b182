"""BLOL without the multiplier: BALDE under a budget that follows the service costs alone.

As :mod:`~jaxsoco.provisioning.learners.blol` with, in place of equation (11)::

    h_k = f_k'(b_k)
"""

from __future__ import annotations

from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.provisioning.learners._shared import (
    PlannerState,
    act_with_balde,
    begin_balde,
    descend,
    resolve_descent,
)
from jaxsoco.provisioning.settings_learners import BLOLParams
from jaxsoco.provisioning.spec import Action, Feedback
from jaxsoco.provisioning.theory.balde import learn


def update(
    params: BLOLParams, state: PlannerState, action: Action, feedback: Feedback
) -> PlannerState:
    """Counts the trajectory and moves the budget."""
    del action
    return state._replace(
        seen=learn(state.seen, feedback), budget=descend(state, feedback.slope, params.step)
    )


no_dual = Algorithm(
    begin_balde, act_with_balde, update, faults=counted_faults, resolve=resolve_descent
)
"""BALDE without its multiplier; parameters :class:`~jaxsoco.provisioning.BLOLParams`."""
