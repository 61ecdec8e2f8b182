"""Tables by level, and exact expected costs on a tree."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import align, hold
from jaxsoco.multistage.spec import Levels, Policy
from jaxsoco.multistage.theory.tree import Level, Tree

CHAIN = 16
"""Most rows that are picked by a chain of comparisons and put by a selection, which fuse; more by
a gather and a scatter, whose work does not grow with the rows."""


def split(tree: Tree, table: jax.Array) -> Levels:
    """A table ``[N, ...]`` of decision nodes by level."""
    ends = np.cumsum([level.size for level in tree.levels])[:-1]
    return tuple(jnp.split(table, ends))


def join(levels: Sequence[jax.Array]) -> jax.Array:
    """The table ``[N, ...]`` that :func:`split` split."""
    return jnp.concatenate(levels)


def spread_mask(mask: np.ndarray, lanes: int) -> jax.Array:
    """A static table with ``lanes`` axes of size 1 behind it."""
    return jnp.asarray(mask).reshape(mask.shape + (1,) * lanes)


def pick(table: jax.Array, place: jax.Array) -> jax.Array:
    """Rows ``table [n, ..., lanes][place [lanes]]``; the first for a place that there is not."""
    n, lanes = table.shape[0], place.ndim
    inner = table.shape[1 : table.ndim - lanes]
    if n > CHAIN:
        place = jnp.maximum(place, 0)
        if all(size == 1 for size in table.shape[1 + len(inner) :]):
            rows = table.reshape(n, *inner).at[place].get(mode="promise_in_bounds")
            return jnp.moveaxis(rows, range(lanes), range(len(inner), len(inner) + lanes))
        index = place.reshape((1,) * (1 + len(inner)) + place.shape)
        table = jnp.broadcast_to(table, (n, *inner, *place.shape))
        return jnp.take_along_axis(table, index, axis=0, mode="promise_in_bounds")[0]
    row = table[0]
    for i in range(1, n):
        row = jnp.where((place == i)[(None,) * len(inner)], table[i], row)
    return jnp.broadcast_to(row, (*inner, *place.shape))


def put(table: jax.Array, place: jax.Array, row: jax.Array) -> jax.Array:
    """The table ``[n, ..., lanes]`` with ``row [..., lanes]`` put at ``place [lanes]``, if any."""
    n, inner = table.shape[0], table.ndim - 1 - place.ndim
    if n > CHAIN:
        # A loop with a scatter in it is not compiled whole on the CPU; on a GPU, lanes in turn
        # would take for ever.
        ways = {"cpu": _put_in_turn, "default": _put_at_once}
        return jax.lax.platform_dependent(table, place, row, **ways)
    here = jnp.arange(n, dtype=place.dtype).reshape(-1, *(1,) * (table.ndim - 1))
    return jnp.where(here == place[(None,) * (1 + inner)], row[None], table)


def _put_at_once(table: jax.Array, place: jax.Array, row: jax.Array) -> jax.Array:
    n, lanes = table.shape[0], place.ndim
    inner = table.ndim - 1 - lanes
    own = jnp.meshgrid(*map(jnp.arange, place.shape), indexing="ij", sparse=True)
    # Out of range is dropped, but -1 would count from the end.
    index = (jnp.where(place < 0, n, place), *(slice(None),) * inner, *own)
    row = jnp.moveaxis(row, range(inner, inner + lanes), range(lanes))
    return table.at[index].set(row, mode="drop", unique_indices=True)


def _put_in_turn(table: jax.Array, place: jax.Array, row: jax.Array) -> jax.Array:
    inner = row.shape[: row.ndim - place.ndim]
    flat, rows = table.reshape(len(table), *inner, -1), row.reshape(1, *inner, -1)
    places, size = place.ravel(), (1, *inner, 1)

    def put_one(lane, flat):
        lane = lane.astype(places.dtype)  # with x64 the loop counts in another one
        first = jnp.zeros_like(lane)
        whole = (first,) * len(inner)
        at = (jnp.maximum(places[lane], 0), *whole, lane)
        new = jax.lax.dynamic_slice(rows, (first, *whole, lane), size)
        old = jax.lax.dynamic_slice(flat, at, size)
        return jax.lax.dynamic_update_slice(flat, jnp.where(places[lane] < 0, old, new), at)

    return jax.lax.fori_loop(0, places.size, put_one, flat).reshape(table.shape)


def look_up(table: np.ndarray, place: jax.Array) -> jax.Array:
    """Entries of a static table ``[n]`` at ``place [...]``; the first for a place outside."""
    table = np.asarray(table)
    if (table == table.flat[0]).all():
        return jnp.full(place.shape, table.flat[0], jnp.int32)
    return jnp.asarray(table, jnp.int32)[jnp.clip(place, 0, len(table) - 1)]


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
        new[d] = put(new[d], place[d], hold(mean(rows[d], pick(children, place[d])), ones))
    return tuple(new)


def play_probabilities(tree: Tree, policy: Policy) -> Levels:
    """What every node plays, exploration included, ``[n, K, ...] by level``."""
    return tuple(
        learned if epsilon is None else mix(level, learned, epsilon)
        for level, learned, epsilon in zip(tree.levels, *policy, strict=True)
    )


def mix(level: Level, learned: jax.Array, epsilon: jax.Array) -> jax.Array:
    """``epsilon / K_i + (1 - epsilon) learned`` at the nodes of a level that explore."""
    lanes = learned.ndim - 2
    share = level.mask / level.degree[:, None]
    uniform = spread_mask(share, lanes).astype(learned.dtype)
    mixed = epsilon[None, None] * uniform + (1 - epsilon[None, None]) * learned
    if level.inner.all():
        return mixed
    return jnp.where(spread_mask(level.inner, lanes + 1), mixed, learned)


def expected_cost(tree: Tree, play_probabilities: jax.Array, leaf_means: jax.Array) -> jax.Array:
    """Expected cost of a job at every node, exactly (arXiv 2404.04509, section 2).

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
        want = f"[{tree.nodes}, {tree.width}, ...] and [{tree.leaves}, ...]"
        raise ValueError(f"want {want}, got {table.shape} and {leaves.shape}")
    lanes = max(table.ndim - 2, leaves.ndim - 1)
    table, leaves = align(table, 2, lanes), align(leaves, 1, lanes)
    table = jnp.where(spread_mask(tree.mask, lanes), table, 0)
    values = join(sweep(tree, split(tree, table), leaves))
    shape = jnp.broadcast_shapes(values.shape[1:], leaves.shape[1:])
    parts = (values, leaves)
    return jnp.concatenate([jnp.broadcast_to(x, (x.shape[0], *shape)) for x in parts])
