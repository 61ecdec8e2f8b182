"""Derivatives of what learners in one dimension pay, and what is counted where kinks are lost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import smoothed


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def test_costs_are_differentiable_in_the_data_and_in_parameters():
    rng = np.random.default_rng(0)
    targets, weights = np.cumsum(rng.normal(size=6)), rng.uniform(0.5, 2, 6)

    def paid(moving):
        targets, price, balance = moving
        theta = smoothed.Quadratic(weights, targets)
        runs = [
            smoothed.replay("lcp", theta, 0.3, weight=price),
            smoothed.replay("probabilistic", theta, 0.3, weight=price),
            smoothed.replay("memoryless", theta, 0.3, weight=price, balance=balance),
        ]
        return jnp.stack([jnp.sum(run.hit + run.move) for run in runs])

    point = (jnp.asarray(targets), jnp.asarray(0.25), jnp.asarray(0.5))
    ways = [
        (jnp.asarray(rng.normal(size=6)), jnp.zeros(()), jnp.zeros(())),
        (jnp.zeros(6), jnp.ones(()), jnp.ones(())),
    ]
    # One program for the slopes and the costs on both sides.
    step = 1e-6

    def sides(way):
        _, slope = jax.jvp(paid, (point,), (way,))
        near = [jax.tree.map(lambda x, d, s=s: x + s * step * d, point, way) for s in (1, -1)]
        return slope, (paid(near[0]) - paid(near[1])) / (2 * step)

    slopes, differences = jax.jit(jax.vmap(sides))(jax.tree.map(lambda *x: jnp.stack(x), *ways))
    assert np.abs(np.asarray(slopes)).min() > 1e-3
    assert np.allclose(slopes, differences, rtol=1e-6, atol=1e-7)


def test_kinks_without_a_place_are_faults():
    rng = np.random.default_rng(1)
    theta = smoothed.Absolute(np.full(12, 0.3), rng.normal(size=12))
    problem, key = smoothed.recorded(theta, weight=2.0), jaxsoco.seed_keys(0, 1)[0]
    faults = [
        int(jaxsoco.play(problem, *jaxsoco.learner("smoothed/lcp", knots=size), key).faults)
        for size in (4, 32)
    ]
    assert faults[0] > 0
    assert faults[1] == 0


def test_rbg_is_refused_a_gradient():
    problem = jaxsoco.make("smoothed/walk", horizon=3)
    algorithm, params = jaxsoco.learner("smoothed/rbg")

    def paid(params):
        return jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 1)[0]).costs.hit[-1]

    with pytest.raises(ValueError, match="its quantile is drawn"):
        jax.grad(paid)(params)
