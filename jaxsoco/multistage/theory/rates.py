"""Rates that theorems on EXP3's relatives ask for; numbers may be traced, and keep their dtype."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp


def exp3_rate(arms: int, horizon: Any) -> jax.Array:
    """``sqrt(2 log K / (K T))``; one arm counts as two."""
    arms = max(arms, 2)
    return jnp.sqrt(2 * math.log(arms) / (float(arms) * horizon))


def exp3_p_rates(arms: int, horizon: Any, delta: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """``(eta, gamma, beta)`` of EXP3.P (Bubeck and Cesa-Bianchi, 2012, theorem 3.3).

    ``eta = 0.95 sqrt(log K / (K T))``, ``gamma = min(1, 1.05 sqrt(K log K / T))`` and
    ``beta = sqrt(log(K / delta) / (K T))``; one arm counts as two.
    """
    arms = max(arms, 2)
    jobs = float(arms) * horizon
    eta = 0.95 * jnp.sqrt(math.log(arms) / jobs)
    gamma = jnp.minimum(1, 1.05 * arms * jnp.sqrt(math.log(arms) / jobs))
    return eta, gamma, jnp.sqrt(jnp.log(arms / delta) / jobs)


def exp3_s_rates(arms: int, horizon: Any, segments: Any) -> tuple[jax.Array, jax.Array]:
    """``(gamma, alpha)`` of EXP3.S (Auer et al., 2002, corollary 8.2) for ``S`` segments.

    ``gamma = min(1, sqrt(K (S log(K T) + e) / ((e - 1) T)))`` and ``alpha = 1 / T``; one arm counts
    as two.
    """
    arms = max(arms, 2)
    hard = arms * (segments * jnp.log(float(arms) * horizon) + math.e) / ((math.e - 1) * horizon)
    return jnp.minimum(1, jnp.sqrt(hard)), 1 / horizon


def experts_rate(experts: int, arms: int, horizon: Any) -> jax.Array:
    """``sqrt(2 log E / (N T))`` of EXP4 with ``E`` experts on ``N`` arms (E at least 2)."""
    return jnp.sqrt(2 * math.log(max(experts, 2)) / (float(arms) * horizon))
