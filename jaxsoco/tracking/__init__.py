"""Smoothed online quadratic optimisation with bandit feedback: SCaLE, HySCaLE, LAI, baselines.

Bhuyan, Mukherjee, Wierman, "SCaLE: switching cost aware learning and exploration", arXiv
2601.09042; LAI: the same authors, "Best of both worlds guarantees for smoothed online quadratic
optimization", ICML 2024.
"""

from jaxsoco.core.lazy import lazy_names
from jaxsoco.tracking.settings import FAMILY

# No module bears one of these names: importing it would put the module in the name's place.
_PUBLIC = {
    "QuadraticTracking": "settings",
    "ExpectedTracking": "settings",
    "SCaLEParams": "settings",
    "HySCaLEParams": "settings",
    "LAIParams": "settings",
    "FollowParams": "settings",
    "GradientParams": "settings",
    "scale": "learners.scale",
    "scale_design": "learners.scale_design",
    "hyscale": "learners.hyscale",
    "lai": "learners.lai",
    "follow_minimizer": "learners.follow_minimizer",
    "passive_learner": "learners.passive_learner",
    "oracle_learner": "learners.oracle_learner",
    "interpolation": "theory.planning",
    "interpolation_eigenvalues": "theory.planning",
    "plugin_regret": "theory.expected",
    "exploration_regret": "theory.expected",
    "follow_regret": "theory.expected",
    "lai_cost": "theory.expected",
    "quadratic_tracking": "problem",
    "recorded_tracking": "problem",
    "expected_tracking": "problem",
    "make_matrix": "data.matrices",
    "load_matrix": "data.loaders",
    "make_spec": "prepare",
    "Spec": "spec",
    "Observation": "spec",
    "Feedback": "spec",
    "Costs": "spec",
    "online_optimum": "comparators",
    "replay": "replays",
    "Replay": "replays",
}

__all__ = ["FAMILY", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]
# FAMILY and the settings are read without JAX; types of all names are in __init__.pyi.
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, ["FAMILY"])
