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
except the one of ``s3``, which a full step mends, and drives ``mu`` to 0. The last step, and the
derivative, solve the equations of the face that the path leads to (:class:`_Face`), where ``mu``
is 0.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco_kernels import psd
from jaxsoco_kernels import quadratic_forms as forms

_LIMIT = 40


class Answer(NamedTuple):
    """What the last point says, all of it relative to data of unit scale.

    Attributes:
      matrix: ``M [d, d]``.
      multiplier: ``z3 / m``, minus the derivative of the trace in the radius, ``[]``.
      gap: between trace and dual objective, over the larger of the trace and 1.
      excess: of ``sum |u|`` over ``R``, a measurement.
      lower: the dual objective ``(z2 - z1)' b - z3 R / m``, at most the trace.
      iterations: int32.
    """

    matrix: jax.Array
    multiplier: jax.Array
    gap: jax.Array
    excess: jax.Array
    lower: jax.Array
    iterations: jax.Array


class _Point(NamedTuple):
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


def _weights(point: _Point) -> _Weights:
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


@jax.custom_jvp
def solve(vectors: jax.Array, values: jax.Array, radius: jax.Array) -> Answer:
    """The recovery from ``vectors [m, d]``, ``values [m]`` and ``radius []``, all finite.

    No lanes and no checks: see :func:`sensing.recover_psd`. Best at unit scale.
    """
    return _summary(*_end(vectors, values, radius), vectors, values, radius)


@solve.defjvp
def _solve_jvp(primals, tangents):
    """Differentiates the equations of the face at the end: those of :func:`_face_solver`."""
    vectors, _, _ = primals
    d_vectors, d_values, d_radius = tangents
    point, iterations = _end(*primals)
    face = _face(point)
    # -(dK)' (z1 - z2), half of it, and du at fixed M.
    lost = jnp.einsum("m,mi,mj->ij", point.dual_two[1] - point.dual_two[0], d_vectors, vectors)
    moved = 2 * jnp.einsum("mi,ij,mj->m", d_vectors, point.matrix, vectors) - d_values
    solve_face = _face_solver(face, vectors)
    change, _, d_price = solve_face(lost + lost.T, -moved, d_radius - jnp.dot(face.signs, moved))
    answer = _summary(point, iterations, *primals)
    # The measures of how far the point is from exact have no derivative.
    integral: Any = np.zeros(iterations.shape, jax.dtypes.float0)
    tangent = Answer(
        matrix=change,
        multiplier=d_price,
        gap=jnp.zeros_like(answer.gap),
        excess=jnp.zeros_like(answer.excess),
        lower=jnp.zeros_like(answer.lower),
        iterations=integral,
    )
    return answer, tangent


# --- the end of the path --------------------------------------------------------------------------


class _Face(NamedTuple):
    """Which constraints hold exactly at the end of the path.

    Complementary numbers have the product ``mu`` on the path: one of the two vanishes with ``mu``,
    the other stays (strict complementarity). Which one stays is which one is larger, in units of
    what they are on average. What vanishes, squared, is kept: it is far below rounding, unless
    complementarity is not strict, and then it chooses a slope between those of the two sides.

    Attributes:
      basis: eigenvectors of ``M [d, d]``; those of its null space are eigenvectors of ``Z`` there.
      null: which of them are of the null space, ``[d]``.
      curvature: ``H`` of ``H_ij dM_ij + dZ_ij = 0`` in this basis, ``[d, d]``: ``zeta_j / mu_i``
        for ``i`` in the range and ``j`` in the null space, 0 within the range.
      tight: measurements that are met, ``u = 0``, ``[m]``.
      give: of the measurements, ``du / d(z1 - z2)``, 0 where tight, ``[m]``.
      signs: of ``u``, 0 where tight, ``[m]``.
      active: whether ``sum |u| = R``.
      slack: of this constraint, ``d(sum |u| - R) / d(z3 / m)``, 0 where active.
    """

    basis: jax.Array
    null: jax.Array
    curvature: jax.Array
    tight: jax.Array
    give: jax.Array
    signs: jax.Array
    active: jax.Array
    slack: jax.Array


def _face(point: _Point) -> _Face:
    values, basis = jnp.linalg.eigh(point.matrix)
    null = jnp.sum(basis * (point.dual @ basis), axis=0) > values
    # The null space is that of M: a tangent that leaves it, by as little as M and Z fail to
    # commute, would move an eigenvalue that is 0. Z chooses the basis within it.
    outside = basis * null[None]
    outside = outside @ (outside.T @ point.dual @ outside) @ outside.T
    _, basis = jnp.linalg.eigh((basis * jnp.where(null, 0, values)[None]) @ basis.T - outside)
    primal, dual = (
        jnp.maximum(jnp.sum(basis * (x @ basis), axis=0), jnp.finfo(x.dtype).tiny)
        for x in (point.matrix, point.dual)
    )
    null = dual > primal
    # From dM Z + M dZ + dZ M + Z dM = 0.
    ratio = (dual[:, None] + dual[None]) / (primal[:, None] + primal[None])
    within = ~null[:, None] & ~null[None]
    weights, count = _weights(point), point.bound.shape[0]
    price = point.dual_slack / count
    give = (1 / weights.two[0] + 1 / weights.two[1]) / 4
    loose = give * price / jnp.maximum(jnp.mean(point.bound), jnp.finfo(give.dtype).tiny)
    tight = loose < 1
    slack = count**2 / weights.slack + jnp.sum(1 / weights.total)
    return _Face(
        basis=basis,
        null=null,
        curvature=jnp.where(within, ratio**2, ratio),
        tight=tight,
        give=give * loose,
        signs=jnp.where(tight, 0, jnp.sign(point.dual_two[0] - point.dual_two[1])),
        active=price > point.slack,
        slack=slack * point.slack / price,
    )


def _face_solver(face: _Face, vectors):
    """A function that solves the equations of a face, linear in its arguments.

    In the basis of the face, with ``w = z1 - z2`` and ``p = z3 / m``,

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
    rows = jax.lax.top_k(-face.give, min(n, count))[1]
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

    def solve_face(rest, deviation, spread):
        turned = forms.entries(face.basis.T @ rest @ face.basis)
        right = [
            jnp.where(free, turned, 0),
            jnp.where(met, deviation[rows], 0),
            jnp.where(face.active, spread, 0)[None],
        ]
        solution = jnp.linalg.solve(system, jnp.concatenate(right))
        change = face.basis @ forms.square(solution[:n]) @ face.basis.T
        d_price = solution[-1]
        return change, (face.signs * d_price).at[rows].add(solution[n:-1]), d_price

    return solve_face


def _end(vectors, values, radius):
    """The end of the central path, and the number of iterations that led there.

    From the last point of :func:`_path` one Newton step for the equations of its face, if what it
    leads to is optimal: the equations hold up to rounding, and the inequalities are verified. It
    is well conditioned, so that of the last iterations' rounding errors nothing is left.
    """
    point, iterations = _path(vectors, values, radius)
    face = _face(point)
    count, d = vectors.shape
    price = jnp.where(face.active, point.dual_slack / count, 0)
    skew = jnp.where(face.tight, point.dual_two[0] - point.dual_two[1], face.signs * price)
    inside = face.basis * ~face.null[None]
    matrix = inside @ (inside.T @ point.matrix @ inside) @ inside.T
    dual = jnp.eye(d, dtype=values.dtype) + jnp.einsum("m,mi,mj->ij", skew, vectors, vectors)
    u = _deviations(matrix, vectors, values)
    solve_face = _face_solver(face, vectors)
    step = solve_face(-dual, -u, radius - jnp.dot(face.signs, u))
    matrix, skew, price = (x + dx for x, dx in zip((matrix, skew, price), step, strict=True))
    dual = dual + jnp.einsum("m,mi,mj->ij", step[1], vectors, vectors)
    # Back to the rank, and a few roundings inside the cone, so that rounding does not leave it.
    eigenvalues, basis = jnp.linalg.eigh(psd.symmetric(matrix))
    rounding = 4 * jnp.finfo(values.dtype).eps * jnp.sum(eigenvalues)
    ranked = jnp.where(jnp.arange(d) < jnp.sum(face.null), rounding, eigenvalues)
    matrix = psd.symmetric((basis * ranked[None]) @ basis.T)
    deviations = _deviations(matrix, vectors, values)
    u = jnp.where(face.tight, 0, deviations)
    bound = jnp.abs(u)
    slack = jnp.where(face.active, 0, radius / count - jnp.mean(bound))
    new = _Point(
        matrix, bound, jnp.stack([bound - u, bound + u]), slack,
        dual, jnp.stack([price + skew, price - skew]) / 2, count * price,
    )  # fmt: skip
    # More than rounding, less than what an equation that does not hold would leave.
    small = jnp.finfo(values.dtype).eps ** 0.75
    met = (jnp.abs(skew) < price) & (jnp.abs(deviations) < small)
    kept = jnp.where(face.tight, met, jnp.sign(u) == face.signs)
    across = jnp.sum(face.basis * (dual @ face.basis), axis=0)
    optimal = jnp.all(kept) & jnp.all(ranked > 0) & jnp.all(~face.null | (across > 0))
    optimal = optimal & jnp.where(face.active, price > 0, slack > 0)
    return jax.tree.map(partial(jnp.where, optimal), new, point), iterations


def _deviations(matrix, vectors, values):
    """``u = K x - b``."""
    return jnp.einsum("mi,ij,mj->m", vectors, matrix, vectors) - values


def _path(vectors, values, radius):
    """Follows the central path; the last point and the number of iterations."""
    measurements = forms.measure(vectors)
    begin = _begin(measurements, vectors.shape[1], values, radius)
    goal = 1e-11 if vectors.dtype == jnp.float64 else 1e-7

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


def _begin(measurements, d, values, radius) -> _Point:
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
    return _Point(matrix, bound, two, slack, dual, jnp.full_like(two, 1 / count), 2 + 0 * slack)


def _mu(point: _Point):
    """``mu``, the mean of the ``d + 2 m + 1`` complementarity products."""
    products = jnp.sum(point.matrix * point.dual) + jnp.sum(point.two * point.dual_two)
    products = products + point.slack * point.dual_slack
    return products / (point.matrix.shape[0] + point.two.size + 1)


def _iterate(measurements, values, radius, point: _Point) -> _Point:
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

    def direction(centre, two, slack) -> _Point:
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
        return _Point(
            forms.square(change), dt, d_two, d_slack,
            dual - point.dual, d_dual_two, d_dual_slack,
        )  # fmt: skip

    def lengths(step: _Point, room):
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


def _move(point: _Point, step: _Point, primal, dual) -> _Point:
    """The point after a step, of one length in ``M, t, s`` and another in ``Z, z``."""
    sizes = _Point(primal, primal, primal, primal, dual, dual, dual)
    return _Point(*(x + a * dx for x, a, dx in zip(point, sizes, step, strict=True)))


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


def _summary(point: _Point, iterations, vectors, values, radius) -> Answer:
    u = _deviations(point.matrix, vectors, values)
    dual = point.dual_two[1] - point.dual_two[0]
    count = values.shape[0]
    lower = jnp.dot(dual, values) - point.dual_slack * radius / count
    trace = jnp.trace(point.matrix)
    gap = jnp.abs(trace - lower) / jnp.maximum(1, trace)
    excess = jnp.maximum(jnp.sum(jnp.abs(u)) - radius, 0) / count
    return Answer(point.matrix, point.dual_slack / count, gap, excess, lower, iterations)
