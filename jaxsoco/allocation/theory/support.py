"""Work on the few states that hold mass, instead of on all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import where

SUPPORT = 6
"""States that a block of lanes is compiled for: decisions were seen to rest on at most 4."""

T = TypeVar("T")


def on_support(mass: jax.Array, few: Callable[[], T], everywhere: Callable[[], T]) -> T:
    """Result of ``few``, which sees :func:`held_states` alone, where these are all that there are.

    A lane of ``mass [m, ...]`` on more than ``SUPPORT`` states gets that of ``everywhere``, which
    runs only if there is such a lane. Without lanes it always runs: nothing would be saved.
    """
    if mass.ndim == 1 or mass.shape[0] <= SUPPORT:
        return everywhere()
    narrow = few()
    wide = jnp.sum(mass > 0, axis=0) > SUPPORT
    return jax.lax.cond(jnp.any(wide), lambda: where(wide, everywhere(), narrow), lambda: narrow)


def held_states(mass: jax.Array, *values: jax.Array) -> tuple[jax.Array, ...]:
    """The first ``SUPPORT`` states with mass, in order, and what belongs to them.

    Args:
      mass: ``[m, ...]``.
      *values: more about every state, ``[m, ...]`` each.

    Returns:
      The mass, the values and last the states' numbers, ``[SUPPORT, ...]`` each; zeros where fewer
      states hold mass.
    """
    lanes = mass.shape[1:]
    columns = (mass, *values)
    places = jnp.arange(SUPPORT, dtype=jnp.int32).reshape(SUPPORT, *(1,) * len(lanes))

    def gather(i, state):
        rank, rows, numbers = state
        # A state with mass goes to the row of its rank among such states.
        here = mass[i] > 0
        hit = here[None] & (rank[None] == places)
        rows = tuple(jnp.where(hit, c[i][None], r) for c, r in zip(columns, rows, strict=True))
        return rank + here, rows, jnp.where(hit, i, numbers)

    none = tuple(jnp.zeros((SUPPORT, *lanes), c.dtype) for c in columns)
    start = (jnp.zeros(lanes, jnp.int32), none, jnp.zeros((SUPPORT, *lanes), jnp.int32))
    _, rows, numbers = jax.lax.fori_loop(0, mass.shape[0], gather, start)
    return (*rows, numbers)
