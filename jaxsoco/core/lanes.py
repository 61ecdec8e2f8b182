"""Helpers for arrays with trailing lane axes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def align(x: Any, structure: int, lanes: int) -> jax.Array:
    """Gives an array with ``structure`` leading axes exactly ``lanes`` trailing ones.

    An array without lanes (shared by all runs) gets lanes of size 1, so that it broadcasts.
    """
    x = jnp.asarray(x)
    missing = structure + lanes - x.ndim
    if missing and x.ndim != structure:
        raise ValueError(f"want {structure} axes and {lanes} lanes or none, got {x.shape}")
    return x.reshape(x.shape + (1,) * missing) if missing else x


def lift(tree: Any) -> Any:
    """Puts a structural axis of size 1 before the lanes of every leaf: ``[...] -> [1, ...]``."""
    return jax.tree.map(lambda x: jnp.asarray(x)[None], tree)


def spread(tree: Any, like: jax.Array) -> Any:
    """Broadcasts every leaf, a scalar or ``[...]``, to the shape and dtype of ``like [...]``."""
    return jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x, like.dtype), like.shape), tree)


def where(flag: jax.Array, yes: Any, no: Any) -> Any:
    """Picks whole trees per lane: ``flag [...]``, leaves ``[..., lanes]`` of any structure."""

    def pick(a, b):
        return jnp.where(flag.reshape((1,) * (jnp.ndim(a) - flag.ndim) + flag.shape), a, b)

    return jax.tree.map(pick, yes, no)


def take(table: jax.Array, index: jax.Array, axis: int = 0) -> jax.Array:
    """Picks ``table[index]`` along ``axis`` per lane.

    A comparison with every place: on short axes faster than a gather, and differentiable.

    Args:
      table: ``[..., k, ..., lanes]``; its trailing axes are the lanes of ``index``, or of size 1.
      index: integer ``[lanes]`` within the axis.
      axis: the axis to pick from, not negative.

    Returns:
      The table without the axis.
    """
    structure = table.ndim - index.ndim
    places = jnp.arange(table.shape[axis]).reshape(
        tuple(-1 if i == axis else 1 for i in range(structure)) + (1,) * index.ndim
    )
    hit = places == index.reshape((1,) * structure + index.shape)
    return jnp.sum(jnp.where(hit, table, 0), axis=axis, dtype=table.dtype)


def runtime_ones(key: jax.Array, count: int, dtype=None) -> jax.Array:
    """Ones, ``[count, ...]`` for ``key [2, ...]``, that the compiler does not know; for `hold`."""
    one = ((key[0] | jnp.uint32(1)) & jnp.uint32(1)).astype(float if dtype is None else dtype)
    return jnp.broadcast_to(one[None], (count, *one.shape))


def hold(x: jax.Array, ones: jax.Array) -> jax.Array:
    """The float array ``x`` itself, computed once however many others use it.

    On the CPU, XLA's fusion computes a cheap array anew inside everything that uses it, which
    can multiply the work of a round by ten. It never does so with a division, hence this one by
    ones that are known at run time only.

    Args:
      x: ``[...]``, or ``[k, ...]``.
      ones: of :func:`runtime_ones`, ``[n, ...]`` with ``n >= k``. Of the full shape, because a
        division by what is broadcast becomes a multiplication by its inverse.
    """
    return x / (ones[0] if x.ndim < ones.ndim else ones[: x.shape[0]])
