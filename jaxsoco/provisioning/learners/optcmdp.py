"""OptCMDP: the best policy within the budget for the best transitions held possible.

Episode ``k``, with the box ``P_k`` of :mod:`~jaxsoco.provisioning.theory.balde` around the
transition frequencies, known loss ``l`` and consumption ``d``::

    (pi_k, lambda_k) = min V_l(pi; P')  over pi and P' in P_k  subject to V_d(pi; P') <= b_k

which is a linear program over occupancies ``q_t(s, a, s')``. Nothing is kept back: while the true
transitions are in the box, the plan costs no more than the optimum, and may exceed the budget by as
much as the box is wide. If no policy keeps the budget in any model of the box, the baseline is
played. ``b_k`` is fixed, or BLOL's (:mod:`~jaxsoco.provisioning.learners.blol`, without a warm-up).

Guarantee, for ``conf_scale = 1`` and one budget: with probability ``1 - delta``, regret and
violation after ``K`` episodes are of order ``sqrt(S A N T^4 K)`` up to logarithms, with at most
``N`` next states a pair.

Efroni, Mannor, Pirotta, arXiv 2003.02189, section 4, for known costs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.provisioning.learners._rivals import begin_planner, resolve, update_planner
from jaxsoco.provisioning.learners._shared import PlannerState, decide
from jaxsoco.provisioning.settings_rivals import OptCMDPParams
from jaxsoco.provisioning.spec import Action, Observation
from jaxsoco.provisioning.theory.balde import constants
from jaxsoco.provisioning.theory.confidence import confidence_box, log_term
from jaxsoco_kernels.occupancy import BudgetedSolution, solve_budgeted


def act(
    key: jax.Array, params: OptCMDPParams, state: PlannerState, obs: Observation
) -> tuple[Action, PlannerState]:
    """The budget, and the optimistic plan within it; nothing is drawn."""
    del key
    return decide(state, obs, lambda: plan(params, state))


def plan(params: OptCMDPParams, state: PlannerState) -> BudgetedSolution:
    """The extended linear program, by its one multiplier."""
    known, slots = state.known, state.decision.policy.shape[0]
    tables = (known.loss, known.consumption)
    loss, consumption = (jnp.broadcast_to(x, (slots, *x.shape[1:])) for x in tables)
    episodes, delta, scale = constants(params, known)
    s, a = loss.shape[1:3]
    factor = log_term(s, a, slots, episodes, delta)
    _, lower, upper, _ = confidence_box(state.seen.counts, factor, scale=scale)
    return solve_budgeted(loss, consumption, lower, upper, known.initial, state.budget)


optcmdp = Algorithm(begin_planner, act, update_planner, faults=counted_faults, resolve=resolve)
"""OptCMDP; parameters :class:`~jaxsoco.provisioning.OptCMDPParams`."""
