"""Exact expected costs on a tree."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import align, hold
from jaxsoco.multistage.spec import Levels
from jaxsoco.multistage.theory.levels import join, pick, put, split, spread_mask
from jaxsoco.multistage.theory.tree import Level, Tree


def child_values(level: Level, below: jax.Array | None, leaves: jax.Array) -> jax.Array:
    """Values of all children of a level's nodes, ``[n, K, ...]``; 0 for absent ones.

    Args:
      level: the level.
      below: values of the next level's decision nodes, ``[n', ...]``, None if there are none.
      leaves: values of the leaves, ``[leaves, ...]``.
    """
    shape = level.mask.shape
    if level.regular:
        values = below if level.inner.any() else leaves
        assert values is not None
        return values.reshape(*shape, *values.shape[1:])
    if below is not None:
        lanes = jnp.broadcast_shapes(below.shape[1:], leaves.shape[1:])
        leaves = jnp.broadcast_to(leaves, (leaves.shape[0], *lanes))
        below = jnp.broadcast_to(below, (below.shape[0], *lanes))
    # One table to index: the leaves, a zero for absent children, the decision nodes below.
    parts = [leaves, jnp.zeros_like(leaves[:1])] + ([] if below is None else [below])
    count = leaves.shape[0]
    index = np.where(level.leaf >= 0, level.leaf, count)
    index = np.where(level.below >= 0, count + 1 + level.below, index)
    return jnp.concatenate(parts)[index]


def mean(row: jax.Array, values: jax.Array) -> jax.Array:
    """``sum_m row_m values_m`` of ``[K, ...]`` arrays, in the order of the children."""
    total = row[0] * values[0]
    for m in range(1, row.shape[0]):
        total = total + row[m] * values[m]
    return total


def sweep(tree: Tree, play: Levels, leaves: jax.Array) -> Levels:
    """Expected cost of every decision node, ``[n, ...] by level``, from the leaves upwards."""
    values: list[jax.Array] = []
    for level, x in zip(reversed(tree.levels), reversed(play), strict=True):
        children = child_values(level, values[-1] if values else None, leaves)
        # w_i = sum_m x_im w_m
        values.append(mean(jnp.moveaxis(x, 1, 0), jnp.moveaxis(children, 1, 0)))
    return tuple(reversed(values))


def along_path(
    tree: Tree,
    values: Levels,
    place: Sequence[jax.Array],
    rows: Levels,
    leaves: jax.Array,
    ones: jax.Array,
) -> Levels:
    """:func:`sweep` where only the nodes on one path have new rows: O(H K) numbers change.

    A recomputation from the children, so that nothing drifts.

    Args:
      tree: the tree.
      values: expected costs before, ``[n, ...] by level``.
      place: the path's nodes within their levels, -1 for none, int32 ``[...]`` by level.
      rows: their play probabilities, ``[K, ...]`` by level.
      leaves: expected costs of the leaves, ``[leaves, ...]`` or ``[leaves, 1...]``.
      ones: see :func:`jaxsoco.core.lanes.hold`.
    """
    new = list(values)
    for d in reversed(range(len(new))):
        children = child_values(tree.levels[d], new[d + 1] if d + 1 < len(new) else None, leaves)
        # Only the node on the path plays a new row: w_i = sum_m x_im w_m from all its children.
        new[d] = put(new[d], place[d], hold(mean(rows[d], pick(children, place[d])), ones))
    return tuple(new)


def expected_cost(tree: Tree, play_probabilities: jax.Array, leaf_means: jax.Array) -> jax.Array:
    """Expected cost of a job at every node, exactly (arXiv 2404.04509, section 2).

    >>> from jaxsoco.multistage import Tree, expected_cost
    >>> coins, costs = np.full((3, 2), 0.5), np.array([0.0, 0.0, 0.0, 1.0])
    >>> expected_cost(Tree.complete(2, 2), coins, costs).tolist()
    [0.25, 0.0, 0.5, 0.0, 0.0, 0.0, 1.0]

    Args:
      tree: the tree, ``N`` decision nodes and width ``K``.
      play_probabilities: of the children of every decision node, in level order,
        ``[N, K, ...]``; entries of absent children do not count.
      leaf_means: expected costs of the leaves, ``[leaves, ...]``.

    Returns:
      ``[N + leaves, ...]``: decision nodes in level order, then the leaves.

    Raises:
      ValueError: the shapes are not those of the tree.
    """
    table, leaves = jnp.asarray(play_probabilities), jnp.asarray(leaf_means)
    if table.shape[:2] != tree.mask.shape or leaves.shape[:1] != (tree.leaves,):
        shapes = f"[{tree.nodes}, {tree.width}, ...] and [{tree.leaves}, ...]"
        raise ValueError(f"want {shapes}, got {table.shape} and {leaves.shape}")
    lanes = max(table.ndim - 2, leaves.ndim - 1)
    table, leaves = align(table, 2, lanes), align(leaves, 1, lanes)
    table = jnp.where(spread_mask(tree.mask, lanes), table, 0)
    values = join(sweep(tree, split(tree, table), leaves))
    shape = jnp.broadcast_shapes(values.shape[1:], leaves.shape[1:])
    parts = (values, leaves)
    return jnp.concatenate([jnp.broadcast_to(x, (x.shape[0], *shape)) for x in parts])
