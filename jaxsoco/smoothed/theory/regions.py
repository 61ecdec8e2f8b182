"""Where decisions may be: a box, the simplex or a ball, and what a round's cost needs at least."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import into
from jaxsoco_kernels import regions


def project(game: Any, x: jax.Array) -> jax.Array:
    """The nearest point of the game's region, ``[d, ...]``."""
    return regions.project(game.region, x, game.lo, game.hi)


def feasible(game: Any, theta: Any, x: jax.Array) -> jax.Array:
    """The nearest point of the region that meets what the round needs."""
    x = project(game, x)
    if game.hitting.need is None:
        return x
    return into(jnp.maximum(x, game.hitting.need(theta)), None, game.hi)
