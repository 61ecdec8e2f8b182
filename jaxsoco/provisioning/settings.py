"""The family's entries. No JAX."""

from __future__ import annotations

from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, CostEntry, Family, ProblemEntry
from jaxsoco.provisioning.settings_learners import (
    BlindRateParams,
    BLOLParams,
    FixedBudgetParams,
    OcoQParams,
    OracleParams,
)
from jaxsoco.provisioning.settings_problems import (
    BurstyQueue,
    PaperQueue,
    RandomMDP,
    Tabular,
    TwoQueues,
)
from jaxsoco.provisioning.settings_rivals import (
    OptCMDPParams,
    OptPessLPParams,
    OptPessPrimalDualParams,
    PPOLagrangianParams,
    PPOParams,
    PrimalDualQParams,
)

_PAPER = "arXiv 2601.18936"
_LIU = "Liu, Zhou, Kalathil, Kumar, Tian 2021 (arXiv 2106.02684)"

FAMILY = Family(
    name="provisioning",
    summary="budgets with switching costs over constrained scheduling with unknown transitions",
    problems=(
        ProblemEntry(
            name="paper_queue",
            summary="a queue with Poisson or recorded arrivals; a round is an episode",
            source=f"{_PAPER}, section 5",
            prepare="jaxsoco.provisioning.prepare:prepare_paper_queue",
            build="jaxsoco.provisioning.prepare:build",
            settings=PaperQueue,
        ),
        ProblemEntry(
            name="bursty_queue",
            summary="batch arrivals and blocks that may fail: a queue where the multiplier matters",
            source="jaxsoco",
            prepare="jaxsoco.provisioning.prepare:prepare_bursty_queue",
            build="jaxsoco.provisioning.prepare:build",
            settings=BurstyQueue,
        ),
        ProblemEntry(
            name="two_queues",
            summary="two queues, in parallel or in tandem, that share one budget",
            source="jaxsoco",
            prepare="jaxsoco.provisioning.prepare:prepare_two_queues",
            build="jaxsoco.provisioning.prepare:build",
            settings=TwoQueues,
        ),
        ProblemEntry(
            name="tabular",
            summary="any tabular constrained Markov decision process, from a file",
            source=f"{_PAPER}, section 2",
            prepare="jaxsoco.provisioning.prepare:prepare_tabular",
            build="jaxsoco.provisioning.prepare:build",
            settings=Tabular,
        ),
        ProblemEntry(
            name="random_mdp",
            summary="random processes of any size, one a seed: how regret grows with S, A and T",
            source="jaxsoco",
            prepare="jaxsoco.provisioning.prepare_random:prepare_random_mdp",
            build="jaxsoco.provisioning.prepare_random:build_random_mdp",
            settings=RandomMDP,
        ),
    ),
    # Not differentiable: trajectories are drawn, plans are found by a search of varying length.
    algorithms=(
        AlgorithmEntry(
            name="blol",
            summary="online gradient descent on the budget, with the multiplier of BALDE's plan",
            source=f"{_PAPER}, section 3",
            load="jaxsoco.provisioning.learners.blol:blol",
            params=BLOLParams,
            differentiable=False,
            information="its own transitions; the tables of loss and consumption, a safe baseline "
            "and what it consumes",
            promise="no violation, and regret of order S T^3 sqrt(A K) / gamma, with high "
            "probability and literal constants",
        ),
        AlgorithmEntry(
            name="fixed_budget",
            summary="BALDE under one fixed budget (DOPE)",
            source=f"{_PAPER}, section 5; Bura et al. 2022",
            load="jaxsoco.provisioning.learners.fixed_budget:fixed_budget",
            params=FixedBudgetParams,
            differentiable=False,
            information="its own transitions; the tables of loss and consumption, a safe baseline "
            "and what it consumes",
            promise="no violation, and regret of order S T^3 sqrt(A K) / gamma within its budget, "
            "with high probability and literal constants",
        ),
        AlgorithmEntry(
            name="no_dual",
            summary="BALDE under a budget that follows the service cost alone",
            source="jaxsoco",
            load="jaxsoco.provisioning.learners.no_dual:no_dual",
            params=BLOLParams,
            differentiable=False,
            information="its own transitions; the tables of loss and consumption, a safe baseline "
            "and what it consumes",
            promise="no violation, with high probability and literal constants",
        ),
        AlgorithmEntry(
            name="blind_rate",
            summary="one rate in all states, under a budget that follows the service cost alone",
            source="jaxsoco",
            load="jaxsoco.provisioning.learners.blind_rate:blind_rate",
            params=BlindRateParams,
            differentiable=False,
            information="what each action consumes",
            promise="no violation",
        ),
        AlgorithmEntry(
            name="oco_q",
            summary="Q-learning that ignores the constraint, under the same budget rule",
            source=f"{_PAPER}, section 5 (fixed-scheduling OCO)",
            load="jaxsoco.provisioning.learners.oco_q:oco_q",
            params=OcoQParams,
            differentiable=False,
            information="the losses of its own trajectories",
            promise="none, and the budget is ignored",
        ),
        AlgorithmEntry(
            name="oracle",
            summary="BLOL with known transitions",
            source="jaxsoco",
            load="jaxsoco.provisioning.learners.oracle:oracle",
            params=OracleParams,
            differentiable=False,
            information="the transition probabilities; the tables of loss and consumption",
            promise="no violation, and regret of order log K",
        ),
        AlgorithmEntry(
            name="optcmdp",
            summary="the best plan in the best model held possible, nothing kept back (OptCMDP)",
            source="Efroni, Mannor, Pirotta 2020 (arXiv 2003.02189), section 4",
            load="jaxsoco.provisioning.learners.optcmdp:optcmdp",
            params=OptCMDPParams,
            differentiable=False,
            information="its own transitions; the tables of loss and consumption",
            promise="for one budget and literal constants: regret and violation of order sqrt(S A "
            "N T^4 K), with high probability",
        ),
        AlgorithmEntry(
            name="optpess_lp",
            summary="plans in the empirical model, wary of consumption (OptPess-LP)",
            source=_LIU,
            load="jaxsoco.provisioning.learners.optpess_lp:optpess_lp",
            params=OptPessLPParams,
            differentiable=False,
            information="its own transitions; the tables of loss and consumption, a safe baseline "
            "and what it consumes",
            promise="for one budget and literal constants: no violation, regret of order T^3 "
            "sqrt(S^3 A K) / (b - b_base), with high probability",
        ),
        AlgorithmEntry(
            name="optpess_primal_dual",
            summary="one dynamic program an episode, at the price of a queue (OptPess-PrimalDual)",
            source=_LIU,
            load="jaxsoco.provisioning.learners.optpess_primal_dual:optpess_primal_dual",
            params=OptPessPrimalDualParams,
            differentiable=False,
            information="its own transitions; the tables of loss and consumption, what a safe "
            "baseline consumes",
            promise="for one budget and literal constants: bounded sum of consumption above it, "
            "regret of order T^3 sqrt(S^3 A K) / (b - b_base), with high probability",
        ),
        AlgorithmEntry(
            name="primal_dual_q",
            summary="Q-learning of loss and consumption with a running multiplier",
            source="jaxsoco; step sizes of Jin et al. 2018",
            load="jaxsoco.provisioning.learners.primal_dual_q:primal_dual_q",
            params=PrimalDualQParams,
            differentiable=False,
            information="losses and consumption of its own trajectories",
            promise="none",
        ),
        AlgorithmEntry(
            name="ppo",
            summary="proximal policy optimisation of the latency over a table; ignores the budget",
            source="Schulman et al. 2017 (arXiv 1707.06347)",
            load="jaxsoco.provisioning.learners.ppo:ppo",
            params=PPOParams,
            differentiable=False,
            information="the losses of its own trajectories",
            promise="none, and the budget is ignored",
        ),
        AlgorithmEntry(
            name="ppo_lagrangian",
            summary="the same at a price of consumption that follows what was overspent",
            source="Schulman et al. 2017 (arXiv 1707.06347); Ray, Achiam, Amodei 2019",
            load="jaxsoco.provisioning.learners.ppo_lagrangian:ppo_lagrangian",
            params=PPOLagrangianParams,
            differentiable=False,
            information="losses and consumption of its own trajectories",
            promise="none",
        ),
    ),
    comparators=(
        ComparatorEntry(
            name="static_optimum",
            summary="best fixed budget and policy in hindsight",
            source=f"{_PAPER}, equations (6) and (7)",
            load="jaxsoco.provisioning.comparators:plan_optimum",
        ),
    ),
    costs=(
        CostEntry("service", "1", "cost of the budget itself"),
        CostEntry("switching", "1", "cost of changing the budget"),
        CostEntry("latency", "1", "weighted expected loss of the policy"),
        CostEntry("consumption", "block", "expected consumption", objective=False),
        CostEntry(
            "violation",
            "block",
            "expected consumption above the budget",
            objective=False,
            limit=1e-3,
        ),
        CostEntry("budget", "block", "the budget", objective=False),
        CostEntry("multiplier", "1/block", "the learner's price of the budget", objective=False),
        CostEntry(
            "fallback", "episode", "episodes that fell back to the baseline", objective=False
        ),
    ),
    measure="regret",
    compare=("static_optimum",),
)
