"""BLOL: gradient steps on the budget, with BALDE's multiplier as the slope of the latency.

Episode ``k``, with ``K0 = warm_up``, the least budget ``B0`` and the strong convexity
``theta_g = 2 (tracking + anchoring)`` of the service costs ``f_k``, and ``step = 1 / theta_g``
unless another one is given::

    k <= K0:  b_k = B0, play the baseline
    k > K0:   (pi_k, lambda_k) = BALDE's plan within b_k               (13) to (18), theory/balde.py
              play pi_k, count its transitions
              h_k = f_k'(b_k) - latency_weight lambda_k                 (11)
              b_{k+1} = clip(b_k - step h_k / (k - K0), B0, b_high)     (12)

Where no plan is known to be safe, the baseline is played and ``b_{k+1} = B0``.

Liu, Koksal, Shi, arXiv 2601.18936, section 3.
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
    slope = feedback.slope - state.known.latency_weight * state.decision.multiplier  # (11)
    return state._replace(
        seen=learn(state.seen, feedback), budget=descend(state, slope, params.step)
    )


blol = Algorithm(
    begin_balde, act_with_balde, update, faults=counted_faults, resolve=resolve_descent
)
"""BLOL over BALDE; parameters :class:`~jaxsoco.provisioning.BLOLParams`."""
