"""Follow the minimiser: ``x_t = argmin f_t``.

``max(1, 2 / alpha)``-competitive for ``alpha``-polyhedral costs with norms for movement, and ``1 +
4 / lambda`` for costs that grow by ``lambda / 2 |x - v|^2`` with squared movement (Zhang et al.,
"Revisiting smoothed online learning", NeurIPS 2021).
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import keep, now
from jaxsoco.smoothed.settings_line import FollowParams
from jaxsoco.smoothed.spec import Observation, Spec


def _init(key: jax.Array, params: FollowParams, spec: Spec) -> tuple[()]:
    del key, params, spec
    return ()


def _act(
    key: jax.Array, params: FollowParams, state: tuple[()], obs: Observation
) -> tuple[jax.Array, tuple[()]]:
    del key, params
    game = obs.game
    return game.hitting.minimizer(now(obs), game.lo, game.hi), state


follow_minimizer = Algorithm(_init, _act, keep)
"""Follow the minimiser; parameters :class:`~jaxsoco.smoothed.settings_line.FollowParams`."""
