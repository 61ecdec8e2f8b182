"""The central path of a recovery, by predictor and corrector.

The problem, its letters and the method are those of :mod:`interior_point`; the last point of the
path is where :mod:`_optimal_face` begins.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import psd
from jaxsoco_kernels import quadratic_forms as forms

_LIMIT = 40


class Point(NamedTuple):
    """An iterate, in the letters of the module; ``two`` stacks the sides of ``|u|``, ``[2, m]``."""

    matrix: jax.Array  # M [d, d]
    bound: jax.Array  # t [m]
    two: jax.Array  # s1, s2
    slack: jax.Array  # s3
    dual: jax.Array  # Z [d, d]
    dual_two: jax.Array  # z1, z2
    dual_slack: jax.Array  # z3


class _Weights(NamedTuple):
    """What the elimination of ``t`` needs: ``D = z / s`` and what follows from it."""

    two: jax.Array  # D1, D2
    slack: jax.Array  # D3
    total: jax.Array  # P = D1 + D2
    tilt: jax.Array  # N = D1 - D2
    rank_one: jax.Array  # q = D3 / m^2

    @property
    def small(self):
        """``P - N^2 / P``, without the cancellation."""
        return 4 * self.two[0] * self.two[1] / self.total

    @property
    def coupling(self):
        """``c = q / (1 + q sum 1 / P)``."""
        return self.rank_one / (1 + self.rank_one * jnp.sum(1 / self.total))

    def invert(self, x):
        """``(diag P + q 1 1')^-1 x``."""
        return (x - self.coupling * jnp.sum(x / self.total)) / self.total


def _weights(point: Point) -> _Weights:
    two, slack = point.dual_two / point.two, point.dual_slack / point.slack
    count = point.bound.shape[0]
    return _Weights(two, slack, two[0] + two[1], two[0] - two[1], slack / count**2)


def _factor(measurements, weights: _Weights, curvature):
    """A function that solves with the reduced matrix ``H + K' (P - N (P + q11')^-1 N) K``.

    ``H [n, n]``, the ``curvature``, is what the cone adds.
    """
    # (P + q11')^-1 = P^-1 - c P^-1 1 1' P^-1 (Sherman and Morrison), so that the middle matrix is
    # diag(P - N^2 / P) + c (N / P) (N / P)': a Gram matrix and a term of rank one.
    across = forms.adjoint(measurements, weights.tilt / weights.total)
    normal = forms.gram(measurements, weights.small) + curvature
    normal = normal + weights.coupling * across[:, None] * across[None]
    # Jacobi's scaling to a unit diagonal, then Cholesky.
    scale = jax.lax.rsqrt(jnp.diagonal(normal))
    lower = jnp.linalg.cholesky(normal * scale[:, None] * scale[None], symmetrize_input=False)
    return lambda x: scale * jax.scipy.linalg.cho_solve((lower, True), scale * x)


def deviations(matrix, vectors, values):
    """``u = K x - b``."""
    return jnp.einsum("mi,ij,mj->m", vectors, matrix, vectors) - values


def follow(vectors, values, radius):
    """Follows the central path; the last point and the number of iterations."""
    measurements = forms.measure(vectors)
    begin = _begin(measurements, vectors.shape[1], values, radius)
    # A gap of 1e-8: from there the last steps see to the rest, unless the radius is as small.
    goal = jnp.clip(1e-4 * radius / values.shape[0], 1e-11, 1e-8 / _products(begin))
    goal = goal if vectors.dtype == jnp.float64 else 1e-7

    def going(state):
        return state[1] & (state[2] < _LIMIT)

    def advance(state):
        point, _, count = state
        new = _iterate(measurements, values, radius, point)
        # Rounding breaks an iteration sooner or later: the last good point is the answer.
        sound = jnp.all(jnp.array([jnp.all(jnp.isfinite(x)) for x in new]))
        point = jax.tree.map(partial(jnp.where, sound), new, point)
        return point, sound & (_mu(point) > goal), count + 1

    point, _, count = jax.lax.while_loop(going, advance, (begin, jnp.array(True), 0))
    return point, jnp.asarray(count, jnp.int32)


def _begin(measurements, d, values, radius) -> Point:
    """Feasible but for the radius, as far inside as the unit scale suggests."""
    count, dtype = values.shape[0], values.dtype
    matrix = jnp.eye(d, dtype=dtype) / d
    u = forms.forward(measurements, forms.entries(matrix)) - values
    # t > |u|, and s3 at least 1/2 even where mean t exceeds R / m.
    bound = jnp.abs(u) + 0.5
    slack = jnp.maximum(radius / count - jnp.mean(bound), 0.5)
    two = jnp.stack([bound - u, bound + u])
    # z1 = z2 = 1/m: Z = I and z3 = 2 satisfy both equations of stationarity.
    dual = jnp.eye(d, dtype=dtype)
    return Point(matrix, bound, two, slack, dual, jnp.full_like(two, 1 / count), 2 + 0 * slack)


def _mu(point: Point):
    """``mu``, the mean of the ``d + 2 m + 1`` complementarity products."""
    products = jnp.sum(point.matrix * point.dual) + jnp.sum(point.two * point.dual_two)
    products = products + point.slack * point.dual_slack
    return products / _products(point)


def _products(point: Point) -> int:
    return point.matrix.shape[0] + point.two.size + 1


def _iterate(measurements, values, radius, point: Point) -> Point:
    """One step of predictor and corrector.

    Newton's equations for ``s (z + dz) = target - z ds`` and, along the HKM direction,
    ``Z + dZ = C - sym(Z dM M^-1)``, where ``C`` is the centre that is aimed at. With ``D = z / s``
    they eliminate, in this order,

        dz1 = target1 / s1 - z1 - D1 (dt - du)       and alike dz2, dz3,
        (P + q11') dt = force + N du                  stationarity in t,
        (H + K' (P - N (P + q11')^-1 N) K) dx = rest  stationarity in M.
    """
    count = values.shape[0]
    root = _inverse_root(point.matrix)
    dual_root = _inverse_root(point.dual)
    inverse = root.T @ root  # M^-1
    weights = _weights(point)
    solve = _factor(measurements, weights, forms.kronecker(point.dual, inverse))
    # What is left of the one equation that the first point violates.
    missing = radius / count - jnp.mean(point.bound) - point.slack
    eye = jnp.eye(point.matrix.shape[0], dtype=values.dtype)

    def direction(centre, two, slack) -> Point:
        """Newton's step towards complementarity products ``two``, ``slack`` and ``centre``."""
        pull = two / point.two
        # Stationarity in t: z1 + z2 = z3 / m after the step gives the force on dt.
        push = (slack / point.slack - weights.slack * missing) / count
        force = pull[0] + pull[1] - push
        # Stationarity in M: H dx + K' (P du - N dt) = C - I - K' (pull1 - pull2).
        eliminated = weights.tilt * weights.invert(force) - (pull[0] - pull[1])
        change = solve(forms.entries(centre - eye) + forms.adjoint(measurements, eliminated))
        # Back substitution.
        du = forms.forward(measurements, change)
        dt = weights.invert(force + weights.tilt * du)
        d_two = jnp.stack([dt - du, dt + du])
        d_slack = missing - jnp.mean(dt)
        d_dual_two = pull - point.dual_two - weights.two * d_two
        d_dual_slack = slack / point.slack - point.dual_slack - weights.slack * d_slack
        # Z from stationarity, exact whatever rounding did to the rest.
        new = point.dual_two + d_dual_two
        dual = eye + forms.square(forms.adjoint(measurements, new[0] - new[1]))
        return Point(
            forms.square(change), dt, d_two, d_slack,
            dual - point.dual, d_dual_two, d_dual_slack,
        )  # fmt: skip

    def lengths(step: Point, room):
        """Largest steps, at most 1, that keep primal and dual inside."""
        primal = jnp.minimum(_room(point.two, step.two), _room(point.slack[None], step.slack[None]))
        dual = jnp.minimum(
            _room(point.dual_two, step.dual_two),
            _room(point.dual_slack[None], step.dual_slack[None]),
        )
        primal = jnp.minimum(primal, room(root @ step.matrix @ root.T))
        return primal, jnp.minimum(dual, room(dual_root @ step.dual @ dual_root.T))

    # Predictor: straight to mu = 0, as far as the cone lets it.
    zero = jnp.zeros_like
    aim = direction(zero(eye), zero(point.two), zero(point.slack))
    # A bound of the smallest eigenvalue is enough where only the centring depends on it.
    primal, dual = (jnp.minimum(1, x) for x in lengths(aim, _bounded_room))
    mu = _mu(point)
    # Centring by how far the predictor would get, sigma = (mu_predicted / mu)^3.
    target = (_mu(_move(point, aim, primal, dual)) / mu) ** 3 * mu
    # Corrector: the target less the predictor's second-order terms dM dZ and ds dz (Mehrotra).
    centre = target * inverse - psd.symmetric(aim.dual @ aim.matrix @ inverse)
    step = direction(centre, target - aim.dual_two * aim.two, target - aim.dual_slack * aim.slack)
    # Not quite to the boundary.
    primal, dual = (jnp.minimum(1, 0.98 * x) for x in lengths(step, _exact_room))
    return _move(point, step, primal, dual)


def _move(point: Point, step: Point, primal, dual) -> Point:
    """The point after a step, of one length in ``M, t, s`` and another in ``Z, z``."""
    sizes = Point(primal, primal, primal, primal, dual, dual, dual)
    return Point(*(x + a * dx for x, a, dx in zip(point, sizes, step, strict=True)))


def _inverse_root(matrix):
    """``L^-1`` of ``matrix = L L'``."""
    lower = jnp.linalg.cholesky(matrix, symmetrize_input=False)
    eye = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return jax.lax.linalg.triangular_solve(lower, eye, left_side=True, lower=True)


def _room(x, dx):
    """Largest ``a`` with ``x + a dx >= 0``."""
    return jnp.min(jnp.where(dx < 0, -x / jnp.where(dx < 0, dx, -1), jnp.inf))


def _bounded_room(relative):
    """A bound of :func:`_exact_room` from below: no eigenvalue exceeds the Frobenius norm."""
    return 1 / jnp.sqrt(jnp.sum(relative * relative) + 1e-30)


def _exact_room(relative):
    """Largest ``a`` with ``I + a E`` semidefinite, where ``E = L^-1 dM L^-T`` and ``M = L L'``."""
    least = jnp.linalg.eigvalsh(relative, symmetrize_input=False)[0]
    return jnp.where(least < 0, -1 / jnp.where(least < 0, least, -1), jnp.inf)
