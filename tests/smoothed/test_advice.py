"""Learners with advice: what they promise, on 240 runs with good advice, bad advice and both."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import line_reference as reference
import numpy as np
import pytest

import jaxsoco
from jaxsoco import smoothed
from jaxsoco.smoothed.learners._advice import mirror
from jaxsoco.smoothed.theory import ratios, trust

LEVELS, ROUNDS, RUNS, UP, DOWN = 5, 24, 240, 2.0, 1.0
DEAREST = UP * LEVELS


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


@cache
def _runs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tables ``[R, T, m + 1]``, advice ``[R, T]`` and the least costs ``[R]``.

    A third of the advice is the optimum, a third the optimum with blocks mirrored, a third noise.
    """
    rng = np.random.default_rng(12)
    tables, advice, best = [], [], []
    for run in range(RUNS):
        table = reference.convex_rows(rng, ROUNDS, LEVELS, rng.choice([0.2, 1.0]))
        value, path, _ = reference.table_optimum(table, 0, UP, DOWN)
        wrong = np.repeat(rng.uniform(size=ROUNDS // 4) < 0.4, 4)
        noise = rng.uniform(0, LEVELS, ROUNDS)
        kinds = (path, np.where(wrong, LEVELS - path, path), noise)
        tables.append(table)
        advice.append(kinds[run % 3])
        best.append(value)
    return np.array(tables), np.array(advice, float), np.array(best)


@partial(jax.jit, static_argnums=0)
def _played(name: str, table: jax.Array, path: jax.Array, params):
    """The path and the cost of a learner, given advice."""

    def one(table, path):
        problem = smoothed.recorded(smoothed.Table(table), weight=(UP, DOWN))
        learner = jaxsoco.learner(f"smoothed/{name}", **params)
        if name != "lcp":
            learner = jaxsoco.learner(f"smoothed/{name}", advice="recorded", robust="lcp", **params)
        advised = smoothed.with_advice(problem, path)
        run = jaxsoco.play(advised, *learner, jaxsoco.seed_keys(0, 1)[0], trace=True)
        return run.trace[0][:, 0], run.costs.hit[-1] + run.costs.move[-1]

    return jax.vmap(one)(table, path)


@cache
def _costs_alone() -> tuple[np.ndarray, np.ndarray]:
    """Of following the advice, and of lazy capacity provisioning, ``[R]`` each."""
    tables, advice, _ = _runs()
    followed = [
        reference.table_cost(t, p, 0, UP, DOWN) for t, p in zip(tables, advice, strict=True)
    ]
    _, robust = _played("lcp", tables, advice, {})
    return np.array(followed), np.asarray(robust)


def test_interpolation_costs_no_more_than_the_mean():
    tables, advice, _ = _runs()
    followed, robust = _costs_alone()
    path, cost = map(np.asarray, _played("interpolate", tables, advice, {"trust": 0.3}))
    assert np.all(cost <= 0.7 * followed + 0.3 * robust + 1e-9)
    lazy = np.asarray(_played("lcp", tables, advice, {})[0])
    np.testing.assert_allclose(path, 0.7 * advice + 0.3 * lazy, rtol=0, atol=1e-9)


def test_guarded_advice_is_consistent_and_robust():
    tables, advice, best = _runs()
    followed, robust = _costs_alone()
    cost = np.asarray(_played("guarded", tables, advice, {})[1])
    perfect = np.arange(RUNS) % 3 == 0
    np.testing.assert_allclose(cost[perfect], best[perfect], rtol=0, atol=1e-9)
    # The slack is the dearest move by default, and there is one change of mind at most.
    assert np.all(cost <= robust + 2 * DEAREST + 1e-9)
    noise = np.arange(RUNS) % 3 == 2
    assert np.mean(cost[noise] < followed[noise] - 1) > 0.5  # it does leave bad advice


def test_combination_is_within_nine_times_the_better_one():
    tables, advice, _ = _runs()
    followed, robust = _costs_alone()
    cost = np.asarray(_played("combine", tables, advice, {})[1])
    better = np.minimum(followed, robust)
    assert np.all(cost <= ratios.combine_ratio(2.0) * better + 1e-9)
    assert np.any(cost < followed - 1) and np.any(cost < robust - 1)


def _literal_leader(gamma: float, costs: np.ndarray) -> list[int]:
    """Stays with one until its cost exceeds the bound, then the other, round by round."""
    leader, bound, leaders = 0, 0.0, []
    for pair in costs:
        if bound <= 0:
            leader, bound = int(pair[1] < pair[0]), min(pair)
        while bound > 0 and pair[leader] > bound:
            leader, bound = 1 - leader, bound * gamma
        leaders.append(leader)
    return leaders


@pytest.mark.parametrize("gamma", [1.3, 2.0])
def test_leaders_change_as_in_the_definition(gamma):
    rng = np.random.default_rng(0)
    steps = rng.exponential(size=(40, 2, 50)) * (rng.uniform(size=(40, 2, 50)) < 0.5)
    costs = np.cumsum(steps, axis=0)  # [T, 2, runs]

    def step(state, now):
        state = trust.change_leader(*state, (now[0], now[1]), jnp.asarray(gamma))
        return state, state[0]

    first = jnp.zeros(50, jnp.int32), jnp.zeros(50)
    found = np.asarray(jax.jit(lambda x: jax.lax.scan(step, first, x)[1])(costs))
    expected = [_literal_leader(gamma, costs[:, :, run]) for run in range(50)]
    np.testing.assert_array_equal(found.T, expected)


@pytest.mark.slow  # five programs
def test_sources_of_advice():
    problem = smoothed.rightsizing(load="low", servers=6, rounds=24, window=3)
    keys = jaxsoco.seed_keys(0, 2)

    def path(**params):
        learner = jaxsoco.learner("smoothed/interpolate", trust=0.0, robust="lcp", **params)
        run = jaxsoco.play(problem, *learner, keys, trace=True)
        return np.asarray(run.trace[0]), run.costs

    exact, costs = path(advice="noisy_optimum", flips=0.0)
    best = jaxsoco.comparator("smoothed/offline_optimum")(problem, keys)
    total = best["hit"][-1] + best["move"][-1]
    np.testing.assert_allclose(costs.hit[-1] + costs.move[-1], total, rtol=1e-9)
    # Blocks are mirrored, and made feasible.
    noisy, costs = path(advice="noisy_optimum", flips=0.5, block=6)
    game = problem.spec(keys[0]).game
    same = np.abs(noisy - exact) < 1e-9
    mirrored = np.maximum(np.asarray(mirror(game))[None, :, None] - exact, 0)
    changed = ~same & (noisy >= mirrored - 1e-9)
    assert np.all(same | changed) and changed.any() and same.any()
    assert np.all(costs.infeasible == 0)
    # A forecast is receding horizon control.
    forecast, _ = path(advice="forecast", window=3)
    learner = jaxsoco.learner("smoothed/rhc", window=3)
    receding = jaxsoco.play(problem, *learner, keys, trace=True).trace[0]
    np.testing.assert_allclose(forecast, receding, rtol=0, atol=1e-9)


def test_advice_that_nobody_has_is_an_error():
    keys = jaxsoco.seed_keys(0, 2)
    problem = jaxsoco.make("smoothed/walk", horizon=5)
    with pytest.raises(ValueError, match="the problem brings none"):
        jaxsoco.play(problem, *jaxsoco.learner("smoothed/guarded", advice="recorded"), keys)
    with pytest.raises(ValueError, match="costs are drawn on the way"):
        jaxsoco.play(problem, *jaxsoco.learner("smoothed/guarded", advice="noisy_optimum"), keys)
    with pytest.raises(ValueError, match=r"path: expected \[T, d\] with T = 5"):
        smoothed.with_advice(problem, np.ones(4))


def test_what_jumps_has_no_gradient_and_says_so():
    problem = smoothed.zigzag(eps=0.5, length=6)
    algorithm, params = jaxsoco.learner("smoothed/combine")

    def cost(gamma):
        changed = type(params)(**{**vars(params), "gamma": gamma})
        return jaxsoco.play(problem, algorithm, changed, jaxsoco.seed_keys(0, 2)).costs.hit.sum()

    with pytest.raises(Exception, match="costs jump where another decision is followed"):
        jax.grad(cost)(2.0)
