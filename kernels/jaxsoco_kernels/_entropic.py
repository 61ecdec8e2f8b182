"""Newton's method for proximal points on the simplex, with the entropy as distance.

Conditions, for ``x`` on the simplex: ``A x + b + weight (log(x / y) + 1) + nu = 0``, ``sum x = 1``.
With ``S = diag(x)^(1/2)`` a step solves ``(S A S + weight I) u = -S (gradient + nu)``, whose matrix
is well conditioned however small the shares, and changes ``x`` by ``S u``.

Shares that fall are multiplied by ``exp(dx / x)``, which is exact where the entropy is all; those
that rise as well, up to ``weight / A_ii``, where it no longer is. Nothing leaves the simplex, and
of the whole step and a few shorter ones that with the least cost is taken.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _cholesky
from jaxsoco_kernels.info import Info, judge

Array = jax.Array

SHORTER = 5
"""Steps tried besides the whole one, each a quarter of the one before."""


def newton(
    A: Array, b: Array, logits: Array, weight: Array, there: Array, trips: int
) -> tuple[Array, Info]:
    """The point and how it was found; ``logits`` are ``log y`` where shares are ``there``."""
    d = A.shape[0]
    # What comes of it must be a normal number still: others are taken for 0.
    least = float(jnp.finfo(A.dtype).tiny) ** 0.75
    eye = jnp.eye(d, dtype=A.dtype).reshape(d, d, *(1,) * weight.ndim)
    edge = weight[None] / jnp.maximum(jnp.stack([A[i, i] for i in range(d)]), 1e-30)

    def entropy_slope(x):
        return jnp.where(there, jnp.log(jnp.where(there, x, 1)) - logits, 0)

    def objective(x):
        pull = jnp.sum(A * x[None], axis=1) / 2 + b + weight[None] * entropy_slope(x)
        value = jnp.sum(x * pull, axis=0)
        return jnp.where(jnp.isnan(value), jnp.inf, value)

    def change(x):
        """Newton's step, relative to ``x``; shares that are as small as can be do not fall."""
        root = jnp.sqrt(x)
        gradient = jnp.sum(A * x[None], axis=1) + b + weight[None] * entropy_slope(x)
        matrix = A * root[:, None] * root[None] + weight[None, None] * eye
        free, price = _cholesky.solve(matrix, -root * gradient, root)
        nu = (1 - jnp.sum(x, axis=0) - jnp.sum(root * free, axis=0)) / jnp.sum(root * price, axis=0)
        by = (free + nu[None] * price) / jnp.where(there, root, 1)
        return jnp.where(there & ((x > 2 * least) | (by > 0)), by, 0)

    def moved(x, by):
        grown = jnp.minimum(x * jnp.exp(jnp.minimum(by, 80)), jnp.maximum(x * (1 + by), edge))
        x = jnp.where(by < 0, x * jnp.exp(jnp.minimum(by, 0)), jnp.minimum(grown, 1))
        x = jnp.where(there, jnp.maximum(x, least), 0)
        return x / jnp.sum(x, axis=0)[None]

    def ahead(x, by):
        """The largest change in sight: a share far too small is about to grow many steps long."""
        goal = jnp.minimum(x * jnp.exp(jnp.clip(by, -80, 80)), 1)
        return jnp.max(jnp.abs(goal - x), axis=0)

    def step(_, x):
        by = change(x)
        whole = moved(x, by)

        def shorter(k, best):
            value, point = best
            attempt = moved(x, by * 0.25**k)
            other = objective(attempt)
            better = other < value
            return jnp.where(better, other, value), jnp.where(better[None], attempt, point)

        _, point = jax.lax.fori_loop(1, SHORTER + 1, shorter, (objective(whole), whole))
        # Values of small steps differ by rounding only.
        near = ahead(x, by) < 0.05
        return jnp.where(near[None], whole, point)

    begin = jax.nn.softmax(jnp.where(there, logits, -jnp.inf), axis=0)
    x = jax.lax.stop_gradient(jax.lax.fori_loop(0, trips - 1, step, begin))
    by = change(x)
    residual = ahead(x, by)
    point = x * jnp.where(by < 0, jnp.exp(jnp.minimum(by, 0)), 1 + by)
    tolerance = 1e-3 if x.dtype == jnp.float32 else 1e-7
    return point, judge(jax.lax.stop_gradient(residual), tolerance, trips)
