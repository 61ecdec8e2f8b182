"""What theory promises of learners against the adversaries, without JAX.

The same constants as :mod:`~jaxsoco.allocation.theory.pseudocost`, from their closed forms::

    eta = 1 / [W0(((D + L - U + 2 tau) / U) exp(-a)) + a],    a = (U - D - 2 tau) / U
    gamma(epsilon) = g:  g = epsilon + U / L - z(g) (U - L + D) / L,
                         z(g) = g ln((U - L - D - 2 tau) / (U - U / g - D - 2 tau))

with Lambert's W0, and gamma = eta where the root would lie below it (arXiv 2408.07831, sections 3
and 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jaxsoco.core.settings import is_auto

_STEPS = 200

Values = Mapping[str, Any]


def competitive(problem: Values, learner: Values) -> float | None:
    """PCM's ``eta``; None where it believes in other bounds than those of the job."""
    believes = learner["lower_scale"], learner["upper_scale"]
    return eta(*_bounds(problem)) if believes == (1, 1) else None


def robust(problem: Values, learner: Values) -> float:
    """ST-CLIP's ``gamma(epsilon)``."""
    return gamma(learner["epsilon"], *_bounds(problem))


def consistent(problem: Values, learner: Values) -> float:
    """``1 + epsilon`` times the cost of the advice, and ``2 tau c`` besides.

    For work in which the learner is behind the advice, the published constraint reserves the price
    ``U``, but not the switches around it. They cost at most ``2 tau c``, and vanish with ``c``.
    """
    low, high, _, tau = _bounds(problem)
    left_out = 2 * tau / problem["job_length"]
    y = low if is_auto(problem["y"]) else float(problem["y"])
    cheap = {"G_y": high, "A_y": y, "E.3": low}[problem["instance"]]
    # The advice runs m slots in a row at one price, and pays two switches of the whole job.
    paid = (cheap if problem["advice"] == "good" else high) + left_out
    return 1 + learner["epsilon"] + left_out / paid


def eta(L: float, U: float, D: float, tau: float) -> float:
    """PCM's competitive ratio."""
    from scipy.special import lambertw

    a = (U - D - 2 * tau) / U
    w = float(lambertw((D + L - U + 2 * tau) / U * math.exp(-a)).real)
    return 1 / (w + a)


def gamma(epsilon: float, L: float, U: float, D: float, tau: float) -> float:
    """ST-CLIP's robustness factor."""
    lowest, high = eta(L, U, D, tau), U / L
    if epsilon > lowest - 1 + D / L:
        return lowest

    def gap(g: float) -> float:
        z = g * math.log((U - L - D - 2 * tau) / (U - U / g - D - 2 * tau))
        return epsilon + U / L - z / L * (U - L + D) - g

    # The gap rises from eta to U / L.
    low = lowest
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if gap(middle) > 0 else (middle, high)
    return (low + high) / 2


def _bounds(problem: Values) -> tuple[float, float, float, float]:
    """``L``, ``U``, ``D`` and ``tau``."""
    low, high, move, switch = (
        float(problem[name]) for name in ("lower", "upper", "move", "switch")
    )
    return low, high, move, switch
