"""LAI's interpolation ``y = C w`` in closed form: no recursion over the rounds that are left.

With ``k`` rounds left an eigenvalue ``l`` of the hitting cost has the coefficient
``c = cosh((k - 1/2) theta) / cosh((k + 1/2) theta)``, ``2 + l = 2 cosh theta``, which solves
``1 / C_t = 2 I + A - C_(t+1)``, ``C_(T+1) = I`` (Bhuyan, Mukherjee, Wierman, ICML 2024). It is
evaluated in a form that neither overflows nor cancels, with a derivative that is finite at 0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco_kernels import jacobi, psd
from jaxsoco_kernels.jacobi import Spectrum


def interpolation_eigenvalues(
    eigenvalues: jax.Array, rounds_left: jax.Array | int
) -> tuple[jax.Array, jax.Array]:
    """LAI's coefficients for eigenvalues of the hitting cost.

    >>> from jaxsoco.tracking import interpolation_eigenvalues
    >>> keep, go = interpolation_eigenvalues(jnp.array([0.0, 0.5]), rounds_left=100)
    >>> [round(c, 3) for c in keep.tolist()], [round(c, 3) for c in go.tolist()]
    ([1.0, 0.5], [0.0, 0.5])

    Args:
      eigenvalues: ``[d, ...]``; what rounding left below 0 counts as 0.
      rounds_left: ``k = T - t + 1``, the present round included, a scalar or ``[...]``. No
        gradient flows through it.

    Returns:
      ``(c, 1 - c)``, ``[d, ...]`` each: the share of the old deviation that is kept, and of the
      way to the minimiser that is gone. Both are accurate to a few roundings for any ``k``.
    """
    eigenvalues = jnp.asarray(eigenvalues)
    dtype = jnp.result_type(eigenvalues, float)
    left = jax.lax.stop_gradient(jnp.asarray(rounds_left, dtype))
    if left.ndim:
        left = left[None]
    return _coefficients(eigenvalues.astype(dtype), left)


def _angle(eigenvalues: jax.Array) -> jax.Array:
    # sinh(theta / 2) = sqrt(l) / 2; arccosh(1 + l / 2) would lose a small l.
    return 2 * jnp.arcsinh(_root(eigenvalues) / 2)


def _root(eigenvalues: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.maximum(eigenvalues, 0))


@jax.custom_jvp
def _coefficients(eigenvalues, left):
    theta = _angle(eigenvalues)
    # The cosh ratio with exp((k + 1/2) theta) / 2 taken out of both terms: nothing overflows.
    bottom = 1 + jnp.exp(-(2 * left + 1) * theta)
    # c = exp(-theta) (1 + exp(-(2k - 1) theta)) / (1 + exp(-(2k + 1) theta))
    keep = jnp.exp(-theta) * (1 + jnp.exp(-(2 * left - 1) * theta)) / bottom
    # 1 - c = (1 - exp(-2k theta)) (1 - exp(-theta)) / (1 + exp(-(2k + 1) theta)), no cancellation;
    # and 1 - exp(-theta) = 2 exp(-theta / 2) sinh(theta / 2). With a second expm1 of theta in the
    # same sum the program of a user who compiles it as JAX does by default could be wrong on a CPU
    # (core.compiler).
    go = -jnp.expm1(-2 * left * theta) * (jnp.exp(-theta / 2) * _root(eigenvalues)) / bottom
    return keep, go


@_coefficients.defjvp
def _coefficients_jvp(primals, tangents):
    eigenvalues, left = primals
    # d(1 - c) / dl is the divided difference of l with itself; dc is its negative.
    slope = _divided_differences(eigenvalues, eigenvalues, left) * tangents[0]
    return _coefficients(eigenvalues, left), (-slope, slope)


def _divided_differences(a: jax.Array, b: jax.Array, left: jax.Array) -> jax.Array:
    """``(e(a) - e(b)) / (a - b)`` of ``e = 1 - c``, its derivative where ``a = b``; broadcasts."""
    first, second = _angle(a), _angle(b)
    total, gap = first + second, jnp.abs(first - second)
    odd = 2 * left + 1
    # With s = theta_a + theta_b, d = |theta_a - theta_b| and g(p) = _series(p), the numerator is
    # exp(-s) g(s) + exp((k - 1/2) d - (k + 1/2) s) g(d).
    top = jnp.exp(-total) * _series(total, left)
    top = top + jnp.exp((left - 0.5) * gap - (left + 0.5) * total) * _series(gap, left)
    return top / ((1 + jnp.exp(-odd * first)) * (1 + jnp.exp(-odd * second)))


def _series(angle: jax.Array, left: jax.Array) -> jax.Array:
    """``(1 - exp(-2 k p)) / (1 - exp(-p))``, at 0 its limit ``2 k``."""
    positive = angle > 0
    # No 0 / 0 in the branch that is not taken.
    safe = jnp.where(positive, angle, 1)
    return jnp.where(positive, jnp.expm1(-2 * left * safe) / jnp.expm1(-safe), 2 * left)


def deviation(estimate: Spectrum, rounds_left: jax.Array, before: jax.Array) -> jax.Array:
    """``C w``: the deviation after LAI's move with this estimate of the matrix.

    Args:
      estimate: of ``A``, in its eigenbasis, lanes as ``before``.
      rounds_left: a scalar or ``[...]``.
      before: ``w [d, ...]``, last action minus the new minimiser.
    """
    left = jnp.asarray(rounds_left, before.dtype)
    coordinates = jacobi.coordinates(estimate, before)
    # C w = w - (I - C) w: with I - C exactly 0 there, a null direction does not move.
    way = jacobi.apply(_go, _differences, estimate, coordinates, left)
    return before - jacobi.combine(estimate, way)


def _go(eigenvalues: jax.Array, left: jax.Array) -> jax.Array:
    return _coefficients(_cleaned(eigenvalues), left)[1]


def _differences(a: jax.Array, b: jax.Array, left: jax.Array) -> jax.Array:
    return _divided_differences(a, b, left)


def _cleaned(eigenvalues: jax.Array) -> jax.Array:
    """Eigenvalues ``[d, ...]`` without those that are rounding errors of zeros.

    Over many rounds even 1e-7 would move what a direction without hitting cost must not move.
    """
    return jnp.where(at_rest(eigenvalues), 0, eigenvalues)


def at_rest(eigenvalues: jax.Array) -> jax.Array:
    """Where an estimate with these eigenvalues ``[d, ...]`` makes LAI stay: those that are 0 up to
    rounding, bool ``[d, ...]``."""
    cut = 8 * jnp.finfo(eigenvalues.dtype).eps * jnp.max(eigenvalues, axis=0)
    return ~(eigenvalues > cut[None])


def weights(near: jax.Array, left: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``I - C`` and ``C^-1`` of one matrix in its own eigenbasis, ``[d, d]`` each.

    Args:
      near: ``V' A V``, diagonal ``[d, d]``; its tangent need not be, which makes derivatives
        right, with the basis a constant.
      left: rounds left, a scalar.
    """
    return _weights(near, left)


@jax.custom_jvp
def _weights(near, left):
    keep, go = _coefficients(_cleaned(jnp.diagonal(near)), left)
    return jnp.diag(go), jnp.diag(1 / keep)


@_weights.defjvp
def _weights_jvp(primals, tangents):
    near, left = primals
    values = _cleaned(jnp.diagonal(near))
    keep, _ = _coefficients(values, left)
    # Daleckii and Krein: d(I - C)_ij is the divided difference at (l_i, l_j) times dA_ij; and
    # d(C^-1) = C^-1 d(I - C) C^-1.
    slope = _divided_differences(values[:, None], values[None], left) * tangents[0]
    return _weights(near, left), (slope, slope / (keep[:, None] * keep[None]))


def interpolation(matrix: jax.Array, rounds_left: jax.Array | int) -> jax.Array:
    """LAI's matrix ``C_t`` with ``k = T - t + 1`` rounds left: ``y_t = C_t w_t``.

    >>> from jaxsoco.tracking import interpolation
    >>> interpolation(jnp.array([[1.0, 0.0], [0.0, 3.0]]), rounds_left=1).round(3).tolist()
    [[0.5, 0.0], [0.0, 0.25]]

    Args:
      matrix: hitting cost, positive semidefinite ``[d, d, ...]``.
      rounds_left: a scalar or ``[...]``; no gradient flows through it.

    Returns:
      ``[d, d, ...]``, symmetric, eigenvalues in (0, 1]. The derivative in ``matrix`` is finite at
      zero and at repeated eigenvalues.
    """
    matrix = jnp.asarray(matrix)
    matrix = matrix.astype(jnp.result_type(matrix, float))
    left = jax.lax.stop_gradient(jnp.asarray(rounds_left, matrix.dtype))
    eye = align(jnp.eye(matrix.shape[0], dtype=matrix.dtype), 2, matrix.ndim - 2)
    return eye - psd.spectral(_go, _differences, matrix, left)
