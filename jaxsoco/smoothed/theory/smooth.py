"""Smooth hitting costs without a minimiser of their own: exponential, and barrier."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.hitting import PENALTY, STEEP, Hitting, by_slope

Array = jax.Array


class Exponential(NamedTuple):
    """``a exp(-r x)``, in one dimension.

    Attributes:
      scale: ``a``, at least 0, ``[T]``.
      rate: ``r``, ``[T]`` or a number.
    """

    scale: Any
    rate: Any = 1.0


class Barrier(NamedTuple):
    """``c' x - mu sum_k log(u_k - x_k)``, infinite from ``u`` on.

    Attributes:
      cost: ``c``, ``[T, d]``, or ``[T]`` in one dimension.
      weight: ``mu``, above 0, ``[T]`` or a number.
      edge: ``u``, ``[T, d]``, ``[d]`` or a number.
    """

    cost: Any
    weight: Any = 1.0
    edge: Any = 1.0


def _value(x: Array, theta: Exponential) -> Array:
    return theta.scale * jnp.exp(-theta.rate * x[0])


def _slope(x: Array, theta: Exponential) -> Array:
    return (-theta.rate * theta.scale * jnp.exp(-theta.rate * x[0]))[None]


EXPONENTIAL = Hitting("exponential", (0, 0), _value, _slope, **by_slope(_slope), separable=True)


def _room(x: Array, theta: Barrier) -> tuple[Array, Array]:
    room = theta.edge - x
    return room > 0, jnp.where(room > 0, room, 1)


def _barrier_value(x: Array, theta: Barrier) -> Array:
    inside, room = _room(x, theta)
    terms = theta.cost * x - theta.weight[None] * jnp.log(room)
    return jnp.sum(jnp.where(inside, terms, PENALTY * (1 + x - theta.edge)), axis=0)


def _barrier_slope(x: Array, theta: Barrier) -> Array:
    inside, room = _room(x, theta)
    slope = theta.cost + theta.weight[None] / room
    return jnp.where(inside, jnp.minimum(slope, STEEP), STEEP)


BARRIER = Hitting(
    "barrier",
    (1, 0, 1),
    _barrier_value,
    _barrier_slope,
    **by_slope(_barrier_slope),
    separable=True,
    goal="cost",
)


def exponential(theta: Exponential) -> tuple[Exponential, Hitting]:
    """Data of several rounds in their standard form, ``[T or 1]`` each."""
    return Exponential(*(jnp.asarray(x, float).reshape(-1) for x in theta)), EXPONENTIAL


def barrier(theta: Barrier) -> tuple[Barrier, Hitting]:
    """Data of several rounds in their standard form: ``[T, d]``, ``[T or 1]``, ``[T or 1, d]``."""
    cost, weight, edge = (jnp.asarray(x, float) for x in theta)
    cost = cost[:, None] if cost.ndim == 1 else cost
    edge = edge.reshape(-1, cost.shape[1]) if edge.ndim else edge.reshape(1, 1)
    return Barrier(cost, weight.reshape(-1), edge), BARRIER
