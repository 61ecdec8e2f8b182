"""Recovery of a semidefinite matrix from noisy rank-one measurements, by least trace.

``min trace M`` over ``M`` positive semidefinite with ``sum_k |z_k' M z_k - b_k| <= R`` (Chen, Chi,
Goldsmith 2015; Cai, Zhang 2015), by a primal-dual interior point method: Mehrotra's predictor and
corrector along the HKM direction, with everything but the entries of ``M`` eliminated, so that an
iteration is one weighted Gram matrix and one Cholesky factor of ``d (d + 1) / 2`` unknowns.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco_kernels import psd
from jaxsoco_kernels import quadratic_forms as forms
from jaxsoco_kernels.info import Info, Status
from jaxsoco_kernels.shapes import expect

# Names of before there was one Status. NOT_CONVERGED stood for LIMIT as well.
CONVERGED, INFEASIBLE, NOT_CONVERGED = Status.OK, Status.INFEASIBLE, Status.NONFINITE

_LIMIT = 40
_BLOCK_BYTES = 1 << 18  # measured forms of the problems that are solved at a time


class Recovery(NamedTuple):
    """A recovered matrix.

    Attributes:
      matrix: ``[d, d, ...]``, semidefinite and finite, whatever the status.
      objective: its trace ``[...]``.
      multiplier: of the constraint ``[...]``: minus the derivative of the trace in the radius.
      info: how it went: ``OK``; ``INFEASIBLE`` where no semidefinite matrix explains the values
        within the radius; ``LIMIT``; ``NONFINITE`` where the input is. The residual is the larger
        of the duality gap over the objective and the excess of the constraint over the sum of
        ``|b|``, infinite where the input is not finite.
    """

    matrix: jax.Array
    objective: jax.Array
    multiplier: jax.Array
    info: Info


def recover_psd(vectors: jax.Array, values: jax.Array, radius: jax.Array | float) -> Recovery:
    """Least-trace semidefinite matrix that agrees with rank-one measurements.

    Differentiable in all arguments, in both modes and at the cost of one more iteration (implicit
    function theorem), where the minimiser is unique and strictly complementary. Use float64:
    float32 stalls at relative errors of about ``1e-3``.

    Args:
      vectors: ``z``, ``[m, d, ...]``, of any scale.
      values: ``b``, ``[m, ...]``, the measured ``z' M z + noise``.
      radius: ``R >= 0``, the total absolute deviation allowed, ``[...]`` or a scalar. With lanes
        the problems are solved block by block, so that a block stays in the cache.

    Returns:
      The matrix, finite whatever happens, and the status beside it.

    Raises:
      ValueError: shapes do not fit.
    """
    vectors, values, radius = (jnp.asarray(x) for x in (vectors, values, radius))
    expect(vectors=(vectors, "m d ..."), values=(values, "m ..."), radius=(radius, "..."))
    if not all(vectors.shape[:2]):
        want = "at least one measurement in one dimension"
        raise ValueError(f"vectors: expected {want}, got {vectors.shape}")
    lanes = jnp.broadcast_shapes(vectors.shape[2:], values.shape[1:], radius.shape)
    vectors = jnp.broadcast_to(vectors, (*vectors.shape[:2], *lanes))
    values = jnp.broadcast_to(values, (*values.shape[:1], *lanes))
    dtype = jnp.result_type(vectors, values, radius, jnp.float32)
    radius = jnp.broadcast_to(radius, lanes)
    batch = tuple(
        jnp.moveaxis(x.astype(dtype).reshape(*x.shape[: x.ndim - len(lanes)], -1), -1, 0)
        for x in (vectors, values, radius)
    )
    if not lanes:
        return _recover(*(x[0] for x in batch))
    found = _in_blocks(batch)
    found = jax.tree.map(lambda x: jnp.moveaxis(x, 0, -1), found)
    return jax.tree.map(lambda x: x.reshape(*x.shape[:-1], *lanes), found)


def _in_blocks(batch) -> Recovery:
    """Block after block of problems ``[b, ...]``, the last one filled up with copies."""
    problems, count, d = batch[0].shape
    most = max(1, _BLOCK_BYTES // (count * d * (d + 1) // 2 * batch[0].dtype.itemsize))
    blocks = -(-problems // most)
    block = -(-problems // blocks)
    pad = [(0, blocks * block - problems)]
    batch = [jnp.pad(x, pad + [(0, 0)] * (x.ndim - 1), mode="edge") for x in batch]
    batch = tuple(x.reshape(blocks, block, *x.shape[1:]) for x in batch)
    # A block of one is better off without the batched operations.
    if block == 1:
        batch = tuple(x[:, 0] for x in batch)
        found = jax.lax.map(lambda one: _recover(*one), batch)
        return jax.tree.map(lambda x: x[:problems], found)
    found = jax.lax.map(lambda one: jax.vmap(_recover)(*one), batch)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:problems], found)


def _recover(vectors, values, radius) -> Recovery:
    """One problem: bring it to unit scale, solve, and bring the result back."""
    finite = jnp.all(jnp.isfinite(vectors)) & jnp.all(jnp.isfinite(values)) & jnp.isfinite(radius)
    vectors, values, radius = (jnp.where(finite, x, 0) for x in (vectors, values, radius))
    # The solution is homogeneous in both scales, so that they may count as constants.
    length = _or_one(jnp.sqrt(jnp.mean(jax.lax.stop_gradient(vectors) ** 2)))
    size = _or_one(jnp.mean(jnp.abs(jax.lax.stop_gradient(values))))
    scaled = (vectors / length, values / size, radius / size)
    matrix, multiplier, gap, excess, lower, iterations = _solve(*scaled)
    tolerance = _tolerance(matrix.dtype)
    residual = jnp.maximum(gap, excess)
    impossible = ((excess > tolerance) & (lower > 1e4)) | (radius < 0)
    status = jnp.where(residual <= tolerance, Status.OK, Status.LIMIT)
    status = jnp.where(impossible, Status.INFEASIBLE, status)
    status = jnp.where(finite, status, Status.NONFINITE).astype(jnp.int32)
    matrix = matrix * (size / length**2)
    info = Info(status, jnp.where(finite, residual, jnp.inf), iterations)
    return Recovery(matrix, jnp.trace(matrix), multiplier / length**2, info)


def _or_one(scale):
    return jnp.where(scale > 0, scale, 1)


def _tolerance(dtype) -> float:
    return 1e-7 if dtype == jnp.float64 else 2e-3


class _Point(NamedTuple):
    """An iterate; the slacks of ``t - u >= 0``, ``t + u >= 0`` and ``R / m - mean t >= 0``.

    ``u = Kx - b``, with ``x`` the entries of ``M`` (see :mod:`quadratic_forms`) and ``Kx`` the
    forms ``z' M z``. ``two`` stacks both sides of the absolute values, ``[2, m]``.
    """

    matrix: jax.Array  # M [d, d]
    bound: jax.Array  # t [m]
    two: jax.Array  # s1, s2
    slack: jax.Array  # s3
    dual: jax.Array  # Z [d, d]
    dual_two: jax.Array  # z1, z2
    dual_slack: jax.Array  # z3


def _limit_curvature(point: _Point):
    """``H`` of ``dM Z + M dZ + dZ M + Z dM = 0``, which holds at the end of any path.

    The last point is not in the middle of the cone; Newton's ``H``, which takes it to be, would
    be wrong by a factor in how the range of ``M`` turns against its null space.
    """
    _, basis = jnp.linalg.eigh(point.matrix - point.dual)
    primal, dual = (
        jnp.maximum(jnp.sum(basis * (x @ basis), axis=0), jnp.finfo(x.dtype).tiny)
        for x in (point.matrix, point.dual)
    )
    ratio = (dual[:, None] + dual[None]) / (primal[:, None] + primal[None])
    turn = forms.kronecker(basis, basis)
    return (turn * forms.places(ratio)[None]) @ turn.T


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
    across = forms.adjoint(measurements, weights.tilt / weights.total)
    normal = forms.gram(measurements, weights.small) + curvature
    normal = normal + weights.coupling * across[:, None] * across[None]
    scale = jax.lax.rsqrt(jnp.diagonal(normal))
    lower = jnp.linalg.cholesky(normal * scale[:, None] * scale[None], symmetrize_input=False)
    return lambda x: scale * jax.scipy.linalg.cho_solve((lower, True), scale * x)


@jax.custom_jvp
def _solve(vectors, values, radius):
    return _summary(*_path(vectors, values, radius), vectors, values, radius)


@_solve.defjvp
def _solve_jvp(primals, tangents):
    """Newton's equations of the last point, for the changes of the data in place of a residual."""
    vectors, _, _ = primals
    d_vectors, d_values, d_radius = tangents
    point, iterations = _path(*primals)
    measurements = forms.measure(vectors)
    weights = _weights(point)
    solve = _factor(measurements, weights, _limit_curvature(point))
    skew = point.dual_two[0] - point.dual_two[1]
    moved = 2 * jnp.einsum("mi,ij,mj->m", d_vectors, point.matrix, vectors) - d_values
    turned = jnp.einsum("m,mi,mj->ij", skew, d_vectors, vectors)
    tilt, coupling = weights.tilt / weights.total, weights.coupling
    pull = weights.small * moved + coupling * tilt * (jnp.dot(tilt, moved) - d_radius)
    change = solve(-forms.entries(turned + turned.T) - forms.adjoint(measurements, pull))
    du = forms.forward(measurements, change) + moved
    d_multiplier = coupling * (jnp.dot(tilt, du) - d_radius)
    values_out = _summary(point, iterations, *primals)
    flat = jax.tree.map(jnp.zeros_like, values_out[2:-1])
    none = np.zeros(iterations.shape, jax.dtypes.float0)
    return values_out, (forms.square(change), d_multiplier, *flat, none)


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
    bound = jnp.abs(u) + 0.5
    slack = jnp.maximum(radius / count - jnp.mean(bound), 0.5)
    two = jnp.stack([bound - u, bound + u])
    dual = jnp.eye(d, dtype=dtype)
    return _Point(matrix, bound, two, slack, dual, jnp.full_like(two, 1 / count), 2 + 0 * slack)


def _mu(point: _Point):
    products = jnp.sum(point.matrix * point.dual) + jnp.sum(point.two * point.dual_two)
    products = products + point.slack * point.dual_slack
    return products / (point.matrix.shape[0] + point.two.size + 1)


def _iterate(measurements, values, radius, point: _Point) -> _Point:
    """One step of predictor and corrector."""
    count = values.shape[0]
    root = _inverse_root(point.matrix)
    dual_root = _inverse_root(point.dual)
    inverse = root.T @ root
    weights = _weights(point)
    solve = _factor(measurements, weights, forms.kronecker(point.dual, inverse))
    missing = radius / count - jnp.mean(point.bound) - point.slack
    eye = jnp.eye(point.matrix.shape[0], dtype=values.dtype)

    def direction(centre, two, slack) -> _Point:
        """Newton's step towards complementarity products ``two``, ``slack`` and ``centre``."""
        pull = two / point.two
        push = (slack / point.slack - weights.slack * missing) / count
        force = pull[0] + pull[1] - push
        eliminated = weights.tilt * weights.invert(force) - (pull[0] - pull[1])
        change = solve(forms.entries(centre - eye) + forms.adjoint(measurements, eliminated))
        du = forms.forward(measurements, change)
        dt = weights.invert(force + weights.tilt * du)
        d_two = jnp.stack([dt - du, dt + du])
        d_slack = missing - jnp.mean(dt)
        d_dual_two = pull - point.dual_two - weights.two * d_two
        d_dual_slack = slack / point.slack - point.dual_slack - weights.slack * d_slack
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

    zero = jnp.zeros_like
    aim = direction(zero(eye), zero(point.two), zero(point.slack))
    # A bound of the smallest eigenvalue is enough where only the centring depends on it.
    primal, dual = (jnp.minimum(1, x) for x in lengths(aim, _bounded_room))
    mu = _mu(point)
    target = (_mu(_move(point, aim, primal, dual)) / mu) ** 3 * mu
    centre = target * inverse - psd.symmetric(aim.dual @ aim.matrix @ inverse)
    step = direction(centre, target - aim.dual_two * aim.two, target - aim.dual_slack * aim.slack)
    primal, dual = (jnp.minimum(1, 0.98 * x) for x in lengths(step, _exact_room))
    return _move(point, step, primal, dual)


def _move(point: _Point, step: _Point, primal, dual) -> _Point:
    sizes = _Point(primal, primal, primal, primal, dual, dual, dual)
    return _Point(*(x + a * dx for x, a, dx in zip(point, sizes, step, strict=True)))


def _inverse_root(matrix):
    """``L^-1`` of ``matrix = L L'``."""
    lower = jnp.linalg.cholesky(matrix, symmetrize_input=False)
    eye = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return jax.lax.linalg.triangular_solve(lower, eye, left_side=True, lower=True)


def _room(x, dx):
    return jnp.min(jnp.where(dx < 0, -x / jnp.where(dx < 0, dx, -1), jnp.inf))


def _bounded_room(relative):
    return 1 / jnp.sqrt(jnp.sum(relative * relative) + 1e-30)


def _exact_room(relative):
    least = jnp.linalg.eigvalsh(relative, symmetrize_input=False)[0]
    return jnp.where(least < 0, -1 / jnp.where(least < 0, least, -1), jnp.inf)


def _summary(point: _Point, iterations, vectors, values, radius):
    u = jnp.einsum("mi,ij,mj->m", vectors, point.matrix, vectors) - values
    dual = point.dual_two[1] - point.dual_two[0]
    count = values.shape[0]
    lower = jnp.dot(dual, values) - point.dual_slack * radius / count
    trace = jnp.trace(point.matrix)
    gap = jnp.abs(trace - lower) / jnp.maximum(1, trace)
    excess = jnp.maximum(jnp.sum(jnp.abs(u)) - radius, 0) / count
    return point.matrix, point.dual_slack / count, gap, excess, lower, iterations
