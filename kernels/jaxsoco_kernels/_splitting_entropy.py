"""The entropy as a movement cost of :mod:`splitting`: a price for each end of a move.

``c(x, y) = w sum_k x_k log(x_k / y_k) - x_k + y_k`` from ``y`` to ``x`` is the largest ``<p, x> +
<q, y>`` of all prices with ``q_k <= w (1 - exp(p_k / w))``: the support function of a convex set,
as norms are. Where ``w`` is 0 the set is ``p, q <= 0``.

Both ends of all moves are one array ``[T, 2 d, ...]``, the coordinates of ``x`` before those of
``y``; prices alike.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels.mirror import divergence

Array = jax.Array
FLOOR = 1e-6
"""The share from which on coordinates are no longer steeper."""
TRIPS = 10
"""Of Newton's method."""


def joined(start: Array, path: Array) -> Array:
    """Where the moves of a path ``[T, d, ...]`` end and begin, ``[T, 2 d, ...]``."""
    return jnp.concatenate([path, jnp.concatenate([start[None], path[:-1]])], axis=1)


def halves(pairs: Array) -> tuple[Array, Array]:
    """Ends and beginnings, ``[T, d, ...]`` each."""
    x, y = jnp.split(pairs, 2, axis=1)
    return x, y


def cost(weight: Array, pairs: Array) -> Array:
    """``sum_t c(x_t, y_t)``, ``[...]``; with ``y = 0`` it is large instead of infinite."""
    return jnp.sum(weight * divergence(*halves(pairs)), axis=(0, 1))


def nearest(weight: Array, price: Array, rate: Array) -> Array:
    """The prices of the set that are nearest, squares of coordinates being divided by ``rate``.

    On the border ``u = p / w`` solves ``u - P + k exp(u) (exp(u) - 1 + Q) = 0``, with ``(P, Q)``
    the given prices over ``w`` and ``k`` the rate of ``P`` over that of ``Q``. The left-hand side
    is convex and increasing where the set is left, so that Newton's method from above is monotone.
    """
    some = weight > 0
    scale = jnp.where(some, weight, 1)
    (first, second), (fast, slow) = halves(price / scale), halves(rate)
    u = _border(first, second, fast / slow)
    outside = second + jnp.expm1(first) > 0
    inside = (jnp.where(outside, u, first), jnp.where(outside, -jnp.expm1(u), second))
    return jnp.where(some, jnp.concatenate(inside, axis=1) * scale, jnp.minimum(price, 0))


def _border(first: Array, second: Array, k: Array) -> Array:
    u = _above(first, second, k)
    for _ in range(TRIPS):
        growth = jnp.exp(u)
        excess = jnp.maximum(jnp.expm1(u) + second, 0)
        left = u - first + k * growth * excess
        u = u - left / (1 + k * growth * (growth + excess))
    return u


def _above(first: Array, second: Array, k: Array) -> Array:
    """At least the root, and near it."""
    tiny = jnp.finfo(first.dtype).tiny
    # Where u >= 0: k s^2 + k (Q - 1) s <= P for s = exp(u).
    most = jnp.maximum(first, 0) / k
    root = jnp.sqrt((1 - second) ** 2 + 4 * most)
    growth = jnp.where(
        second > 1, 2 * most / jnp.maximum(second - 1 + root, tiny), (1 - second + root) / 2
    )
    u = jnp.minimum(first, jnp.log(jnp.maximum(growth, 1)))
    # Without exp(2 u): u = P - W(k (Q - 1) exp(P)), and W(exp(l)) >= l - log l for l >= 1.
    slope = jnp.log(jnp.maximum(k * (second - 1), tiny))
    level = first + slope
    other = jnp.log(jnp.maximum(level, 1)) - slope
    return jnp.where((second > 1) & (level > 1), jnp.minimum(u, other), u)


def feasible(weight: Array, price: Array) -> Array:
    """Prices within the set, where they have left it by rounding."""
    some = weight > 0
    first, second = halves(price)
    most = jnp.where(some, -weight * jnp.expm1(first / jnp.where(some, weight, 1)), 0)
    first = jnp.where(some, first, jnp.minimum(first, 0))
    return jnp.concatenate([first, jnp.minimum(second, most)], axis=1)


def nearest_shares(weight: Array, target: Array) -> Array:
    """``argmin sum weight |x - target|^2`` where shares sum to 1, ``[T, d, ...]``."""
    off = jnp.sum(target, axis=1, keepdims=True) - 1
    return target - off / jnp.sum(1 / weight, axis=1, keepdims=True) / weight


def as_shares(x: Array) -> Array:
    """Nonnegative numbers ``[T, d, ...]`` over their sum; even shares where that is 0."""
    x = jnp.maximum(x, 0)
    total = jnp.sum(x, axis=1, keepdims=True)
    return jnp.where(total > 0, x / jnp.where(total > 0, total, 1), 1 / x.shape[1])


def steepness(shares: Array) -> Array:
    """By how much curvatures grow where shares are small, ``[T, d, ...]``."""
    return 1 / jnp.clip(shares, FLOOR, 1)
