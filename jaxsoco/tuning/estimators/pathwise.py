"""The gradient through the runs themselves: the mean of every run's own.

Forward mode takes a pass for each parameter, reverse mode one for all; both give every run's
gradient, so that those of heavy tails can be shortened.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.tuning.estimators.estimate import Estimate, of_runs
from jaxsoco.tuning.trials import Trials

MOST_FORWARD = 4
"""Most parameters that are differentiated forward by default."""

CLIP = 10.0
"""Longest gradient of a run, as a multiple of the median length."""


def estimate(
    trials: Trials,
    free: jax.Array,
    keys: jax.Array,
    *,
    forward: bool = True,
    clip: float | None = CLIP,
) -> Estimate:
    """The pathwise estimate.

    Args:
      trials: the runs, differentiable in all coordinates.
      free: coordinates ``[P]``.
      keys: JAX keys ``[n]``.
      forward: forward mode, or reverse mode.
      clip: of :func:`~jaxsoco.tuning.estimators.estimate.of_runs`.
    """
    if not trials.by_run:
        return _of_all(trials, free, keys, forward)
    values, slopes = slopes_of(trials, free, keys, forward)
    return of_runs(values, slopes, trials.criterion.reduction, clip)


def slopes_of(
    trials: Trials, free: jax.Array, keys: jax.Array, forward: bool
) -> tuple[jax.Array, jax.Array]:
    """Every run's value ``[n]`` and gradient ``[P, n]``."""
    if forward:
        return _push(lambda point: trials.shared(point, keys), free)
    # Every run gets coordinates of its own: the gradient of the sum in them is that of each run.
    points = jnp.broadcast_to(free[:, None], (free.size, keys.size))

    def total(points: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = trials.each(points, keys)
        return jnp.sum(values), values

    slopes, values = jax.grad(total, has_aux=True)(points)
    return values, slopes


def _push(function, free: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Values and their derivatives in every coordinate, ``[P, ...]``, forward."""

    def along(tangent: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.jvp(function, (free,), (tangent,))

    # The values do not depend on the direction, and are computed once.
    basis = jnp.eye(free.size, dtype=free.dtype)
    return jax.vmap(along, out_axes=(None, 0))(basis)


def _of_all(trials: Trials, free: jax.Array, keys: jax.Array, forward: bool) -> Estimate:
    """Of an objective of all runs at once, which no run has a part in."""

    def value(point: jax.Array) -> jax.Array:
        return jnp.mean(trials.shared(point, keys))

    if forward:
        objective, gradient = _push(value, free)
    else:
        objective, gradient = jax.value_and_grad(value)(free)
    nothing = jnp.full((), jnp.nan, objective.dtype)
    zero = jnp.zeros((), objective.dtype)
    error = jnp.full_like(gradient, jnp.nan)
    return Estimate(objective, nothing, nothing, gradient, error, zero, zero)
