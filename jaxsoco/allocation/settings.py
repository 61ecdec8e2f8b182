"""What the family says of itself, without JAX: settings, parameters, and the registry's entries.

Lechowicz, Christianson, Sun, Bashir, Hajiesmaili, Wierman, Shenoy, "Learning-augmented competitive
algorithms for spatiotemporal online allocation with deadline constraints", arXiv 2408.07831.
"""

from __future__ import annotations

from typing import Literal

from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.allocation.settings_rivals import ENTRIES, Trust
from jaxsoco.core.schema import (
    AlgorithmEntry,
    ComparatorEntry,
    CostEntry,
    Family,
    Guarantee,
    ProblemEntry,
)
from jaxsoco.core.settings import setting, settings

PAPER = "arXiv 2408.07831"

_WHOLE = "decisions jump with the pseudo-cost, and costs are constant in between"


@settings
class Adversary:
    """An adversary of the lower bounds, which answers what the learner does.

    Prices go down in ``levels`` steps from ``upper`` to ``y``, each shown for a whole job's time at
    points that turn expensive as soon as the learner runs there; then the start gets cheap, or not.

    >>> from jaxsoco.allocation import Adversary
    >>> Adversary(upper=20.0).instance
    'A_y'
    >>> jaxsoco.make("allocation/adversary", job_length=2, levels=3, y=4.0).horizon
    17
    """

    instance: Literal["G_y", "A_y", "E.3"] = setting(
        "the adversary: G_y or A_y of definition D.1, or that of appendix E.3, which ends with L "
        "at the start",
        default="A_y",
    )
    y: float | None = setting(
        "price to which it goes down, per unit of work: one of the levels",
        default=None,
        above=0,
        high=1e9,
        unit="g",
        theory="L",
    )
    lower: float = setting(
        "L, lowest price per unit of work", default=1.0, above=0, high=1e9, unit="g"
    )
    upper: float = setting(
        "U, highest price per unit of work", default=10.0, above=0, high=1e9, unit="g"
    )
    move: float = setting(
        "D, cost of a move, per unit of work of a slot", default=0.8, low=0, high=1e9, unit="g"
    )
    switch: float = setting(
        "tau, cost of a temporal switch, per unit of work of a slot",
        default=0.2,
        low=0,
        high=1e9,
        unit="g",
    )
    job_length: int = setting(
        "m, slots of work, which is also how long every price level is shown",
        default=6,
        low=1,
        high=168,
        static=True,
    )
    levels: int = setting(
        "w, price levels from U down to L", default=9, low=1, high=1000, static=True
    )
    points: int | None = setting(
        "points, the start among them; a learner that has run at all of them has beaten the game",
        default=None,
        low=2,
        high=10_000,
        static=True,
        theory="m w + 2",
    )
    advice: Literal["good", "bad"] = setting(
        "advice of st_clip: to run in the cheapest slots at the start, or in the last slots",
        default="bad",
    )


@settings
class Embedding:
    """The metric of a learner's decisions."""

    metric: Literal["tree", "true"] = setting(
        "movement costs used in decisions: a random tree embedding (the analysed algorithm) "
        "or the metric itself",
        default="tree",
    )


@settings
class PCMParams(Embedding):
    """What PCM believes of the prices, and ``metric``, which chooses the metric of its decisions.

    Each slot minimises ``f . k + W1(k, k_prev) - int_z^{z + c . k} psi`` where ``W1`` is taken in a
    random tree that dominates the metric (``"tree"``), or in the metric itself (``"true"``), and
    ``psi`` has the bounds ``lower_scale L`` and ``upper_scale U``: those of the job by default,
    for which PCM is eta-competitive. ``U`` is believed to exceed ``L + D + 2 tau``.

    >>> from jaxsoco.allocation import PCMParams
    >>> PCMParams(metric="true")
    PCMParams(metric='true', lower_scale=1.0, upper_scale=1.0)
    """

    lower_scale: float = setting(
        "factor on the job's lower price bound L; 1 is the paper's",
        default=1.0,
        above=0,
        high=1,
        gradient="no",
        reason=_WHOLE,
    )
    upper_scale: float = setting(
        "factor on the job's upper price bound U; 1 is the paper's",
        default=1.0,
        above=0,
        high=1000,
        gradient="no",
        reason=_WHOLE,
    )


@settings
class STCLIPParams(Embedding, Trust):
    """PCM under a budget of ``(1 + epsilon)`` times what the advice pays.

    ``SC_t + W1(k_t, a_t) + ... <= (1 + epsilon) [ADV_t + tau c(a_t) + (1 - A_t) L]`` holds in every
    slot, and ``psi`` has the rate ``gamma(epsilon)``, which falls from ``U / L`` to ``eta``. The
    constraint keeps no switches in reserve: against the adversary E.3 a job may cost up to
    ``2 tau c`` more than ``1 + epsilon`` times the advice.

    >>> from jaxsoco.allocation import STCLIPParams
    >>> STCLIPParams(epsilon=0.5).values()
    {'epsilon': 0.5, 'metric': 'tree'}
    """


@settings
class BaselineParams:
    """The baselines have nothing to tune.

    >>> jaxsoco.learner("allocation/greedy")[1]
    BaselineParams()
    """


def _promise(against: str, ratio: str) -> Guarantee:
    """What theory promises against an adversary; on its star, trees do not distort."""
    return Guarantee("adversary", against, f"jaxsoco.allocation.guarantees:{ratio}")


FAMILY = Family(
    name="allocation",
    summary="carbon-aware spatiotemporal allocation with deadlines",
    problems=(
        ProblemEntry(
            name="carbon_jobs",
            summary="deferrable jobs over regions with hourly carbon intensity and a deadline",
            source=f"{PAPER}, section 5",
            prepare="jaxsoco.allocation.prepare:prepare_carbon_jobs",
            build="jaxsoco.allocation.prepare:build",
            settings=CarbonJobs,
        ),
        ProblemEntry(
            name="adversary",
            summary="the adaptive adversaries of the lower bounds, who answer the learner",
            source=f"{PAPER}, definition D.1 and appendix E.3",
            prepare="jaxsoco.allocation.prepare_duel:prepare_adversary",
            build="jaxsoco.allocation.prepare_duel:build_adversary",
            settings=Adversary,
        ),
    ),
    algorithms=(
        AlgorithmEntry(
            "pcm",
            "pseudo-cost minimisation, eta-competitive",
            f"{PAPER}, section 3",
            "jaxsoco.allocation.learners.pcm:pcm",
            PCMParams,
            guarantees=(_promise("offline_optimum", "competitive"),),
            information="prices of the slot; price bounds L and U",
            promise="eta times the optimum, up to the tree's distortion, where a slot can do the "
            "whole job (J = 1)",
        ),
        AlgorithmEntry(
            "st_clip",
            "PCM clipped to black-box advice: (1+epsilon)-consistent, gamma-robust",
            f"{PAPER}, section 4",
            "jaxsoco.allocation.learners.st_clip:st_clip",
            STCLIPParams,
            guarantees=(_promise("offline_optimum", "robust"), _promise("advice", "consistent")),
            information="prices of the slot, advice; price bounds L and U",
            promise="for J = 1 gamma(epsilon) times the optimum, up to the tree's distortion; 1 + "
            "epsilon times the advice, and 2 tau c",
        ),
        AlgorithmEntry(
            "agnostic",
            "runs immediately where the job arrived",
            f"{PAPER}, section 5",
            "jaxsoco.allocation.learners.agnostic:agnostic",
            BaselineParams,
            information="nothing",
            promise="none",
        ),
        AlgorithmEntry(
            "greedy",
            "runs immediately in the region that is cheapest now",
            f"{PAPER}, section 5",
            "jaxsoco.allocation.learners.greedy:greedy",
            BaselineParams,
            information="prices of the first slot",
            promise="none",
        ),
        AlgorithmEntry(
            "delayed_greedy",
            "runs in the forecast's cheapest hour and region",
            f"{PAPER}, section 5",
            "jaxsoco.allocation.learners.delayed_greedy:delayed_greedy",
            BaselineParams,
            information="a forecast of all prices",
            promise="none",
        ),
        AlgorithmEntry(
            "threshold",
            "runs whenever the price is at most sqrt(L U)",
            f"{PAPER}, section 5",
            "jaxsoco.allocation.learners.threshold:threshold",
            BaselineParams,
            information="prices of the slot; price bounds L and U",
            promise="none",
        ),
        *ENTRIES,
    ),
    comparators=(
        ComparatorEntry(
            "offline_optimum",
            "optimum of the linear program: a mix of two schedules, which is not a schedule but a "
            "bound in expectation",
            f"{PAPER}, section 2",
            "jaxsoco.allocation.comparators:offline",
        ),
        ComparatorEntry(
            "integral_optimum",
            "best schedule in whole slots",
            "dynamic program over (state, slots done)",
            "jaxsoco.allocation.comparators:integral",
        ),
        ComparatorEntry(
            "advice",
            "the problem's advice followed blindly, by default the best whole-slot schedule of the "
            "noisy forecast",
            f"{PAPER}, section 4",
            "jaxsoco.allocation.comparators:advice",
        ),
    ),
    costs=(
        CostEntry("service", "g", "carbon of the work itself"),
        CostEntry("move", "g", "carbon of moving data between regions"),
        CostEntry("switch", "g", "carbon of suspending and resuming, final switch-off included"),
        CostEntry(
            "shortfall", "job", "work unfinished at the deadline", objective=False, limit=0.0
        ),
    ),
    measure="ratio",
    compare=("offline_optimum", "integral_optimum"),
    problem="carbon_jobs",
)
