"""Helpers for arrays with trailing lane axes: structural axes first, lanes last."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def align(x: Any, structure: int, lanes: int) -> jax.Array:
    """Gives an array with ``structure`` leading axes exactly ``lanes`` trailing ones.

    An array without lanes (shared by all runs) gets lanes of size 1, so that it broadcasts.

    >>> from jaxsoco_kernels.lanes import align
    >>> align(jnp.ones(3), structure=1, lanes=2).shape
    (3, 1, 1)

    Raises:
      ValueError: the array has some of the lanes, but not all.
    """
    x = jnp.asarray(x)
    missing = structure + lanes - x.ndim
    if missing and x.ndim != structure:
        raise ValueError(f"want {structure} axes and {lanes} lanes or none, got {x.shape}")
    return x.reshape(x.shape + (1,) * missing) if missing else x


def lift(tree: Any) -> Any:
    """Puts a structural axis of size 1 before the lanes of every leaf: ``[...] -> [1, ...]``.

    >>> from jaxsoco_kernels.lanes import lift
    >>> lift(jnp.ones(4)).shape
    (1, 4)
    """
    return jax.tree.map(lambda x: jnp.asarray(x)[None], tree)


def spread(tree: Any, like: jax.Array) -> Any:
    """Broadcasts every leaf, a scalar or ``[...]``, to the shape and dtype of ``like [...]``.

    >>> from jaxsoco_kernels.lanes import spread
    >>> spread({"rate": 0.5}, jnp.zeros(3))["rate"].tolist()
    [0.5, 0.5, 0.5]
    """
    return jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x, like.dtype), like.shape), tree)


def where(flag: jax.Array, yes: Any, no: Any) -> Any:
    """Picks whole trees per lane: ``flag [...]``, leaves ``[..., lanes]`` of any structure.

    >>> from jaxsoco_kernels.lanes import where
    >>> old, new = {"plan": jnp.zeros((3, 2))}, {"plan": jnp.ones((3, 2))}
    >>> where(jnp.array([True, False]), new, old)["plan"][0].tolist()
    [1.0, 0.0]
    """

    def pick(a, b):
        return jnp.where(flag.reshape((1,) * (jnp.ndim(a) - flag.ndim) + flag.shape), a, b)

    return jax.tree.map(pick, yes, no)


def one_hot(index: jax.Array, size: int, axis: int = 0, dtype: Any = bool) -> jax.Array:
    """1 at ``index`` and 0 elsewhere along a new axis; all 0 for an index outside ``0..size-1``.

    >>> from jaxsoco_kernels.lanes import one_hot
    >>> one_hot(jnp.array([0, 2]), 3, dtype=int).tolist()
    [[1, 0], [0, 0], [0, 1]]

    Args:
      index: integers ``[..., lanes]``.
      size: length of the new axis, static.
      axis: where the new axis stands, from 0 to ``index.ndim``.
      dtype: of the result.

    Returns:
      ``[size, ...]`` for ``axis = 0``, ``[T, size, ...]`` for ``index [T, ...]`` and ``axis = 1``.
    """
    places = jnp.arange(size).reshape((1,) * axis + (size,) + (1,) * (index.ndim - axis))
    return (places == jnp.expand_dims(index, axis)).astype(dtype)


def take(table: jax.Array, index: jax.Array, axis: int = 0) -> jax.Array:
    """Picks ``table[index]`` along ``axis`` per lane.

    A comparison with every place: on short axes faster than a gather, and differentiable.

    >>> from jaxsoco_kernels.lanes import take
    >>> take(jnp.array([[1, 2], [3, 4], [5, 6]]), jnp.array([2, 0])).tolist()
    [5, 2]

    Args:
      table: ``[..., k, ..., lanes]``; its trailing axes are the lanes of ``index``, or of size 1.
      index: integer ``[lanes]`` within the axis.
      axis: the axis to pick from, not negative.

    Returns:
      The table without the axis.
    """
    others = table.ndim - index.ndim - 1
    hit = one_hot(index.reshape((1,) * others + index.shape), table.shape[axis], axis)
    return jnp.sum(jnp.where(hit, table, 0), axis=axis, dtype=table.dtype)
