"""Costs of paths and their duals: the problem of :func:`smoothing.dual_fista`, lanes last.

The problem is ``min sum_t f_t(x_t) + c(x_t - x_{t-1})`` with hitting costs
``f_t(x) = (x - v_t)' A_t (x - v_t) / 2 + c_t`` and a movement cost ``c(z) = max_{p in K} <p, z>``,
where ``K`` is an interval in every coordinate (``l1``, ``up``) or a ball (``l2``). Its dual is

    max_{p_t in K}  sum_t min_x [f_t(x) + <p_t - p_{t+1}, x>] - <p_1, x_0>,     p_{T+1} = 0.

A box is part of the minimum where ``A_t`` is diagonal: a clip. Where ``A_t`` is full, the box has
multipliers ``m_t``, which add ``<m_t, x> - max_{z in box} <m_t, z>`` to every term.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels.lanes import align
from jaxsoco_kernels.shapes import expect, expect_floating

Array = jax.Array


class Problem(NamedTuple):
    """What is minimised: all arrays have their lanes, of the full size or 1, and one dtype.

    Attributes:
      matrix: ``A_t [T or 1, d, d, ...]``, or diagonals ``[T or 1, d or 1, ...]``.
      inverse: of ``A_t``, of the same form.
      target: ``v_t [T, d, ...]``.
      offset: ``c_t [T or 1, ...]``.
      start: ``x_0 [d, ...]``.
      weight: costs of moving up and down by 1, ``[T or 1, d or 1, ...]`` each; both the radius of a
        ball.
      box: its lower and upper end, ``[d or 1, ...]`` each; None without a box.
    """

    matrix: Array
    inverse: Array
    target: Array
    offset: Array
    start: Array
    weight: tuple[Array, Array]
    box: tuple[Array, Array] | None


class Dual(NamedTuple):
    """Multipliers ``[T, d, ...]``: ``price`` of moves, ``push`` of the box, where it has any."""

    price: Array
    push: Array | None


def aligned(theta, start, weight: Any, movement: str, box) -> Problem:
    """The problem of a user's arguments; its inverse is still missing."""
    given = (*theta, start, weight, box)
    target = jnp.asarray(theta[1])
    lanes = max(target.ndim - 2, 0)
    if isinstance(weight, tuple) and movement != "l1":
        raise ValueError(f"weight: expected a number or an array for {movement!r}, got a pair")
    pair = weight if isinstance(weight, tuple) else (weight, 0.0 if movement == "up" else weight)
    problem = Problem(
        matrix=_matrices(jnp.asarray(theta[0]), lanes),
        inverse=jnp.zeros(()),
        target=target,
        offset=_wide(theta[2], lanes),
        start=jnp.asarray(start),
        weight=(weights(pair[0], lanes, movement), weights(pair[1], lanes, movement)),
        box=None if box is None else (_wide(box[0], lanes), _wide(box[1], lanes)),
    )
    _check(problem, lanes)
    dtype = jnp.result_type(*jax.tree.leaves(given))
    shapes = [x.shape[x.ndim - lanes :] for x in jax.tree.leaves(problem._replace(inverse=None))]
    shape = jnp.broadcast_shapes(*shapes)
    target = jnp.broadcast_to(target, (*target.shape[:2], *shape))
    start = jnp.broadcast_to(problem.start, (*problem.start.shape[:1], *shape))
    problem = problem._replace(target=target, start=start)
    return jax.tree.map(lambda x: x.astype(dtype), problem)


def _matrices(matrix: Array, lanes: int) -> Array:
    if matrix.ndim == 0:
        return _wide(matrix, lanes)[None]
    return matrix[:, None] if matrix.ndim == lanes + 1 else matrix


def _wide(x: Any, lanes: int) -> Array:
    """A number or ``[n, ...]`` as ``[n or 1, ...]``."""
    x = jnp.asarray(x)
    return align(x if x.ndim else x[None], 1, lanes)


def weights(x: Any, lanes: int, movement: str) -> Array:
    """``[d, ...]`` or ``[T, d, ...]``, of ``l2`` without ``d``, as ``[T or 1, d or 1, ...]``."""
    x = jnp.asarray(x)
    if movement == "l2":
        return x[:, None] if x.ndim == lanes + 1 else align(x, 0, lanes)[None, None]
    return x if x.ndim == lanes + 2 else _wide(x, lanes)[None]


def _check(problem: Problem, lanes: int) -> None:
    low, high = problem.box or (problem.start, problem.start)
    form = "T|1 d d ..." if problem.matrix.ndim > lanes + 2 else "T|1 d|1 ..."
    expect(
        target=(problem.target, "T d ..."),
        matrix=(problem.matrix, form),
        offset=(problem.offset, "T|1 ..."),
        start=(problem.start, "d ..."),
        weight=(problem.weight[0], "T|1 d|1 ..."),
        down=(problem.weight[1], "T|1 d|1 ..."),
        low=(low, "d|1 ..."),
        high=(high, "d|1 ..."),
    )
    expect_floating(target=problem.target)


def times(matrix: Array, vector: Array) -> Array:
    """``A_t y_t`` of ``vector [T, d, ...]``; ``matrix`` may be diagonals."""
    if matrix.ndim == vector.ndim:
        return matrix * vector
    return jnp.sum(matrix * vector[:, None], axis=2)


def diagonal(matrix: Array, vector: Array) -> Array:
    """Of such matrices, ``[T or 1, d or 1, ...]``."""
    return matrix if matrix.ndim == vector.ndim else jnp.einsum("tii...->ti...", matrix)


def moves(start: Array, path: Array) -> Array:
    """``x_t - x_{t-1}``, ``[T, d, ...]``."""
    return path - jnp.concatenate([start[None], path[:-1]])


def lengths(steps: Array) -> Array:
    """Euclidean norms, ``[T, 1, ...]``."""
    return jnp.sqrt(jnp.sum(steps**2, axis=1))[:, None]


def hitting(problem: Problem, path: Array) -> Array:
    """``sum_t f_t(x_t)``, ``[...]``."""
    gap = path - problem.target
    form = jnp.sum(gap * times(problem.matrix, gap), axis=1) / 2
    return jnp.sum(form + problem.offset, axis=0)


def moving(movement: str, weight: tuple[Array, Array], steps: Array) -> Array:
    """``sum_t c(z_t)`` of ``steps [T, d, ...]``, ``[...]``."""
    up, down = weight
    if movement == "l2":
        return jnp.sum(up * lengths(steps), axis=(0, 1))
    cost = up * jnp.maximum(steps, 0) + down * jnp.maximum(-steps, 0)
    return jnp.sum(cost, axis=(0, 1))


def upper(movement: str, problem: Problem, path: Array) -> Array:
    """What a path costs, ``[...]``: at least the least cost, if it is within the box."""
    steps = moves(problem.start, path)
    return hitting(problem, path) + moving(movement, problem.weight, steps)


def lower(problem: Problem, dual: Dual) -> Array:
    """The dual objective ``[...]``: at most the least cost."""
    path = minimisers(problem, dual)
    # sum <p_t - p_{t+1}, x_t> - <p_1, x_0> = sum <p_t, x_t - x_{t-1}>.
    value = hitting(problem, path) + jnp.sum(dual.price * moves(problem.start, path), axis=(0, 1))
    if dual.push is None:
        return value
    # <m, x> - max over the box of <m, z>; an end that is infinite never has a multiplier.
    low, high = ends(problem)
    beyond = jnp.where(dual.push < 0, path - low, 0)
    beyond = jnp.where(dual.push > 0, path - high, beyond)
    return value + jnp.sum(dual.push * beyond, axis=(0, 1))


def slopes(dual: Dual) -> Array:
    """``p_t - p_{t+1} + m_t``, what is added to the gradients of ``f_t``, ``[T, d, ...]``."""
    after = jnp.concatenate([dual.price[1:], jnp.zeros_like(dual.price[:1])])
    slope = dual.price - after
    return slope if dual.push is None else slope + dual.push


def minimisers(problem: Problem, dual: Dual) -> Array:
    """``argmin_x f_t(x) + <p_t - p_{t+1} + m_t, x>``, ``[T, d, ...]``."""
    path = problem.target - times(problem.inverse, slopes(dual))
    return path if dual.push is not None else into_box(problem, path)


def ends(problem: Problem) -> tuple[Array, Array]:
    """The box's two ends, ``[1, d or 1, ...]`` each."""
    assert problem.box is not None
    return problem.box[0][None], problem.box[1][None]


def into_box(problem: Problem, path: Array) -> Array:
    """The path, clipped to the box if there is one."""
    return path if problem.box is None else jnp.clip(path, *ends(problem))


def lagrangian(movement: str, data: Problem, path: Array, dual: Dual) -> Array:
    """Cost of a fixed path as a function of the data, with what its multipliers add, ``[...]``."""
    fixed = jax.lax.stop_gradient(data)
    value = hitting(data, path)
    value = value + moving(movement, data.weight, moves(fixed.start, path))
    value = value - jnp.sum(dual.price[0] * data.start, axis=0)
    if data.box is None or fixed.box is None:
        return value
    # At an end of the box the cost falls by the gradient that is left there.
    left = times(fixed.matrix, path - fixed.target) + slopes(Dual(dual.price, None))
    for end, place, sign in zip(data.box, fixed.box, (1, -1), strict=True):
        rate = jnp.sum(jnp.where(path == place[None], jnp.maximum(sign * left, 0), 0), axis=0)
        value = value + jnp.sum(sign * rate * jnp.where(rate > 0, end, 0), axis=0)
    return value
