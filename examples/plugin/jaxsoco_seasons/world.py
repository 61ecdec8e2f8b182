"""The world of seasonal tracking, in JAX: the package's own, with other steps and a window.

In round ``t`` the minimiser ``v_t`` takes the step ::

    delta_t = (1 + swing sin(2 pi t / period)) xi_t,   xi_t ~ N(0, I),

and learners see it, and ``delta_(t+1) .. delta_(t+window)``, before they act.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.extend import Problem, Window, align, normal
from jaxsoco.tracking import Spec, quadratic_tracking


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SeasonalSpec(Spec):
    """A spec of the tracking family with a season: ``swing`` and ``period``, ``[...]`` each."""

    swing: jax.Array | float = 0.0
    period: jax.Array | float = 24.0


class Round(NamedTuple):
    """Nature's move: the round's number, int32 ``[]``, and the step ``delta [d, ...]``."""

    clock: jax.Array
    increment: jax.Array


class Outlook(NamedTuple):
    """What a learner sees before it acts; the family's learners read ``increment`` alone.

    Attributes:
      increment: the step of the minimiser in this round, ``[d, ...]``.
      coming: its next steps, the nearest first, ``[window, d, ...]``.
    """

    increment: jax.Array
    coming: jax.Array


def _advance(key: jax.Array, spec: SeasonalSpec, world: Any) -> tuple[Any, Round]:
    clock = world.clock + 1
    # In pairs: the same numbers in float32 and float64, far out as well.
    draw = normal(key, (spec.dimension,), spec.basis.dtype, paired=True)
    # What all runs share has no lanes: `align` gives it some of size 1.
    swing, period = (align(x, 0, key.ndim - 1) for x in (spec.swing, spec.period))
    season = 1 + swing * jnp.sin(2 * jnp.pi * clock.astype(draw.dtype) / period)
    return world._replace(clock=clock), Round(clock, season[None] * draw)


def _observe_now(spec: SeasonalSpec, world: Any, now: Round) -> Outlook:
    del spec, world
    return Outlook(now.increment, jnp.zeros((0, *now.increment.shape), now.increment.dtype))


def _observe_window(spec: SeasonalSpec, world: Any, view: Window) -> Outlook:
    del spec, world
    return Outlook(view.now.increment, view.coming.increment)


seasonal_tracking = quadratic_tracking._replace(advance=_advance, observe=_observe_now)
"""Tracking with seasons; ``spec`` is a :class:`SeasonalSpec`."""


def with_window(window: int) -> Problem:
    """Seasonal tracking where learners see ``window`` coming steps; nature's moves are the same."""
    if not window:
        return seasonal_tracking
    return seasonal_tracking._replace(observe=_observe_window, window=window)


def same_for_all(key: jax.Array, spec: SeasonalSpec) -> SeasonalSpec:
    """All runs of a point share its spec; only the walk and the noise differ."""
    del key
    return spec
