"""What one node keeps and plays: rows ``[K, ...]``, one node of each lane.

What several steps use goes through :func:`jaxsoco.core.lanes.hold`, so that it is computed once.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import hold, one_hot
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.levels import look_up, pick, spread_mask
from jaxsoco.multistage.theory.tree import Level
from jaxsoco_kernels.mirror import add_compensated, largest, shift_compensated


def chosen_loss(visit: Visit, loss: jax.Array, width: int) -> jax.Array:
    """``loss [...]`` for the child that was chosen and 0 for the others, ``[K, ...]``."""
    return jnp.where(one_hot(visit.child, width), loss[None], 0)


def lower_logits(
    high: jax.Array, low: jax.Array, losses: jax.Array, ones: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Logits ``high + low`` less ``losses``, shifted so that the largest is 0; -inf stays."""
    high, low = add_compensated(high, low, -losses)
    # The largest logit becomes 0: in float32 a large common part would eat the steps.
    high, low = shift_compensated(high, low, hold(largest(high), ones))
    return hold(high, ones), hold(low, ones)


def softmax(high: jax.Array, low: jax.Array) -> jax.Array:
    """Probabilities of logits whose largest is 0."""
    # The largest logit is 0, so that no exponential overflows.
    weights = jnp.exp(high + low)
    total = weights[0]
    for weight in weights[1:]:
        total = total + weight
    return weights / total[None]


def child_mask(level: Level, place: jax.Array) -> jax.Array:
    """Which children a node has, bool ``[K, ...]``."""
    if level.mask.all():
        return jnp.ones((level.mask.shape[1], *place.shape), bool)
    return pick(spread_mask(level.mask, place.ndim), place)


def mix_row(level: Level, place: jax.Array, row: jax.Array, epsilon: jax.Array) -> jax.Array:
    """``epsilon / K_i + (1 - epsilon) row``, 0 for absent children."""
    degree = look_up(level.degree, place).astype(row.dtype)
    share = jnp.where(row >= 0, (epsilon / degree)[None], 0)
    if not level.mask.all():
        share = jnp.where(child_mask(level, place), share, 0)
    return share + (1 - epsilon)[None] * row
