"""What UCB1, discounted UCB and sliding-window UCB share: counts of plays, and a child's index.

Costs take the place of rewards: the child with the least ``mean - radius`` is chosen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import one_hot
from jaxsoco.multistage.learners._rows import child_mask
from jaxsoco.multistage.theory.levels import spread_like, tables
from jaxsoco.multistage.theory.tree import Level, Tree


class Plays(NamedTuple):
    """Tables ``[n, K, ...] by level``, or one node's rows ``[K, ...]``.

    Attributes:
      count: jobs that were sent to each child, as they count now; exact to 2^24 in float32.
      total: sum of their costs, as they count now.
      learned: 1 for the child that is chosen next, 0 for the others.
    """

    count: Any
    total: Any
    learned: Any


def first_plays(tree: Tree, like: jax.Array) -> Plays:
    """No child has been tried; the first one comes first."""
    first = [
        np.arange(tree.width)[None] == np.argmax(level.mask, axis=1)[:, None]
        for level in tree.levels
    ]
    zeros = tables(tree, like, 0.0)
    return Plays(zeros, zeros, tuple(spread_like(mask, like) for mask in first))


def choose(
    level: Level, place: jax.Array, count: jax.Array, total: jax.Array, factor: jax.Array
) -> Plays:
    """The node after its counts have changed, with the child of the least index.

    ``total / count - sqrt(factor log(n) / count)`` with ``n`` the sum of the counts; a child whose
    count is 0 comes first, of several the first one.
    """
    tried = count > 0
    jobs = jnp.maximum(jnp.sum(count, axis=0), 1)
    safe = jnp.where(tried, count, 1)
    index = total / safe - jnp.sqrt((factor * jnp.log(jobs))[None] / safe)
    index = jnp.where(tried, index, -jnp.inf)
    index = jnp.where(child_mask(level, place), index, jnp.inf)
    best = one_hot(jnp.argmin(index, axis=0), index.shape[0], dtype=index.dtype)
    return Plays(count, total, best)
