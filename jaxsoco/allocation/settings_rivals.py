"""Parameters and entries of learners from before, and from practice. No JAX."""

from __future__ import annotations

from jaxsoco.core.schema import AlgorithmEntry
from jaxsoco.core.settings import setting, settings

_JUMPS = "decisions jump with it, and costs are constant in between"


@settings
class Beliefs:
    """The price bounds that a learner believes in, those of the job by default."""

    lower_scale: float = setting(
        "factor on the job's lower price bound L", default=1.0, above=0, high=1
    )
    upper_scale: float = setting(
        "factor on the job's upper price bound U", default=1.0, above=0, high=1000
    )


@settings
class Trust:
    """How far a learner follows advice that may be wrong."""

    epsilon: float = setting(
        "trust in the advice: cost at most (1+epsilon) times the advice's",
        default=0.1,
        above=0,
        high=1e6,
    )


@settings
class OneWayParams(Beliefs):
    """What one-way trading believes of the prices.

    >>> from jaxsoco.allocation import OneWayParams
    >>> OneWayParams(lower_scale=0.5)
    OneWayParams(lower_scale=0.5, upper_scale=1.0)
    """


@settings
class ROROParams(Beliefs):
    """What RORO believes of the prices.

    >>> from jaxsoco.allocation import ROROParams
    >>> ROROParams(upper_scale=2.0).values()
    {'lower_scale': 1.0, 'upper_scale': 2.0}
    """


@settings
class CLIPParams(Trust):
    """How far CLIP trusts the advice.

    >>> from jaxsoco.allocation import CLIPParams
    >>> CLIPParams(epsilon=0.5)
    CLIPParams(epsilon=0.5)
    """


@settings
class RecedingHorizonParams:
    """Receding horizon control has nothing to tune: it plans up to the deadline.

    >>> jaxsoco.learner("allocation/receding_horizon")[1]
    RecedingHorizonParams()
    """


@settings
class WaitAwhileParams:
    """Whether the job may be suspended.

    >>> from jaxsoco.allocation import WaitAwhileParams
    >>> WaitAwhileParams(interrupting=False)
    WaitAwhileParams(interrupting=False)
    """

    interrupting: bool = setting(
        "whether the job runs in the J cheapest slots of the forecast, or in the cheapest J slots "
        "in a row",
        default=True,
        static=True,
    )


@settings
class FollowSunParams:
    """When to move on.

    >>> from jaxsoco.allocation import FollowSunParams
    >>> FollowSunParams(margin=0.2)
    FollowSunParams(margin=0.2)
    """

    margin: float = setting(
        "moves where a slot costs less than 1 - margin times what it costs here",
        default=0.0,
        low=0,
        high=1,
        gradient="no",
        reason=_JUMPS,
    )


_SWITCHING = "Lechowicz et al., SIGMETRICS 2024, arXiv 2310.20598"

ENTRIES = (
    AlgorithmEntry(
        "one_way",
        "buys fractions of the work at an ever lower threshold, where the job arrived",
        "El-Yaniv, Fiat, Karp, Turpin, Algorithmica 2001; Lorenz, Panagiotou, Steger 2009",
        "jaxsoco.allocation.learners.one_way:one_way",
        OneWayParams,
        information="prices where it is; price bounds L and U",
        promise="for J = 1 and without switching costs alpha times its region's optimum, which no "
        "online algorithm betters",
    ),
    AlgorithmEntry(
        "roro",
        "ramp-on ramp-off: one-way trading that knows what switching costs, in one region",
        _SWITCHING,
        "jaxsoco.allocation.learners.roro:roro",
        ROROParams,
        information="prices where it is; price bounds L and U",
        promise="for J = 1 alpha times its region's optimum, which no online algorithm betters",
    ),
    AlgorithmEntry(
        "clip",
        "RORO clipped to the timing of black-box advice, in one region",
        "Lechowicz et al., ICML 2024, arXiv 2402.14012",
        "jaxsoco.allocation.learners.clip:clip",
        CLIPParams,
        information="prices where it is, advice when to run; price bounds L and U",
        promise="for J = 1 gamma(epsilon) times its region's optimum; 1 + epsilon times the advice "
        "there, and 2 beta",
    ),
    AlgorithmEntry(
        "receding_horizon",
        "plans the rest of the job on the forecast in every slot, and does the plan's first step",
        "model predictive control; Lin, Liu, Wierman, Andrew, IGCC 2012",
        "jaxsoco.allocation.learners.receding_horizon:receding_horizon",
        RecedingHorizonParams,
        information="prices of the slot, a forecast of later ones",
        promise="with an exact forecast the best whole-slot schedule; otherwise none",
    ),
    AlgorithmEntry(
        "wait_awhile",
        "waits where the job arrived for the forecast's cheapest slots",
        "Wiesner, Behnke, Scheinert, Gontarska, Thamsen, Middleware 2021",
        "jaxsoco.allocation.learners.wait_awhile:wait_awhile",
        WaitAwhileParams,
        information="a forecast of all prices where it is",
        promise="none",
    ),
    AlgorithmEntry(
        "follow_sun",
        "runs at once, in every slot where it is cheapest then",
        "Liu, Lin, Wierman, Low, Andrew, GreenMetrics 2011 (follow the renewables)",
        "jaxsoco.allocation.learners.follow_sun:follow_sun",
        FollowSunParams,
        information="prices of the slot",
        promise="none",
    ),
)
"""Of the family, after its own."""
