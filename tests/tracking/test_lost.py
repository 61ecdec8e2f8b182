"""Runs that have lost an eigenvalue: told from moves, and from estimates, against projectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import Algorithm, simulate
from jaxsoco.tracking import (
    FollowParams,
    LAIParams,
    SCaLEParams,
    expected_tracking,
    follow_minimizer,
    interpolation,
    lai,
    make_matrix,
    make_spec,
    quadratic_tracking,
    scale,
    scale_design,
)
from jaxsoco.tracking.problem import ROUNDS
from jaxsoco.tracking.spec import Averaged
from jaxsoco.tracking.theory.lost import lost_by_rest
from jaxsoco_kernels import jacobi

X64 = pytest.mark.parametrize("x64", [True, False], indirect=True, ids=["float64", "float32"])
LONG = pytest.mark.parametrize("x64", [True], indirect=True)
KEYS = 6


def keys(count: int = KEYS):
    return jax.random.split(jax.random.key(7), count)


def turned(values, seed: int = 3):
    """An eigenbasis, and the matrix with these eigenvalues in it."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))[0]
    return basis, (basis * np.asarray(values)) @ basis.T


def planner(estimate):
    """Plays LAI with one estimate in all rounds."""
    estimate = jnp.asarray(estimate, float)

    def init(key, params, spec):
        start = jnp.zeros((spec.dimension, *key.shape[1:]), estimate.dtype)
        return jnp.int32(spec.horizon), start

    def act(key, params, state, obs):
        left, last = state
        go = jnp.eye(len(estimate)) - interpolation(estimate, left)
        before = last - obs.increment
        action = before - jnp.einsum("ij,j...->i...", go.astype(before.dtype), before)
        return action, (left, action)

    def update(params, state, action, feedback):
        return jnp.maximum(state[0] - 1, 1), state[1]

    return Algorithm(init, act, update)


def lost(learner, params, spec, at=None, count: int = KEYS):
    run = simulate(learner, params, quadratic_tracking, spec, keys(count), spec.horizon, at=at)
    return np.asarray(run.costs.lost)


@pytest.mark.parametrize(
    ("increments", "x64"),
    [
        *((kind, True) for kind in ("gaussian", "correlated", "laplace", "cauchy")),
        *((kind, False) for kind in ("gaussian", "laplace")),
    ],
    indirect=["x64"],
)
@pytest.mark.parametrize(
    ("name", "true", "believed", "wanted"),
    [
        ("nothing", [0.5, 2.0, 8.0], [0.4, 1.0, 9.0], 0),
        ("the smallest", [0.5, 2.0, 8.0], [0.0, 2.0, 8.0], 1),
        ("the largest", [0.5, 2.0, 8.0], [0.5, 2.0, 0.0], 1),
        ("all", [0.5, 2.0, 8.0], [0.0, 0.0, 0.0], 1),
        ("only what is free", [0.0, 2.0, 8.0], [0.0, 2.0, 8.0], 0),
        ("one beside what is free", [0.0, 2.0, 8.0], [0.0, 0.0, 8.0], 1),
        ("nothing, and it finds more", [0.0, 2.0, 8.0], [0.1, 2.0, 8.0], 0),
    ],
    ids=lambda x: x.replace(" ", "-") if isinstance(x, str) else "",
)
def test_a_plan_that_stays_in_a_direction_that_costs_has_lost_it(
    name, true, believed, wanted, increments, x64
):
    basis, matrix = turned(true)
    estimate = (basis * np.asarray(believed)) @ basis.T
    spec = make_spec(matrix, 60, increments=increments)
    share = lost(planner(estimate), (), spec, at=[1, 30, 59, 60])
    np.testing.assert_array_equal(share[:3], 0)  # it is told in the last round
    np.testing.assert_array_equal(share[3], wanted)


@X64
@pytest.mark.parametrize("values", [[0.1, 2.0, 8.0], [0.0, 0.0, 1.0, 4.0], [3.0]])
def test_who_knows_the_matrix_or_follows_the_minimiser_loses_nothing(values, x64):
    spec = make_spec(make_matrix(jax.random.key(2), jnp.array(values)), 80)
    assert not lost(lai, LAIParams(), spec).any()
    assert not lost(follow_minimizer, FollowParams(), spec).any()


def test_a_run_too_short_to_tell_has_lost_nothing():
    spec = make_spec(np.diag([0.5, 2.0]), 3)
    assert not lost(planner(np.zeros((2, 2))), (), spec).any()


@LONG
def test_free_directions_do_not_add_up(x64):
    """Four free directions, each a little off, cost less than half the smallest eigenvalue."""
    basis, matrix = turned([0.0, 0.0, 0.0, 0.0, 1.0, 4.0])
    tilt = np.linalg.qr(np.eye(6) + 0.1 * np.random.default_rng(0).standard_normal((6, 6)))[0]
    estimate = (basis @ tilt * np.array([0, 0, 0, 0, 1.0, 4.0])) @ (basis @ tilt).T
    rest = np.linalg.eigh(estimate)[1][:, :4]
    assert 0.01 < np.trace(rest.T @ matrix @ rest) < 0.5
    assert not lost(planner(estimate), (), make_spec(matrix, 60)).any()


def projected(matrix: np.ndarray, estimate: np.ndarray) -> bool:
    """``2 tr(P A) >= l`` by a projector on the null space of the estimate, from its svd."""
    _, values, rows = np.linalg.svd(estimate)
    rest = rows[values <= 1e-12 * max(values.max(), 1e-300)]
    smallest = min(value for value in np.linalg.eigvalsh(matrix) if value > 1e-9)
    return 2 * np.trace(rest @ matrix @ rest.T) >= smallest


@pytest.mark.slow
@LONG
@pytest.mark.parametrize("spectrum", [[0.5, 2.0, 8.0], [0.0, 0.0, 1.0, 4.0]], ids=["full", "low"])
def test_moves_and_estimates_tell_the_same_as_projectors(spectrum, x64):
    """Explorations so weak that some lose an eigenvalue, walked and averaged over walks."""
    matrix = make_matrix(jax.random.key(5), jnp.array(spectrum))
    spec = make_spec(matrix, 120, noise_cap=0.1)
    params, count = SCaLEParams(gamma=0.35, exploration=2.0), 64
    for learner, problem, world, rounds in (
        (scale, quadratic_tracking, spec, spec.horizon),
        (scale_design, expected_tracking, Averaged(spec), ROUNDS),
    ):
        run = jax.jit(simulate, static_argnums=(0, 2, 5))(
            learner, params, problem, world, keys(count), rounds
        )
        estimates = np.moveaxis(np.asarray(jacobi.assemble(run.state.estimate)), -1, 0)
        wanted = np.array([projected(np.asarray(matrix), one) for one in estimates])
        np.testing.assert_array_equal(run.costs.lost[-1], wanted)
        assert 3 <= wanted.sum() <= count - 3  # it has something to tell apart


@LONG
def test_the_trace_is_that_of_the_projector(x64):
    _, matrix = turned([0.0, 1.0, 4.0], seed=8)
    spec = make_spec(matrix, 10)
    columns = np.stack([turned([1, 1, 1], seed)[0] for seed in range(40)], axis=-1)
    rest = np.random.default_rng(1).random((3, 40)) < 0.5
    found = lost_by_rest(spec, jnp.asarray(columns), jnp.asarray(rest))
    projectors = np.einsum("ikb,kb,jkb->ijb", columns, rest.astype(float), columns)
    wanted = 2 * np.einsum("ijb,ij->b", projectors, matrix) >= 1.0
    np.testing.assert_array_equal(found, wanted)
    assert 0 < wanted.mean() < 1
