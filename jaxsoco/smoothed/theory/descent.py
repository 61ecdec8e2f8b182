"""The steps of online balanced descent: points of the proximal path of a round's hitting cost.

``x(eta) = argmin eta f(x) + 1/2 |x - y|^2`` leads from where the learner is, ``y``, to a minimiser
of ``f``. Along it movement grows and hitting cost falls, so that every rule of the family is one
equation in ``eta`` (:mod:`jaxsoco_kernels.proximal`). Where costs are diagonal quadratics without a
box the kernels solve it by Newton's method; everywhere else it is bisected on ``log eta`` in
``[-25, 25]``, which takes any cost that has a proximal point, and any box.

What balances is the movement as it is charged, but for prices that differ between up and down:
those count with their mean in both directions, as for the memoryless learner on a line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import length, times
from jaxsoco.smoothed.theory.movements import LINEAR
from jaxsoco.smoothed.theory.quadratics import DIAGONAL, FULL, Quadratic, boxed
from jaxsoco_kernels import proximal, roots

Array = jax.Array
REACH = 25.0
"""Of ``log eta``, both ways."""
TRIPS = 40
"""Halvings of it."""
EUCLIDEAN = ("l1", "up", "l2", "squared")
"""Movements whose steps are along the Euclidean proximal path."""


def even_cost(movement: Any, x: Array, y: Array) -> Array:
    """What moving costs if up and down cost what they do on average, ``[...]``."""
    if movement.kind not in LINEAR:
        return movement.cost(x, y)
    return jnp.sum((movement.up + movement.down) / 2 * jnp.abs(x - y), axis=0)


def near(game: Any, theta: Any, y: Array, eta: Array) -> Array:
    """``argmin eta f(x) + 1/2 |x - y|^2`` within the box: ``[d, ...]``.

    Raises:
      ValueError: decisions are not in a box.
    """
    if game.region != "box":
        raise ValueError(
            f"the proximal path is offered in a box, and the region is a {game.region}"
        )
    return game.hitting.prox(theta, y, eta, game.lo, game.hi)


def balance(game: Any, theta: Any, y: Array, ratio: Array, size: Callable | None = None) -> Array:
    """The point of the path where movement is ``ratio`` times the hitting cost, or a minimiser.

    Args:
      game: with lanes.
      theta: data of the round.
      y: where the path begins, ``[d, ...]``.
      ratio: at least 0, ``[...]``.
      size: ``(x, y) -> [...]``, what counts as movement; :func:`even_cost` if None.

    Returns:
      ``[d, ...]``. The derivative is the implicit one at the balance.
    """
    measure = size or (lambda x, y: even_cost(game.movement, x, y))
    end = game.hitting.minimizer(theta, game.lo, game.hi)
    arrives = measure(end, y) <= ratio * game.hitting.value(end, theta)

    def gap(log_eta):
        x = near(game, theta, y, jnp.exp(log_eta))
        return measure(x, y) - ratio * game.hitting.value(x, theta)

    eta = jnp.exp(_bisected(gap, ratio))
    return jnp.where(arrives[None], end, near(game, theta, y, eta))


def half_square(x: Array, y: Array) -> Array:
    """``1/2 |x - y|^2``, ``[...]``."""
    return jnp.sum((x - y) ** 2, axis=0) / 2


def squared_balance(game: Any, theta: Any, y: Array, ratio: Array) -> Array:
    """:func:`balance` of ``1/2 |x - y|^2``, without the movement's weight."""
    if _is_plain(game):
        eigen, basis = _spectrum(theta, y)
        given = (eigen, basis, theta.target, y, ratio)
        return proximal.balance(*given, offset=theta.offset, squared=True).point
    return balance(game, theta, y, ratio, half_square)


def length_balance(game: Any, theta: Any, y: Array, ratio: Array) -> Array:
    """:func:`balance` of ``|x - y|_2``, without the movement's weight."""
    if _is_plain(game):
        eigen, basis = _spectrum(theta, y)
        return proximal.balance(eigen, basis, theta.target, y, ratio, offset=theta.offset).point
    return balance(game, theta, y, ratio, lambda x, y: length(x - y))


def level(game: Any, theta: Any, y: Array, height: Array) -> Array:
    """The projection of ``y`` onto ``f <= height``; a minimiser, where the least cost is above it.

    Args:
      game, theta, y: as for :func:`balance`.
      height: ``[...]``.
    """
    if _is_plain(game):
        eigen, basis = _spectrum(theta, y)
        return proximal.level(eigen, basis, theta.target, y, height, offset=theta.offset).point
    hit = game.hitting.value
    end = game.hitting.minimizer(theta, game.lo, game.hi)

    def gap(log_eta):
        return height - hit(near(game, theta, y, jnp.exp(log_eta)), theta)

    eta = jnp.exp(_bisected(gap, height))
    point = jnp.where((height <= hit(end, theta))[None], end, near(game, theta, y, eta))
    return jnp.where((hit(y, theta) <= height)[None], y, point)


def _bisected(gap: Callable[[Array], Array], like: Array) -> Array:
    low = jnp.full_like(like, -REACH)
    return roots.bisect(gap, low, -low, TRIPS)


def _is_plain(game: Any) -> bool:
    """Whether the path is that of a diagonal quadratic without a box."""
    return game.hitting is DIAGONAL and game.lo is None and game.hi is None


def _spectrum(theta: Quadratic, y: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a diagonal matrix: its entries, and the axes."""
    eye = jnp.eye(y.shape[0], dtype=y.dtype)
    return jnp.broadcast_to(theta.matrix, y.shape), eye.reshape(*eye.shape, *(1,) * (y.ndim - 1))


def regularised(game: Any, theta: Any, y: Array, weights: tuple[Array, Array]) -> Array:
    """``argmin f(x) + lambda1 D_h(x, y) + lambda2 D_h(x, v)`` with the movement's ``h``: R-OBD.

    ``v`` is the minimiser. With ``h = kappa / 2 |x|^2`` it is a proximal point of the mean of ``y``
    and ``v``; norms count as ``h = 1/2 |x|^2``. With ``h = 1/2 x' M x``, ``(A + (l1 + l2) M) x = A
    v + M (l1 y + l2 v)``; on the simplex with the negative entropy, the entropic proximal point of
    ``y^(l1 / (l1 + l2)) v^(l2 / (l1 + l2))``.

    Args:
      game, theta, y: as for :func:`balance`.
      weights: ``lambda1`` and ``lambda2``, not both 0, ``[...]`` each.

    Returns:
      ``[d, ...]``.

    Raises:
      ValueError: a movement that is not Euclidean, and a cost that is not quadratic.
    """
    kind, (first, second) = game.movement.kind, weights
    total = first + second
    if kind == "entropy":
        return _entropic(game, theta, y, first, second)
    end = game.hitting.minimizer(theta, game.lo, game.hi)
    pull = first[None] * y + second[None] * end
    if kind in EUCLIDEAN:
        scale = game.movement.up[0] if kind == "squared" else jnp.ones_like(total)
        return near(game, theta, pull / total[None], 1 / (scale * total))
    require_quadratic(game)
    metric, matrix = game.movement.matrix, full_matrix(game, theta)
    left, right = matrix + total[None, None] * metric, times(matrix, theta.target)
    right = right + times(metric, pull)
    point = proximal.small_solve(left, right)
    free = game.lo is None and game.hi is None
    return point if free else boxed(left, right, game.lo, game.hi, point)


def _entropic(game: Any, theta: Any, y: Array, first: Array, second: Array) -> Array:
    require_quadratic(game)
    matrix, scale = full_matrix(game, theta), game.movement.up[0]
    total, right = first + second, -times(matrix, theta.target)
    end = simplex_minimizer(matrix, right)
    mix = first[None] * jnp.log(_inside(y)) + second[None] * jnp.log(_inside(end))
    anchor = jax.nn.softmax(mix / total[None], axis=0)
    return proximal.entropic_prox(matrix, right, anchor, scale * total)[0]


def _inside(x: Array) -> Array:
    """Shares of 0 as the smallest that the precision has, so that they have logarithms."""
    return jnp.maximum(x, jnp.finfo(x.dtype).eps ** 2)


def simplex_minimizer(matrix: Array, vector: Array) -> Array:
    """``argmin 1/2 x' A x + b' x`` over the simplex, by entropic proximal steps: ``[d, ...]``.

    Ten steps with weights that fall from the size of ``A`` to ``1e-9`` of it.
    """
    size = jnp.max(jnp.abs(matrix), axis=(0, 1)) + jnp.max(jnp.abs(vector), axis=0)
    uniform = jnp.full_like(vector, 1 / vector.shape[0])

    def step(x, share):
        x, _ = proximal.entropic_prox(matrix, vector, _inside(x), share * size)
        return x, None

    return jax.lax.scan(step, uniform, jnp.logspace(0, -9, 10, dtype=vector.dtype))[0]


def require_quadratic(game: Any) -> None:
    """Raises unless hitting costs are quadratic."""
    if game.hitting not in (DIAGONAL, FULL):
        raise ValueError(
            f"hitting: expected quadratic costs beside a movement of kind {game.movement.kind}, "
            f"got {game.hitting.name}"
        )


def full_matrix(game: Any, theta: Quadratic) -> Array:
    """``A [d, d, ...]`` of a round."""
    if game.hitting is FULL:
        return theta.matrix
    entries = jnp.broadcast_to(theta.matrix, theta.target.shape)
    eye = jnp.eye(entries.shape[0], dtype=entries.dtype)
    return eye.reshape(*eye.shape, *(1,) * (entries.ndim - 1)) * entries[None]


def curvature(game: Any, theta: Any) -> Array:
    """The smallest eigenvalue of a quadratic cost, ``[...]``.

    Raises:
      ValueError: the cost is not quadratic.
    """
    if game.hitting not in (DIAGONAL, FULL):
        raise ValueError(
            f"convexity: only quadratic costs say theirs, got {game.hitting.name}: give a number"
        )
    if game.hitting is DIAGONAL:
        return jnp.min(theta.matrix, axis=0)
    return extremes(theta.matrix)[0]


def extremes(matrix: Array) -> tuple[Array, Array]:
    """The smallest and the largest eigenvalue of ``[d, d, ...]``, ``[...]`` each."""
    values = jnp.linalg.eigvalsh(jnp.moveaxis(matrix, (0, 1), (-2, -1)))
    return values[..., 0], values[..., -1]
