"""Counter-based random streams, lanes last.

Inside a rollout a key is the two uint32 words of a JAX threefry key with the lanes behind them,
``[2, ...]``. A draw depends on the run's own key and its place (round, position) alone, so that
tiles, packs, devices and resumption never change a number, and learners that share a seed
see the same world. :func:`fold` gives the bits of ``jax.random.fold_in``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry2x32_p

_STREAMS = 0xFFFFFFFE
"""Place of the keys of whole streams in a run's stream: no round reaches it."""

_DRAW = 0xFFFFFFFF
"""Place of the draw of a run's spec in the run's stream: no round reaches it."""

NATURE, LEARNER, NOISE, DRAW = range(4)
"""Streams of a round (``DRAW``: the draw of a run's spec)."""


def words(key: jax.Array) -> jax.Array:
    """Returns ordinary JAX key(s) ``[...]`` as words, uint32 ``[2, ...]``.

    Raw uint32 ``[2, ...]`` words pass through unchanged.

    >>> from jaxsoco.extend import words
    >>> words(key).shape, words(keys).shape
    ((2,), (2, 4))

    Raises:
      TypeError: neither, or keys of another generator than threefry (they have more words).
    """
    want = "key: want a JAX threefry key or uint32 [2, ...] words, got"
    if not hasattr(key, "dtype"):
        raise TypeError(f"{want} {type(key).__name__}")
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jnp.moveaxis(jax.random.key_data(key), -1, 0)
    if key.dtype != jnp.uint32 or key.ndim == 0 or key.shape[0] != 2:
        last = key.dtype == jnp.uint32 and key.ndim > 0 and key.shape[-1] == 2
        hint = ": jax.random.wrap_key_data takes words that come last" if last else ""
        raise TypeError(f"{want} {key.dtype}{list(key.shape)}{hint}")
    return key


def key_words(key: jax.Array) -> jax.Array:
    """Words, uint32 ``[2, ...]``, of the key(s) ``[...]`` that a user gives.

    Words themselves are refused here, but for those of a single key: an array of them looks like
    one of legacy keys, whose words come last.

    Raises:
      TypeError: no threefry keys, or a raw array of more than one.
    """
    raw = getattr(key, "dtype", None) == jnp.uint32 and jnp.ndim(key) > 1
    if raw:
        hint = "jax.random.wrap_key_data takes words that come last, and makes keys of them"
        raise TypeError(f"key: want a JAX threefry key, got raw uint32{list(key.shape)}: {hint}")
    return words(key)


def _threefry(key: jax.Array, high: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
    shape = jnp.broadcast_shapes(key.shape[1:], high.shape, low.shape)
    lanes = [jnp.broadcast_to(x, shape) for x in (key[0], key[1], high, low)]
    return tuple(threefry2x32_p.bind(*lanes))  # type: ignore[return-value]


def fold(key: jax.Array, data: jax.Array | int) -> jax.Array:
    """Derives a key from ``key [2, ...]`` and an integer ``data [...]``, as ``fold_in`` does.

    >>> from jaxsoco.extend import fold, words
    >>> bool((fold(words(key), 7) == words(jax.random.fold_in(key, 7))).all())
    True
    """
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

    >>> from jaxsoco.extend import uniform, words
    >>> uniform(words(keys), (3,)).shape
    (3, 4)
    """
    dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    high, low = bits(key, shape)
    if dtype == jnp.float64:
        # 26 bits of each word make the 52 of a float64 on an even grid.
        return (high >> 6).astype(dtype) * 2.0**-26 + (low >> 6).astype(dtype) * 2.0**-52
    return ((high >> 9).astype(jnp.float32) * 2.0**-23).astype(dtype)


def normal(
    key: jax.Array, shape: Sequence[int] = (), dtype=None, *, paired: bool = False
) -> jax.Array:
    """Standard normals ``[*shape, ...]``; consumes the key.

    By default one from every counter, the quantile of its uniform (:func:`normal_quantile`). With
    ``paired``, two from every counter by Box and Muller, from its words as uniforms ``u``, ``v``::

        sqrt(-2 ln u) cos(2 pi v),  sqrt(-2 ln u) sin(2 pi v)

    which takes half the bits and has the tails that 32 bits give, in both precisions. The two ways
    draw different numbers, and each has its own runs: a problem keeps to one.

    >>> from jaxsoco.extend import normal, words
    >>> round(float(normal(words(key), (10000,)).std()), 1)
    1.0

    Args:
      key: words ``[2, ...]``.
      shape: of what is drawn, before the lanes.
      dtype: float32 or float64; runs in the two see the same world, up to rounding.
      paired: static.
    """
    dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    if not paired:
        return normal_quantile(uniform(key, shape, dtype))
    size = math.prod(shape)
    high, low = bits(key, ((size + 1) // 2,))
    # Never 0, and of full relative precision near it: there are the tails.
    radius = jnp.sqrt(-2 * jnp.log((high.astype(dtype) + 0.5) * 2.0**-32))
    angle = (2 * jnp.pi * 2.0**-32) * low.astype(dtype)
    flat = jnp.concatenate([radius * jnp.cos(angle), radius * jnp.sin(angle)])[:size]
    return flat.reshape(*shape, *key.shape[1:])


def normal_quantile(uniforms: jax.Array) -> jax.Array:
    """Standard normals ``sqrt(2) erf^-1(2 u - 1)`` of uniforms ``u`` in [0, 1), of any shape.

    Increasing in ``u``, and bounded: a rounding unit of the dtype is cut off on both sides, so
    that no draw is infinite (at most 5.3 in float32, 8.2 in float64).
    """
    cut = jnp.finfo(uniforms.dtype).eps
    inside = jnp.clip(2 * uniforms - 1, -1 + cut, 1 - cut)
    return jnp.sqrt(jnp.asarray(2, uniforms.dtype)) * jax.lax.erf_inv(inside)


def integers(
    key: jax.Array, low: jax.Array | int, high: jax.Array | int, shape: Sequence[int] = ()
) -> jax.Array:
    """Integers uniform on ``low .. high`` (both ends included), int32 ``[*shape, ...]``.

    The bias is below ``(high - low + 1) / 2**32``; the key is consumed.

    >>> from jaxsoco.extend import integers, words
    >>> rolls = integers(words(key), 1, 6, (1000,))
    >>> int(rolls.min()), int(rolls.max())
    (1, 6)
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
    # By halves of 16 bits, as in long multiplication: no partial sum exceeds 32 bits.
    half = jnp.uint32(0xFFFF)
    a1, a0, b1, b0 = a >> 16, a & half, b >> 16, b & half
    middle = a1 * b0 + ((a0 * b0) >> 16)
    return a1 * b1 + (middle >> 16) + (((middle & half) + a0 * b1) >> 16)


def run_key(root: jax.Array, seed: jax.Array | int) -> jax.Array:
    """Key of the run with this seed: words ``[2, ...]`` for seeds ``[...]``."""
    return fold(words(root), seed)


def draw_key(key: jax.Array) -> jax.Array:
    """Key of the draw of the spec that the run of this key meets: words ``[2, ...]``."""
    return fold(words(key), _DRAW)


def round_keys(key: jax.Array, round: jax.Array | int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Keys of round ``t = 1, 2, ...`` for nature, learner and noise (``t = 0``: the inits).

    >>> from jaxsoco.extend import round_keys, words
    >>> nature, learner, noise = round_keys(words(keys), 1)
    >>> nature.shape
    (2, 4)
    """
    now = fold(key, round)
    return fold(now, NATURE), fold(now, LEARNER), fold(now, NOISE)


# --- streams with a counter -----------------------------------------------------------------------


class Stream(NamedTuple):
    """Key of a round where the draws dominate the round's work: nothing is derived per round.

    Attributes:
      words: the stream's own words, uint32 ``[2, ...]``, the same in every round.
      round: the round, int32 ``[]`` (all lanes are in the same one); the counter's upper half.
    """

    words: jax.Array
    round: jax.Array


class Given(NamedTuple):
    """Uniforms handed over instead of a key, ``[n, ...]``: how a recorded run is replayed."""

    values: jax.Array


AnyKey = jax.Array | Stream | Given


def rollout_keys(
    key: jax.Array, *, nature: bool, learner: bool
) -> Callable[[jax.Array], tuple[AnyKey, AnyKey, AnyKey]]:
    """Keys of the rounds of a run ``key [2, ...]``: a function of the round.

    Args:
      key: the run's words.
      nature: whether nature and noise get a :class:`Stream` each, or a key derived per round.
      learner: the same for the learner.
    """
    root = fold(key, _STREAMS)
    whole = [fold(root, place) for place in (NATURE, LEARNER, NOISE)]
    counted = (nature, learner, nature)

    def keys(round: jax.Array) -> tuple[AnyKey, AnyKey, AnyKey]:
        derived = round_keys(key, round)
        pairs = zip(counted, whole, derived, strict=True)
        return tuple(Stream(w, jnp.asarray(round)) if c else d for c, w, d in pairs)  # type: ignore[return-value]

    return keys


def draws(key: AnyKey, count: int, dtype=None) -> tuple[jax.Array, ...]:
    """``count`` uniforms inside (0, 1), ``[...]`` each; consumes the key.

    They are midpoints ``(k + 1/2) / 2**23`` in float32, ``/ 2**52`` in float64: never 0, which
    would draw an arm of any probability, nor 1. The float32 draw is the float64 draw, coarser.

    >>> from jaxsoco.extend import draws, words
    >>> arm, loss = draws(words(keys), 2)
    >>> arm.shape
    (4,)
    """
    dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    if isinstance(key, Given):
        return tuple(key.values[i].astype(dtype) for i in range(count))
    pairs = [_words(key, jnp.uint32(i), dtype) for i in range((count + 1) // 2)]
    return tuple(_midpoint(pairs[i // 2], i % 2, dtype) for i in range(count))


def draw_at(key: AnyKey, position: jax.Array, dtype=None) -> jax.Array:
    """The uniform at a position, ``[...]``: draws of a whole table can be looked at singly.

    Args:
      key: it may be used again for other positions.
      position: integer ``[...]`` or ``[n, ...]``, from 0. A :class:`Given` that holds one draw
        returns it, whatever the position.
      dtype: as for :func:`draws`.
    """
    dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    if isinstance(key, Given):
        if key.values.shape[0] == 1:
            return jnp.broadcast_to(key.values[0], position.shape).astype(dtype)
        return jnp.take_along_axis(key.values, position, axis=0).astype(dtype)
    # Away from the counters of `draws`, which start at 0.
    low = (position + (1 << 24)).astype(jnp.uint32)
    return _midpoint(_words(key, low, dtype), 0, dtype)


def _words(key: jax.Array | Stream, low: jax.Array, dtype) -> list[tuple[jax.Array, ...]]:
    """Two words of a counter, and in float64 two more for the lower bits."""
    words, round = key if isinstance(key, Stream) else (key, jnp.int32(0))
    # The set top bit keeps these counters apart from those of `fold`.
    high = round.astype(jnp.uint32) | jnp.uint32(1 << 31)
    parts = [_unrolled_threefry(words, high, low)]
    if dtype == jnp.float64:
        # The upper bits are those of float32; only the lower ones need a second block.
        parts.append(_unrolled_threefry(words, high, low | jnp.uint32(1 << 31)))
    return parts


def _midpoint(parts: list[tuple[jax.Array, ...]], word: int, dtype) -> jax.Array:
    first = parts[0][word]
    if dtype == jnp.float64:
        # 32 bits, 20 more and half a unit: (k + 1/2) / 2^52.
        rest = parts[1][word] >> 12
        return first.astype(dtype) * 2.0**-32 + (rest.astype(dtype) + 0.5) * 2.0**-52
    # Signed: the conversion of unsigned integers is slow on many processors.
    whole = (first >> 9).astype(jnp.int32).astype(jnp.float32)
    return ((whole + 0.5) * 2.0**-23).astype(dtype)


def _unrolled_threefry(
    key: jax.Array, high: jax.Array, low: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The bits of :func:`_threefry` written out: JAX's own is a loop inside on the CPU."""
    k0, k1 = key[0], key[1]
    # The key schedule of Threefry-2x32; the third word is the parity of the key.
    subkeys = (k0, k1, k0 ^ k1 ^ jnp.uint32(0x1BD11BDA))
    x = _raise_rank(high, low, k0)
    a, b = x[0] + _rank(k0, x[0]), x[1] + _rank(k1, x[1])
    # 20 rounds in five groups of four, with a key injected after each group.
    for i in range(5):
        for shift in ((13, 15, 26, 6), (17, 29, 16, 24))[i % 2]:
            a = a + b
            b = (b << jnp.uint32(shift)) | (b >> jnp.uint32(32 - shift))
            b = a ^ b
        a = a + _rank(subkeys[(i + 1) % 3], a)
        b = b + _rank(subkeys[(i + 2) % 3] + jnp.uint32(i + 1), b)
    return a, b


def _raise_rank(high: jax.Array, low: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    rank = max(low.ndim, key.ndim)
    low = low.reshape((1,) * (rank - low.ndim) + low.shape)
    return high.reshape((1,) * rank), low


def _rank(x: jax.Array, like: jax.Array) -> jax.Array:
    return x.reshape((1,) * (like.ndim - x.ndim) + x.shape)
