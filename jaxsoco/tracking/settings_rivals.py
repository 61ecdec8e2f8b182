"""Parameters and entries of learners from elsewhere. No JAX."""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.schema import AlgorithmEntry
from jaxsoco.core.settings import setting, settings
from jaxsoco.tracking.settings_learners import SensingParams

_WALKED = ("quadratic_tracking",)


@settings
class ToldParams(SensingParams):
    """Which matrix a learner is told: the true one, or what SCaLE's exploration recovers.

    With the true one nothing is explored, and the parameters of the exploration do not count.
    """

    told: Literal["true", "estimate"] = setting(
        "the matrix that it is told: the true one, or what it recovers after exploring as SCaLE "
        "does",
        default="true",
    )


@settings
class OBDParams(ToldParams):
    """The balance of online balanced descent, and the matrix.

    >>> from jaxsoco.tracking import OBDParams
    >>> OBDParams(ratio=2.0, told="estimate").told
    'estimate'
    """

    ratio: float = setting("movement over hitting cost", default=1.0, low=0, high=1e9)


@settings
class ROBDParams(ToldParams):
    """The regularisers of R-OBD, and the matrix.

    >>> from jaxsoco.tracking import ROBDParams
    >>> ROBDParams().lambda2 is None  # as the theory says
    True
    """

    lambda1: float = setting(
        "weight of the way from the last decision", default=1.0, above=0, high=1e9
    )
    lambda2: float | None = setting(
        "weight of the way to the minimiser",
        default=None,
        low=0,
        high=1e9,
        theory="(sqrt(m (m + 4)) - m) / 2, m the smallest eigenvalue of the matrix",
    )


@settings
class KalmanParams:
    """What the filter believes before the first round, and how long it remembers.

    >>> from jaxsoco.tracking import KalmanParams
    >>> KalmanParams(spread=1.0).initial
    1.0
    """

    initial: float = setting(
        "mean of the matrix before the first round, as a multiple of the identity",
        default=1.0,
        low=0,
        high=1e6,
    )
    spread: float = setting(
        "standard deviation of its eigenvalues then", default=2.0, above=0, high=1e6
    )
    noise_cap: float | None = setting(
        "noise cap that the learner assumes",
        default=None,
        low=0,
        high=1e6,
        theory="the problem's",
    )
    memory: float = setting(
        "weight of what was known before the last round; below 1 for a matrix that may drift",
        default=1.0,
        above=0,
        high=1,
    )
    sweeps: int = setting(
        "Jacobi sweeps per round that update the estimate's eigenbasis",
        default=3,
        low=1,
        high=20,
        static=True,
    )


@settings
class TwoPointParams:
    """How far apart the two points are, and how far a step goes.

    >>> from jaxsoco.tracking import TwoPointParams
    >>> TwoPointParams(radius=0.1).learning_rate
    0.05
    """

    learning_rate: float = setting("step size of the descent", default=0.05, low=0, high=1000)
    radius: float = setting(
        "distance of the two points from where it stands", default=0.2, above=0, high=1e6
    )


ENTRIES = (
    AlgorithmEntry(
        name="obd",
        summary="online balanced descent: moves until movement balances the hitting cost",
        source="Chen, Goel, Wierman, COLT 2018; Goel, Wierman, AISTATS 2019",
        load="jaxsoco.tracking.learners.obd:obd",
        params=OBDParams,
        problems=_WALKED,
        information="the matrix A, or what scale needs to estimate it",
        promise="told A: 3 + O(1/m) times the best path in hindsight for a suitable ratio, m its "
        "least eigenvalue",
    ),
    AlgorithmEntry(
        name="robd",
        summary="regularised online balanced descent, of the least ratio to the offline optimum",
        source="Goel, Lin, Sun, Wierman, NeurIPS 2019, algorithm 2",
        load="jaxsoco.tracking.learners.robd:robd",
        params=ROBDParams,
        problems=_WALKED,
        information="the matrix A, or what scale needs to estimate it",
        promise="told A: (1 + sqrt(1 + 4/m)) / 2 times the best path in hindsight, which no online "
        "algorithm betters",
    ),
    AlgorithmEntry(
        name="kalman",
        summary="filters its own noisy costs for the matrix, and plays LAI with the mean",
        source="Kalman, J. Basic Eng. 1960; Mania, Tu, Recht, NeurIPS 2019",
        load="jaxsoco.tracking.learners.kalman:kalman",
        params=KalmanParams,
        problems=_WALKED,
        information="noisy hitting costs; horizon and noise cap",
        promise="none",
    ),
    AlgorithmEntry(
        name="two_point",
        summary="zeroth-order descent on the costs at two points, without a model",
        source="Agarwal, Dekel, Xiao, COLT 2010; Shamir, JMLR 2017",
        load="jaxsoco.tracking.learners.two_point:two_point",
        params=TwoPointParams,
        problems=_WALKED,
        information="noisy hitting costs",
        promise="none against a minimiser that walks",
    ),
)
"""Of the family, after its own."""
