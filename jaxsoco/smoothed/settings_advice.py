"""Parameters and entries of the learners that are given advice. No JAX."""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.schema import AlgorithmEntry
from jaxsoco.core.settings import setting, settings

Source = Literal["recorded", "noisy_optimum", "forecast"]
Robust = Literal[
    "lcp",
    "memoryless",
    "probabilistic",
    "follow_minimizer",
    "balanced",
    "obd_primal",
    "robd",
]

_JUMPS = "costs jump where another decision is followed"


@settings
class AdviceParams:
    """Where advice comes from, and whom to trust else.

    - recorded: a path that the problem brings (:func:`~jaxsoco.smoothed.with_advice`),
    - noisy_optimum: the offline optimum of costs that are fixed from the start, mirrored in the box
      in some blocks of rounds,
    - forecast: receding horizon control on the window, forecasts included.
    """

    advice: Source = setting("where advice comes from", default="forecast")
    robust: Robust = setting("the learner with a guarantee", default="probabilistic")
    window: int = setting(
        "rounds ahead that a forecast plans", default=0, low=0, high=10_000, static=True
    )
    flips: float = setting(
        "probability that a block of the noisy optimum is mirrored",
        default=0.1,
        low=0,
        high=1,
        gradient="no",
        reason="blocks are mirrored or not",
    )
    block: int = setting(
        "rounds of a block of the noisy optimum", default=10, low=1, high=1_000_000, static=True
    )


@settings
class InterpolateParams(AdviceParams):
    """How far to trust the robust learner.

    >>> jaxsoco.learner("smoothed/interpolate", trust=0.25)[1].robust
    'probabilistic'
    """

    trust: float = setting(
        "lam in (1 - lam) advice + lam robust: the robust learner's share",
        default=0.5,
        low=0,
        high=1,
    )


@settings
class GuardedParams(AdviceParams):
    """When to stop following advice.

    >>> float(jaxsoco.learner("smoothed/guarded", slack=2.0)[1].factor)
    1.0
    """

    factor: float = setting(
        "factor in ADV <= factor ROB + slack",
        default=1.0,
        low=0,
        high=1e9,
        gradient="no",
        reason=_JUMPS,
    )
    slack: float | None = setting(
        "slack in ADV <= factor ROB + slack",
        default=None,
        low=0,
        high=1e12,
        theory="the dearest move in the box, beta D; 0 without a box",
        gradient="no",
        reason=_JUMPS,
    )


@settings
class CombineParams(AdviceParams):
    """How fast the bound on the leader's cost grows.

    >>> float(jaxsoco.learner("smoothed/combine")[1].gamma)
    2.0
    """

    gamma: float = setting(
        "factor on the bound at every change of the leader",
        default=2.0,
        low=1.001,
        high=1e6,
        gradient="no",
        reason=_JUMPS,
    )


_HERE = "jaxsoco.smoothed.learners"

ALGORITHMS = (
    AlgorithmEntry(
        name="interpolate",
        summary="a fixed mean of advice and a robust learner",
        source="docs/smoothed.md, by convexity",
        load=f"{_HERE}.interpolate:interpolate",
        params=InterpolateParams,
        information="the round's cost, advice",
        promise="at most 1 - trust times the advice's cost plus trust times the robust learner's",
    ),
    AlgorithmEntry(
        name="guarded",
        summary="follows advice until it costs more than a robust learner and some slack",
        source="docs/smoothed.md; learning-augmented algorithms",
        load=f"{_HERE}.guarded:guarded",
        params=GuardedParams,
        differentiable=False,
        reason=_JUMPS,
        information="the round's cost, advice; the price of the dearest move",
        promise="the optimum's cost if that is the advice; else the robust learner's and twice the "
        "dearest move; for metric movement",
    ),
    AlgorithmEntry(
        name="combine",
        summary="leaves advice and returns to it as its cost exceeds a growing bound",
        source="Antoniadis et al. 2020, section 3; Fiat et al. 1994",
        load=f"{_HERE}.combine:combine",
        params=CombineParams,
        differentiable=False,
        reason=_JUMPS,
        information="the round's cost, advice",
        promise="9 times the better of advice and robust learner, at gamma = 2 and for metric "
        "movement",
    ),
)
