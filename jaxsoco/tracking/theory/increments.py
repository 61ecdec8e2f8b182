"""Laws of the increments; gaussian ones are ``core.random.normal(..., paired=True)``.

Two variates from every counter: no state, the same in any blocking.

Both words of a counter are used, and both precisions start from the same words, so that runs in
float32 and float64 see the same world up to rounding, tails included.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core import random

CAUCHY_SCALE = 0.3
"""Half width at half height of a Cauchy increment (the paper gives none)."""

MODULATION, PERIOD = 0.5, 200.0
"""Correlated increments: the variance of round ``t`` is ``1 + 0.5 sin(2 pi t / 200)``."""


def laplaces(key: jax.Array, size: int, dtype) -> jax.Array:
    """Laplace variates of variance 1, ``[size, ...]``; consumes the key."""
    tail, sign = _halves(key, size, dtype)
    # P(X > x) = exp(-sqrt(2) x) / 2 = tail
    return sign * (-(0.5**0.5)) * jnp.log(2 * tail)


def cauchys(key: jax.Array, size: int, dtype) -> jax.Array:
    """Standard Cauchy variates ``[size, ...]``; consumes the key."""
    tail, sign = _halves(key, size, dtype)
    # P(X > x) = 1/2 - arctan(x) / pi = tail
    return sign / jnp.tan(jnp.pi * tail)


def _halves(key: jax.Array, size: int, dtype) -> tuple[jax.Array, jax.Array]:
    """Tail probabilities in (0, 1/2) and signs, ``[size, ...]`` each."""
    word = jnp.concatenate(random.bits(key, ((size + 1) // 2,)))[:size]
    # The upper 31 bits, centred in their cells, are the tail; the lowest bit is the sign.
    tail = ((word >> 1).astype(dtype) + 0.5) * 2.0**-32
    return tail, jnp.where((word & 1) == 1, 1, -1).astype(dtype)


def correlation_root(dimension: int, correlation: jax.Array) -> jax.Array:
    """Lower triangular ``L`` with ``(L L')_ij = r^|i - j|``, ``[d, d, ...]`` for ``r [...]``.

    In closed form, the square root of an autoregression of order one.
    """
    correlation = jnp.asarray(correlation)
    row, column = jnp.meshgrid(jnp.arange(dimension), jnp.arange(dimension), indexing="ij")
    lanes = (1,) * correlation.ndim
    lag = (row - column).reshape(dimension, dimension, *lanes)
    first = (column == 0).reshape(dimension, dimension, *lanes)
    # L_ij = r^(i - j) for j <= i, times sqrt(1 - r^2) in all columns but the first.
    power = correlation[None, None] ** jnp.maximum(lag, 0)
    width = jnp.where(first, 1, jnp.sqrt(1 - correlation * correlation)[None, None])
    return jnp.where(lag >= 0, power * width, 0)


def variance_of_round(clock: jax.Array, dtype) -> jax.Array:
    """``s_t^2`` of correlated increments, for round ``t = clock``."""
    return 1 + MODULATION * jnp.sin(2 * jnp.pi / PERIOD * clock.astype(dtype))
