"""Small algebra on decisions ``[d, ...]``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def length(x: jax.Array) -> jax.Array:
    """``|x|_2`` of ``[d, ...]``; its derivative at 0 is 0."""
    square = jnp.sum(x * x, axis=0)
    some = square > 0
    return jnp.where(some, jnp.sqrt(jnp.where(some, square, 1)), 0)


def times(matrix: jax.Array, x: jax.Array) -> jax.Array:
    """``M x`` for ``[d, d, ...]`` and ``[d, ...]``."""
    return jnp.sum(matrix * x[None], axis=1)


def into(x: jax.Array, lo: Any, hi: Any) -> jax.Array:
    """The nearest point of a box; ``lo`` and ``hi`` may be None."""
    x = x if lo is None else jnp.maximum(x, lo)
    return x if hi is None else jnp.minimum(x, hi)
