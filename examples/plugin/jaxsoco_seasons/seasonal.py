"""Seasonal tracking as an entry: its settings are checked, and make a world and a spec.

Observations (with the coming steps beside them), feedback and ledger are those of
``tracking/quadratic_tracking``, whose learners play here as well. The world is in
:mod:`jaxsoco_seasons.world`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxsoco.extend import InputError, Issue, Prepared
from jaxsoco_seasons import SeasonalTracking

if TYPE_CHECKING:
    from jaxsoco.extend import Instance


def prepare(settings: SeasonalTracking, folder: Path) -> Prepared:
    """Checks the settings against each other; it is called without JAX, before anything runs.

    Raises:
      InputError: with everything that is wrong.
    """
    del folder  # where relative paths start; there are no files here
    low, high = settings.smallest_eigenvalue, settings.largest_eigenvalue
    if low > high:
        message = f"{low:g} is above largest_eigenvalue = {high:g}"
        raise InputError(Issue("problem.smallest_eigenvalue", message))
    # Points of a sweep share a compilation where the group is equal: sizes, never numbers.
    return Prepared(settings, group=(settings.dimension, settings.window))


def build(prepared: Prepared) -> Instance:
    """The problem of one point; here JAX begins."""
    import jax.numpy as jnp

    from jaxsoco.extend import Instance
    from jaxsoco_seasons.world import SeasonalSpec, same_for_all, with_window

    settings: SeasonalTracking = prepared.content
    low, high = settings.smallest_eigenvalue, settings.largest_eigenvalue
    place = jnp.linspace(0, 1, settings.dimension, dtype=float)
    spec = SeasonalSpec(
        basis=jnp.eye(settings.dimension, dtype=float),
        eigenvalues=jnp.asarray(low * (high / low) ** place, float),
        noise_cap=jnp.asarray(settings.noise_cap, float),
        floor=jnp.asarray(low, float),
        scale=jnp.asarray(1.0, float),
        correlation=jnp.asarray(0.0, float),
        rank=settings.dimension,
        horizon=settings.horizon,
        swing=jnp.asarray(settings.swing, float),
        period=jnp.asarray(settings.period, float),
    )
    return Instance(with_window(settings.window), same_for_all, spec, settings.horizon)
