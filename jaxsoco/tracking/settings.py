"""What experiment files and Python may say of the family, and its entries. No JAX.

``d`` is the dimension, ``r`` the rank, ``T`` the horizon, ``y`` a deviation from the minimiser.
Sections and algorithms are those of Bhuyan, Mukherjee, Wierman, "SCaLE: switching cost aware
learning and exploration", arXiv 2601.09042.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, CostEntry, Family, ProblemEntry
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


# --- learners -------------------------------------------------------------------------------------


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


# --- the family -----------------------------------------------------------------------------------

_PAPER = "arXiv 2601.09042"
_WALKED, _DESIGNED = ("quadratic_tracking",), ("expected_tracking",)

FAMILY = Family(
    name="tracking",
    summary="smoothed online quadratic optimisation with bandit feedback",
    problems=(
        ProblemEntry(
            name="quadratic_tracking",
            summary="a randomly moving minimiser of an unknown quadratic, observed only through "
            "its noisy cost",
            source=f"{_PAPER}, section 2",
            prepare="jaxsoco.tracking.prepare:prepare_quadratic",
            build="jaxsoco.tracking.prepare:build_quadratic",
            settings=QuadraticTracking,
        ),
        ProblemEntry(
            name="expected_tracking",
            summary="quadratic tracking averaged over the walk, in closed form: long horizons "
            "are cheap",
            source=f"{_PAPER}, proposition 1 in exact form; docs/tracking.md",
            prepare="jaxsoco.tracking.prepare:prepare_expected",
            build="jaxsoco.tracking.prepare:build_expected",
            settings=ExpectedTracking,
        ),
    ),
    algorithms=(
        AlgorithmEntry(
            name="scale",
            summary="explores, recovers the matrix once, then exploits it",
            source=f"{_PAPER}, algorithm 1",
            load="jaxsoco.tracking.learners.scale:scale",
            params=SCaLEParams,
            problems=_WALKED,
        ),
        AlgorithmEntry(
            name="scale_design",
            summary="SCaLE's exploration and estimate, scored by exact expected costs",
            source=f"{_PAPER}, algorithm 1 and equation (4.1)",
            load="jaxsoco.tracking.learners.scale_design:scale_design",
            params=SCaLEParams,
            problems=_DESIGNED,
        ),
        AlgorithmEntry(
            name="hyscale",
            summary="SCaLE that keeps learning from the costs it incurs",
            source=f"{_PAPER}, algorithm 2",
            load="jaxsoco.tracking.learners.hyscale:hyscale",
            params=HySCaLEParams,
            problems=_WALKED,
        ),
        AlgorithmEntry(
            name="lai",
            summary="the online optimum, which knows the matrix",
            source="Bhuyan, Mukherjee, Wierman, ICML 2024",
            load="jaxsoco.tracking.learners.lai:lai",
            params=LAIParams,
            problems=_WALKED,
        ),
        AlgorithmEntry(
            name="follow_minimizer",
            summary="moves to the minimiser in every round (FTM)",
            source=f"{_PAPER}, section 4",
            load="jaxsoco.tracking.learners.follow_minimizer:follow_minimizer",
            params=FollowParams,
            problems=_WALKED,
        ),
        AlgorithmEntry(
            name="passive_learner",
            summary="learns from noisy hitting costs, never explores (POL)",
            source=f"{_PAPER}, section 4",
            load="jaxsoco.tracking.learners.passive_learner:passive_learner",
            params=GradientParams,
            problems=_WALKED,
        ),
        AlgorithmEntry(
            name="oracle_learner",
            summary="learns from exact hitting costs, never explores (OAL)",
            source=f"{_PAPER}, section 4",
            load="jaxsoco.tracking.learners.oracle_learner:oracle_learner",
            params=GradientParams,
            problems=_WALKED,
        ),
    ),
    comparators=(
        ComparatorEntry(
            name="online_optimum",
            summary="LAI with the true matrix, by an unbiased estimate of least variance",
            source=f"{_PAPER}, definition 1; docs/tracking.md",
            component="regret",
        ),
        ComparatorEntry(
            name="online_optimum_path",
            summary="LAI with the true matrix, played on the same walk",
            source=f"{_PAPER}, definition 1",
            load="jaxsoco.tracking.comparators:play_optimum",
            problems=_WALKED,
        ),
    ),
    costs=(
        CostEntry("hit", "cost", "hitting cost 1/2 (x - v)' A (x - v)"),
        CostEntry("move", "cost", "movement cost 1/2 |x_t - x_(t-1)|^2"),
        CostEntry(
            "regret",
            "cost",
            "regret against LAI, an unbiased estimate of its mean",
            objective=False,
        ),
        CostEntry(
            "lost",
            "1",
            "1 at the end of a run that has lost an eigenvalue: it no longer moves in some "
            "direction that costs",
            objective=False,
            share=True,
        ),
    ),
    measure="regret",
    compare=("online_optimum",),
)
