"""Parameters of the family's learners. No JAX.

``d`` is the dimension, ``r`` the rank, ``T`` the horizon, ``y`` a deviation from the minimiser.
Sections and algorithms are those of Bhuyan, Mukherjee, Wierman, "SCaLE: switching cost aware
learning and exploration", arXiv 2601.09042.
"""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.settings import setting, settings


@settings
class SensingParams:
    """How much to explore: ``y_t = gamma z_t``, ``z_t ~ N(0, I)``, in rounds ``1 .. T0``.

    ``T0 = ceil(exploration rank d)`` and ``gamma^2 = gain (noise_cap / floor) T^exponent``, with
    ``exponent = 1/2`` at full rank and ``2/3`` below.
    """

    exploration: float | None = setting(
        "c in T0 = ceil(c rank dimension) exploring rounds",
        default=None,
        above=0,
        high=1000,
        static=True,
        theory="2 at full rank, 4 below",
    )
    rounds: int | None = setting(
        "number of exploring rounds T0, set directly",
        default=None,
        low=0,
        high=1_000_000,
        static=True,
        theory="ceil(exploration rank dimension)",
    )
    gain: float = setting(
        "g0 in gamma^2 = g0 (noise_cap / floor) T^exponent", default=0.15, above=0, high=1e4
    )
    exponent: float | None = setting(
        "growth of gamma^2 with the horizon",
        default=None,
        low=0,
        high=2,
        theory="1/2 at full rank, 2/3 below",
    )
    gamma: float | None = setting(
        "standard deviation of the exploration, set directly",
        default=None,
        above=0,
        high=1e6,
        theory="sqrt(gain (noise_cap / floor) T^exponent)",
    )
    noise_cap: float | None = setting(
        "noise cap that the learner assumes",
        default=None,
        low=0,
        high=1e6,
        theory="the problem's",
    )
    floor: float | None = setting(
        "lower bound on the positive eigenvalues that the learner assumes",
        default=None,
        low=1e-9,
        high=1e6,
        theory="the problem's",
    )
    rank: int | None = setting(
        "rank that the learner assumes",
        default=None,
        low=1,
        high=64,
        static=True,
        theory="the problem's",
    )


@settings
class StepParams:
    """How an estimate ``M`` learns: ``M <- P(M - s r y y')``, ``r = 1/2 y' M y - f``.

    ``P`` projects onto the positive semidefinite matrices. ``s`` is ``learning_rate`` for raw
    steps, stable only for ``learning_rate |y|^4 < 4``, and ``2 learning_rate / (|y|^4 + 1)`` for
    normalized ones.
    """

    learning_rate: float = setting(
        "step size of the projected gradient", default=1e-3, low=0, high=1000
    )
    step: Literal["raw", "normalized"] = setting(
        "raw steps, or steps divided by |y|^4 + 1, which stay stable under large deviations",
        default="raw",
    )
    sweeps: int = setting(
        "Jacobi sweeps per round that update the estimate's eigenbasis",
        default=3,
        low=1,
        high=20,
        static=True,
    )


@settings
class SCaLEParams(SensingParams):
    """How much SCaLE explores: :class:`SensingParams`.

    >>> from jaxsoco.tracking import SCaLEParams, scale
    >>> jaxsoco.resolve(problem, scale, SCaLEParams(exploration=1.5)).rounds  # 1.5 rank dimension
    14
    """


@settings
class HySCaLEParams(StepParams, SensingParams):
    """How much HySCaLE explores, :class:`SensingParams`, and how it learns, :class:`StepParams`.

    >>> from jaxsoco.tracking import HySCaLEParams
    >>> HySCaLEParams(gain=0.2, step="normalized", learning_rate=0.1).step
    'normalized'
    """


@settings
class GradientParams(StepParams):
    """How a learner that never explores learns, :class:`StepParams`, from ``initial I`` on.

    >>> from jaxsoco.tracking import GradientParams
    >>> GradientParams(initial=2.0).learning_rate
    0.001
    """

    initial: float = setting(
        "initial estimate, as a multiple of the identity", default=1.0, low=0, high=1e6
    )


@settings
class LAIParams:
    """LAI has nothing to tune: it knows the matrix.

    >>> jaxsoco.learner("tracking/lai")[1]
    LAIParams()
    """


@settings
class FollowParams:
    """Following the minimiser has nothing to tune.

    >>> jaxsoco.learner("tracking/follow_minimizer")[1]
    FollowParams()
    """
