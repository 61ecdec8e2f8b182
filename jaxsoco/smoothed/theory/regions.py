"""Where decisions may be: a box, the simplex or a ball, and what a round's cost needs at least."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import into, length


def project(game: Any, x: jax.Array) -> jax.Array:
    """The nearest point of the game's region, ``[d, ...]``."""
    if game.region == "ball":
        size = length(x)
        radius = game.hi[0]
        return x * jnp.where(size > radius, radius / jnp.where(size > 0, size, 1), 1)[None]
    if game.region == "simplex":
        return simplex(x)
    return into(x, game.lo, game.hi)


def simplex(x: jax.Array) -> jax.Array:
    """The nearest point of the probability simplex: ``max(x - tau, 0)``, by comparing all pairs.

    Coordinate ``k`` stays above 0 iff ``x_k > (sum_(x_j >= x_k) x_j - 1) / #{j: x_j >= x_k}``
    (Held, Wolfe, Crowder 1974); lanes last, without sorting.
    """
    above = x[None] >= x[:, None]  # [k, j, ...]
    count = jnp.sum(above, axis=1)
    excess = (jnp.sum(jnp.where(above, x[None], 0), axis=1) - 1) / count
    stays = x > excess
    some = jnp.sum(stays, axis=0)
    threshold = (jnp.sum(jnp.where(stays, x, 0), axis=0) - 1) / jnp.maximum(some, 1)
    return jnp.maximum(x - threshold[None], 0)


def feasible(game: Any, theta: Any, x: jax.Array) -> jax.Array:
    """The nearest point of the region that meets what the round needs."""
    x = project(game, x)
    if game.hitting.need is None:
        return x
    return into(jnp.maximum(x, game.hitting.need(theta)), None, game.hi)
