"""Parameters of the family's learners. No JAX."""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.settings import setting, settings

_JUMPS = "plans jump where the best policy changes, and are constant or drawn in between"
_DRAWN = "it moves the draws of actions, which are not differentiated"


@settings
class Confidence:
    """How wide the sets of transitions are that a learner holds possible."""

    conf_scale: float = setting(
        "factor on the confidence radius; 1 is the paper's",
        default=1.0,
        above=0,
        high=1000,
        gradient="no",
        reason=_JUMPS,
    )
    delta: float = setting(
        "probability that a confidence set fails",
        default=0.05,
        above=0,
        high=1,
        gradient="no",
        reason=_JUMPS,
    )
    confidence_episodes: int | None = setting(
        "number of episodes K in the logarithm of the radius",
        default=None,
        low=1,
        high=1_000_000_000,
        theory="the horizon",
        aliases=("horizon",),
    )
    counts: Literal["per-slot", "pooled"] = setting(
        "whether transitions are counted per slot or pooled (where all slots are alike)",
        default="per-slot",
    )


@settings
class Planning(Confidence):
    """The constants of BALDE; every default is the paper's.

    The radius of a transition that has the empirical probability ``p`` after ``n`` visits is
    ``conf_scale (sqrt(4 p (1 - p) L' / n) + 14 L' / (3 n))`` with ``L' = log(2 S A T K / delta)``
    and ``K = confidence_episodes`` (equation (15)). With ``conf_scale = 1`` budgets are safe in
    theory, and far more episodes are needed than most experiments have.
    """

    warm_up: int | None = setting(
        "initial episodes, played with the baseline (K0)",
        default=None,
        low=0,
        high=1_000_000_000,
        theory="S^2 A T^4 / gamma^2",
        aliases=("theory",),
    )
    remaining: bool = setting(
        "whether the bonus counts only the remaining slots instead of all", default=False
    )
    tv_cap: bool = setting("whether the summed radius is capped at 1", default=False)
    costs: Literal["known", "estimated"] = setting(
        "whether consumption is known, or estimated from observations", default="known"
    )
    losses: Literal["known", "estimated"] = setting(
        "whether the loss is known, or estimated from observations", default="known"
    )
    latency_slope: Literal["multiplier", "difference", "total-difference"] = setting(
        "slope of the latency in the budget: the plan's multiplier, or a difference quotient of "
        "its value, with the bonus held or moving with the budget",
        default="multiplier",
    )
    spacing: float = setting(
        "half the distance of the budgets of a difference quotient, relative to b_k - b_base",
        default=0.01,
        low=1e-6,
        high=0.5,
        gradient="no",
        reason=_JUMPS,
    )
    resolve: Literal["every", "growth"] = setting(
        "replan every episode, or whenever their number has grown by the fraction growth",
        default="every",
    )
    growth: float = setting(
        "growth in episodes between plans, for resolve = growth",
        default=0.02,
        above=0,
        high=1000,
        gradient="no",
        reason=_JUMPS,
    )


@settings
class Steps:
    """Steps of a budget that descends."""

    step: float | None = setting(
        "c in the steps c / (k - K0) of the budget, in budget per slope",
        default=None,
        above=0,
        high=1_000_000,
        theory="1 / theta_g, the inverse of the service costs' strong convexity",
        gradient="no",
        reason=_JUMPS,
    )


@settings
class BLOLParams(Steps, Planning):
    """The constants of BLOL and BALDE; every default is the paper's.

    >>> from jaxsoco.provisioning import BLOLParams
    >>> BLOLParams(conf_scale=0.01, warm_up=50).delta
    0.05
    """


@settings
class Frozen:
    """One budget for all episodes."""

    budget: float = setting(
        "the fixed budget, raised to budget_low if it is below",
        default=4.0,
        low=0,
        high=1000,
        gradient="no",
        reason=_JUMPS,
    )


@settings
class FixedBudgetParams(Planning, Frozen):
    """BALDE's constants, and the budget ``b_k = clip(budget, budget_low, budget_high)``.

    >>> from jaxsoco.provisioning import FixedBudgetParams
    >>> FixedBudgetParams(budget=5.0).conf_scale
    1.0
    """


@settings
class OracleParams:
    """How long BLOL that knows the transitions plays the baseline.

    >>> jaxsoco.provisioning.OracleParams(warm_up=10)
    OracleParams(warm_up=10)
    """

    warm_up: int = setting(
        "initial episodes, played with the baseline (K0)", default=0, low=0, high=1_000_000_000
    )


@settings
class BlindRateParams:
    """Nothing to tune.

    >>> jaxsoco.learner("provisioning/blind_rate")[1]
    BlindRateParams()
    """


@settings
class Exploration:
    """How often Q-learning draws an action at random."""

    exploration: float = setting(
        "probability of a random action",
        default=0.1,
        low=0,
        high=1,
        gradient="biased",
        reason=_DRAWN,
    )


@settings
class OcoQParams(Exploration):
    """Epsilon-greedy Q-learning.

    >>> jaxsoco.provisioning.OcoQParams(exploration=0.2)
    OcoQParams(exploration=0.2)
    """
