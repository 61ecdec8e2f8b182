"""Roots of increasing functions, lane by lane: bisection, and Newton's method kept in a bracket.

Both take a fixed number of trips, the same in all lanes. A root's derivative is the implicit one,
``dx = -d_parameters gap / gap'(x)``, at the cost of one evaluation however many trips were taken
(``jax.lax.custom_root``); it is 0 where ``gap'`` is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco_kernels.shapes import expect

Array = jax.Array
Gap = Callable[[Array], Array]
"""An elementwise function ``[...] -> [...]``, increasing in every lane."""


def bisect(
    gap: Gap,
    low: Array | float,
    high: Array | float,
    trips: int = 45,
    *,
    last: bool | Array = False,
) -> Array:
    """The first place where ``gap`` is not below 0, or the last where it is not above.

    ``inf {x: gap(x) >= 0}``, or with ``last`` ``sup {x: gap(x) <= 0}``, both within the bracket;
    they differ where ``gap`` is 0 on an interval. ``gap`` may jump. An end of the bracket comes
    back exactly where the root is there or beyond, and its derivative is then the end's.

    >>> from jaxsoco_kernels import roots
    >>> gap = lambda x: jnp.clip(x, 1, 2) - jnp.array([1.0, 1.5, 2.0])  # three lanes
    >>> roots.bisect(gap, 0.0, 4.0, last=True).tolist()
    [1.0, 1.5, 4.0]

    Args:
      gap: elementwise and nondecreasing, ``[...] -> [...]``.
      low, high: ends of the bracket, ``[...]`` or scalars.
      trips: static; the error is the bracket's width halved as often.
      last: a flag, or one a lane, ``[...]``.

    Returns:
      The root ``[...]``.
    """
    low, high = _bracket(gap, low, high)

    def halve(_, ends):
        left, right = ends
        middle = left + (right - left) / 2
        value = gap(middle)
        before = (value < 0) | (last & (value == 0))
        return jnp.where(before, middle, left), jnp.where(before, right, middle)

    def solve(_, guess):
        left, right = jax.lax.fori_loop(0, trips, halve, (low, high))
        # An end that never moved is the root, or next to it.
        inside = jnp.where(right == high, high, left + (right - left) / 2)
        return jnp.where(left == low, low, inside)

    root = jax.lax.custom_root(gap, low, solve, _divide)
    return jnp.where(root == low, low, jnp.where(root == high, high, root))


def newton(
    gap: Gap,
    low: Array | float,
    high: Array | float,
    start: Array | float,
    trips: int = 16,
) -> Array:
    """The root of a smooth increasing function: Newton's steps, and bisection where they fail.

    A step is Newton's if it stays inside the bracket and is at most half as long as the one
    before; otherwise it goes to the middle of the bracket. The answer is the best of the points
    that were looked at.

    >>> from jaxsoco_kernels import roots
    >>> root = roots.newton(lambda x: x**3 - jnp.array([8.0, 27.0]), 0.0, 10.0, 5.0)
    >>> root.round(4).tolist()
    [2.0, 3.0]

    Args:
      gap: elementwise and increasing, ``[...] -> [...]``.
      low, high: ends of the bracket, ``[...]`` or scalars; the gap is below 0 at the one and above
        at the other, else the answer is near the end that is closer to a root.
      start: where to begin, ``[...]`` or a scalar.
      trips: static.

    Returns:
      The root ``[...]``.
    """
    low, high = _bracket(gap, low, high)
    start = jnp.clip(jnp.broadcast_to(jnp.asarray(start, low.dtype), low.shape), low, high)

    def step(_, state):
        left, right, x, moved, best, least = state
        value, slope = jax.jvp(gap, (x,), (jnp.ones_like(x),))
        size = jnp.abs(value)
        best, least = jnp.where(size < least, x, best), jnp.minimum(least, size)
        left, right = jnp.where(value < 0, x, left), jnp.where(value > 0, x, right)
        change = -value / jnp.where(slope > 0, slope, 1)
        ahead = x + change
        # As in the routine `rtsafe` of Numerical Recipes, section 9.4.
        trusted = (slope > 0) & (ahead > left) & (ahead < right)
        trusted = trusted & (2 * jnp.abs(change) <= jnp.abs(moved))
        following = jnp.where(trusted, ahead, left + (right - left) / 2)
        following = jnp.where(value == 0, x, following)
        return left, right, following, following - x, best, least

    def solve(_, guess):
        far = jnp.full_like(guess, jnp.inf)
        state = jax.lax.fori_loop(0, trips, step, (low, high, guess, far, guess, far))
        return state[4]

    return jax.lax.custom_root(gap, start, solve, _divide)


def _bracket(gap: Gap, low: Any, high: Any) -> tuple[Array, Array]:
    """The ends, with the lanes and the dtype of what ``gap`` returns."""
    low, high = jnp.asarray(low), jnp.asarray(high)
    expect(low=(low, "..."), high=(high, "..."))
    dtype = jnp.result_type(low, high, float)
    shape = jnp.broadcast_shapes(low.shape, high.shape)
    value = jax.eval_shape(gap, jax.ShapeDtypeStruct(shape, dtype))
    shape, dtype = jnp.broadcast_shapes(shape, value.shape), jnp.result_type(dtype, value.dtype)
    return jnp.broadcast_to(low, shape).astype(dtype), jnp.broadcast_to(high, shape).astype(dtype)


def _divide(linear: Gap, right: Array) -> Array:
    """Solves ``slope x = right`` in every lane, where ``slope`` is what ``linear`` makes of 1."""
    slope = linear(jnp.ones_like(right))
    steep = slope != 0
    return jnp.where(steep, right / jnp.where(steep, slope, 1), 0)
