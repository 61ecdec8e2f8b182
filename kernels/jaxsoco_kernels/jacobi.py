"""Warm Jacobi: the eigenbasis of a symmetric matrix that changes a little in every round.

A learner that plans with ``V f(L) V'`` and learns by rank-one steps needs no decomposition per
round: it carries the basis ``V`` and the almost diagonal ``V' M V``, and one sweep of plane
rotations after each step keeps the latter almost diagonal (quadratic convergence of the cyclic
method). The rotations of a sweep come in rounds of disjoint pairs, the schedule of a round-robin
tournament, so that a round is one vector operation over pairs and lanes.

Sources: Golub and Van Loan, Matrix Computations, section 8.5 (the method); Brent and Luk, SIAM J.
Sci. Stat. Comput. 6, 1985 (the schedule); Rutishauser, Numer. Math. 9, 1966 (stable rotations).

Derivatives (first order) take the rotations as constants: what they turn stays exact, and no
eigenvalue is divided by its distance to another. Tangents of ``D`` are therefore not diagonal;
:func:`apply` and :func:`clip` know it, a function of :func:`eigenvalues` alone does not, unless
:func:`settle` comes before it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco_kernels import psd
from jaxsoco_kernels.shapes import expect


class Spectrum(NamedTuple):
    """A symmetric matrix ``V D V'`` in a basis in which it is almost diagonal.

    Attributes:
      basis: ``V``, orthonormal columns ``[d, d, ...]``.
      matrix: ``D``, symmetric, almost diagonal ``[d, d, ...]``.
    """

    basis: jax.Array
    matrix: jax.Array


def start(matrix: jax.Array) -> Spectrum:
    """Decomposes ``matrix [d, d, ...]`` once, by ``eigh``.

    >>> from jaxsoco_kernels import jacobi
    >>> spectrum = jacobi.start(jnp.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> spectrum.matrix.round().diagonal().tolist()
    [1.0, 3.0]
    """
    matrix = psd.symmetric(matrix)
    # D = V' M V: diagonal in value, but its tangent V' dM V is not.
    _, basis = psd.eigh(jax.lax.stop_gradient(matrix))
    turned = jnp.einsum("ki...,kl...,lj...->ij...", basis, matrix, basis)
    return Spectrum(basis, psd.symmetric(turned))


def multiple_of_identity(scale: jax.Array, dimension: int) -> Spectrum:
    """The spectrum of ``scale * I`` for ``scale [...]``.

    >>> from jaxsoco_kernels import jacobi
    >>> jacobi.multiple_of_identity(jnp.array(2.0), 2).matrix.tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    one = jnp.ones((dimension, *jnp.shape(scale)), jnp.asarray(scale).dtype)
    return Spectrum(_diagonal(one), _diagonal(one * scale[None]))


def _diagonal(values: jax.Array) -> jax.Array:
    eye = jnp.eye(values.shape[0], dtype=values.dtype)
    return eye.reshape(eye.shape + (1,) * (values.ndim - 1)) * values[None]


def eigenvalues(spectrum: Spectrum) -> jax.Array:
    """The diagonal ``[d, ...]``: eigenvalues up to :func:`residual` squared over their gaps.

    In the order of the basis, which is not sorted.

    >>> from jaxsoco_kernels import jacobi
    >>> jacobi.eigenvalues(jacobi.start(jnp.array([[2.0, 1.0], [1.0, 2.0]]))).round().tolist()
    [1.0, 3.0]
    """
    return _diagonal_of(spectrum.matrix)


def _diagonal_of(matrix: jax.Array) -> jax.Array:
    return jnp.einsum("ii...->i...", matrix)


def settle(spectrum: Spectrum) -> Spectrum:
    """The same spectrum, with tangents of which the basis has its share: those of ``D`` diagonal.

    For functions of :func:`eigenvalues` and the basis. Eigenvectors of equal eigenvalues, of which
    there are many, do not turn.

    >>> from jaxsoco_kernels import jacobi
    >>> def first(off):  # of the matrix [[1, off], [off, 2]]
    ...     matrix = jnp.array([[1.0, 0.0], [0.0, 2.0]]) + off * jnp.array([[0.0, 1.0], [1.0, 0.0]])
    ...     return jacobi.settle(jacobi.Spectrum(jnp.eye(2), matrix)).basis[0, 1]
    >>> float(jax.grad(first)(0.0))
    1.0
    """
    return _settle(spectrum)


@jax.custom_jvp
def _settle(spectrum):
    return spectrum


@_settle.defjvp
def _settle_jvp(primals, tangents):
    (basis, matrix), (d_basis, d_matrix) = primals[0], tangents[0]
    values = _diagonal_of(matrix)
    # dV = V W with W_ij = dD_ij / (l_j - l_i), so that d(V D V') is what it was.
    gap = values[None] - values[:, None]
    largest = jnp.max(jnp.abs(values), axis=0)[None, None]
    close = jnp.abs(gap) <= jnp.finfo(gap.dtype).eps ** 0.75 * largest
    turn = jnp.where(close, 0, d_matrix / jnp.where(close, 1, gap))
    d_basis = d_basis + jnp.sum(basis[:, :, None] * turn[None], axis=1)
    return Spectrum(basis, matrix), Spectrum(d_basis, _diagonal(_diagonal_of(d_matrix)))


def residual(spectrum: Spectrum) -> jax.Array:
    """Frobenius norm ``[...]`` of what is off the diagonal.

    >>> from jaxsoco_kernels import jacobi
    >>> spectrum = jacobi.Spectrum(jnp.eye(2), jnp.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> round(float(jacobi.residual(spectrum)), 3)
    1.414
    """
    off = spectrum.matrix - _diagonal(eigenvalues(spectrum))
    return jnp.sqrt(jnp.sum(off * off, axis=(0, 1)))


def assemble(spectrum: Spectrum) -> jax.Array:
    """The matrix ``V D V'`` ``[d, d, ...]`` itself.

    >>> from jaxsoco_kernels import jacobi
    >>> basis = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> spectrum = jacobi.Spectrum(basis, jnp.diag(jnp.array([2.0, 3.0])))
    >>> jacobi.assemble(spectrum).round().diagonal().tolist()
    [3.0, 2.0]
    """
    basis, matrix = spectrum
    return psd.symmetric(jnp.einsum("ik...,kl...,jl...->ij...", basis, matrix, basis))


def coordinates(spectrum: Spectrum, vector: jax.Array) -> jax.Array:
    """Coordinates ``V' x`` of ``vector [d, ...]`` in the basis.

    >>> from jaxsoco_kernels import jacobi
    >>> basis = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> spectrum = jacobi.Spectrum(basis, jnp.diag(jnp.array([2.0, 3.0])))
    >>> jacobi.coordinates(spectrum, jnp.array([5.0, 7.0])).tolist()
    [7.0, -5.0]
    """
    expect(basis=(spectrum.basis, "d d ..."), vector=(vector, "d ..."))
    return jnp.sum(spectrum.basis * vector[:, None], axis=0)


def combine(spectrum: Spectrum, coordinates: jax.Array) -> jax.Array:
    """The vector ``V u`` with these ``coordinates [d, ...]`` in the basis.

    >>> from jaxsoco_kernels import jacobi
    >>> basis = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> spectrum = jacobi.Spectrum(basis, jnp.diag(jnp.array([2.0, 3.0])))
    >>> jacobi.combine(spectrum, jnp.array([7.0, -5.0])).tolist()
    [5.0, 7.0]
    """
    expect(basis=(spectrum.basis, "d d ..."), coordinates=(coordinates, "d ..."))
    return jnp.sum(spectrum.basis * coordinates[None], axis=1)


def apply(
    values: Callable, differences: Callable, spectrum: Spectrum, coordinates: jax.Array, *parameters
) -> jax.Array:
    """Coordinates of ``f(M) x`` for ``x`` given by ``coordinates [d, ...]``.

    The value is ``f(diag D) * coordinates``; the derivative knows that ``M`` also turns.

    >>> from jaxsoco_kernels import jacobi
    >>> spectrum = jacobi.Spectrum(jnp.eye(2), jnp.diag(jnp.array([2.0, 3.0])))
    >>> jacobi.apply(jnp.square, jnp.add, spectrum, jnp.ones(2)).tolist()  # M^2 x
    [4.0, 9.0]

    Args:
      values, differences: ``f`` and its divided differences, as in :func:`psd.spectral`.
      spectrum: ``M`` in its basis.
      coordinates: ``V' x``.
      *parameters: further arguments of ``values`` and ``differences``.
    """
    expect(matrix=(spectrum.matrix, "d d ..."), coordinates=(coordinates, "d ..."))
    return _apply(values, differences, spectrum.matrix, coordinates, *parameters)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _apply(values, differences, matrix, coordinates, *parameters):
    return values(_diagonal_of(matrix), *psd.widen(parameters, 1)) * coordinates


@_apply.defjvp
def _apply_jvp(values, differences, primals, tangents):
    matrix, coordinates, *parameters = primals
    d_matrix, d_coordinates, *d_parameters = tangents
    diagonal = _diagonal_of(matrix)

    def at(*parameters):
        return values(diagonal, *psd.widen(parameters, 1))

    image, d_image = jax.jvp(at, tuple(parameters), tuple(d_parameters))
    # df(M) = V (F o V' dM V) V' with divided differences F, here applied to V u (see psd.spectral).
    slopes = differences(diagonal[:, None], diagonal[None], *psd.widen(parameters, 2))
    turned = jnp.sum(slopes * d_matrix * coordinates[None], axis=1)
    return image * coordinates, turned + d_image * coordinates + image * d_coordinates


def rank_one_update(
    spectrum: Spectrum, step: jax.Array, coordinates: jax.Array, sweeps: int = 1
) -> Spectrum:
    """Projected rank-one step: ``M <- P(M - step x x')`` onto the semidefinite matrices.

    After the sweeps the projection cuts the diagonal at 0, exact up to :func:`residual`. One
    sweep suits small steps; take two or three in the first rounds, when the basis is still
    unrelated to the steps, or where rounding is to be the only error.

    >>> from jaxsoco_kernels import jacobi
    >>> spectrum = jacobi.multiple_of_identity(jnp.array(3.0), 2)
    >>> spectrum = jacobi.rank_one_update(spectrum, jnp.array(1.0), jnp.ones(2))
    >>> jacobi.assemble(spectrum).round().tolist()
    [[2.0, -1.0], [-1.0, 2.0]]

    Args:
      spectrum: ``M`` in its basis.
      step: ``[...]``, of either sign.
      coordinates: ``V' x [d, ...]``. A learner that played ``x = V u`` has them at hand.
      sweeps: static.
    """
    expect(
        matrix=(spectrum.matrix, "d d ..."),
        coordinates=(coordinates, "d ..."),
        step=(step, "..."),
    )
    # V' (M - step x x') V = D - step u u', with u = V' x.
    changed = step[None, None] * coordinates[:, None] * coordinates[None]
    return clip(sweep(Spectrum(spectrum.basis, spectrum.matrix - changed), sweeps))


def clip(spectrum: Spectrum) -> Spectrum:
    """Cuts the diagonal at 0; the derivative is that of :func:`psd.project`.

    >>> from jaxsoco_kernels import jacobi
    >>> spectrum = jacobi.Spectrum(jnp.eye(2), jnp.diag(jnp.array([2.0, -1.0])))
    >>> jacobi.clip(spectrum).matrix.diagonal().tolist()
    [2.0, 0.0]
    """
    return spectrum._replace(matrix=_clip(spectrum.matrix))


@jax.custom_jvp
def _clip(matrix):
    values = _diagonal_of(matrix)
    return matrix + _diagonal(psd.positive(values) - values)


@_clip.defjvp
def _clip_jvp(primals, tangents):
    values = _diagonal_of(*primals)
    # The derivative of the projection in the basis: F o dD, as in psd.project.
    slopes = psd.positive_differences(values[:, None], values[None])
    return _clip(*primals), slopes * tangents[0]


def sweep(spectrum: Spectrum, sweeps: int = 1) -> Spectrum:
    """Rotates every pair of axes once per sweep, so that the matrix is closer to diagonal.

    >>> from jaxsoco_kernels import jacobi
    >>> spectrum = jacobi.sweep(jacobi.Spectrum(jnp.eye(2), jnp.array([[2.0, 1.0], [1.0, 2.0]])))
    >>> sorted(jacobi.eigenvalues(spectrum).round().tolist())
    [1.0, 3.0]
    """
    d = spectrum.matrix.shape[0]
    if d == 1:
        return spectrum
    basis, matrix = spectrum
    if d % 2:  # a dimension of zeros, which no rotation mixes in: its partner has a bye
        lanes = [(0, 0)] * (matrix.ndim - 2)
        matrix = jnp.pad(matrix, [(0, 1), (0, 1), *lanes])
        basis = jnp.pad(basis, [(0, 0), (0, 1), *lanes])
    rounds = sweeps * (matrix.shape[0] - 1)
    # A loop, not unrolled: XLA would compute the angles anew for every entry that they rotate.
    basis, matrix = jax.lax.fori_loop(0, rounds, _rotate_pairs, (basis, matrix))
    return Spectrum(basis[:, :d], matrix[:d, :d])


def _rotate_pairs(_, state):
    """Rotates axis ``i`` against ``h + i`` for all ``i < h``, then moves every axis on one seat.

    After ``2 h - 1`` rounds every pair has met once, and all axes sit where they began.
    """
    basis, matrix = state
    half = matrix.shape[0] // 2
    top = np.arange(half)
    fixed = jax.lax.stop_gradient(matrix)
    near, far = fixed[top, top], fixed[top + half, top + half]
    # D <- J' D J and V <- V J, where J rotates axes i and h + i by the angle that zeroes D_i,h+i.
    sine, slope = _angles(near, far, fixed[top, top + half])
    rows = _turn(matrix, sine[:, None], slope[:, None], 0)
    return (
        _turn(basis, sine[None], slope[None], 1),
        _turn(rows, sine[None], slope[None], 1),
    )


def _angles(near, far, off):
    """Sine of each rotation, and the tangent of half its angle; the smaller of the two angles.

    ``[[near, off], [off, far]]`` is diagonal after the rotation with ``tan(2 a) = 2 off / (far -
    near)``.
    """
    # tan a = 2 off / (gap + sign(gap) sqrt(gap^2 + 4 off^2)): the root of t^2 + (gap / off) t = 1
    # that is smaller in size, without cancellation.
    gap = far - near
    square = gap * gap + 4 * off * off
    size = jnp.abs(gap) + jnp.sqrt(square)
    tangent = jnp.where(gap >= 0, 2, -2) * off / jnp.where(square > 0, size, 1)
    # tan(a / 2) = sin a / (1 + cos a).
    cosine = 1 / jnp.sqrt(1 + tangent * tangent)
    sine = tangent * cosine
    return sine, sine / (1 + cosine)


def _turn(x, sine, slope, axis):
    """Rotates the two halves of an axis against each other, and moves the seats on by one."""
    half = x.shape[axis] // 2
    first, second = jnp.split(x, 2, axis=axis)
    # cos a = 1 - sin a tan(a / 2), so that both are of the form x + small, and small angles leave
    # rounding errors as small (Rutishauser).
    turned = first - sine * (second + slope * first), second + sine * (first - slope * second)
    if half == 1:
        return jnp.concatenate(turned, axis=axis)
    # The tournament's circle: the first axis keeps its seat, the others move on by one.
    fixed, middle, last = jnp.split(turned[0], (1, half - 1), axis=axis)
    head, rest = jnp.split(turned[1], (1,), axis=axis)
    return jnp.concatenate([fixed, head, middle, rest, last], axis=axis)
