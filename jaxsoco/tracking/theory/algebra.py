"""Products of small matrices and vectors, lanes last, matrices with lanes or shared by all runs."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align


def turn(matrix: jax.Array, vector: jax.Array) -> jax.Array:
    """``M x``: ``matrix [d, d, ...]`` or ``[d, d]`` times ``vector [d, ...]``."""
    return jnp.sum(align(matrix, 2, vector.ndim - 1) * vector[None], axis=1)


def turn_back(matrix: jax.Array, vector: jax.Array) -> jax.Array:
    """``M' x``; in an orthonormal basis ``M``, the coordinates of ``x``."""
    return jnp.sum(align(matrix, 2, vector.ndim - 1) * vector[:, None], axis=0)


def square(vector: jax.Array) -> jax.Array:
    """``|x|^2`` of ``[d, ...]``."""
    return jnp.sum(vector * vector, axis=0)
