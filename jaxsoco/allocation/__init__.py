"""Spatiotemporal online allocation with deadlines (SOAD): PCM, ST-CLIP and their baselines.

Lechowicz, Christianson, Sun, Bashir, Hajiesmaili, Wierman, Shenoy, "Learning-augmented competitive
algorithms for spatiotemporal online allocation with deadline constraints", arXiv 2408.07831.
"""

from jaxsoco.allocation.settings import FAMILY
from jaxsoco.core.lazy import lazy_names

# Public name -> its module. Importing a submodule would put it in the place of a name it bears.
_PUBLIC = {
    "CarbonJobs": "settings",
    "PCMParams": "settings",
    "STCLIPParams": "settings",
    "BaselineParams": "settings",
    "pcm": "learners.pcm",
    "st_clip": "learners.st_clip",
    "agnostic": "learners.agnostic",
    "greedy": "learners.greedy",
    "delayed_greedy": "learners.delayed_greedy",
    "threshold": "learners.threshold",
    "Spec": "spec",
    "Observation": "spec",
    "Feedback": "spec",
    "Costs": "spec",
    "allocation": "problem",
    "Workload": "jobs",
    "sample_job": "jobs",
    "synthetic_workload": "prepare",
    "pcm_step": "theory.step",
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
    "CarbonTrace": "data.carbon",
    "load_carbon_csv": "data.loading",
    "synthetic_carbon": "data.synthetic",
    "great_circle_latency": "data.network",
    "load_latency": "data.network",
}

__all__ = ["FAMILY", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, ["FAMILY"])
