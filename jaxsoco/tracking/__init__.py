"""Smoothed online quadratic optimisation with bandit feedback: SCaLE, HySCaLE, LAI, baselines.

Bhuyan, Mukherjee, Wierman, "SCaLE: switching cost aware learning and exploration", arXiv
2601.09042; LAI: the same authors, "Best of both worlds guarantees for smoothed online quadratic
optimization", ICML 2024.
"""

from jaxsoco.core.lazy import lazy_names
from jaxsoco.tracking.settings import FAMILY as FAMILY

# Module -> public names. No module of this package bears one of them: importing it would put the
# module in the name's place. Nothing here imports JAX before it is used.
_MODULES = {
    "settings_problems": "QuadraticTracking ExpectedTracking",
    "settings_learners": "SCaLEParams HySCaLEParams LAIParams FollowParams GradientParams",
    "settings_rivals": "OBDParams ROBDParams KalmanParams TwoPointParams",
    "learners.scale": "scale",
    "learners.scale_design": "scale_design",
    "learners.hyscale": "hyscale",
    "learners.lai": "lai",
    "learners.follow_minimizer": "follow_minimizer",
    "learners.passive_learner": "passive_learner",
    "learners.oracle_learner": "oracle_learner",
    "learners.obd": "obd",
    "learners.robd": "robd",
    "learners.kalman": "kalman",
    "learners.two_point": "two_point",
    "theory.planning": "interpolation interpolation_eigenvalues",
    "theory.expected": "plugin_regret exploration_regret follow_regret lai_cost",
    "problem": "quadratic_tracking recorded_tracking expected_tracking",
    "data.matrices": "make_matrix",
    "data.loaders": "load_matrix",
    "prepare": "make_spec",
    "spec": "Spec Observation Feedback Costs",
    "comparators": "online_optimum",
    "replays": "replay Replay",
}

# FAMILY and the settings are read without JAX; types of all names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES, ["FAMILY"])
