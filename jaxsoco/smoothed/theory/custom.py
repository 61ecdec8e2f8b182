"""Hitting costs of one's own: a function in JAX, alone or with slope, minimiser, proximal point."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.hitting import Hitting, least, nearest, slope_of
from jaxsoco.smoothed.theory.steps import descend, newton_steps

Array = jax.Array


class Functions(NamedTuple):
    """What is known of a hitting cost; None for what is to be found from the value.

    Attributes:
      value: ``(x [d, ...], theta) -> [...]``, convex in ``x``.
      slope: ``(x, theta) -> [d, ...]``; by automatic differentiation.
      minimizer: ``(theta, lo, hi) -> [d, ...]``; by bisection in one dimension, else by projected
        gradients with a line search.
      prox: ``(theta, y, eta, lo, hi) -> [d, ...]``, ``argmin eta f(x) + |x - y|^2 / 2``; likewise.
      separable: whether the value is a sum of functions of the coordinates.
    """

    value: Callable[[Array, Any], Array]
    slope: Callable[[Array, Any], Array] | None = None
    minimizer: Callable[..., Array] | None = None
    prox: Callable[..., Array] | None = None
    separable: bool = False


def _minimizer(own: Functions, slope: Any, theta: Any, lo: Any, hi: Any) -> Array:
    if lo is None or hi is None:
        raise ValueError("custom: without a minimizer of its own the cost needs a box: lo and hi")
    if own.separable or lo.shape[0] == 1:
        return least(slope, theta, lo, hi)
    middle = lo + (hi - lo) / 2
    return descend(lambda x: own.value(x, theta), lambda x: slope(x, theta), middle, lo, hi)


def _prox(own: Functions, slope: Any, theta: Any, y: Array, eta: Array, lo: Any, hi: Any) -> Array:
    if (own.separable or y.shape[0] == 1) and lo is not None and hi is not None:
        return nearest(slope, theta, y, eta, lo, hi)

    total = partial(_total, own, theta, y, eta)
    return descend(total, lambda x: eta[None] * slope(x, theta) + x - y, y, lo, hi)


def _total(own: Functions, theta: Any, y: Array, eta: Array, x: Array) -> Array:
    return eta * own.value(x, theta) + jnp.sum((x - y) ** 2, axis=0) / 2


def _refine(
    own: Functions, slope: Any, theta: Any, y: Array, eta: Array, x: Array, lo: Any, hi: Any
) -> Array:
    return newton_steps(
        partial(_total, own, theta, y, eta),
        lambda x: eta[None] * slope(x, theta) + x - y,
        x,
        lo,
        hi,
    )


@lru_cache(maxsize=256)
def hitting_of(functions: Functions, axes: tuple[int, ...]) -> Hitting:
    """The kind of hitting cost of these functions: the same object whenever they are the same."""
    slope = functions.slope or partial(slope_of, functions.value)
    exact = functions.prox is not None or functions.separable
    return Hitting(
        "custom",
        axes,
        functions.value,
        slope,
        functions.minimizer or partial(_minimizer, functions, slope),
        functions.prox or partial(_prox, functions, slope),
        separable=functions.separable,
        refine=None if exact else partial(_refine, functions, slope),
    )


def custom_theta(theta: Any, functions: Functions) -> tuple[Any, Hitting]:
    """Data of several rounds as arrays ``[T, ...]``, and their kind."""
    theta = jax.tree.map(lambda x: jnp.asarray(x, float), theta)
    leaves = jax.tree.leaves(theta)
    if not leaves or not all(x.ndim for x in leaves):
        raise ValueError("theta: expected arrays with one row a round")
    axes = tuple(x.ndim - 1 for x in leaves)
    return theta, hitting_of(functions, axes)
