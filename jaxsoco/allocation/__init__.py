"""Spatiotemporal online allocation with deadlines (SOAD): PCM, ST-CLIP and their baselines.

Lechowicz, Christianson, Sun, Bashir, Hajiesmaili, Wierman, Shenoy, "Learning-augmented competitive
algorithms for spatiotemporal online allocation with deadline constraints", arXiv 2408.07831.
"""

from jaxsoco.allocation.settings import FAMILY as FAMILY
from jaxsoco.core.lazy import lazy_names

# Module -> public names. No module of this package bears one of them: importing it would put the
# module in the name's place. Nothing here imports JAX before it is used.
_MODULES = {
    "settings_jobs": "CarbonJobs",
    "settings_rivals": (
        "OneWayParams ROROParams CLIPParams RecedingHorizonParams WaitAwhileParams FollowSunParams"
    ),
    "settings": "Adversary PCMParams STCLIPParams BaselineParams",
    "learners.pcm": "pcm",
    "learners.st_clip": "st_clip",
    "learners.agnostic": "agnostic",
    "learners.greedy": "greedy",
    "learners.delayed_greedy": "delayed_greedy",
    "learners.threshold": "threshold",
    "learners.one_way": "one_way",
    "learners.roro": "roro",
    "learners.clip": "clip",
    "learners.receding_horizon": "receding_horizon",
    "learners.wait_awhile": "wait_awhile",
    "learners.follow_sun": "follow_sun",
    "spec": "Spec Advice Observation Feedback Costs",
    "advice": "with_advice",
    "problem": "allocation",
    "duel": "Duel adversary",
    "jobs": "Workload sample_job",
    "volatility": "Volatility",
    "prepare": "synthetic_workload",
    "planning.plan": "plan",
    "planning.result": "Plan Schedule",
    "sharing.network": "SharedJobs SharedNetwork",
    "sharing.bound": "CapacityBound capacity_bound",
    "sharing.online": "SharedRun share_capacity",
    "theory.step": "pcm_step",
    "theory.clip": "stclip_step",
    "theory.pseudocost": "PseudoCost competitive_ratio robustness",
    "theory.metric": "StateMetric TimedMetric state_metric metric_closure wasserstein",
    "theory.coupling": "next_state optimal_coupling sample_schedule",
    "theory.tree": "TreeMetric embed_tree",
    "theory.offline": "OfflineOptimum offline_optimum",
    "theory.integral": "integral_optimum",
    "theory.worst": "offline_worst",
    "data.carbon": "CarbonTrace",
    "data.loading": "load_carbon_csv",
    "data.synthetic": "synthetic_carbon",
    "data.network": "great_circle_latency load_latency",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES, ["FAMILY"])
