"""Polyhedral hitting costs: ``a |x - v|_1 + c`` and ``a |x - v|_2 + c``."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import into, length
from jaxsoco.smoothed.theory.hitting import Hitting
from jaxsoco_kernels import knots

Array = jax.Array


class Absolute(NamedTuple):
    """``a |x - v|_1 + c``.

    Attributes:
      weight: ``a``, at least 0; ``[T]`` or a number.
      target: ``v``, ``[T, d]``, or ``[T]`` in one dimension.
      offset: ``c``, ``[T]`` or a number.
    """

    weight: Any
    target: Any
    offset: Any = 0.0


class Norm(NamedTuple):
    """``a |x - v|_2 + c``; fields as of :class:`Absolute`."""

    weight: Any
    target: Any
    offset: Any = 0.0


def _value(x: Array, theta: Absolute) -> Array:
    return theta.weight * jnp.sum(jnp.abs(x - theta.target), axis=0) + theta.offset


def _slope(x: Array, theta: Absolute) -> Array:
    return theta.weight[None] * jnp.where(x >= theta.target, 1, -1)


def _minimizer(theta: Absolute | Norm, lo: Any, hi: Any) -> Array:
    return into(theta.target, lo, hi)


def _prox(theta: Absolute, y: Array, eta: Array, lo: Any, hi: Any) -> Array:
    gap, reach = y - theta.target, (eta * theta.weight)[None]
    # The soft threshold: nearer to v by the reach, or there.
    return into(theta.target + jnp.sign(gap) * jnp.maximum(jnp.abs(gap) - reach, 0), lo, hi)


def _knots(before: knots.Knots, theta: Absolute, up: Array, down: Array) -> knots.Knots:
    weight = jnp.broadcast_to(theta.weight[None], theta.target.shape)
    return knots.absolute_step(before, weight, theta.target, up, down)


ABSOLUTE = Hitting(
    "absolute",
    (0, 1, 0),
    _value,
    _slope,
    _minimizer,
    _prox,
    separable=True,
    goal="target",
    knots=_knots,
)


def _norm_value(x: Array, theta: Norm) -> Array:
    return theta.weight * length(x - theta.target) + theta.offset


def _norm_slope(x: Array, theta: Norm) -> Array:
    gap = x - theta.target
    size = length(gap)
    return theta.weight[None] * gap / jnp.where(size > 0, size, 1)[None]


def _norm_prox(theta: Norm, y: Array, eta: Array, lo: Any, hi: Any) -> Array:
    if y.shape[0] > 1 and not (lo is None and hi is None):
        raise ValueError("norm: no proximal point within a box is offered for d > 1")
    gap = y - theta.target
    size = length(gap)
    share = jnp.maximum(1 - eta * theta.weight / jnp.where(size > 0, size, 1), 0)
    return into(theta.target + share[None] * gap, lo, hi)


NORM = Hitting("norm", (0, 1, 0), _norm_value, _norm_slope, _minimizer, _norm_prox, goal="target")


def polyhedral(theta: Absolute | Norm) -> tuple[Absolute | Norm, Hitting]:
    """Data of several rounds in their standard form: ``[T or 1]``, ``[T, d]``, ``[T or 1]``.

    In one dimension both norms are one, and the kind is ``absolute``.
    """
    weight, target, offset = (jnp.asarray(x, float) for x in theta)
    target = target[:, None] if target.ndim == 1 else target
    kind = Absolute if target.shape[1] == 1 else type(theta)
    theta = kind(weight.reshape(-1), target, offset.reshape(-1))
    return theta, ABSOLUTE if kind is Absolute else NORM
