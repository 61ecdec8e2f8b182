"""The gradient of a smoothed objective, from values alone: antithetic Gaussian perturbations.

Of an objective ``f`` at ``u``, smoothed by normal steps of size ``sigma`` ::

    grad E f(u + sigma e)  =  E (f(u + sigma e) - f(u - sigma e)) e / (2 sigma),    e ~ N(0, I)

The two runs of a pair have the same keys (common random numbers), different pairs have different
ones, so that the pairs' spread is the whole error. With ``shape="rank"`` all pairs have the same
keys, and values are replaced by their ranks, from -1/2 to 1/2: only their order counts.
"""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from jaxsoco.analysis.statistics import student_quantile
from jaxsoco.tuning.estimators.estimate import Estimate
from jaxsoco.tuning.trials import Trials

Shape = Literal["plain", "rank"]

SMOOTHING = 0.3
"""Standard deviation of a perturbation: of a positive parameter, about a third of itself."""

POPULATION = 16
"""Perturbations of a step: eight pairs."""


def estimate(
    trials: Trials,
    free: jax.Array,
    keys: jax.Array,
    *,
    key: jax.Array,
    population: int = POPULATION,
    smoothing: float = SMOOTHING,
    shape: Shape = "plain",
) -> Estimate:
    """The evolution-strategies estimate of the smoothed objective and its gradient.

    Args:
      trials: the runs.
      free: coordinates ``[P]``.
      keys: JAX keys ``[n]``: an equal part for every pair, or all for every perturbation with
        ranks. A multiple of the pairs.
      key: of the perturbations; consumed.
      population: how many perturbations, even.
      smoothing: their standard deviation.
      shape: values as they are, or their ranks.
    """
    pairs = population // 2
    noise = jax.random.normal(key, (pairs, free.size), free.dtype)
    points = jnp.stack([free[None] + smoothing * noise, free[None] - smoothing * noise])
    values = _values(trials, points, keys, pairs, shape)
    fine = jnp.all(jnp.isfinite(values), axis=0)
    shaped = _ranks(values) if shape == "rank" else values
    # (f(u + sigma e) - f(u - sigma e)) / (2 sigma) e of every pair.
    rise = jnp.where(fine, shaped[0] - shaped[1], 0) / (2 * smoothing)
    parts = rise[:, None] * noise
    count = jnp.maximum(jnp.sum(fine), 1).astype(free.dtype)
    gradient = jnp.sum(parts, axis=0) / count
    apart = jnp.where(fine[:, None], parts - gradient[None], 0)
    error = jnp.sqrt(jnp.sum(apart**2, axis=0) / count / jnp.maximum(count - 1, 1))
    middle, low, high = _objective(values, fine, pairs)
    lost = 1 - jnp.mean(fine.astype(free.dtype))
    return Estimate(middle, low, high, gradient, error, jnp.zeros_like(lost), lost)


def _values(
    trials: Trials, points: jax.Array, keys: jax.Array, pairs: int, shape: Shape
) -> jax.Array:
    """The objective at every perturbation ``[2, pairs, P]``: ``[2, pairs]``."""
    if shape == "rank":
        return jax.vmap(jax.vmap(trials.objective, (0, None)), (0, None))(points, keys)
    return jax.vmap(jax.vmap(trials.objective), (0, None))(points, keys.reshape(pairs, -1))


def _ranks(values: jax.Array) -> jax.Array:
    """Ranks of values ``[2, pairs]``, from -1/2 to 1/2; those that are not finite are the worst."""
    flat = jnp.where(jnp.isfinite(values), values, jnp.inf).ravel()
    ranks = jnp.argsort(jnp.argsort(flat)).astype(values.dtype)
    return (ranks / (flat.size - 1) - 0.5).reshape(values.shape)


def _objective(values: jax.Array, fine: jax.Array, pairs: int) -> tuple[jax.Array, ...]:
    """The smoothed objective with Student's interval over the pairs; NaN if most have failed."""
    middles = jnp.where(fine, (values[0] + values[1]) / 2, 0)
    count = jnp.sum(fine)
    mean = jnp.sum(middles) / jnp.maximum(count, 1)
    spread = jnp.sum(jnp.where(fine, middles - mean, 0) ** 2) / jnp.maximum(count - 1, 1)
    half = student_quantile(0.975, max(pairs - 1, 1)) * jnp.sqrt(spread / jnp.maximum(count, 1))
    mean = jnp.where(2 * count > pairs, mean, jnp.nan)
    half = half if pairs > 1 else jnp.nan
    return mean, mean - half, mean + half
