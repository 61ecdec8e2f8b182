"""Streams with a counter: bits of threefry, midpoints, precision, lanes, and independence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry2x32_p

from jaxsoco.core import random


def stream(round=5, runs=3):
    key = random.run_key(jax.random.key(1), jnp.arange(runs))
    return random.rollout_keys(key, nature=True, learner=True)(jnp.int32(round))[1]


def test_the_bits_are_threefry_of_the_round_and_the_place():
    given = stream()
    found = np.stack(random.draws(given, 4))
    for i in range(4):
        high, low = jnp.full(3, 5 | 1 << 31, jnp.uint32), jnp.full(3, i // 2, jnp.uint32)
        pair = threefry2x32_p.bind(given.words[0], given.words[1], high, low)
        wanted = (np.asarray(pair[i % 2] >> 9, np.float64) + 0.5) / 2**23
        np.testing.assert_array_equal(found[i], wanted.astype(np.float32))


def test_draws_lie_inside_the_unit_interval_and_are_uniform():
    for draws in (stream(runs=1000), stream(9, runs=1000)):
        values = np.stack(random.draws(draws, 5))
        assert values.min() > 0 and values.max() < 1
        assert abs(values.mean() - 0.5) < 5 * 12**-0.5 / 5000**0.5
        correlations = np.corrcoef(values) - np.eye(5)
        assert np.abs(correlations).max() < 5 / 1000**0.5


def test_the_float32_draw_is_the_float64_draw_coarser():
    short = np.stack(random.draws(stream(), 3))
    with jax.enable_x64(True):
        long = np.stack(random.draws(stream(), 3))
    assert long.dtype == np.float64
    assert np.abs(long - short).max() <= 2.0**-24
    assert np.any(long != long.astype(np.float32))


def test_streams_rounds_places_and_runs_differ():
    key = random.run_key(jax.random.key(1), jnp.arange(3))
    keys = random.rollout_keys(key, nature=True, learner=True)
    values = [np.stack(random.draws(k, 3)) for t in (1, 2) for k in keys(jnp.int32(t))]
    at = random.draw_at(keys(jnp.int32(1))[0], jnp.arange(3)[:, None] + jnp.zeros((3, 3), int))
    everything = np.concatenate([*values, at])
    assert len(np.unique(everything)) == everything.size


def test_a_draw_at_a_place_does_not_depend_on_what_is_asked_with_it(x64):
    given = stream()
    table = random.draw_at(given, jnp.arange(6)[:, None] + jnp.zeros((6, 3), int))
    place = jnp.array([4, 0, 5])
    np.testing.assert_array_equal(random.draw_at(given, place), table[place, jnp.arange(3)])


def test_given_uniforms_are_handed_over():
    values = jnp.array([[0.25], [0.5]])
    given = random.Given(values)
    np.testing.assert_array_equal(np.stack(random.draws(given, 2)), values)
    np.testing.assert_array_equal(random.draw_at(given, jnp.array([[1], [0]])), [[0.5], [0.25]])
    single = random.Given(values[:1])
    np.testing.assert_array_equal(random.draw_at(single, jnp.array([7])), [0.25])


@pytest.mark.parametrize("nature", [False, True])
@pytest.mark.parametrize("learner", [False, True])
def test_who_asks_for_no_stream_gets_the_keys_of_rounds(nature, learner):
    key = random.run_key(jax.random.key(1), jnp.arange(3))
    found = random.rollout_keys(key, nature=nature, learner=learner)(jnp.int32(4))
    plain = random.round_keys(key, 4)
    for one, wanted, counted in zip(found, plain, (nature, learner, nature), strict=True):
        assert isinstance(one, random.Stream) == counted
        if not counted:
            np.testing.assert_array_equal(one, wanted)
