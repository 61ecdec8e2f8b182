"""The family's entries. No JAX."""

from __future__ import annotations

from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, CostEntry, Family, ProblemEntry
from jaxsoco.multistage.settings_learners import (
    AnytimeParams,
    BroadOMDParams,
    EpsilonEXP3Params,
    EXP3Params,
    NormalizedEGParams,
    OraclePolicyParams,
)
from jaxsoco.multistage.settings_problems import (
    BernoulliTree,
    EdgeComputing,
    LowerBoundChain,
    Multihop,
    RecordedCosts,
    Routing,
)

_PAPER = "arXiv 2404.04509"
_PREPARE = "jaxsoco.multistage.prepare"
_LEARNERS = "jaxsoco.multistage.learners"

FAMILY = Family(
    name="multistage",
    summary="trees of agents that learn from end-to-end bandit feedback",
    problems=(
        ProblemEntry(
            "bernoulli_tree",
            "Bernoulli leaves, the worst of which becomes the best",
            f"{_PAPER}, section 7.1",
            prepare=f"{_PREPARE}:prepare_bernoulli_tree",
            build=f"{_PREPARE}:build",
            settings=BernoulliTree,
        ),
        ProblemEntry(
            "edge_computing",
            "a robot that offloads over random links to servers with fast or accurate networks",
            f"{_PAPER}, section 7.3",
            prepare=f"{_PREPARE}:prepare_edge_computing",
            build=f"{_PREPARE}:build",
            settings=EdgeComputing,
        ),
        ProblemEntry(
            "multihop",
            "layers of two relays with exponential link delays and a deadline",
            f"{_PAPER}, section 7.4",
            prepare=f"{_PREPARE}:prepare_multihop",
            build=f"{_PREPARE}:build",
            settings=Multihop,
        ),
        ProblemEntry(
            "routing",
            "jobs on the routes of a network from a file, cycles included, before a deadline",
            f"{_PAPER}, sections 7.3 and 7.4; a JSON file",
            prepare=f"{_PREPARE}:prepare_routing",
            build=f"{_PREPARE}:build",
            settings=Routing,
        ),
        ProblemEntry(
            "lower_bound_chain",
            "the lower-bound chain: no policy's regret grows slower than T^((L-1)/L)",
            f"{_PAPER}, section 6",
            prepare=f"{_PREPARE}:prepare_lower_bound_chain",
            build=f"{_PREPARE}:build",
            settings=LowerBoundChain,
        ),
        ProblemEntry(
            "recorded_costs",
            "recorded costs, one row per round and one column per leaf",
            "a CSV file",
            prepare=f"{_PREPARE}:prepare_recorded_costs",
            build=f"{_PREPARE}:build",
            settings=RecordedCosts,
        ),
    ),
    algorithms=(
        AlgorithmEntry(
            "epsilon_exp3",
            "EXP3 with forced exploration and path weights, no-regret",
            f"{_PAPER}, section 5, algorithm 2",
            load=f"{_LEARNERS}.epsilon_exp3:epsilon_exp3",
            params=EpsilonEXP3Params,
            differentiable=False,
        ),
        AlgorithmEntry(
            "anytime_epsilon_exp3",
            "epsilon-EXP3 without a known horizon, in epochs of doubling length",
            f"{_PAPER}, section 5, algorithm 3",
            load=f"{_LEARNERS}.anytime_epsilon_exp3:anytime_epsilon_exp3",
            params=AnytimeParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            "normalized_eg",
            "exponentiated gradient; every child reports its cost in every round",
            f"{_PAPER}, section 4, algorithm 1",
            load=f"{_LEARNERS}.normalized_eg:normalized_eg",
            params=NormalizedEGParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            "exp3",
            "independent EXP3 at every node",
            f"{_PAPER}, section 7",
            load=f"{_LEARNERS}.exp3:exp3",
            params=EXP3Params,
            differentiable=False,
        ),
        AlgorithmEntry(
            "broad_omd",
            "independent log-barrier mirror descent at every node",
            "Wei and Luo, COLT 2018",
            load=f"{_LEARNERS}.broad_omd:broad_omd",
            params=BroadOMDParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            "oracle_policy",
            "oracle nodes that know their children's expected costs, above nodes that run EXP3",
            f"{_PAPER}, section 6",
            load=f"{_LEARNERS}.oracle_policy:oracle_policy",
            params=OraclePolicyParams,
            differentiable=False,
        ),
    ),
    comparators=(
        ComparatorEntry(
            "best_leaf",
            "best fixed leaf up to each checkpoint",
            f"{_PAPER}, section 2",
            "jaxsoco.multistage.comparators:best_leaf",
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
