"""Costs of ``x`` servers under a load: right-sizing with delay, and speed scaling.

Lin, Wierman, Andrew, Thereska, IEEE/ACM Trans. Netw. 21, 2013 (right-sizing).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import into
from jaxsoco.smoothed.theory.hitting import PENALTY, STEEP, Hitting, by_slope

Array = jax.Array
MARGIN = 1e-6
"""By which share the least number of servers is above ``lambda / mu``, where delay is infinite."""


class RightSizing(NamedTuple):
    """``x e0 + e1 lambda + d1 lambda (1 / (mu - lambda / x) - d0)^+``, infinite to ``lambda / mu``.

    Energy of idle servers, energy of work, and the value of the time that jobs wait beyond ``d0``,
    the load being shared evenly by M/M/1 queues.

    Attributes:
      load: ``lambda``, ``[T]``; the other fields are ``[T]`` or numbers.
      e0: energy of a server that is on, above 0.
      e1: energy of a unit of load.
      d0: delay that costs nothing.
      d1: price of delay beyond ``d0``, per unit of load.
      mu: service rate of a server.
    """

    load: Any
    e0: Any = 1.0
    e1: Any = 0.0
    d0: Any = 1.5
    d1: Any = 1.0
    mu: Any = 1.0


class Power(NamedTuple):
    """``x (e0 + e1 (lambda / x)^p)``, ``p > 1``: the load is shared evenly by servers that adjust
    their speed.

    Attributes:
      load: ``lambda``, ``[T]``; the other fields are ``[T]`` or numbers.
      e0: power of a server at rest, above 0.
      e1: power at speed 1.
      p: exponent.
    """

    load: Any
    e0: Any = 1.0
    e1: Any = 1.0
    p: Any = 2.0


def _spare(x: Array, theta: RightSizing) -> tuple[Array, Array, Array]:
    """``mu x - lambda``, 1 where it is not above 0; whether it is; ``x`` in one dimension."""
    x = x[0]
    spare = theta.mu * x - theta.load
    # Not above 0 alone: where the load is mu times a whole number, rounding would make delays of
    # 1e15 of what is infeasible, dearer than the penalty.
    enough = spare > MARGIN / 2 * theta.load
    feasible = enough | ((theta.load <= 0) & (x >= 0))
    return jnp.where(enough, spare, 1), feasible, x


def _value(x: Array, theta: RightSizing) -> Array:
    spare, feasible, x = _spare(x, theta)
    # 1 / (mu - lambda / x) = x / (mu x - lambda)
    late = jnp.maximum(x / spare - theta.d0, 0)
    cost = x * theta.e0 + theta.load * (theta.e1 + theta.d1 * late)
    return jnp.where(feasible, cost, PENALTY * (1 + theta.load / theta.mu - x))


def _slope(x: Array, theta: RightSizing) -> Array:
    spare, feasible, x = _spare(x, theta)
    late = x / spare > theta.d0
    relief = jnp.where(late, theta.d1 * (theta.load / spare) ** 2, 0)
    return jnp.where(feasible, jnp.maximum(theta.e0 - relief, -STEEP), -STEEP)[None]


def _minimizer(theta: RightSizing, lo: Any, hi: Any) -> Array:
    # e0 = d1 (lambda / (mu x - lambda))^2, unless there is no delay beyond d0 at that x.
    smooth = theta.load * (1 + jnp.sqrt(theta.d1 / theta.e0)) / theta.mu
    room = theta.d0 * theta.mu - 1
    kink = theta.d0 * theta.load / jnp.where(room > 0, room, 1)
    best = jnp.where(room > 0, jnp.minimum(smooth, kink), smooth)
    return into(jnp.maximum(best[None], need(theta)), lo, hi)


def need(theta: RightSizing) -> Array:
    """The least number of servers that bear the load, ``[1, ...]``."""
    return (theta.load / theta.mu * (1 + MARGIN))[None]


RIGHTSIZING = Hitting(
    "rightsizing",
    (0,) * 6,
    _value,
    _slope,
    _minimizer,
    by_slope(_slope)["prox"],
    separable=True,
    goal="load",
    need=need,
)


def _power_value(x: Array, theta: Power) -> Array:
    x = x[0]
    speed = theta.load / jnp.where(x > 0, x, 1)
    cost = x * (theta.e0 + theta.e1 * speed**theta.p)
    return jnp.where((x > 0) | (theta.load <= 0), cost, PENALTY)


def _power_slope(x: Array, theta: Power) -> Array:
    x = x[0]
    speed = theta.load / jnp.where(x > 0, x, 1)
    slope = theta.e0 - theta.e1 * (theta.p - 1) * speed**theta.p
    slope = jnp.where((x > 0) | (theta.load <= 0), jnp.maximum(slope, -STEEP), -STEEP)
    return slope[None]


def _power_minimizer(theta: Power, lo: Any, hi: Any) -> Array:
    # e0 = e1 (p - 1) (lambda / x)^p
    best = theta.load * (theta.e1 * (theta.p - 1) / theta.e0) ** (1 / theta.p)
    return into(best[None], lo, hi)


POWER = Hitting(
    "power",
    (0,) * 4,
    _power_value,
    _power_slope,
    _power_minimizer,
    by_slope(_power_slope)["prox"],
    separable=True,
    goal="load",
)


def servers(theta: RightSizing | Power) -> tuple[RightSizing | Power, Hitting]:
    """Data of several rounds in their standard form, ``[T or 1]`` each."""
    rows = (jnp.asarray(x, float).reshape(-1) for x in theta)
    return type(theta)(*rows), RIGHTSIZING if isinstance(theta, RightSizing) else POWER
