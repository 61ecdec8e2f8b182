"""Confidence sets of transitions, and what is added to and taken off costs for them (BALDE)."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def log_term(
    states: int, actions: int, slots: int, episodes: jax.Array, delta: jax.Array
) -> jax.Array:
    """``L' = log(2 S A T K / delta)`` of equation (15), ``[...]``.

    >>> from jaxsoco.provisioning import log_term
    >>> round(float(log_term(2, 2, 5, episodes=100, delta=0.05)), 2)
    11.29
    """
    return jnp.log(2 * states * actions * slots * episodes / delta)


def confidence_box(
    counts: jax.Array,
    log_factor: jax.Array,
    *,
    scale: jax.Array | float = 1.0,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Empirical transitions and an empirical Bernstein box around them.

    >>> from jaxsoco.provisioning import confidence_box
    >>> counts = jnp.array([3000.0, 1000.0, 0.0, 0.0]).reshape(1, 2, 1, 2)  # state 1: never met
    >>> empirical, lower, upper, radius = confidence_box(counts, 1.0)
    >>> [round(float(x), 3) for x in radius[0, :, 0, 0]]
    [0.015, 1.0]

    Args:
      counts: how often each transition was met, ``[T, S, A, S, ...]``, or ``[1, S, A, S, ...]`` if
        slots are pooled.
      log_factor: ``L'``, see :func:`log_term`, ``[...]`` or a number.
      scale: multiplies the radius, both terms; 1 is the paper's, ``[...]`` or a number.

    Returns:
      ``(empirical, lower, upper, radius)``, each like ``counts``. A pair that was never met has
      empirical probabilities 0, radius 1 and all distributions in its box.

    Source: arXiv 2601.18936, equations (13) to (15); the radius is capped at 1.
    """
    lanes = counts.ndim - 4
    wide = (None,) * 4
    factor, scale = (
        jnp.broadcast_to(jnp.asarray(x, counts.dtype), counts.shape[4:])[wide]
        if lanes
        else jnp.asarray(x, counts.dtype)
        for x in (log_factor, scale)
    )
    # (13): empirical probabilities.
    visits = jnp.sum(counts, axis=3, keepdims=True)
    at_least_one = jnp.maximum(visits, 1)
    empirical = counts / at_least_one
    # (15): the radius of empirical Bernstein bounds.
    spread = jnp.sqrt(4 * empirical * (1 - empirical) * factor / at_least_one)
    radius = scale * (spread + 14 * factor / 3 / at_least_one)
    radius = jnp.where(visits > 0, jnp.minimum(radius, 1), 1)
    # (14): the box.
    lower, upper = jnp.maximum(empirical - radius, 0), jnp.minimum(empirical + radius, 1)
    return empirical, lower, upper, radius


def uncertainty_bonus(
    radius: jax.Array, slots: int, *, remaining: bool = False, tv_cap: bool = False
) -> jax.Array:
    """How much an expected sum over the episode may differ between members of the box.

    >>> from jaxsoco.provisioning import uncertainty_bonus
    >>> radius = jnp.full((1, 1, 1, 2), 0.25)
    >>> uncertainty_bonus(radius, 4).ravel().tolist()
    [2.0]
    >>> uncertainty_bonus(radius, 4, remaining=True).ravel().tolist()
    [1.5, 1.0, 0.5, 0.0]

    Args:
      radius: ``[T, S, A, S, ...]`` or ``[1, S, A, S, ...]``.
      slots: ``T``.
      remaining: count the slots that are left (``T - 1 - t`` from ``t = 0`` on), not all ``T``.
      tv_cap: cap the summed radius at 1: distributions do not differ by more in total variation.

    Returns:
      ``u``, ``[T, S, A, ...]``, or ``[1, S, A, ...]`` if the same in all slots. Equation (16); the
      two options are valid tightenings (the transitions' effect on a centred value function).
    """
    total = jnp.sum(radius, axis=3)
    if tv_cap:
        total = jnp.minimum(total, 1)
    if not remaining:
        return slots * total
    # T - 1 - t slots follow slot t.
    left = jnp.arange(slots - 1, -1, -1, dtype=radius.dtype)
    return left.reshape(-1, *(1,) * (total.ndim - 1)) * total


def upper_mean(
    total: jax.Array, count: jax.Array, log_factor: jax.Array, *, scale: jax.Array | float = 1.0
) -> tuple[jax.Array, jax.Array]:
    """Means of observed numbers in [0, 1], raised by a width, at most 1; and the width.

    ``width = min(1, scale sqrt(2 L / n))``, Hoeffding's with a union bound in ``L``, and 1 where
    nothing was observed.

    Args:
      total: sum of what was observed, ``[T or 1, S, A, ...]``.
      count: how often, ``n``, likewise.
      log_factor: ``L``, ``[...]``.
      scale: multiplies the width, ``[...]`` or a number.

    Returns:
      ``(upper, width)``, each like ``total``.
    """
    mean, width = _mean(total, count, log_factor, scale)
    return jnp.minimum(mean + width, 1), width


def lower_mean(
    total: jax.Array, count: jax.Array, log_factor: jax.Array, *, scale: jax.Array | float = 1.0
) -> jax.Array:
    """Means of observed numbers in [0, 1], lowered by the width of :func:`upper_mean`, at least 0.

    Arguments are those of :func:`upper_mean`; the result is like ``total``, 0 where nothing was
    observed.
    """
    mean, width = _mean(total, count, log_factor, scale)
    return jnp.maximum(mean - width, 0)


def _mean(total, count, log_factor, scale) -> tuple[jax.Array, jax.Array]:
    """Means, within [0, 1], and their widths."""
    at_least_one = jnp.maximum(count, 1)
    width = (scale * jnp.sqrt(2 * log_factor))[None, None, None] / jnp.sqrt(at_least_one)
    width = jnp.where(count > 0, jnp.minimum(width, 1), 1)
    # Noise may carry the mean out of [0, 1], where the true one lies.
    return jnp.clip(total / at_least_one, 0, 1), width
