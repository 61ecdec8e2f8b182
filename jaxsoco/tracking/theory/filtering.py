"""A Kalman filter for an unknown matrix that is observed through noisy quadratic forms.

``f = 1/2 y' A y + eta`` is linear in ``a``, the entries of ``A`` on and above the diagonal, those
above it times ``sqrt(2)``: ``f = phi' a + eta`` with ``phi`` half the entries of ``y y'``. So the
belief ``a ~ N(mean, P)`` stays normal. With the variance ``R`` of the noise, and ``lambda <= 1``
by which what is old counts less::

    P <- P / lambda,   K = P phi / (phi' P phi + R),   mean <- mean + K (f - phi' mean),
    P <- P - K phi' P

It is carried as ``P = S S'``, in Potter's form: with ``u = S' phi`` and ``s = u' u + R``::

    S <- S - S u u' / (s + sqrt(R s))

whose ``P`` cannot lose its sign to rounding, however far the deviation. The weights ``sqrt(2)``
make the first belief, ``P = spread^2 I``, the same in every basis.

Battin, "Astronautical guidance", 1964, section 9.5 (Potter); fading memory: Sorenson, Sacks,
Information Sciences 3, 1971.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import align, lift


class Belief(NamedTuple):
    """What is believed of the entries: ``mean [n, ...]``, and ``S [n, n, ...]`` of ``P = S S'``."""

    mean: jax.Array
    root: jax.Array


def entries(matrix: jax.Array) -> jax.Array:
    """Entries ``[n, ...]`` of a symmetric matrix ``[d, d, ...]``, ``n = d (d + 1) / 2``."""
    row, column = np.triu_indices(matrix.shape[0])
    return matrix[row, column] * _weight(matrix.shape[0], matrix.ndim - 2, matrix.dtype)


def matrix_of(entries: jax.Array) -> jax.Array:
    """The symmetric matrix ``[d, d, ...]`` of entries ``[n, ...]``."""
    size = (math.isqrt(8 * entries.shape[0] + 1) - 1) // 2
    row, column = np.triu_indices(size)
    place = np.zeros((size, size), np.int32)
    place[row, column] = place[column, row] = np.arange(len(row))
    return (entries / _weight(size, entries.ndim - 1, entries.dtype))[place]


def _weight(size: int, lanes: int, dtype: jnp.dtype) -> jax.Array:
    """1 on the diagonal and ``sqrt(2)`` above it, ``[n, ...]``."""
    row, column = np.triu_indices(size)
    weight = np.where(row == column, 1.0, math.sqrt(2.0))
    return jnp.asarray(weight, dtype).reshape(-1, *(1,) * lanes)


def first_belief(initial: jax.Array, spread: jax.Array, dimension: int) -> Belief:
    """``N(initial I, spread^2 I)``, for numbers ``[...]``."""
    eye = align(jnp.eye(dimension, dtype=initial.dtype), 2, initial.ndim)
    mean = entries(eye * initial[None, None])
    square = align(jnp.eye(mean.shape[0], dtype=initial.dtype), 2, initial.ndim)
    return Belief(mean, square * spread[None, None])


def observe(
    belief: Belief, deviation: jax.Array, value: jax.Array, noise: jax.Array, memory: jax.Array
) -> Belief:
    """The belief after one round.

    Args:
      belief: before it.
      deviation: ``y [d, ...]``.
      value: ``f [...]``.
      noise: ``R [...]``, above 0.
      memory: ``lambda [...]``.
    """
    mean, root = belief.mean, belief.root / jnp.sqrt(memory)[None, None]
    forms = entries(deviation[:, None] * deviation[None]) / 2
    across = jnp.sum(root * forms[:, None], axis=0)  # u = S' phi
    total = jnp.sum(across * across, axis=0) + noise
    reach = jnp.sum(root * across[None], axis=1)  # P phi = S u
    surprise = value - jnp.sum(forms * mean, axis=0)
    lost = reach[:, None] * across[None] * (1 / (total + jnp.sqrt(noise * total)))[None, None]
    return Belief(mean + reach * lift(surprise / total), root - lost)
