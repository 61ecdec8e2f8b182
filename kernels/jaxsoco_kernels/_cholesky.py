"""Cholesky factors ``L D L'`` of small matrices, unrolled over their entries, lanes last."""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp

Array = jax.Array

SMALL = 8
"""Dimensions up to which factorisations are unrolled; above, LAPACK's is called."""


def solve(A: Array, *sides: Array) -> tuple[Array, ...]:
    """Solves ``A x = b`` for every ``b`` of ``sides``."""
    if A.shape[0] > SMALL:
        lanes = jnp.broadcast_shapes(A.shape[2:], *(b.shape[1:] for b in sides))
        wide = jnp.broadcast_to(A, A.shape[:2] + lanes)
        right = jnp.stack([jnp.broadcast_to(b, b.shape[:1] + lanes) for b in sides], axis=1)
        factor = jnp.linalg.cholesky(jnp.moveaxis(wide, (0, 1), (-2, -1)), symmetrize_input=False)
        right = jnp.moveaxis(right, (0, 1), (-2, -1))
        found = jax.scipy.linalg.cho_solve((factor, True), right)
        return tuple(jnp.moveaxis(found[..., i], -1, 0) for i in range(len(sides)))
    lower, inverse = _factor(A)
    return tuple(_substitute(lower, inverse, list(b)) for b in sides)


def _factor(A: Array) -> tuple[list[list[Array]], list[Array]]:
    """``A = L D L'``: the rows of ``L`` left of its unit diagonal, and ``1 / D``."""
    lower: list[list[Array]] = []
    inverse: list[Array] = []
    for i in range(A.shape[0]):
        row: list[Array] = []  # of L D
        for j in range(i):
            known = [row[k] * lower[j][k] for k in range(j)]
            row.append(reduce(lambda x, y: x - y, known, A[i, j]))
        scaled = [x * inverse[j] for j, x in enumerate(row)]
        squares = [x * s for x, s in zip(row, scaled, strict=True)]
        pivot = reduce(lambda x, y: x - y, squares, A[i, i])
        lower.append(scaled)
        inverse.append(1 / jnp.where(pivot > 0, pivot, jnp.nan))
    return lower, inverse


def _substitute(lower: list[list[Array]], inverse: list[Array], b: list[Array]) -> Array:
    """``L' x = D^-1 L^-1 b``."""
    y: list[Array] = []
    for i, right in enumerate(b):
        y.append(reduce(lambda s, t: s - t, [lower[i][j] * y[j] for j in range(i)], right))
    x: list[Array] = []
    for i in reversed(range(len(b))):
        known = [lower[j][i] * x[len(b) - 1 - j] for j in reversed(range(i + 1, len(b)))]
        x.append(reduce(lambda s, t: s - t, known, y[i] * inverse[i]))
    return jnp.stack(x[::-1])
