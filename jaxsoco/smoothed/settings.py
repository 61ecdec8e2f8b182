"""The family and its entries. No JAX.

Settings and entries of the problems are in :mod:`~jaxsoco.smoothed.settings_problems`, parameters
and entries of the learners in :mod:`~jaxsoco.smoothed.settings_line` (one dimension) and its
neighbours.
"""

from __future__ import annotations

from jaxsoco.core.schema import ComparatorEntry, CostEntry, Family
from jaxsoco.smoothed.settings_advice import ALGORITHMS as ADVISED
from jaxsoco.smoothed.settings_line import ALGORITHMS as LINE
from jaxsoco.smoothed.settings_line import WHOLE
from jaxsoco.smoothed.settings_problems import PROBLEMS
from jaxsoco.smoothed.settings_space import ALGORITHMS as SPACE
from jaxsoco.smoothed.settings_types import ALGORITHMS as TYPES
from jaxsoco.smoothed.settings_types import PROBLEMS as TYPE_PROBLEMS
from jaxsoco.smoothed.settings_window import ALGORITHMS as WINDOW

_JUDGES = "jaxsoco.smoothed.comparators"

FAMILY = Family(
    name="smoothed",
    summary="smoothed online convex optimisation: any convex costs, any movement cost",
    problems=(*PROBLEMS, *TYPE_PROBLEMS),
    algorithms=(*LINE, *SPACE, *WINDOW, *ADVISED, *TYPES),
    comparators=(
        ComparatorEntry(
            name="offline_optimum",
            summary="the path of least cost in hindsight",
            source="docs/smoothed.md",
            load=f"{_JUDGES}:offline_costs",
        ),
        ComparatorEntry(
            name="integral_optimum",
            summary="the path of least cost among whole positions",
            source="Albers, Quedenfeld 2018",
            load=f"{_JUDGES}:integral_costs",
            problems=(*WHOLE, "load_types"),
        ),
        ComparatorEntry(
            name="static_optimum",
            summary="the best fixed position, and the move to it",
            source="docs/smoothed.md",
            load=f"{_JUDGES}:static_costs",
        ),
        ComparatorEntry(
            name="prefix_optimum",
            summary="the optimum of the rounds so far, at every checkpoint",
            source="docs/smoothed.md",
            load=f"{_JUDGES}:prefix_costs",
        ),
        ComparatorEntry(
            name="minimizers",
            summary="the path of the minimisers, for dynamic regret",
            source="Zhang et al. 2021, section 4",
            load=f"{_JUDGES}:minimizer_costs",
        ),
    ),
    costs=(
        CostEntry("hit", "cost", "hitting cost f_t(x_t)"),
        CostEntry("move", "cost", "movement cost"),
        CostEntry("path", "1", "length of the path, sum of |x_t - x_(t-1)|", objective=False),
        CostEntry("infeasible", "1", "rounds with an infeasible action", objective=False, limit=0),
    ),
    measure="ratio",
    compare=("offline_optimum",),
    problem="walk",
)
