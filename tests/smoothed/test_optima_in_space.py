"""Optima in several dimensions of costs and in regions of all kinds, against Clarabel."""

import functools

import convex_programs as programs
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import smoothed

ROUNDS, D, RUNS = 6, 2, 4


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def log_sum_exp(x, theta):
    """Smooth and convex, and known by its value alone."""
    weight, target = theta
    return weight * jax.nn.logsumexp(jnp.concatenate([x - target, target - x]), axis=0)


def costs(cost: str, weights, targets):
    """The data of a cost, and what else it needs."""
    if cost == "own":
        return (weights, targets), {"functions": smoothed.Functions(log_sum_exp)}
    if cost == "barrier":
        slope = weights[:, None] * jnp.ones((1, D))
        # Data of rounds have one edge for all of them only if it is the same.
        return smoothed.Barrier(slope, jnp.ones(ROUNDS), targets + 3), {}
    if cost == "quadratic":
        return smoothed.Quadratic(weights[:, None], targets), {}
    return {"norm": smoothed.Norm, "absolute": smoothed.Absolute}[cost](weights, targets), {}


REGIONS = {
    "free": {},
    "box": {"lo": programs.LOW, "hi": programs.HIGH},
    "ball": {"region": "ball", "hi": programs.RADIUS},
    "simplex": {"region": "simplex"},
}


def instances(region: str, seed: int = 0, runs: int = RUNS):
    """Weights ``[runs, T]``, targets ``[runs, T, d]`` on a walk, starts ``[runs, d]``."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.3, 1.5, (runs, ROUNDS))
    targets = np.cumsum(rng.normal(size=(runs, ROUNDS, D)), axis=1)
    start = rng.normal(size=(runs, D))
    if region == "box":
        start = np.clip(start, programs.LOW, programs.HIGH)
    if region == "ball":
        start = start / np.maximum(np.linalg.norm(start, axis=1), 1)[:, None]
    if region == "simplex":
        start = np.tile([0.4, 0.6], (runs, 1))
    return weights, targets, start


@functools.cache
def solver(cost: str, movement: str, region: str, name: str = "offline_optimum"):
    def one(weights, targets, start):
        theta, own = costs(cost, weights, targets)
        frame = {"movement": movement, "weight": programs.WEIGHTS[movement], **REGIONS[region]}
        return smoothed.solve_offline(name, theta, start, **frame, **own)

    return jax.jit(jax.vmap(one))


def inside(region: str, path) -> bool:
    if region == "box":
        return bool((path >= programs.LOW).all() and (path <= programs.HIGH).all())
    if region == "ball":
        return bool((np.linalg.norm(path, axis=-1) <= programs.RADIUS + 1e-12).all())
    if region == "simplex":
        return bool((path >= 0).all() and np.allclose(path.sum(axis=-1), 1, atol=1e-12))
    return True


KINDS = [
    ("norm", "l2", "free"),
    ("norm", "l2", "ball"),
    ("norm", "l1", "box"),
    ("norm", "squared", "simplex"),
    ("absolute", "l2", "free"),
    ("absolute", "l1", "simplex"),
    ("absolute", "mahalanobis", "box"),
    ("quadratic", "l2", "ball"),
    ("quadratic", "up", "simplex"),
    ("quadratic", "squared", "ball"),
    ("own", "l2", "box"),
    ("own", "up", "box"),
    ("own", "mahalanobis", "ball"),
    ("barrier", "l2", "box"),
    ("quadratic", "entropy", "simplex"),
    ("absolute", "entropy", "simplex"),
    ("norm", "entropy", "simplex"),
    ("own", "entropy", "simplex"),
]
HELD = [
    ("norm", "l2", "box"),
    ("norm", "l2", "free"),
    ("norm", "l1", "ball"),
    ("norm", "squared", "simplex"),
    ("norm", "entropy", "simplex"),
    ("absolute", "l2", "ball"),
    ("absolute", "up", "simplex"),
    ("quadratic", "l2", "box"),
    ("quadratic", "l1", "simplex"),
    ("quadratic", "squared", "box"),
    ("quadratic", "entropy", "simplex"),
    ("own", "l2", "box"),
    ("barrier", "mahalanobis", "box"),
]


def slow_but_first(kinds):
    first, *others = kinds
    return [first, *(pytest.param(kind, marks=pytest.mark.slow) for kind in others)]


@pytest.mark.oracle
@pytest.mark.parametrize("kind", slow_but_first(KINDS))
def test_optima_cost_as_little_as_clarabels(kind):
    """72 instances in all, each with its certificate."""
    _compare(kind, "offline_optimum")


@pytest.mark.oracle
@pytest.mark.parametrize("kind", slow_but_first(HELD))
def test_fixed_positions_cost_as_little_as_clarabels(kind):
    """52 instances in all, each with its certificate."""
    path = _compare(kind, "static_optimum")
    assert np.ptp(path, axis=1).max() == 0


def _compare(kind, name: str):
    region = kind[2]
    data = instances(region)
    best = solver(*kind, name)(*data)
    assert not np.any(best.info.status)
    assert inside(region, np.asarray(best.path))
    for run, row in enumerate(zip(*data, strict=True)):
        held = name == "static_optimum"
        wanted = programs.least(*kind, *row, held=held)  # pyright: ignore[reportCallIssue]
        assert abs(float(best.value[run]) - wanted) <= 1e-8 * abs(wanted)
        assert float(best.lower[run]) <= wanted + 1e-9 * abs(wanted)
        assert float(best.value[run] - best.lower[run]) <= 2e-8 * abs(wanted)
    return np.asarray(best.path)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "kind",
    [
        ("quadratic", "l1", "free"),
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in [
                ("quadratic", "l2", "free"),
                ("quadratic", "up", "box"),
                ("quadratic", "squared", "box"),
                ("quadratic", "mahalanobis", "box"),
                ("norm", "l2", "free"),
                ("absolute", "l1", "ball"),
                ("quadratic", "entropy", "simplex"),
            ]
        ),
    ],
)
def test_optima_of_prefixes(kind):
    """Up to every round, those of the rounds alone."""
    region = kind[2]
    data = instances(region, seed=1, runs=2)
    best = solver(*kind, "prefix_optimum")(*data)
    assert not np.any(best.info.status)
    for run in range(2):
        weights, targets, start = (x[run] for x in data)
        for rounds in range(1, ROUNDS + 1):
            arguments = weights[:rounds], targets[:rounds], start
            wanted = programs.least(*kind, *arguments)  # pyright: ignore[reportCallIssue]
            assert abs(float(best.value[run, rounds - 1]) - wanted) <= 3e-8 * abs(wanted)


@pytest.mark.slow
def test_the_comparator_counts_prefixes_in_several_dimensions():
    problem = smoothed.walk(12, dimension=2, cost="norm", movement="l2")
    keys = jaxsoco.seed_keys(0, 3)
    at = [3, 12]
    prefix = jaxsoco.comparator("smoothed/prefix_optimum")(problem, keys, at=at)
    best = jaxsoco.comparator("smoothed/offline_optimum")(problem, keys, at=at)
    run = jaxsoco.play(problem, *jaxsoco.learner("smoothed/obd_primal"), keys, at=at)
    paid, least, whole = (np.asarray(x["hit"] + x["move"]) for x in (prefix, prefix, best))
    assert np.allclose(paid[1], whole[1], rtol=2e-8)
    assert (least[0] <= whole[0] * (1 + 1e-8)).all() and (least[0] < whole[0]).any()
    assert (np.asarray(run.costs.hit + run.costs.move) >= least * (1 - 1e-8)).all()


@pytest.mark.slow
def test_the_least_cost_has_the_slope_of_the_envelope():
    weights, targets, start = (x[0] for x in instances("ball", 3))

    @jax.jit
    def value(price, targets):
        theta = smoothed.Quadratic(weights[:, None], targets)
        frame = {"movement": "l2", "weight": price, **REGIONS["ball"]}
        return smoothed.solve_offline("offline_optimum", theta, start, **frame).value

    slopes = jax.jit(jax.grad(value, argnums=(0, 1)))(0.4, targets)
    h = 1e-3
    near = (value(0.4 + h, targets) - value(0.4 - h, targets)) / (2 * h)
    assert abs(float(slopes[0] - near)) < 1e-4
    towards = np.random.default_rng(0).normal(size=targets.shape)
    near = (value(0.4, targets + h * towards) - value(0.4, targets - h * towards)) / (2 * h)
    assert abs(float(jnp.sum(slopes[1] * towards) - near)) < 1e-4


def test_entropy_is_between_shares():
    theta = smoothed.Norm(1.0, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="as entropy is between shares, got"):
        smoothed.recorded(theta, "entropy", start=np.full(2, 0.5))
    for start in (0.0, np.array([0.4, 0.7]), np.array([-0.5, 1.5])):
        with pytest.raises(ValueError, match="start: expected shares"):
            smoothed.recorded(theta, "entropy", start=start, region="simplex")


def test_what_has_no_certificate_is_an_error():
    theta = smoothed.Norm(1.0, np.zeros((3, 2)))
    start = np.full(2, 0.5)
    with pytest.raises(ValueError, match="expected lo, as moving down costs nothing"):
        smoothed.solve_offline("offline_optimum", theta, start, movement="up")
    own = smoothed.Functions(log_sum_exp)
    with pytest.raises(ValueError, match="needs a box: lo and hi"):
        smoothed.solve_offline(
            "offline_optimum", (np.ones(3), np.zeros((3, 2))), start, movement="l2", functions=own
        )


@pytest.mark.slow
def test_a_kink_without_a_proximal_point_is_not_certified():
    def kinked(x, theta):
        return jnp.max(jnp.abs(x - theta), axis=0)

    targets = instances("box")[1][0]
    best = smoothed.solve_offline(
        "offline_optimum",
        targets,
        np.zeros(2),
        movement="l2",
        weight=0.3,
        functions=smoothed.Functions(kinked),
        **REGIONS["box"],
    )
    # Either it came near all the same, or it says so; its bounds hold anyway.
    assert float(best.lower) <= float(best.value)
    assert int(best.info.status) == (0 if float(best.value - best.lower) <= 1e-8 else 2)
