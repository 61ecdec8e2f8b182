"""Experiments: a TOML file, validated as a whole, becomes a sweep with its report.

Nothing here imports JAX before a run needs it: every error of a file is told first.
"""

from jaxsoco.experiment.expand import Sweep, expand
from jaxsoco.experiment.spec import Experiment, load_experiment

__all__ = ["Experiment", "Sweep", "expand", "load_experiment"]
