"""What an estimator returns, and how runs' gradients become one."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.tuning.objective import Reduction


class Estimate(NamedTuple):
    """An objective at a point, and its gradient in the free coordinates.

    Attributes:
      value: of the objective, ``[]``; NaN where it is not finite.
      low: lower end of its 95 % interval, ``[]``; NaN for none.
      high: upper end.
      gradient: ``[P]``.
      error: its standard error, ``[P]``.
      clipped: share of runs (of pairs) whose gradient was shortened.
      nonfinite: share of runs (of pairs) that have no finite gradient, and were left out.
    """

    value: jax.Array
    low: jax.Array
    high: jax.Array
    gradient: jax.Array
    error: jax.Array
    clipped: jax.Array
    nonfinite: jax.Array


def of_runs(
    values: jax.Array, slopes: jax.Array, reduction: Reduction, clip: float | None
) -> Estimate:
    """The estimate that runs' values ``[n]`` and gradients ``[P, n]`` add up to.

    Args:
      values: of the runs.
      slopes: their gradients.
      reduction: the statistic that the objective is.
      clip: gradients longer than so many times their median length (of those that are not 0) are
        shortened to it: a few wild ones do not drown all others. None for never.
    """
    count = values.shape[-1]
    fine = jnp.all(jnp.isfinite(slopes), axis=0)
    slopes = jnp.where(fine[None], slopes, 0)
    slopes, clipped = _shorten(slopes, clip)
    # d objective / d value of a run, raised where others are left out.
    weight = reduction.by_run(values) * fine
    weight = weight / jnp.where(jnp.sum(weight) > 0, jnp.sum(weight), 1)
    gradient = slopes @ weight
    # Var(sum_i w_i g_i) with n / (n - 1) for the mean that was estimated.
    apart = jnp.where(fine[None], slopes - gradient[:, None], 0)
    error = jnp.sqrt((apart**2 @ weight**2) * count / max(count - 1, 1))
    gradient = jnp.where(jnp.any(fine), gradient, jnp.nan)
    low, high = reduction.interval(values)
    return Estimate(
        reduction.reduce(values),
        low,
        high,
        gradient,
        error,
        jnp.mean(clipped.astype(values.dtype)),
        1 - jnp.mean(fine.astype(values.dtype)),
    )


def _shorten(slopes: jax.Array, clip: float | None) -> tuple[jax.Array, jax.Array]:
    """Gradients ``[P, n]`` no longer than the bound, and which of them were, bool ``[n]``."""
    if clip is None or not math.isfinite(clip):
        return slopes, jnp.zeros(slopes.shape[-1], bool)
    # Lengths by the largest component first: squares of float32 overflow at 1e19.
    largest = jnp.max(jnp.abs(slopes), axis=0)
    scaled = slopes / jnp.where(largest > 0, largest, 1)[None]
    length = largest * jnp.sqrt(jnp.sum(scaled**2, axis=0))
    median = jnp.nanmedian(jnp.where(length > 0, length, jnp.nan))
    bound = jnp.where(jnp.isfinite(median), clip * median, jnp.inf)
    long = length > bound
    factor = jnp.where(long, bound / jnp.where(long, length, 1), 1)
    return slopes * factor[None], long
