"""Settings and entries of the problems. No JAX.

``d`` is the dimension, ``T`` the horizon, ``x`` a decision, ``v`` a target.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.schema import ProblemEntry
from jaxsoco.core.settings import Rounds, setting, settings
from jaxsoco.smoothed.settings_loads import Loads

InformationKind = Literal["before", "after", "window", "noisy"]
Correlation = Literal["iid", "decaying", "walk"]

# --- problems: groups of settings -----------------------------------------------------------------


@settings
class Sight:
    """What learners see before they act, and how forecasts err.

    ``y_(s|t) = y_s - sum_(u=t..s) g(s - u) e_u``, ``e_u ~ N(0, forecast_noise^2 I)``, for what the
    cost of round ``s`` is made of, seen in round ``t`` (Chen et al. 2016).
    """

    information: InformationKind | None = setting(
        "the round's cost is seen before or after the decision, with a window of further costs, or "
        "with noisy forecasts of them",
        default=None,
        theory="window if window > 0, else before",
    )
    window: int = setting(
        "rounds ahead that learners may see", default=0, low=0, high=10_000, static=True
    )
    forecast_noise: float = setting(
        "standard deviation of e in noisy forecasts", default=0.1, low=0, high=1e6
    )
    forecast_errors: Correlation = setting(
        "g(k) in noisy forecasts: 1 at k = 0 alone, forecast_decay^k, or 1", default="iid"
    )
    forecast_decay: float = setting("decay of decaying errors", default=0.8, low=0, high=1)
    forecast_present: Literal["exact", "noisy"] = setting(
        "whether the present round's cost is seen as it is, or is a forecast, too",
        default="exact",
    )


@settings
class Moves:
    """What moving costs.

    l1: ``weight`` per unit up, ``weight_down`` per unit down; up: ups alone; l2: ``weight |x -
    y|``; squared: ``weight / 2 |x - y|^2``.
    """

    movement: Literal["l1", "up", "l2", "squared"] = setting(
        "kind of the movement cost", default="l1"
    )
    weight: float = setting("price of moving", default=1.0, low=0, high=1e9)
    weight_down: float | None = setting(
        "price of moving down, of l1", default=None, low=0, high=1e9, theory="weight"
    )


# --- problems -------------------------------------------------------------------------------------


@settings
class RandomWalk(Rounds, Moves, Sight):
    """Costs around a target that walks: ``v_t = persistence v_(t-1) + step N(0, I)``, ``v_0 = 0``.

    Quadratic costs ``1/2 sum_k a_k (x_k - v_k)^2`` have curvatures in geometric progression from
    ``curvature`` to ``condition curvature``; norms are ``curvature |x - v|``. The run begins at 0.

    >>> problem = jaxsoco.make("smoothed/walk", dimension=2, horizon=100)
    >>> algorithm, params = jaxsoco.learner("smoothed/follow_minimizer")
    >>> run = jaxsoco.play(problem, algorithm, params, keys)
    >>> float(run.costs.hit.max())
    0.0
    """

    dimension: int = setting("coordinates of the decision", default=1, low=1, high=64, static=True)
    cost: Literal["quadratic", "absolute", "norm"] = setting(
        "hitting cost around the target", default="quadratic"
    )
    curvature: float = setting(
        "smallest curvature of quadratic costs, weight of norms", default=1.0, above=0, high=1e6
    )
    condition: float = setting("largest curvature over the smallest", default=10.0, low=1, high=1e6)
    step: float = setting("standard deviation of a coordinate's step", default=1.0, low=0, high=1e6)
    persistence: float = setting(
        "1 for a random walk, 0 for independent targets", default=1.0, low=0, high=1
    )


@settings
class JumpingTarget(Rounds):
    """``slope |x - v_t|_2`` in the unit ball, with ``T^exponent`` targets; movement ``weight |x -
    y|_2``.

    For dynamic regret against the path of the minimisers, whose length grows like ``T^exponent``.

    >>> jaxsoco.make("smoothed/jumps", horizon=100, exponent=0.8).settings.game.region
    'ball'
    """

    dimension: int = setting("coordinates of the decision", default=2, low=2, high=64, static=True)
    exponent: float = setting("p of T^p targets", default=0.5, low=0, high=1)
    slope: float = setting("slope of the costs", default=1.0, above=0, high=1e6)
    weight: float = setting("price of moving", default=1.0, low=0, high=1e9)
    information: Literal["before", "after"] = setting(
        "whether the cost is seen before or after the decision", default="after"
    )


@settings
class ZigZag(Sight):
    """``eps |x - 1|`` for a block of rounds, then ``eps |x|`` for as many, on ``[0, 1]``.

    Ups cost 1. With blocks of ``1/eps + 1`` rounds lazy capacity provisioning comes to 3 times the
    optimum, and the probabilistic learner to 2 times as ``eps`` falls; memoryless ones come to 3
    times in long blocks (Lin et al. 2013; Bansal et al. 2015).

    >>> problem = jaxsoco.make("smoothed/zigzag", eps=0.2, length=120)
    >>> problem.horizon
    120
    """

    eps: float = setting("slope of the costs", default=0.1, above=0, high=1, static=True)
    length: int = setting("rounds", default=1000, low=1, high=10_000_000, static=True)
    block: int | None = setting(
        "rounds of a block",
        default=None,
        low=1,
        high=10_000_000,
        static=True,
        theory="1 / eps, rounded up, and one",
    )


@settings
class StrongLowerBound(Sight):
    """``m/2 x^2``, and in the last round ``steep/2 (x - 1)^2``; movement ``1/2 (x - y)^2``.

    No learner is better than ``(1 + sqrt(1 + 4/m)) / 2``-competitive (Goel et al. 2019).

    >>> jaxsoco.make("smoothed/strong_lower_bound", m=0.01).horizon  # 20 / sqrt(m), and one
    201
    """

    m: float = setting("convexity", default=0.1, above=0, high=1e6, static=True)
    rounds: int | None = setting(
        "rounds before the last one",
        default=None,
        low=1,
        high=10_000_000,
        static=True,
        theory="20 / sqrt(m), rounded up",
    )
    steep: float = setting("curvature of the last round's cost", default=1e9, above=0, high=1e15)


@settings
class ServersOn(Loads, Sight):
    """How many servers to keep on: ``e0 x + e1 l + d1 l (1 / (mu - l / x) - d0)^+`` for load ``l``.

    Turning a server on costs ``switching``; the run begins with none.

    >>> problem = jaxsoco.make("smoothed/rightsizing", load="low", servers=60, rounds=48)
    >>> algorithm, params = jaxsoco.learner("smoothed/lcp", integral=True)
    >>> run = jaxsoco.play(problem, algorithm, params, keys)
    >>> best = jaxsoco.comparator("smoothed/integral_optimum")(problem, keys)
    >>> paid = run.costs.hit[-1] + run.costs.move[-1]
    >>> bool((best["hit"][-1] + best["move"][-1] <= paid).all())
    True
    """

    servers: int = setting("servers", default=60, low=1, high=100_000, static=True)
    e0: float = setting("energy of a server that is on", default=1.0, above=0, high=1e9)
    e1: float = setting("energy of a unit of load", default=0.0, low=0, high=1e9)
    d0: float = setting("delay that costs nothing", default=1.5, low=0, high=1e9)
    d1: float = setting("price of delay, per unit of load", default=1.0, low=0, high=1e9)
    mu: float = setting("service rate of a server", default=1.0, above=0, high=1e9)
    switching: float = setting("cost of turning a server on", default=6.0, low=0, high=1e9)
    between: Literal["exact", "linear"] = setting(
        "cost between whole numbers of servers: its own, or linear", default="exact"
    )


@settings
class RecordedRounds(Moves, Sight):
    """Costs from a file, one row a round.

    - table: the costs of the positions ``0..m``,
    - quadratic, absolute, norm: the target's coordinates, with ``curvature`` for weight.

    >>> from pathlib import Path
    >>> _ = Path("targets.csv").write_text("1.0\\n0.0\\n4.0\\n")
    >>> jaxsoco.make("smoothed/recorded", file="targets.csv", cost="quadratic").horizon
    3
    """

    file: Path = setting("CSV or .npy file of numbers, one row a round", order=-1)
    cost: Literal["table", "quadratic", "absolute", "norm"] = setting(
        "what the columns are", default="table"
    )
    curvature: float = setting(
        "curvature of quadratic costs, weight of norms", default=1.0, above=0, high=1e6
    )
    start: float = setting("the first position", default=0.0, low=-1e12, high=1e12)
    lo: float | None = setting(
        "lower end of the box", default=None, low=-1e12, high=1e12, theory="none; 0 of a table"
    )
    hi: float | None = setting(
        "upper end of the box", default=None, low=-1e12, high=1e12, theory="none; m of a table"
    )


# --- their entries --------------------------------------------------------------------------------

_PREPARE = "jaxsoco.smoothed.prepare"

PROBLEMS = (
    ProblemEntry(
        name="walk",
        summary="costs around a target that walks at random",
        source="Goel et al. 2019, section 5; Chen et al. 2016 (noisy forecasts)",
        prepare=f"{_PREPARE}:prepare_walk",
        build=f"{_PREPARE}:build",
        settings=RandomWalk,
    ),
    ProblemEntry(
        name="rightsizing",
        summary="how many servers of a data centre to keep on",
        source="Lin et al. 2013",
        prepare=f"{_PREPARE}:prepare_rightsizing",
        build=f"{_PREPARE}:build",
        settings=ServersOn,
    ),
    ProblemEntry(
        name="jumps",
        summary="norms around a target that jumps now and then, seen after the decision",
        source="Zhang et al. 2021, section 4",
        prepare=f"{_PREPARE}:prepare_jumps",
        build=f"{_PREPARE}:build",
        settings=JumpingTarget,
    ),
    ProblemEntry(
        name="zigzag",
        summary="the costs on which lazy learners are worst",
        source="Lin et al. 2013; Bansal et al. 2015",
        prepare=f"{_PREPARE}:prepare_zigzag",
        build=f"{_PREPARE}:build",
        settings=ZigZag,
    ),
    ProblemEntry(
        name="strong_lower_bound",
        summary="the costs on which no learner is better than R-OBD",
        source="Goel et al. 2019, theorem 5",
        prepare=f"{_PREPARE}:prepare_strong_lower_bound",
        build=f"{_PREPARE}:build",
        settings=StrongLowerBound,
    ),
    ProblemEntry(
        name="recorded",
        summary="costs from a file: tables, or targets of quadratic costs and norms",
        source="docs/smoothed.md",
        prepare=f"{_PREPARE}:prepare_recorded",
        build=f"{_PREPARE}:build",
        settings=RecordedRounds,
    ),
)
