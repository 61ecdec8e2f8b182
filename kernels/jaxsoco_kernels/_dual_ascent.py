"""The ascent of :func:`smoothing.dual_fista`: accelerated steps, and the path that they lead to.

The problem and its dual are those of :mod:`_smoothed_costs`. The derivative of the dual in ``p_t``
is ``x_t - x_{t-1}`` at the minimisers.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels._block_tridiagonal import inverse
from jaxsoco_kernels._smoothed_costs import (
    Array,
    Dual,
    Problem,
    diagonal,
    ends,
    into_box,
    lengths,
    lower,
    minimisers,
    moves,
    slopes,
    times,
    upper,
)
from jaxsoco_kernels.lanes import where
from jaxsoco_kernels.shapes import expect

_SQUARINGS = 4
"""Of a matrix whose largest eigenvalue is bounded: within ``d^(1/32)`` of it."""


def climb(movement: str, problem: Problem, dual: Dual, trips: int) -> Dual:
    """The dual after so many steps of FISTA, with restarts."""
    rate = _rates(movement, problem)

    def trip(_, now):
        dual, ahead, age = now
        new = _ascend(movement, problem, rate, ahead)
        # Restart where the step and the gradient map point apart.
        turned = jax.tree.map(
            lambda a, n, b, r: jnp.sum((a - n) * (n - b) / r, axis=(0, 1)), ahead, new, dual, rate
        )
        restart = sum(jax.tree.leaves(turned)) > 0
        older = (1 + jnp.sqrt(1 + 4 * age**2)) / 2
        momentum = jnp.where(restart, 0, (age - 1) / older)[None, None]
        ahead = jax.tree.map(lambda n, b: n + momentum * (n - b), new, dual)
        return new, ahead, jnp.where(restart, 1, older)

    age = jnp.ones(dual.price.shape[2:], dual.price.dtype)
    return jax.lax.fori_loop(0, trips, trip, (dual, dual, age))[0]


def _ascend(movement: str, problem: Problem, rate: Dual, dual: Dual) -> Dual:
    """One step of projected gradient ascent."""
    path = minimisers(problem, dual)
    steps = moves(problem.start, path)
    price = project(movement, problem.weight, dual.price + rate.price * steps)
    if dual.push is None or rate.push is None:
        return Dual(price, None)
    # The proximal step of a support function, by Moreau: w - r clip(w / r) at w = m + r x.
    low, high = ends(problem)
    push = dual.push + rate.push * path
    return Dual(price, push - jnp.clip(push, rate.push * low, rate.push * high))


def _rates(movement: str, problem: Problem) -> Dual:
    """Step sizes: the inverse of a diagonal that bounds the curvature of the dual.

    ``|p_t - p_{t+1}|^2 / alpha_t <= 2 (|p_t|^2 + |p_{t+1}|^2) / alpha_t`` for a least eigenvalue
    ``alpha_t``; with a third term, ``|a - b + m|^2 <= 5/2 (|a|^2 + |b|^2) + 5 |m|^2``.
    """
    full = problem.inverse.ndim > problem.target.ndim
    steep = _largest(problem.inverse) if full else problem.inverse
    if movement == "l2":
        steep = jnp.max(steep, axis=1)[:, None]
    steep = jnp.broadcast_to(steep, (problem.target.shape[0], *steep.shape[1:]))
    before = jnp.concatenate([jnp.zeros_like(steep[:1]), steep[:-1]])
    if problem.box is None or not full:
        return Dual(1 / (2 * (steep + before)), None)
    return Dual(1 / (2.5 * (steep + before)), 1 / (5 * steep))


def _largest(matrix: Array) -> Array:
    """At least the largest eigenvalue, ``tr(B^32)^(1/32)``: ``[T, d, d, ...] -> [T, 1, ...]``."""

    def norm(square):
        return jnp.sqrt(jnp.sum(square**2, axis=(1, 2)))[:, None, None]

    sizes = [norm(matrix)]
    power = matrix / sizes[0]
    for _ in range(_SQUARINGS):
        power = jnp.einsum("tij...,tjk...->tik...", power, power)
        sizes.append(norm(power))
        power = power / sizes[-1]
    # |B^16| = s_0^16 s_1^8 s_2^4 s_3^2 s_4, and of it the sixteenth root.
    root = sizes[-1]
    for size in sizes[-2::-1]:
        root = size * jnp.sqrt(root)
    return root[:, 0]


def project(movement: str, weight: tuple[Array, Array], price: Array) -> Array:
    """The nearest points of ``K``, ``[T, d, ...]``."""
    up, down = weight
    if movement == "l2":
        tiny = jnp.finfo(price.dtype).tiny
        return price * jnp.minimum(1, up / jnp.maximum(lengths(price), tiny))
    return jnp.clip(price, -down, up)


def _free(movement: str, weight: tuple[Array, Array], price: Array) -> Array:
    """Where a price is on the border of ``K``, so that the path may move: ``[T, d or 1, ...]``."""
    up, down = weight
    if movement == "l2":
        eps = jnp.finfo(price.dtype).eps
        return lengths(price) >= (1 - 16 * eps) * up
    return (price >= up) | (price <= -down)


def fused(movement: str, problem: Problem, dual: Dual) -> Array:
    """The path of a dual, made to stay exactly where its prices are inside ``K``: ``[T, d, ...]``.

    A path that is off by ``e`` costs ``O(e)`` too much, as small moves where there should be none
    cost as much; among those that stay where the optimum stays it is ``O(e^2)``. Between two moves
    the path is put at the mean, weighted by the curvatures: exact where these are diagonal.
    """
    path = into_box(problem, minimisers(problem, dual))
    weight = jnp.broadcast_to(diagonal(problem.matrix, path), path.shape)
    weight = weight / jnp.max(weight, axis=(0, 1))[None, None]
    # What is pinned outweighs the rest beyond rounding: the start, and rounds at an end of the box.
    pin = 1 / jnp.finfo(path.dtype).eps ** 2
    low = high = path
    if problem.box is not None:
        low, high = (jnp.broadcast_to(end, path.shape) for end in ends(problem))
        if dual.push is not None:
            path = jnp.where(dual.push > 0, high, jnp.where(dual.push < 0, low, path))
        weight = jnp.where((path == low) | (path == high), pin, weight)
    moved = _free(movement, problem.weight, dual.price)
    first = (jnp.full_like(problem.start, pin), pin * problem.start)
    means = _means(moved, weight, path, first)
    if problem.box is None:
        return means
    # Means of places at an end are there up to rounding.
    near = 16 * jnp.finfo(path.dtype).eps * jnp.max(jnp.abs(path), axis=(0, 1))[None, None]
    means = jnp.where(jnp.abs(means - low) <= near, low, means)
    return into_box(problem, jnp.where(jnp.abs(means - high) <= near, high, means))


def _means(moved: Array, weight: Array, path: Array, first: tuple[Array, Array]) -> Array:
    """Weighted means of stretches that begin where ``moved``; the first one begins at ``first``."""

    def add(total, now):
        moved, weight, point = now
        before = [jnp.where(moved, 0, x) for x in total]
        total = before[0] + weight, before[1] + weight * point
        return total, total[1] / total[0]

    _, running = jax.lax.scan(add, first, (moved, weight, path))
    last = jnp.concatenate([moved[1:], jnp.ones_like(moved[:1])])

    def copy(after, now):
        last, mean = now
        mean = jnp.where(last, mean, after)
        return mean, mean

    return jax.lax.scan(copy, running[-1], (last, running), reverse=True)[1]


def prices(movement: str, problem: Problem, path: Array) -> Dual:
    """The dual of a path: ``p_t = P_K(p_{t+1} - grad f_t(x_t))``.

    Exact where the path is, but for ``l2`` at an end of the box, where it is a guess.
    """
    gradient = times(problem.matrix, path - problem.target)
    steps = moves(problem.start, path)
    # Prices of distinct moves are their directions: a box hides them from the gradients.
    eps = jnp.finfo(path.dtype).eps
    size = lengths(steps) if movement == "l2" else jnp.abs(steps)
    distinct = size > eps**0.5 * jnp.max(jnp.abs(path), axis=(0, 1))[None, None]
    distinct = distinct & (problem.box is not None)
    directions = project(movement, problem.weight, steps / eps**2)

    def back(after, now):
        slope, distinct, direction, weight = now
        price = project(movement, weight, after - slope)
        price = jnp.where(distinct, direction, price)
        return price, price

    # Every round has its own weights, with an axis of one round left.
    weights = jax.tree.map(
        lambda x: jnp.broadcast_to(x, (len(steps), *x.shape[1:]))[:, None], problem.weight
    )
    rounds = (gradient[:, None], distinct[:, None], directions[:, None], weights)
    last = jnp.zeros_like(gradient[:1])
    price = jax.lax.scan(back, last, rounds, reverse=True)[1][:, 0]
    if problem.box is None or problem.matrix.ndim == path.ndim:
        return Dual(price, None)
    # What stationarity leaves to the box: grad f_t + p_t - p_{t+1} + m_t = 0.
    low, high = ends(problem)
    rest = -(gradient + slopes(Dual(price, None)))
    return Dual(price, jnp.where((path <= low) | (path >= high), rest, 0))


def with_inverse(problem: Problem) -> Problem:
    """The problem with the inverses of its matrices."""
    matrix = problem.matrix
    if matrix.ndim == problem.target.ndim:
        return problem._replace(inverse=1 / matrix)
    # Rounds are lanes to the inverse.
    return problem._replace(inverse=jnp.moveaxis(inverse(jnp.moveaxis(matrix, 0, 2)), 2, 0))


def first(movement: str, problem: Problem, guess: Array | None) -> Dual:
    """The dual to begin with: of a guessed path, or 0."""
    if guess is not None:
        path = jnp.asarray(guess, problem.target.dtype)
        expect(target=(problem.target, "T d ..."), guess=(path, "T d ..."))
        path = into_box(problem, jnp.broadcast_to(path, problem.target.shape))
        return prices(movement, problem, path)
    nothing = jnp.zeros_like(problem.target)
    boxed = problem.box is not None and problem.matrix.ndim > problem.target.ndim
    return Dual(nothing, nothing if boxed else None)


def best(movement: str, problem: Problem, dual: Dual) -> tuple[Array, Array, Dual, Array]:
    """The better of two paths and of two duals: path, its cost, dual, the lower bound ``[...]``."""
    plain = into_box(problem, minimisers(problem, dual))
    merged = fused(movement, problem, dual)
    value, other = (upper(movement, problem, x) for x in (plain, merged))
    path, value = where(other <= value, (merged, other), (plain, value))
    back = prices(movement, problem, path)
    bound, other = (lower(problem, x) for x in (dual, back))
    dual, bound = where(other >= bound, (back, other), (dual, bound))
    return path, value, dual, bound
