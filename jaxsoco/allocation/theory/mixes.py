"""Mixes of paths: fractional decisions that put a fixed weight on each of a few paths of states.

The cost of a mix is not the mean of its paths' costs: mass of one path may take the place of
another's, so a change costs ``W1`` of the two marginals, which is at most that mean.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def marginal(states: jax.Array, weights: jax.Array, points: int) -> jax.Array:
    """The decision ``sum_a weights[a] delta(states[a])``, ``[2n, ...]``.

    Args:
      states: int ``[A, ...]``.
      weights: ``[A, ...]``.
      points: ``n``.
    """
    places = jnp.arange(2 * points, dtype=jnp.int32).reshape(-1, 1, *(1,) * (states.ndim - 1))
    return jnp.sum(jnp.where(places == states[None], weights[None], 0), axis=1)
