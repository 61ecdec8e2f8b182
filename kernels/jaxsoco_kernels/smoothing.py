"""Paths that hit and move at least cost: offline optima in ``d`` dimensions, with certificates.

``min sum_t f_t(x_t) + c(x_t - x_{t-1})`` over paths ``x [T, d]`` from a given ``x_0``, lanes last
(other costs, in other sets: :mod:`~jaxsoco_kernels.splitting`):

=======================  ===========================  ====================================
movement ``c(z)``        hitting costs                kernel
=======================  ===========================  ====================================
``kappa |z|^2 / 2``      quadratic                    :func:`tridiagonal`, exact
smooth                   smooth, in a convex set      :func:`projected_gradient`, certified
``l1``, ``up``, ``l2``   quadratic, in a box or free  :func:`dual_fista`, certified
=======================  ===========================  ====================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _dual_ascent, _smoothed_costs
from jaxsoco_kernels._block_tridiagonal import eliminate, stiffness
from jaxsoco_kernels._envelope import by_envelope
from jaxsoco_kernels._smoothed_costs import Problem
from jaxsoco_kernels.info import Info, Status
from jaxsoco_kernels.shapes import expect, expect_floating

MOVEMENTS = ("l1", "up", "l2")
"""Movement costs of :func:`dual_fista`."""


class Quadratic(NamedTuple):
    """Hitting costs ``f_t(x) = (x - v_t)' A_t (x - v_t) / 2 + c_t``, lanes last.

    Attributes:
      matrix: ``A_t``, symmetric, positive definite: ``[T, d, d, ...]``, diagonals ``[T, d, ...]``,
        multiples of the identity ``[T, ...]``, or a number. T may be 1: the same in all rounds.
      target: ``v_t``, ``[T, d, ...]``.
      offset: ``c_t``, ``[T, ...]`` or a number.
    """

    matrix: Any
    target: Any
    offset: Any = 0.0


class Solution(NamedTuple):
    """A path and how far its cost may be above the least one.

    Attributes:
      path: ``x_t``, ``[T, d, ...]``.
      value: what it costs, ``[...]``.
      lower: a lower bound on the cost of every path, ``[...]``.
      info: the residual is ``value - lower``.
    """

    path: jax.Array
    value: jax.Array
    lower: jax.Array
    info: Info


def tridiagonal(
    matrix: jax.Array, vector: jax.Array, kappa: jax.Array | float, start: jax.Array
) -> tuple[jax.Array, Info]:
    """The path of least ``sum_t x_t' A_t x_t / 2 - b_t' x_t + kappa |x_t - x_{t-1}|^2 / 2``.

    Stationarity is a block tridiagonal system, which elimination solves exactly (Thomas)::

        (A_t + 2 kappa I) x_t - kappa (x_{t-1} + x_{t+1}) = b_t     for t < T
        (A_T + kappa I) x_T - kappa x_{T-1} = b_T

    For hitting costs ``(x - v_t)' A_t (x - v_t) / 2`` pass ``b_t = A_t v_t``. The path, and with it
    all that it costs, is differentiable in all arguments, in both modes: the system is
    differentiated, not the elimination.

    >>> from jaxsoco_kernels.smoothing import tridiagonal
    >>> path, info = tridiagonal(jnp.ones((1, 1, 1)), jnp.full((2, 1), 2.0), 1.0, jnp.zeros(1))
    >>> [round(float(x), 3) for x in path[:, 0]]
    [1.2, 1.6]

    Args:
      matrix: ``A_t``, symmetric, positive semidefinite, ``[T, d, d, ...]`` or ``[1, d, d, ...]``;
        definite where ``kappa`` is 0.
      vector: ``b_t``, ``[T, d, ...]``.
      kappa: at least 0, ``[...]`` or a number.
      start: ``x_0``, ``[d, ...]``.

    Returns:
      The path ``[T, d, ...]`` and how it went: the residual is the largest entry of the gradient,
      relative to the largest of its terms; ``LIMIT`` where a matrix is not definite, ``NONFINITE``.
    """
    matrix, vector, kappa, start = (jnp.asarray(x) for x in (matrix, vector, kappa, start))
    expect(
        vector=(vector, "T d ..."),
        matrix=(matrix, "T|1 d d ..."),
        kappa=(kappa, "..."),
        start=(start, "d ..."),
    )
    expect_floating(matrix=matrix, vector=vector, start=start)
    dtype = jnp.result_type(matrix, vector, start)
    lanes = jnp.broadcast_shapes(matrix.shape[3:], vector.shape[2:], kappa.shape, start.shape[1:])
    matrix = jnp.broadcast_to(matrix.astype(dtype), (*matrix.shape[:3], *lanes))
    kappa = jnp.broadcast_to(kappa.astype(dtype), lanes)
    # The start stands on the right side, as a neighbour of the first round.
    vector = jnp.broadcast_to(vector.astype(dtype), (*vector.shape[:2], *lanes))
    first = vector[:1] + kappa[None, None] * start.astype(dtype)[None]
    right = jnp.concatenate([first, vector[1:]])
    path = jax.lax.custom_linear_solve(
        lambda x: stiffness(matrix, kappa, x),
        right,
        lambda _, x: eliminate(matrix, kappa, x),
        symmetric=True,
    )
    return path, _exactness(*jax.lax.stop_gradient((matrix, kappa, right, path)))


def _exactness(matrix, kappa, right, path) -> Info:
    gap = stiffness(matrix, kappa, path) - right
    # |A| |x| + kappa (2 |x_t| + |x_{t-1}| + |x_{t+1}|) + |b|: the terms of the gradient.
    terms = stiffness(jnp.abs(matrix), -kappa, jnp.abs(path)) + 4 * kappa[None, None] * abs(path)
    size = jnp.max(terms + jnp.abs(right), axis=(0, 1))
    residual = jnp.max(jnp.abs(gap), axis=(0, 1)) / jnp.where(size > 0, size, 1)
    residual = jnp.where(jnp.isfinite(residual), residual, jnp.inf)
    solved = residual <= 1e4 * jnp.finfo(path.dtype).eps
    return _info(solved, residual, 1, _finite(kappa.ndim, matrix, kappa, right))


def projected_gradient(
    grad: Callable[[jax.Array], jax.Array],
    project: Callable[[jax.Array], jax.Array],
    start: jax.Array,
    step: jax.Array | float,
    momentum: jax.Array | float,
    trips: int,
    *,
    convexity: jax.Array | float = 0.0,
    axes: int = 2,
) -> tuple[jax.Array, Info]:
    """Accelerated projected gradient steps towards the least value of a smooth ``f`` on a set.

    From ``x_0 = y_0``, ``x_{k+1} = P(y_k - step grad f(y_k))`` and ``y_{k+1} = x_{k+1} + momentum
    (x_{k+1} - x_k)``. For an ``alpha``-convex and ``l``-smooth ``f``, ``step = 1 / l`` and
    ``momentum = (sqrt(Q) - 1) / (sqrt(Q) + 1)`` with ``Q = l / alpha``, the distance to the least
    value falls by ``1 - 1 / sqrt(Q)`` a trip (Nesterov 2004, section 2.2). Momentum 0 gives plain
    gradient steps. Differentiable through the steps, in both modes; a least value is cheaper by
    the envelope rule, as the derivative of ``f`` at a point that is held fixed.

    >>> from jaxsoco_kernels.smoothing import projected_gradient
    >>> unit, gradient = lambda x: jnp.clip(x, 0, 1), lambda x: x - 3
    >>> point, info = projected_gradient(
    ...     gradient, unit, jnp.zeros((1, 1)), 0.5, 0.0, 4, convexity=1.0
    ... )
    >>> point.tolist(), float(info.residual)
    ([[1.0]], 0.0)

    Args:
      grad: the gradient of ``f``, from and to the shape of ``start``.
      project: the nearest point of the set, likewise.
      start: ``[T, d, ...]``, or with as many axes before the lanes as ``axes`` says.
      step: ``[...]`` or a number; at most 1 over the smoothness.
      momentum: from 0 to below 1, ``[...]`` or a number.
      trips: how many steps, static.
      convexity: ``alpha``, ``[...]`` or a number. Without it nothing is certified.
      axes: how many axes of ``start`` are no lanes, static.

    Returns:
      The last point and how it went. The residual bounds how far its value is above the least one,
      ``|G|^2 / (2 alpha)`` with the gradient map ``G = (y - x) / step`` of the last step (Nesterov
      2004, theorem 2.2.7). ``OK`` where it is small beside ``|x|^2 / (2 step)``.
    """
    start = jnp.asarray(start)
    names = " ".join(f"n{k}" for k in range(axes))
    expect(
        start=(start, f"{names} ..."),
        step=(step, "..."),
        momentum=(momentum, "..."),
        convexity=(convexity, "..."),
    )
    expect_floating(start=start)
    lanes, wide = start.shape[axes:], (None,) * axes
    step, momentum, convexity = (
        jnp.broadcast_to(jnp.asarray(x, start.dtype), lanes) for x in (step, momentum, convexity)
    )

    def trip(now, _):
        point, ahead, _ = now
        new = project(ahead - step[wide] * grad(ahead))
        return (new, new + momentum[wide] * (new - point), ahead - new), None

    unknown = jnp.full_like(start, jnp.inf)
    (point, _, gap), _ = jax.lax.scan(trip, (start, start, unknown), None, length=trips)
    fixed = jax.lax.stop_gradient((start, point, gap, step, convexity))
    return point, _certificate(*fixed, trips)


def _certificate(start, point, gap, step, convexity, trips: int) -> Info:
    structure = tuple(range(start.ndim - step.ndim))
    squares = [jnp.sum(x**2, axis=structure) for x in (start, point, gap)]
    known = convexity > 0
    bound = squares[2] / step**2 / jnp.where(known, 2 * convexity, 1)
    residual = jnp.where(known & jnp.isfinite(bound), bound, jnp.inf)
    size = jnp.maximum(squares[0], squares[1]) / (2 * step)
    solved = residual <= _tolerance(point.dtype) * size
    return _info(solved, residual, trips, _finite(step.ndim, start, point))


def dual_fista(
    theta: Quadratic | tuple,
    start: jax.Array,
    weight: Any,
    movement: str,
    trips: int = 300,
    *,
    box: tuple[Any, Any] | None = None,
    guess: jax.Array | None = None,
) -> Solution:
    """The path of least hitting and movement cost, where movement costs a norm.

    Accelerated projected ascent of the dual (Beck and Teboulle 2009), restarted where the momentum
    points downhill (O'Donoghue and Candes 2015)::

        max_p  sum_t min_x [f_t(x) + <p_t - p_{t+1}, x>] - <p_1, x_0>,     p_{T+1} = 0,

    over ``p_t`` with ``|p| <= weight`` in every coordinate (``l1``), ``0 <= p <= weight`` (``up``),
    or ``|p|_2 <= weight`` (``l2``). The path of the last dual is made to stay exactly where its
    prices are inside these sets, and from it come the two bounds that certify it. ``value`` is
    differentiable once, in both modes, in ``theta``, ``start``, ``weight`` and ``box`` (envelope
    theorem); the path and the lower bound count as constants.

    >>> from jaxsoco_kernels.smoothing import Quadratic, dual_fista
    >>> theta = Quadratic(1.0, jnp.array([[2.0], [0.0], [2.0]]))  # sum (x_t - v_t)^2 / 2
    >>> solution = dual_fista(theta, jnp.zeros(1), 0.25, "l1")  # + |x_t - x_{t-1}| / 4
    >>> solution.path[:, 0].tolist(), float(solution.value)
    ([1.5, 0.5, 1.75], 1.21875)

    Args:
      theta: hitting costs, a :class:`Quadratic`.
      start: ``x_0``, ``[d, ...]``.
      weight: of the movement: ``[d, ...]`` or a number for ``l1`` and ``up``, for ``l1`` also a
        pair of these, up and down; ``[...]`` or a number for ``l2``; or ``[T, ...]`` of them.
      movement: one of :data:`MOVEMENTS`, static.
      trips: steps of the ascent. 300 leave a gap within 1e-8 at condition 100 and 60 rounds;
        ``l2`` in a box with full matrices takes twice as many.
      box: lower and upper end of all ``x_t``, ``[d, ...]`` or numbers, which may be infinite.
      guess: a path ``[T, d, ...]`` of about least cost, which saves most of the trips, but for
        ``l2`` in a box.

    Returns:
      The path, its cost, a lower bound on the cost of any path, and how it went: ``OK`` where the
      gap is within 1e-8 of the cost in float64 and 1e-4 in float32; ``LIMIT``, also where a
      matrix is not positive definite; ``INFEASIBLE`` where the box is empty; ``NONFINITE``.
    """
    if movement not in MOVEMENTS:
        raise ValueError(f"movement: expected one of {', '.join(MOVEMENTS)}, got {movement!r}")
    data = _smoothed_costs.aligned(Quadratic(*theta), start, weight, movement, box)
    problem = _dual_ascent.with_inverse(jax.lax.stop_gradient(data))
    dual = _dual_ascent.first(movement, problem, jax.lax.stop_gradient(guess))
    dual = _dual_ascent.climb(movement, problem, dual, trips)
    path, value, dual, lower = _dual_ascent.best(movement, problem, dual)
    info = _judgement(problem, value, lower, trips)
    value = by_envelope(value, _smoothed_costs.lagrangian(movement, data, path, dual))
    return Solution(path, value, lower, info)


def _judgement(problem: Problem, value, lower, trips: int) -> Info:
    gap = value - lower
    definite = jnp.all(_smoothed_costs.diagonal(problem.inverse, problem.target) > 0, axis=(0, 1))
    residual = jnp.where(definite & jnp.isfinite(gap), jnp.maximum(gap, 0), jnp.inf)
    # Offsets may cancel what the path costs otherwise; rounding is relative to both.
    size = jnp.abs(value) + jnp.sum(jnp.abs(problem.offset), axis=0)
    data = (problem.matrix, problem.target, problem.offset, problem.start, *problem.weight)
    finite = _finite(value.ndim, *data)
    info = _info(residual <= _tolerance(value.dtype) * size, residual, trips, finite)
    if problem.box is None:
        return info
    # Also where an end is NaN.
    low, high = problem.box
    fits = jnp.all(low <= high, axis=0)
    return info._replace(status=jnp.where(fits, info.status, Status.INFEASIBLE).astype(jnp.int32))


def _finite(lanes: int, *arrays: jax.Array) -> jax.Array:
    """Whether all entries of arrays with so many lanes are finite, ``[...]``."""
    flags = [jnp.all(jnp.isfinite(x), axis=tuple(range(x.ndim - lanes))) for x in arrays]
    return jnp.all(jnp.stack(jnp.broadcast_arrays(*flags)), axis=0)


def _info(solved, residual, iterations: int, finite) -> Info:
    status = jnp.where(solved, Status.OK, Status.LIMIT)
    status = jnp.where(finite, status, Status.NONFINITE).astype(jnp.int32)
    status = jnp.broadcast_to(status, residual.shape)
    return Info(status, residual, jnp.full_like(status, iterations))


def _tolerance(dtype) -> float:
    """Of a gap, relative."""
    return 1e-8 if dtype == jnp.float64 else 1e-4
