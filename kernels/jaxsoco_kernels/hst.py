"""Random tree embedding of a small metric space (Fakcharoenphol, Rao, Talwar 2004), lanes last."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels.shapes import expect, expect_floating

MAX_LEVELS = 40


class TreeMetric(NamedTuple):
    """A tree over the points of a metric space.

    Attributes:
      distance: path lengths between leaves, ``[n, n, ...]``; never below the metric's.
      meet: level of the lowest common ancestor (0 = root), int32 ``[n, n, ...]``.
      leaf: level of each point's leaf, int32 ``[n, ...]``.
      radius: radius of level 1 divided by the diameter, ``[...]``; it halves from level to level.
    """

    distance: jax.Array
    meet: jax.Array
    leaf: jax.Array
    radius: jax.Array


def embed(order: jax.Array, scale: jax.Array, distance: jax.Array) -> TreeMetric:
    """Builds the tree of one draw.

    Level ``i`` has radius ``scale * diameter / 2**(i + 1)``; a point joins the first centre in
    ``order`` within the radius, inside its parent's cluster; an edge weighs its parent's radius,
    an edge of the root half the diameter. A cluster of one point (or of points at distance 0) is a
    leaf. Dominates: ``distance <= result.distance``; the expected stretch is ``O(log n)``.
    (Fakcharoenphol, Rao and Talwar, J. Comput. Syst. Sci. 69, 2004, "A tight bound on
    approximating arbitrary metrics by tree metrics".)

    >>> from jaxsoco_kernels.hst import embed
    >>> line = jnp.array([[0.0, 1.0, 4.0], [1.0, 0.0, 3.0], [4.0, 3.0, 0.0]])  # points 0, 1, 4
    >>> tree = embed(jnp.array([1, 0, 2]), jnp.array(1.5), line)
    >>> tree.distance.tolist()  # never below those on the line
    [[0.0, 3.0, 5.5], [3.0, 0.0, 5.5], [5.5, 5.5, 0.0]]

    Args:
      order: rank of every point in a uniformly random order, ``[n, ...]``.
      scale: uniform on ``[1, 2)``, ``[...]``.
      distance: metric ``[n, n, ...]``; lanes may be 1.

    Returns:
      The tree. Its distances are linear in the metric's diameter, and differentiable in it.
    """
    expect(distance=(distance, "n n ..."), order=(order, "n ..."), scale=(scale, "..."))
    expect_floating(distance=distance, scale=scale)
    n = distance.shape[0]
    lanes = jnp.broadcast_shapes(distance.shape[2:], order.shape[1:], scale.shape)
    distance = jnp.broadcast_to(distance, (n, n, *lanes))
    order = jnp.broadcast_to(order, (n, *lanes))
    # Who parts where is piecewise constant: the gradient flows through the edge lengths alone.
    diameter = jnp.max(distance, axis=(0, 1))
    meet, leaf = _clusters(
        jax.lax.stop_gradient(distance),
        order,
        jax.lax.stop_gradient(scale * diameter) / 4,
    )
    depth = jnp.maximum(jnp.max(leaf, axis=0), 1).astype(distance.dtype)
    scale = jnp.broadcast_to(scale, lanes)

    def below(level):
        """Path length from ``level`` down to ``depth``: the root's edge, then halving radii."""
        # Edges at levels i .. depth - 1 weigh scale * diameter / 2^(i + 1): a geometric sum.
        expand = (None,) * (level.ndim - depth.ndim)
        halving = jnp.exp2(-jnp.maximum(level, 1.0)) - jnp.exp2(-depth)[expand]
        return diameter[expand] * (jnp.where(level < 1, 0.5, 0.0) + scale[expand] * halving)

    # Up to the lowest common ancestor and down again; leaves may lie above the depth.
    to_leaf = below(leaf.astype(distance.dtype))
    path = 2 * below(meet.astype(distance.dtype)) - to_leaf[:, None] - to_leaf[None]
    same = meet >= jnp.maximum(leaf[:, None], leaf[None])
    return TreeMetric(jnp.where(same, 0, path), meet, leaf, scale / 4)


def _clusters(distance, order, radius) -> tuple[jax.Array, jax.Array]:
    """Levels at which pairs part, and at which points are alone (integers, no gradient)."""
    n = distance.shape[0]
    apart = distance > 0

    def unfinished(state):
        level, together, _, _, _ = state
        return jnp.any(together & apart) & (level < MAX_LEVELS)

    def split(state):
        level, together, meet, leaf, radius = state
        # The last level parts everything, so that the tree dominates however close points lie.
        reach = jnp.where(level + 1 < MAX_LEVELS, radius, 0)

        # Each point joins the centre of least rank within reach.
        def nearest(v, best):
            within = distance[:, v] <= reach[None]
            return jnp.where(within & (order[v][None] < best), order[v][None], best)

        centre = jax.lax.fori_loop(0, n, nearest, jnp.full_like(order, n))
        # A level stops counting for a point once its cluster is a leaf.
        leaf = leaf + jnp.any(together & apart, axis=1)
        # Two points share a cluster if they shared all before and have the same centre now.
        together = together & (centre[:, None] == centre[None])
        return level + 1, together, meet + together, leaf, radius / 2

    together = jnp.ones(distance.shape, bool)
    zeros = jnp.zeros(distance.shape, jnp.int32)
    state = (0, together, zeros, zeros[:, 0], radius)
    _, _, meet, leaf, _ = jax.lax.while_loop(unfinished, split, state)
    # A point stays with itself for as long as other points, or other lanes, still part.
    return jnp.minimum(meet, leaf[:, None]), leaf
