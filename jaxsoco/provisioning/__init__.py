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
from jaxsoco.provisioning import settings as fields

_PAPER = "arXiv 2601.18936"


def _world(name: str, summary: str, source: str, own: tuple[Field, ...]) -> ProblemEntry:
    return ProblemEntry(
        name=name,
        summary=summary,
        source=source,
        prepare=f"jaxsoco.provisioning.prepare:prepare_{name}",
        build="jaxsoco.provisioning.prepare:build",
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
            "learners.blol",
            "gradient steps on the budget with the multiplier of BALDE's plan",
            f"{_PAPER}, section 3",
            fields.SCHEDULER,
        ),
        _learner(
            "fixed_budget",
            "learners.blol",
            "BALDE under one budget (DOPE)",
            f"{_PAPER}, section 5; Bura et al. 2022",
            fields.FIXED_BUDGET,
        ),
        _learner(
            "no_dual",
            "learners.blol",
            "BALDE under a budget that follows the service costs alone",
            "jaxsoco",
            fields.SCHEDULER,
        ),
        _learner(
            "blind_rate",
            "learners.oco_q",
            "the same rate in every state, from a budget that follows the service costs alone",
            "jaxsoco",
        ),
        _learner(
            "oco_q",
            "learners.oco_q",
            "Q-learning without a constraint, same budget; it violates the constraint",
            f"{_PAPER}, section 5 (fixed-scheduling OCO)",
            fields.OCO_Q,
        ),
        _learner(
            "oracle", "learners.blol", "BLOL that knows the transitions", "jaxsoco", fields.ORACLE
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
    "blol": "learners.blol",
    "fixed_budget": "learners.blol",
    "no_dual": "learners.blol",
    "oracle": "learners.blol",
    "BLOLParams": "learners._shared",
    "FixedBudgetParams": "learners.blol",
    "OracleParams": "learners.blol",
    "blind_rate": "learners.oco_q",
    "BlindRateParams": "learners.oco_q",
    "oco_q": "learners.oco_q",
    "OcoQParams": "learners.oco_q",
    "static_optimum": "comparators",
    "best_budget": "comparators",
    "confidence_box": "theory.confidence",
    "log_term": "theory.confidence",
    "uncertainty_bonus": "theory.confidence",
    "plan_episode": "learners._shared",
    "policy_value": "problem",
    "provisioning": "problem",
    "Spec": "spec",
    "Observation": "spec",
    "Action": "spec",
    "Feedback": "spec",
    "Costs": "spec",
    "TabularModel": "theory.model",
    "tabular_model": "theory.model",
    "load_tabular": "theory.model",
    "single_queue": "theory.queues",
    "two_queues": "prepare",
    "paper_queue": "prepare",
    "bursty_queue": "prepare",
    "tabular": "prepare",
    "ArrivalTrace": "data.traces",
    "load_trace_csv": "data.traces",
}

__all__ = ["FAMILY", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]
# The entries above are read without JAX.
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, ["FAMILY"])
