"""Online balanced descent and its kin: every learner against NumPy, every bound on 240 runs."""

import doctest
from functools import cache

import descent_reference as reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import registry, smoothed
from jaxsoco.smoothed.theory import descent, ratios, trust
from jaxsoco.smoothed.theory.quadratics import DIAGONAL


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


@cache
def _data() -> tuple[reference.Runs, np.ndarray]:
    """The runs, and what the optimum costs."""
    data = reference.runs()
    return data, reference.squared_cost(data, reference.optimum(data))


def _played(name: str, data: reference.Runs, movement: str = "squared", **params) -> np.ndarray:
    """The learner's paths ``[R, T, d]``, its assumed convexity that of the run where it has one."""
    assumed = data.convexity if params.pop("curved", False) else None

    def one(matrix, target, start, convexity):
        given = {} if assumed is None else {"convexity": convexity}
        theta = smoothed.Quadratic(matrix, target)
        return smoothed.replay(name, theta, start, movement=movement, **params, **given).path

    rows = (data.matrix, data.target, data.start, data.convexity)
    return np.asarray(jax.jit(jax.vmap(one))(*rows))


def _close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name, second", [("robd", None), ("robd", 0.0), ("balanced", None)])
def test_regularised_descent_is_its_formula_and_keeps_its_ratio(name, second):
    data, best = _data()
    m = data.convexity
    if name == "balanced":
        weights = ratios.balanced_weight(m), 0 * m
    elif second is None:
        weights = ratios.robd_weights(m)
    else:
        weights = ratios.robd_first_weight(m, 0.0), 0 * m
    params = {"curved": True} | ({} if second is None else {"lambda2": second})
    path = _played(name, data, **params)
    _close(path, reference.played(data, reference.regularised(*weights)))
    bounds = [ratios.robd_ratio(*row) for row in zip(m, *weights, strict=True)]
    found = reference.squared_cost(data, path) / best
    assert np.all(found <= np.array(bounds) * (1 + 1e-9))
    if name == "robd":
        np.testing.assert_allclose(bounds, ratios.strong_ratio(m))
        assert np.max(found / bounds) > 0.9  # the lower bound's runs are among them
    else:
        np.testing.assert_allclose(bounds, ratios.balanced_ratio(m, strongly_convex=True))


def test_robd_attains_its_ratio_on_the_lower_bound_and_infers_the_convexity():
    m = np.array([1e-3, 0.01, 0.1, 1.0])
    rounds = 20 * 32  # 20 / sqrt(m) and more
    matrix = np.repeat(m[:, None], rounds + 1, axis=1)
    matrix[:, -1] = 1e9
    target = np.zeros(rounds + 1)
    target[-1] = 1.0

    def one(matrix):
        run = smoothed.replay("robd", smoothed.Quadratic(matrix, target), movement="squared")
        return jnp.sum(run.hit + run.move)

    found = np.asarray(jax.jit(jax.vmap(one))(matrix))
    # The optimum's cost, where the last step is free: E / 2, as the horizon is long.
    best = (np.sqrt(m**2 + 4 * m) - m) / 4
    np.testing.assert_allclose(found / best, ratios.strong_ratio(m), rtol=1e-5)


def test_dual_descent_is_its_formula_and_keeps_its_regret():
    data, _ = _data()
    eta = 0.7
    path = _played("obd_dual", data, "l2", eta=eta)
    ones = np.ones_like(data.convexity)
    _close(path, reference.played(data, reference.regularised(ones / eta, 0 * ones)))
    # Against the minimisers, which move and pay nothing else.
    regret = np.sum(reference.hits(data, path) + reference.steps(data, path), axis=1)
    lengths = reference.steps(data, data.target).sum(axis=1)
    largest = np.linalg.norm(np.concatenate([path, data.target], axis=1), axis=2).max(axis=1)
    bounds = [ratios.descent_regret(*row, eta, 16) for row in zip(largest, lengths, strict=True)]
    assert np.all(regret - lengths <= bounds)


def test_greedy_descent_is_its_formula():
    data, best = _data()
    path = _played("gobd", data, curved=True, gamma=0.8, mu=0.5)
    _close(path, reference.greedy(data, 0.8, 0.5))
    # O(1 / sqrt(m)), without a constant in the paper: within three times the least ratio here.
    found = reference.squared_cost(data, path) / best
    assert np.all(found <= 3 * ratios.strong_ratio(data.convexity))


@pytest.mark.slow
def test_going_to_the_minimiser_keeps_its_ratio_where_costs_grow_quadratically():
    data, best = _data()
    path = _played("follow_minimizer", data)
    _close(path, data.target)
    found = reference.squared_cost(data, path) / best
    assert np.all(found <= (1 + 4 / data.convexity) * (1 + 1e-9))
    assert np.max(found * data.convexity) > 0.5


def test_primal_descent_balances_and_descent_on_a_level_stays_there():
    data, _ = _data()
    path = _played("obd_primal", data, "l2", ratio=0.4)
    _close(path, reference.played(data, reference.on_path(lambda move, hit: move - 0.4 * hit)))
    path = _played("obd", data, "l2", level=0.3)
    _close(path, reference.played(data, reference.on_path(lambda move, hit: 0.3 - hit)))
    assert reference.hits(data, path).max() <= 0.3 + 1e-8


def test_kernels_and_bisection_agree_where_both_apply():
    rng = np.random.default_rng(8)
    d, lanes = 3, 50
    matrix, target = rng.uniform(0.1, 4, (2, d, lanes))
    theta = smoothed.Quadratic(matrix, target, rng.uniform(0, 1, lanes))
    y = rng.normal(size=(d, lanes)) * 3
    values = rng.uniform(0.1, 2, (3, lanes))

    def points(lo, hi):
        spec = smoothed.recorded(smoothed.Quadratic(1.0, np.zeros((1, d))), lo=lo, hi=hi).settings
        game = spec.game.aligned((lanes,))
        assert game.hitting is DIAGONAL
        steps = (descent.squared_balance, descent.length_balance, descent.level)
        return [step(game, theta, y, x) for step, x in zip(steps, values, strict=True)]

    by_newton, by_halves = jax.jit(lambda: (points(None, None), points(-1e3, 1e3)))()
    for newton, halves in zip(by_newton, by_halves, strict=True):
        np.testing.assert_allclose(newton, halves, rtol=0, atol=1e-9)


def test_primal_descent_keeps_its_ratio_on_polyhedral_costs():
    alpha, rounds, runs = 0.8, 16, 240
    rng = np.random.default_rng(11)
    place = np.cumsum(rng.normal(size=(runs, rounds)), axis=1)
    period = rng.integers(1, 8, size=runs)
    square = np.where(np.arange(rounds)[None] // period[:, None] % 2, 1.0, 0.0)
    place = np.where((np.arange(runs) % 2 == 1)[:, None], square, place)
    start = rng.normal(size=runs) * (np.arange(runs) % 2 == 0)
    # On a line in the plane, where the optimum is a dynamic program.
    angle = rng.uniform(0, 2 * np.pi, runs)
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ratio = ratios.polyhedral_balance(alpha)

    def one(target, start):
        theta = smoothed.Norm(alpha, target)
        run = smoothed.replay("obd_primal", theta, start, movement="l2", ratio=ratio)
        return jnp.sum(run.hit + run.move), run.hit, run.move

    rows = (place[:, :, None] * ray[:, None], start[:, None] * ray)
    cost, hit, move = map(np.asarray, jax.jit(jax.vmap(one))(*rows))
    best = reference.least_on_points(place, start, alpha, 1.0)
    assert np.all(cost <= ratios.polyhedral_ratio(alpha, ratio) * best + 1e-9)
    assert ratios.polyhedral_ratio(alpha, ratio) <= (3 + 8 / alpha) * (1 + 1e-12)
    # |z| - s is left of the way |z| after a step s = ratio alpha (|z| - s).
    np.testing.assert_allclose(move, ratio * hit, rtol=0, atol=1e-9)


def test_regularised_descent_in_other_geometries():
    rng = np.random.default_rng(4)
    d, rounds = 3, 5
    root = rng.normal(size=(d, d))
    metric = root @ root.T + np.eye(d)
    matrix, target = rng.uniform(0.5, 2, (rounds, d)), rng.normal(size=(rounds, d))
    weights = {"lambda1": 0.7, "lambda2": 0.2}
    theta, zero = smoothed.Quadratic(matrix, target), np.zeros(d)
    run = smoothed.replay("robd", theta, zero, movement="mahalanobis", weight=metric, **weights)
    y = zero
    for a, v, x in zip(matrix, target, run.path, strict=True):
        y = np.linalg.solve(np.diag(a) + 0.9 * metric, a * v + metric @ (0.7 * y + 0.2 * v))
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-10)
    # On the simplex: the conditions of the first step of the regularised problem.
    even, inside = np.full(d, 1 / d), np.abs(target) / np.abs(target).sum(axis=1, keepdims=True)
    frame = {"movement": "entropy", "weight": 0.5, "region": "simplex"}
    theta = smoothed.Quadratic(matrix, inside)
    run = smoothed.replay("robd", theta, even, **frame, lambda1=0.7, lambda2=0.2)
    before = np.concatenate([even[None], run.path[:-1]])
    slope = matrix * (run.path - inside)
    slope += 0.5 * (0.7 * np.log(run.path / before) + 0.2 * np.log(run.path / inside))
    np.testing.assert_allclose(run.path.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(slope - slope.mean(axis=1, keepdims=True), 0, atol=1e-9)


def test_examples_of_the_constants():
    assert doctest.testmod(ratios).failed == 0
    assert doctest.testmod(trust, extraglobs={"jnp": jnp}).failed == 0


def _promise(learner: str, problem: str, values: dict, **params) -> float | None:
    """What the entry says, with the fields' defaults for all else."""
    entry = registry.algorithm(f"smoothed/{learner}")
    fields = registry.problem(f"smoothed/{problem}").fields
    world = {field.name: field.default for field in fields} | values
    own = {field.name: field.default for field in entry.fields} | params
    (found,) = (one for one in entry.guarantees if one.problem == problem)
    return found.ratio(world, own)


def test_entries_promise_what_holds_and_nothing_else():
    squared = {"movement": "squared", "weight": 2.0, "curvature": 0.2}
    least = ratios.strong_ratio(0.1)
    for learner, params in (("robd", {}), ("robd", {"lambda2": 0.0}), ("balanced", {})):
        found = _promise(learner, "walk", squared, **params)
        expected = 1 + 0.1**-0.5 if learner == "balanced" else least
        assert abs(found - expected) < 1e-12
    assert abs(_promise("robd", "strong_lower_bound", {"m": 0.1}) - least) < 1e-12
    assert _promise("robd", "walk", squared, lambda1=3.0, lambda2=0.1) > least
    assert _promise("robd", "walk", {"movement": "l1"}) is None
    blurred = squared | {"information": "noisy", "forecast_present": "noisy"}
    assert _promise("robd", "walk", blurred) is None
    polyhedral = {"movement": "l2", "cost": "norm", "curvature": 3.0, "weight": 1.5}
    assert _promise("obd_primal", "walk", polyhedral) == ratios.polyhedral_ratio(2.0, 0.5)
    assert _promise("obd_primal", "walk", polyhedral, squared=True) is None
    servers = {"switching": 6.0, "e0": 2.0}
    assert _promise("rhc", "rightsizing", servers, window=2) == 2.0
    assert _promise("chc", "rightsizing", servers, window=2, commit=3) == 2.0
    assert _promise("chc", "rightsizing", servers, window=2, commit=2) is None


def test_convexity_is_asked_for_where_costs_do_not_say_it():
    with pytest.raises(ValueError, match="convexity: only quadratic costs say theirs"):
        smoothed.replay("robd", smoothed.Absolute(1.0, jnp.ones(3)))
    with pytest.raises(ValueError, match="proximal path is offered in a box"):
        theta = smoothed.Quadratic(1.0, jnp.ones((3, 2)))
        smoothed.replay("obd_dual", theta, jnp.zeros(2), region="ball", hi=1.0)


def test_costs_have_the_derivatives_of_differences():
    theta = smoothed.Quadratic(jnp.array([[2.0, 0.5], [0.2, 0.4], [1.0, 3.0]]), jnp.ones((3, 2)))

    def total(name, movement, **params):
        run = smoothed.replay(name, theta, jnp.array([3.0, -1.0]), movement=movement, **params)
        return jnp.sum(run.hit + run.move)

    cases = {
        "robd": ("squared", {"lambda1": 0.8, "lambda2": 0.3}),
        "obd_primal": ("l1", {"ratio": 0.4}),
        "gobd": ("squared", {"gamma": 0.5, "mu": 0.3, "convexity": 0.2}),
    }

    def slopes(values):
        return {
            name: jax.grad(lambda p, name=name, kind=kind: total(name, kind, **p))(values[name])
            for name, (kind, _) in cases.items()
        }

    given = {name: params for name, (_, params) in cases.items()}
    found = jax.jit(slopes)(given)
    for name, (kind, params) in cases.items():
        for one, value in params.items():
            ends = [total(name, kind, **params | {one: value + s}) for s in (1e-5, -1e-5)]
            difference = (ends[0] - ends[1]) / 2e-5
            assert abs(found[name][one] - difference) < 1e-6 * (1 + abs(difference)), (name, one)
