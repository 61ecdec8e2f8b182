"""Normal draws: their distribution, their bits, and that no lane or precision changes the world."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxsoco.core import random

both_ways = pytest.mark.parametrize("paired", [False, True])


def keys(count: int) -> jax.Array:
    return random.run_key(jax.random.key(0), np.arange(count, dtype=np.int32))


@both_ways
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_shapes_and_lanes(shape, paired):
    many = random.normal(keys(4), shape, paired=paired)
    assert many.shape == (*shape, 4) and many.dtype == jnp.float32
    for lane in range(4):
        alone = random.normal(keys(4)[:, lane], shape, paired=paired)
        np.testing.assert_allclose(alone, many[..., lane], rtol=1e-6)


@both_ways
def test_distribution(paired):
    draw = np.asarray(random.normal(keys(40), (2500,), paired=paired), np.float64)
    assert stats.kstest(draw.ravel(), stats.norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(draw[:1250].ravel(), draw[1250:].ravel())[0, 1]) < 0.02


@both_ways
def test_both_precisions_see_the_same_world(paired):
    single = random.normal(keys(3), (7,), jnp.float32, paired=paired)
    with jax.enable_x64(True):
        double = random.normal(keys(3), (7,), jnp.float64, paired=paired)
    assert double.dtype == jnp.float64
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_what_the_two_ways_are(x64):
    """The quantile of the uniforms; Box and Muller of the words of half as many counters."""
    key = keys(5)
    quantile = stats.norm.ppf(random.uniform(key, (6,), jnp.float64))
    np.testing.assert_allclose(random.normal(key, (6,), jnp.float64), quantile, rtol=1e-12)
    u, v = ((np.asarray(word, np.float64) + s) / 2**32 for word, s in _words(key))
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:5]
    found = random.normal(key, (5,), jnp.float64, paired=True)
    np.testing.assert_allclose(found, pairs, rtol=1e-9, atol=1e-12)


def _words(key):
    return zip(random.bits(key, (3,)), (0.5, 0.0), strict=True)


def test_quantiles_are_finite_and_increasing(x64):
    dtype = jnp.float64 if x64 else jnp.float32
    uniforms = jnp.asarray([0, 1e-5, 0.25, 0.5, 0.75, 1 - jnp.finfo(dtype).epsneg], dtype)
    quantiles = np.asarray(random.normal_quantile(uniforms))
    assert quantiles.dtype == dtype and np.isfinite(quantiles).all()
    assert (np.diff(quantiles) > 0).all() and quantiles[3] == 0
