"""Learners that look ahead: against Clarabel, against each other, and their ratios on 240 runs."""

import warnings
from functools import cache

import cvxpy
import descent_reference as reference
import jax
import jax.numpy as jnp
import line_reference
import numpy as np
import pytest

from jaxsoco import smoothed
from jaxsoco.smoothed.theory import ratios


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


# --- plans, against Clarabel ----------------------------------------------------------------------

ROUNDS, WINDOW = 7, 2
MOVEMENTS = {
    "up": lambda z: cvxpy.sum(cvxpy.pos(z)),
    "l2": cvxpy.norm2,
    "squared": lambda z: cvxpy.sum_squares(z) / 2,
}


@cache
def _costs(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(d)
    root = rng.normal(size=(ROUNDS, d, d)) / 2
    matrix = root @ root.swapaxes(1, 2) + 0.3 * np.eye(d)
    target = 2 * rng.normal(size=(ROUNDS, d))
    return matrix, target, rng.normal(size=d)


def _plan(movement: str, d: int, first: int, last: int, start: np.ndarray) -> np.ndarray:
    """The path of least cost in the rounds ``first .. last``, from 1 on, by Clarabel."""
    matrix, target, _ = _costs(d)
    rounds = range(max(first, 1) - 1, min(last, ROUNDS))
    x = cvxpy.Variable((len(rounds), d))
    total, before = 0, start
    for row, t in enumerate(rounds):
        total += cvxpy.quad_form(x[row] - target[t], matrix[t]) / 2
        total += 0.8 * MOVEMENTS[movement](x[row] - before)
        before = x[row]
    tight = {name: 1e-12 for name in ("tol_gap_abs", "tol_gap_rel", "tol_feas")}
    with warnings.catch_warnings():
        # Where it cannot be as tight as that it says so; the tolerance below is what it is worth.
        warnings.filterwarnings("ignore", "Solution may be inaccurate")
        cvxpy.Problem(cvxpy.Minimize(total)).solve(solver=cvxpy.CLARABEL, **tight)
    return np.asarray(x.value)


def _committed(movement: str, d: int, commit: int) -> np.ndarray:
    """Copies that plan in turn, each keeping so many rounds, and their mean: by the definition."""
    start = _costs(d)[2]
    played = np.zeros((ROUNDS, d))
    for k in range(commit):
        position = start
        for first in range(k - commit, ROUNDS + 1, commit):
            if first + commit - 1 < 1:
                continue
            plan = _plan(movement, d, first, first + WINDOW, position)
            for row, t in enumerate(range(max(first, 1), min(first + commit, ROUNDS + 1))):
                played[t - 1] += plan[row] / commit
                position = plan[row]
    return played


@pytest.mark.oracle
@pytest.mark.parametrize("movement, d", [("up", 1), ("l2", 2), ("squared", 2)])
def test_committed_plans_are_those_of_clarabel(movement, d):
    matrix, target, start = _costs(d)
    theta = smoothed.Quadratic(matrix, target)
    frame = {"movement": movement, "weight": 0.8, "window": WINDOW}
    expected = _committed(movement, d, 2)
    found = smoothed.replay("chc", theta, start, **frame, commit=2).path
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    if d == 1:
        for name, commit in (("rhc", 1), ("afhc", WINDOW + 1)):
            found = smoothed.replay(name, theta, start, **frame).path
            np.testing.assert_allclose(found, _committed(movement, d, commit), rtol=0, atol=2e-5)


# --- ratios ---------------------------------------------------------------------------------------

LEVELS, SERVE, SWITCH = 6, 0.4, 3.0


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Costs ``f_t(x) >= SERVE x`` of ``0 .. LEVELS``, ``[R, T, m + 1]``, and the least cost."""
    rng = np.random.default_rng(9)
    runs, rounds = 240, 20
    rows = np.stack(
        [
            line_reference.convex_rows(rng, rounds, LEVELS, rng.choice([0.3, 1, 3]))
            for _ in range(runs)
        ]
    )
    # Need that comes and goes just as a window has passed.
    period = rng.integers(1, 9, runs)
    busy = np.arange(rounds)[None] // period[:, None] % 2 == 0
    places = np.arange(LEVELS + 1)
    wave = np.where(busy[..., None], 2.5 * np.maximum(LEVELS // 2 - places, 0), 0.0)
    rows = np.where((np.arange(runs) % 2 == 1)[:, None, None], wave, rows) + SERVE * places
    best = [line_reference.table_optimum(table, 0, SWITCH, 0.0)[0] for table in rows]
    return rows, np.array(best)


@pytest.mark.parametrize("name, commit", [("rhc", None), ("afhc", None), ("chc", 2)])
def test_planners_keep_their_ratio(name, commit):
    tables, best = _tables()
    params = {} if commit is None else {"commit": commit}

    def one(table):
        theta = smoothed.Table(table)
        run = smoothed.replay(name, theta, movement="up", weight=SWITCH, window=WINDOW, **params)
        return jnp.sum(run.hit + run.move)

    found = np.asarray(jax.jit(jax.vmap(one))(tables))
    assert np.all(found >= best - 1e-9)
    assert np.all(found <= ratios.horizon_ratio(SWITCH, SERVE, WINDOW) * best + 1e-9)


@pytest.mark.slow
def test_receding_in_several_dimensions_keeps_its_ratio():
    """``1 + beta / e0`` for costs of at least ``e0 sum_k x_k``, without any gain by a window."""
    runs, rounds, d, growth, price = 200, 8, 2, 0.5, 1.0
    rng = np.random.default_rng(10)
    factor = rng.normal(size=(runs, rounds, d, d))
    matrix = factor @ factor.swapaxes(2, 3) + 0.3 * np.eye(d)
    target = np.maximum(rng.normal(size=(runs, rounds, d)) * 2, 0)
    busy = np.arange(rounds)[None] // rng.integers(1, 5, (runs, 1)) % 2 == 0
    target = np.where((np.arange(runs) % 2 == 1)[:, None, None], 2.0 * busy[..., None], target)
    # The least offset with which f(x) >= growth sum_k x_k everywhere.
    ones = np.ones((runs, rounds, d))
    inverse = np.linalg.solve(matrix, ones[..., None])[..., 0].sum(axis=2)
    offset = growth * target.sum(axis=2) + growth**2 / 2 * inverse

    def one(matrix, target, offset):
        theta = smoothed.Quadratic(matrix, target, offset)
        frame = {"movement": "up", "weight": price, "lo": 0.0}
        run = smoothed.replay("rhc", theta, np.zeros(d), window=2, **frame)
        best = smoothed.solve_offline("offline_optimum", theta, np.zeros(d), **frame)
        return jnp.sum(run.hit + run.move), best.value, best.info.status

    paid, best, status = map(np.asarray, jax.jit(jax.vmap(one))(matrix, target, offset))
    assert not status.any()
    assert np.all(paid >= best * (1 - 1e-8)) and np.all(paid <= (1 + price / growth) * best)
    assert (paid / best).max() > 1.01


def test_committing_to_one_round_is_receding_and_to_all_is_averaging():
    rng = np.random.default_rng(1)
    theta = smoothed.Quadratic(rng.uniform(0.3, 2, 12), rng.normal(size=12).cumsum())
    frame = {"movement": "up", "weight": 0.7, "window": WINDOW}

    def paths():
        names = (("rhc", {}), ("chc", {"commit": 1}), ("afhc", {}), ("chc", {"commit": WINDOW + 1}))
        return [smoothed.replay(name, theta, **frame, **more).path for name, more in names]

    receding, one, averaging, all_of_them = jax.jit(paths)()
    np.testing.assert_allclose(one, receding, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(all_of_them, averaging)


def test_a_window_over_the_whole_horizon_is_the_optimum():
    rng = np.random.default_rng(6)
    theta = smoothed.Quadratic(rng.uniform(0.3, 2, (5, 2)), rng.normal(size=(5, 2)))
    run = smoothed.replay("rhc", theta, np.zeros(2), movement="squared", window=4)
    best = smoothed.solve_offline("offline_optimum", theta, np.zeros(2), movement="squared")
    np.testing.assert_allclose(run.path, best.path, rtol=0, atol=1e-10)


def test_whole_positions_stay_whole():
    tables, _ = _tables()
    theta = smoothed.Table(tables[0])
    run = smoothed.replay("rhc", theta, movement="up", weight=SWITCH, window=2, integral=True)
    np.testing.assert_array_equal(run.path, np.round(run.path))
    assert float(jnp.sum(run.hit + run.move)) >= _tables()[1][0] - 1e-9


def test_more_than_the_window_is_refused():
    theta = smoothed.Quadratic(1.0, jnp.ones(3))
    with pytest.raises(ValueError, match="commit: a plan has window"):
        smoothed.replay("chc", theta, window=1, commit=3)
    with pytest.raises(ValueError, match="trips: 4 steps"):
        smoothed.replay("rhgd", theta, window=1, trips=4)


# --- gradients over the horizon -------------------------------------------------------------------


def test_gradient_windows_fall_as_fast_as_they_should():
    kappa, low, high = 0.6, 0.5, 2.0
    rng = np.random.default_rng(7)
    matrix = rng.uniform(low, high, (200, 12, 2))
    matrix[:, 0] = low, high  # the extremes are seen at once
    target = rng.normal(size=(200, 12, 2)).cumsum(axis=1)
    start = np.zeros((200, 2))
    # In units of kappa the reference's movement is this one.
    full = np.eye(2) * matrix[..., None] / kappa
    data = reference.Runs(full, target, start, np.ones(200))
    best = kappa * reference.squared_cost(data, reference.optimum(data))

    def costs(matrix, target):
        theta = smoothed.Quadratic(matrix, target)
        frame = {"movement": "squared", "weight": kappa, "window": 3}
        names = (("rhgd", {"trips": 0}), ("rhgd", {}), ("rhag", {}))
        runs = [smoothed.replay(one, theta, np.zeros(2), **frame, **p) for one, p in names]
        return [jnp.sum(run.hit + run.move) for run in runs]

    ground, plain, fast = map(np.asarray, jax.jit(jax.vmap(costs))(matrix, target))
    quotient = (high + 4 * kappa) / low
    assert np.all(plain - best <= (1 - 1 / quotient) ** 4 * (ground - best) + 1e-9)
    assert np.all(fast - best <= 2 * (1 - quotient**-0.5) ** 4 * (ground - best) + 1e-9)
    assert np.all(plain >= best - 1e-9)
