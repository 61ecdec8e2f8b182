"""Helpers for arrays with trailing lane axes. Most are the kernels' own; two are for rollouts."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels.lanes import align, lift, one_hot, spread, take, where

__all__ = ["align", "hold", "lift", "one_hot", "runtime_ones", "spread", "take", "where"]


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
