"""A primal-dual interior point method for the recovery of one semidefinite matrix.

``min trace M`` over ``M`` positive semidefinite with ``sum_k |z_k' M z_k - b_k| <= R``: Mehrotra's
predictor and corrector (SIAM J. Optim. 2, 1992) along the HKM direction (Helmberg, Rendl,
Vanderbei, Wolkowicz, SIAM J. Optim. 6, 1996), with everything but the entries of ``M`` eliminated,
so that an iteration is one weighted Gram matrix and one Cholesky factor of ``d (d + 1) / 2``
unknowns.

With a bound ``t`` for every deviation and slacks ``s`` this is a conic program,

    min tr M   over  M >= 0,  s1 = t - u >= 0,  s2 = t + u >= 0,  s3 = R / m - mean t >= 0,

where ``u = K x - b``, ``x`` are the entries of ``M`` and ``K x`` the forms ``z_k' M z_k``; ``K'``
maps weights ``w`` to the entries of ``sum_k w_k z_k z_k'`` (see :mod:`quadratic_forms`). Duals are
``Z >= 0`` of ``M`` and ``z1, z2, z3 >= 0`` of the slacks; stationarity in ``M`` and ``t`` reads

    Z = I + K' (z1 - z2),     z1 + z2 = z3 / m,

and the central path has ``M Z = mu I`` and ``s z = mu``. The method keeps these linear equations
except the one of ``s3``, which a full step mends, and drives ``mu`` towards 0
(:mod:`_central_path`). The last steps, and the derivative, solve the equations of the face that the
path leads to, where ``mu`` is 0 (:mod:`_optimal_face`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco_kernels import _central_path, _faces, _optimal_face
from jaxsoco_kernels._central_path import Point, deviations


class Answer(NamedTuple):
    """What the last point says, all of it relative to data of unit scale.

    Attributes:
      matrix: ``M [d, d]``.
      multiplier: ``z3 / m``, minus the derivative of the trace in the radius, ``[]``.
      gap: between trace and dual objective, over the larger of the trace and 1.
      excess: of ``sum |u|`` over ``R``, a measurement.
      lower: the dual objective ``(z2 - z1)' b - z3 R / m``, at most the trace.
      exact: whether the point is proved to be optimal up to rounding.
      iterations: int32.
    """

    matrix: jax.Array
    multiplier: jax.Array
    gap: jax.Array
    excess: jax.Array
    lower: jax.Array
    exact: jax.Array
    iterations: jax.Array


@jax.custom_jvp
def solve(vectors: jax.Array, values: jax.Array, radius: jax.Array) -> Answer:
    """The recovery from ``vectors [m, d]``, ``values [m]`` and ``radius []``, all finite.

    No lanes and no checks: see :func:`sensing.recover_psd`. Best at unit scale.
    """
    point, _, optimal, iterations = _end(vectors, values, radius)
    return _summary(point, optimal, iterations, vectors, values, radius)


@solve.defjvp
def _solve_jvp(primals, tangents):
    """Differentiates the equations of the face at the end: those of :func:`_faces.solver`."""
    vectors, _, _ = primals
    d_vectors, d_values, d_radius = tangents
    point, face, optimal, iterations = _end(*primals)
    # -(dK)' (z1 - z2), half of it, and du at fixed M.
    lost = jnp.einsum("m,mi,mj->ij", point.dual_two[1] - point.dual_two[0], d_vectors, vectors)
    moved = 2 * jnp.einsum("mi,ij,mj->m", d_vectors, point.matrix, vectors) - d_values
    solve_face, _ = _faces.solver(face, vectors)
    change, _, d_price = solve_face(lost + lost.T, -moved, d_radius - jnp.dot(face.signs, moved))
    answer = _summary(point, optimal, iterations, *primals)
    # The measures of how far the point is from exact have no derivative.
    integral: Any = np.zeros(iterations.shape, jax.dtypes.float0)
    tangent = Answer(
        matrix=change,
        multiplier=d_price,
        gap=jnp.zeros_like(answer.gap),
        excess=jnp.zeros_like(answer.excess),
        lower=jnp.zeros_like(answer.lower),
        exact=integral,
        iterations=integral,
    )
    return answer, tangent


def _end(vectors, values, radius):
    """The optimum, its face, whether it is proved, and how many iterations led there."""
    point, iterations = _central_path.follow(vectors, values, radius)
    return *_optimal_face.finish(point, vectors, values, radius), iterations


def _summary(point: Point, optimal, iterations, vectors, values, radius) -> Answer:
    u = deviations(point.matrix, vectors, values)
    dual = point.dual_two[1] - point.dual_two[0]
    count = values.shape[0]
    lower = jnp.dot(dual, values) - point.dual_slack * radius / count
    trace = jnp.trace(point.matrix)
    gap = jnp.abs(trace - lower) / jnp.maximum(1, trace)
    excess = jnp.maximum(jnp.sum(jnp.abs(u)) - radius, 0) / count
    return Answer(point.matrix, point.dual_slack / count, gap, excess, lower, optimal, iterations)
