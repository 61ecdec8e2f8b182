"""The rivals: each against its transcription, and R-OBD's ratio."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tracking_rivals_reference as reference

from jaxsoco.core import random
from jaxsoco.tracking import make_matrix, make_spec, replay, two_point
from jaxsoco.tracking.settings_rivals import TwoPointParams
from jaxsoco.tracking.spec import Feedback, Observation

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
SLOW = pytest.mark.slow
ROUNDS, SIZE, SAME = 60, 4, 1e-9


@pytest.fixture(params=["full", pytest.param("deficient", marks=SLOW)])
def given(request):
    """A matrix, increments and noise."""
    spectrum = {"full": np.geomspace(0.5, 8, SIZE), "deficient": np.array([0, 0, 1.0, 4])}
    rng = np.random.default_rng(3)
    with jax.enable_x64(True):
        matrix = np.asarray(make_matrix(jax.random.key(1), spectrum[request.param]))
        increments = rng.laplace(size=(ROUNDS, SIZE))
        yield matrix, increments, 0.1 * rng.uniform(-1, 1, ROUNDS)


def assert_same(found, deviations):
    np.testing.assert_allclose(found.deviations, deviations, rtol=0, atol=SAME)
    assert found.faults == 0


@SLOW
@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("obd", {"ratio": 0.7}),
        ("robd", {}),
        ("robd", {"lambda1": 0.6, "lambda2": 0.3}),
    ],
)
def test_descent_by_the_true_matrix(given, name, numbers):
    matrix, increments, noise = given
    found = replay(name, matrix, increments, noise, **numbers)
    assert_same(found, reference.descent(name, matrix, increments, **numbers))


@SLOW
@pytest.mark.parametrize("name", ["obd", "robd"])
def test_descent_by_an_estimate_explores_first(given, name):
    matrix, increments, noise = given
    rng = np.random.default_rng(4)
    vectors, error = rng.standard_normal((24, SIZE)), rng.standard_normal((SIZE, SIZE))
    estimate = matrix + 0.1 * error @ error.T
    numbers = {"ratio": 1.3} if name == "obd" else {}
    found = replay(
        name, matrix, increments, noise, told="estimate",
        exploration=vectors, estimate=estimate, gamma=1.5, **numbers,
    )  # fmt: skip
    wanted = reference.descent(
        name, matrix, increments, vectors=vectors, gamma=1.5, estimate=estimate, **numbers
    )
    assert_same(found, wanted)


@SLOW
@pytest.mark.parametrize("name", ["obd", "robd"])
def test_what_the_exploration_recovers_is_what_scale_recovers(given, name):
    matrix, increments, noise = given
    vectors = np.random.default_rng(5).standard_normal((24, SIZE))
    asked = {"exploration": vectors, "gamma": 3.0}
    found = replay(name, matrix, increments, noise, told="estimate", **asked)
    scale = replay("scale", matrix, increments, noise, **asked)
    assert found.estimate is not None and scale.estimate is not None
    np.testing.assert_allclose(found.estimate, scale.estimate, rtol=0, atol=1e-12)
    assert np.abs(found.estimate - matrix).max() < 0.5


@pytest.mark.parametrize("memory", [1.0, pytest.param(0.97, marks=SLOW)])
def test_the_filter_is_regression_on_all_costs_so_far(given, memory):
    matrix, increments, noise = given
    found = replay("kalman", matrix, increments, noise, initial=0.8, spread=1.5, memory=memory)
    deviations, estimate = reference.certainty_equivalent(
        matrix, increments, noise, initial=0.8, spread=1.5, variance=0.1**2 / 3, memory=memory
    )
    assert_same(found, deviations)
    assert found.estimate is not None
    np.testing.assert_allclose(found.estimate, np.asarray(estimate), rtol=0, atol=SAME)
    if memory == 1 and np.linalg.matrix_rank(matrix) == SIZE:
        assert np.abs(found.estimate - matrix).max() < 0.5  # it has learned it


def test_zeroth_order_descent_is_that_of_the_transcription(given):
    matrix, increments, noise = given
    spec, rounds = make_spec(matrix, 12), 12
    keys = [random.words(jax.random.fold_in(jax.random.key(7), t)) for t in range(rounds)]
    params = TwoPointParams(learning_rate=jnp.asarray(0.2), radius=jnp.asarray(0.3))
    act, update = jax.jit(two_point.act), jax.jit(two_point.update)
    state = two_point.init(keys[0], params, spec)
    deviations = []
    for t, key in enumerate(keys):
        action, state = act(key, params, state, Observation(jnp.asarray(increments[t])))
        value = action @ matrix @ action / 2
        state = update(params, state, action, Feedback(value + noise[t], value))
        deviations.append(action)
    draws = np.array([random.normal(key, (SIZE,), jnp.float64) for key in keys[::2]])
    directions = draws / np.linalg.norm(draws, axis=1, keepdims=True)
    wanted = reference.two_point(
        matrix, increments[:rounds], noise, directions, learning_rate=0.2, radius=0.3
    )
    np.testing.assert_allclose(np.array(deviations), wanted, rtol=0, atol=SAME)


def hard_paths(rng: np.random.Generator, rounds: int) -> np.ndarray:
    """Increments of walks, of a jump there and back, and of a jump that stays."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.standard_normal((rounds, SIZE)) * rng.choice([0.1, 1.0, 10.0])
    steps = np.zeros((rounds, SIZE))
    steps[0] = rng.standard_normal(SIZE)
    if kind == 1:
        steps[rng.integers(1, rounds)] = -steps[0]
    return steps


@SLOW
@X64
def test_robd_keeps_its_ratio(x64):
    """At most r(m) times the best path in hindsight, on 240 paths; half as much is reached."""
    rng, shares = np.random.default_rng(6), []
    for number in range(240):
        m = 10 ** rng.uniform(-2, 1)
        spectrum = jnp.asarray(m * np.array([1, 1, 3.0, 10]))
        matrix = np.asarray(make_matrix(jax.random.key(number), spectrum))
        increments = hard_paths(rng, 40)
        found = replay("robd", matrix, increments, np.zeros(40))
        goals = np.cumsum(increments, axis=0)
        least = reference.path_cost(matrix, goals, reference.best_path(matrix, goals))
        shares.append(float(found.cost.sum()) / least / reference.ratio(m))
    assert max(shares) <= 1 + 1e-9
    assert max(shares) > 0.5
