"""Proximal gradient steps, each lane with a step size of its own that shrinks where it is too long.

``x -> y = P_h(x - h grad f(x))`` is taken if ``f(y) <= f(x) + <grad f(x), y - x> + |y - x|^2 / (2
h)``, and ``h`` grows by half then; else it is halved (Beck and Teboulle 2009, with backtracking).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import take
from jaxsoco.smoothed.theory.algebra import into, length
from jaxsoco_kernels.info import Info, judge
from jaxsoco_kernels.proximal import small_solve

Array = jax.Array
CLOSE = 1e-5
"""Length of the last step, relative to the point, up to which the steps have arrived."""
SHARES = (1.0, 0.25, 0.0625, 0.015625)
"""Of a Newton step that are tried."""
NEAR = 1e-5
"""Length of a Newton step, relative to the point, up to which it is taken as it is."""


def proximal_steps(
    value: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    prox: Callable[[Array, Array], Array],
    start: Array,
    trips: int,
) -> tuple[Array, Info]:
    """The least of ``f + g`` from a point ``[d, ...]``.

    Args:
      value: the smooth ``f``, ``[d, ...] -> [...]``, convex.
      slope: its gradient.
      prox: ``(z [d, ...], h [...]) -> argmin g(x) + |x - z|^2 / (2 h)``.
      start: where to begin.
      trips: static.

    Returns:
      The point, and how it was found: the residual is the length of the last step.
    """

    def trip(_, state):
        x, h, _ = state
        force, now = slope(x), value(x)
        y = prox(x - h[None] * force, h)
        step = y - x
        limit = now + jnp.sum(step * force + step * step / (2 * h[None]), axis=0)
        slack = 8 * jnp.finfo(x.dtype).eps * (1 + jnp.abs(now))
        good = value(y) <= limit + slack
        return jnp.where(good[None], y, x), jnp.where(good, 1.5, 0.5) * h, length(step)

    first = (start, jnp.ones_like(start[0]), jnp.full_like(start[0], jnp.inf))
    point, _, moved = jax.lax.fori_loop(0, trips, trip, first)
    return point, judge(moved, CLOSE * (1 + length(point)), trips)


def descend(
    value: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    start: Array,
    lo: Any,
    hi: Any,
    trips: int = 100,
) -> Array:
    """The least of a smooth convex function in a box, ``[d, ...]``; ends may be None."""
    point, _ = proximal_steps(
        value, slope, lambda z, h: into(z, lo, hi), into(start, lo, hi), trips
    )
    return point


def newton_steps(
    value: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    start: Array,
    lo: Any,
    hi: Any,
    trips: int = 2,
) -> Array:
    """Steps of Newton's method towards the least of a smooth, strongly convex function in a box.

    Coordinates at an end from which the slope leads out are held; of the whole step and a few
    shorter ones the best is taken, or none.

    Args:
      value: ``[d, ...] -> [...]``.
      slope: its gradient.
      start: where to begin, within the box, ``[d, ...]``.
      lo, hi: the box; ends may be None.
      trips: static.

    Returns:
      ``[d, ...]``.
    """
    d = start.shape[0]
    low = -jnp.inf if lo is None else lo
    high = jnp.inf if hi is None else hi

    def trip(_, x):
        force = slope(x)
        held = ((x <= low) & (force > 0)) | ((x >= high) & (force < 0))
        units = (jnp.zeros_like(x).at[k].set(1) for k in range(d))
        matrix = jnp.stack([jax.jvp(slope, (x,), (unit,))[1] for unit in units], axis=1)
        # Held coordinates have equations of their own: step_k = 0.
        eye = jnp.eye(d, dtype=x.dtype).reshape(d, d, *(1,) * (x.ndim - 1))
        matrix = jnp.where(held[:, None] | held[None], eye, matrix)
        step = small_solve(matrix, jnp.where(held, 0, -force))
        step = jnp.where(jnp.isfinite(step), step, 0)
        points = [x, *(into(x + share * step, lo, hi) for share in SHARES)]
        values = jnp.stack([value(point) for point in points])
        least = jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values), axis=0)
        # Values of small steps differ by rounding only: the whole step.
        near = jnp.max(jnp.abs(step), axis=0) < NEAR * (1 + jnp.max(jnp.abs(x), axis=0))
        return take(jnp.stack(points), jnp.where(near, 1, least))

    return jax.lax.fori_loop(0, trips, trip, into(start, lo, hi))
