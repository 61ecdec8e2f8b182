"""Optima of a whole horizon, from its data.

In one dimension, and wherever costs and movements are sums over the coordinates, the optimum is
exact (:func:`jaxsoco_kernels.slopes.offline`); on integers by thresholds.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory import work as works
from jaxsoco.smoothed.theory.movements import LINEAR
from jaxsoco.smoothed.theory.sight import bracket
from jaxsoco_kernels import slopes
from jaxsoco_kernels.info import Info, Status, judge

Array = jax.Array


class Optimum(NamedTuple):
    """A path of least cost.

    Attributes:
      path: ``[T, d, ...]``.
      lower: a lower bound on the cost of every path, ``[...]``; None where the path is exact.
      info: how it was found.
    """

    path: Array
    lower: Array | None
    info: Info


def optimum(game: Any, theta: Any, live: Array) -> Optimum:
    """The path of least hitting and movement cost.

    Args:
      game: with lanes.
      theta: data of all rounds, leaves ``[T, ...]``, with lanes.
      live: 0 for rounds in which nothing costs, ``[T, ...]``.
    """
    if game.movement.kind in LINEAR and (game.hitting.separable or game.dimension == 1):
        return _by_slopes(game, theta, live)
    raise NotImplementedError


def _by_slopes(game: Any, theta: Any, live: Array) -> Optimum:
    if game.hitting.table:
        return integral(game, theta, live)
    lo, hi = bracket(game, theta, game.start)
    up, down = (jnp.broadcast_to(x, game.start.shape) for x in game.prices())
    slope = partial(_live_slope, game.hitting)
    path, info = slopes.offline(slope, (theta, live), game.start, up, down, lo, hi)
    return Optimum(path, None, worst(info))


def _live_slope(hitting: Any, x: Array, now: tuple[Any, Array]) -> Array:
    theta, live = now
    return live * hitting.slope(x, theta)


def worst(info: Info) -> Info:
    """One record for all coordinates, ``[d, ...] -> [...]``."""
    bad = jnp.max(info.status, axis=0)
    return Info(bad, jnp.max(info.residual, axis=0), jnp.max(info.iterations, axis=0))


def integral(game: Any, theta: Any, live: Array) -> Optimum:
    """The same on the integers ``0..m``, in one dimension."""
    if not game.levels or game.dimension > 1 or game.movement.kind not in LINEAR:
        raise ValueError("integral_optimum: expected one dimension with whole positions 0..m")
    steps = jax.vmap(lambda one: works.rises(game.hitting, one, game.levels))(theta)
    steps = (steps * live[:, None, None])[:, :, 0]
    up, down = (x[0] for x in game.prices())
    path = slopes.threshold_path(steps, game.start[0], up, down)
    path = path[:, None].astype(game.start.dtype)
    return Optimum(path, None, judge(jnp.zeros(path.shape[2:], path.dtype), 0.0, 1))


def faults(info: Info) -> Array:
    """1 where a solver did not converge, int32 ``[...]``."""
    return (info.status != Status.OK).astype(jnp.int32)
