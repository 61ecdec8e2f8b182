"""Integral problems against dynamic programming, exactly; slopes on a grid against exact ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from smoothed_reference import Prices, cost_of_moves, least_integral_costs, levels

from jaxsoco_kernels import knots, slopes, thresholds

float64 = pytest.mark.parametrize("x64", [True], indirect=True)


def convex(rng, rounds: int, m: int, lanes: int) -> np.ndarray:
    """Costs ``[T, m + 1, lanes]``, multiples of 1/16, so that sums of them are exact."""
    differences = np.sort(rng.integers(-60, 60, (rounds, m, lanes)), axis=1) / 16
    zero = np.zeros((rounds, 1, lanes))
    return np.concatenate([zero, np.cumsum(differences, axis=1)], axis=1)


@float64
@pytest.mark.parametrize(("rounds", "m"), [(1, 3), (6, 1), (10, 5), (15, 12)])
def test_integral_optima_are_those_of_dynamic_programming(rounds, m, x64):
    """Sixty problems each, to the bit."""
    rng, lanes = np.random.default_rng(rounds), 60
    costs = convex(rng, rounds, m, lanes)
    start = rng.integers(0, m + 1, lanes)
    up, down = rng.integers(0, 40, (2, lanes)) / 16
    down = np.where(np.arange(lanes) % 3, down, 0)  # a third charges for ups only
    path = np.asarray(slopes.threshold_path(jnp.diff(costs, axis=1), start * 1.0, up, down))
    assert path.dtype == np.int32 and path.min() >= 0 and path.max() <= m
    prices = Prices(start, up, down)
    hit = np.sum(np.take_along_axis(costs, path[:, None], axis=1), axis=(0, 1))
    least = least_integral_costs(costs, prices).min(axis=0)
    np.testing.assert_array_equal(hit + cost_of_moves(path, prices), least)


@float64
def test_the_trigger_forwards_is_lazy(x64):
    """LCP by thresholds moves to the nearest point between the optima of all prefixes."""
    rng, rounds, m = np.random.default_rng(1), 12, 6
    costs = convex(rng, rounds, m, 40)
    up, down = rng.integers(1, 40, (2, 40)) / 16
    s = thresholds.initial(jnp.arange(m), 0.0, up, down)
    on, position = jnp.zeros((m, 40), bool), np.zeros(40, int)
    places = np.arange(m + 1)[:, None]
    for t in range(rounds):
        s = thresholds.threshold_step(s, jnp.asarray(np.diff(costs, axis=1)[t]), up, down)
        on = thresholds.trigger(on, s, up, down)
        work = least_integral_costs(costs[: t + 1], Prices(0, up, down))
        # The first optimum if the end costs `down` a unit, and the last if it earns `up`.
        lower = np.argmin(work + down * places, axis=0)
        upper = m - np.argmin((work - up * places)[::-1], axis=0)
        position = np.clip(position, lower, upper)
        np.testing.assert_array_equal(np.sum(on, axis=0), position)


@float64
def test_a_grid_comes_close_to_exact_slopes(x64):
    """Second order between kinks: bounds and mean of quadratic costs on 65 and 513 nodes."""
    rng, rounds = np.random.default_rng(2), 12
    a, v = rng.uniform(0.2, 2, (rounds, 30)), rng.uniform(0, 5, (rounds, 30))
    up, down, start = rng.uniform(0.5, 2, 30), rng.uniform(0.5, 2, 30), np.full(30, 2.5)
    exact = knots.start(jnp.asarray(start), up, down)
    for t in range(rounds):
        exact = knots.quadratic_step(exact, a[t], v[t], up, down)
    wanted = [*(np.clip(x, 0, 5) for x in knots.bounds(exact)), knots.mean(exact, 0.0, 5.0)]
    errors = []
    for cells in (64, 512):
        nodes = jnp.linspace(0, 5, cells + 1)
        s = thresholds.initial(nodes, start, up, down)
        for t in range(rounds):
            s = thresholds.grid_step(s, a[t] * (np.asarray(nodes)[:, None] - v[t]), up, down)
        found = [
            thresholds.crossing(nodes, s, -down),
            thresholds.crossing(nodes, s, up, last=True),
            thresholds.grid_mean(nodes, s, up, down),
        ]
        gaps = [np.max(np.abs(np.asarray(x - y))) for x, y in zip(found, wanted, strict=True)]
        errors.append(max(gaps))
    assert errors[0] < 0.08 and errors[1] < 0.01 and errors[1] < errors[0] / 4


@float64
def test_grid_quantities_of_a_line(x64):
    nodes = jnp.linspace(-1, 3, 5)
    s = nodes[:, None] * jnp.array([[1.0, 2.0]])
    np.testing.assert_allclose(thresholds.crossing(nodes, s, jnp.array([0.5, -1])), [0.5, -0.5])
    np.testing.assert_array_equal(thresholds.crossing(nodes, s, 99.0), [3, 3])
    np.testing.assert_array_equal(thresholds.crossing(nodes, s, -99.0), [-1, -1])
    flat = jnp.array([-1.0, 0, 0, 0, 1])
    assert float(thresholds.crossing(nodes, flat, 0.0)) == 0
    assert float(thresholds.crossing(nodes, flat, 0.0, last=True)) == 2
    prices = Prices(-1.0, 1.0, 0.5)
    slope = [lambda x: x - 0.2]
    s = thresholds.grid_step(thresholds.initial(nodes, *prices), nodes - 0.2, *prices[1:])
    lower = thresholds.crossing(nodes, s, -prices.down)
    np.testing.assert_allclose(max(levels(slope, prices, -prices.down, False)[0], -1), lower)
    # P rises from 0.2 to 1 on (-1, 0.2), linearly.
    fine = jnp.linspace(-1, 3, 4001)
    s = thresholds.grid_step(thresholds.initial(fine, *prices), fine - 0.2, *prices[1:])
    np.testing.assert_allclose(thresholds.grid_mean(fine, s, *prices[1:]), -0.52, atol=1e-6)


def test_lanes_vmap_and_single_agree(x64):
    rng = np.random.default_rng(3)
    differences = jnp.asarray(np.sort(rng.normal(size=(5, 4, 6)), axis=1), float)
    start, up, down = jnp.zeros(6), *jnp.asarray(rng.uniform(0.2, 2, (2, 6)), float)
    native = slopes.threshold_path(differences, start, up, down)
    mapped = jax.vmap(slopes.threshold_path, in_axes=-1, out_axes=-1)(differences, start, up, down)
    np.testing.assert_array_equal(native, mapped)
    for i in range(6):
        single = slopes.threshold_path(differences[..., i], start[i], up[i], down[i])
        np.testing.assert_array_equal(native[:, i], single)


def test_contract_names_are_those_of_thresholds():
    for name in ("threshold_step", "grid_step", "crossing", "trigger", "threshold_path"):
        assert getattr(slopes, name) is getattr(thresholds, name)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"difference: expected \[m, \.\.\.\] with m = 3"):
        thresholds.threshold_step(jnp.zeros((3, 2)), jnp.zeros((4, 2)), 1.0, 1.0)
    with pytest.raises(ValueError, match=r"differences: expected \[T, m, \.\.\.\]"):
        thresholds.threshold_path(jnp.zeros(3), 0.0, 1.0, 1.0)
