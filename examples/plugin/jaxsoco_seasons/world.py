"""The world of seasonal tracking, in JAX: the package's own, with other steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.extend import align
from jaxsoco.tracking import Spec, quadratic_tracking


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SeasonalSpec(Spec):
    """A spec of the tracking family with a season: ``swing`` and ``period``, ``[...]`` each."""

    swing: jax.Array | float = 0.0
    period: jax.Array | float = 24.0


def _advance(key: jax.Array, spec: SeasonalSpec, world: Any) -> tuple[Any, Any]:
    world, now = quadratic_tracking.advance(key, spec, world)
    # What all runs share has no lanes: `align` gives it some of size 1.
    swing, period = (align(x, 0, key.ndim - 1) for x in (spec.swing, spec.period))
    angle = 2 * jnp.pi * now.clock.astype(now.increment.dtype) / period
    season = 1 + swing * jnp.sin(angle)
    return world, now._replace(increment=season[None] * now.increment)


seasonal_tracking = quadratic_tracking._replace(advance=_advance)
"""Tracking with seasons; ``spec`` is a :class:`SeasonalSpec`."""


def same_for_all(key: jax.Array, spec: SeasonalSpec) -> SeasonalSpec:
    """All runs of a point share its spec; only the walk and the noise differ."""
    del key
    return spec
