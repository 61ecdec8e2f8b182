"""Smoothed online quadratic optimisation with bandit feedback: SCaLE, HySCaLE, LAI, baselines.

Bhuyan, Mukherjee, Wierman, "SCaLE: switching cost aware learning and exploration", arXiv
2601.09042; LAI: the same authors, "Best of both worlds guarantees for smoothed online quadratic
optimization", ICML 2024.
"""

from __future__ import annotations

from jaxsoco.core.lazy import lazy_names
from jaxsoco.core.schema import (
    AlgorithmEntry,
    ComparatorEntry,
    CostEntry,
    Family,
    Field,
    ProblemEntry,
)

_PAPER = "arXiv 2601.09042"

_PROBLEM = ProblemEntry(
    name="quadratic_tracking",
    summary="a hidden quadratic whose minimiser walks at random; its value is told with noise",
    source=f"{_PAPER}, section 2",
    prepare="jaxsoco.tracking.prepare:prepare",
    build="jaxsoco.tracking.prepare:build",
    horizons=True,
    fields=(
        Field("dimension", "integer", "coordinates of the decision", default=5, low=1, high=64),
        Field(
            "rank",
            "integer",
            "positive eigenvalues of the hitting cost, geometrically spaced",
            default="full",
            low=1,
            words=("full",),
        ),
        Field(
            "smallest_eigenvalue",
            "float",
            "smallest positive eigenvalue",
            default=0.5,
            low=0,
            open_low=True,
        ),
        Field(
            "largest_eigenvalue", "float", "largest eigenvalue", default=8.0, low=0, open_low=True
        ),
        Field("matrix_seed", "integer", "seed of the random eigenvectors", default=0, low=0),
        Field(
            "matrix",
            "path",
            "a coupling matrix of one's own (.npy, .csv) in place of dimension, eigenvalues and "
            "seed, or an application's model",
            default="random",
            words=("random", "zonal_airflow", "wake_steering"),
        ),
        Field(
            "floor",
            "float",
            "lower bound on the positive eigenvalues that learners are told",
            default="smallest",
            low=0,
            open_low=True,
            words=("smallest",),
        ),
        Field(
            "noise_cap",
            "float",
            "largest absolute noise of the feedback, told to learners",
            default=0.1,
            low=0,
            open_low=True,
        ),
        Field(
            "noise",
            "choice",
            "noise of the feedback: uniform, or at the cap with the sign that hides the matrix",
            default="uniform",
            choices=("uniform", "adversarial"),
        ),
        Field(
            "increments",
            "choice",
            "steps of the minimiser; Cauchy steps have no mean",
            default="gaussian",
            choices=("gaussian", "correlated", "laplace", "cauchy"),
        ),
        Field(
            "increment_scale",
            "float",
            "multiplies the steps (standard deviation 1; Cauchy: scale 0.3)",
            default=1.0,
            low=0,
            open_low=True,
        ),
        Field(
            "correlation",
            "float",
            "of neighbouring coordinates, for correlated increments",
            default=0.7,
            low=0,
            high=0.999,
        ),
    ),
)

_AVERAGED = ProblemEntry(
    name="expected_tracking",
    summary="the same averaged over the minimiser's walk, in closed form; horizons are cheap",
    source=f"{_PAPER}, proposition 1 in exact form; docs/tracking.md",
    prepare="jaxsoco.tracking.prepare:prepare_averaged",
    build="jaxsoco.tracking.prepare:build_averaged",
    horizons=True,
    fields=tuple(f for f in _PROBLEM.fields if f.name != "noise"),
)
_WALKED, _DESIGNED = (_PROBLEM.name,), (_AVERAGED.name,)

_SENSING = (
    Field(
        "exploration",
        "float",
        "c in T0 = ceil(c rank dimension) exploring rounds (auto: 2 at full rank, 4 below)",
        default="auto",
        low=0,
        open_low=True,
        words=("auto",),
        static=True,
    ),
    Field(
        "rounds",
        "integer",
        "exploring rounds T0 themselves",
        default="auto",
        low=0,
        words=("auto",),
        static=True,
    ),
    Field(
        "gain",
        "float",
        "g0 in gamma^2 = g0 (noise_cap / floor) T^exponent",
        default=0.15,
        low=0,
        open_low=True,
    ),
    Field(
        "exponent",
        "float",
        "growth of gamma^2 with the horizon (auto: 1/2 at full rank, 2/3 below)",
        default="auto",
        low=0,
        high=2,
        words=("auto",),
    ),
    Field(
        "gamma",
        "float",
        "standard deviation of the exploration itself",
        default="auto",
        low=0,
        open_low=True,
        words=("auto",),
    ),
    Field(
        "noise_cap",
        "float",
        "noise cap to believe in (auto: the problem's)",
        default="auto",
        low=0,
        words=("auto",),
    ),
    Field(
        "floor",
        "float",
        "lower bound on positive eigenvalues to believe in (auto: the problem's)",
        default="auto",
        low=0,
        open_low=True,
        words=("auto",),
    ),
    Field(
        "rank",
        "integer",
        "rank to believe in (auto: the problem's)",
        default="auto",
        low=1,
        words=("auto",),
        static=True,
    ),
)

_STEP = (
    Field("learning_rate", "float", "step of the projected gradient", default=1e-3, low=0),
    Field(
        "step",
        "choice",
        "raw steps, or divided by |y|^4 + 1, which large deviations cannot upset",
        default="raw",
        choices=("raw", "normalized"),
        static=True,
    ),
    Field(
        "sweeps",
        "integer",
        "Jacobi sweeps a round that keep the eigenbasis of the estimate",
        default=3,
        low=1,
        high=20,
        static=True,
    ),
)

_START = Field(
    "initial", "float", "the first estimate, a multiple of the identity", default=1.0, low=0
)


def _learner(
    name: str,
    module: str,
    summary: str,
    source: str,
    fields: tuple[Field, ...] = (),
    problems: tuple[str, ...] = _WALKED,
) -> AlgorithmEntry:
    return AlgorithmEntry(
        name=name,
        summary=summary,
        source=source,
        load=f"jaxsoco.tracking.{module}:{name}",
        params=f"jaxsoco.tracking.{module}:{name}_params",
        fields=fields,
        problems=problems,
    )


FAMILY = Family(
    name="tracking",
    summary="smoothed online quadratic optimisation with bandit feedback",
    problems=(_PROBLEM, _AVERAGED),
    algorithms=(
        _learner(
            "scale",
            "learners.scale",
            "explores, recovers the matrix once, exploits it",
            f"{_PAPER}, algorithm 1",
            _SENSING,
        ),
        _learner(
            "scale_design",
            "learners.scale_design",
            "SCaLE's exploration and estimate, judged by their expected costs",
            f"{_PAPER}, algorithm 1 and equation (4.1)",
            _SENSING,
            _DESIGNED,
        ),
        _learner(
            "hyscale",
            "learners.hyscale",
            "SCaLE that goes on learning from what it pays",
            f"{_PAPER}, algorithm 2",
            (*_SENSING, *_STEP),
        ),
        _learner(
            "lai",
            "learners.lai",
            "the online optimum, told the matrix",
            "Bhuyan, Mukherjee, Wierman, ICML 2024",
        ),
        _learner(
            "follow_minimizer",
            "learners.follow_minimizer",
            "moves to the minimiser in every round (FTM)",
            f"{_PAPER}, section 4",
        ),
        _learner(
            "passive_learner",
            "learners.passive_learner",
            "learns from noisy hitting costs, never explores (POL)",
            f"{_PAPER}, section 4",
            (*_STEP, _START),
        ),
        _learner(
            "oracle_learner",
            "learners.passive_learner",
            "learns from exact hitting costs, never explores (OAL)",
            f"{_PAPER}, section 4",
            (*_STEP, _START),
        ),
    ),
    comparators=(
        ComparatorEntry(
            "online_optimum",
            "LAI with the true matrix, by the unbiased estimator of least variance",
            f"{_PAPER}, definition 1; docs/tracking.md",
            component="regret",
        ),
        ComparatorEntry(
            "online_optimum_path",
            "LAI with the true matrix, run on the same increments",
            f"{_PAPER}, definition 1",
            "jaxsoco.tracking.comparators:online_optimum",
            problems=_WALKED,
        ),
    ),
    costs=(
        CostEntry("hit", "cost", "1/2 (x - v)' A (x - v): being away from the minimiser"),
        CostEntry("move", "cost", "1/2 |x_t - x_(t-1)|^2: moving"),
        CostEntry("regret", "cost", "terms of the expected regret against LAI", objective=False),
    ),
    measure="regret",
    compare=("online_optimum",),
)

# No module bears one of these names: importing it would put the module in the name's place.
_PUBLIC = {
    "scale": "learners.scale",
    "SCaLEParams": "learners.scale",
    "hyscale": "learners.hyscale",
    "HySCaLEParams": "learners.hyscale",
    "lai": "learners.lai",
    "LAIParams": "learners.lai",
    "follow_minimizer": "learners.follow_minimizer",
    "FollowParams": "learners.follow_minimizer",
    "passive_learner": "learners.passive_learner",
    "oracle_learner": "learners.passive_learner",
    "GradientParams": "learners.passive_learner",
    "interpolation": "theory.planning",
    "interpolation_eigenvalues": "theory.planning",
    "plugin_regret": "theory.expected",
    "exploration_regret": "theory.expected",
    "follow_regret": "theory.expected",
    "lai_cost": "theory.expected",
    "quadratic_tracking": "problem",
    "recorded_tracking": "problem",
    "expected_tracking": "theory.averaged",
    "scale_design": "learners.scale_design",
    "make_matrix": "data.matrices",
    "load_matrix": "data.matrices",
    "make_spec": "spec",
    "Spec": "spec",
    "Observation": "spec",
    "Feedback": "spec",
    "Costs": "spec",
    "online_optimum": "comparators",
    "replay": "replays",
    "Replay": "replays",
}

__all__ = ["FAMILY", *_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]
# The entries above are read without JAX.
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC, ["FAMILY"])
