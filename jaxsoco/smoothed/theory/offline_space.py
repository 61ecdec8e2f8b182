"""Optima of a whole horizon in several dimensions, with certificates.

=====================  ===============================  =====================================
movement               hitting costs                    method
=====================  ===============================  =====================================
squared, mahalanobis   quadratic, no box                block tridiagonal system, exact
squared, mahalanobis   quadratic in a box               accelerated projected gradients
l1, up, l2             quadratic, positive definite     dual FISTA, certified by the gap
all                    any, in a box, ball or simplex   operator splitting, certified by the gap
=====================  ===============================  =====================================

The best fixed position is found by the same methods: quadratic costs add up to one, others are
split with one position for all rounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import into, times
from jaxsoco.smoothed.theory.polyhedral import Norm
from jaxsoco.smoothed.theory.quadratics import Quadratic
from jaxsoco.smoothed.theory.regions import project
from jaxsoco_kernels import smoothing, splitting
from jaxsoco_kernels.info import Info

Array = jax.Array
TRIPS = 300
"""Of dual FISTA."""
MOST_TRIPS = 2000
"""Of projected gradients."""


class Optimum(NamedTuple):
    """A path of least cost.

    Attributes:
      path: ``[T, d, ...]``.
      lower: a lower bound on the cost of every path, ``[...]``; None where the path is exact.
      info: how it was found.
    """

    path: Array
    lower: Array | None
    info: Info


def in_space(game: Any, theta: Any, live: Array) -> Optimum:
    """The path of least cost; arguments as of :func:`jaxsoco.smoothed.theory.offline.optimum`.

    Raises:
      ValueError: there is no method for these costs and this movement.
    """
    kind = game.movement.kind
    if not isinstance(theta, Quadratic) or game.region != "box":
        return _by_splitting(game, theta, live)
    if kind in ("l1", "up", "l2"):
        return _by_duals(game, theta, live)
    if game.lo is None and game.hi is None:
        return _by_elimination(game, theta, live)
    return _by_gradients(game, theta, live)


def at_rest(game: Any, theta: Any) -> Optimum:
    """The best fixed position from the first round on, ``argmin sum_t f_t(x) + c(x, x_0)``.

    Args:
      game: with lanes.
      theta: data of all rounds, leaves ``[T, ...]``, with lanes.

    Raises:
      ValueError: as of :func:`in_space`.
    """
    live = jnp.ones((1, *game.start.shape[1:]), game.start.dtype)
    if not isinstance(theta, Quadratic):
        return _by_splitting(game, theta, live, held=True)
    game, theta = jax.lax.stop_gradient((game, theta))
    rounds = theta.target.shape[0]
    best = in_space(game, _total(game.hitting, theta), live)
    return best._replace(path=jnp.broadcast_to(best.path, (rounds, *best.path.shape[1:])))


def _total(hitting: Any, theta: Quadratic) -> Quadratic:
    """The sum of all rounds' costs, as data of one round.

    Its target is ``(sum_t A_t)^+ sum_t A_t v_t``, as some coordinates may cost nothing.
    """
    rounds = theta.target.shape[0]
    matrix = jnp.broadcast_to(theta.matrix, (rounds, *theta.matrix.shape[1:]))
    if matrix.ndim > theta.target.ndim:
        vector = jnp.sum(matrix * theta.target[:, None], axis=(0, 2))
        total = jnp.sum(matrix, axis=0)
        inverse = _moved_last(jnp.linalg.pinv(_moved_first(total), hermitian=True))
        target = times(inverse, vector)
    else:
        vector = jnp.sum(matrix * theta.target, axis=0)
        total = jnp.broadcast_to(jnp.sum(matrix, axis=0), vector.shape)
        target = jnp.where(total > 0, vector / jnp.where(total > 0, total, 1), 0)
    values = jax.vmap(lambda one: hitting.value(target, one))(theta)
    return Quadratic(total[None], target[None], jnp.sum(values, axis=0)[None])


def _weights(game: Any, live: Array) -> Any:
    """Prices of moving, round by round: none for moves into rounds in which nothing costs.

    As these are at the end, they no longer count for those before.
    """
    movement = game.movement
    up, down = (x[None] * live[:, None] for x in game.prices())
    if movement.kind == "mahalanobis":
        return movement.matrix[None] * live[:, None, None]
    return {"l1": (up, down), "up": up}.get(movement.kind, up[:, 0])


def _by_duals(game: Any, theta: Quadratic, live: Array) -> Optimum:
    box = None
    if game.lo is not None or game.hi is not None:
        far = jnp.full_like(game.start, jnp.inf)
        box = (-far if game.lo is None else game.lo, far if game.hi is None else game.hi)
    kind, weight = game.movement.kind, _weights(game, live)
    best = smoothing.dual_fista(theta, game.start, weight, kind, TRIPS, box=box)
    return Optimum(best.path, best.lower, best.info)


def _by_splitting(game: Any, theta: Any, live: Array, held: bool = False) -> Optimum:
    """Paths and bounds count as constants: costs are differentiated where they are charged."""
    game, theta, live = jax.lax.stop_gradient((game, theta, live))
    hitting, (lo, hi) = game.hitting, _enclosing_box(game, theta)
    kind, region = game.movement.kind, game.region
    ends = (lo, hi) if region == "box" else (game.lo, game.hi)
    if kind == "up" and region == "box" and lo is None:
        raise ValueError("offline_optimum: expected lo, as moving down costs nothing")
    # The proximal point of a norm knows no box.
    inside = region == "box" and not isinstance(theta, Norm)
    near = (None, None) if isinstance(theta, Norm) else (lo, hi)
    minima = jax.vmap(lambda one: hitting.minimizer(one, *near))(theta)
    # Minima that are found by descent bound nothing, nor need they where there are ends.
    open_ended = region == "box" and (lo is None or hi is None)
    least = jnp.sum(jax.vmap(hitting.value)(minima, theta), axis=0)
    hits = splitting.Hits(
        hitting.value,
        lambda one, y, eta, last: hitting.nearer(one, y, eta, last, *near),
        hitting.slope if hitting.refine else None,
        inside,
    )
    solve = splitting.least_point if held else splitting.least_path
    guess = project(game, jnp.mean(minima, axis=0)) if held else _inside(game, minima)
    best = solve(
        hits,
        theta,
        game.start,
        _weights(game, live),
        kind,
        guess=guess,
        region=splitting.Region(region, *ends),
        least=least if open_ended or hitting.refine is None else None,
    )
    return Optimum(best.path, best.lower, best.info)


def _inside(game: Any, path: Array) -> Array:
    return jax.vmap(lambda x: project(game, x))(path)


def _enclosing_box(game: Any, theta: Any) -> tuple[Array | None, Array | None]:
    """A box with the region in it, for costs whose proximal points are found in one."""
    if game.region == "box":
        return game.lo, game.hi
    if isinstance(theta, Quadratic):
        return None, None
    hi = jnp.ones_like(game.start) * (1 if game.region == "simplex" else game.hi[0][None])
    return (jnp.zeros_like(hi) if game.region == "simplex" else -hi), hi


def matrices(theta: Quadratic) -> Array:
    """``A_t`` as full matrices, ``[T, d, d, ...]``."""
    d = theta.target.shape[1]
    if theta.matrix.ndim > theta.target.ndim:
        return theta.matrix
    eye = jnp.eye(d, dtype=theta.target.dtype).reshape(1, d, d, *(1,) * (theta.target.ndim - 2))
    return eye * jnp.broadcast_to(theta.matrix, theta.target.shape)[:, None]


def _by_elimination(game: Any, theta: Quadratic, live: Array) -> Optimum:
    """In coordinates ``z = L' x``, ``M = L L'``, Mahalanobis movement is squared movement."""
    matrix = matrices(theta) * live[:, None, None]
    vector = jnp.sum(matrix * theta.target[:, None], axis=2)
    if game.movement.kind == "squared":
        path, info = smoothing.tridiagonal(matrix, vector, game.movement.up[0], game.start)
        return Optimum(path, None, info)
    root = _moved_last(jnp.linalg.cholesky(_moved_first(game.movement.matrix)))
    inverse = _moved_last(jnp.linalg.inv(_moved_first(root)))
    # L^-1 A L^-T, and L^-1 b.
    left = jnp.sum(inverse[None, :, :, None] * matrix[:, None], axis=2)
    scaled = jnp.sum(left[:, :, None] * inverse[None, None], axis=3)
    turned = jnp.sum(inverse[None] * vector[:, None], axis=2)
    start = times(jnp.swapaxes(root, 0, 1), game.start)
    path, info = smoothing.tridiagonal(scaled, turned, 1.0, start)
    back = jnp.swapaxes(inverse, 0, 1)
    return Optimum(jnp.sum(back[None] * path[:, None], axis=2), None, info)


def _moved_first(matrix: Array) -> Array:
    return jnp.moveaxis(matrix, (0, 1), (-2, -1))


def _moved_last(matrix: Array) -> Array:
    return jnp.moveaxis(matrix, (-2, -1), (0, 1))


def _by_gradients(game: Any, theta: Quadratic, live: Array) -> Optimum:
    # Rounds in which nothing costs are not moved into: they are best at their own minimisers.
    matrix = matrices(theta)
    values = jnp.linalg.eigvalsh(jnp.moveaxis(matrix, (1, 2), (-2, -1)))
    convexity, smoothness = values[..., 0].min(axis=0), values[..., -1].max(axis=0)
    push = game.movement.matrix
    if push is None:
        factor = game.movement.up[0]
    else:
        factor = jnp.linalg.eigvalsh(_moved_first(push))[..., -1]
    total = smoothness + 4 * factor
    quotient = jnp.sqrt(total / jnp.maximum(convexity, 1e-6 * total))
    moved = (lambda s: game.movement.up[:1] * s) if push is None else (lambda s: times(push, s))

    def gradient(path: Array) -> Array:
        before = jnp.concatenate([game.start[None], path[:-1]])
        pull = jax.vmap(moved)(path - before) * live[:, None]
        after = jnp.concatenate([pull[1:], jnp.zeros_like(pull[:1])])
        hits = jnp.sum(matrix * (path - theta.target)[:, None], axis=2)
        return hits + pull - after

    def inside(path: Array) -> Array:
        return jax.vmap(lambda x: into(x, game.lo, game.hi))(path)

    path, info = smoothing.projected_gradient(
        gradient,
        inside,
        inside(theta.target),
        1 / total,
        (quotient - 1) / (quotient + 1),
        MOST_TRIPS,
        convexity=convexity,
    )
    return Optimum(path, None, info)
