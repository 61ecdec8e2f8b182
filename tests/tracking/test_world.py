"""The world: how increments and noise are distributed, and how runs share them."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxsoco
from jaxsoco.core import random
from jaxsoco.engine.simulate import simulate
from jaxsoco.tracking import (
    LAIParams,
    follow_minimizer,
    lai,
    make_matrix,
    make_spec,
    online_optimum,
    quadratic_tracking,
    recorded_tracking,
    replay,
)
from jaxsoco.tracking.theory.increments import cauchys, laplaces

DRAWS = 40_000
MATRIX = np.diag([0.5, 2.0, 4.0])


def keys(count: int, seed: int = 0):
    return random.run_key(jax.random.key(seed), jnp.arange(count))


def normals(key, size: int, dtype):
    """As gaussian increments are drawn."""
    return random.normal(key, (size,), dtype, paired=True)


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (normals, stats.norm()),
        (laplaces, stats.laplace(scale=0.5**0.5)),
        (cauchys, stats.cauchy()),
    ],
    ids=["normal", "laplace", "cauchy"],
)
def test_variates_have_their_law(draw, law):
    with jax.enable_x64(True):
        sample = np.asarray(draw(keys(DRAWS), 3, jnp.float64))
    for row in sample:
        assert stats.kstest(row, law.cdf).pvalue > 1e-3
    # Coordinates are independent: ranks are, whatever the tails.
    ranks = np.argsort(np.argsort(sample, axis=1), axis=1) / DRAWS
    correlation = np.asarray(np.corrcoef(ranks))[np.triu_indices(3, 1)]
    assert np.abs(correlation).max() < 4 / np.sqrt(DRAWS)
    # So are their sizes (both words of a counter are used).
    sizes = np.argsort(np.argsort(np.abs(sample), axis=1), axis=1) / DRAWS
    assert np.abs(np.asarray(np.corrcoef(sizes))[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(DRAWS)


@pytest.mark.parametrize("draw", [normals, laplaces, cauchys])
def test_both_precisions_see_the_same_variates(draw):
    short = np.asarray(draw(keys(DRAWS), 3, jnp.float32))
    with jax.enable_x64(True):
        long = np.asarray(draw(keys(DRAWS), 3, jnp.float64))
    assert short.dtype == np.float32 and np.isfinite(short).all()
    np.testing.assert_allclose(short, long, rtol=1e-3, atol=1e-5)
    assert np.median(np.abs(short / long - 1)) < 5e-7


@cache
def walked(kind: str, rounds: int = 60):
    """Increments ``[T, d, runs]`` and feedback noise ``[T, runs]`` of the follower's runs."""
    with jax.enable_x64(True):
        spec = make_spec(MATRIX, rounds, increments=kind, scale=2.0)

        def watch(key, params, state, obs):
            return obs.increment, state  # stands at y = delta, so that the noise can be seen

        watcher = follow_minimizer._replace(act=watch)
        run = jax.jit(
            lambda k: simulate(watcher, None, quadratic_tracking, spec, k, rounds, trace=True)
        )(keys(4000))
        return np.asarray(run.trace[0])


@pytest.mark.parametrize("kind", ["gaussian", "correlated", "laplace"])
def test_increments_are_a_martingale_with_the_stated_covariance(kind):
    steps = np.asarray(walked(kind)) / 2
    lag = np.abs(np.subtract.outer(range(3), range(3)))
    wanted = 0.7**lag if kind == "correlated" else np.eye(3)
    for t in (0, 49, 59):
        variance = 1 + 0.5 * np.sin(2 * np.pi * (t + 1) / 200) if kind == "correlated" else 1
        np.testing.assert_allclose(np.cov(steps[t]), variance * wanted, atol=0.16)
    # No round tells anything of the next.
    flat = steps.transpose(1, 0, 2)
    for i in range(3):
        across = np.mean(flat[i, 1:] * flat[i, :-1])
        assert abs(across) < 4 * np.mean(flat[i] ** 2) / np.sqrt(flat[i].size)
    assert abs(steps.mean()) < 4 * steps.std() / np.sqrt(steps.size / 3)


def test_cauchy_increments_have_their_quartiles():
    steps = walked("cauchy").ravel()
    np.testing.assert_allclose(np.quantile(steps, [0.25, 0.5, 0.75]), [-0.6, 0, 0.6], atol=0.01)


@pytest.mark.parametrize("noise", ["uniform", "adversarial"])
def test_noise_keeps_within_its_cap(noise):
    with jax.enable_x64(True):
        spec = make_spec(MATRIX, 5, noise_cap=0.3, noise=noise)
        block = keys(DRAWS)
        world = quadratic_tracking.init(block, spec)
        world, now = quadratic_tracking.advance(random.fold(block, 1), spec, world)
        action = normals(random.fold(block, 2), 3, jnp.float64)
        _, told, costs = quadratic_tracking.play(random.fold(block, 3), spec, world, now, action)
    eta, action = np.asarray(told.value - told.exact), np.asarray(action)
    np.testing.assert_array_equal(told.exact, costs.hit)
    if noise == "uniform":
        assert stats.kstest(eta, stats.uniform(-0.3, 0.6).cdf).pvalue > 1e-3
    else:
        np.testing.assert_allclose(np.abs(eta), 0.3, rtol=1e-12)
        # It draws the feedback towards that of the isotropic matrix of equal trace.
        isotropic = np.trace(MATRIX) / 3 * np.sum(action**2, axis=0) / 2
        assert np.all(np.sign(eta) == np.sign(isotropic - np.asarray(told.exact)))


def test_a_recorded_path_is_played_back():
    rng = np.random.default_rng(1)
    minimizers, noise = np.cumsum(rng.standard_normal((12, 3)), axis=0), 0.1 * rng.random(12)
    with jax.enable_x64(True):
        matrix = make_matrix(jax.random.key(0), [0.5, 1, 2])
        spec, problem = make_spec(matrix, 12), recorded_tracking(minimizers, noise)
        at = tuple(range(1, 13))
        run = simulate(lai, LAIParams(), problem, spec, jax.random.key(0), 12, at=at, trace=True)
        steps = np.diff(minimizers, axis=0, prepend=0)
        wanted = replay("lai", matrix, steps, noise)
        np.testing.assert_allclose(run.trace[0], wanted.deviations, atol=1e-13)
        total = run.costs.hit + run.costs.move
        np.testing.assert_allclose(total, np.cumsum(wanted.cost), rtol=1e-12)
        block = simulate(lai, LAIParams(), problem, spec, keys(4), 12, at=at)
        np.testing.assert_allclose(block.costs.hit, jnp.stack([run.costs.hit] * 4, -1), rtol=1e-12)
    with pytest.raises(ValueError, match=r"noise \[T\]"):
        recorded_tracking(minimizers, noise[:-1])


def test_the_online_optimum_is_lai_itself():
    with jax.enable_x64(True):
        spec, at = make_spec(MATRIX, 20), (5, 20)
        run = simulate(lai, LAIParams(), quadratic_tracking, spec, keys(6), 20, at=at)
        costs, faults = online_optimum(jaxsoco.seed_keys(0, 6), spec, at)
        for name, cost in costs.items():
            np.testing.assert_allclose(cost, getattr(run.costs, name), rtol=1e-12, atol=1e-20)
        assert not faults.any()


def test_a_minimizer_that_jumps_far_does_not_drown_the_costs():
    """Deviations, not positions: float32 stays accurate after a jump of ten million."""
    steps = np.ones((60, 3))
    steps[10] = 1e7
    found = {}
    for wide in (False, True):
        with jax.enable_x64(wide):
            found[wide] = replay("lai", MATRIX, steps, np.zeros(60))
    np.testing.assert_allclose(found[False].cost[40:], found[True].cost[40:], rtol=1e-4)
