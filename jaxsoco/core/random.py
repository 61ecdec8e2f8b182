"""Counter-based random streams, lanes last.

Inside a rollout a key is the two uint32 words of a JAX threefry key with the lanes behind them,
``[2, ...]``. A draw depends on the run's own key and its place (round, position) alone, so that
blocking, chunking, devices and resumption never change a number, and learners that share a seed
see the same world. :func:`fold` gives the bits of ``jax.random.fold_in``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry2x32_p

NATURE, LEARNER, NOISE, DRAW = range(4)
"""Streams of a round (``DRAW``: the draw of a run's spec)."""


def words(key: jax.Array) -> jax.Array:
    """Returns ordinary JAX key(s) ``[...]`` as words, uint32 ``[2, ...]``.

    Raw uint32 ``[2, ...]`` words pass through unchanged.

    Raises:
      TypeError: neither, or keys of another generator than threefry (they have more words).
    """
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jnp.moveaxis(jax.random.key_data(key), -1, 0)
    if key.dtype != jnp.uint32 or key.ndim == 0 or key.shape[0] != 2:
        want = "a JAX threefry key or uint32 [2, ...] words"
        raise TypeError(f"key: want {want}, got {key.dtype}{list(key.shape)}")
    return key


def _threefry(key: jax.Array, high: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
    shape = jnp.broadcast_shapes(key.shape[1:], high.shape, low.shape)
    lanes = [jnp.broadcast_to(x, shape) for x in (key[0], key[1], high, low)]
    return tuple(threefry2x32_p.bind(*lanes))  # type: ignore[return-value]


def fold(key: jax.Array, data: jax.Array | int) -> jax.Array:
    """Derives a key from ``key [2, ...]`` and an integer ``data [...]``, as ``fold_in`` does."""
    low = jnp.asarray(np.uint32(data) if isinstance(data, int) else data).astype(jnp.uint32)
    return jnp.stack(_threefry(key, jnp.zeros_like(low), low))


def bits(key: jax.Array, shape: Sequence[int]) -> tuple[jax.Array, jax.Array]:
    """Draws two uint32 words for every position: two arrays ``[*shape, ...]``; consumes the key."""
    lanes = key.ndim - 1
    counter = jnp.arange(math.prod(shape), dtype=jnp.uint32).reshape((*shape, *(1,) * lanes))
    wide = key.reshape((2, *(1,) * len(shape), *key.shape[1:]))
    # The set top bit keeps draws apart from the keys that `fold` derives.
    return _threefry(wide, jnp.full_like(counter, 1 << 31), counter)


def uniform(key: jax.Array, shape: Sequence[int] = (), dtype=None) -> jax.Array:
    """Uniforms in [0, 1), ``[*shape, ...]``; consumes the key.

    The float32 draw is the float64 draw cut to 23 bits, so that runs in the two precisions see
    the same world.
    """
    dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    high, low = bits(key, shape)
    if dtype == jnp.float64:
        return (high >> 6).astype(dtype) * 2.0**-26 + (low >> 6).astype(dtype) * 2.0**-52
    return ((high >> 9).astype(jnp.float32) * 2.0**-23).astype(dtype)


def integers(
    key: jax.Array, low: jax.Array | int, high: jax.Array | int, shape: Sequence[int] = ()
) -> jax.Array:
    """Integers uniform on ``low .. high`` (both ends included), int32 ``[*shape, ...]``.

    The bias is below ``(high - low + 1) / 2**32``; the key is consumed.
    """
    low, high = (
        x.reshape((1,) * (len(shape) + key.ndim - 1 - x.ndim) + x.shape)
        for x in (jnp.asarray(low, jnp.int32), jnp.asarray(high, jnp.int32))
    )
    span = (high - low).astype(jnp.uint32) + 1
    word, _ = bits(key, shape)
    # Of all 2**32 integers, as many as uint32 counts from 0, the word itself is one.
    drawn = jnp.where(span == 0, word, _high_product(word, span))
    return low + drawn.astype(jnp.int32)


def _high_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Upper 32 bits of the product of two uint32 (no 64-bit integers without x64)."""
    half = jnp.uint32(0xFFFF)
    a1, a0, b1, b0 = a >> 16, a & half, b >> 16, b & half
    middle = a1 * b0 + ((a0 * b0) >> 16)
    return a1 * b1 + (middle >> 16) + (((middle & half) + a0 * b1) >> 16)


def run_key(root: jax.Array, seed: jax.Array | int) -> jax.Array:
    """Key of the run with this seed: words ``[2, ...]`` for seeds ``[...]``."""
    return fold(words(root), seed)


def round_keys(key: jax.Array, round: jax.Array | int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Keys of round ``t = 1, 2, ...`` for nature, learner and noise (``t = 0``: the inits)."""
    now = fold(key, round)
    return fold(now, NATURE), fold(now, LEARNER), fold(now, NOISE)
