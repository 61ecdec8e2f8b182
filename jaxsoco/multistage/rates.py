"""Rates that may be left to the theory."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

THEORY = "theory"
"""The value of a rate in experiment files that stands for the theory's."""


def given_or(value: Any) -> jax.Array:
    """A rate as a leaf; NaN for the theory's."""
    return jnp.asarray(math.nan if value == THEORY else value, float)


def pick_rate(value: jax.Array | float, theory: jax.Array | float) -> jax.Array:
    """The rate that was given, or the theory's for NaN."""
    return jnp.where(jnp.isnan(value), theory, value)
