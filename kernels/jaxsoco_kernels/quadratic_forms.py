"""The linear map from a symmetric matrix to its quadratic forms ``z' M z``, in coordinates.

A symmetric matrix is the vector of its ``n = d (d + 1) / 2`` entries on and above the diagonal,
those above it times ``sqrt(2)``, so that inner products agree: ``<A, B> = entries(A)' entries(B)``.
The map is kept as the array ``K`` of the entries of all ``z z'``, ``[n, m]``: forms are ``x' K``,
weighted sums of ``z z'`` are ``K w``. No lanes, one problem at a time, and no checks: the building
blocks of :mod:`interior_point`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_SPLIT = 8
"""From this dimension on a Gram matrix is put together from the parts that differ."""


class _Tables(NamedTuple):
    """Places of the entries; indices from 0 to d/2 are low, the others high.

    Entries with two low indices come first, then the mixed ones, then those with two high ones.
    """

    row: np.ndarray
    column: np.ndarray
    weight: np.ndarray  # 1 on the diagonal, sqrt(2) above
    place: np.ndarray  # [d, d] of the entries
    low: int
    high: int
    source: np.ndarray  # [n, n]: where the parts of a Gram matrix have its entry
    ratio: np.ndarray  # and what to multiply it with


@lru_cache
def _tables(d: int) -> _Tables:
    half = d // 2
    kinds: list[list[tuple[int, int]]] = [[], [], []]
    for i, j in combinations_with_replacement(range(d), 2):
        kinds[(i >= half) + (j >= half)].append((i, j))
    low, mixed, high = kinds
    row, column = np.array(low + mixed + high, np.int32).T
    weight = np.where(row == column, 1.0, math.sqrt(2.0))
    place = np.zeros((d, d), np.int32)
    place[row, column] = place[column, row] = np.arange(len(row))
    n, a, c = len(row), len(low), len(high)
    # Sum_k w z_p z_q z_r z_s does not change with the order of p, q, r, s: sorted, either the
    # first two are low or the last two are high, and only such rows are computed.
    quads = np.stack(np.broadcast_arrays(row[:, None], column[:, None], row[None], column[None]))
    quads = np.sort(quads, axis=0)
    first, last = place[quads[0], quads[1]], place[quads[2], quads[3]]
    source = np.where(quads[1] < half, first * n + last, 0)
    beyond = a * n + (last - (n - c)) * (n - a) + first - a
    source = np.where(quads[1] < half, source, beyond)
    ratio = weight[:, None] * weight[None] / (weight[first] * weight[last])
    return _Tables(row, column, weight, place, a, c, source.astype(np.int32), ratio)


def _dimension(entries: int) -> int:
    return (math.isqrt(8 * entries + 1) - 1) // 2


def entries(matrix: jax.Array) -> jax.Array:
    """The entries ``[n]`` of a symmetric ``matrix [d, d]``.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> [round(float(x), 3) for x in quadratic_forms.entries(jnp.array([[1.0, 2.0], [2.0, 5.0]]))]
    [1.0, 2.828, 5.0]
    """
    return places(matrix) * _tables(matrix.shape[0]).weight.astype(matrix.dtype)


def places(table: jax.Array) -> jax.Array:
    """What a symmetric ``table [d, d]`` has at the places of the entries ``[n]``.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> quadratic_forms.places(jnp.array([[1.0, 2.0], [2.0, 5.0]])).tolist()
    [1.0, 2.0, 5.0]
    """
    tables = _tables(table.shape[0])
    return table[tables.row, tables.column]


def square(entries: jax.Array) -> jax.Array:
    """The symmetric matrix ``[d, d]`` of these ``entries [n]``.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> quadratic_forms.square(jnp.array([1.0, 2 * 2**0.5, 5.0])).round().tolist()
    [[1.0, 2.0], [2.0, 5.0]]
    """
    tables = _tables(_dimension(entries.shape[0]))
    return (entries / tables.weight.astype(entries.dtype))[tables.place]


def measure(vectors: jax.Array) -> jax.Array:
    """``K [n, m]`` of ``vectors [m, d]``.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> forms = quadratic_forms.measure(jnp.array([[1.0, 2.0]]))
    >>> quadratic_forms.square(forms[:, 0]).round().tolist()  # z z'
    [[1.0, 2.0], [2.0, 4.0]]
    """
    tables = _tables(vectors.shape[1])
    across = vectors.T
    weight = tables.weight.astype(vectors.dtype)[:, None]
    # Entry (i, j) of z z' is z_i z_j, times sqrt(2) off the diagonal.
    return across[tables.row] * across[tables.column] * weight


def forward(forms: jax.Array, entries: jax.Array) -> jax.Array:
    """The forms ``z' M z [m]`` of the matrix with these ``entries [n]``.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> forms = quadratic_forms.measure(jnp.array([[1.0, 0.0], [1.0, 2.0]]))
    >>> matrix = jnp.array([[1.0, 2.0], [2.0, 5.0]])
    >>> quadratic_forms.forward(forms, quadratic_forms.entries(matrix)).round().tolist()
    [1.0, 29.0]
    """
    return entries @ forms


def adjoint(forms: jax.Array, weights: jax.Array) -> jax.Array:
    """The entries ``[n]`` of ``sum_k weights_k z_k z_k'``.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> forms = quadratic_forms.measure(jnp.array([[1.0, 2.0]]))
    >>> entries = quadratic_forms.adjoint(forms, jnp.array([3.0]))
    >>> quadratic_forms.square(entries).round().tolist()  # 3 z z'
    [[3.0, 6.0], [6.0, 12.0]]
    """
    return forms @ weights


def gram(forms: jax.Array, weights: jax.Array) -> jax.Array:
    """``K diag(weights) K'`` ``[n, n]``, in large dimensions from half of the products.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> forms = quadratic_forms.measure(jnp.eye(2))
    >>> quadratic_forms.gram(forms, jnp.array([2.0, 3.0])).tolist()
    [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]
    """
    n = forms.shape[0]
    tables = _tables(_dimension(n))
    if len(tables.place) < _SPLIT:
        return (forms * weights[None]) @ forms.T
    # Rows with two low indices against all entries, and rows with two high ones against the rest;
    # every other entry of the Gram matrix has a fourth moment in common with one of these.
    a, c = tables.low, tables.high
    low = (forms[:a] * weights[None]) @ forms.T
    high = (forms[n - c :] * weights[None]) @ forms[a:].T
    parts = jnp.concatenate([low.reshape(-1), high.reshape(-1)])
    return parts[tables.source] * tables.ratio.astype(forms.dtype)


def kronecker(a: jax.Array, b: jax.Array) -> jax.Array:
    """The map ``X -> (a X b' + b X a') / 2`` for ``a, b [d, d]``, in entries ``[n, n]``.

    >>> from jaxsoco_kernels import quadratic_forms
    >>> scaling = quadratic_forms.kronecker(2 * jnp.eye(2), 3 * jnp.eye(2))  # X -> 6 X
    >>> scaling.round().tolist()
    [[6.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 6.0]]
    """
    d = a.shape[0]
    tables = _tables(d)
    # (a X b')_ij = sum_kl a_ik b_jl X_kl; X is symmetric, so that k and l may be swapped.
    one = a[:, None, :, None] * b[None, :, None, :] + b[:, None, :, None] * a[None, :, None, :]
    both = (one + jnp.swapaxes(one, 2, 3)).reshape(d * d, d * d)
    # An entry above the diagonal stands for two, each with half of its weight.
    weight = (tables.weight / 2).astype(a.dtype)
    places = tables.row * d + tables.column
    return both[places][:, places] * weight[:, None] * weight[None]
