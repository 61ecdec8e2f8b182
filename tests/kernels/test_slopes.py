"""Whole horizons against Clarabel, windows against whole horizons, and their derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from precision import mainly_in_float64
from smoothed_programs import KINDS, clarabel, cost
from smoothed_reference import Prices, levels

from jaxsoco_kernels import slopes
from jaxsoco_kernels.info import Status

float64 = pytest.mark.parametrize("x64", [True], indirect=True)

LO, HI, ROUNDS, LANES = 0.0, 5.0, 20, 10


def problems(kind: str, rounds: int, lanes: int, seed: int = 0):
    """Data ``[T, lanes]`` and prices ``[lanes]``: up and down apart, or ups only."""
    rng = np.random.default_rng(seed)
    data = [KINDS[kind].draw(rng, rounds) for _ in range(lanes)]
    data = {name: np.stack([d[name] for d in data], axis=1) for name in data[0]}
    low = 3.6 if kind == "rightsizing" else LO  # where all loads have room
    start, up = rng.uniform(low, HI, lanes), rng.uniform(0.2, 3, lanes)
    down = np.where(np.arange(lanes) % 2, rng.uniform(0.2, 3, lanes), 0)
    return data, Prices(start, up, down)


def slope_of(kind: str):
    return partial(KINDS[kind].slope, jnp)


@partial(jax.jit, static_argnames=("kind", "sweeps"))
def best(kind, data, prices, sweeps=45):
    start, up, down = prices
    return slopes.offline(slope_of(kind), data, start, up, down, LO, HI, sweeps)


def one(tree, lane: int):
    return jax.tree.map(lambda x: x[..., lane], tree)


@pytest.mark.oracle
@float64
@pytest.mark.parametrize("kind", KINDS)
def test_whole_horizons_are_those_of_clarabel(kind, x64):
    data, prices = problems(kind, ROUNDS, LANES)
    path, info = best(kind, data, prices)
    path = np.asarray(path)
    assert np.all(info.status == Status.OK)
    assert np.all((path >= LO) & (path <= HI))
    theirs = [clarabel(KINDS[kind], one(data, i), one(prices, i), LO, HI) for i in range(LANES)]
    found, wanted = (cost(KINDS[kind], x, data, prices) for x in (path, np.stack(theirs, -1)))
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@float64
@pytest.mark.parametrize("kind", ["quadratic", "mixed"])
def test_whole_horizons_are_the_recursion_run_backwards(kind, x64):
    """``x_T`` is the zero of ``s_T``, then ``x_t = clip(x_{t+1}, L_t, U_t)``."""
    data, prices = problems(kind, 12, 30, seed=1)
    path = np.asarray(best(kind, data, prices)[0])
    rows = [jax.tree.map(lambda x, t=t: x[t], data) for t in range(12)]
    derivatives = [lambda x, row=row: KINDS[kind].slope(np, x, row) for row in rows]
    lower = levels(derivatives, prices, -prices.down, False)
    upper = levels(derivatives, prices, prices.up, True)
    wanted = [levels(derivatives, prices, 0.0, False)[-1]]
    for t in range(10, -1, -1):
        wanted.append(np.clip(wanted[-1], lower[t], upper[t]))
    np.testing.assert_allclose(path, np.clip(wanted[::-1], LO, HI), atol=2e-12)


@float64
def test_positions_at_the_start_and_in_the_corners_are_exact(x64):
    goals = jnp.array([[9.0, -9, 2.0], [9, -9, 2.2], [9, -9, 1.9]])
    path, info = slopes.offline(lambda x, v: x - v, goals, 2.1, 0.7, 0.7, 0.1, 4.3)
    np.testing.assert_array_equal(path, [[4.3, 0.1, 2.1]] * 3)
    assert np.all(info.status == Status.OK)


def test_one_round_and_no_prices(x64):
    path, _ = slopes.offline(lambda x, v: x - v, jnp.array([[3.0, 0.5]]), 1.0, 0.5, 0.25, 0.0, 5.0)
    np.testing.assert_allclose(path, [[2.5, 0.75]], atol=1e-12 if x64 else 1e-5)
    goals = jnp.array([3.0, 1.0, 4.0])
    path, _ = slopes.offline(lambda x, v: x - v, goals, 1.0, 0.0, 0.0, 0.0, 5.0)
    np.testing.assert_allclose(path, goals, atol=1e-12 if x64 else 1e-5)


@float64
def test_derivatives_of_the_path(x64):
    """In the data, the prices, the start and the box, against differences."""
    rng = np.random.default_rng(2)
    data, prices = problems("quadratic", 12, 20, seed=3)
    prices = prices._replace(down=prices.down + 0.1)
    given = (data["a"], data["v"], *prices, np.full(20, 0.4), np.full(20, 4.0))
    weight = rng.normal(size=(12, 20))

    @jax.jit
    def value(given):
        a, v, *frame = given
        path, _ = slopes.offline(slope_of("quadratic"), {"a": a, "v": v}, *frame, sweeps=50)
        return jnp.sum(weight * jnp.sin(path), axis=0)

    change = tuple(rng.normal(size=x.shape) for x in given)
    h = 1e-6
    above, below = (
        value(tuple(x + s * d for x, d in zip(given, change, strict=True))) for s in (h, -h)
    )
    _, forward = jax.jvp(value, (given,), (change,))
    back = jax.grad(lambda x: jnp.sum(value(x)))(given)
    total = sum(np.sum(g * d) for g, d in zip(back, change, strict=True))
    np.testing.assert_allclose(forward, (above - below) / (2 * h), rtol=1e-6, atol=2e-7)
    np.testing.assert_allclose(total, np.sum(forward), rtol=1e-9)


@float64
def test_the_least_cost_has_the_derivative_at_a_fixed_path(x64):
    """Envelope theorem; the cost as a function of the data, through the path and without."""
    data, prices = problems("mixed", 10, 8, seed=4)

    def total(data, path):
        x = path
        hit = data["q"] * (x - data["v"]) ** 2 / 2 + data["b"] * jnp.abs(x - data["w"])
        hit = hit + data["e0"] * x + data["a"] * jnp.exp(-data["r"] * x)
        step = jnp.diff(x, axis=0, prepend=prices.start[None])
        move = prices.up[None] * jnp.maximum(step, 0) + prices.down[None] * jnp.maximum(-step, 0)
        return jnp.sum(hit + move, axis=0)

    @jax.jit
    def least(data):
        return total(data, jax.lax.stop_gradient(best("mixed", data, prices)[0]))

    rng = np.random.default_rng(5)
    # All but the kinks' places, which positions follow.
    change = {n: 0.1 * x * rng.normal(size=x.shape) * (n != "w") for n, x in data.items()}
    h = 1e-5
    ends = [least({n: x + s * change[n] for n, x in data.items()}) for s in (h, -h)]
    _, slope = jax.jvp(least, (data,), (change,))
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-6)


@jax.jit
def receding(data, position, up, down):
    """First positions of whole horizons, bounds and steps of their windows, and the records."""
    frame = (up, down, LO, HI)
    whole, _ = slopes.offline(slope_of("mixed"), data, position, *frame)
    lower, upper, info = slopes.window_bounds(slope_of("mixed"), data, *frame)
    step, also = slopes.window_step(slope_of("mixed"), data, position, *frame)
    return whole[0], lower, upper, step, info, also


@float64
@pytest.mark.parametrize("window", [0, 1, 5])
def test_receding_horizons_are_first_steps_of_whole_ones(window, x64):
    data, prices = problems("mixed", window + 1, 40, seed=window)
    position = np.random.default_rng(6).uniform(LO, HI, 40)
    first, lower, upper, step, *infos = receding(data, position, prices.up, prices.down)
    np.testing.assert_allclose(np.clip(position, lower, upper), first, atol=1e-12)
    np.testing.assert_allclose(step, first, atol=1e-12)
    assert np.all(lower <= upper)
    assert all(np.all(info.status == Status.OK) for info in infos)


@float64
def test_lazy_bounds_with_a_window_are_optima_that_charge_the_end(x64):
    """``L``: the last position costs ``down``; ``U``: it earns ``up``; known up to ``t + w``."""
    rounds, window, lanes = 5, 3, 30
    data, prices = problems("quadratic", rounds + window, lanes, seed=7)
    start, up, down = prices

    def slope(x, theta):
        return theta["a"] * (x - theta["v"]) + theta["end"]

    state = slopes.start(jnp.asarray(start), up, down)
    for t in range(rounds - 1):
        state = slopes.quadratic_step(state, data["a"][t], data["v"][t], up, down)
    seen = jax.tree.map(lambda x: x[rounds - 1 :], data)
    frame = (up, down, -20.0, 20.0)
    past = partial(slopes.evaluate, state)

    @jax.jit
    def answers(position):
        bounds = slopes.window_bounds(slope_of("quadratic"), seen, *frame, past=past, trips=60)[:2]
        step, _ = slopes.window_step(slope_of("quadratic"), seen, position, *frame, past=past)
        return *bounds, step

    position = np.random.default_rng(8).uniform(-2, 7, lanes)
    lower, upper, step = answers(position)
    for price, found in ((down, lower), (-up, upper)):
        end = np.zeros((rounds + window, lanes))
        end[-1] = price
        path, _ = slopes.offline(slope, {**data, "end": end}, start, *frame, sweeps=60)
        np.testing.assert_allclose(found, path[rounds - 1], atol=1e-10)
    np.testing.assert_allclose(step, np.clip(position, lower, upper), atol=1e-10)


@float64
def test_derivatives_of_windows(x64):
    data, prices = problems("quadratic", 4, 30, seed=9)
    position = np.random.default_rng(10).uniform(0, 5, 30)
    given = (data, position, prices.up, prices.down + 0.2)

    @jax.jit
    def outcome(given):
        data, position, up, down = given
        frame = (up, down, -9.0, 9.0)
        past = lambda x: jnp.clip(0.3 * (x - position), -down, up)  # noqa: E731
        rhc = slopes.window_bounds(slope_of("quadratic"), data, *frame)[:2]
        lcp = slopes.window_bounds(slope_of("quadratic"), data, *frame, past=past)[:2]
        step = slopes.window_step(slope_of("quadratic"), data, position, *frame)[0]
        return jnp.stack([*rhc, *lcp, step])

    rng = np.random.default_rng(11)
    change = jax.tree.map(lambda x: rng.normal(size=x.shape), given)
    h = 1e-5
    above, below = (
        outcome(jax.tree.map(lambda x, d, s=s: x + s * d, given, change)) for s in (h, -h)
    )
    _, forward = jax.jvp(outcome, (given,), (change,))
    np.testing.assert_allclose(forward, (above - below) / (2 * h), rtol=1e-5, atol=1e-5)
    back = jax.grad(lambda x: jnp.sum(outcome(x)))(given)
    total = sum(np.sum(g * d) for g, d in zip(*map(jax.tree.leaves, (back, change)), strict=True))
    np.testing.assert_allclose(total, np.sum(forward), rtol=1e-9)


@mainly_in_float64
@pytest.mark.parametrize("kind", ["rightsizing", "mixed"])
def test_lanes_vmap_and_single_agree(kind, x64):
    data, prices = problems(kind, 8, 5, seed=12)
    data, prices = jax.tree.map(lambda x: jnp.asarray(x, float), (data, prices))
    frame = (*prices[1:], jnp.full(5, LO), jnp.full(5, HI))
    tolerance = 1e-12 if x64 else 2e-5

    def offline(data, start, *frame):
        return slopes.offline(slope_of(kind), data, start, *frame)

    def step(data, start, *frame):
        return slopes.window_step(slope_of(kind), data, start, *frame)

    for call in map(jax.jit, (offline, step)):
        native = call(data, prices.start, *frame)
        mapped = jax.vmap(call, in_axes=-1, out_axes=-1)(data, prices.start, *frame)
        for a, b in zip(*map(jax.tree.leaves, (native, mapped)), strict=True):
            np.testing.assert_allclose(a, b, atol=tolerance)
        for i in range(5):
            single = call(*one((data, prices.start, *frame), i))
            np.testing.assert_allclose(native[0][..., i], single[0], atol=tolerance)
        assert np.all(native[1].status == Status.OK)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_costs_are_those_of_float64(kind):
    data, prices = problems(kind, ROUNDS, 6, seed=13)
    with jax.enable_x64(True):
        wanted = np.asarray(best(kind, data, prices)[0])
    short = jax.tree.map(lambda x: x.astype(np.float32), (data, prices))
    found, info = best(kind, *short, sweeps=24)
    assert found.dtype == jnp.float32 and np.all(info.status == Status.OK)
    ours, theirs = (cost(KINDS[kind], np.asarray(x, float), data, prices) for x in (found, wanted))
    assert np.all(ours <= theirs * (1 + 1e-6) + 1e-5)


def test_what_cannot_be_solved_says_so(x64):
    goals = jnp.array([[1.0, jnp.nan, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0]])
    hi = jnp.array([5.0, 5.0, -1.0, 5.0])
    slope = lambda x, v: x - v  # noqa: E731
    _, info = slopes.offline(slope, goals, jnp.zeros(4), 1.0, 1.0, 0.0, hi)
    kinds = [Status.OK, Status.NONFINITE, Status.INFEASIBLE, Status.OK]
    np.testing.assert_array_equal(info.status, kinds)
    _, info = slopes.offline(slope, goals, jnp.zeros(4), 1.0, 1.0, 0.0, 5.0, sweeps=5)
    assert int(info.status[0]) == Status.LIMIT and float(info.residual[0]) == 5 / 32
    *_, info = slopes.window_bounds(slope, goals, 1.0, 1.0, 0.0, hi)
    np.testing.assert_array_equal(info.status, kinds)
    _, info = slopes.window_step(slope, goals, 0.0, 1.0, 1.0, 0.0, hi)
    np.testing.assert_array_equal(info.status, kinds)


def test_arguments_are_checked():
    slope = lambda x, v: x - v  # noqa: E731
    with pytest.raises(ValueError, match="theta: expected at least one round, got 0"):
        slopes.offline(slope, jnp.zeros((0, 3)), 0.0, 1.0, 1.0, 0.0, 5.0)
    with pytest.raises(ValueError, match="theta: expected arrays with one row a round"):
        slopes.offline(lambda x, v: x - v[0], (jnp.ones(3), jnp.ones(2)), 0.0, 1.0, 1.0, 0.0, 5.0)
    with pytest.raises(ValueError, match="lanes: expected equally many"):
        slopes.offline(slope, jnp.zeros((2, 3)), jnp.zeros(3), jnp.ones(4), 1.0, 0.0, 5.0)


def test_data_with_axes_of_their_own(x64):
    """Tables of nodes: a slope that looks its value up, one row a round."""
    tables = jnp.sort(jnp.asarray(np.random.default_rng(14).normal(size=(4, 6, 3)), float), axis=1)

    steps = jnp.diff(tables, axis=1, prepend=0)

    def slope(x, steps):
        passed = jnp.arange(6)[:, None] <= jnp.floor(x)[None]
        return jnp.sum(jnp.where(passed, steps, 0), axis=0)

    path, info = slopes.offline(slope, steps, jnp.zeros(3), 0.2, 0.2, 0.0, 5.0)
    assert path.shape == (4, 3) and np.all(info.status == Status.OK)
    # Slopes that are constant between the integers have their kinks there.
    np.testing.assert_allclose(path, jnp.round(path), atol=1e-5)
