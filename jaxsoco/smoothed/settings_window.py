"""Parameters and entries of the learners that look ahead. No JAX."""

from __future__ import annotations

from typing import Any

from jaxsoco.core.schema import AlgorithmEntry, Guarantee
from jaxsoco.core.settings import setting, settings
from jaxsoco.smoothed.settings_space import Convexity
from jaxsoco.smoothed.theory import ratios


@settings
class WindowParams:
    """How far a planner looks."""

    window: int = setting("rounds ahead that it looks", default=0, low=0, high=10_000, static=True)


@settings
class RHCParams(WindowParams):
    """Receding horizon control.

    >>> jaxsoco.learner("smoothed/rhc", window=3)[1].window
    3
    """

    integral: bool = setting("whether positions are whole numbers", default=False, static=True)
    trips: int = setting("halvings of a bracket", default=45, low=1, high=200, static=True)


@settings
class AFHCParams(WindowParams):
    """Averaging fixed horizon control.

    >>> jaxsoco.learner("smoothed/afhc", window=3)[1]
    AFHCParams(window=3)
    """


@settings
class CHCParams(WindowParams):
    """Committed horizon control.

    >>> jaxsoco.learner("smoothed/chc", window=3, commit=2)[1].commit
    2
    """

    commit: int = setting(
        "rounds of a plan that are kept, at most window + 1",
        default=1,
        low=1,
        high=10_001,
        static=True,
    )


@settings
class RHGDParams(Convexity, WindowParams):
    """Receding horizon gradient descent.

    >>> jaxsoco.learner("smoothed/rhgd", window=3)[1].trips is None  # window + 1 steps
    True
    """

    smoothness: float | None = setting(
        "smoothness l of the hitting costs that the learner assumes",
        default=None,
        above=0,
        high=1e15,
        theory="the largest curvature seen so far, of quadratic costs",
    )
    trips: int | None = setting(
        "gradient steps W on every decision, at most window + 1",
        default=None,
        low=0,
        high=10_001,
        static=True,
        theory="window + 1",
    )


@settings
class RHAGParams(RHGDParams):
    """Receding horizon gradient descent with momentum.

    >>> float(jaxsoco.learner("smoothed/rhag", window=3, convexity=0.5)[1].convexity)
    0.5
    """


# --- what is promised -----------------------------------------------------------------------------


def _horizon(problem: dict[str, Any], window: int) -> float | None:
    if problem["information"] == "noisy" or problem["between"] != "exact" or problem["e0"] <= 0:
        return None
    return ratios.horizon_ratio(problem["switching"], problem["e0"], window)


def _planned(problem: dict[str, Any], learner: dict[str, Any]) -> float | None:
    if learner.get("integral") or learner.get("commit", 1) not in (1, learner["window"] + 1):
        return None
    return _horizon(problem, learner["window"])


_PLANNED = (Guarantee("rightsizing", "offline_optimum", _planned),)
_HERE = "jaxsoco.smoothed.learners"
_CURVED = ("walk", "recorded", "strong_lower_bound")

ALGORITHMS = (
    AlgorithmEntry(
        name="rhc",
        summary="plans the window anew in every round (receding horizon control)",
        source="Lin et al. 2012, section III",
        load=f"{_HERE}.rhc:rhc",
        params=RHCParams,
        guarantees=_PLANNED,
        information="costs of the round and of w more",
        promise="competitive ratio 1 + beta / ((w + 1) e0) on a line, 1 + beta/e0 in several "
        "dimensions, for costs of at least e0 x and ups at beta",
    ),
    AlgorithmEntry(
        name="afhc",
        summary="the mean of planners that begin in different rounds (averaging fixed horizon)",
        source="Lin et al. 2012, section IV",
        load=f"{_HERE}.afhc:afhc",
        params=AFHCParams,
        guarantees=_PLANNED,
        information="costs of the round and of w more",
        promise="competitive ratio 1 + beta / ((w + 1) e0) for costs of at least e0 x and ups at "
        "beta",
    ),
    AlgorithmEntry(
        name="chc",
        summary="planners that keep some rounds of a plan, and their mean (committed horizon)",
        source="Chen et al. 2016, algorithm 1",
        load=f"{_HERE}.chc:chc",
        params=CHCParams,
        guarantees=_PLANNED,
        information="costs of the round and of w more",
        promise="that of rhc if one round of a plan is kept, that of afhc if all are",
    ),
    AlgorithmEntry(
        name="rhgd",
        summary="gradient steps over the horizon as the window allows (RHGD)",
        source="Li, Qu, Li 2020, algorithm 1",
        load=f"{_HERE}.rhgd:rhgd",
        params=RHGDParams,
        problems=_CURVED,
        information="costs of the round and of w more; convexity, smoothness",
        promise="cost above the optimum of order (1 - 1/Q)^(w+1), Q = (l + 4 kappa) / alpha, for "
        "squared movement",
    ),
    AlgorithmEntry(
        name="rhag",
        summary="RHGD with momentum (RHAG)",
        source="Li, Qu, Li 2020, algorithm 2",
        load=f"{_HERE}.rhag:rhag",
        params=RHAGParams,
        problems=_CURVED,
        information="costs of the round and of w more; convexity, smoothness",
        promise="cost above the optimum of order 2 (1 - 1/sqrt(Q))^(w+1), Q = (l + 4 kappa) / "
        "alpha, for squared movement",
    ),
)
