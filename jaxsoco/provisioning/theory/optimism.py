"""Models and bonuses of the rivals: one empirical model, and how far values in it may be off.

With ``n`` visits of a pair and ``L' = log(2 S A T K / delta)``, every empirical probability is
within ``r = sqrt(L' / n)`` of the true one (Hoeffding's bound for all ``S^2 A T K`` of them), so
that values of at most ``T`` differ by at most ``u = T S r`` a slot::

    p(s'|s,a) = n(s,a,s') / n(s,a),   r(s,a) = conf_scale sqrt(L' / n(s,a)),   u = T S r

A pair that was never met has uniform probabilities and ``r = 1``, which no radius exceeds.

Source: Liu, Zhou, Kalathil, Kumar, Tian, NeurIPS 2021, "Learning policies with zero or bounded
constraint violation for constrained MDPs", for known costs.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.provisioning.settings_learners import Confidence
from jaxsoco.provisioning.theory.balde import Known, constants
from jaxsoco.provisioning.theory.confidence import log_term


class Model(NamedTuple):
    """What a learner plans with.

    Attributes:
      transition: empirical probabilities, ``[T or 1, S, A, S, ...]``.
      bonus: by how much a slot's value may be off, ``u``, ``[T or 1, S, A, ...]``.
      loss: told losses, ``[T, S, A, ...]``.
      consumption: told consumption, likewise.
    """

    transition: jax.Array
    bonus: jax.Array
    loss: jax.Array
    consumption: jax.Array


def empirical_model(params: Confidence, known: Known, counts: jax.Array, slots: int) -> Model:
    """The model of counts ``[T or 1, S, A, S, ...]`` and its bonus."""
    s, a = counts.shape[1:3]
    episodes, delta, scale = constants(params, known)
    visits = jnp.sum(counts, axis=3)
    at_least_one = jnp.maximum(visits, 1)
    met = (visits > 0)[:, :, :, None]
    transition = jnp.where(met, counts / at_least_one[:, :, :, None], 1 / s)
    factor = scale**2 * log_term(s, a, slots, episodes, delta)
    radius = jnp.minimum(jnp.sqrt(factor[None, None, None] / at_least_one), 1)
    radius = jnp.where(visits > 0, radius, 1)
    loss, consumption = (
        jnp.broadcast_to(x, (slots, *x.shape[1:])) for x in (known.loss, known.consumption)
    )
    return Model(transition, slots * s * radius, loss, consumption)
