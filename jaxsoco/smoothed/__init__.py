"""Smoothed online convex optimisation: any convex hitting costs, any movement cost.

Lazy capacity provisioning and its kin in one dimension, the family of online balanced descent in
several, receding horizons, load optimisation, advice: ``jaxsoco list smoothed``.
"""

from jaxsoco.core.lazy import lazy_names
from jaxsoco.smoothed.settings import FAMILY as FAMILY

# Module -> public names. No module of this package bears one of them: importing it would put the
# module in the name's place. Nothing here imports JAX before it is used.
_MODULES = {
    "settings_problems": "RandomWalk JumpingTarget RecordedRounds ZigZag StrongLowerBound "
    "ServersOn",
    "settings_line": "LCPParams FollowParams MemorylessParams ProbabilisticParams RBGParams "
    "RoundedParams",
    "settings_types": "LoadTypes LazyBudgetingParams",
    "learners.lcp": "lcp",
    "learners.follow_minimizer": "follow_minimizer",
    "learners.memoryless": "memoryless",
    "learners.probabilistic": "probabilistic",
    "learners.rbg": "rbg",
    "learners.rounded": "rounded",
    "learners.lazy_budgeting": "lazy_budgeting",
    "settings_space": "BalancedParams OBDParams PrimalParams DualParams GOBDParams ROBDParams "
    "OGDParams AderParams",
    "settings_window": "RHCParams AFHCParams CHCParams RHGDParams RHAGParams",
    "settings_advice": "InterpolateParams GuardedParams CombineParams",
    "learners.balanced": "balanced",
    "learners.obd": "obd",
    "learners.obd_primal": "obd_primal",
    "learners.obd_dual": "obd_dual",
    "learners.gobd": "gobd",
    "learners.robd": "robd",
    "learners.ogd": "ogd",
    "learners.ader": "ader",
    "learners.rhc": "rhc",
    "learners.afhc": "afhc",
    "learners.chc": "chc",
    "learners.rhgd": "rhgd",
    "learners.rhag": "rhag",
    "learners.interpolate": "interpolate",
    "learners.guarded": "guarded",
    "learners.combine": "combine",
    "advising": "with_advice",
    "instances": "recorded walk jumps zigzag strong_lower_bound rightsizing custom",
    "instances_types": "load_types",
    "data.traces": "LoadTrace load_trace_csv",
    "theory.fleets": "Load Dispatch",
    "theory.quadratics": "Quadratic",
    "theory.polyhedral": "Absolute Norm",
    "theory.tables": "Table",
    "theory.servers": "RightSizing Power",
    "theory.smooth": "Exponential Barrier",
    "theory.custom": "Functions",
    "spec": "Spec Game Forecast Observation Feedback Costs",
    "theory.movements": "Movement",
    "theory.hitting": "Hitting",
    "comparators": "offline_optimum integral_optimum static_optimum prefix_optimum minimizers",
    "replays": "replay Replay solve_offline Solution",
}

# FAMILY and the settings are read without JAX; types of all names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES, ["FAMILY"])
