"""Bi-level online provisioning: budgets with switching costs over constrained scheduling.

Liu, Koksal, Shi, "Bi-level online provisioning and scheduling with switching costs and cross-level
constraints", arXiv 2601.18936. A round is an episode.
"""

from __future__ import annotations

from jaxsoco.core.lazy import lazy_names
from jaxsoco.provisioning.settings import FAMILY as FAMILY

# Module -> public names. No module of this package bears one of them: importing it would put the
# module in the name's place. Nothing here imports JAX before it is used.
_MODULES = {
    "settings_problems": "PaperQueue BurstyQueue TwoQueues Tabular RandomMDP",
    "settings_learners": "BLOLParams FixedBudgetParams OracleParams BlindRateParams OcoQParams",
    "settings_rivals": "OptCMDPParams OptPessLPParams OptPessPrimalDualParams PrimalDualQParams "
    "PPOParams PPOLagrangianParams",
    "learners.blol": "blol",
    "learners.fixed_budget": "fixed_budget",
    "learners.no_dual": "no_dual",
    "learners.oracle": "oracle",
    "learners.blind_rate": "blind_rate",
    "learners.oco_q": "oco_q",
    "learners.optcmdp": "optcmdp",
    "learners.optpess_lp": "optpess_lp",
    "learners.optpess_primal_dual": "optpess_primal_dual",
    "learners.ppo": "ppo",
    "learners.ppo_lagrangian": "ppo_lagrangian",
    "learners.primal_dual_q": "primal_dual_q",
    "theory.balde": "plan_episode",
    "comparators": "static_optimum best_budget",
    "theory.confidence": "confidence_box log_term uncertainty_bonus",
    "theory.model": "TabularModel tabular_model",
    "theory.queues": "single_queue",
    "data.tabular": "load_tabular",
    "data.traces": "ArrivalTrace load_trace_csv",
    "prepare": "paper_queue bursty_queue two_queues tabular",
    "problem": "policy_value provisioning",
    "spec": "Spec Observation Action Feedback Costs",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES, ["FAMILY"])
