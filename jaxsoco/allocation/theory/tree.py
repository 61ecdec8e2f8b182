"""Random tree embedding of the network, with ON leaves and OFF pendants."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco_kernels import hst
from jaxsoco_kernels.hst import TreeMetric as TreeMetric


def embed_tree(key: jax.Array, distance: jax.Array) -> TreeMetric:
    """Draws a random hierarchical tree that dominates ``distance``.

    The tree's leaves are the ON states; every point's OFF state hangs below its leaf by an edge
    of its switch cost, so ``state_metric(tree.distance, switch)`` is the tree over all states.

    >>> from jaxsoco.allocation import embed_tree
    >>> distance = jnp.array([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]])
    >>> bool((embed_tree(key, distance).distance >= distance).all())
    True

    Args:
      key: a JAX key ``[...]``, every axis a lane; consumed.
      distance: a metric ``[n, n, ...]`` (close a matrix of measurements with ``metric_closure``).

    Returns:
      A :class:`TreeMetric`; ``.distance [n, n, ...]`` is never below ``distance`` and its
      expectation is ``O(log n)`` times it (Fakcharoenphol, Rao, Talwar 2004).

    Raises:
      TypeError: ``key`` is no JAX key.
    """
    return draw_tree(random.key_words(key), distance)


def draw_trees(key: jax.Array, distances: jax.Array) -> jax.Array:
    """Distances in the trees of several metrics ``[S, n, n, ...]``, from one draw.

    Every tree has the same order of centres and scale of radii, so that equal metrics have equal
    trees, and each has the distribution of :func:`embed_tree`.
    """
    first = draw_tree(key, distances[0]).distance

    def next_tree(before, distance):
        last, tree = before
        # Rows that repeat the one before, which a network with fewer segments has, cost nothing.
        tree = jax.lax.cond(
            jnp.all(distance == last),
            lambda distance: tree,
            lambda distance: draw_tree(key, distance).distance,
            distance,
        )
        return (distance, tree), tree

    _, later = jax.lax.scan(next_tree, (distances[0], first), distances[1:])
    return jnp.concatenate([first[None], later])


def draw_tree(key: jax.Array, distance: jax.Array) -> TreeMetric:
    """As :func:`embed_tree`, for the words of a key ``[2, ...]``."""
    distance = jnp.asarray(distance)
    n = distance.shape[0]
    # n draws order the centres, one scales the radii of the clusters.
    draws = random.uniform(key, (n + 1,), distance.dtype)
    ranks = draws[:n]
    places = jnp.arange(n).reshape(n, *(1,) * (ranks.ndim - 1))
    # Rank by comparing all pairs (a sort of short rows is slower); equal draws rank by index.
    before = (ranks[None] < ranks[:, None]) | (
        (ranks[None] == ranks[:, None]) & (places[None] < places[:, None])
    )
    order = jnp.sum(before, axis=1, dtype=jnp.int32)
    # A distance that all lanes share gets lane axes of size 1.
    missing = ranks.ndim - 1 - (distance.ndim - 2)
    distance = distance.reshape(distance.shape + (1,) * max(missing, 0))
    # The scale of the radii is uniform on [1, 2).
    return hst.embed(order, 1 + draws[n], distance)
