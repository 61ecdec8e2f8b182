"""A plug-in of jaxsoco for the families ``tracking`` and ``multistage``.

This module declares; it is read by ``jaxsoco list`` and ``jaxsoco check``, so it imports no JAX.
The code of each entry lies in a module of its own, which its ``load``, ``prepare`` and ``build``
name.
"""

from __future__ import annotations

from jaxsoco.extend import (
    AlgorithmEntry,
    ComparatorEntry,
    Extension,
    ProblemEntry,
    Rounds,
    setting,
    settings,
)

# --- tracking -------------------------------------------------------------------------------------


@settings
class SeasonalTracking(Rounds):
    """Track a minimiser whose steps grow and shrink with the season.

    The hitting cost is ``1/2 sum_i l_i y_i^2``, with ``l`` in geometric progression.
    """

    dimension: int = setting("coordinates of the decision", default=3, low=1, high=64, static=True)
    smallest_eigenvalue: float = setting(
        "smallest eigenvalue of the hitting cost", default=0.5, above=0
    )
    largest_eigenvalue: float = setting(
        "largest eigenvalue of the hitting cost", default=4.0, above=0
    )
    noise_cap: float = setting("largest absolute noise of the feedback", default=0.1, above=0)
    swing: float = setting(
        "amplitude of the season, of the steps' own size", default=0.8, low=0, high=1
    )
    period: float = setting("rounds of a season", default=24.0, low=2, unit="rounds")
    window: int = setting(
        "coming steps of the minimiser that learners are shown",
        default=0,
        low=0,
        high=64,
        static=True,
    )


@settings
class BalancedParams:
    """How far a balanced step goes: ``y = weight / (weight + a) w``, ``a`` the curvature so far."""

    weight: float = setting(
        "lambda, of moving against hitting; above 1, slower", default=1.0, above=0
    )
    prior: float = setting("curvature that it assumes before the first round", default=1.0, above=0)


@settings
class ForesightedParams(BalancedParams):
    """The same weight and prior; what is planned with them also sees the coming rounds."""


TRACKING = Extension(
    family="tracking",
    problems=(
        ProblemEntry(
            name="seasonal_tracking",
            summary="a quadratic whose minimiser walks in seasons",
            source="examples/plugin",
            prepare="jaxsoco_seasons.seasonal:prepare",
            build="jaxsoco_seasons.seasonal:build",
            settings=SeasonalTracking,
            # It shows, takes and charges what quadratic_tracking does: its learners play here.
            like="quadratic_tracking",
        ),
    ),
    algorithms=(
        AlgorithmEntry(
            name="balanced_step",
            summary="a regularised greedy step, with one curvature learned from the feedback",
            source="R-OBD (Goel et al., NeurIPS 2019) with a learned, isotropic hitting cost",
            load="jaxsoco_seasons.balanced:balanced_step",
            params=BalancedParams,
            problems=("quadratic_tracking",),
        ),
        AlgorithmEntry(
            name="foresighted_step",
            summary="the optimal plan for that curvature and the steps in the window",
            source="examples/plugin; the Euler-Lagrange equation of the two costs",
            load="jaxsoco_seasons.foresighted:foresighted_step",
            params=ForesightedParams,
            problems=("seasonal_tracking",),
        ),
    ),
    comparators=(
        ComparatorEntry(
            name="fixed_point",
            summary="the best point at which to stay, in hindsight, up to each checkpoint",
            source="examples/plugin; the normal equations",
            load="jaxsoco_seasons.fixed:fixed_point",
            # A comparator replays the nature of one problem: it is for no other.
            problems=("seasonal_tracking",),
        ),
    ),
)

# --- multistage -----------------------------------------------------------------------------------


@settings
class FollowLeaderParams:
    """How often a node does not follow: ``p = epsilon / K_i + (1 - epsilon) [leader]``."""

    epsilon: float = setting(
        "share of jobs that a node sends to any child", default=0.1, above=0, high=1
    )


MULTISTAGE = Extension(
    family="multistage",
    algorithms=(
        AlgorithmEntry(
            name="follow_leader",
            summary="every node sends jobs to the child of least estimated cost, or explores",
            source="examples/plugin; epsilon-greedy follow-the-leader",
            load="jaxsoco_seasons.leader:follow_leader",
            params=FollowLeaderParams,
            differentiable=False,
        ),
    ),
)

EXTENSIONS = [TRACKING, MULTISTAGE]
