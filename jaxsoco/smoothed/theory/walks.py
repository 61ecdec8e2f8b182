"""What a problem with a walking target is drawn from: its numbers, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax

from jaxsoco.smoothed.spec import Forecast, Game, Spec
from jaxsoco.smoothed.theory.sources import Walk

Array = jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class WalkSettings:
    """The settings of a walk, of which every run has the same.

    Attributes:
      game: what everybody knows.
      step: standard deviation of a coordinate's step ``[...]``.
      persistence: 1 for a random walk, 0 for independent targets ``[...]``.
      curvature: of quadratic costs ``[d, ...]``, or the weight of a norm ``[1, ...]``.
      forecast: how predictions err, or None.
      cost: ``quadratic``, ``absolute`` or ``norm`` (static).
    """

    game: Game
    step: Array
    persistence: Array
    curvature: Array
    forecast: Forecast | None = None
    cost: str = field(default="quadratic", metadata={"static": True})


def draw_walk(key: Array, settings: WalkSettings) -> Spec:
    """One run's problem; nothing is drawn before the rounds."""
    del key
    source = Walk(settings.step, settings.persistence, settings.curvature, settings.cost)
    return Spec(settings.game, source, settings.forecast)
