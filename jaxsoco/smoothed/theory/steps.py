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
from jaxsoco.smoothed.theory.algebra import into, length, times
from jaxsoco.smoothed.theory.movements import LINEAR
from jaxsoco.smoothed.theory.regions import project
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


def best_fixed(
    game: Any, value: Callable[[Array], Array], slope: Callable[[Array], Array], trips: int
) -> tuple[Array, Info]:
    """``argmin F(x) + c(x, x_0)`` in the game's region, for a smooth ``F``.

    Raises:
      ValueError: a norm whose ball is no box, in a region.
    """
    kind, start = game.movement.kind, game.start
    bounded = game.region != "box" or not (game.lo is None and game.hi is None)
    if kind == "entropy" or (kind == "l2" and bounded):
        raise ValueError(f"static_optimum: no method for {kind} movement in a {game.region}")
    if kind not in ("squared", "mahalanobis"):
        return proximal_steps(value, slope, lambda z, h: _stay(game, z, h), start, trips)

    def total(x: Array) -> Array:
        return value(x) + game.movement.cost(x, start)

    def force(x: Array) -> Array:
        matrix, step = game.movement.matrix, x - start
        return slope(x) + (game.movement.up * step if matrix is None else times(matrix, step))

    return proximal_steps(total, force, lambda z, h: project(game, z), start, trips)


def _stay(game: Any, z: Array, h: Array) -> Array:
    """``argmin c(x, x_0) + |x - z|^2 / (2 h)``, of the l1 norms in a box or the l2 norm."""
    step = z - game.start
    up, down = game.prices()
    if game.movement.kind in LINEAR:
        shorter = jnp.maximum(step - h[None] * up, 0) - jnp.maximum(-step - h[None] * down, 0)
        return into(game.start + shorter, game.lo, game.hi)
    size = length(step)
    share = jnp.maximum(1 - h * up[0] / jnp.where(size > 0, size, 1), 0)
    return game.start + share[None] * step
