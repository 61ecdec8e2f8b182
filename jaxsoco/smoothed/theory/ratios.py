"""What theorems promise of the learners in ``d`` dimensions, and the constants they are run with.

No JAX: ``**`` and products only, so that every formula takes numbers as well as arrays. With
movement ``kappa / 2 |x - y|^2``, a hitting cost that is ``m``-strongly convex counts as one of
``m / kappa``: dividing all costs by ``kappa`` changes no decision.
"""

from __future__ import annotations

from math import log
from typing import Any

Number = Any
"""A number or an array ``[...]``."""


# --- squared movement ---------------------------------------------------------------------------


def strong_ratio(m: Number, a: Number = 1.0, b: Number = 1.0) -> Number:
    """``r = (1 + sqrt(1 + 4 b^2 / (a m))) / 2``, the least ratio where ``a = b = 1``.

    Of ``m``-strongly convex costs, with movement ``D_h`` of an ``a``-convex, ``b``-smooth ``h``
    (Goel, Lin, Sun, Wierman, NeurIPS 2019, theorems 1 and 4).

    >>> from jaxsoco.smoothed.theory.ratios import strong_ratio
    >>> [round(strong_ratio(m), 4) for m in (0.01, 0.1, 1.0)]
    [10.5125, 3.7016, 1.618]
    """
    return (1 + (1 + 4 * b**2 / (a * m)) ** 0.5) / 2


def robd_weights(m: Number, a: Number = 1.0, b: Number = 1.0) -> tuple[Number, Number]:
    """``(lambda1, lambda2)`` of R-OBD with the least ratio: ``1`` and ``m (r - 1) / b``.

    All pairs with ``m + lambda2 b = lambda1 m r`` have it, and ``(1 / r, 0)`` as well.

    >>> from jaxsoco.smoothed.theory.ratios import robd_weights
    >>> [round(x, 4) for x in robd_weights(0.1)]
    [1.0, 0.2702]
    """
    ratio = strong_ratio(m, a, b)
    return ratio / ratio, m * (ratio - 1) / b


def robd_first_weight(m: Number, lambda2: Number, a: Number = 1.0, b: Number = 1.0) -> Number:
    """``lambda1`` that has the least ratio beside a given ``lambda2``.

    >>> from jaxsoco.smoothed.theory.ratios import robd_first_weight, strong_ratio
    >>> round(robd_first_weight(0.1, 0.0) * strong_ratio(0.1), 12)
    1.0
    """
    return (m + lambda2 * b) / (m * strong_ratio(m, a, b))


def robd_ratio(m: float, lambda1: float, lambda2: float, a: float = 1.0, b: float = 1.0) -> float:
    """``max((m + lambda2 b) / (lambda1 m), 1 + b^2 lambda1 / (a (lambda2 b + m)))``.

    The ratio of R-OBD with any weights (as there, theorem 3).

    >>> from jaxsoco.smoothed.theory.ratios import robd_ratio, robd_weights, strong_ratio
    >>> abs(robd_ratio(0.1, *robd_weights(0.1)) - strong_ratio(0.1)) < 1e-12
    True
    """
    pull = m + lambda2 * b
    return max(pull / (lambda1 * m), 1 + b**2 * lambda1 / (a * pull))


def balanced_weight(growth: Number) -> Number:
    """``gamma = sqrt(growth) / (1 + sqrt(growth))`` of the balanced learner.

    >>> from jaxsoco.smoothed.theory.ratios import balanced_weight
    >>> balanced_weight(1.0)
    0.5
    """
    return growth**0.5 / (1 + growth**0.5)


def balanced_ratio(growth: Number, *, strongly_convex: bool = False) -> Number:
    """``1 + 2 / sqrt(growth)`` where ``f(x) >= f(v) + growth / 2 |x - v|^2``.

    Zhang et al. 2021. ``1 + 1 / sqrt(growth)`` if ``f`` is strongly convex: it is then R-OBD with
    ``lambda1 = gamma`` and ``lambda2 = 0``.

    >>> from jaxsoco.smoothed.theory.ratios import balanced_ratio
    >>> balanced_ratio(0.25), balanced_ratio(0.25, strongly_convex=True)
    (5.0, 3.0)
    """
    return 1 + (1 if strongly_convex else 2) / growth**0.5


def gradient_rate(smoothness: Number, convexity: Number, kappa: Number) -> tuple[Number, Number]:
    """``(1 / (l + 4 kappa), (sqrt(Q) - 1) / (sqrt(Q) + 1))``: step and momentum over a horizon.

    ``sum f_t + kappa / 2 |x_t - x_{t-1}|^2`` is ``l + 4 kappa``-smooth if ``f_t`` is ``l``-smooth,
    and ``Q = (l + 4 kappa) / alpha`` its condition number (Li, Qu, Li 2018).

    >>> from jaxsoco.smoothed.theory.ratios import gradient_rate
    >>> gradient_rate(5.0, 1.0, 1.0)[1]
    0.5
    """
    root = ((smoothness + 4 * kappa) / convexity) ** 0.5
    return 1 / (smoothness + 4 * kappa), (root - 1) / (root + 1)


# --- movement that costs a norm -----------------------------------------------------------------


def polyhedral_ratio(alpha: float, ratio: float) -> float:
    """``max(k, 1 + b + k b)`` of P-OBD with ``b = ratio`` on costs that grow by ``alpha |x - v|``.

    ``k = (1 + b) / (sqrt(4 / alpha^2 + b^2) - 2 / alpha)``, from the potential ``k |x_t - x_t*|``;
    the algorithm is that of Chen, Goel, Wierman, COLT 2018.

    >>> from jaxsoco.smoothed.theory.ratios import polyhedral_balance, polyhedral_ratio
    >>> polyhedral_ratio(2.0, polyhedral_balance(2.0)) <= 3 + 8 / 2.0
    True
    """
    rate = (1 + ratio) / ((4 / alpha**2 + ratio**2) ** 0.5 - 2 / alpha)
    return max(rate, 1 + ratio + rate * ratio)


def polyhedral_balance(alpha: Number) -> Number:
    """``b = (alpha + 4) / (2 alpha + 4)``, with which P-OBD's ratio is at most ``3 + 8 / alpha``.

    >>> from jaxsoco.smoothed.theory.ratios import polyhedral_balance
    >>> polyhedral_balance(4.0)
    0.6666666666666666
    """
    return (alpha + 4) / (2 * alpha + 4)


def horizon_ratio(movement: float, growth: float, window: int) -> float:
    """``1 + movement / ((window + 1) growth)`` where ``f_t(x) >= growth x`` and ups cost.

    AFHC, and RHC in one dimension (Lin, Liu, Wierman, Andrew 2012). In ``d`` dimensions the largest
    over the coordinates; RHC has there the ratio with ``window = 0``.

    >>> from jaxsoco.smoothed.theory.ratios import horizon_ratio
    >>> horizon_ratio(6.0, 1.0, window=2)
    3.0
    """
    return 1 + movement / ((window + 1) * growth)


def descent_regret(steepness: float, length: float, eta: float, rounds: int) -> float:
    """``G L / eta + T eta / 2``: D-OBD's regret against paths of a length of at most ``L``.

    ``G`` bounds ``|grad h| = |x|`` (Chen, Goel, Wierman 2018, with ``h = |x|^2 / 2``).

    >>> from jaxsoco.smoothed.theory.ratios import descent_regret
    >>> descent_regret(1.0, 2.0, eta=0.5, rounds=8)
    6.0
    """
    return steepness * length / eta + rounds * eta / 2


# --- gradients after the fact -------------------------------------------------------------------


def ogd_regret(
    diameter: float, steepness: float, movement: float, length: float, rounds: int
) -> float:
    """Of gradient steps ``D / (G sqrt(t))``: ``sqrt(T) ((3/2) G D + G P_T + 2 beta D)``.

    Against every path of length ``P_T``, the learner's movement included; the comparator's own is
    not. Zinkevich 2003 with decreasing steps; a step moves by at most ``G eta_t``.

    >>> from jaxsoco.smoothed.theory.ratios import ogd_regret
    >>> ogd_regret(2.0, 1.0, 1.0, length=0.0, rounds=100)
    70.0
    """
    per_round = 1.5 * steepness * diameter + steepness * length + 2 * movement * diameter
    return rounds**0.5 * per_round


def ader_steps(diameter: Any, steepness: Any, movement: Any, rounds: int) -> list[Any]:
    """Steps of Ader's experts: ``2^(i-1) D / sqrt(G (beta + G) T)``, until past the largest.

    The largest that any comparator asks for is ``sqrt(1 + 2 T)`` times the smallest, so that there
    are about ``log2(T) / 2 + 2`` experts (Zhao, Wang, Zhou 2022).

    >>> from jaxsoco.smoothed.theory.ratios import ader_steps
    >>> ader_steps(2.0, 1.0, 0.0, rounds=4)
    [1.0, 2.0, 4.0]
    """
    least = diameter / (steepness * (movement + steepness) * rounds) ** 0.5
    count = 1
    while 4 ** (count - 1) < 1 + 2 * rounds:
        count += 1
    return [2**i * least for i in range(count)]


def ader_regret(
    diameter: float, steepness: float, movement: float, length: float, rounds: int
) -> float:
    """A bound on Ader's regret against every path of length ``P_T``, its own movement included.

    The best expert's ``(D^2 + 2 D P_T) / (2 eta) + eta (G^2 / 2 + beta G) T``, and of Hedge with
    losses in a range of ``M = (G + beta) D`` and rates ``e_t``: ``ln(1 / p_i) / e_T + M^2 / 8 sum
    e_t`` and, as its weights move by at most ``3/4 M e_t``, ``3/4 beta D M sum e_t``. It is
    ``O(sqrt(T (1 + P_T)))``.

    >>> from jaxsoco.smoothed.theory.ratios import ader_regret
    >>> short, long = (ader_regret(2.0, 1.0, 1.0, 0.0, rounds) for rounds in (100, 10_000))
    >>> long / short < 11
    True
    """
    D, G, beta, T = diameter, steepness, movement, rounds
    spread = (G + beta) * D
    rates = [hedge_rate(D, G, beta, t) for t in range(1, T + 1)]
    steps = ader_steps(D, G, beta, T)
    shared = (spread**2 / 8 + 0.75 * beta * D * spread) * sum(rates)

    def through(i: int, step: float) -> float:
        # Weights 1 / (i (i + 1)) add up to less than 1: scaled, every expert has more.
        own = (D**2 + 2 * D * length) / (2 * step) + step * (G**2 / 2 + beta * G) * T
        return own + _log_prior(i) / rates[-1]

    return shared + min(through(i, step) for i, step in enumerate(steps, 1))


def _log_prior(i: int) -> float:
    """``ln(i (i + 1))``, what the ``i``-th expert's first weight costs."""
    return log(i * (i + 1))


def hedge_rate(diameter: Number, steepness: Number, movement: Number, round: Number) -> Number:
    """``sqrt(2 / ((2 beta + G) (beta + G) D^2 (t + 1)))``, of Hedge over Ader's experts.

    >>> from jaxsoco.smoothed.theory.ratios import hedge_rate
    >>> hedge_rate(1.0, 1.0, 0.0, round=1)
    1.0
    """
    scale = (2 * movement + steepness) * (movement + steepness) * diameter**2
    return (2 / (scale * (round + 1))) ** 0.5


# --- advice -------------------------------------------------------------------------------------


def combine_ratio(gamma: float) -> float:
    """``2 gamma^2 / (gamma - 1) + 1`` times the better of two learners (Antoniadis et al. 2020).

    >>> from jaxsoco.smoothed.theory.ratios import combine_ratio
    >>> combine_ratio(2.0)
    9.0
    """
    return 2 * gamma**2 / (gamma - 1) + 1
