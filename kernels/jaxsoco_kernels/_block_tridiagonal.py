"""Block tridiagonal systems of paths that move at a quadratic cost, lanes last: elimination.

``(A_t + 2 kappa I) x_t - kappa (x_{t-1} + x_{t+1}) = b_t`` with ``x_0 = 0``; the last row, without
a successor, has ``kappa I`` in place of ``2 kappa I``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _cholesky
from jaxsoco_kernels._smoothed_costs import times


def stiffness(matrix: jax.Array, kappa: jax.Array, path: jax.Array) -> jax.Array:
    """The left side, ``[T, d, ...]``, for ``matrix [T or 1, d, d, ...]`` and ``kappa [...]``."""
    before = jnp.concatenate([jnp.zeros_like(path[:1]), path[:-1]])
    after = jnp.concatenate([path[1:], path[-1:]])
    return times(matrix, path) + kappa[None, None] * (2 * path - before - after)


def eliminate(matrix: jax.Array, kappa: jax.Array, right: jax.Array) -> jax.Array:
    """The solution ``[T, d, ...]`` for ``right [T, d, ...]``.

    ``S_t = A_t + 2 kappa I - kappa^2 S_{t-1}^{-1}`` and ``z_t = S_t^{-1} (b_t + kappa z_{t-1})``,
    then ``x_t = z_t + kappa S_t^{-1} x_{t+1}``.
    """
    rounds, d = right.shape[:2]
    eye = jnp.eye(d, dtype=right.dtype).reshape(d, d, *(1,) * kappa.ndim)
    matrix = jnp.broadcast_to(matrix, (rounds, *matrix.shape[1:]))
    neighbours = jnp.full(rounds, 2, right.dtype).at[-1].set(1)

    def forward(before, now):
        inverted, point = before
        block, vector, count = now
        pivot = block + count * kappa[None, None] * eye - kappa[None, None] ** 2 * inverted
        inverted = inverse(pivot)
        point = _apply(inverted, vector + kappa[None] * point)
        return (inverted, point), (inverted, point)

    start = (jnp.zeros_like(matrix[0]), jnp.zeros_like(right[0]))
    _, (inverted, points) = jax.lax.scan(forward, start, (matrix, right, neighbours))

    def back(after, now):
        inverted, point = now
        point = point + kappa[None] * _apply(inverted, after)
        return point, point

    return jax.lax.scan(back, jnp.zeros_like(right[0]), (inverted, points), reverse=True)[1]


def inverse(matrix: jax.Array) -> jax.Array:
    """Of positive definite matrices ``[d, d, ...]``; NaN where they are not."""
    d = matrix.shape[0]
    units = jnp.eye(d, dtype=matrix.dtype).reshape(d, d, *(1,) * (matrix.ndim - 2))
    return jnp.stack(_cholesky.solve(matrix, *units), axis=1)


def _apply(matrix, vector):
    return times(matrix[None], vector[None])[0]
