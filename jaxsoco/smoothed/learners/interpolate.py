"""Interpolation: ``x_t = (1 - lam) advice_t + lam robust_t`` with a fixed ``lam``.

Hitting costs and movement are jointly convex, so that it costs at most ``(1 - lam) ADV + lam ROB``,
whatever the advice.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners import _advice
from jaxsoco.smoothed.learners._advice import Advised
from jaxsoco.smoothed.learners._shared import number
from jaxsoco.smoothed.settings_advice import InterpolateParams
from jaxsoco.smoothed.spec import Observation


def _act(
    key: jax.Array, params: InterpolateParams, state: Advised, obs: Observation
) -> tuple[jax.Array, Advised]:
    state = _advice.think(key, params, state, obs)
    share = number(params.trust, obs.game)[None]
    return (1 - share) * state.adviser.position + share * state.robust.position, state


interpolate = Algorithm(_advice.begin, _act, _advice.learn)
"""A fixed mean of advice and a robust learner; parameters
:class:`~jaxsoco.smoothed.settings_advice.InterpolateParams`."""
