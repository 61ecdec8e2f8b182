"""The least cost of a window as a function of its first position: where a learner stays.

Receding horizon control: ``D_(t+w) = f'_(t+w)``, ``D_k = f'_k + clip(D_(k+1), -up, down)``, and it
stays in ``[{D_t = -up}, {D_t = down}]``. Lazy capacity provisioning with a window: the zeros of
``clip(s_(t-1)) + f'_t + clip(f'_(t+1) + clip(... f'_(t+w) + e))``, ``e = down`` for the lower bound
and ``e = -up`` for the upper (Lin et al. 2013).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory import work as works
from jaxsoco_kernels import slopes

Array = jax.Array


def stay(game: Any, theta: Any, live: Array, position: Array, past: Any, trips: int) -> Array:
    """The nearest position to ``position`` between a window's bounds, ``[d, ...]``.

    Args:
      game: with lanes.
      theta: of the rounds in sight, leaves ``[w + 1, ...]``.
      live: 0 for rounds in which nothing costs, ``[w + 1, ...]``.
      position: of the round before.
      past: the :class:`~jaxsoco.smoothed.theory.work.Work` before these rounds for lazy capacity
        provisioning; None for receding horizon control; or an empty ``thresholds`` form, by name,
        for that on integers.
      trips: halvings of the bracket (static).
    """
    up, down = (jnp.broadcast_to(x, position.shape) for x in game.prices())
    if past == "thresholds" or (past is not None and past.form == "thresholds"):
        past = None if past == "thresholds" else past
        return _stay_on_integers(game, theta, live, position, past, (up, down))
    lo, hi = bracket(game, theta, position)
    before = None if past is None else partial(works.clipped, past)
    step, _ = slopes.window_step(
        partial(live_slope, game.hitting),
        (theta, live),
        position,
        up,
        down,
        lo,
        hi,
        past=before,
        trips=trips,
    )
    return step


def live_slope(hitting: Any, x: Array, now: tuple[Any, Array]) -> Array:
    """The slope at ``x [d, ...]`` of a round's ``(theta, live)``: 0 where nothing costs."""
    theta, live = now
    return live[None] * hitting.slope(x, theta)


def bracket(game: Any, theta: Any, position: Array) -> tuple[Array, Array]:
    """A box that holds every path that may be best: of the game, or around the minimisers."""
    if game.lo is not None and game.hi is not None:
        return game.lo, game.hi
    best = jax.vmap(lambda one: game.hitting.minimizer(one, game.lo, game.hi))(theta)
    return jnp.minimum(best.min(axis=0), position), jnp.maximum(best.max(axis=0), position)


def _stay_on_integers(
    game: Any, theta: Any, live: Array, position: Array, past: Any, prices: tuple[Array, Array]
) -> Array:
    """The same with one scalar a threshold ``[m, 1, ...]`` instead of a bisection."""
    up, down = prices
    step = jax.vmap(lambda one: works.rises(game.hitting, one, game.levels))(theta)
    step = step * live[:, None, None]

    def behind(end: Array) -> Array:
        first = jnp.broadcast_to(end[None], step.shape[1:])

        def back(value, now):
            return jnp.clip(now + value, -up[None], down[None]), None

        return jax.lax.scan(back, first, step[1:], reverse=True)[0]

    if past is None:
        slope = step[0] + behind(jnp.zeros_like(up))
        low, high = slope < -up[None], slope <= down[None]
    else:
        slope = works.clipped(past, position) + step[0]
        low, high = slope + behind(down) < 0, slope + behind(-up) <= 0
    low, high = (jnp.sum(x, axis=0).astype(position.dtype) for x in (low, high))
    return jnp.clip(position, low, high)
