"""Tables of decision nodes, kept by level, and rows of them picked and put lane by lane.

``[n, K, ...] by level`` is a tuple with one array for every depth: ``n`` nodes there, ``K`` the
tree's width, then the lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.multistage.spec import Levels
from jaxsoco.multistage.theory.tree import Tree

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


def spread_like(table: np.ndarray, like: jax.Array) -> jax.Array:
    """A static table with the lanes and dtype of ``like [...]``."""
    spread = spread_mask(table, like.ndim).astype(like.dtype)
    return jnp.broadcast_to(spread, (*table.shape, *like.shape))


def pick(table: jax.Array, place: jax.Array) -> jax.Array:
    """Rows of a level's table, one for each lane.

    >>> from jaxsoco.multistage import pick
    >>> table = jnp.array([[1, 2], [3, 4], [5, 6]])  # 3 nodes, 2 lanes
    >>> pick(table, jnp.array([2, 0])).tolist()
    [5, 2]

    Args:
      table: ``[n, ..., lanes]``, such as probabilities ``[n, K, ...]``; its lanes may have size 1.
      place: the node within its level, int32 ``[lanes]``; -1 (there is none) picks the first.

    Returns:
      ``[..., lanes]``, such as one node's probabilities ``[K, ...]``.

    Example:
      The probabilities that the node on each job's way plays::

        row = pick(policy.learned[d], visits[d].place)  # [K, ...]
    """
    n, lanes = table.shape[0], place.ndim
    inner = table.shape[1 : table.ndim - lanes]
    if n > CHAIN:
        place = jnp.maximum(place, 0)
        # A table without lanes: whole rows are gathered, and the lanes go to the end.
        if all(size == 1 for size in table.shape[1 + len(inner) :]):
            rows = table.reshape(n, *inner).at[place].get(mode="promise_in_bounds")
            return jnp.moveaxis(rows, range(lanes), range(len(inner), len(inner) + lanes))
        index = place.reshape((1,) * (1 + len(inner)) + place.shape)
        table = jnp.broadcast_to(table, (n, *inner, *place.shape))
        return jnp.take_along_axis(table, index, axis=0, mode="promise_in_bounds")[0]
    # A chain of selects; -1 matches no later row and leaves the first.
    row = table[0]
    for i in range(1, n):
        row = jnp.where((place == i)[(None,) * len(inner)], table[i], row)
    return jnp.broadcast_to(row, (*inner, *place.shape))


def put(table: jax.Array, place: jax.Array, row: jax.Array) -> jax.Array:
    """The table of a level with one row of each lane replaced.

    >>> from jaxsoco.multistage import put
    >>> table = jnp.array([[1, 2], [3, 4], [5, 6]])  # 3 nodes, 2 lanes
    >>> put(table, jnp.array([2, -1]), jnp.array([0, 0])).tolist()
    [[1, 2], [3, 4], [0, 6]]

    Args:
      table: ``[n, ..., lanes]``.
      place: the node within its level, int32 ``[lanes]``; -1 (there is none) changes nothing.
      row: what is put there, ``[..., lanes]``.

    Returns:
      A table like ``table``; in a loop it is changed in place where nothing else needs the old one.

    Example:
      A job's cost is added to the entry of the child that was chosen::

        row = pick(sums[d], visit.place)  # [K, ...]
        chosen = one_hot(visit.child, tree.width)  # of jaxsoco.core.lanes
        sums_d = put(sums[d], visit.place, row + jnp.where(chosen, cost[None], 0))
    """
    n, inner = table.shape[0], table.ndim - 1 - place.ndim
    if n > CHAIN:
        # XLA does not compile a loop with a scatter in it whole on the CPU; on a GPU, writing one
        # lane after the other would take far too long.
        ways = {"cpu": _put_in_turn, "default": _put_at_once}
        return jax.lax.platform_dependent(table, place, row, **ways)
    # One selection over all rows; -1 matches none.
    here = jnp.arange(n, dtype=place.dtype).reshape(-1, *(1,) * (table.ndim - 1))
    return jnp.where(here == place[(None,) * (1 + inner)], row[None], table)


def _put_at_once(table: jax.Array, place: jax.Array, row: jax.Array) -> jax.Array:
    n, lanes = table.shape[0], place.ndim
    inner = table.ndim - 1 - lanes
    lane_indices = jnp.meshgrid(*map(jnp.arange, place.shape), indexing="ij", sparse=True)
    # Out of range is dropped, but -1 would count from the end.
    index = (jnp.where(place < 0, n, place), *(slice(None),) * inner, *lane_indices)
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


def tables(tree: Tree, like: jax.Array, value: float, absent: float | None = None) -> Levels:
    """Tables of one value.

    >>> from jaxsoco.multistage import Tree, tables
    >>> sums = tables(Tree.complete(2, 2), jnp.zeros(5), 0.0)  # 5 lanes
    >>> [table.shape for table in sums]
    [(1, 2, 5), (2, 2, 5)]

    Args:
      tree: the tree.
      like: ``[...]``, whose lanes and dtype the tables get.
      value: what they hold.
      absent: what they hold for children that there are not, in a tree that is not complete;
        ``value`` if None.

    Returns:
      ``[n, K, ...] by level``.
    """
    absent = value if absent is None else absent
    return tuple(spread_like(np.where(level.mask, value, absent), like) for level in tree.levels)
