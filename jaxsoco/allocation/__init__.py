"""Spatiotemporal online allocation with deadlines (SOAD): PCM, ST-CLIP and their baselines.

Lechowicz, Christianson, Sun, Bashir, Hajiesmaili, Wierman, Shenoy, "Learning-augmented competitive
algorithms for spatiotemporal online allocation with deadline constraints", arXiv 2408.07831.
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

_PAPER = "arXiv 2408.07831"

_PROBLEM = ProblemEntry(
    name="carbon_jobs",
    summary="deferrable jobs over regions with hourly carbon intensity and a deadline",
    source=f"{_PAPER}, section 5",
    prepare="jaxsoco.allocation.prepare:prepare",
    build="jaxsoco.allocation.prepare:build",
    fields=(
        Field(
            "carbon",
            "path",
            "hourly carbon intensity: a folder of CSV files, a CSV file, or the seeded synthetic",
            default="synthetic",
            words=("synthetic",),
        ),
        Field("carbon_seed", "integer", "seed of the synthetic trace", default=0, low=0),
        Field(
            "signal",
            "choice",
            "which column of an Electricity Maps export counts",
            default="life-cycle",
            choices=("life-cycle", "direct"),
        ),
        Field(
            "fill_gaps",
            "integer",
            "longest gap that is interpolated; longer ones are errors",
            default=0,
            unit="h",
            low=0,
            high=24,
        ),
        Field("trim", "boolean", "cut unequal ranges to the common one", default=False),
        Field("regions", "strings", "regions that take part (all if absent)", default=None),
        Field(
            "latency",
            "path",
            "round-trip times between the regions (.npz, .npy, .csv), or by great circle",
            default="great-circle",
            words=("great-circle",),
        ),
        Field("data_size", "float", "data moved with a job", default=4.0, unit="GB", low=0),
        Field(
            "energy",
            "float",
            "power of a running job",
            default=1.0,
            unit="kW",
            low=0,
            open_low=True,
        ),
        Field(
            "network_intensity",
            "float",
            "carbon intensity of the network",
            default=365.0,
            unit="g/kWh",
            low=0,
        ),
        Field(
            "job_length",
            "integer",
            "slots of work, or drawn from the cluster trace's lengths (2..9)",
            default="google",
            unit="h",
            low=1,
            high=168,
            words=("google",),
        ),
        Field("deadline_min", "integer", "shortest deadline", default=12, unit="h", low=1),
        Field("deadline_max", "integer", "longest deadline", default=47, unit="h", low=1, high=336),
        Field(
            "switch", "float", "carbon of one temporal switch (beta)", default=0.25, unit="g", low=0
        ),
        Field(
            "forecast_noise",
            "float",
            "weight of uniform noise in the forecast that the advice is made from",
            default=0.4,
            low=0,
            high=1,
        ),
        Field(
            "bounds",
            "choice",
            "price bounds L and U: of the job's own window, or of the whole trace",
            default="window",
            choices=("window", "trace"),
        ),
    ),
)

_METRIC = Field(
    "metric",
    "choice",
    "move costs inside the decision: a random tree embedding (the analysed algorithm) or the "
    "metric itself",
    default="tree",
    choices=("tree", "true"),
    static=True,
)


def _learner(
    name: str, module: str, summary: str, source: str, fields: tuple[Field, ...] = ()
) -> AlgorithmEntry:
    return AlgorithmEntry(
        name=name,
        summary=summary,
        source=f"{_PAPER}, {source}",
        load=f"jaxsoco.allocation.{module}:{name}",
        params=f"jaxsoco.allocation.{module}:{name}_params",
        fields=fields,
    )


FAMILY = Family(
    name="allocation",
    summary="spatiotemporal allocation with deadlines, carbon-aware",
    problems=(_PROBLEM,),
    algorithms=(
        _learner(
            "pcm",
            "learners.pcm",
            "pseudo-cost minimisation, eta-competitive",
            "section 3",
            (_METRIC,),
        ),
        _learner(
            "st_clip",
            "learners.st_clip",
            "PCM clipped to black-box advice: (1+epsilon)-consistent, gamma-robust",
            "section 4",
            (
                Field(
                    "epsilon",
                    "float",
                    "trust in the advice: cost at most (1+epsilon) times the advice's",
                    default=0.1,
                    low=0,
                    open_low=True,
                ),
                _METRIC,
            ),
        ),
        _learner(
            "agnostic", "learners.threshold", "runs at once where the job arrived", "section 5"
        ),
        _learner(
            "greedy", "learners.threshold", "runs at once where it is cheapest now", "section 5"
        ),
        _learner(
            "delayed_greedy",
            "learners.threshold",
            "runs at the forecast's cheapest hour",
            "section 5",
        ),
        _learner(
            "threshold",
            "learners.threshold",
            "runs whenever the price is below sqrt(LU)",
            "section 5",
        ),
    ),
    comparators=(
        ComparatorEntry(
            "offline_optimum",
            "the linear program's optimum (fractional, in expectation)",
            f"{_PAPER}, section 2",
            "jaxsoco.allocation.comparators:offline",
        ),
        ComparatorEntry(
            "integral_optimum",
            "the best schedule that runs in whole slots",
            "dynamic program over (state, slots done)",
            "jaxsoco.allocation.comparators:integral",
        ),
        ComparatorEntry(
            "advice",
            "the advice followed blindly: the best integral schedule of the noisy forecast",
            f"{_PAPER}, section 4",
            "jaxsoco.allocation.comparators:advice",
        ),
    ),
    costs=(
        CostEntry("service", "g", "carbon of the work itself"),
        CostEntry("move", "g", "carbon of moving data between regions"),
        CostEntry("switch", "g", "carbon of suspending and resuming, final switch-off included"),
        CostEntry("shortfall", "job", "work missing at the deadline", objective=False),
    ),
    measure="ratio",
    compare=("offline_optimum", "integral_optimum"),
)

# No module bears one of these names: importing it would put the module in the name's place.
_PUBLIC = {
    "BaselineParams": "learners.threshold",
    "agnostic": "learners.threshold",
    "delayed_greedy": "learners.threshold",
    "greedy": "learners.threshold",
    "threshold": "learners.threshold",
    "pcm": "learners.pcm",
    "PCMParams": "learners.pcm",
    "pcm_step": "theory.step",
    "st_clip": "learners.st_clip",
    "STCLIPParams": "learners.st_clip",
    "stclip_step": "theory.clip",
    "PseudoCost": "theory.pseudocost",
    "competitive_ratio": "theory.pseudocost",
    "robustness": "theory.pseudocost",
    "StateMetric": "theory.metric",
    "state_metric": "theory.metric",
    "metric_closure": "theory.metric",
    "wasserstein": "theory.metric",
    "TreeMetric": "theory.tree",
    "embed_tree": "theory.tree",
    "OfflineOptimum": "theory.offline",
    "offline_optimum": "theory.offline",
    "integral_optimum": "theory.integral",
    "Spec": "spec",
    "Observation": "spec",
    "Feedback": "spec",
    "Costs": "spec",
    "allocation": "problem",
    "Workload": "jobs",
    "sample_job": "jobs",
    "synthetic_workload": "prepare",
    "CarbonTrace": "data.carbon",
    "load_carbon_csv": "data.loading",
    "synthetic_carbon": "data.synthetic",
    "great_circle_latency": "data.network",
    "load_latency": "data.network",
}

__all__ = ["FAMILY", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]
# The entries above are read without JAX.
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, ["FAMILY"])
