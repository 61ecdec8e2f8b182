"""Parameters and entries of the learners in one dimension. No JAX.

They work on separable problems in several dimensions as well, coordinate by coordinate.
"""

from __future__ import annotations

from typing import Literal

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


@settings
class ProbabilisticParams(WorkParams):
    """The mean of the work function's distribution has nothing else to tune.

    >>> jaxsoco.learner("smoothed/probabilistic")[1].knots
    16
    """


@settings
class RBGParams(WorkParams):
    """Randomly biased greedy.

    >>> float(jaxsoco.learner("smoothed/rbg", theta=0.5)[1].theta)
    0.5
    """

    theta: float = setting(
        "factor on the movement cost in its work function", default=1.0, above=0, high=1e6
    )


@settings
class MemorylessParams:
    """The memoryless learner.

    >>> float(jaxsoco.learner("smoothed/memoryless")[1].balance)
    0.5
    """

    balance: float = setting(
        "movement cost of a round, as a share of its hitting cost", default=0.5, above=0, high=1e6
    )
    trips: int = setting(
        "halvings of the bracket of the step", default=45, low=1, high=200, static=True
    )


@settings
class RoundedParams:
    """Whole positions from those of another learner.

    >>> jaxsoco.learner("smoothed/rounded", base="lcp")[1].base
    'lcp'
    """

    base: Literal["probabilistic", "lcp", "memoryless", "rbg", "follow_minimizer"] = setting(
        "the learner whose positions are rounded", default="probabilistic"
    )
    window: int = setting(
        "rounds ahead that it looks, where it does", default=0, low=0, high=10_000, static=True
    )


_HERE = "jaxsoco.smoothed.learners"
WHOLE = ("rightsizing", "recorded", "zigzag")
"""Problems that may have whole positions."""

ALGORITHMS = (
    AlgorithmEntry(
        name="lcp",
        summary="moves only as far as the work function forces it to (lazy capacity provisioning)",
        source="Lin et al. 2013; Albers, Quedenfeld 2018",
        load=f"{_HERE}.lcp:lcp",
        params=LCPParams,
        information="the round's cost, with a window also later ones",
        promise="3-competitive, with any window; on whole numbers too, where no deterministic "
        "learner is better",
    ),
    AlgorithmEntry(
        name="memoryless",
        summary="moves towards the minimiser until moving costs half of what standing does",
        source="Bansal et al. 2015, section 3",
        load=f"{_HERE}.memoryless:memoryless",
        params=MemorylessParams,
        information="the round's cost",
        promise="3-competitive, which no learner without memory betters",
    ),
    AlgorithmEntry(
        name="probabilistic",
        summary="the mean of the work function's distribution, 2-competitive",
        source="Bansal et al. 2015, section 2",
        load=f"{_HERE}.probabilistic:probabilistic",
        params=ProbabilisticParams,
        information="the round's cost",
        promise="2-competitive, which no learner betters",
    ),
    AlgorithmEntry(
        name="rbg",
        summary="a quantile of the work function's distribution, drawn once (randomly biased "
        "greedy)",
        source="Andrew et al. 2013, section 5",
        load=f"{_HERE}.rbg:rbg",
        params=RBGParams,
        differentiable=False,
        reason="its quantile is drawn, and jumps where the work function is flat",
        information="the round's cost",
        promise="2-competitive in expectation",
    ),
    AlgorithmEntry(
        name="rounded",
        summary="whole positions from another learner's, with its expected cost",
        source="Albers, Quedenfeld 2018, section 4; docs/smoothed.md",
        load=f"{_HERE}.rounded:rounded",
        params=RoundedParams,
        problems=WHOLE,
        differentiable=False,
        reason="its positions are whole numbers",
        information="what its base needs",
        promise="its base's competitive ratio, in expectation and on whole numbers",
    ),
    AlgorithmEntry(
        name="follow_minimizer",
        summary="moves to the minimiser in every round (greedy)",
        source="Zhang et al. 2021, section 3",
        load=f"{_HERE}.follow_minimizer:follow_minimizer",
        params=FollowParams,
        information="the round's minimiser",
        promise="competitive ratio max(1, 2/alpha) for alpha-polyhedral costs, 1 + 4/m for "
        "m-strongly convex ones and squared movement",
    ),
)
