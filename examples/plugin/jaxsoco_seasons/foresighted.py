"""Foresighted steps: part of the way to the mean of where the minimiser is going to be.

For a hitting cost ``a/2 |x_t - v_t|^2`` and ``lambda`` on moving, a plan is optimal if ::

    a (x_t - v_t) + lambda (2 x_t - x_(t-1) - x_(t+1)) = 0   in every round.

With ``r`` the root below 1 of ``r + 1/r = 2 + a / lambda`` its first step goes the share ``1 - r``
of the way to a mean of the minimiser's coming places, with geometric weights::

    x_t = r x_(t-1) + (1 - r) sum_(k>=0) (1 - r) r^k v_(t+k)

In deviations ``y = x - v``, with ``w_t = y_(t-1) - delta_t`` and ``v_(t+k) - v_t`` the sum of the
steps between, this is a sum over the steps themselves. Those beyond the window have mean 0::

    y_t = r w_t + (1 - r) sum_(j=1..window) r^j delta_(t+j)

The curvature ``a`` is that of :mod:`jaxsoco_seasons.balanced`, learned from the feedback.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.extend import Algorithm
from jaxsoco_seasons import ForesightedParams
from jaxsoco_seasons.balanced import State, curvature, learn, start
from jaxsoco_seasons.world import Outlook

SMALLEST = 1e-6
"""Of the ratio ``a / lambda``: the slope of its root is infinite at 0."""


def _root(ratio: jax.Array) -> jax.Array:
    """``r < 1`` with ``r + 1/r = 2 + ratio``, in a form in which nothing cancels."""
    half = jnp.maximum(ratio, SMALLEST) / 2
    return 1 / (1 + half + jnp.sqrt(half * (2 + half)))


def _act(
    key: jax.Array, params: ForesightedParams, state: State, obs: Outlook
) -> tuple[jax.Array, State]:
    del key
    stay = state.deviation - obs.increment
    keep = _root(curvature(params, state) / params.weight)
    # Horner's rule: r (delta_(t+1) + r (delta_(t+2) + ...)), from the last step to the nearest.
    ahead = jnp.zeros_like(stay)
    for step in reversed(range(obs.coming.shape[0])):
        ahead = keep[None] * (obs.coming[step] + ahead)
    deviation = keep[None] * stay + (1 - keep)[None] * ahead
    return deviation, state._replace(deviation=deviation)


foresighted_step = Algorithm(start, _act, learn)
"""The learner; parameters :class:`~jaxsoco_seasons.ForesightedParams`."""
