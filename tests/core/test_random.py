"""Random streams: JAX's own bits, sound distributions, and draws that no blocking can change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxsoco.core import random

SEEDS = (0, 1, 7, 2**31 - 1)

# Compiled whole, and quickly: bits do not depend on how well a program is optimised.
QUICK = {"xla_backend_optimization_level": 0}
uniform = jax.jit(random.uniform, static_argnums=(1, 2), compiler_options=QUICK)
integers = jax.jit(random.integers, static_argnums=(3,), compiler_options=QUICK)
fold = jax.jit(random.fold, compiler_options=QUICK)


def key_of(seed: int) -> jax.Array:
    return random.words(jax.random.key(seed))


def keys_of(count: int) -> jax.Array:
    """Keys of the runs 0, 1, ...: ``[2, count]``."""
    return fold(key_of(0), np.arange(count, dtype=np.int32))


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_words_of_a_jax_key_put_its_lanes_last(shape):
    keys = jax.random.split(jax.random.key(5), shape) if shape else jax.random.key(5)
    words = random.words(keys)
    assert words.shape == (2, *shape) and words.dtype == jnp.uint32
    np.testing.assert_array_equal(jnp.moveaxis(words, 0, -1), jax.random.key_data(keys))


def test_words_pass_through_unchanged():
    words = jnp.arange(6, dtype=jnp.uint32).reshape(2, 3)
    assert random.words(words) is words


@pytest.mark.parametrize(
    "key",
    [
        jnp.zeros((2, 3), jnp.int32),
        jnp.zeros((3, 2), jnp.uint32),
        jnp.uint32(4),
        jnp.zeros((), jnp.float32),
    ],
    ids=["signed", "words last", "scalar", "float"],
)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(TypeError, match="want a JAX threefry key"):
        random.words(key)


def test_keys_of_another_generator_are_refused():
    with pytest.raises(TypeError, match="threefry"):
        random.words(jax.random.key(0, impl="rbg"))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("data", [0, 1, 12345, 2**31, 2**32 - 1])
def test_fold_gives_the_bits_of_jax(seed, data):
    wanted = jax.random.key_data(jax.random.fold_in(jax.random.key(seed), np.uint32(data)))
    np.testing.assert_array_equal(random.fold(key_of(seed), data), wanted)


def test_fold_acts_lane_by_lane():
    keys, data = keys_of(5), jnp.asarray([0, 3, 3, 9, 2**31 - 1])
    folded = fold(keys, data)
    for lane in range(5):
        np.testing.assert_array_equal(folded[:, lane], fold(keys[:, lane], data[lane]))
    # One key for many numbers: the run keys of a sweep.
    np.testing.assert_array_equal(
        random.run_key(jax.random.key(0), data)[:, 3], random.fold(key_of(0), 9)
    )


def test_rounds_and_streams_have_keys_of_their_own():
    keys = keys_of(4)
    seen = {
        tuple(np.asarray(key)[:, lane])
        for t in (*range(6), 2**31, 2**32 - 1)
        for key in random.round_keys(keys, t)
        for lane in range(4)
    }
    assert len(seen) == 8 * 3 * 4
    nature, learner, noise = random.round_keys(keys, jnp.int32(5))
    now = random.fold(keys, 5)
    for key, stream in ((nature, random.NATURE), (learner, random.LEARNER), (noise, random.NOISE)):
        np.testing.assert_array_equal(key, random.fold(now, stream))


# --- bits ---------------------------------------------------------------------------------------


def test_draws_of_a_key_never_are_keys_folded_from_it():
    key = key_of(3)
    drawn = {*zip(*(np.asarray(word).tolist() for word in random.bits(key, (4096,))), strict=True)}
    folded = np.asarray(fold(key, np.arange(4096, dtype=np.int32)))
    assert len(drawn) == 4096
    assert drawn.isdisjoint(zip(*folded.tolist(), strict=True))


def test_a_draw_depends_on_its_run_and_place_alone(x64):
    keys = keys_of(12)
    whole = uniform(keys, (3, 4))
    assert whole.shape == (3, 4, 12)
    for lane in range(12):
        np.testing.assert_array_equal(uniform(keys[:, lane], (3, 4)), whole[..., lane])
    np.testing.assert_array_equal(uniform(keys[:, 5:9], (3, 4)), whole[..., 5:9])
    np.testing.assert_array_equal(uniform(keys.reshape(2, 3, 4), (3, 4)).reshape(3, 4, 12), whole)
    mapped = jax.vmap(lambda key: random.uniform(key, (3, 4)), in_axes=-1, out_axes=-1)
    mapped = jax.jit(mapped, compiler_options=QUICK)(keys)
    np.testing.assert_array_equal(mapped, whole)
    # A longer draw begins with the shorter one.
    flat = whole.reshape(12, 12)
    np.testing.assert_array_equal(uniform(keys, (20,))[:12], flat)


# --- uniform ------------------------------------------------------------------------------------


def test_uniform_lies_below_one_and_reaches_both_ends():
    draws = np.asarray(uniform(keys_of(2048), (512,)))
    assert draws.dtype == np.float32
    assert 0 <= draws.min() < 2e-6 and 1 - 2e-6 < draws.max() < 1


def test_the_largest_words_stay_below_one(x64, monkeypatch):
    def ones(key, shape):
        return (jnp.full(shape, 2**32 - 1, jnp.uint32),) * 2

    monkeypatch.setattr(random, "bits", ones)
    assert 0.9999 < float(random.uniform(key_of(0), (1,))[0]) < 1


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_float32_is_float64_cut_short(x64):
    keys = keys_of(256)
    wide, short = uniform(keys, (16,)), uniform(keys, (16,), jnp.float32)
    assert wide.dtype == jnp.float64 and short.dtype == jnp.float32
    np.testing.assert_array_equal(short, np.floor(np.asarray(wide) * 2**23) / 2**23)
    with jax.enable_x64(False):
        np.testing.assert_array_equal(uniform(keys, (16,)), short)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_uniform_uses_all_52_bits(x64):
    # 2**-52 is the step of the grid: draws are odd multiples half of the time.
    steps = np.asarray(uniform(keys_of(512), (8,))) * 2.0**52
    np.testing.assert_array_equal(steps, np.round(steps))
    assert 0.4 < np.mean(steps % 2) < 0.6


@pytest.mark.parametrize("over", ["positions", "runs", "rounds"])
def test_uniform_is_uniform(over):
    draws = {
        "positions": lambda: uniform(key_of(11), (40_000,)),
        "runs": lambda: uniform(keys_of(40_000)),
        "rounds": lambda: uniform(fold(key_of(11), np.arange(40_000, dtype=np.int32))),
    }[over]()
    draws = np.asarray(draws, np.float64)
    assert stats.kstest(draws, "uniform").pvalue > 1e-3
    pairs = np.histogram2d(draws[:-1], draws[1:], bins=8, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-3


# --- integers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), [(0, 5), (-3, 3), (12, 47), (0, 999), (7, 7)])
def test_integers_are_uniform_with_both_ends(low, high):
    draws = np.asarray(integers(keys_of(60_000), low, high))
    assert draws.dtype == np.int32
    assert draws.min() == low and draws.max() == high
    counts = np.bincount(draws - low, minlength=high - low + 1)
    assert high == low or stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(
    ("low", "high"),
    [(-(2**31), 2**31 - 2), (-(2**31), 2**31 - 1), (-(2**30), 2**31 - 1), (0, 2**31 - 1)],
)
def test_integers_cover_large_spans(low, high):
    draws = np.asarray(integers(keys_of(20_000), low, high)).astype(np.float64)
    assert draws.min() >= low and draws.max() <= high
    share = (draws - low + 0.5) / (high - low + 1)
    assert stats.kstest(share, "uniform").pvalue > 1e-3


def test_the_high_product_is_exact():
    rng = np.random.default_rng(0)
    edges = np.array([0, 1, 2**16 - 1, 2**16, 2**31, 2**32 - 1], np.uint64)
    a = np.concatenate([rng.integers(0, 2**32, 500, np.uint64), np.repeat(edges, 6)])
    b = np.concatenate([rng.integers(0, 2**32, 500, np.uint64), np.tile(edges, 6)])
    got = random._high_product(jnp.asarray(a, jnp.uint32), jnp.asarray(b, jnp.uint32))
    np.testing.assert_array_equal(got, ((a * b) >> np.uint64(32)).astype(np.uint32))


def test_integers_take_bounds_lane_by_lane():
    keys = keys_of(6)
    low, high = jnp.arange(6) * 10, jnp.arange(6) * 10 + jnp.arange(6)
    draws = np.asarray(integers(keys, low, high, (50,)))
    assert draws.shape == (50, 6)
    for lane in range(6):
        alone = integers(keys[:, lane], lane * 10, lane * 10 + lane, (50,))
        np.testing.assert_array_equal(draws[:, lane], alone)
    assert [len(set(column)) for column in draws.T] == [1, 2, 3, 4, 5, 6]
