"""Parameters and entries of the learners in one dimension. No JAX.

They work on separable problems in several dimensions as well, coordinate by coordinate.
"""

from __future__ import annotations

from jaxsoco.core.schema import AlgorithmEntry
from jaxsoco.core.settings import setting, settings


@settings
class FollowParams:
    """Following the minimiser has nothing to tune.

    >>> jaxsoco.learner("smoothed/follow_minimizer")[1]
    FollowParams()
    """


@settings
class WorkParams:
    """How the slope of the work function is kept."""

    knots: int = setting(
        "places for the kinks of a piecewise linear slope",
        default=16,
        low=4,
        high=1024,
        static=True,
    )
    grid: int = setting(
        "cells of the grid for costs whose slopes are not piecewise linear",
        default=256,
        low=2,
        high=65_536,
        static=True,
    )


@settings
class LCPParams(WorkParams):
    """Lazy capacity provisioning, with or without a window.

    >>> jaxsoco.learner("smoothed/lcp", window=2)[1].window
    2
    """

    window: int = setting("rounds ahead that it looks", default=0, low=0, high=10_000, static=True)
    integral: bool = setting("whether positions are whole numbers", default=False, static=True)
    trips: int = setting(
        "halvings of the bracket of a window's bounds", default=45, low=1, high=200, static=True
    )


_HERE = "jaxsoco.smoothed.learners"

ALGORITHMS = (
    AlgorithmEntry(
        name="lcp",
        summary="moves only as far as the work function forces it to (lazy capacity provisioning)",
        source="Lin et al. 2013; Albers, Quedenfeld 2018",
        load=f"{_HERE}.lcp:lcp",
        params=LCPParams,
    ),
    AlgorithmEntry(
        name="follow_minimizer",
        summary="moves to the minimiser in every round (greedy)",
        source="Zhang et al. 2021, section 3",
        load=f"{_HERE}.follow_minimizer:follow_minimizer",
        params=FollowParams,
    ),
)
