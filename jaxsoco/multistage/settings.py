"""The family's entries. No JAX."""

from __future__ import annotations

from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, CostEntry, Family
from jaxsoco.multistage.settings_learners import (
    AnytimeParams,
    BroadOMDParams,
    EpsilonEXP3Params,
    EXP3Params,
    NormalizedEGParams,
    OraclePolicyParams,
)
from jaxsoco.multistage.settings_problems import PROBLEMS
from jaxsoco.multistage.settings_rivals import (
    DiscountedUCBParams,
    EXP3IXParams,
    EXP3PParams,
    EXP3SParams,
    LeafEXP3Params,
    NodeEXP4Params,
    SlidingWindowUCBParams,
    TsallisINFParams,
    UCB1Params,
)
from jaxsoco.multistage.settings_worlds import WORLDS

_PAPER = "arXiv 2404.04509"
_LEARNERS = "jaxsoco.multistage.learners"

FAMILY = Family(
    name="multistage",
    summary="trees of agents that learn from end-to-end bandit feedback",
    problems=(*PROBLEMS, *WORLDS),
    algorithms=(
        AlgorithmEntry(
            "epsilon_exp3",
            "EXP3 with forced exploration and path weights, no-regret",
            f"{_PAPER}, section 5, algorithm 2",
            load=f"{_LEARNERS}.epsilon_exp3:epsilon_exp3",
            params=EpsilonEXP3Params,
            differentiable=False,
            information="the costs of its own jobs and how likely these were to come; horizon, "
            "depth, most children",
            promise="expected regret at most ((2H-1) K + H log K) T^(H/(H+1))",
        ),
        AlgorithmEntry(
            "anytime_epsilon_exp3",
            "epsilon-EXP3 without a known horizon, in epochs of doubling length",
            f"{_PAPER}, section 5, algorithm 3",
            load=f"{_LEARNERS}.anytime_epsilon_exp3:anytime_epsilon_exp3",
            params=AnytimeParams,
            differentiable=False,
            information="the costs of its own jobs and how likely these were to come; depth, most "
            "children",
            promise="expected regret at most g/(g-1) ((2H-1) K + H log K) T^(H/(H+1)), g = "
            "2^(H/(H+1))",
        ),
        AlgorithmEntry(
            "normalized_eg",
            "exponentiated gradient; every child reports its cost in every round",
            f"{_PAPER}, section 4, algorithm 1",
            load=f"{_LEARNERS}.normalized_eg:normalized_eg",
            params=NormalizedEGParams,
            differentiable=False,
            information="the cost of every child in every round; horizon",
            promise="expected regret at most 2 H sqrt(T log K)",
        ),
        AlgorithmEntry(
            "exp3",
            "independent EXP3 at every node",
            f"{_PAPER}, section 7",
            load=f"{_LEARNERS}.exp3:exp3",
            params=EXP3Params,
            differentiable=False,
            information="the costs of its own jobs; horizon",
            promise="of a node above leaves, (K + log K) sqrt(T) in expectation; in a tree none",
        ),
        AlgorithmEntry(
            "broad_omd",
            "independent log-barrier mirror descent at every node",
            "Wei and Luo, COLT 2018",
            load=f"{_LEARNERS}.broad_omd:broad_omd",
            params=BroadOMDParams,
            differentiable=False,
            information="the costs of its own jobs; horizon",
            promise="in a tree none",
        ),
        AlgorithmEntry(
            "oracle_policy",
            "oracle nodes that know their children's expected costs, above nodes that run EXP3",
            f"{_PAPER}, section 6",
            load=f"{_LEARNERS}.oracle_policy:oracle_policy",
            params=OraclePolicyParams,
            differentiable=False,
            information="the expected costs of its children; horizon, depth",
            promise="on the chain regret of order T^((H-1)/H), which no policy betters",
        ),
        AlgorithmEntry(
            "exp3_ix",
            "independent EXP3-IX at every node: implicit exploration",
            "Neu, NeurIPS 2015",
            load=f"{_LEARNERS}.exp3_ix:exp3_ix",
            params=EXP3IXParams,
            differentiable=False,
            information="the costs of its own jobs; horizon",
            promise="of a node above leaves, 2 sqrt(2 K T log K) + (sqrt(2 K T / log K) + 1) "
            "log(2/delta) with probability 1 - delta; in a tree none",
        ),
        AlgorithmEntry(
            "exp3_p",
            "independent EXP3.P at every node: optimistic estimates",
            "Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 2002",
            load=f"{_LEARNERS}.exp3_p:exp3_p",
            params=EXP3PParams,
            differentiable=False,
            information="the costs of its own jobs; horizon",
            promise="of a node above leaves, 5.15 sqrt(K T log(K/delta)) with probability 1 - "
            "delta; in a tree none",
        ),
        AlgorithmEntry(
            "tsallis_inf",
            "independent Tsallis-INF at every node: stochastic and adversarial costs alike",
            "Zimmert and Seldin, JMLR 2021",
            load=f"{_LEARNERS}.tsallis_inf:tsallis_inf",
            params=TsallisINFParams,
            differentiable=False,
            information="the costs of its own jobs",
            promise="of a node above leaves, 4 sqrt(K T) + 1 in expectation, of order log T if "
            "costs do not change in law; in a tree none",
        ),
        AlgorithmEntry(
            "exp3_s",
            "independent EXP3.S at every node: children take turns at being best",
            "Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 2002",
            load=f"{_LEARNERS}.exp3_s:exp3_s",
            params=EXP3SParams,
            differentiable=False,
            information="the costs of its own jobs; horizon, number of switches",
            promise="of a node above leaves, 2 sqrt(e - 1) sqrt(K T (S log(K T) + e)) against the "
            "best sequence with S - 1 switches, in expectation; in a tree none",
        ),
        AlgorithmEntry(
            "ucb1",
            "independent UCB1 at every node, for costs that do not change in law",
            "Auer, Cesa-Bianchi and Fischer, Machine Learning 2002",
            load=f"{_LEARNERS}.ucb1:ucb1",
            params=UCB1Params,
            differentiable=False,
            information="the costs of its own jobs",
            promise="of a node above leaves, 8 sum log T / Delta + (1 + pi^2/3) sum Delta in "
            "expectation, if costs do not change in law; in a tree none",
        ),
        AlgorithmEntry(
            "discounted_ucb",
            "independent discounted UCB at every node: older jobs count less",
            "Garivier and Moulines, ALT 2011",
            load=f"{_LEARNERS}.discounted_ucb:discounted_ucb",
            params=DiscountedUCBParams,
            differentiable=False,
            information="the costs of its own jobs; horizon, number of changes",
            promise="of a node above leaves, order sqrt(S T) log T with S changes of law; in a "
            "tree none",
        ),
        AlgorithmEntry(
            "sliding_window_ucb",
            "independent sliding-window UCB at every node: older jobs are forgotten",
            "Garivier and Moulines, ALT 2011",
            load=f"{_LEARNERS}.sliding_window_ucb:sliding_window_ucb",
            params=SlidingWindowUCBParams,
            differentiable=False,
            information="the costs of its own jobs; a window, by horizon and number of changes",
            promise="of a node above leaves, order sqrt(S T log T) with S changes of law; in a "
            "tree none",
        ),
        AlgorithmEntry(
            "leaf_exp3",
            "one EXP3 over all leaves: what agents lose that decide apart",
            "Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 2002",
            load=f"{_LEARNERS}.leaf_exp3:leaf_exp3",
            params=LeafEXP3Params,
            differentiable=False,
            information="the costs of all jobs, in one place; horizon",
            promise="expected regret at most sqrt(2 N T log N), in any tree",
        ),
        AlgorithmEntry(
            "node_exp4",
            "one EXP4 with the nodes of the tree as experts",
            "Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 2002",
            load=f"{_LEARNERS}.node_exp4:node_exp4",
            params=NodeEXP4Params,
            differentiable=False,
            information="the costs of all jobs, in one place; horizon",
            promise="expected regret at most sqrt(2 N T log E), in any tree",
        ),
    ),
    comparators=(
        ComparatorEntry(
            "best_leaf",
            "best fixed leaf up to each checkpoint",
            f"{_PAPER}, section 2",
            "jaxsoco.multistage.comparators:best_leaf",
        ),
        ComparatorEntry(
            "best_sequence",
            "best leaf of every round, for worlds that change but do not answer",
            "Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 2002, section 8",
            "jaxsoco.multistage.comparators:best_sequence",
        ),
    ),
    costs=(
        CostEntry(
            "expected", "cost", "conditional expected cost under the current play probabilities"
        ),
        CostEntry("realised", "cost", "cost of the leaf reached", objective=False),
        CostEntry(
            "first_edge",
            "rounds",
            "summed play probability of the first tracked edge",
            objective=False,
        ),
        CostEntry(
            "second_edge",
            "rounds",
            "summed play probability of the second tracked edge",
            objective=False,
        ),
    ),
    measure="regret",
    compare=("best_leaf",),
)


# --- parameters from a dict of an experiment's values ---------------------------------------------

_parameters = {entry.name: entry.parameters for entry in FAMILY.algorithms}

epsilon_exp3_params = _parameters["epsilon_exp3"]
anytime_epsilon_exp3_params = _parameters["anytime_epsilon_exp3"]
normalized_eg_params = _parameters["normalized_eg"]
exp3_params = _parameters["exp3"]
broad_omd_params = _parameters["broad_omd"]
oracle_policy_params = _parameters["oracle_policy"]
exp3_ix_params = _parameters["exp3_ix"]
exp3_p_params = _parameters["exp3_p"]
tsallis_inf_params = _parameters["tsallis_inf"]
exp3_s_params = _parameters["exp3_s"]
ucb1_params = _parameters["ucb1"]
discounted_ucb_params = _parameters["discounted_ucb"]
sliding_window_ucb_params = _parameters["sliding_window_ucb"]
leaf_exp3_params = _parameters["leaf_exp3"]
node_exp4_params = _parameters["node_exp4"]
