"""Where the data of the rounds come from: recorded, walking, or drawn afresh in every round.

A source has ``begin(key, game, lanes) -> memory`` and ``step(key, game, memory, clock) -> (memory,
theta)``, with ``clock`` the round's number from 1 on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align
from jaxsoco.smoothed.theory.algebra import length
from jaxsoco.smoothed.theory.polyhedral import Absolute, Norm
from jaxsoco.smoothed.theory.quadratics import Quadratic

Array = jax.Array


def shaped(theta: Any, axes: tuple[int, ...], lanes: tuple[int, ...]) -> Any:
    """Data of one round with these lanes on every leaf."""
    leaves, structure = jax.tree.flatten(theta)
    wide = [align(x, k, len(lanes)) for x, k in zip(leaves, axes, strict=True)]
    wide = [jnp.broadcast_to(x, (*x.shape[:k], *lanes)) for x, k in zip(wide, axes, strict=True)]
    return jax.tree.unflatten(structure, wide)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Recorded:
    """Given data: leaves ``[T or 1, ...]``. After the last row it is repeated."""

    theta: Any

    def begin(self, key: Array, game: Any, lanes: tuple[int, ...]) -> tuple[()]:
        """Nothing to remember."""
        del key, game, lanes
        return ()

    def step(self, key: Array, game: Any, memory: Any, clock: Array) -> tuple[Any, Any]:
        """The round's row."""
        row = jax.tree.map(lambda x: x[jnp.minimum(clock - 1, x.shape[0] - 1)], self.theta)
        return memory, shaped(row, game.hitting.axes, key.shape[1:])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Walk:
    """A target that walks: ``v_t = persistence v_(t-1) + scale xi_t``, ``xi_t ~ N(0, I)``, ``v_0 =
    0``.

    Attributes:
      scale: standard deviation of a coordinate's step ``[...]``.
      persistence: 1 for a random walk, 0 for independent targets ``[...]``.
      weight: curvatures ``[d, ...]``, or the weight of a norm ``[1, ...]``.
      kind: ``quadratic``, ``absolute`` or ``norm`` (static).
    """

    scale: Array
    persistence: Array
    weight: Array
    kind: str = field(default="quadratic", metadata={"static": True})

    def begin(self, key: Array, game: Any, lanes: tuple[int, ...]) -> Array:
        """The target ``v_0 [d, ...]``."""
        del key
        return jnp.zeros((game.dimension, *lanes), self.scale.dtype)

    def step(self, key: Array, game: Any, memory: Array, clock: Array) -> tuple[Array, Any]:
        """The next target and the cost around it."""
        del clock
        lanes = key.shape[1:]
        scale, keep = (align(x, 0, len(lanes))[None] for x in (self.scale, self.persistence))
        noise = random.normal(key, (game.dimension,), memory.dtype, paired=True)
        target = keep * memory + scale * noise
        none = jnp.zeros(lanes, target.dtype)
        if self.kind == "quadratic":
            theta = Quadratic(self.weight, target, none)
        else:
            kind = Absolute if self.kind == "absolute" else Norm
            theta = kind(align(self.weight, 1, len(lanes))[0], target, none)
        return target, shaped(theta, game.hitting.axes, lanes)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Jumps:
    """``a |x - v|_2`` around a target that stays for a while and then is drawn anew.

    The targets are uniform in the unit ball, ``T^exponent`` of them at even distances.

    Attributes:
      slope: ``a`` ``[...]``.
      exponent: ``[...]``.
    """

    slope: Array
    exponent: Array

    def begin(self, key: Array, game: Any, lanes: tuple[int, ...]) -> Array:
        """The first target ``[d, ...]``."""
        del lanes
        return _in_ball(key, game.dimension)

    def step(self, key: Array, game: Any, memory: Array, clock: Array) -> tuple[Array, Any]:
        """The target, drawn anew where a new stretch begins, and the cost around it."""
        lanes = key.shape[1:]
        rounds = jnp.asarray(game.horizon, memory.dtype)
        rate = rounds ** (align(self.exponent, 0, len(lanes)) - 1)
        jump = jnp.floor(clock * rate) > jnp.floor((clock - 1) * rate)
        jump = jump & (clock < game.horizon)
        target = jnp.where(jump[None], _in_ball(key, game.dimension), memory)
        none = jnp.zeros(lanes, target.dtype)
        slope = align(self.slope, 0, len(lanes))
        return target, shaped(Norm(slope, target, none), game.hitting.axes, lanes)


def _in_ball(key: Array, dimension: int) -> Array:
    """Uniform in the unit ball, ``[d, ...]``: a direction, and the ``d``-th root of a uniform."""
    way = random.normal(random.fold(key, 0), (dimension,))
    radius = random.uniform(random.fold(key, 1), (), way.dtype) ** (1 / dimension)
    return way * (radius / length(way))[None]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Drawn:
    """Data drawn afresh in every round by a function of the user's.

    Attributes:
      draw: ``(key, clock) -> theta``: the round's data, lanes last, from a key ``[2, ...]`` whose
        lanes they have (static).
    """

    draw: Callable[[Array, Array], Any] = field(metadata={"static": True})

    def begin(self, key: Array, game: Any, lanes: tuple[int, ...]) -> tuple[()]:
        """Nothing to remember."""
        del key, game, lanes
        return ()

    def step(self, key: Array, game: Any, memory: Any, clock: Array) -> tuple[Any, Any]:
        """What the function draws."""
        return memory, shaped(self.draw(key, clock), game.hitting.axes, key.shape[1:])
