"""Greedy online balanced descent: a balanced step, then a part of the way to the minimiser.

``z`` is the point of the proximal path with ``kappa / 2 |z - x_(t-1)|^2 = gamma f_t(z)``, and ``x_t
= z + mu sqrt(m) (v_t - z)``, or ``v_t`` if ``mu sqrt(m) >= 1``; ``m`` is the convexity of ``f_t /
kappa``. Its ratio is ``O(1 / sqrt(m))`` for squared movement.

Goel, Lin, Sun, Wierman, "Beyond online balanced descent", NeurIPS 2019, algorithm 1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._descent import Seen, nothing_seen, scale, seen
from jaxsoco.smoothed.learners._shared import keep, now, number
from jaxsoco.smoothed.settings_space import GOBDParams
from jaxsoco.smoothed.spec import Observation
from jaxsoco.smoothed.theory.descent import squared_balance


def _act(
    key: jax.Array, params: GOBDParams, state: Seen, obs: Observation
) -> tuple[jax.Array, Seen]:
    del key
    game, theta = obs.game, now(obs)
    state = seen(params, state, obs)
    gamma, mu, kappa = number(params.gamma, game), number(params.mu, game), scale(game)
    balanced = squared_balance(game, theta, obs.position, gamma / kappa)
    end = game.hitting.minimizer(theta, game.lo, game.hi)
    share = jnp.minimum(mu * jnp.sqrt(state.convexity / kappa), 1)
    return balanced + share[None] * (end - balanced), state


gobd = Algorithm(nothing_seen, _act, keep)
"""Greedy online balanced descent; parameters
:class:`~jaxsoco.smoothed.settings_space.GOBDParams`."""
