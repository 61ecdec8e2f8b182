"""The family's entries. No JAX."""

from __future__ import annotations

from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, CostEntry, Family, ProblemEntry
from jaxsoco.tracking.settings_learners import (
    FollowParams,
    GradientParams,
    HySCaLEParams,
    LAIParams,
    SCaLEParams,
)
from jaxsoco.tracking.settings_problems import ExpectedTracking, QuadraticTracking
from jaxsoco.tracking.settings_rivals import ENTRIES

_PAPER = "arXiv 2601.09042"
_WALKED, _DESIGNED = ("quadratic_tracking",), ("expected_tracking",)

FAMILY = Family(
    name="tracking",
    summary="smoothed online quadratic optimisation with bandit feedback",
    problems=(
        ProblemEntry(
            name="quadratic_tracking",
            summary="a randomly moving minimiser of an unknown quadratic, observed only through "
            "its noisy cost",
            source=f"{_PAPER}, section 2",
            prepare="jaxsoco.tracking.prepare:prepare_quadratic",
            build="jaxsoco.tracking.prepare:build_quadratic",
            settings=QuadraticTracking,
        ),
        ProblemEntry(
            name="expected_tracking",
            summary="quadratic tracking averaged over the walk, in closed form: long horizons "
            "are cheap",
            source=f"{_PAPER}, proposition 1 in exact form; docs/tracking.md",
            prepare="jaxsoco.tracking.prepare:prepare_expected",
            build="jaxsoco.tracking.prepare:build_expected",
            settings=ExpectedTracking,
        ),
    ),
    algorithms=(
        AlgorithmEntry(
            name="scale",
            summary="explores, recovers the matrix once, then exploits it",
            source=f"{_PAPER}, algorithm 1",
            load="jaxsoco.tracking.learners.scale:scale",
            params=SCaLEParams,
            problems=_WALKED,
            information="noisy hitting costs; horizon, noise cap, rank and least positive "
            "eigenvalue",
            promise="regret of order T^(1/2), T^(2/3) where A is rank deficient, with high "
            "probability",
        ),
        AlgorithmEntry(
            name="scale_design",
            summary="SCaLE's exploration and estimate, scored by exact expected costs",
            source=f"{_PAPER}, algorithm 1 and equation (4.1)",
            load="jaxsoco.tracking.learners.scale_design:scale_design",
            params=SCaLEParams,
            problems=_DESIGNED,
            information="noisy hitting costs; horizon, noise cap, rank and least positive "
            "eigenvalue",
            promise="regret of order T^(1/2), T^(2/3) where A is rank deficient, with high "
            "probability",
        ),
        AlgorithmEntry(
            name="hyscale",
            summary="SCaLE that keeps learning from the costs it incurs",
            source=f"{_PAPER}, algorithm 2",
            load="jaxsoco.tracking.learners.hyscale:hyscale",
            params=HySCaLEParams,
            problems=_WALKED,
            information="noisy hitting costs; horizon, noise cap, rank and least positive "
            "eigenvalue",
            promise="none",
        ),
        AlgorithmEntry(
            name="lai",
            summary="the online optimum, which knows the matrix",
            source="Bhuyan, Mukherjee, Wierman, ICML 2024",
            load="jaxsoco.tracking.learners.lai:lai",
            params=LAIParams,
            problems=_WALKED,
            information="the matrix A; horizon",
            promise="the least expected cost of all online policies, if the minimiser is a "
            "martingale of finite variance",
        ),
        AlgorithmEntry(
            name="follow_minimizer",
            summary="moves to the minimiser in every round (FTM)",
            source=f"{_PAPER}, section 4",
            load="jaxsoco.tracking.learners.follow_minimizer:follow_minimizer",
            params=FollowParams,
            problems=_WALKED,
            information="the minimiser",
            promise="1 + 4/m times the best path in hindsight, m the least eigenvalue of A; regret "
            "linear in T",
        ),
        AlgorithmEntry(
            name="passive_learner",
            summary="learns from noisy hitting costs, never explores (POL)",
            source=f"{_PAPER}, section 4",
            load="jaxsoco.tracking.learners.passive_learner:passive_learner",
            params=GradientParams,
            problems=_WALKED,
            information="noisy hitting costs; horizon",
            promise="none",
        ),
        AlgorithmEntry(
            name="oracle_learner",
            summary="learns from exact hitting costs, never explores (OAL)",
            source=f"{_PAPER}, section 4",
            load="jaxsoco.tracking.learners.oracle_learner:oracle_learner",
            params=GradientParams,
            problems=_WALKED,
            information="exact hitting costs; horizon",
            promise="none",
        ),
        *ENTRIES,
    ),
    comparators=(
        ComparatorEntry(
            name="online_optimum",
            summary="LAI with the true matrix, by an unbiased estimate of least variance",
            source=f"{_PAPER}, definition 1; docs/tracking.md",
            component="regret",
        ),
        ComparatorEntry(
            name="online_optimum_path",
            summary="LAI with the true matrix, played on the same walk",
            source=f"{_PAPER}, definition 1",
            load="jaxsoco.tracking.comparators:play_optimum",
            problems=_WALKED,
        ),
    ),
    costs=(
        CostEntry("hit", "cost", "hitting cost 1/2 (x - v)' A (x - v)"),
        CostEntry("move", "cost", "movement cost 1/2 |x_t - x_(t-1)|^2"),
        CostEntry(
            "regret",
            "cost",
            "regret against LAI, an unbiased estimate of its mean",
            objective=False,
        ),
        CostEntry(
            "lost",
            "1",
            "1 at the end of a run that has lost an eigenvalue: it no longer moves in some "
            "direction that costs",
            objective=False,
            share=True,
        ),
    ),
    measure="regret",
    compare=("online_optimum",),
)
