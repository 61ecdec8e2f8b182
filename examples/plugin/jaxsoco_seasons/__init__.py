"""A plug-in of jaxsoco: one learner and one problem for the family ``tracking``.

This module declares; it is read by ``jaxsoco list`` and ``jaxsoco check``, so it imports no JAX.
The code lies in :mod:`jaxsoco_seasons.balanced` and :mod:`jaxsoco_seasons.seasonal`.
"""

from __future__ import annotations

from jaxsoco.extend import AlgorithmEntry, Extension, ProblemEntry, Rounds, setting, settings


@settings
class BalancedParams:
    """How far a balanced step goes: ``y = weight / (weight + a) w``, ``a`` the curvature so far."""

    weight: float = setting("lambda, of moving against hitting; above 1, slower", 1.0, above=0)
    prior: float = setting("curvature that it assumes before the first round", 1.0, above=0)


@settings
class SeasonalTracking(Rounds):
    """Track a minimiser whose steps grow and shrink with the season.

    The hitting cost is ``1/2 sum_i l_i y_i^2``, with ``l`` in geometric progression.
    """

    dimension: int = setting("coordinates of the decision", 3, low=1, high=64, static=True)
    smallest_eigenvalue: float = setting("smallest eigenvalue of the hitting cost", 0.5, above=0)
    largest_eigenvalue: float = setting("largest eigenvalue of the hitting cost", 4.0, above=0)
    noise_cap: float = setting("largest absolute noise of the feedback", 0.1, above=0)
    swing: float = setting("amplitude of the season, of the steps' own size", 0.8, low=0, high=1)
    period: float = setting("rounds of a season", 24.0, low=2, unit="rounds")


EXTENSIONS = [
    Extension(
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
        ),
    )
]
