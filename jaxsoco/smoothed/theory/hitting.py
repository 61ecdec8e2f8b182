"""What a kind of hitting cost can do: value, slope, minimiser, proximal point, all pure functions.

A kind belongs to a class of data, ``theta``, a NamedTuple; :mod:`jaxsoco.smoothed.theory.kinds`
finds the one by the other. Positions are ``[d, ...]``, data of one round have the structure that
:attr:`Hitting.axes` says and any lanes behind. For a kind that leaves something out there are
:func:`slope_of`, :func:`least` and :func:`nearest`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import roots

Array = jax.Array
STEEP = 1e12
"""Size of the slope where a cost is infinite."""
PENALTY = 1e9
"""What stands for an infinite cost, for each unit of infeasibility."""


class Hitting(NamedTuple):
    """The functions of a kind of hitting cost; static and hashable.

    Attributes:
      name: of the kind.
      axes: structural axes of the data of a round, one number a leaf.
      value: ``(x [d, ...], theta) -> [...]``.
      slope: ``(x, theta) -> [d, ...]``, finite; nondecreasing in one dimension, at a kink the
        right-hand one or any in between.
      minimizer: ``(theta, lo, hi) -> [d, ...]``; ``lo`` and ``hi`` are ``[d, ...]`` or None.
      prox: ``(theta, y, eta, lo, hi)``: ``argmin_x eta f(x) + 1/2 |x - y|_2^2`` within the box,
        ``eta [...]``.
      separable: the cost is a sum over the coordinates.
      goal: the field of ``theta`` that forecasts err in.
      need: ``theta -> [d, ...]``, the least feasible position, or None if all are feasible.
      knots: ``(knots, theta, up, down) -> knots`` for costs with piecewise linear slopes.
      table: linear between the integers.
      refine: ``(theta, y, eta, x, lo, hi)``, a point nearer to the proximal point than ``x``, where
        ``prox`` is not exact.
    """

    name: str
    axes: tuple[int, ...]
    value: Callable[[Array, Any], Array]
    slope: Callable[[Array, Any], Array]
    minimizer: Callable[..., Array]
    prox: Callable[..., Array]
    separable: bool = False
    goal: str = ""
    need: Callable[[Any], Array] | None = None
    knots: Callable[..., Any] | None = None
    table: bool = False
    refine: Callable[..., Array] | None = None

    def nearer(self, theta: Any, y: Array, eta: Array, x: Array, lo: Any, hi: Any) -> Array:
        """The proximal point, or a point nearer to it than ``x [d, ...]``."""
        if self.refine is None:
            return self.prox(theta, y, eta, lo, hi)
        return self.refine(theta, y, eta, x, lo, hi)


def slope_of(value: Callable[[Array, Any], Array], x: Array, theta: Any) -> Array:
    """The gradient of ``value`` by automatic differentiation, ``[d, ...]``."""
    return jax.grad(lambda at: jnp.sum(value(at, theta)))(x)


def least(slope: Callable[[Array, Any], Array], theta: Any, lo: Any, hi: Any) -> Array:
    """The minimiser of a separable cost in a box, by bisection of its slope ``[d, ...]``."""
    if lo is None or hi is None:
        raise ValueError("a minimiser by bisection needs a box: expected lo and hi")
    return roots.bisect(lambda x: slope(x, theta), lo, hi)


def nearest(
    slope: Callable[[Array, Any], Array], theta: Any, y: Array, eta: Array, lo: Any, hi: Any
) -> Array:
    """The proximal point of a separable cost in a box, by bisection of its slope ``[d, ...]``."""
    if lo is None or hi is None:
        raise ValueError("a proximal point by bisection needs a box: expected lo and hi")
    return roots.bisect(lambda x: eta[None] * slope(x, theta) + x - y, lo, hi)


def by_slope(slope: Callable[[Array, Any], Array]) -> dict[str, Any]:
    """Minimiser and proximal point of a separable kind that has only its slope."""
    return {"minimizer": partial(least, slope), "prox": partial(nearest, slope)}
