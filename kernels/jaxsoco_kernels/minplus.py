"""Min-plus products and shortest paths on small dense graphs, lanes last."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels.shapes import expect


def minplus(matrix: jax.Array, vector: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The product ``min_v matrix[u, v] + vector[v]``, and where it is attained.

    >>> from jaxsoco_kernels.minplus import minplus
    >>> value, index = minplus(jnp.array([[1.0, 5.0], [4.0, 0.0]]), jnp.array([2.0, 1.0]))
    >>> value.tolist(), index.tolist()
    ([3.0, 1.0], [0, 1])

    Args:
      matrix: ``[m, n, ...]``; its lanes may be 1.
      vector: ``[n, ...]``.

    Returns:
      The minimum ``[m, ...]`` and the lowest index that attains it, int32 ``[m, ...]``.
    """
    value, index, _ = minplus_carry(matrix, vector, ())
    return value, index


def minplus_carry(
    matrix: jax.Array, vector: jax.Array, carried: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array, tuple[jax.Array, ...]]:
    """As :func:`minplus`, and takes ``carried`` values from the minimiser along.

    >>> from jaxsoco_kernels.minplus import minplus_carry
    >>> matrix, labels = jnp.array([[1.0, 5.0], [4.0, 0.0]]), jnp.array([10, 20])
    >>> _, index, (label,) = minplus_carry(matrix, jnp.array([2.0, 1.0]), (labels,))
    >>> index.tolist(), label.tolist()
    ([0, 1], [10, 20])

    Args:
      matrix: ``[m, n, ...]``; its lanes may be 1.
      vector: ``[n, ...]``.
      carried: arrays ``[n, ...]`` (one value a target) or ``[m, n, ...]`` (one an arc).

    Returns:
      The minimum ``[m, ...]``, its lowest index and a tuple of the picked values ``[m, ...]``.
    """
    expect(matrix=(matrix, "m n ..."), vector=(vector, "n ..."))
    m, n = matrix.shape[:2]
    lanes = jnp.broadcast_shapes(matrix.shape[2:], vector.shape[1:])

    def column(c, v):
        return c[:, v] if c.ndim == matrix.ndim else c[v][None]

    # A loop, not an unrolled chain of cases: unrolled, XLA's CPU fusion recomputes the whole
    # product in each of its consumers, and ties may round differently there.
    # After column v: the least of the first v + 1 sums. Ties go to the first: only less is better.
    def body(v, best):
        value, index, picked = best
        candidate = matrix[:, v] + vector[v][None]
        better = candidate < value
        picked = tuple(
            jnp.where(better, column(c, v), p) for c, p in zip(carried, picked, strict=True)
        )
        return jnp.where(better, candidate, value), jnp.where(better, v, index), picked

    first = jnp.broadcast_to(matrix[:, 0] + vector[0][None], (m, *lanes))
    picked = tuple(jnp.broadcast_to(column(c, 0), (m, *lanes)) for c in carried)
    return jax.lax.fori_loop(1, n, body, (first, jnp.zeros((m, *lanes), jnp.int32), picked))


def metric_closure(distance: jax.Array) -> jax.Array:
    """Shortest-path closure of ``distance [n, n, ...]`` (Floyd and Warshall), zero diagonal.

    The result is a metric if the input is symmetric and non-negative; an input that is one
    already comes back unchanged.

    >>> from jaxsoco_kernels.minplus import metric_closure
    >>> metric_closure(jnp.array([[0.0, 1.0, 9.0], [1.0, 0.0, 2.0], [9.0, 2.0, 0.0]]))[0].tolist()
    [0.0, 1.0, 3.0]
    """
    expect(distance=(distance, "n n ..."))
    n = distance.shape[0]
    eye = jnp.eye(n, dtype=bool).reshape(n, n, *(1,) * (distance.ndim - 2))
    start = jnp.where(eye, 0, distance)

    # After step k, paths may go through points 0 .. k: d_uv = min(d_uv, d_uk + d_kv).
    def body(k, d):
        return jnp.minimum(d, d[:, k][:, None] + d[k][None])

    return jax.lax.fori_loop(0, n, body, start)
