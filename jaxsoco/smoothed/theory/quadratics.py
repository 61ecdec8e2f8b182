"""Quadratic hitting costs ``1/2 (x - v)' A (x - v) + c``: diagonal or full ``A``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import into, times
from jaxsoco.smoothed.theory.hitting import Hitting
from jaxsoco_kernels import knots, proximal
from jaxsoco_kernels.smoothing import Quadratic as Quadratic

Array = jax.Array
SWEEPS = 200
"""Of the coordinate descent for a full matrix in a box."""


def _value(x: Array, theta: Quadratic) -> Array:
    gap = x - theta.target
    return jnp.sum(theta.matrix * gap * gap, axis=0) / 2 + theta.offset


def _slope(x: Array, theta: Quadratic) -> Array:
    return theta.matrix * (x - theta.target)


def _minimizer(theta: Quadratic, lo: Any, hi: Any) -> Array:
    return into(theta.target, lo, hi)


def _prox(theta: Quadratic, y: Array, eta: Array, lo: Any, hi: Any) -> Array:
    pull = eta[None] * theta.matrix
    # In every coordinate (eta a) (x - v) + (x - y) = 0.
    return into((pull * theta.target + y) / (1 + pull), lo, hi)


def _knots(before: knots.Knots, theta: Quadratic, up: Array, down: Array) -> knots.Knots:
    return knots.quadratic_step(before, theta.matrix, theta.target, up, down)


DIAGONAL = Hitting(
    "quadratic",
    (1, 1, 0),
    _value,
    _slope,
    _minimizer,
    _prox,
    separable=True,
    goal="target",
    knots=_knots,
)


def _full_value(x: Array, theta: Quadratic) -> Array:
    gap = x - theta.target
    return jnp.sum(gap * times(theta.matrix, gap), axis=0) / 2 + theta.offset


def _full_slope(x: Array, theta: Quadratic) -> Array:
    return times(theta.matrix, x - theta.target)


def _full_minimizer(theta: Quadratic, lo: Any, hi: Any) -> Array:
    if lo is None and hi is None:
        return theta.target
    return boxed(theta.matrix, times(theta.matrix, theta.target), lo, hi, theta.target)


def _full_prox(theta: Quadratic, y: Array, eta: Array, lo: Any, hi: Any) -> Array:
    pull = eta[None, None] * theta.matrix
    eye = jnp.eye(y.shape[0], dtype=y.dtype).reshape(*pull.shape[:2], *(1,) * (y.ndim - 1))
    # (I + eta A) x = y + eta A v
    matrix, right = pull + eye, y + times(pull, theta.target)
    point = proximal.small_solve(matrix, right)
    return point if lo is None and hi is None else boxed(matrix, right, lo, hi, point)


def boxed(matrix: Array, right: Array, lo: Any, hi: Any, start: Array) -> Array:
    """``argmin 1/2 x' M x - b' x`` within a box, by cyclic coordinate descent, ``[d, ...]``."""

    def sweep(_, x):
        for k in range(x.shape[0]):
            rest = right[k] - jnp.sum(matrix[k] * x, axis=0) + matrix[k, k] * x[k]
            ends = (None if end is None else end[k] for end in (lo, hi))
            x = x.at[k].set(into(rest / matrix[k, k], *ends))
        return x

    return jax.lax.fori_loop(0, SWEEPS, sweep, into(start, lo, hi))


FULL = Hitting(
    "quadratic",
    (2, 1, 0),
    _full_value,
    _full_slope,
    _full_minimizer,
    _full_prox,
    goal="target",
)


def quadratic(theta: Quadratic) -> tuple[Quadratic, Hitting]:
    """Data of several rounds in their standard form, and what kind they are.

    ``target`` becomes ``[T, d]``, ``matrix`` ``[T or 1, d or 1]`` or ``[T or 1, d, d]``, ``offset``
    ``[T or 1]``.
    """
    matrix, target, offset = (jnp.asarray(x, float) for x in theta)
    target = target[:, None] if target.ndim == 1 else target
    if matrix.ndim < 2:
        matrix = matrix.reshape(-1, 1)
    theta = Quadratic(matrix, target, offset.reshape(-1))
    return theta, FULL if matrix.ndim == 3 else DIAGONAL
