"""Hitting costs from a spectrum, and the spectrum of a matrix. No JAX at import."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.settings import is_traced

if TYPE_CHECKING:
    import jax

NEARLY_ZERO = 1e-9
"""Of the largest eigenvalue: what is smaller, of either sign, counts as 0."""


class Spectrum(NamedTuple):
    """A positive semidefinite matrix.

    Attributes:
      basis: eigenvectors, columns of ``[d, d]``, float64.
      eigenvalues: ascending, at least 0, ``[d]``.
      rank: how many are positive.
      smallest: the smallest positive one.

    Eigenvalues may be tracers of JAX.
    """

    basis: np.ndarray
    eigenvalues: Any
    rank: int
    smallest: Any

    @property
    def matrix(self) -> np.ndarray:
        """The matrix itself ``[d, d]``."""
        return (self.basis * self.eigenvalues) @ self.basis.T


def make_matrix(key: jax.Array, spectrum: Sequence[float] | jax.Array) -> jax.Array:
    """A random matrix with this spectrum: ``Q diag(spectrum) Q'``, ``Q`` uniform (Haar).

    >>> from jaxsoco.tracking import make_matrix
    >>> [round(l, 3) for l in jnp.linalg.eigvalsh(make_matrix(key, [1.0, 2.0])).tolist()]
    [1.0, 2.0]

    Args:
      key: one JAX key; it is consumed.
      spectrum: eigenvalues ``[d]``.

    Returns:
      ``[d, d]``, symmetric: in float32 the matrix of float64, rounded.

    Raises:
      TypeError: ``key`` is not one key.
    """
    import jax
    import jax.numpy as jnp

    from jaxsoco.core.precision import in_float64

    words, wrap = _one_key(key)

    def turned(words: jax.Array, values: jax.Array) -> jax.Array:
        # In float64 always: a draw of another dtype is another draw.
        draws = jax.random.normal(wrap(words), (len(values),) * 2)
        basis, upper = jnp.linalg.qr(draws)
        # The signs make the distribution uniform over the orthogonal group.
        basis = basis * jnp.sign(jnp.diag(upper))[None]
        matrix = (basis * values[None]) @ basis.T
        return (matrix + matrix.T) / 2

    return in_float64(turned)(words, jnp.asarray(spectrum, float))


def _one_key(key: Any) -> tuple[jax.Array, Any]:
    """The words of one key, and what makes a key of them again."""
    import jax
    import jax.numpy as jnp

    typed = hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = jax.random.key_data(key) if typed else key
    if getattr(words, "dtype", None) != jnp.uint32 or words.ndim != 1:
        kind = f"{key.dtype}{list(key.shape)}" if hasattr(key, "dtype") else type(key).__name__
        hint = "jax.random.wrap_key_data makes keys of raw words; vmap takes several"
        raise TypeError(f"key: want one JAX key, got {kind}: {hint}")
    if not typed:
        return words, lambda words: words
    return words, partial(jax.random.wrap_key_data, impl=jax.random.key_impl(key))


def random_spectrum(positive: Any, dimension: int, seed: int) -> Spectrum:
    """A matrix with given positive eigenvalues in a random basis.

    Args:
      positive: the positive eigenvalues ``[r]``, ascending: of NumPy, or a tracer of JAX.
      dimension: ``d >= r``; the other ``d - r`` eigenvalues are 0.
      seed: of the basis, which is uniform over the orthogonal matrices.
    """
    if is_traced(positive):
        import jax.numpy as xp
    else:
        xp = np
    draws = np.random.default_rng(seed).standard_normal((dimension, dimension))
    basis, upper = np.linalg.qr(draws)
    # The signs make the distribution uniform over the orthogonal group.
    basis = basis * np.sign(np.diag(upper))
    rank = len(positive)
    eigenvalues = xp.concatenate([xp.zeros(dimension - rank), positive])
    return Spectrum(basis, eigenvalues, rank, positive.min())


def positive_spectrum(matrix: np.ndarray, where: str, nearly: float = NEARLY_ZERO) -> Spectrum:
    """Decomposes a symmetric ``matrix [d, d]``, eigenvalues that are rounding errors set to 0.

    Those are at most ``nearly`` times the largest.

    Raises:
      InputError: under the path ``where``: not square, not finite, zero, or not positive
        semidefinite, with the eigenvalue that is negative.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InputError(Issue(where, f"has shape {matrix.shape}", "want a square matrix [d, d]"))
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        message = f"entry ({row}, {column}) is {matrix[row, column]}"
        raise InputError(Issue(where, message, "want finite numbers"))
    eigenvalues, basis = np.linalg.eigh((matrix + matrix.T) / 2)
    largest = float(np.abs(eigenvalues).max())
    if eigenvalues[0] < -nearly * largest:
        message = f"is not positive semidefinite: it has the eigenvalue {eigenvalues[0]:.6g}"
        raise InputError(Issue(where, message, "want x' A x >= 0 for every x"))
    eigenvalues = np.where(eigenvalues > nearly * largest, eigenvalues, 0.0)
    if not eigenvalues.any():
        raise InputError(Issue(where, "is zero", "want a positive eigenvalue"))
    positive = eigenvalues[eigenvalues > 0]
    return Spectrum(basis, eigenvalues, len(positive), float(positive.min()))
