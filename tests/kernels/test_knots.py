"""Slopes with few kinks against the recursion at single places, and against each other."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from precision import mainly_in_float64
from smoothed_reference import Prices, levels, means, work_slopes

from jaxsoco_kernels import knots

float64 = pytest.mark.parametrize("x64", [True], indirect=True)

ROUNDS, LANES = 8, 40
KINDS = ("quadratic", "absolute", "mixed")


def draw(kind: str, rounds: int, lanes: int, seed: int = 0):
    """Curvatures, weights, minimisers ``[T, lanes]`` and prices ``[lanes]``; some rounds are free.

    Half of the problems charge for ups only.
    """
    rng = np.random.default_rng(seed)
    a = rng.uniform(0.1, 2, (rounds, lanes)) * (rng.uniform(size=(rounds, lanes)) < 0.85)
    absolute = {"quadratic": 0, "absolute": 1, "mixed": 0.5}[kind]
    which = rng.uniform(size=(rounds, lanes)) < absolute
    v = rng.uniform(-1, 5, (rounds, lanes))
    # Some absolute costs meet at the same place.
    v = np.where(which & (rng.uniform(size=v.shape) < 0.5), np.round(v), v)
    start, up = rng.uniform(0, 4, lanes), rng.uniform(0.3, 3, lanes)
    down = np.where(np.arange(lanes) % 2, 0.0, rng.uniform(0.3, 3, lanes))
    return a, which, v, start, up, down


@partial(jax.jit, static_argnames="capacity")
def follow(a, which, v, start, up, down, capacity=16):
    """The knots after every round, stacked."""

    def step(state, now):
        a, which, v = now
        absolute = knots.absolute_step(state, jnp.where(which, a, 0), v, up, down)
        state = knots.quadratic_step(absolute, jnp.where(which, 0, a), v, up, down)
        return state, state

    return jax.lax.scan(step, knots.start(start, up, down, capacity), (a, which, v))[1]


def derivatives(a, which, v):
    """For the reference."""

    def slope(a, which, v):
        return lambda x: a * np.where(which, np.sign(x - v), x - v)

    return [slope(*row) for row in zip(a, which, v, strict=True)]


@float64
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_means_and_quantiles_are_those_of_the_recursion(kind, x64):
    a, which, v, start, up, down = problem = draw(kind, ROUNDS, LANES)
    states = follow(*problem)
    assert not np.any(states.lost)
    slopes, prices = derivatives(a, which, v), Prices(start, up, down)
    wanted = levels(slopes, prices, -down, False), levels(slopes, prices, up, True)
    # A round without a cost leaves the bounds as they are, where the recursion's are infinite.
    for found, place in zip(knots.bounds(states), wanted, strict=True):
        np.testing.assert_allclose(np.where(a > 0, found, 0), np.where(a > 0, place, 0), atol=1e-12)
    for u in (0.2, 0.7):
        found = jax.vmap(partial(knots.quantile, u=u))(states)
        place = levels(slopes, prices, -down + u * (up + down), False)
        np.testing.assert_allclose(found, place, atol=1e-11)
    kinks = np.concatenate([start[None], v, *wanted])
    for lo, hi in ((0.5, 3.0), (-60.0, 60.0)):
        found = jax.vmap(partial(knots.mean, lo=lo, hi=hi))(states)
        np.testing.assert_allclose(found, means(slopes, prices, kinks, lo, hi), atol=1e-11)


@float64
@pytest.mark.parametrize("kind", KINDS)
def test_the_polyline_is_the_clipped_slope(kind, x64):
    a, which, v, start, up, down = problem = draw(kind, ROUNDS, 20, seed=1)
    states = follow(*problem)
    places = np.random.default_rng(2).uniform(-2, 6, 50)
    found = jax.vmap(lambda x: jax.vmap(lambda k: knots.evaluate(k, x))(states), out_axes=1)(places)
    s = work_slopes(derivatives(a, which, v), places[:, None], Prices(start, up, down))
    np.testing.assert_allclose(found, np.clip(s, -down, up), atol=1e-12)


@pytest.mark.slow
@float64
@pytest.mark.parametrize("kind", KINDS)
def test_long_runs_fit(kind, x64):
    states = follow(*draw(kind, 400, 6, seed=4), capacity=32 if kind != "quadratic" else 16)
    assert not np.any(states.lost)
    assert np.all(np.diff(states.place, axis=1) >= 0) and np.all(np.diff(states.value, axis=1) >= 0)
    if kind == "quadratic":
        assert np.max(states.kinks) <= 10


@float64
def test_costs_that_meet_at_two_places_need_few_kinks(x64):
    """The zigzag of the lower bounds: ``eps |x - 1|`` and ``eps |x|`` by turns, for long."""
    rounds = 300
    v = np.where(np.arange(rounds) // 21 % 2, 0.0, 1.0)[:, None]
    states = follow(np.full((rounds, 1), 0.05), np.ones((rounds, 1), bool), v, *np.ones((3, 1)))
    assert not np.any(states.lost) and np.max(states.kinks) <= 6


@float64
def test_ties_leave_the_widest_bounds(x64):
    """``s = -down`` on an interval: ``L`` is its left end, ``U`` likewise the right one."""
    one = np.ones((2, 1))
    a, v = np.array([[0.5], [0.5]]), np.array([[1.0], [3.0]])
    states = follow(a, one.astype(bool), v, np.zeros(1), np.ones(1), np.ones(1))
    # After round 1: 0.5 on (0, 1), 1.5 from 1 on; after round 2: 0 on (0, 1), 0.5 on (1, 3).
    lower, upper = knots.bounds(states)
    np.testing.assert_array_equal(np.ravel(lower), [0, 0])
    np.testing.assert_array_equal(np.ravel(upper), [1, 3])
    tied = follow(one[:1], one[:1].astype(bool), one[:1] * 2, np.zeros(1), *np.full((2, 1), 0.5))
    # 0.5 - 1 = -down on all of (0, 2).
    assert float(tied.lower[0, 0]) == 0 and float(tied.upper[0, 0]) == 2


def test_overflow_is_reported_and_stays_monotone(x64):
    problem = draw("quadratic", 60, 12, seed=5)
    states = follow(*problem, capacity=4)
    assert np.any(states.lost[-1] > 0)
    assert np.all(np.diff(states.lost, axis=0) >= 0)
    assert np.all(np.diff(states.place, axis=1) >= 0) and np.all(np.diff(states.value, axis=1) >= 0)
    exact = follow(*problem, capacity=16)
    fine = np.asarray(states.lost == 0) & np.asarray(exact.lost == 0)
    np.testing.assert_allclose(
        np.where(fine, states.lower, 0), np.where(fine, exact.lower, 0), atol=1e-5
    )


@float64
def test_nothing_to_pay_follows_the_minimiser(x64):
    a, v = jnp.full((3, 1), 2.0), jnp.array([[1.0], [4.0], [-2.0]])
    states = follow(a, jnp.zeros((3, 1), bool), v, *jnp.zeros((3, 1)))
    lower, upper = knots.bounds(states)
    np.testing.assert_allclose(lower, v)
    np.testing.assert_allclose(upper, v)
    np.testing.assert_allclose(jax.vmap(knots.mean)(states), v)


@pytest.mark.slow
@float64
def test_the_mean_s_derivative(x64):
    """In the minimisers, the curvatures, the start and the prices, against differences."""
    a, which, v, start, up, down = draw("quadratic", 6, 5, seed=6)
    a, down = a + 0.2, down + 0.4

    def position(given):
        return jnp.sum(jnp.sin(jax.vmap(partial(knots.mean, lo=0.0, hi=4.0))(follow(*given))))

    given = (a, jnp.asarray(which), v, start, up, down)
    slope = jax.grad(lambda x: position((x[0], given[1], *x[1:])))((a, v, start, up, down))
    rng = np.random.default_rng(7)
    for i, at in enumerate((0, 2, 3, 4, 5)):
        change = rng.normal(size=np.shape(given[at]))
        ends = [
            position((*given[:at], given[at] + h * change, *given[at + 1 :])) for h in (1e-6, -1e-6)
        ]
        np.testing.assert_allclose(
            np.sum(slope[i] * change), (ends[0] - ends[1]) / 2e-6, rtol=2e-6, atol=2e-7
        )


@mainly_in_float64
@pytest.mark.parametrize("kind", KINDS)
def test_lanes_vmap_and_single_agree(kind, x64):
    problem = [jnp.asarray(x, None if x.dtype == bool else float) for x in draw(kind, 6, 7)]
    native = follow(*problem)
    mapped = jax.vmap(follow, in_axes=-1, out_axes=-1)(*problem)
    single = [follow(*(x[..., i] for x in problem)) for i in range(7)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x, -1), *single)
    tolerance = 1e-13 if x64 else 1e-5
    for a, b, c in zip(native, mapped, stacked, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)
        np.testing.assert_allclose(a, c, atol=tolerance)
    assert native.place.dtype == (jnp.float64 if x64 else jnp.float32)


@pytest.mark.slow
def test_float32_is_close_to_float64():
    problem = draw("quadratic", 50, 30, seed=8)
    with jax.enable_x64(True):
        wanted = follow(*problem)
        mean = np.asarray(jax.vmap(knots.mean)(wanted))
    found = follow(*(x if x.dtype == bool else x.astype(np.float32) for x in problem))
    np.testing.assert_allclose(found.lower, wanted.lower, atol=5e-5)
    np.testing.assert_allclose(jax.vmap(knots.mean)(found), mean, atol=5e-5)


def test_shapes_are_checked():
    state = knots.start(jnp.zeros(3), 1.0, 1.0)
    with pytest.raises(ValueError, match=r"lanes: expected equally many"):
        knots.quadratic_step(state, 1.0, jnp.zeros(4), 1.0, 1.0)
    with pytest.raises(ValueError, match=r"capacity: expected an integer >= 3, got 2"):
        knots.start(jnp.zeros(3), 1.0, 1.0, capacity=2)
    with pytest.raises(TypeError, match=r"position: expected floating-point numbers"):
        knots.start(jnp.zeros(3, int), 1.0, 1.0)
