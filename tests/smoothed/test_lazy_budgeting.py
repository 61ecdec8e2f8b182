"""Lazy budgeting against a transcription of the papers, dynamic programming and its guarantees."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fleet_reference import (
    best,
    by_lanes,
    by_parts,
    by_pools,
    dispatch_costs,
    load_costs,
    total,
)

import jaxsoco
from jaxsoco import smoothed
from jaxsoco.core.errors import InputError
from jaxsoco.smoothed.theory import lattice
from jaxsoco.smoothed.theory.fleets import LOAD

ROUNDS = 24
FLEETS = {1: (5,), 2: (3, 2), 3: (2, 2, 1)}
SLOW = pytest.mark.slow
FLOAT64 = pytest.mark.parametrize("x64", [True], indirect=True)


def loads_of(rng, servers, count) -> np.ndarray:
    """Whole loads ``[count, T]``: walks, bursts, and blocks that switch between two levels."""
    most = sum(servers)
    walk = np.clip(np.cumsum(rng.integers(-1, 2, (count, ROUNDS)), axis=1) + most // 2, 0, most)
    some = rng.uniform(size=(count, ROUNDS)) < 0.3
    bursts = rng.integers(0, most + 1, (count, ROUNDS)) * some
    length, level = rng.integers(1, 6, (count, 1)), rng.integers(1, most + 1, (count, 1))
    blocks = np.where(np.arange(ROUNDS) // length % 2 == 0, level, 0)
    return np.choose(rng.integers(0, 3, (count, 1)), [walk, bursts, blocks]).astype(float)


def simple(rng, servers, count):
    """Loads, running costs that fall and switching costs that rise with the type."""
    kinds = len(servers)
    costs = np.sort(rng.uniform(0.2, 2.0, (count, kinds)), axis=1)[:, ::-1].copy()
    weight = np.sort(rng.uniform(0.3, 8.0, (count, kinds)), axis=1)
    return loads_of(rng, servers, count), costs, weight


def dispatching(rng, servers, count):
    """Loads, the terms of the servers' costs, and prices of switching."""
    kinds = len(servers)
    capacity = np.round(rng.uniform(0.5, 2.0, (count, kinds)), 2)
    loads = rng.uniform(0, 0.95, (count, ROUNDS)) * (capacity * servers).sum(1, keepdims=True)
    loads *= rng.uniform(size=(count, ROUNDS)) < 0.7
    terms = [rng.uniform(0.1, 1.5, (count, kinds)) for _ in range(3)]
    return loads, [*terms, capacity], rng.uniform(0.3, 5.0, (count, kinds))


def schedules(kind, terms, weight, servers, gamma=None, **params) -> np.ndarray:
    """What lazy budgeting does on many instances, ``[n, T, d]``; ``terms [n, ...]`` each."""

    def play(terms, weight, gamma):
        ends = {"lo": 0.0, "hi": np.array(servers, float)}
        problem = smoothed.recorded(kind(*terms), "up", weight=weight, **ends)
        algorithm, settings = jaxsoco.learner("smoothed/lazy_budgeting", gamma=gamma, **params)
        run = jaxsoco.play(problem, algorithm, settings, jax.random.key(0), trace=True)
        return run.trace[0], run.costs

    axes = (0, 0, None if gamma is None else 0)
    path, costs = jax.jit(jax.vmap(play, in_axes=axes))(tuple(terms), weight, gamma)
    assert bool((costs.infeasible == 0).all())
    return np.asarray(path).astype(int)


def ratios(hits, weight, servers, paths) -> np.ndarray:
    """Cost over the least cost, instance by instance."""
    return np.array(
        [
            total(rows, b, servers, [*map(tuple, path)]) / max(best(rows, b, servers), 1e-12)
            for rows, b, path in zip(hits, weight, paths, strict=True)
        ]
    )


def simple_hits(loads, costs, servers):
    return [load_costs(row, c, servers) for row, c in zip(loads, costs, strict=True)]


def test_schedules_of_the_peer_that_are_right():
    loads, frame = np.array([1.0, 2, 0, 2, 1]), {"movement": "up", "lo": 0.0, "hi": np.ones(2)}
    frame["weight"] = np.array([2.0, 1.0])
    theta = smoothed.Load(loads[:4], np.array([1.0, 2.0]))
    path = smoothed.replay("lazy_budgeting", theta, **frame).path
    assert path.tolist() == [[1, 0], [1, 1], [1, 0], [1, 1]]
    theta = smoothed.Dispatch(loads, np.ones(2), 0.0, 0.0, 2.0)
    path = smoothed.replay("lazy_budgeting", theta, **frame).path
    assert path.tolist() == [[0, 1], [0, 1], [0, 0], [0, 1], [0, 1]]


@FLOAT64
@pytest.mark.parametrize(("kinds", "count"), [(1, 70), (2, 130), (3, 70)])
def test_server_lanes_are_the_papers_and_2d_competitive(kinds, count, x64):
    servers = FLEETS[kinds]
    loads, costs, weight = simple(np.random.default_rng(kinds), servers, count)
    paths = schedules(smoothed.Load, (loads, costs), weight, servers)
    hits = simple_hits(loads, costs, servers)
    for rows, c, b, path in zip(hits, costs, weight, paths, strict=True):
        assert [tuple(x) for x in path] == by_lanes(rows, c, b, servers)
    assert (paths <= servers).all()
    assert ratios(hits, weight, servers, paths).max() <= 2 * kinds + 1e-9


@FLOAT64
def test_a_drawn_share_is_e_over_e_minus_1_times_d_competitive_in_the_mean(x64):
    servers, count, draws = (2, 1), 200, 24
    loads, costs, weight = simple(np.random.default_rng(11), servers, count)
    # Midpoints of equally likely parts of the distribution.
    gamma = np.log1p((math.e - 1) * (np.arange(draws) + 0.5) / draws)
    many = [np.repeat(x, draws, axis=0) for x in (loads, costs, weight)]
    paths = schedules(smoothed.Load, many[:2], many[2], servers, np.tile(gamma, count))
    steps = np.diff(paths, axis=1, prepend=0)
    cost = (paths * many[1][:, None]).sum((1, 2))
    cost += (np.maximum(steps, 0) * many[2][:, None]).sum((1, 2))
    hits = simple_hits(loads, costs, servers)
    least = [best(rows, b, servers) for rows, b in zip(hits, weight, strict=True)]
    mean = cost.reshape(count, draws).mean(axis=1)
    # The rule of midpoints errs by a few percent where a cost jumps.
    assert (mean / np.maximum(least, 1e-12)).max() <= 2 * math.e / (math.e - 1) * 1.02


def test_the_share_is_drawn_once_a_run_with_its_density():
    problem = smoothed.load_types([1.0], [1.0], [1], load=np.ones(2))
    algorithm, params = jaxsoco.learner("smoothed/lazy_budgeting", randomized=True)
    keys = jaxsoco.seed_keys(0, 4096)
    state = algorithm.init(jax.random.key_data(keys).T, params, problem.spec(keys))
    gamma = np.asarray(state.gamma)
    assert gamma.shape == (4096,) and gamma.min() >= 0 and gamma.max() <= 1
    share = (np.exp(np.sort(gamma)) - 1) / (math.e - 1)
    # Kolmogorov: 1.95 / sqrt(n) is exceeded with probability 0.001.
    assert np.abs(share - (np.arange(4096) + 0.5) / 4096).max() <= 1.95 / 64


@FLOAT64
@pytest.mark.parametrize(
    ("variant", "kinds", "count"),
    [("B", 2, 200), pytest.param("B", 3, 200, marks=SLOW), pytest.param("C", 2, 200, marks=SLOW)],
)
def test_pools_are_the_papers_and_keep_their_guarantee(variant, kinds, count, x64):
    servers = FLEETS[kinds]
    loads, terms, weight = dispatching(np.random.default_rng(20 + kinds), servers, count)
    paths = schedules(smoothed.Dispatch, (loads, *terms), weight, servers, variant=variant)
    hits = [dispatch_costs(row, one, servers) for row, *one in zip(loads, *terms, strict=True)]
    bound = 2 * kinds + 1 + (0.25 if variant == "C" else (terms[0] / weight).sum(axis=1))
    for path, rows, idle, b in zip(paths, hits, terms[0], weight, strict=True):
        idles = [idle] * ROUNDS
        if variant == "B":
            wanted = by_pools(rows, idles, b, servers)
        else:
            wanted = by_parts(rows, idles, b, servers, 0.25)
        assert [tuple(x) for x in path] == wanted
    assert (ratios(hits, weight, servers, paths) <= bound + 1e-9).all()


@FLOAT64
def test_the_path_of_least_cost_is_that_of_a_program_over_all_pairs(x64):
    servers, count = (3, 2), 200
    loads, costs, weight = simple(np.random.default_rng(5), servers, count)
    theta = smoothed.Load(jnp.asarray(loads.T), jnp.asarray(costs.T))

    def of_round(load):
        now = smoothed.Load(load, theta.costs)
        return lattice.lattice_costs(LOAD.value, now, LOAD.axes, servers)

    tables = jax.vmap(of_round)(theta.load)
    start = jnp.zeros((2, count))
    path = np.asarray(lattice.optimal_path(tables, jnp.asarray(weight.T), start, servers))
    hits = simple_hits(loads, costs, servers)
    found = ratios(hits, weight, servers, np.moveaxis(path, -1, 0))
    np.testing.assert_allclose(found[found > 0], 1, rtol=1e-12)


def test_optima_of_types_are_on_the_lattice():
    problem = smoothed.load_types([2.0, 1.0], [1.0, 3.0], [1, 2], load=[3.0, 0.0, 2.0, 2.0, 0.0])
    key = jax.random.key(0)
    costs = {
        name: np.sum(
            [jaxsoco.comparator(f"smoothed/{name}")(problem, key)[part] for part in _PARTS], axis=0
        )
        for name in ("offline_optimum", "integral_optimum", "static_optimum", "prefix_optimum")
    }
    hits = load_costs([3.0, 0, 2, 2, 0], [2.0, 1.0], (1, 2))
    least = best(hits, [1.0, 3.0], (1, 2))
    for name in ("offline_optimum", "integral_optimum", "prefix_optimum"):
        assert float(costs[name][-1]) == pytest.approx(least)
    # All three servers in all rounds.
    assert float(costs["static_optimum"][-1]) == pytest.approx(5 * 4 + 7)


_PARTS = ("hit", "move")


def test_costs_that_swing_are_shared_by_learner_and_optimum():
    make = {"types": 2, "rounds": 30, "dispatching": True, "capacity": "1.0, 2.0"}
    problem = jaxsoco.make("smoothed/load_types", **make, quadratic="0.5, 0.5", swing=0.5)
    keys = jaxsoco.seed_keys(0, 16)
    learner = jaxsoco.learner("smoothed/lazy_budgeting")
    run = jaxsoco.play(problem, *learner, keys)
    found = jaxsoco.comparator("smoothed/integral_optimum")(problem, keys)
    cost, least = (run.costs.hit + run.costs.move)[-1], (found["hit"] + found["move"])[-1]
    assert bool((cost >= least * (1 - 1e-5)).all()) and bool((cost <= 5.25 * least).all())
    assert bool((run.costs.infeasible == 0).all())
    theta = problem.spec(keys).source.theta
    assert theta.idle[5].tolist() == pytest.approx([1.5, 0.75])  # sin(2 pi 6 / 24) = 1


def test_what_is_not_for_it_is_refused():
    theta = smoothed.Load(np.ones(3), np.array([1.0, 0.5]))
    fleet = {"weight": np.ones(2), "lo": 0.0, "hi": np.array([1.0, 1.0])}
    problem = smoothed.recorded(theta, "up", **fleet)
    plain = smoothed.recorded(smoothed.Absolute(1.0, np.ones(3)), "up", lo=0.0, hi=1.0)
    dispatch = smoothed.recorded(smoothed.Dispatch(np.ones(3), np.ones(2)), "up", **fleet)
    for where, params, words in (
        (plain, {}, "with servers of types"),
        (dispatch, {"variant": "A"}, "A is for loads without dispatching"),
        (problem, {"variant": "B", "randomized": True}, "B is deterministic"),
    ):
        algorithm, settings = jaxsoco.learner("smoothed/lazy_budgeting", **params)
        with pytest.raises(ValueError, match=words):
            jaxsoco.play(where, algorithm, settings, jax.random.key(0))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"costs": "1, 2, x"}, 'costs: "1, 2, x" is no list of numbers'),
        ({"costs": "2, 1", "switching": "1"}, "switching: has 1 numbers (expected 2"),
        ({"costs": "1, 0"}, "costs: has 0 (expected numbers > 0)"),
        ({"servers": "1.5, 2"}, "servers: has fractions"),
        ({"servers": "999, 999"}, "servers: 1,000,000 states"),
    ],
)
def test_numbers_by_type_that_are_wrong_are_named(values, words):
    with pytest.raises(InputError) as caught:
        jaxsoco.make("smoothed/load_types", **values)
    assert words in str(caught.value)
