"""Shapes of what a distance between the budget and its target costs: convex, 0 at the target.

With the distance ``x`` and the width ``w``, ``phi(x)`` and its slope are::

    quadratic          x^2                          2 x
    exponential        2 w^2 (e^(x/w) - 1 - x/w)    2 w (e^(x/w) - 1)
    piecewise-linear   2 w |x|                      2 w sign(x)

All three are alike near the width: the exponential is ``x^2`` for small ``x``, and the slope of the
piecewise linear one is that of the square at ``|x| = w``. Only the square is strongly convex
wherever the budget goes. The exponential is the LINEX loss (Zellner, "Bayesian estimation and
prediction using asymmetric loss functions", JASA 81, 1986): too much costs far more than too
little.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def distance_cost(shape: str, distance: jax.Array, width: jax.Array) -> jax.Array:
    """``phi(x)``, ``[...]``; see the module.

    Args:
      shape: ``"quadratic"``, ``"exponential"`` or ``"piecewise-linear"``.
      distance: ``x``, blocks, ``[...]``.
      width: ``w``, above 0, blocks, ``[...]``; not used by the square.
    """
    if shape == "quadratic":
        return distance**2
    if shape == "exponential":
        relative = distance / width
        # exp(x) - 1 loses all digits near the target, expm1 none.
        return 2 * width**2 * (jnp.expm1(relative) - relative)
    return 2 * width * jnp.abs(distance)


def distance_slope(shape: str, distance: jax.Array, width: jax.Array) -> jax.Array:
    """``phi'(x)``, ``[...]``; at the kink of the piecewise linear shape, the subgradient 0."""
    if shape == "quadratic":
        return 2 * distance
    if shape == "exponential":
        return 2 * width * jnp.expm1(distance / width)
    return 2 * width * jnp.sign(distance)
