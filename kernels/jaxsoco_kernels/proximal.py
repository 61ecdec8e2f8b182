"""The path of proximal points, and what online balanced descent reads off it.

``x(eta) = argmin eta f(x) + D(x, y)`` leads from ``y`` (``eta = 0``) to a minimiser of ``f``: along
it the movement ``D`` grows and the hitting cost ``f`` falls. So the learners of that family are one
scalar equation in ``eta`` each (Chen, Goel, Wierman, COLT 2018; Goel, Lin, Sun, Wierman, NeurIPS
2019), solved here for ``f(x) = 1/2 (x - v)' A (x - v) + offset``, ``A = V diag(e) V'``, and
``D(x, y) = 1/2 |x - y|^2``, where with ``z = V' (y - v)``

    x(eta) = v + V (z / (1 + eta e)).
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _cholesky, _entropic, roots
from jaxsoco_kernels.info import Info, judge
from jaxsoco_kernels.lanes import spread
from jaxsoco_kernels.shapes import expect

Array = jax.Array
Scalar = Any
"""An array ``[...]`` or a number."""


class Proximal(NamedTuple):
    """A point of the path.

    Attributes:
      point: ``[d, ...]``.
      eta: ``[...]``; infinite where the point is the end of the path, a minimiser.
      info: the residual is documented at the function.
    """

    point: Array
    eta: Array
    info: Info


def path_point(eigen: Array, basis: Array, v: Array, y: Array, eta: Scalar) -> Array:
    """The proximal point ``argmin eta/2 (x - v)' A (x - v) + 1/2 |x - y|^2``.

    On the path ``x - y = -eta A (x - v)``: the implicit step of online mirror descent. Derivatives
    are automatic.

    >>> from jaxsoco_kernels.proximal import path_point
    >>> path_point(jnp.array([1.0, 3.0]), jnp.eye(2), jnp.zeros(2), jnp.ones(2), 1.0).tolist()
    [0.5, 0.25]

    Args:
      eigen: eigenvalues of ``A``, at least 0, ``[d, ...]``.
      basis: its eigenvectors, the columns of ``[d, d, ...]``.
      v: the minimiser, ``[d, ...]``.
      y: where the path begins, ``[d, ...]``.
      eta: at least 0, ``[...]`` or a scalar.

    Returns:
      ``x(eta) [d, ...]``.
    """
    eigen, basis, v, y, (eta,) = _arguments(eigen, basis, v, y, eta=eta)
    z = _coordinates(basis, y - v)
    return v + _combination(basis, z / (1 + eta[None] * eigen))


def balance(
    eigen: Array,
    basis: Array,
    v: Array,
    y: Array,
    ratio: Scalar,
    *,
    offset: Scalar = 0.0,
    squared: bool = False,
    trips: int = 16,
) -> Proximal:
    """The point of the path where movement is ``ratio`` times the hitting cost.

    ``|x - y| = ratio f(x)``, or with ``squared`` ``1/2 |x - y|^2 = ratio f(x)``; the end of the
    path where even that moves less. Newton's method on ``log eta`` (:mod:`~jaxsoco_kernels.roots`)
    for the logarithm of the two sides' quotient, between bounds that follow from the extreme
    eigenvalues; in one dimension the squared rule is ``eta = sqrt(ratio / e)``. The derivative is
    the implicit one at the root, one-sided where a lane turns to the end of the path.

    >>> from jaxsoco_kernels.proximal import balance
    >>> found = balance(jnp.ones(1), jnp.eye(1), jnp.zeros(1), jnp.full(1, 4.0), 0.5)
    >>> float(found.point[0])  # 4 - x = 0.5 / 2 x^2
    2.47213...

    Args:
      eigen, basis, v, y: as in :func:`path_point`.
      ratio: at least 0, ``[...]`` or a scalar.
      offset: the least hitting cost, at least 0, ``[...]`` or a scalar.
      squared: whether movement is ``1/2 |x - y|^2``; static.
      trips: static; 10 suffice in all but a few of a thousand random problems.

    Returns:
      The point. Its residual is the difference of the two sides over their sum.
    """
    eigen, basis, v, y, (ratio, offset) = _arguments(eigen, basis, v, y, ratio=ratio, offset=offset)
    z = _coordinates(basis, y - v)
    tiny = jnp.finfo(z.dtype).tiny
    # Where nothing pulls, the whole path is one point, and the root has no slope: that of another.
    idle = _sum(jnp.abs(eigen * z)) == 0
    pull, way = jnp.where(idle[None], 1, eigen), jnp.where(idle[None], 1, z)

    def sides(eta):
        shrink = 1 / (1 + eta[None] * pull)
        moved = _sum((eta[None] * pull * shrink * way) ** 2)
        moved = moved / 2 if squared else jnp.sqrt(jnp.maximum(moved, tiny))
        return moved, _sum(pull * (way * shrink) ** 2) / 2 + offset

    def gap(log_eta):
        moved, hit = sides(jnp.exp(log_eta))
        quotient = jnp.maximum(moved, tiny) / jnp.maximum(hit, tiny)
        return jnp.log(quotient) - jnp.log(price)

    still = ratio <= 0
    price = jnp.where(still, 1, ratio)
    low, high, guess = _balance_bracket(pull, way, price, offset, squared)
    log_eta = roots.newton(gap, low, high, guess, trips)
    end = _sum(jnp.where(eigen > 0, z, 0) ** 2)
    arrived = (end / 2 if squared else jnp.sqrt(end)) <= ratio * offset
    moved, hit = sides(jnp.exp(log_eta))
    off = jnp.abs(moved - price * hit) / jnp.maximum(moved + price * hit, tiny)
    return _point(eigen, basis, v, z, log_eta, still | idle, arrived, off, trips)


def level(
    eigen: Array,
    basis: Array,
    v: Array,
    y: Array,
    height: Scalar,
    *,
    offset: Scalar = 0.0,
    trips: int = 16,
) -> Proximal:
    """The projection of ``y`` onto the level set ``f <= height``.

    The point of the path with ``f(x) = height``; ``y`` itself if it costs no more, and the end of
    the path if the least cost is more. Newton's method on ``log eta``; the derivative is implicit.

    >>> from jaxsoco_kernels.proximal import level
    >>> found = level(jnp.full(2, 2.0), jnp.eye(2), jnp.zeros(2), jnp.array([3.0, 4.0]), 1.0)
    >>> [round(float(x), 4) for x in found.point]  # onto the unit circle
    [0.6, 0.8]

    Args:
      eigen, basis, v, y: as in :func:`path_point`.
      height: ``[...]`` or a scalar.
      offset: the least hitting cost, ``[...]`` or a scalar.
      trips: static.

    Returns:
      The point. Its residual is the relative error of ``f - offset``.
    """
    named = {"height": height, "offset": offset}
    eigen, basis, v, y, (height, offset) = _arguments(eigen, basis, v, y, **named)
    z = _coordinates(basis, y - v)
    now, tiny = _sum(eigen * z**2) / 2, jnp.finfo(z.dtype).tiny
    still, arrived = now + offset <= height, height <= offset
    fixed = still | arrived
    room = jnp.where(fixed, 1, height - offset)
    # Where the point is known, the root that is found is another's, which has a slope.
    pull, way = jnp.where(fixed[None], 1, eigen), jnp.where(fixed[None], 1, z)

    def gap(log_eta):
        shrink = 1 / (1 + jnp.exp(log_eta)[None] * pull)
        hit = _sum(pull * (way * shrink) ** 2) / 2
        return jnp.log(room) - jnp.log(jnp.maximum(hit, tiny))

    # f = now / (1 + eta e)^2 with an e between the extreme eigenvalues.
    least, most, typical = _extremes(pull, way)
    reach = jnp.sqrt(jnp.where(fixed, 4, now / room)) - 1
    reach = jnp.log(jnp.maximum(reach, jnp.finfo(z.dtype).eps))
    low, high = _limited(reach - jnp.log(most) - 1e-3), _limited(reach - jnp.log(least) + 1e-3)
    log_eta = roots.newton(gap, low, high, reach - jnp.log(typical), trips)
    off = jnp.abs(jnp.expm1(gap(log_eta)))
    return _point(eigen, basis, v, z, log_eta, still, arrived & ~still, off, trips)


def entropic_prox(
    A: Array | None, b: Array, y: Array, weight: Scalar, *, trips: int = 18
) -> tuple[Array, Info]:
    """The proximal point on the simplex: ``argmin 1/2 x' A x + <b, x> + weight KL(x, y)``.

    Without ``A`` it is ``y exp(-b / weight)``, scaled. Else Newton's method on the conditions
    ``A x + b + weight (log(x / y) + 1) + nu = 0``, ``sum x = 1``: with ``S = diag(x)^(1/2)`` a step
    solves ``(S A S + weight I) u = -S (gradient + nu)`` and changes ``x`` by ``S u``. Shares that
    fall are multiplied by ``exp(dx / x)``, as where the entropy is all; those that rise as well, up
    to ``weight / A_ii``, where it no longer is. Derivatives are those of the last step, which are
    the implicit ones.

    >>> from jaxsoco_kernels.proximal import entropic_prox
    >>> point, _ = entropic_prox(None, jnp.array([0.0, jnp.log(3.0)]), jnp.full(2, 0.5), 1.0)
    >>> point.round(4).tolist()
    [0.75, 0.25]

    Args:
      A: positive semidefinite ``[d, d, ...]``, or None.
      b: ``[d, ...]``.
      y: a point of the simplex; shares that are 0 stay 0, ``[d, ...]``.
      weight: above 0, ``[...]`` or a scalar.
      trips: static.

    Returns:
      The point ``[d, ...]`` and how it was found: the residual is the largest change of
      a share in the last step, whose square is about the error.
    """
    b, y, weight = (jnp.asarray(x) for x in (b, y, weight))
    expect(b=(b, "d ..."), y=(y, "d ..."), weight=(weight, "..."))
    shape = jnp.broadcast_shapes(b.shape, y.shape, b.shape[:1] + weight.shape)
    dtype = jnp.result_type(b, y, weight, float)
    b, y = (jnp.broadcast_to(x, shape).astype(dtype) for x in (b, y))
    (weight,) = spread((weight,), y[0])
    there = y > 0
    logits = jnp.where(there, jnp.log(jnp.where(there, y, 1)), -jnp.inf)
    if A is None:
        point = jax.nn.softmax(logits - b / weight[None], axis=0)
        return point, judge(0 * _sum(point), 0.0, 0)
    expect(b=(b, "d ..."), A=(A, "d d ..."))
    A = jnp.broadcast_to(A, (*A.shape[:2], *shape[1:])).astype(dtype)
    return _entropic.newton(A, b, jnp.where(there, logits, 0), weight, there, trips)


def small_solve(A: Array, b: Array) -> Array:
    """Solves ``A x = b`` for a positive definite ``A``: ``L D L'`` unrolled over the entries.

    In the few dimensions that it is for, lanes make vectors of every operation; above
    8 dimensions LAPACK's Cholesky factor takes over. Derivatives are automatic.

    >>> from jaxsoco_kernels.proximal import small_solve
    >>> small_solve(jnp.array([[4.0, 2.0], [2.0, 5.0]]), jnp.array([8.0, 8.0])).tolist()
    [1.5, 1.0]

    Args:
      A: symmetric, ``[d, d, ...]``; the lower triangle counts.
      b: ``[d, ...]``.

    Returns:
      ``[d, ...]``; NaN where ``A`` is not positive definite.
    """
    A, b = jnp.asarray(A), jnp.asarray(b)
    expect(A=(A, "d d ..."), b=(b, "d ..."))
    return _cholesky.solve(A, b)[0]


def _arguments(eigen, basis, v, y, **scalars):
    """The arguments with the lanes and the dtype that they have together."""
    eigen, basis, v, y = (jnp.asarray(x) for x in (eigen, basis, v, y))
    expect(
        eigen=(eigen, "d ..."),
        basis=(basis, "d d ..."),
        v=(v, "d ..."),
        y=(y, "d ..."),
        **{name: (x, "...") for name, x in scalars.items()},
    )
    values = [jnp.asarray(x) for x in scalars.values()]
    lanes = jnp.broadcast_shapes(
        *(x.shape[1:] for x in (eigen, v, y)), basis.shape[2:], *(x.shape for x in values)
    )
    dtype = jnp.result_type(eigen, basis, v, y, *values, float)
    wide = [jnp.broadcast_to(x, x.shape[:1] + lanes).astype(dtype) for x in (eigen, v, y)]
    basis = jnp.broadcast_to(basis, basis.shape[:2] + lanes).astype(dtype)
    return wide[0], basis, wide[1], wide[2], [spread(x, wide[0][0]) for x in values]


def _sum(x: Array) -> Array:
    """Over the first axis; a chain, which fuses with what is summed."""
    return reduce(add, list(x)) if x.shape[0] <= _cholesky.SMALL else jnp.sum(x, axis=0)


def _coordinates(basis: Array, x: Array) -> Array:
    return jnp.sum(basis * x[:, None], axis=0)


def _combination(basis: Array, z: Array) -> Array:
    return jnp.sum(basis * z[None], axis=1)


def _point(eigen, basis, v, z, log_eta, still, arrived, off, trips) -> Proximal:
    """The point at ``eta``, or the beginning of the path, or its end."""
    shrink = 1 / (1 + jnp.exp(log_eta)[None] * eigen)
    shrink = jnp.where(arrived[None], jnp.where(eigen > 0, 0.0, 1.0), shrink)
    shrink = jnp.where(still[None], 1, shrink)
    # Where nothing pulls, the whole path is one point.
    still = still | (_sum(jnp.abs(eigen * z)) == 0)
    eta = jnp.where(still, 0, jnp.where(arrived, jnp.inf, jnp.exp(log_eta)))
    off = jnp.where(still | arrived, 0 * _sum(z), off)
    info = judge(off, 1e-4 if z.dtype == jnp.float32 else 1e-12, trips)
    return Proximal(v + _combination(basis, z * shrink), eta, info)


def _extremes(eigen: Array, z: Array) -> tuple[Array, Array, Array]:
    """The least eigenvalue above 0, the largest one, and what they are on average along ``z``."""
    most = jnp.max(eigen, axis=0)
    least = jnp.min(jnp.where(eigen > 0, eigen, jnp.inf), axis=0)
    flat = most <= 0
    most, least = jnp.where(flat, 1, most), jnp.where(flat, 1, least)
    total = _sum(eigen * z**2)
    typical = _sum(eigen**2 * z**2) / jnp.where(total > 0, total, 1)
    return least, most, jnp.clip(typical, least, most)


def _limited(log_eta: Array) -> Array:
    """Within what the square of an exponential can hold."""
    limit = jnp.log(jnp.finfo(log_eta.dtype).max) / 4
    return jnp.clip(log_eta, -limit, limit)


def _balance_bracket(eigen, z, ratio, offset, squared):
    """Bounds of ``log eta`` at balance and a first guess, exact in one dimension with offset 0."""
    least, most, typical = _extremes(eigen, z)
    hit, force = _sum(eigen * z**2) / 2, jnp.sqrt(_sum((eigen * z) ** 2))
    force = jnp.where(force > 0, force, 1)
    far = -jnp.log(jnp.finfo(z.dtype).eps * least)
    if squared:
        # Movement over hitting cost is eta^2 times an average of the eigenvalues.
        low, high = (jnp.log(ratio / e) / 2 for e in (most, least))
        guess = jnp.log(ratio / typical) / 2
    else:
        # |x - y| = eta |A (x - v)| and f <= |A (x - v)| |x - v| / 2; from below, f has lost at
        # most three quarters of its value while eta e <= 1.
        start = ratio * (hit + offset) / force
        low = jnp.log(jnp.minimum(1 / most, start / 4))
        high = jnp.log(ratio * jnp.sqrt(_sum(z**2)) / 2)
        # eta (1 + eta e) = ratio |x - v| / 2 in one dimension.
        guess = jnp.log(2 * start / (1 + jnp.sqrt(1 + 4 * typical * start)))
    high = jnp.where(offset > 0, jnp.maximum(high, far), high)
    return _limited(low - 1e-3), _limited(high + 1e-3), _limited(guess)
