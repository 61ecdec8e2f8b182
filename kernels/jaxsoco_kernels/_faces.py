"""Faces of the feasible set, and the linear equations of a face.

A face says of every complementary pair of :mod:`_central_path` which number is 0; what is left are
equations, see :mod:`_optimal_face`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import quadratic_forms as forms
from jaxsoco_kernels._central_path import Point


class Face(NamedTuple):
    """A face, and the numbers of its equations, made linear at a point.

    Attributes:
      basis: eigenvectors of ``M`` and ``Z``, the columns ``[d, d]``.
      null: which of them are of the null space of ``M``, ``[d]``.
      curvature: ``H`` of ``H_ij dM_ij + dZ_ij = 0`` in this basis, ``[d, d]``: ``zeta_j / mu_i``
        for ``i`` in the range and ``j`` in the null space, about 0 within the range.
      tight: measurements that are met, ``u = 0``, ``[m]``.
      looseness: below 1 where the path calls a measurement tight, ``[m]``.
      give: of the measurements, ``du / dw``, about 0 where tight, ``[m]``.
      signs: of ``u``, 0 where tight, ``[m]``.
      active: whether ``sum |u| = R``.
      slack: of this constraint, ``d(sum |u| - R) / dp``, about 0 where active.
    """

    basis: jax.Array
    null: jax.Array
    curvature: jax.Array
    tight: jax.Array
    looseness: jax.Array
    give: jax.Array
    signs: jax.Array
    active: jax.Array
    slack: jax.Array


def rough(point: Point) -> Face:
    """The face as the path's last point tells it.

    Which number of a pair vanishes is which one is smaller, in units of what they are on average.
    What vanishes, squared, is kept: it is far below rounding, unless both are small, and then it
    chooses a slope between those of the two sides.
    """
    eigenvalues, basis = jnp.linalg.eigh(point.matrix - point.dual)
    primal, dual = (
        jnp.maximum(jnp.sum(basis * (x @ basis), axis=0), jnp.finfo(x.dtype).tiny)
        for x in (point.matrix, point.dual)
    )
    null = eigenvalues < 0
    # From dM Z + M dZ + dZ M + Z dM = 0.
    ratio = (dual[:, None] + dual[None]) / (primal[:, None] + primal[None])
    within = ~null[:, None] & ~null[None]
    count, tiny = point.bound.shape[0], jnp.finfo(point.bound.dtype).tiny
    price = point.dual_slack / count
    resistance = point.dual_two / point.two
    give = jnp.sum(1 / resistance, axis=0) / 4
    loose = give * price / jnp.maximum(jnp.mean(point.bound), tiny)
    slack = count**2 * point.slack / point.dual_slack + jnp.sum(1 / jnp.sum(resistance, axis=0))
    return Face(
        basis=basis,
        null=null,
        curvature=jnp.where(within, ratio**2, ratio),
        tight=loose < 1,
        looseness=loose,
        give=give * loose,
        signs=jnp.where(loose < 1, 0, jnp.sign(point.dual_two[0] - point.dual_two[1])),
        active=price > point.slack,
        slack=slack * point.slack / price,
    )


def solver(face: Face, vectors):
    """A function that solves the linear equations of a face, and whether they determine a step.

    In the basis of the face

        H dM + K' dw = rest [d, d]        dM = 0 between null vectors
        (K dM)_k = deviation_k            where tight; dw_k = sign_k dp elsewhere
        sign . (K dM) = spread            where the radius is active; dp = 0 otherwise

    It gives ``dM [d, d]``, ``dw [m]`` and ``dp``. The equations are solved as they stand: with
    ``dw`` eliminated, weights of ``1 / mu`` would leave no digits of the curvature.
    """
    measurements = forms.measure(vectors @ face.basis)
    n, count = measurements.shape
    free = forms.places(~(face.null[:, None] & face.null[None]))
    # No more than n measurements are met at a vertex: the tightest ones.
    rows = jax.lax.top_k(-jnp.where(face.tight, face.looseness, jnp.inf), min(n, count))[1]
    met = face.tight[rows]
    columns = jnp.where(met[None], measurements[:, rows], 0)
    last = jnp.where(face.active, forms.adjoint(measurements, face.signs), 0)
    border = jnp.where(free[:, None], jnp.concatenate([columns, last[:, None]], axis=1), 0)
    corner = jnp.concatenate(
        [
            jnp.where(met, face.give[rows], 1),
            jnp.where(face.active, face.slack, 1)[None],
        ]
    )
    curvature = jnp.where(free, forms.places(face.curvature), 1)
    system = jnp.block([[jnp.diag(curvature), border], [border.T, -jnp.diag(corner)]])
    # Steep directions to unit size, so that a small pivot is one of equations that depend.
    scale = jnp.concatenate([jax.lax.rsqrt(jnp.maximum(curvature, 1)), jnp.ones_like(corner)])
    factors = jax.scipy.linalg.lu_factor(system * scale[:, None] * scale[None])
    regular = jnp.min(jnp.abs(jnp.diagonal(factors[0]))) > jnp.finfo(vectors.dtype).eps ** 0.75

    def solve(rest, deviation, spread):
        turned = forms.entries(face.basis.T @ rest @ face.basis)
        right = [
            jnp.where(free, turned, 0),
            jnp.where(met, deviation[rows], 0),
            jnp.where(face.active, spread, 0)[None],
        ]
        solution = scale * jax.scipy.linalg.lu_solve(factors, scale * jnp.concatenate(right))
        change = face.basis @ forms.square(solution[:n]) @ face.basis.T
        d_price = solution[-1]
        return change, (face.signs * d_price).at[rows].add(solution[n:-1]), d_price

    return solve, regular
