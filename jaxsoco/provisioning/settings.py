"""Fields of the family's problems and algorithms, plain data."""

from __future__ import annotations

from jaxsoco.core.schema import Field


def _number(name: str, doc: str, default: float | None, **options) -> Field:
    return Field(name, "float", doc, default=default, **options)


def budget_fields(
    *, slots: int | None, low: float, baseline: str, anchor: float | None
) -> tuple[Field, ...]:
    """Fields that all problems share: the episode, the budget and its costs."""
    return (
        Field("slots", "integer", "slots of an episode (T)", default=slots, low=1, high=1000),
        _number("budget_low", "least budget (B0)", low, low=0),
        _number("budget_high", "largest budget; the number of slots if absent", None, low=0),
        Field(
            "baseline",
            "string",
            "safe policy: chances of the actions in every state, separated by commas",
            default=baseline,
        ),
        _number("latency_weight", "cost of a unit of loss (beta)", 1.0, low=0),
        _number("switching", "cost of a squared change of the budget (alpha)", 0.5, low=0),
        _number("price", "linear cost of the budget (M1)", 0.01, low=0),
        _number(
            "tracking",
            "weight of the squared distance to the target (M2)",
            0.05,
            low=0,
            open_low=True,
        ),
        _number("anchoring", "weight of the squared distance to the anchor (M0)", 0.25, low=0),
        _number("anchor", "where the budget would rather be (rho_0); T/2 if absent", anchor),
        _number("target", "mean of the targets rho_k; the anchor if absent", None),
        _number("swing", "amplitude of the targets' sine", 0.5, low=0),
        _number("period", "its period", 2000.0, unit="episodes", low=0, open_low=True),
        _number("jitter", "standard deviation of the targets' noise", 0.1, low=0),
        _number("cost_noise", "standard deviation of noise in observed consumption", 0.0, low=0),
        _number(
            "cost_seen", "probability that a slot's consumption is observed", 1.0, low=0, high=1
        ),
    )


CAPACITY = Field("capacity", "integer", "longest queue", default=10, low=1, high=100)

PAPER_QUEUE = (
    Field(
        "arrivals",
        "path",
        "arrivals of a slot: Poisson, or the distribution in a CSV file (times or counts per bin)",
        default="poisson",
        words=("poisson",),
    ),
    _number("arrival_rate", "mean arrivals of a slot", 1.12, low=0, open_low=True),
    Field("column", "string", "column of the CSV file, where names do not tell", default=None),
    _number("bin", "width of a slot in a file of times", None, unit="s", low=0, open_low=True),
    Field("rebin", "integer", "bins of the file that make a slot", default=1, low=1),
    CAPACITY,
    Field("start", "integer", "length of the queue at the start", default=0, low=0, high=100),
    *budget_fields(slots=10, low=4.0, baseline="0.7,0.2,0.1", anchor=None),
)

BURSTY_QUEUE = (
    _number("burst_chance", "probability that a batch arrives in a slot", 0.4, low=0, high=1),
    Field("burst_size", "integer", "arrivals of a batch", default=2, low=1, high=20),
    _number("success", "probability that a resource block serves", 0.9, low=0, high=1),
    Field("capacity", "integer", "longest queue", default=6, low=1, high=100),
    Field("start", "integer", "length of the queue at the start", default=3, low=0, high=100),
    *budget_fields(slots=8, low=2.0, baseline="0.8,0.1,0.1", anchor=2.5),
)

TWO_QUEUES = (
    Field(
        "topology",
        "choice",
        "each queue has its own arrivals, or the second gets what the first serves",
        default="parallel",
        choices=("parallel", "tandem"),
    ),
    _number("burst_chance", "probability of a batch, first queue", 0.25, low=0, high=1),
    _number("second_chance", "probability of a batch, second queue", 0.15, low=0, high=1),
    Field("burst_size", "integer", "arrivals of a batch", default=2, low=1, high=20),
    _number("success", "probability that a resource block serves", 0.9, low=0, high=1),
    Field("capacity", "integer", "longest queue, of both", default=3, low=1, high=10),
    Field("start", "integer", "length of both queues at the start", default=1, low=0, high=10),
    *budget_fields(slots=8, low=2.5, baseline="0.65,0.1,0.05,0.1,0.05,0.05", anchor=3.0),
)
"""Actions are the pairs (0,0), (0,1), (0,2), (1,0), (1,1), (2,0) of blocks."""

TABULAR = (
    Field(
        "model",
        "path",
        "an .npz file with loss, consumption, transition, initial and perhaps baseline, slots",
    ),
    *(
        field
        for field in budget_fields(slots=None, low=0.0, baseline="file", anchor=None)
        if field.name != "budget_low"
    ),
    _number("budget_low", "least budget (B0)", 0.0, low=0),
)

SCHEDULER = (
    _number(
        "conf_scale",
        "multiplies the confidence radius; 1 is the paper's",
        1.0,
        low=0,
        open_low=True,
    ),
    _number(
        "delta",
        "probability that a confidence set fails",
        0.05,
        low=0,
        open_low=True,
        high=1,
    ),
    Field(
        "confidence_episodes",
        "integer",
        "number of episodes inside the radius's logarithm, or the horizon",
        default="horizon",
        low=1,
        words=("horizon",),
    ),
    Field(
        "warm_up",
        "integer",
        "first episodes, played with the baseline (K0), or the paper's S^2 A T^4 / gamma^2",
        default="theory",
        low=0,
        words=("theory",),
    ),
    Field(
        "counts",
        "choice",
        "transitions are counted for each slot, or pooled (where all slots are alike)",
        default="per-slot",
        choices=("per-slot", "pooled"),
        static=True,
    ),
    Field(
        "remaining",
        "boolean",
        "bonus from the slots that are left instead of all",
        default=False,
        static=True,
    ),
    Field("tv_cap", "boolean", "summed radius of at most 1", default=False, static=True),
    Field(
        "costs",
        "choice",
        "consumption is known, or estimated from what is observed",
        default="known",
        choices=("known", "estimated"),
        static=True,
    ),
    Field(
        "resolve",
        "choice",
        "plan anew every episode, or whenever their number has grown by the share growth",
        default="every",
        choices=("every", "growth"),
        static=True,
    ),
    _number("growth", "that share, where resolve = growth", 0.02, low=0, open_low=True),
)

FIXED_BUDGET = (
    _number("budget", "the budget, raised to the least one where it is below", 4.0, low=0),
    *SCHEDULER,
)

ORACLE = (
    Field("warm_up", "integer", "first episodes, played with the baseline (K0)", default=0, low=0),
)

OCO_Q = (_number("exploration", "probability of an action at random", 0.1, low=0, high=1),)
