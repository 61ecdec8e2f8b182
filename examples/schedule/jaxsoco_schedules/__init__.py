"""A plug-in of jaxsoco: the passive learner with a schedule of rates over the rounds.

This module declares, without JAX; the learner is in :mod:`jaxsoco_schedules.learner`.
"""

from __future__ import annotations

from jaxsoco.extend import AlgorithmEntry, Extension, setting, settings
from jaxsoco.tracking import GradientParams

KNOTS = (1, 4, 16, 64, 256, 1024)
"""Rounds at which the schedule is given."""
FACTORS = tuple(f"at_{knot}" for knot in KNOTS)
"""The parameters that give it."""


@settings
class ScheduleParams(GradientParams):
    """The passive learner's parameters, and a factor on its learning rate at each knot."""

    at_1: float = setting("factor on the learning rate in round 1", default=1.0, above=0)
    at_4: float = setting("the same in round 4", default=1.0, above=0)
    at_16: float = setting("in round 16", default=1.0, above=0)
    at_64: float = setting("in round 64", default=1.0, above=0)
    at_256: float = setting("in round 256", default=1.0, above=0)
    at_1024: float = setting("from round 1024 on", default=1.0, above=0)


EXTENSIONS = [
    Extension(
        family="tracking",
        algorithms=(
            AlgorithmEntry(
                name="scheduled_learner",
                summary="the passive learner with a schedule of learning rates",
                source="examples/schedule",
                load="jaxsoco_schedules.learner:scheduled_learner",
                params=ScheduleParams,
                problems=("quadratic_tracking",),
            ),
        ),
    )
]
