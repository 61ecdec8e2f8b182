"""Optima in hindsight against Clarabel and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import space_reference as reference
from scipy.optimize import linprog, minimize

import jaxsoco
from jaxsoco import smoothed

ROUNDS, D = 8, 3


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def drawn(seed: int):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(ROUNDS, D, D))
    matrices = factor @ factor.transpose(0, 2, 1) + 0.2 * np.eye(D)
    return rng, matrices, np.cumsum(rng.normal(size=(ROUNDS, D)), axis=0), rng.normal(size=D)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("movement", "boxed"),
    [("squared", False), ("squared", True), ("mahalanobis", False), ("l1", True), ("up", False)],
)
def test_the_optimum_in_several_dimensions(movement, boxed):
    for seed in range(3):
        rng, matrices, targets, start = drawn(seed)
        weight = {"squared": 0.7, "up": 0.9, "l1": (0.4, 1.1)}.get(movement)
        if movement == "mahalanobis":
            factor = rng.normal(size=(D, D))
            weight = factor @ factor.T + 0.3 * np.eye(D)
        box = (np.full(D, -0.5), np.full(D, 1.5)) if boxed else None
        start = start if box is None else np.clip(start, *box)
        wanted, _ = reference.optimum(matrices, targets, start, movement, weight, box)
        frame = {} if box is None else {"lo": box[0], "hi": box[1]}
        theta = smoothed.Quadratic(matrices, targets)
        best = smoothed.solve_offline(
            "offline_optimum", theta, start, movement=movement, weight=weight, **frame
        )
        assert int(best.info.status) == 0
        assert abs(float(best.value) - wanted) < 2e-8 * abs(wanted)
        assert float(best.lower) <= wanted * (1 + 1e-9)


@pytest.mark.oracle
def test_the_optimum_of_absolute_costs_is_a_linear_program():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rounds = 12
        weights, targets = rng.uniform(0.1, 2, rounds), rng.normal(size=rounds)
        up, down, start = *rng.uniform(0.2, 1, 2), rng.normal()
        eye, none = np.eye(rounds), np.zeros((rounds, rounds))
        step = eye - np.eye(rounds, k=-1)
        # x, the distance to the target, ups, downs.
        cost = np.concatenate(
            [np.zeros(rounds), weights, np.full(rounds, up), np.full(rounds, down)]
        )
        above = np.block([[eye, -eye, none, none], [-eye, -eye, none, none]])
        equal = np.block([step, none, -eye, eye])
        limits = [(None, None)] * rounds + [(0, None)] * (3 * rounds)
        first = np.concatenate([[start], np.zeros(rounds - 1)])
        found = linprog(cost, above, np.concatenate([targets, -targets]), equal, first, limits)
        best = smoothed.solve_offline(
            "offline_optimum", smoothed.Absolute(weights, targets), start, weight=(up, down)
        )
        assert abs(float(best.value) - found.fun) < 1e-9 * found.fun


@pytest.mark.parametrize("movement", ["squared", "l1", "l2"])
def test_the_best_fixed_position(movement):
    _, matrices, targets, start = drawn(5)
    theta = smoothed.Quadratic(matrices, targets)
    best = smoothed.solve_offline("static_optimum", theta, start, movement=movement, weight=2.0)
    assert np.ptp(np.asarray(best.path), axis=0).max() == 0

    def total(x):
        gaps = x - targets
        hit = 0.5 * np.einsum("ti,tij,tj", gaps, matrices, gaps)
        step = x - start
        moves = {"squared": step @ step, "l1": 2 * np.abs(step).sum()}
        return hit + moves.get(movement, 2 * np.sqrt(step @ step))

    found = minimize(
        total,
        targets.mean(axis=0),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000},
    )
    assert float(best.value) <= found.fun * (1 + 1e-9)
    assert float(best.value) >= found.fun * (1 - 1e-6)
    assert abs(float(best.value) - total(np.asarray(best.path)[0])) < 1e-9


def test_the_best_fixed_position_on_a_line_and_on_integers():
    rng = np.random.default_rng(0)
    weights, targets = rng.uniform(0.1, 2, 9), rng.uniform(0, 4, 9)
    theta = smoothed.Absolute(weights, targets)
    best = smoothed.solve_offline(
        "static_optimum", theta, 0.0, movement="up", weight=1.5, lo=0.0, hi=4.0
    )
    grid = np.linspace(0, 4, 40_001)
    totals = (weights[:, None] * np.abs(grid[None] - targets[:, None])).sum(axis=0) + 1.5 * grid
    assert abs(float(best.value) - totals.min()) < 1e-3
    assert float(best.value) <= totals.min() + 1e-9
    table = smoothed.Table(np.stack([np.abs(np.arange(5) - v) for v in targets]))
    best = smoothed.solve_offline("static_optimum", table, 0.0, movement="up", weight=1.5)
    wanted = (np.abs(np.arange(5)[None] - targets[:, None]).sum(axis=0) + 1.5 * np.arange(5)).min()
    assert abs(float(best.value) - wanted) < 1e-12


def test_the_least_cost_has_the_slope_of_the_envelope():
    targets = jnp.array([1.0, 0.2, 3.0, -1.0])

    def value(weight, target):
        theta = smoothed.Quadratic(1.3, target)
        return smoothed.solve_offline("offline_optimum", theta, 0.0, weight=weight).value

    slopes = jax.grad(value, argnums=(0, 1))(0.4, targets)
    step = 1e-5
    near = (value(0.4 + step, targets) - value(0.4 - step, targets)) / (2 * step)
    assert abs(float(slopes[0] - near)) < 1e-7
    moved = jnp.array([step, 0, 0, 0])
    near = (value(0.4, targets + moved) - value(0.4, targets - moved)) / (2 * step)
    assert abs(float(slopes[1][0] - near)) < 1e-7


def test_the_lower_bound_of_all_learners():
    """``E / 2``, ``E = (sqrt(m^2 + 4 m) - m) / 2``, as rounds and steepness grow."""
    for m in (0.1, 1.0):
        problem = jaxsoco.make("smoothed/strong_lower_bound", m=m)
        best = jaxsoco.comparator("smoothed/offline_optimum")(problem, jaxsoco.seed_keys(0, 1)[0])
        wanted = (np.sqrt(m * m + 4 * m) - m) / 4
        assert abs(float(best["hit"][-1] + best["move"][-1]) - wanted) < 1e-6 * wanted
