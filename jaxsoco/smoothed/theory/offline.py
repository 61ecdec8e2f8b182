"""Optima of a whole horizon, from its data.

In one dimension, and wherever costs and movements are sums over the coordinates, the optimum is
exact (:func:`jaxsoco_kernels.slopes.offline`); on integers by thresholds. In several dimensions see
:mod:`~jaxsoco.smoothed.theory.offline_space`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory import lattice
from jaxsoco.smoothed.theory import work as works
from jaxsoco.smoothed.theory.movements import LINEAR
from jaxsoco.smoothed.theory.offline_space import Optimum as Optimum
from jaxsoco.smoothed.theory.offline_space import at_rest, in_space
from jaxsoco.smoothed.theory.sight import bracket, live_slope
from jaxsoco_kernels import roots, slopes
from jaxsoco_kernels.info import Info, Status, judge

Array = jax.Array


def optimum(game: Any, theta: Any, live: Array) -> Optimum:
    """The path of least hitting and movement cost.

    Args:
      game: with lanes.
      theta: data of all rounds, leaves ``[T, ...]``, with lanes.
      live: 0 for rounds in which nothing costs, ``[T, ...]``.
    """
    if game.servers:
        return on_lattice(game, theta, live)
    if not by_coordinates(game):
        return in_space(game, theta, live)
    if game.hitting.table:
        return integral(game, theta, live)
    lo, hi = bracket(game, theta, game.start)
    up, down = (jnp.broadcast_to(x, game.start.shape) for x in game.prices())
    slope = partial(live_slope, game.hitting)
    path, info = slopes.offline(slope, (theta, live), game.start, up, down, lo, hi)
    return Optimum(path, None, worst(info))


def by_coordinates(game: Any) -> bool:
    """Whether costs and movements are sums over the coordinates."""
    separable = game.hitting.separable or game.dimension == 1
    return game.movement.kind in LINEAR and separable and game.region == "box"


def worst(info: Info) -> Info:
    """One record for all coordinates, ``[d, ...] -> [...]``."""
    return Info(*(jnp.max(x, axis=0) for x in info))


def integral(game: Any, theta: Any, live: Array) -> Optimum:
    """The same on the integers ``0..m``, in one dimension.

    Raises:
      ValueError: the problem is no such.
    """
    if game.servers:
        return on_lattice(game, theta, live)
    if not game.levels or game.movement.kind not in LINEAR:
        raise ValueError(
            "integral_optimum: expected one dimension, l1 or up movement and a box from 0 to an "
            "integer"
        )
    steps = jax.vmap(lambda one: works.rises(game.hitting, one, game.levels))(theta)
    steps = (steps * live[:, None, None])[:, :, 0]
    up, down = (x[0] for x in game.prices())
    path = slopes.threshold_path(steps, game.start[0], up, down)
    path = path[:, None].astype(game.start.dtype)
    return Optimum(path, None, exact(path[0, 0]))


def on_lattice(game: Any, theta: Any, live: Array) -> Optimum:
    """The same for whole numbers of servers of several types, and movement ``up``."""
    if game.movement.kind != "up":
        raise ValueError(f"movement: expected up for servers of types, got {game.movement.kind}")
    start, weight = game.start, jnp.broadcast_to(game.movement.up, game.start.shape)
    costs = _lattice(game, theta) * live.reshape(
        live.shape[0], *(1,) * game.dimension, *live.shape[1:]
    )
    path = lattice.optimal_path(costs, weight, start, game.servers).astype(start.dtype)
    return Optimum(path, None, exact(path[0, 0]))


def _lattice(game: Any, theta: Any) -> Array:
    """Costs of all rounds at all states, ``[T, m_1 + 1, ..., m_d + 1, ...]``."""
    value, axes = game.hitting.value, game.hitting.axes
    return jax.vmap(lambda one: lattice.lattice_costs(value, one, axes, game.servers))(theta)


def _best_state(game: Any, theta: Any) -> tuple[Array, Info]:
    """The best fixed numbers of servers, which are switched on in the first round."""
    weight = jnp.broadcast_to(game.movement.up, game.start.shape)
    table = lattice.start_table(game.start, game.servers)
    total = lattice.prefix_step(table, weight, jnp.sum(_lattice(game, theta), axis=0))
    best = lattice.least_state(total, game.servers).astype(game.start.dtype)
    return best, exact(best[0])


def exact(like: Array) -> Info:
    """The record of what has no residual, with the lanes of ``like [...]``."""
    return judge(jnp.zeros_like(like), 0.0, 1)


def static(game: Any, theta: Any) -> Optimum:
    """The best fixed position from the first round on, ``argmin sum_t f_t(x) + c(x, x_0)``.

    A scan of the integers for tables, a bisection of the total slope where costs are sums over
    coordinates, else as the path of least cost.
    """
    rounds = jax.tree.leaves(theta)[0].shape[0]
    if game.servers:
        point, info = _best_state(game, theta)
    elif game.hitting.table:
        point, info = _best_level(game, theta)
    elif by_coordinates(game):
        point, info = _balance(game, theta)
    else:
        return at_rest(game, theta)
    return Optimum(jnp.broadcast_to(point[None], (rounds, *point.shape)), None, info)


def _best_level(game: Any, theta: Any) -> tuple[Array, Info]:
    places = jnp.arange(game.levels + 1, dtype=game.start.dtype)
    places = places.reshape(-1, 1, *(1,) * (game.start.ndim - 1))
    places = jnp.broadcast_to(places, (game.levels + 1, *game.start.shape))
    moves = jax.vmap(lambda x: game.movement.cost(x, game.start))(places)
    total = jnp.sum(theta.values, axis=0) + moves
    best = jnp.argmin(total, axis=0)[None].astype(game.start.dtype)
    return best, exact(best[0])


def _balance(game: Any, theta: Any) -> tuple[Array, Info]:
    lo, hi = bracket(game, theta, game.start)
    up, down = game.prices()

    def slope(x: Array) -> Array:
        hits = jnp.sum(jax.vmap(lambda one: game.hitting.slope(x, one))(theta), axis=0)
        return hits + jnp.where(x >= game.start, up, -down)

    point = roots.bisect(slope, lo, hi)
    return point, exact(point[0])


def faults(info: Info) -> Array:
    """1 where a solver did not converge, int32 ``[...]``."""
    return (info.status != Status.OK).astype(jnp.int32)
