"""What moving from ``y`` to ``x`` costs.

==============  ====================================================================
kind            cost
==============  ====================================================================
``l1``          ``sum_k up_k (x_k - y_k)^+ + down_k (y_k - x_k)^+``
``up``          ``sum_k up_k (x_k - y_k)^+``
``l2``          ``up |x - y|_2``
``squared``     ``up / 2 |x - y|_2^2``
``mahalanobis`` ``1/2 (x - y)' M (x - y)``
``entropy``     ``up sum_k x_k log(x_k / y_k) - x_k + y_k``, on the simplex
==============  ====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.algebra import length, times
from jaxsoco_kernels.mirror import divergence

Kind = Literal["l1", "up", "l2", "squared", "mahalanobis", "entropy"]
KINDS = get_args(Kind)
LINEAR = ("l1", "up")
"""Kinds whose coordinates are apart, and cost by the step."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Movement:
    """A movement cost.

    Attributes:
      up, down: prices of moving up and down by 1, ``[d or 1, ...]``; of kinds without directions
        both are the factor.
      matrix: ``M [d, d, ...]`` of ``mahalanobis``, else None.
      kind: which (static).
    """

    up: jax.Array
    down: jax.Array
    matrix: jax.Array | None = None
    kind: str = field(default="l1", metadata={"static": True})

    def cost(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """From ``y`` to ``x``, ``[d, ...]`` each: ``[...]``."""
        step = x - y
        if self.kind in LINEAR:
            rise, fall = jnp.maximum(step, 0), jnp.maximum(-step, 0)
            return jnp.sum(self.up * rise + self.down * fall, axis=0)
        if self.kind == "l2":
            return self.up[0] * length(step)
        if self.kind == "squared":
            return self.up[0] / 2 * jnp.sum(step * step, axis=0)
        if self.kind == "mahalanobis":
            assert self.matrix is not None
            return jnp.sum(step * times(self.matrix, step), axis=0) / 2
        return self.up[0] * jnp.sum(divergence(x, y), axis=0)


def make_movement(kind: str, weight: Any, dimension: int) -> Movement:
    """A movement cost from what users write.

    Args:
      kind: one of :data:`KINDS`.
      weight: a number, ``[d]``, a pair ``(up, down)`` of such for ``l1``; of ``mahalanobis`` the
        matrix ``[d, d]``.
      dimension: ``d``.

    Raises:
      ValueError: no such kind, or a weight that does not fit.
    """
    if kind not in KINDS:
        raise ValueError(f"movement: expected one of {', '.join(KINDS)}, got {kind!r}")
    if isinstance(weight, tuple) and kind != "l1":
        raise ValueError(f"weight: expected a number or an array for {kind}, got a pair")
    if kind == "mahalanobis":
        matrix, one = jnp.asarray(weight, float), jnp.ones(1)
        if matrix.shape != (dimension, dimension):
            size = f"[{dimension}, {dimension}]"
            raise ValueError(f"weight: expected a matrix {size}, got {matrix.shape}")
        return Movement(one, one, matrix, kind)
    up, down = weight if isinstance(weight, tuple) else (weight, weight)
    up = _weights(up, dimension, kind)
    down = jnp.zeros_like(up) if kind == "up" else _weights(down, dimension, kind)
    return Movement(up, down, None, kind)


def _weights(weight: Any, dimension: int, kind: str) -> jax.Array:
    weight = jnp.asarray(weight, float)
    weight = weight[None] if weight.ndim == 0 else weight
    sizes = {1, dimension} if kind in LINEAR else {1}
    if weight.ndim != 1 or weight.shape[0] not in sizes:
        form = "a number or [d]" if len(sizes) > 1 else "a number"
        raise ValueError(f"weight: expected {form}, got {weight.shape}")
    return weight
