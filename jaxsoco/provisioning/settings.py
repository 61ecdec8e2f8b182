"""Settings of the family's problems, parameters of its learners, and the family's entries.

Read without JAX. Classes that only group settings come first: a problem lists the settings of its
last parent first, so that those of its own precede those that all problems share.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, CostEntry, Family, ProblemEntry
from jaxsoco.core.settings import Rounds, setting, settings

_PAPER = "arXiv 2601.18936"

# --- problems -------------------------------------------------------------------------------------


@settings
class Budgeted(Rounds):
    """The budget ``b_k`` of episode ``k`` and its costs.

    ``f_k(b) = price b + tracking phi(b - rho_k) + anchoring (b - anchor)^2`` with the target
    ``rho_k = target + swing sin(2 pi k / period) + jitter N(0, 1)`` and ``phi(x) = x^2`` or another
    ``shape``; an episode costs ``f_k(b_k) + switching (b_k - b_{k-1})^2 + latency_weight
    V_l(pi_k)``, where ``V_l`` is the expected loss.
    """

    budget_low: float = setting("smallest budget (B0)", default=0.0, low=0, high=1000)
    budget_high: float | None = setting(
        "largest budget", default=None, low=0, high=1000, theory="the number of slots T"
    )
    baseline: str = setting(
        "safe policy: probabilities of the actions in every state, separated by commas"
    )
    latency_weight: float = setting(
        "weight of the expected loss (beta)", default=1.0, low=0, high=1e6
    )
    switching: float = setting(
        "weight of the squared change of the budget (alpha)", default=0.5, low=0, high=1e6
    )
    price: float = setting("linear cost of the budget (M1)", default=0.01, low=0, high=1e6)
    tracking: float = setting(
        "weight of the squared distance to the target (M2)", default=0.05, above=0, high=1e6
    )
    anchoring: float = setting(
        "weight of the squared distance to the anchor (M0)", default=0.25, low=0, high=1e6
    )
    anchor: float | None = setting(
        "preferred budget (rho_0)", default=None, low=-1000, high=1000, theory="T / 2"
    )
    target: float | None = setting(
        "mean of the targets rho_k", default=None, low=-1000, high=1000, theory="the anchor"
    )
    swing: float = setting("amplitude of the targets' sine", default=0.5, low=0, high=1000)
    period: float = setting(
        "period of the targets' sine", default=2000.0, above=0, high=1e9, unit="episodes"
    )
    jitter: float = setting(
        "standard deviation of the targets' noise", default=0.1, low=0, high=1000
    )
    shape: Literal["quadratic", "exponential", "piecewise-linear"] = setting(
        "shape phi of the distance to the target; of the last two, only the anchor is strongly "
        "convex",
        default="quadratic",
    )
    width: float = setting(
        "width w of the shapes that are not quadratic", default=1.0, low=0.01, high=1000
    )
    loss_bias: float = setting(
        "factor between the loss that learners are told and the true one",
        default=1.0,
        low=0,
        high=10,
    )
    consumption_bias: float = setting(
        "factor between the consumption that learners are told and the true one",
        default=1.0,
        low=0,
        high=10,
    )
    cost_noise: float = setting(
        "standard deviation of the noise in observed consumption", default=0.0, low=0, high=1000
    )
    cost_seen: float = setting(
        "probability that a slot's consumption is observed", default=1.0, low=0, high=1
    )
    loss_noise: float = setting(
        "standard deviation of the noise in the observed loss", default=0.0, low=0, high=1000
    )
    loss_seen: float = setting(
        "probability that a slot's loss is observed", default=1.0, low=0, high=1
    )


@settings
class Queue:
    """A queue ``s`` in ``0 .. capacity`` with a loss that grows like ``(s / capacity)^2``."""

    capacity: int = setting("maximum queue length", low=1, high=100, static=True)
    start: int = setting("initial queue length", low=0, high=100, static=True)
    slots: int = setting("slots per episode (T)", low=1, high=1000, static=True)


@settings
class Arrivals:
    """Arrivals of a slot: drawn independently from one distribution, or recorded."""

    arrivals: Path | Literal["poisson", "synthetic"] = setting(
        "arrivals per slot: Poisson, or of a trace, in a CSV file (times or counts per bin) or "
        "synthetic (a Poisson process whose rate has quiet and busy spells)",
        default="poisson",
    )
    order: Literal["drawn", "recorded"] = setting(
        "a trace's counts are drawn independently from their distribution, or come in their own "
        "order, from a start that is drawn for every run",
        default="drawn",
    )
    arrival_rate: float = setting("mean arrivals per slot", default=1.12, above=0, high=1000)
    column: str | None = setting(
        "column of the CSV file", default=None, theory="the one recognised by name"
    )
    bin: float | None = setting(
        "slot width, for a file of arrival times, or of counts with times",
        default=None,
        above=0,
        high=1e9,
        unit="s",
        theory="none, the file holds counts",
    )
    rebin: int = setting("bins of the file per slot", default=1, low=1, high=1_000_000, static=True)
    time_unit: Literal["s", "ms", "us", "ns"] | None = setting(
        "unit of times in the file that are numbers",
        default=None,
        order=1,
        theory="told by their size: dates of an epoch, or seconds",
    )


@settings
class PaperQueue(Budgeted, Queue, Arrivals):
    """``s' = min(capacity, max(0, s - a + N))`` with ``N`` arrivals and ``a`` in 0, 1, 2 blocks.

    An action consumes ``a / 2``; the loss is ``0.1 + 0.9 (s / capacity)^2``.

    >>> problem = jaxsoco.make("provisioning/paper_queue", horizon=100, capacity=5)
    >>> problem.settings.loss.shape  # the same in every slot; 6 lengths, 3 actions
    (1, 6, 3)
    """

    capacity: int = 10
    start: int = 0
    slots: int = 10
    budget_low: float = 4.0
    baseline: str = "0.7,0.2,0.1"


@settings
class Burst:
    """Arrivals in batches."""

    burst_chance: float = setting(
        "probability that a batch arrives in a slot", default=0.4, low=0, high=1
    )
    burst_wave: float = setting(
        "amplitude of its sine over the slots of an episode, relative to it",
        default=0.0,
        low=0,
        high=1,
    )


@settings
class Blocks:
    """Batches of one size, served by resource blocks that may fail."""

    burst_size: int = setting("arrivals per batch", default=2, low=1, high=20, static=True)
    success: float = setting(
        "probability that a resource block serves a job", default=0.9, low=0, high=1
    )


@settings
class BurstyQueue(Budgeted, Queue, Blocks, Burst):
    """``s' = min(capacity, max(0, s - X) + N)``: served ``X ~ Binomial(a, success)``, then batches.

    An action consumes ``a / 2``; the loss is ``(s / capacity)^2``.

    >>> problem = jaxsoco.make("provisioning/bursty_queue", horizon=100, burst_chance=0.3)
    >>> problem.settings.initial.shape
    (7,)
    """

    capacity: int = 6
    start: int = 3
    slots: int = 8
    budget_low: float = 2.0
    baseline: str = "0.8,0.1,0.1"
    anchor: float | None = 2.5


@settings
class Streams:
    """Two queues, side by side or one behind the other."""

    topology: Literal["parallel", "tandem"] = setting(
        "each queue has its own arrivals, or the second receives what the first serves",
        default="parallel",
    )
    burst_chance: float = setting(
        "probability of a batch, first queue", default=0.25, low=0, high=1
    )
    second_chance: float = setting(
        "probability of a batch, second queue", default=0.15, low=0, high=1
    )


@settings
class TwoQueues(Budgeted, Queue, Blocks, Streams):
    """Two queues that share the two blocks of a slot; the loss is the mean of ``(s / capacity)^2``.

    Actions are the pairs (0,0), (0,1), (0,2), (1,0), (1,1), (2,0) of blocks.

    >>> problem = jaxsoco.make("provisioning/two_queues", horizon=100, topology="tandem")
    >>> problem.settings.loss.shape  # 4 x 4 pairs of lengths, 6 actions
    (1, 16, 6)
    """

    capacity: int = setting("maximum length of each queue", default=3, low=1, high=10, static=True)
    start: int = setting("initial length of each queue", default=1, low=0, high=10, static=True)
    slots: int = 8
    budget_low: float = 2.5
    baseline: str = "0.65,0.1,0.05,0.1,0.05,0.05"
    anchor: float | None = 3.0


@settings
class ModelFile:
    """A constrained decision process of ``T`` slots in a file."""

    model: Path = setting(
        "an .npz file with loss, consumption, transition, initial and perhaps baseline, slots"
    )
    slots: int | None = setting(
        "slots per episode (T)",
        default=None,
        low=1,
        high=1000,
        static=True,
        theory="as in the file",
    )


@settings
class Tabular(Budgeted, ModelFile):
    """Any tabular constrained decision process: tables ``[T, S, A]`` and ``[T, S, A, S]``.

    >>> loss, spent, even = np.eye(2), [[0, 1], [0, 1]], np.full((2, 2, 2), 0.5)
    >>> np.savez("mdp.npz", loss=loss, consumption=spent, transition=even, initial=[1, 0], slots=3)
    >>> file = dict(model="mdp.npz", baseline="0.9,0.1", budget_low=0.5)
    >>> jaxsoco.make("provisioning/tabular", horizon=100, **file).settings.slots
    3
    """

    baseline: str = setting(
        "safe policy: probabilities of the actions in every state, separated by commas; or "
        "file, for the array baseline of the model's file",
        default="file",
    )


@settings
class Sizes:
    """How large a random process is."""

    states: int = setting("number of states (S)", default=5, low=1, high=100, static=True)
    actions: int = setting(
        "number of actions (A); the first consumes nothing", default=3, low=2, high=64, static=True
    )
    slots: int = setting("slots per episode (T)", default=5, low=1, high=1000, static=True)
    branching: int = setting(
        "next states that a state and an action may lead to", default=3, low=1, high=100
    )


@settings
class RandomMDP(Budgeted, Sizes):
    """Random constrained decision processes, another one for every seed.

    See :mod:`jaxsoco.provisioning.theory.garnet`.

    >>> problem = jaxsoco.make("provisioning/random_mdp", horizon=100, states=4, actions=2)
    >>> problem.spec(keys).transition.shape  # slots alike, and a process for each of the keys
    (1, 4, 2, 4, 4)
    """

    budget_low: float | None = setting(  # pyright: ignore[reportIncompatibleVariableOverride]
        "smallest budget (B0)", default=None, low=0, high=1000, theory="T / 8"
    )
    baseline: str = setting(
        "safe policy: probabilities of the actions in every state, separated by commas; or "
        "idle, the first action with the chance 0.9, else any other",
        default="idle",
    )
    anchor: float | None = setting(
        "preferred budget (rho_0)", default=None, low=-1000, high=1000, theory="T / 4"
    )


# --- learners -------------------------------------------------------------------------------------


_JUMPS = "plans jump where the best policy changes, and are constant or drawn in between"
_DRAWN = "it moves the draws of actions, which are not differentiated"


@settings
class Planning:
    """The constants of BALDE; every default is the paper's.

    The radius of a transition that has the empirical probability ``p`` after ``n`` visits is
    ``conf_scale (sqrt(4 p (1 - p) L' / n) + 14 L' / (3 n))`` with ``L' = log(2 S A T K / delta)``
    and ``K = confidence_episodes`` (equation (15)). With ``conf_scale = 1`` budgets are safe in
    theory, and far more episodes are needed than most experiments have.
    """

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
    warm_up: int | None = setting(
        "initial episodes, played with the baseline (K0)",
        default=None,
        low=0,
        high=1_000_000_000,
        theory="S^2 A T^4 / gamma^2",
        aliases=("theory",),
    )
    counts: Literal["per-slot", "pooled"] = setting(
        "whether transitions are counted per slot or pooled (where all slots are alike)",
        default="per-slot",
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
class BLOLParams(Planning):
    """The constants of BLOL and BALDE; every default is the paper's.

    >>> from jaxsoco.provisioning import BLOLParams
    >>> BLOLParams(conf_scale=0.01, warm_up=50).delta
    0.05
    """

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
class OcoQParams:
    """Epsilon-greedy Q-learning.

    >>> jaxsoco.provisioning.OcoQParams(exploration=0.2)
    OcoQParams(exploration=0.2)
    """

    exploration: float = setting(
        "probability of a random action",
        default=0.1,
        low=0,
        high=1,
        gradient="biased",
        reason=_DRAWN,
    )


# --- the family -----------------------------------------------------------------------------------

FAMILY = Family(
    name="provisioning",
    summary="budgets with switching costs over constrained scheduling with unknown transitions",
    problems=(
        ProblemEntry(
            name="paper_queue",
            summary="a queue with Poisson or recorded arrivals; a round is an episode",
            source=f"{_PAPER}, section 5",
            prepare="jaxsoco.provisioning.prepare:prepare_paper_queue",
            build="jaxsoco.provisioning.prepare:build",
            settings=PaperQueue,
        ),
        ProblemEntry(
            name="bursty_queue",
            summary="batch arrivals and blocks that may fail: a queue where the multiplier matters",
            source="jaxsoco",
            prepare="jaxsoco.provisioning.prepare:prepare_bursty_queue",
            build="jaxsoco.provisioning.prepare:build",
            settings=BurstyQueue,
        ),
        ProblemEntry(
            name="two_queues",
            summary="two queues, in parallel or in tandem, that share one budget",
            source="jaxsoco",
            prepare="jaxsoco.provisioning.prepare:prepare_two_queues",
            build="jaxsoco.provisioning.prepare:build",
            settings=TwoQueues,
        ),
        ProblemEntry(
            name="tabular",
            summary="any tabular constrained Markov decision process, from a file",
            source=f"{_PAPER}, section 2",
            prepare="jaxsoco.provisioning.prepare:prepare_tabular",
            build="jaxsoco.provisioning.prepare:build",
            settings=Tabular,
        ),
        ProblemEntry(
            name="random_mdp",
            summary="random processes of any size, one a seed: how regret grows with S, A and T",
            source="jaxsoco",
            prepare="jaxsoco.provisioning.prepare_random:prepare_random_mdp",
            build="jaxsoco.provisioning.prepare_random:build_random_mdp",
            settings=RandomMDP,
        ),
    ),
    # Not differentiable: trajectories are drawn, plans are found by a search of varying length.
    algorithms=(
        AlgorithmEntry(
            name="blol",
            summary="online gradient descent on the budget, with the multiplier of BALDE's plan",
            source=f"{_PAPER}, section 3",
            load="jaxsoco.provisioning.learners.blol:blol",
            params=BLOLParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            name="fixed_budget",
            summary="BALDE under one fixed budget (DOPE)",
            source=f"{_PAPER}, section 5; Bura et al. 2022",
            load="jaxsoco.provisioning.learners.fixed_budget:fixed_budget",
            params=FixedBudgetParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            name="no_dual",
            summary="BALDE under a budget that follows the service cost alone",
            source="jaxsoco",
            load="jaxsoco.provisioning.learners.no_dual:no_dual",
            params=BLOLParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            name="blind_rate",
            summary="one rate in all states, under a budget that follows the service cost alone",
            source="jaxsoco",
            load="jaxsoco.provisioning.learners.blind_rate:blind_rate",
            params=BlindRateParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            name="oco_q",
            summary="Q-learning that ignores the constraint, under the same budget rule",
            source=f"{_PAPER}, section 5 (fixed-scheduling OCO)",
            load="jaxsoco.provisioning.learners.oco_q:oco_q",
            params=OcoQParams,
            differentiable=False,
        ),
        AlgorithmEntry(
            name="oracle",
            summary="BLOL with known transitions",
            source="jaxsoco",
            load="jaxsoco.provisioning.learners.oracle:oracle",
            params=OracleParams,
            differentiable=False,
        ),
    ),
    comparators=(
        ComparatorEntry(
            name="static_optimum",
            summary="best fixed budget and policy in hindsight",
            source=f"{_PAPER}, equations (6) and (7)",
            load="jaxsoco.provisioning.comparators:plan_optimum",
        ),
    ),
    costs=(
        CostEntry("service", "1", "cost of the budget itself"),
        CostEntry("switching", "1", "cost of changing the budget"),
        CostEntry("latency", "1", "weighted expected loss of the policy"),
        CostEntry("consumption", "block", "expected consumption", objective=False),
        CostEntry(
            "violation",
            "block",
            "expected consumption above the budget",
            objective=False,
            limit=1e-3,
        ),
        CostEntry("budget", "block", "the budget", objective=False),
        CostEntry("multiplier", "1/block", "the learner's price of the budget", objective=False),
        CostEntry(
            "fallback", "episode", "episodes that fell back to the baseline", objective=False
        ),
    ),
    measure="regret",
    compare=("static_optimum",),
)
