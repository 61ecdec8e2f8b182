"""Settings of load optimisation, the parameters of its learner, and their entries. No JAX."""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.schema import AlgorithmEntry, ProblemEntry
from jaxsoco.core.settings import setting, settings
from jaxsoco.smoothed.settings_loads import Loads


@settings
class LoadTypes(Loads):
    """How many servers of each of ``d`` types to keep on, whole numbers ``x_k`` of ``0..m_k``.

    Without dispatching a server of any type bears one unit of load, and a round costs ``sum_k c_k
    x_k``. With it a server costs ``g_k(l) = c_k + linear_k l + quadratic_k l^2`` under the load
    ``l <= capacity_k``, and the load is shared at least cost. Turning a server on costs
    ``switching_k``; the run begins with none. Numbers by type are separated by commas.

    >>> problem = jaxsoco.make("smoothed/load_types", types=2, rounds=24)
    >>> algorithm, params = jaxsoco.learner("smoothed/lazy_budgeting")
    >>> run = jaxsoco.play(problem, algorithm, params, keys)
    >>> best = jaxsoco.comparator("smoothed/integral_optimum")(problem, keys)
    >>> ratio = (run.costs.hit + run.costs.move)[-1] / (best["hit"] + best["move"])[-1]
    >>> bool((1 - 1e-5 <= ratio).all() and (ratio <= 4).all())  # 2 d
    True
    """

    types: int = setting(
        "types of servers, d, where they are not listed", default=2, low=1, high=8, static=True
    )
    costs: str | None = setting(
        "cost of a server that is on, c_k, one a type; falling", default=None, theory="1 / k"
    )
    switching: str | None = setting(
        "cost of turning a server on, one a type; rising", default=None, theory="2 k"
    )
    servers: str | None = setting(
        "servers, m_k, one a type", default=None, theory="6 of all types together"
    )
    dispatching: bool = setting("whether servers share the load", default=False, static=True)
    linear: str | None = setting(
        "cost of a unit of a server's load, one a type", default=None, theory="0"
    )
    quadratic: str | None = setting(
        "cost of the square of a server's load, one a type", default=None, theory="0"
    )
    capacity: str | None = setting("largest load of a server, one a type", default=None, theory="1")
    swing: float = setting(
        "amplitude of a sine of all costs over 24 rounds, relative to them",
        default=0.0,
        low=0,
        high=0.99,
    )


@settings
class LazyBudgetingParams:
    """How long servers idle before they are switched off.

    >>> jaxsoco.learner("smoothed/lazy_budgeting", randomized=True)[1].variant is None
    True
    """

    variant: Literal["A", "B", "C"] | None = setting(
        "A: by server lanes, for loads without dispatching; B: servers idle for their switching "
        "cost; C: B on parts of rounds",
        default=None,
        theory="A without dispatching, else C",
    )
    randomized: bool = setting(
        "whether gamma is drawn once a run, with density e^x / (e - 1) on [0, 1] (A alone)",
        default=False,
        static=True,
    )
    gamma: float | None = setting(
        "share of switching over running cost that a server stays on (A alone)",
        default=None,
        low=0,
        high=1000,
        theory="1, or drawn if randomized",
    )
    eps: float = setting(
        "what the ratio of C is above 2 d + 1: rounds are split into d max g(0) / (eps beta) parts",
        default=0.25,
        low=1e-3,
        high=1000,
    )


_PREPARE = "jaxsoco.smoothed.prepare_types"

PROBLEMS = (
    ProblemEntry(
        name="load_types",
        summary="how many servers of several types to keep on under a load",
        source="Albers, Quedenfeld, CIAC 2021 and SPAA 2021",
        prepare=f"{_PREPARE}:prepare_load_types",
        build=f"{_PREPARE}:build",
        settings=LoadTypes,
    ),
)

ALGORITHMS = (
    AlgorithmEntry(
        name="lazy_budgeting",
        summary="servers of several types idle until that has cost what switching them on did",
        source="Albers, Quedenfeld, CIAC 2021 and SPAA 2021",
        load="jaxsoco.smoothed.learners.lazy_budgeting:lazy_budgeting",
        params=LazyBudgetingParams,
        differentiable=False,
        reason="numbers of servers are whole: costs jump or stay put",
        problems=("load_types",),
        information="the round's cost for all numbers of servers",
        promise="competitive ratio 2 d for d types, e/(e - 1) d in expectation if it draws, 2 d + "
        "1 + eps with dispatching (C)",
    ),
)
