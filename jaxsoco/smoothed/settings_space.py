"""Parameters and entries of the learners in ``d`` dimensions that see costs one by one. No JAX."""

from __future__ import annotations

from typing import Any

from jaxsoco.core.schema import AlgorithmEntry, Guarantee
from jaxsoco.core.settings import setting, settings
from jaxsoco.smoothed.theory import ratios


@settings
class Convexity:
    """How convex hitting costs are, which the theory's parameters depend on."""

    convexity: float | None = setting(
        "strong convexity of the hitting costs that the learner assumes",
        default=None,
        above=0,
        high=1e12,
        theory="the smallest curvature seen so far, of quadratic costs",
    )


@settings
class BalancedParams(Convexity):
    """The balanced learner's weight of moving.

    >>> jaxsoco.learner("smoothed/balanced", convexity=0.5)[1].gamma is None  # as the theory says
    True
    """

    gamma: float | None = setting(
        "weight of moving, beside that of the movement cost",
        default=None,
        above=0,
        high=1e12,
        theory="sqrt(g) / (1 + sqrt(g)), g = convexity / weight",
    )


@settings
class OBDParams:
    """The level of online balanced descent.

    >>> float(jaxsoco.learner("smoothed/obd", level=0.5)[1].level)
    0.5
    """

    level: float = setting("hitting cost that no round exceeds", default=1.0, low=-1e12, high=1e12)


@settings
class PrimalParams:
    """The balance of primal online balanced descent.

    >>> jaxsoco.learner("smoothed/obd_primal", ratio=0.7)[1].squared
    False
    """

    ratio: float = setting("movement over hitting cost", default=0.5, low=0, high=1e9)
    squared: bool = setting(
        "whether 1/2 |x - y|^2 is balanced where movement is a norm", default=False, static=True
    )


@settings
class DualParams:
    """The step of dual online balanced descent.

    >>> float(jaxsoco.learner("smoothed/obd_dual", eta=0.25)[1].eta)
    0.25
    """

    eta: float = setting("length of the implicit step", default=1.0, above=0, high=1e9)


@settings
class GOBDParams(Convexity):
    """The balance and the greed of greedy online balanced descent.

    >>> float(jaxsoco.learner("smoothed/gobd")[1].mu)
    1.0
    """

    mu: float = setting("greed: the share mu sqrt(m) of the way on", default=1.0, low=0, high=1e9)
    gamma: float = setting("movement over hitting cost", default=1.0, low=0, high=1e9)


@settings
class ROBDParams(Convexity):
    """The regularisers of R-OBD.

    >>> float(jaxsoco.learner("smoothed/robd", lambda2=0.0)[1].lambda2)
    0.0
    """

    lambda1: float | None = setting(
        "weight of the way from the last decision",
        default=None,
        above=0,
        high=1e12,
        theory="1; (m + lambda2 b) / (m r) beside a given lambda2",
    )
    lambda2: float | None = setting(
        "weight of the way to the minimiser",
        default=None,
        low=0,
        high=1e12,
        theory="m (r - 1) / b, r = (1 + sqrt(1 + 4 b^2 / (a m))) / 2; 0 with the entropy",
    )


@settings
class SlopeParams:
    """What learners that go by slopes assume of the costs."""

    diameter: float | None = setting(
        "diameter D of the set of decisions",
        default=None,
        above=0,
        high=1e12,
        theory="that of the box, the ball or the simplex; 1 where there is none",
    )
    lipschitz: float = setting("bound G on the slopes |grad f|", default=1.0, above=0, high=1e12)


@settings
class OGDParams(SlopeParams):
    """The step of online gradient descent.

    >>> float(jaxsoco.learner("smoothed/ogd", step=0.125)[1].step)
    0.125
    """

    step: float | None = setting(
        "step of every round", default=None, low=0, high=1e12, theory="D / (G sqrt(t)) in round t"
    )


@settings
class AderParams(SlopeParams):
    """What Ader assumes of costs and movement.

    >>> float(jaxsoco.learner("smoothed/ader", diameter=2.0)[1].lipschitz)
    1.0
    """

    switching: float | None = setting(
        "price beta of a unit of |x - y|_2",
        default=None,
        low=0,
        high=1e12,
        theory="the movement's, at most; its weight, where it is no norm",
    )


# --- what is promised -----------------------------------------------------------------------------


def _is_blurred(problem: dict[str, Any]) -> bool:
    """Whether learners do not see the round's own cost as it is."""
    return problem["information"] == "noisy" and problem["forecast_present"] == "noisy"


def _strongly_convex(problem: dict[str, Any]) -> float | None:
    """``m`` of costs whose movement has weight 1, or None where they are none such."""
    if _is_blurred(problem):
        return None
    if "m" in problem:
        return problem["m"]
    if problem["movement"] != "squared" or problem["cost"] != "quadratic":
        return None
    return problem["curvature"] / problem["weight"] if problem["weight"] > 0 else None


def _robd(problem: dict[str, Any], learner: dict[str, Any]) -> float | None:
    m, assumed = _strongly_convex(problem), learner["convexity"]
    if m is None:
        return None
    told = m if assumed == "auto" else assumed / problem.get("weight", 1.0)
    first, second = learner["lambda1"], learner["lambda2"]
    if second == "auto":
        usual = ratios.robd_weights(told)
        first, second = usual[0] if first == "auto" else first, usual[1]
    elif first == "auto":
        first = ratios.robd_first_weight(told, second)
    return ratios.robd_ratio(m, first, second)


def _balanced(problem: dict[str, Any], learner: dict[str, Any]) -> float | None:
    m, weight = _strongly_convex(problem), problem.get("weight", 1.0)
    if m is None:
        return None
    gamma, assumed = learner["gamma"], learner["convexity"]
    if gamma == "auto":
        gamma = ratios.balanced_weight(m if assumed == "auto" else assumed / weight)
    return ratios.robd_ratio(m, gamma, 0.0)


def _primal(problem: dict[str, Any], learner: dict[str, Any]) -> float | None:
    kinds = problem["movement"], problem["cost"], learner["squared"]
    if kinds != ("l2", "norm", False) or _is_blurred(problem):
        return None
    if problem["weight"] <= 0 or learner["ratio"] <= 0:
        return None
    return ratios.polyhedral_ratio(problem["curvature"] / problem["weight"], learner["ratio"])


def _against_optimum(ratio: Any, *problems: str) -> tuple[Guarantee, ...]:
    return tuple(Guarantee(name, "offline_optimum", ratio) for name in problems)


# --- entries --------------------------------------------------------------------------------------

_HERE = "jaxsoco.smoothed.learners"
_CURVED = ("walk", "recorded", "strong_lower_bound")

ALGORITHMS = (
    AlgorithmEntry(
        name="balanced",
        summary="weighs the hitting cost against the squared move",
        source="Zhang et al. 2021, section 3",
        load=f"{_HERE}.balanced:balanced",
        params=BalancedParams,
        problems=_CURVED,
        guarantees=_against_optimum(_balanced, "walk", "strong_lower_bound"),
        information="the round's cost and its convexity m",
        promise="competitive ratio 1 + 1/sqrt(m) for m-strongly convex costs and squared movement",
    ),
    AlgorithmEntry(
        name="obd",
        summary="moves onto a fixed level of the hitting cost (online balanced descent)",
        source="Chen, Goel, Wierman 2018, algorithm 1",
        load=f"{_HERE}.obd:obd",
        params=OBDParams,
        information="the round's cost; a level",
        promise="none for a fixed level",
    ),
    AlgorithmEntry(
        name="obd_primal",
        summary="moves until movement balances the hitting cost (P-OBD)",
        source="Chen, Goel, Wierman 2018, algorithm 2",
        load=f"{_HERE}.obd_primal:obd_primal",
        params=PrimalParams,
        guarantees=_against_optimum(_primal, "walk"),
        information="the round's cost",
        promise="competitive ratio 3 + 8/alpha for alpha-polyhedral costs and l2 movement, at "
        "ratio = (alpha + 4) / (2 alpha + 4)",
    ),
    AlgorithmEntry(
        name="obd_dual",
        summary="implicit mirror steps of constant length (D-OBD)",
        source="Chen, Goel, Wierman 2018, algorithm 3",
        load=f"{_HERE}.obd_dual:obd_dual",
        params=DualParams,
        information="the round's cost; a step, by horizon and length of the path",
        promise="regret at most G L / eta + T eta / 2 against paths of length L, G a bound on |x|",
    ),
    AlgorithmEntry(
        name="gobd",
        summary="a balanced step, then greedily towards the minimiser (G-OBD)",
        source="Goel et al. 2019, algorithm 1",
        load=f"{_HERE}.gobd:gobd",
        params=GOBDParams,
        problems=_CURVED,
        information="the round's cost, its minimiser and its convexity m",
        promise="competitive ratio O(1/sqrt(m)) for m-strongly convex costs and squared movement",
    ),
    AlgorithmEntry(
        name="robd",
        summary="regularised towards the last decision and the minimiser (R-OBD), of least ratio",
        source="Goel et al. 2019, algorithm 2",
        load=f"{_HERE}.robd:robd",
        params=ROBDParams,
        problems=_CURVED,
        guarantees=_against_optimum(_robd, "walk", "strong_lower_bound"),
        information="the round's cost, its minimiser and its convexity m",
        promise="competitive ratio (1 + sqrt(1 + 4/m)) / 2 for m-strongly convex costs and squared "
        "movement, the least possible",
    ),
    AlgorithmEntry(
        name="ogd",
        summary="projected gradient steps, after the cost is seen (online gradient descent)",
        source="Zinkevich 2003",
        load=f"{_HERE}.ogd:ogd",
        params=OGDParams,
        information="the slope of the last round's cost; diameter, bound on slopes",
        promise="regret at most sqrt(T) (3/2 G D + G P + 2 beta D) against paths of length P",
    ),
    AlgorithmEntry(
        name="ader",
        summary="gradient descent with many steps at once, under Hedge with movement costs",
        source="Zhang et al. 2018, 2021; Zhao, Wang, Zhou 2022",
        load=f"{_HERE}.ader:ader",
        params=AderParams,
        information="the slope of the last round's cost; horizon, diameter, bound on slopes",
        promise="regret of order sqrt(T (1 + P)) against paths of any length P",
    ),
)
