"""Whole positions: against dynamic programming, windows by their definition, rounding."""

import jax
import jax.numpy as jnp
import line_reference as reference
import numpy as np
import pytest

import jaxsoco
from jaxsoco import smoothed

RUNS, ROUNDS, LEVELS = 200, 9, 5


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def tables(seed: int = 0, runs: int = RUNS, rounds: int = ROUNDS):
    """Costs ``[runs, T, m + 1]``, starts and prices ``[runs]``."""
    rng = np.random.default_rng(seed)
    costs = np.stack([reference.convex_rows(rng, rounds, LEVELS) for _ in range(runs)])
    return costs, rng.integers(0, LEVELS + 1, runs).astype(float), *rng.uniform(0.1, 2, (2, runs))


def test_the_optimum_is_that_of_dynamic_programming():
    data = tables()

    def one(costs, start, up, down):
        frame = {"weight": (up, down)}
        best = smoothed.solve_offline("integral_optimum", smoothed.Table(costs), start, **frame)
        linear = smoothed.solve_offline("offline_optimum", smoothed.Table(costs), start, **frame)
        prefix = smoothed.solve_offline("prefix_optimum", smoothed.Table(costs), start, **frame)
        return best.path, best.value, linear.value, prefix.value

    paths, values, linear, prefixes = (np.asarray(x) for x in jax.jit(jax.vmap(one))(*data))
    for run, row in enumerate(zip(*data, strict=True)):
        least, path, prefix = reference.table_optimum(*row)
        assert abs(values[run] - least) < 1e-12
        assert abs(linear[run] - least) < 1e-12
        assert np.array_equal(paths[run], path)
        assert np.abs(prefixes[run] - prefix).max() < 1e-12


@pytest.mark.parametrize("window", [0, 2])
def test_lcp_follows_the_optima_of_prefixes(window):
    """``L`` and ``U`` as Lin et al. define them: ups alone are charged, or downs alone."""
    runs = 12
    costs, start, up, _ = tables(1, runs)

    def one(costs, start, up):
        frame = {"movement": "l1", "weight": (up, 0.0), "integral": True, "window": window}
        return smoothed.replay("lcp", smoothed.Table(costs), start, **frame).path

    paths = np.asarray(jax.jit(jax.vmap(one))(costs, start, up))
    for run in range(runs):
        x = start[run]
        for t in range(ROUNDS):
            known = costs[run, : t + 1 + window]
            _, low, _ = reference.table_optimum(known, start[run], up[run], 0.0)
            # beta (down moves) = beta (up moves) + beta (start - end)
            _, high, _ = reference.table_optimum(known, start[run], up[run], 0.0, end=-up[run])
            assert low[t] <= high[t]
            x = min(max(x, low[t]), high[t])
            assert paths[run, t] == x


def test_rounding_has_the_expected_cost_of_the_fraction():
    runs = 20
    costs, start, up, down = tables(2, runs)

    def one(costs, start, up, down, seed):
        frame = {"weight": (up, down), "seed": seed}
        base = smoothed.replay("probabilistic", smoothed.Table(costs), start, weight=(up, down))
        rounded = smoothed.replay("rounded", smoothed.Table(costs), start, **frame)
        return base.path, rounded.path, rounded.hit + rounded.move

    seeds = jnp.arange(runs)
    data = costs, start, up, down, seeds
    bases, wholes, paid = (np.asarray(x) for x in jax.jit(jax.vmap(one))(*data))
    shifts = (np.arange(4000) + 0.5) / 4000
    for run in range(runs):
        row = costs[run], start[run], up[run], down[run]
        # One u for all rounds, within [0, 1): X - x < u <= X - x + 1 in every one of them.
        gaps = wholes[run] - bases[run]
        assert gaps.max() <= gaps.min() + 1 + 1e-12 and gaps.max() <= 1 and gaps.min() > -1
        assert np.array_equal(wholes[run], np.round(wholes[run]))
        assert abs(paid[run].sum() - reference.table_cost(row[0], wholes[run], *row[1:])) < 1e-9
        expected = np.mean(
            [reference.table_cost(row[0], np.floor(bases[run] + u), *row[1:]) for u in shifts[::20]]
        )
        fraction = reference.table_cost(row[0], bases[run], *row[1:])
        assert abs(expected - fraction) < 0.02 * fraction


def expected_cost(costs, path, start, up, down) -> float:
    """Of ``floor(path + u)`` for uniform ``u``: exactly, between the places where it jumps."""
    jumps = np.unique(np.concatenate([[0.0], 1 - path % 1, [1.0]]))
    middles = (jumps[1:] + jumps[:-1]) / 2
    each = [
        reference.table_cost(costs, np.floor(path + u), start, up, down) for u in middles.tolist()
    ]
    return float(np.diff(jumps) @ each)


@pytest.mark.slow
def test_rounding_costs_exactly_the_fraction_in_expectation_and_at_most_twice_the_optimum():
    costs, start, up, down = tables(5)
    down = np.where(np.arange(RUNS) % 2 == 0, up, down)
    runs = jnp.arange(RUNS)

    def one(costs, start, up, down, seed):
        frame = {"weight": (up, down)}
        base = smoothed.replay("probabilistic", smoothed.Table(costs), start, **frame)
        rounded = smoothed.replay("rounded", smoothed.Table(costs), start, seed=seed, **frame)
        return base.path, rounded.path

    bases, wholes = (np.asarray(x) for x in jax.jit(jax.vmap(one))(costs, start, up, down, runs))
    for run in range(RUNS):
        row = costs[run], start[run], up[run], down[run]
        gaps = wholes[run] - bases[run]
        assert gaps.max() < gaps.min() + 1 + 1e-12 and gaps.max() <= 1 and gaps.min() > -1
        fraction = reference.table_cost(row[0], bases[run], *row[1:])
        assert abs(expected_cost(row[0], bases[run], *row[1:]) - fraction) < 1e-9 * (1 + fraction)
        least, _, _ = reference.table_optimum(*row)
        assert fraction <= 2 * (least + abs(up[run] - down[run]) * LEVELS / 2) + 1e-9


@pytest.mark.slow
def test_lazy_whole_positions_are_3_competitive():
    """With and without a window, on random tables and on one that goes back and forth."""
    runs, rounds = 240, 40
    costs, start, up, _ = tables(6, runs, rounds)
    eps = np.random.default_rng(7).uniform(0.05, 0.5, runs)
    goal = np.arange(rounds)[None] // np.ceil(1 / eps + 1e-9).astype(int)[:, None] % 2
    places = np.arange(LEVELS + 1)
    zigzag = eps[:, None, None] * np.abs(np.minimum(places, 1) - goal[:, :, None])
    zigzag = zigzag + np.maximum(places - 1, 0)
    even = np.arange(runs) % 2 == 0
    costs = np.where(even[:, None, None], costs, zigzag)
    start, up = np.where(even, start, 0), np.where(even, up, 1)
    # Both ways from anywhere, or ups from the lower end.
    down = np.where(even, up, 0)

    def one(costs, start, up, down):
        frame = {"weight": (up, down), "integral": True}
        now, ahead = (
            smoothed.replay("lcp", smoothed.Table(costs), start, window=w, **frame) for w in (0, 3)
        )
        return jnp.sum(now.hit + now.move), jnp.sum(ahead.hit + ahead.move)

    paid = np.asarray(jax.jit(jax.vmap(one))(costs, start, up, down))
    rows = zip(costs, start, up, down, strict=True)
    least = np.array([reference.table_optimum(*row)[0] for row in rows])
    assert np.all(paid >= least - 1e-9) and np.all(paid <= 3 * least + 1e-9)
    assert (paid[0] / np.maximum(least, 1e-12)).max() > 2.2


def test_right_sizing_has_the_costs_of_the_paper():
    load = np.array([0.0, 3.0, 4.2, 1.0, 0.5, 6.0])
    numbers = {"e0": 1.3, "e1": 0.2, "d0": 1.4, "d1": 0.9, "mu": 1.1}
    problem = smoothed.rightsizing(load, 9, **numbers, switching=2.0)

    def cost(x, y):
        e0, e1, d0, d1, mu = numbers.values()
        if y == 0:
            return e0 * x
        if mu * x <= y:
            return 1e9 * (1 + y / mu - x)
        return e0 * x + e1 * y + d1 * y * max(1 / (mu - y / x) - d0, 0)

    costs = np.array([[cost(x, y) for x in range(10)] for y in load])
    least, _, _ = reference.table_optimum(costs, 0, 2.0, 0.0)
    key = jaxsoco.seed_keys(0, 1)[0]
    best = jaxsoco.comparator("smoothed/integral_optimum")(problem, key)
    assert abs(float(best["hit"][-1] + best["move"][-1]) - least) < 1e-9
    linear = smoothed.rightsizing(load, 9, **numbers, switching=2.0, between="linear")
    assert np.allclose(linear.settings.source.theta.values, costs, rtol=1e-12)
    # The minimiser is least among many.
    theta = jax.tree.map(lambda x: x[:1], problem.settings.source.theta)._replace(
        load=jnp.asarray(load)
    )
    hitting = problem.settings.game.hitting
    grid = np.linspace(0.001, 9, 20_001)
    for t, y in enumerate(load):
        one = jax.tree.map(lambda x, t=t: x[min(t, x.shape[0] - 1)], theta)
        best = float(hitting.minimizer(one, None, jnp.full(1, 9.0))[0])
        assert cost(max(best, 1e-12), y) <= min(cost(x, y) for x in grid) + 1e-6


def test_drawn_loads_have_the_ratio_of_peak_to_mean():
    for kind, low, high in (("low", 1.5, 1.8), ("high", 7.0, 14.0)):
        problem = smoothed.rightsizing(kind, 60, rounds=336)
        spec = problem.spec(jaxsoco.seed_keys(0, 64))
        load = np.asarray(spec.source.theta.load)
        assert load.shape == (336, 64)
        assert np.allclose(load.max(axis=0), 0.7 * 60)
        assert low < (load.max(axis=0) / load.mean(axis=0)).mean() < high


def test_a_load_just_below_a_whole_number_is_no_bearable_one():
    """Rounding put it there, and M/M/1 would wait for 1e15 rounds."""
    loads = np.array([3.0, np.nextafter(3.0, 0), np.nextafter(3.0, 4), 3.0 * (1 - 1e-5)])
    problem = smoothed.rightsizing(loads, 9, between="linear")
    values = np.asarray(problem.settings.source.theta.values)
    assert (values[:3, 3] > 0.99e9).all() and values[3, 3] < 1e6
    assert (np.diff(values, n=2)[:, 3:] >= -1e-3).all()
