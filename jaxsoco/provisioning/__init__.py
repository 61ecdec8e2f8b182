"""Bi-level online provisioning: budgets with switching costs over constrained scheduling.

Liu, Koksal, Shi, "Bi-level online provisioning and scheduling with switching costs and cross-level
constraints", arXiv 2601.18936. A round is an episode.
"""

from __future__ import annotations

from jaxsoco.core.lazy import lazy_names
from jaxsoco.core.schema import (
    AlgorithmEntry,
    ComparatorEntry,
    CostEntry,
    Family,
    Field,
    ProblemEntry,
)
from jaxsoco.provisioning import fields

_PAPER = "arXiv 2601.18936"


def _world(name: str, summary: str, source: str, own: tuple[Field, ...]) -> ProblemEntry:
    return ProblemEntry(
        name=name,
        summary=summary,
        source=source,
        prepare=f"jaxsoco.provisioning.worlds:prepare_{name}",
        build="jaxsoco.provisioning.worlds:build",
        fields=own,
        horizons=True,
    )


def _learner(
    name: str, module: str, summary: str, source: str, own: tuple[Field, ...] = ()
) -> AlgorithmEntry:
    return AlgorithmEntry(
        name=name,
        summary=summary,
        source=source,
        load=f"jaxsoco.provisioning.{module}:{name}",
        params=f"jaxsoco.provisioning.{module}:{name}_params",
        fields=own,
        # Trajectories are drawn, and plans are found by a search of varying length.
        differentiable=False,
    )


FAMILY = Family(
    name="provisioning",
    summary="budgets with switching costs over constrained scheduling, learned online",
    problems=(
        _world(
            "paper_queue",
            "a queue with Poisson or recorded arrivals; a round is an episode",
            f"{_PAPER}, section 5",
            fields.PAPER_QUEUE,
        ),
        _world(
            "bursty_queue",
            "a queue with batches and blocks that may fail: here the multiplier matters",
            "jaxsoco",
            fields.BURSTY_QUEUE,
        ),
        _world(
            "two_queues",
            "two queues, parallel or tandem, that share one budget",
            "jaxsoco",
            fields.TWO_QUEUES,
        ),
        _world(
            "tabular",
            "any tabular constrained decision process from a file",
            f"{_PAPER}, section 2",
            fields.TABULAR,
        ),
    ),
    algorithms=(
        _learner(
            "blol",
            "algorithm_blol",
            "gradient steps on the budget with the multiplier of BALDE's plan",
            f"{_PAPER}, section 3",
            fields.SCHEDULER,
        ),
        _learner(
            "fixed_budget",
            "algorithm_blol",
            "BALDE under one budget (DOPE)",
            f"{_PAPER}, section 5; Bura et al. 2022",
            fields.FIXED_BUDGET,
        ),
        _learner(
            "no_dual",
            "algorithm_blol",
            "BALDE under a budget that follows the service costs alone",
            "jaxsoco",
            fields.SCHEDULER,
        ),
        _learner(
            "blind_rate",
            "baselines",
            "the same rate in every state, from a budget that follows the service costs alone",
            "jaxsoco",
        ),
        _learner(
            "oco_q",
            "baselines",
            "Q-learning without a constraint, same budget; it violates the constraint",
            f"{_PAPER}, section 5 (fixed-scheduling OCO)",
            fields.OCO_Q,
        ),
        _learner(
            "oracle", "algorithm_blol", "BLOL that knows the transitions", "jaxsoco", fields.ORACLE
        ),
    ),
    comparators=(
        ComparatorEntry(
            "static_optimum",
            "the best budget and policy in hindsight, one pair for all episodes",
            f"{_PAPER}, equations (6) and (7)",
            "jaxsoco.provisioning.comparators:static_optimum",
        ),
    ),
    costs=(
        CostEntry("service", "1", "cost of the budget"),
        CostEntry("switching", "1", "cost of changing it"),
        CostEntry("latency", "1", "weighted expected loss of the policy"),
        CostEntry("consumption", "block", "expected consumption", objective=False),
        CostEntry("violation", "block", "expected consumption above the budget", objective=False),
        CostEntry("budget", "block", "the budget", objective=False),
        CostEntry("multiplier", "1/block", "the learner's price of the budget", objective=False),
        CostEntry(
            "fallback", "episode", "episodes that fell back to the baseline", objective=False
        ),
    ),
    measure="regret",
    compare=("static_optimum",),
)

# No module bears one of these names: importing it would put the module in the name's place.
_PUBLIC = {
    "blol": "algorithm_blol",
    "fixed_budget": "algorithm_blol",
    "no_dual": "algorithm_blol",
    "oracle": "algorithm_blol",
    "BLOLParams": "scheduler",
    "FixedBudgetParams": "algorithm_blol",
    "OracleParams": "algorithm_blol",
    "blind_rate": "baselines",
    "BlindRateParams": "baselines",
    "oco_q": "baselines",
    "OcoQParams": "baselines",
    "static_optimum": "comparators",
    "best_budget": "comparators",
    "confidence_box": "confidence",
    "log_term": "confidence",
    "uncertainty_bonus": "confidence",
    "plan_episode": "scheduler",
    "policy_value": "problem",
    "provisioning": "problem",
    "Spec": "spec",
    "Observation": "spec",
    "Action": "spec",
    "Feedback": "spec",
    "Costs": "spec",
    "TabularModel": "model",
    "tabular_model": "model",
    "load_tabular": "model",
    "single_queue": "queues",
    "two_queues": "worlds",
    "paper_queue": "worlds",
    "bursty_queue": "worlds",
    "tabular": "worlds",
    "ArrivalTrace": "traces",
    "load_trace_csv": "traces",
}

__all__ = ["FAMILY", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]
# The entries above are read without JAX.
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, ["FAMILY"])
