"""The cone of positive semidefinite matrices and functions of symmetric matrices, lanes last.

Automatic differentiation of ``f(M) = V f(L) V'`` through ``eigh`` divides by differences of
eigenvalues, and gives NaN where two agree. The rules here use the divided differences of ``f``
(Daleckii and Krein 1965), which stay finite wherever ``f`` is smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from jaxsoco_kernels.shapes import expect


def symmetric(matrix: jax.Array) -> jax.Array:
    """The symmetric part ``(M + M') / 2`` of ``matrix [d, d, ...]``.

    >>> from jaxsoco_kernels import psd
    >>> psd.symmetric(jnp.array([[1.0, 2.0], [4.0, 1.0]])).tolist()
    [[1.0, 3.0], [3.0, 1.0]]
    """
    expect(matrix=(matrix, "d d ..."))
    return (matrix + jnp.swapaxes(matrix, 0, 1)) / 2


def eigh(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues in ascending order ``[d, ...]`` and eigenvectors, the columns of ``[d, d, ...]``.

    Only the symmetric part of ``matrix [d, d, ...]`` counts. The derivative is that of
    ``jnp.linalg.eigh``, infinite at repeated eigenvalues: differentiate :func:`spectral` instead.

    >>> from jaxsoco_kernels import psd
    >>> values, vectors = psd.eigh(jnp.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> values.round().tolist()
    [1.0, 3.0]
    """
    batched = jnp.moveaxis(symmetric(matrix), (0, 1), (-2, -1))
    values, vectors = jnp.linalg.eigh(batched, symmetrize_input=False)
    return jnp.moveaxis(values, -1, 0), jnp.moveaxis(vectors, (-2, -1), (0, 1))


def compose(basis: jax.Array, values: jax.Array) -> jax.Array:
    """The symmetric matrix ``V diag(values) V'`` ``[d, d, ...]`` of columns ``basis``.

    >>> from jaxsoco_kernels import psd
    >>> basis = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    >>> psd.compose(basis, jnp.array([2.0, 3.0])).tolist()
    [[3.0, 0.0], [0.0, 2.0]]
    """
    expect(basis=(basis, "d d ..."), values=(values, "d ..."))
    return symmetric(jnp.einsum("ik...,jk...->ij...", basis * values[None], basis))


def spectral(values: Callable, differences: Callable, matrix: jax.Array, *parameters) -> jax.Array:
    """A function of a symmetric matrix, with a derivative that is finite at repeated eigenvalues.

    >>> from jaxsoco_kernels import psd
    >>> matrix = jnp.array([[2.0, 1.0], [1.0, 2.0]])
    >>> psd.spectral(jnp.square, jnp.add, matrix).round().tolist()  # M^2
    [[5.0, 4.0], [4.0, 5.0]]

    Args:
      values: the function on eigenvalues, ``(l [d, ...], *parameters) -> [d, ...]``, elementwise.
      differences: its divided differences, ``(a [d, 1, ...], b [1, d, ...], *parameters) ->
        [d, d, ...]``: ``(f(a) - f(b)) / (a - b)``, and ``f'(a)`` where the two are equal. Both
        are static: pass module-level functions, not fresh closures.
      matrix: ``[d, d, ...]``; its symmetric part counts.
      *parameters: further arguments of both, scalars or with lanes ``[...]`` (they arrive with
        the structural axes in front); differentiable through ``values``.

    Returns:
      ``V f(L) V'`` ``[d, d, ...]``, symmetric.
    """
    return _spectral(values, differences, symmetric(matrix), *parameters)


def widen(parameters, axes: int) -> list:
    """Puts structural axes of size 1 before the lanes of every parameter that is not a scalar.

    >>> from jaxsoco_kernels import psd
    >>> [x.shape for x in psd.widen((jnp.array(2.0), jnp.ones(5)), 2)]
    [(), (1, 1, 5)]
    """
    return [x if jnp.ndim(x) == 0 else x[(None,) * axes] for x in parameters]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _spectral(values, differences, matrix, *parameters):
    eigenvalues, basis = eigh(matrix)
    return compose(basis, values(eigenvalues, *widen(parameters, 1)))


@_spectral.defjvp
def _spectral_jvp(values, differences, primals, tangents):
    matrix, *parameters = primals
    d_matrix, *d_parameters = tangents
    eigenvalues, basis = eigh(matrix)
    # Daleckii and Krein: df(M) = V (F o (V' dM V)) V', F_ij = (f(l_i) - f(l_j)) / (l_i - l_j).
    turned = jnp.einsum("ki...,kl...,lj...->ij...", basis, d_matrix, basis)
    slopes = differences(eigenvalues[:, None], eigenvalues[None], *widen(parameters, 2))
    turned = turned * slopes
    tangent = jnp.einsum("ik...,kl...,jl...->ij...", basis, turned, basis)

    # The parameters move the eigenvalues' images only: V diag(df(l)) V'.
    def at(*parameters):
        return values(eigenvalues, *widen(parameters, 1))

    image, d_image = jax.jvp(at, tuple(parameters), tuple(d_parameters))
    return compose(basis, image), symmetric(tangent) + compose(basis, d_image)


def project(matrix: jax.Array) -> jax.Array:
    """Nearest positive semidefinite matrix in the Frobenius norm, ``V max(L, 0) V'``.

    Only the symmetric part of ``matrix [d, d, ...]`` counts (Higham, Linear Algebra Appl. 103,
    1988). Where eigenvalues are 0 the projection has no derivative; the rule then moves them only
    against eigenvalues that are not.

    >>> from jaxsoco_kernels import psd
    >>> psd.project(jnp.array([[0.0, 2.0], [2.0, 0.0]])).round().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return spectral(positive, positive_differences, matrix)


def positive(values: jax.Array) -> jax.Array:
    """The positive part of eigenvalues.

    >>> from jaxsoco_kernels import psd
    >>> psd.positive(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return jnp.maximum(values, 0)


def positive_differences(a: jax.Array, b: jax.Array) -> jax.Array:
    """Divided differences of :func:`positive`, 0 where both are 0.

    >>> from jaxsoco_kernels import psd
    >>> float(psd.positive_differences(jnp.array(3.0), jnp.array(-1.0)))  # (3 - 0) / (3 + 1)
    0.75
    """
    # (a+ - b+) / (a - b) is 1 above 0, 0 below and a+ / (|a| + |b|) across: one formula for all.
    size = jnp.abs(a) + jnp.abs(b)
    share = (positive(a) + positive(b)) / jnp.where(size > 0, size, 1)
    return jnp.where(size > 0, share, 0)
