"""Recovery of a semidefinite matrix from noisy rank-one measurements, by least trace.

``min trace M`` over ``M`` positive semidefinite with ``sum_k |z_k' M z_k - b_k| <= R`` (Chen, Chi,
Goldsmith 2015; Cai, Zhang 2015). This module is the door: lanes, blocks, units and the status; the
solver of one problem is :mod:`interior_point`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import interior_point
from jaxsoco_kernels.info import Info, Status
from jaxsoco_kernels.shapes import expect

# Names of before there was one Status. NOT_CONVERGED stood for LIMIT as well.
CONVERGED, INFEASIBLE, NOT_CONVERGED = Status.OK, Status.INFEASIBLE, Status.NONFINITE

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
      exact: whether the matrix is proved to be a minimiser up to rounding ``[...]``. Where it is
        not, the derivative is that of a nearby point of the central path, and may be far off.
    """

    matrix: jax.Array
    objective: jax.Array
    multiplier: jax.Array
    info: Info
    exact: jax.Array


def recover_psd(vectors: jax.Array, values: jax.Array, radius: jax.Array | float) -> Recovery:
    """Least-trace semidefinite matrix that agrees with rank-one measurements.

    Exact to rounding, which is proved by the optimality conditions (``exact``), and differentiable
    in all arguments, in both modes, at the cost of a few iterations (implicit function theorem);
    eigenvalues that are 0 stay 0. Where the minimiser has a kink, within ``1e-12`` of data of unit
    size, the derivative is that of one of its sides. Not exact are problems without a unique
    minimiser, or with measurements that are copies of each other; then the objective is within
    ``1e-7``. Use float64: float32 stalls at relative errors of about ``1e-3``.

    >>> from jaxsoco_kernels.sensing import recover_psd
    >>> recovery = recover_psd(jnp.eye(2), jnp.array([2.0, 1.0]), 0.5)  # the diagonal, measured
    >>> round(float(recovery.objective), 1)  # the trace 3, less the radius
    2.5

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
    recoveries = _in_blocks(batch)
    recoveries = jax.tree.map(lambda x: jnp.moveaxis(x, 0, -1), recoveries)
    return jax.tree.map(lambda x: x.reshape(*x.shape[:-1], *lanes), recoveries)


def _in_blocks(batch) -> Recovery:
    """Block after block of problems ``[b, ...]``, the last one filled up with copies."""
    problems, count, d = batch[0].shape
    most = max(1, _BLOCK_BYTES // (count * d * (d + 1) // 2 * batch[0].dtype.itemsize))
    # Two at least, where there are two problems: XLA takes a loop of one trip apart and fuses its
    # body with what is around it, which rounds differently.
    blocks = min(problems, max(2, -(-problems // most)))
    block = -(-problems // blocks)
    pad = [(0, blocks * block - problems)]
    batch = [jnp.pad(x, pad + [(0, 0)] * (x.ndim - 1), mode="edge") for x in batch]
    batch = tuple(x.reshape(blocks, block, *x.shape[1:]) for x in batch)
    # A block of one is better off without the batched operations.
    if block == 1:
        batch = tuple(x[:, 0] for x in batch)
        recoveries = jax.lax.map(lambda one: _recover(*one), batch)
        return jax.tree.map(lambda x: x[:problems], recoveries)
    recoveries = jax.lax.map(lambda one: jax.vmap(_recover)(*one), batch)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:problems], recoveries)


def _recover(vectors, values, radius) -> Recovery:
    """One problem: bring it to unit scale, solve, and bring the result back."""
    finite = jnp.all(jnp.isfinite(vectors)) & jnp.all(jnp.isfinite(values)) & jnp.isfinite(radius)
    vectors, values, radius = (jnp.where(finite, x, 0) for x in (vectors, values, radius))
    # M(a z, b, R) = M(z, b, R) / a^2 and M(z, a b, a R) = a M(z, b, R): solved at unit scale. The
    # solution is homogeneous in both scales, so that they may count as constants.
    length = _or_one(jnp.sqrt(jnp.mean(jax.lax.stop_gradient(vectors) ** 2)))
    size = _or_one(jnp.mean(jnp.abs(jax.lax.stop_gradient(values))))
    scaled = (vectors / length, values / size, radius / size)
    matrix, multiplier, gap, excess, lower, exact, iterations = interior_point.solve(*scaled)
    tolerance = _tolerance(matrix.dtype)
    residual = jnp.maximum(gap, excess)
    # At unit scale no trace is that large: the dual is unbounded, and no matrix is feasible.
    impossible = ((excess > tolerance) & (lower > 1e4)) | (radius < 0)
    status = jnp.where(residual <= tolerance, Status.OK, Status.LIMIT)
    status = jnp.where(impossible, Status.INFEASIBLE, status)
    status = jnp.where(finite, status, Status.NONFINITE).astype(jnp.int32)
    matrix = matrix * (size / length**2)
    info = Info(status, jnp.where(finite, residual, jnp.inf), iterations)
    exact = exact & (status == Status.OK)
    return Recovery(matrix, jnp.trace(matrix), multiplier / length**2, info, exact)


def _or_one(scale):
    return jnp.where(scale > 0, scale, 1)


def _tolerance(dtype) -> float:
    return 1e-7 if dtype == jnp.float64 else 2e-3
