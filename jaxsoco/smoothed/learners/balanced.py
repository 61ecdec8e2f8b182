"""Balanced: ``x_t = argmin f_t(x) + gamma kappa / 2 |x - x_(t-1)|^2``.

By default ``gamma = sqrt(g) / (1 + sqrt(g))``.

For convex costs that grow, ``f(x) >= f(v) + g kappa / 2 |x - v|^2``, its ratio is ``1 + 2 /
sqrt(g)`` with squared movement of weight ``kappa``; for strongly convex ones it is R-OBD with
``lambda2 = 0``, and the ratio ``1 + 1 / sqrt(g)``.

Zhang, Jiang, Lu, Yang, "Revisiting smoothed online learning", NeurIPS 2021, section 3.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._descent import Seen, nothing_seen, scale, seen
from jaxsoco.smoothed.learners._shared import keep, now, number
from jaxsoco.smoothed.settings_space import BalancedParams
from jaxsoco.smoothed.spec import Observation
from jaxsoco.smoothed.theory.descent import near
from jaxsoco.smoothed.theory.ratios import balanced_weight


def _act(
    key: jax.Array, params: BalancedParams, state: Seen, obs: Observation
) -> tuple[jax.Array, Seen]:
    del key
    game, kappa = obs.game, scale(obs.game)
    if params.gamma is None:
        state = seen(params, state, obs)
        gamma = balanced_weight(state.convexity / kappa)
    else:
        gamma = number(params.gamma, game)
    return near(game, now(obs), obs.position, 1 / (gamma * kappa)), state


balanced = Algorithm(nothing_seen, _act, keep)
"""The balanced learner; parameters :class:`~jaxsoco.smoothed.settings_space.BalancedParams`."""
