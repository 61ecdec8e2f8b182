"""Settings of the family's problems. No JAX.

``d`` is the dimension, ``r`` the rank, ``T`` the horizon, ``y`` a deviation from the minimiser.
Sections and algorithms are those of Bhuyan, Mukherjee, Wierman, "SCaLE: switching cost aware
learning and exploration", arXiv 2601.09042.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.settings import Rounds, setting, settings

NoiseKind = Literal["uniform", "adversarial"]
Part = Literal["all", "exploration", "exploitation", "eigenvalues", "eigenbasis"]
Increments = Literal["gaussian", "correlated", "laplace", "cauchy"]

# --- problems: groups of settings -----------------------------------------------------------------


@settings
class HittingCost(Rounds):
    """The hidden quadratic ``1/2 (x - v)' A (x - v)``, and what learners may know of it.

    ``A = Q diag(l_1 .. l_d) Q'``: ``r`` eigenvalues in geometric progression from
    ``smallest_eigenvalue`` to ``largest_eigenvalue`` and ``d - r`` zeros, ``Q`` uniform over the
    orthogonal matrices; or the matrix of a file, or of a model with the largest eigenvalue given.
    """

    dimension: int = setting("coordinates of the decision", default=5, low=1, high=64, static=True)
    rank: int | None = setting(
        "positive eigenvalues of the hitting cost, geometrically spaced",
        default=None,
        low=1,
        high=64,
        static=True,
        theory="dimension; that of the matrix where one is given",
        aliases=("full",),
    )
    smallest_eigenvalue: float = setting(
        "smallest positive eigenvalue", default=0.5, low=1e-9, high=1e6
    )
    largest_eigenvalue: float = setting("largest eigenvalue", default=8.0, low=1e-9, high=1e6)
    matrix_seed: int = setting(
        "seed of the random eigenvectors", default=0, low=0, static=True, role="seed"
    )
    matrix: Path | Literal["random", "zonal_airflow", "wake_steering"] = setting(
        "your own matrix (.npy, .csv) in place of dimension, eigenvalues and seed, or an "
        "application's model",
        default="random",
    )
    floor: float | None = setting(
        "lower bound on the positive eigenvalues, known to learners",
        default=None,
        low=1e-9,
        high=1e6,
        theory="the smallest positive eigenvalue",
        aliases=("smallest",),
    )
    noise_cap: float = setting(
        "bound on the absolute feedback noise, known to learners", default=0.1, above=0, high=1e6
    )


@settings
class Noise:
    """Noise ``eta`` of the feedback ``1/2 y' A y + eta``, ``|eta| <= noise_cap``.

    Adversarial: ``eta = noise_cap sign(tr(A) |y|^2 / d - y' A y)``, which makes every direction
    look alike.
    """

    noise: NoiseKind = setting(
        "feedback noise: uniform, or at the cap with the sign that best hides the matrix",
        default="uniform",
    )


@settings
class Walk:
    """Increments ``delta_t = v_t - v_(t-1)`` of the minimiser, ``increment_scale`` times:

    - gaussian: ``N(0, I)``,
    - correlated: ``s_t L xi``, ``(L L')_ij = correlation^|i - j|``, ``s_t^2 = 1 + 0.5 sin(2 pi t /
      200)``, ``xi`` gaussian,
    - laplace: independent coordinates of variance 1,
    - cauchy: independent coordinates of scale 0.3.
    """

    increments: Increments = setting(
        "distribution of the minimiser's steps; Cauchy steps have no mean", default="gaussian"
    )
    increment_scale: float = setting(
        "factor on the steps (whose standard deviation is 1; Cauchy: scale 0.3)",
        default=1.0,
        above=0,
        high=1000,
    )
    correlation: float = setting(
        "correlation of neighbouring coordinates, for correlated increments",
        default=0.7,
        low=0,
        high=0.999,
    )


# --- problems -------------------------------------------------------------------------------------


@settings
class QuadraticTracking(Walk, Noise, HittingCost):
    """Track the walking minimiser ``v_t`` of a hidden quadratic, observed through its noisy value.

    Cost of a round: ``1/2 (x_t - v_t)' A (x_t - v_t) + 1/2 |x_t - x_(t-1)|^2``; feedback: the first
    term, with noise. The run begins at the minimiser.

    >>> from jaxsoco.tracking import QuadraticTracking
    >>> QuadraticTracking(horizon=2000, dimension=3).increments
    'gaussian'
    >>> jaxsoco.make("tracking/quadratic_tracking", horizon=2000, dimension=3).settings.rank
    3
    """


@settings
class ExpectedTracking(Walk, HittingCost):
    """:class:`QuadraticTracking` with uniform noise, averaged over the walk in closed form.

    >>> from jaxsoco.tracking import ExpectedTracking
    >>> ExpectedTracking(horizon=100_000).increments
    'gaussian'
    >>> jaxsoco.make("tracking/expected_tracking", horizon=100_000).horizon  # two stages
    2
    """

    part: Part = setting(
        "what is charged: all rounds, those of the exploration or of the exploitation, or an "
        "exploitation whose estimate errs in its eigenvalues or its eigenbasis alone",
        default="all",
    )
