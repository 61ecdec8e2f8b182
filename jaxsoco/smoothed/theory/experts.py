"""Ader: gradient descent with many step sizes at once, under one Hedge that pays for moving.

A comparator that moves much asks for large steps, one that stays for small ones. Expert ``i`` does
gradient steps of size ``eta_i`` with the slope ``g_t`` at the learner's own point, and is charged
for its moves as well; the learner plays their mean ``x_t = sum_i p_t,i x_t,i`` with

    loss_t,i = <g_t, x_t,i> + beta |x_t,i - x_{t-1},i|
    p_t,i    ~ p_i exp(-e_t sum_{s<t} loss_s,i),    p_i ~ 1 / (i (i + 1))

(Zhang, Lu, Zhou, NeurIPS 2018; with movement Zhang et al. 2021 and Zhao, Wang, Zhou, AISTATS 2022,
whose steps and rates ``e_t`` these are). All past losses count with the rate of now, for which the
bound of :func:`~jaxsoco.smoothed.theory.ratios.ader_regret` holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Experts(NamedTuple):
    """Before a round.

    Attributes:
      points: ``x_t,i``, ``[n, d, ...]``.
      moved: ``|x_t,i - x_{t-1},i|``, ``[n, ...]``.
      losses: so far, ``[n, ...]``.
    """

    points: Array
    moved: Array
    losses: Array


def assemble(start: Array, count: int) -> Experts:
    """``count`` experts at the start ``[d, ...]``."""
    points = jnp.broadcast_to(start[None], (count, *start.shape))
    nothing = jnp.zeros((count, *start.shape[1:]), start.dtype)
    return Experts(points, nothing, nothing)


def mean(experts: Experts, rate: Array) -> Array:
    """What the learner plays at the rate ``e_t [...]``: ``[d, ...]``."""
    count = experts.losses.shape[0]
    place = jnp.arange(1, count + 1, dtype=rate.dtype).reshape(-1, *(1,) * rate.ndim)
    logits = -jnp.log(place * (place + 1)) - rate[None] * experts.losses
    weights = jax.nn.softmax(logits, axis=0)
    return jnp.sum(weights[:, None] * experts.points, axis=0)


def learn(
    experts: Experts,
    slope: Array,
    steps: Array,
    movement: Array,
    project: Callable[[Array], Array],
) -> Experts:
    """After a round.

    Args:
      experts: before it.
      slope: ``g_t [d, ...]``, at what the learner played.
      steps: ``eta_i``, ``[n, ...]``.
      movement: ``beta [...]``.
      project: onto the set of decisions, ``[d, ...] -> [d, ...]``.
    """
    hit = jnp.sum(slope[None] * experts.points, axis=1)
    losses = experts.losses + hit + movement[None] * experts.moved
    targets = experts.points - steps[:, None] * slope[None]
    points = jax.vmap(project)(targets)
    gap = points - experts.points
    square = jnp.sum(gap * gap, axis=1)
    # The root has no slope where an expert rests.
    moves = square > 0
    moved = jnp.where(moves, jnp.sqrt(jnp.where(moves, square, 1)), 0)
    return Experts(points, moved, losses)
