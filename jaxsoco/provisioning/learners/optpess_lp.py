"""OptPess-LP: plans in the empirical model, hopeful of the loss, wary of consumption.

Episode ``k``, with the empirical transitions ``p``, the bonus ``u = T S sqrt(L' / n)`` of
:mod:`~jaxsoco.provisioning.theory.optimism` and what the baseline is expected to consume,
``b_base``::

    d_bar = d + u                                   pessimistic
    l_bar = l - (1 + 4 T / (b_k - b_base)) u        optimistic
    if V_d_bar(pi_base; p) >= (b_k + b_base) / 2:   play pi_base, lambda_k = 0
    else: (pi_k, lambda_k) = min V_l_bar(pi; p)  over pi  subject to V_d_bar(pi; p) <= b_k

``b_k`` is fixed, or BLOL's (:mod:`~jaxsoco.provisioning.learners.blol`, without a warm-up).

Guarantee, for ``conf_scale = 1`` and one budget: with probability ``1 - delta`` no episode exceeds
the budget, and the regret after ``K`` episodes is of order ``T^3 sqrt(S^3 A K) / (b - b_base)`` up
to logarithms.

Liu, Zhou, Kalathil, Kumar, Tian, NeurIPS 2021, "Learning policies with zero or bounded constraint
violation for constrained MDPs" (arXiv 2106.02684), OptPess-LP, for known costs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.provisioning.learners._rivals import begin_planner, resolve, update_planner
from jaxsoco.provisioning.learners._shared import PlannerState, decide
from jaxsoco.provisioning.settings_rivals import OptPessLPParams
from jaxsoco.provisioning.spec import Action, Observation
from jaxsoco.provisioning.theory.optimism import empirical_model
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.occupancy import BudgetedSolution, policy_value, solve_budgeted


def act(
    key: jax.Array, params: OptPessLPParams, state: PlannerState, obs: Observation
) -> tuple[Action, PlannerState]:
    """The budget, and the plan within it or the baseline; nothing is drawn."""
    del key
    return decide(state, obs, lambda: plan(params, state))


def plan(params: OptPessLPParams, state: PlannerState) -> BudgetedSolution:
    """The linear program; ``INFEASIBLE`` also where the baseline is to be played."""
    known, budget, slots = state.known, state.budget, state.decision.policy.shape[0]
    transition, bonus, loss, consumption = empirical_model(params, known, state.seen.counts, slots)
    wary = consumption + bonus
    room = budget - known.base_consumption
    hopeful = loss - (1 + 4 * slots / room)[None, None, None] * bonus
    solution = solve_budgeted(hopeful, wary, transition, transition, known.initial, budget)
    baseline = jnp.broadcast_to(known.baseline, loss.shape)
    spent = policy_value(baseline, wary, transition, known.initial)
    known_well = spent < (budget + known.base_consumption) / 2
    status = jnp.where(known_well, solution.info.status, Status.INFEASIBLE)
    return solution._replace(info=solution.info._replace(status=status))


optpess_lp = Algorithm(begin_planner, act, update_planner, faults=counted_faults, resolve=resolve)
"""OptPess-LP; parameters :class:`~jaxsoco.provisioning.OptPessLPParams`."""
