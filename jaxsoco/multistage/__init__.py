"""Trees of agents with end-to-end bandit feedback: eps-EXP3 and its baselines.

I-Hong Hou, "Distributed no-regret learning for multi-stage systems with end-to-end bandit
feedback", arXiv 2404.04509 (MobiHoc 2024); Wei and Luo, "More adaptive algorithms for adversarial
bandits", COLT 2018.
"""

from __future__ import annotations

from jaxsoco.core.lazy import lazy_names
from jaxsoco.core.schema import (
    REQUIRED,
    AlgorithmEntry,
    ComparatorEntry,
    CostEntry,
    Family,
    Field,
    ProblemEntry,
)

_PAPER = "arXiv 2404.04509"

_TREE = (
    Field("depth", "integer", "decisions on a path (H)", default=2, low=1, high=16),
    Field("children", "integer", "choices of every agent (K)", default=2, low=1, high=64),
    Field(
        "tree",
        "path",
        "another tree: a file of edges (CSV, or JSON with edges, paths or nested objects)",
        default="complete",
        words=("complete",),
    ),
)

_TRACK = tuple(
    Field(
        f"track_{which}",
        "integer",
        f"id of a node; the ledger's {which}_edge adds up the play probability of the edge to it",
        default=0,
        low=0,
    )
    for which in ("first", "second")
)


def _problem(
    name: str, prepare: str, summary: str, source: str, fields: tuple[Field, ...]
) -> ProblemEntry:
    return ProblemEntry(
        name=name,
        summary=summary,
        source=source,
        prepare=f"jaxsoco.multistage.prepare:{prepare}",
        build="jaxsoco.multistage.prepare:build",
        fields=(*fields, *_TRACK),
        horizons=True,
    )


_PROBLEMS = (
    _problem(
        "bernoulli_tree",
        "prepare_bernoulli",
        "Bernoulli leaves of which the worst becomes the best",
        f"{_PAPER}, section 7.1",
        (
            *_TREE,
            Field(
                "p_min",
                "float",
                "least cost before the switch; the paper's is 0.2 (H - 1)",
                default="paper",
                low=0,
                high=1,
                words=("paper",),
            ),
            Field(
                "switch",
                "float",
                "share of the horizon after which the first leaf costs nothing",
                default=0.01,
                low=0,
                high=1,
            ),
            Field(
                "fill",
                "choice",
                "costs of the other leaves: linear in their place, a span of 0.4 above the least, "
                "or all 0.4 above it",
                default="linear",
                choices=("linear", "span", "flat"),
            ),
        ),
    ),
    _problem(
        "edge_computing",
        "prepare_edge",
        "a robot, servers behind random links, networks that are quick or exact",
        f"{_PAPER}, section 7.3",
        (Field("servers", "integer", "servers, and networks (K)", default=2, low=2, high=3),),
    ),
    _problem(
        "multihop",
        "prepare_multihop",
        "layers of two relays, exponential link delays and a deadline",
        f"{_PAPER}, section 7.4",
        (Field("layers", "integer", "layers of relays (L)", default=2, low=1, high=10),),
    ),
    _problem(
        "lower_bound_chain",
        "prepare_chain",
        "the chain on which no policy beats T^((L-1)/L)",
        f"{_PAPER}, section 6",
        (
            Field("stages", "integer", "decision nodes (L)", default=2, low=1, high=16),
            Field(
                "gap",
                "float",
                "gap between the leaves, as a share of its limit 2^-L",
                default=0.9,
                low=0,
                high=1,
                open_low=True,
            ),
            Field("swapped", "boolean", "the better one of the last leaves is last", default=False),
        ),
    ),
    _problem(
        "recorded_costs",
        "prepare_recorded",
        "recorded costs, one row a round and one column a leaf",
        "a CSV file",
        (Field("file", "path", "CSV file of costs from 0 to 1", default=REQUIRED), *_TREE),
    ),
)


def _rate(name: str, theory: str, doc: str) -> Field:
    return Field(
        name,
        "float",
        f"{doc}; the theory's is {theory}",
        default="theory",
        low=0,
        open_low=True,
        words=("theory",),
    )


def _scale(name: str) -> Field:
    doc = f"multiple of the theory's {name} in every epoch"
    return Field(f"{name}_scale", "float", doc, default=1.0, low=0, open_low=True)


def _learner(
    name: str, module: str, summary: str, source: str, fields: tuple[Field, ...]
) -> AlgorithmEntry:
    return AlgorithmEntry(
        name=name,
        summary=summary,
        source=source,
        load=f"jaxsoco.multistage.{module}:{name}",
        params=f"jaxsoco.multistage.{module}:{name}_params",
        fields=fields,
        differentiable=False,
    )


FAMILY = Family(
    name="multistage",
    summary="trees of agents that learn from end-to-end bandit feedback",
    problems=_PROBLEMS,
    algorithms=(
        _learner(
            "epsilon_exp3",
            "learners.epsilon_exp3",
            "EXP3 with forced exploration and path weights, no-regret",
            f"{_PAPER}, section 5, algorithm 2",
            (
                _rate("eta", "T^(-H/(H+1))", "learning rate"),
                _rate(
                    "epsilon",
                    "min(1, K T^(-1/(H+1)))",
                    "exploration of nodes with a child that decides",
                ),
            ),
        ),
        _learner(
            "anytime_epsilon_exp3",
            "learners.epsilon_exp3",
            "the same without a horizon, in epochs of doubling length",
            f"{_PAPER}, section 5, algorithm 3",
            (_scale("eta"), _scale("epsilon")),
        ),
        _learner(
            "normalized_eg",
            "learners.normalized_eg",
            "exponentiated gradient where every child tells its cost in every round",
            f"{_PAPER}, section 4, algorithm 1",
            (
                _rate("eta", "sqrt(log K_i / T)", "learning rate"),
                Field(
                    "feedback",
                    "choice",
                    "what children tell: the cost of their own choices, or its expectation",
                    default="realised",
                    choices=("realised", "expected"),
                    static=True,
                ),
            ),
        ),
        _learner(
            "exp3",
            "learners.epsilon_exp3",
            "every node runs EXP3 by itself",
            f"{_PAPER}, section 7",
            (_rate("eta", "T^(-1/2)", "learning rate"),),
        ),
        _learner(
            "broad_omd",
            "learners.broad_omd",
            "every node runs log-barrier mirror descent by itself",
            "Wei and Luo, COLT 2018",
            (
                Field(
                    "eta",
                    "float",
                    "first learning rate",
                    default=1 / 162,
                    low=0,
                    open_low=True,
                ),
                Field(
                    "variant",
                    "choice",
                    "v1: optimistic, rates that rise; v0: rates that halve; v2: a fixed rate",
                    default="v1",
                    choices=("v1", "v0", "v2"),
                    static=True,
                ),
            ),
        ),
        _learner(
            "oracle_policy",
            "learners.oracle_policy",
            "nodes that know the expected costs of their children, above nodes that run EXP3",
            f"{_PAPER}, section 6",
            (_rate("exploration", "min(1/2, T^(-1/H))", "probability of a child that is worse"),),
        ),
    ),
    comparators=(
        ComparatorEntry(
            "best_leaf",
            "the best fixed leaf up to each checkpoint",
            f"{_PAPER}, section 2",
            "jaxsoco.multistage.comparators:best_leaf",
        ),
    ),
    costs=(
        CostEntry("expected", "cost", "conditional expected cost, from all play probabilities"),
        CostEntry("realised", "cost", "cost of the leaf that was reached", objective=False),
        CostEntry(
            "first_edge", "rounds", "play probability of the first tracked edge", objective=False
        ),
        CostEntry(
            "second_edge", "rounds", "play probability of the second tracked edge", objective=False
        ),
    ),
    measure="regret",
    compare=("best_leaf",),
)

# No module bears one of these names: importing it would put the module in the name's place.
_PUBLIC = {
    "epsilon_exp3": "learners.epsilon_exp3",
    "epsilon_exp3_params": "learners.epsilon_exp3",
    "EpsilonEXP3Params": "learners.epsilon_exp3",
    "anytime_epsilon_exp3": "learners.epsilon_exp3",
    "anytime_epsilon_exp3_params": "learners.epsilon_exp3",
    "AnytimeParams": "learners.epsilon_exp3",
    "exp3": "learners.epsilon_exp3",
    "exp3_params": "learners.epsilon_exp3",
    "EXP3Params": "learners.epsilon_exp3",
    "normalized_eg": "learners.normalized_eg",
    "normalized_eg_params": "learners.normalized_eg",
    "NormalizedEGParams": "learners.normalized_eg",
    "broad_omd": "learners.broad_omd",
    "broad_omd_params": "learners.broad_omd",
    "BroadOMDParams": "learners.broad_omd",
    "oracle_policy": "learners.oracle_policy",
    "oracle_policy_params": "learners.oracle_policy",
    "OraclePolicyParams": "learners.oracle_policy",
    "Tree": "theory.tree",
    "load_tree": "data.tree_files",
    "expected_cost": "theory.values",
    "theory_rates": "theory.bounds",
    "regret_bound": "theory.bounds",
    "Spec": "spec",
    "Observation": "spec",
    "Action": "spec",
    "Feedback": "spec",
    "Costs": "spec",
    "multistage": "problem",
    "bernoulli_tree": "instances",
    "edge_computing": "instances",
    "multihop": "instances",
    "lower_bound_chain": "instances",
    "recorded_costs": "instances",
    "late_probability": "theory.delays",
    "Replay": "data.trials",
    "replay": "data.trials",
}

__all__ = ["FAMILY", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]
# The entries above are read without JAX.
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, ["FAMILY"])
