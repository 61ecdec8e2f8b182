"""Averaging fixed horizon control: ``w + 1`` planners that plan ``w + 1`` rounds and keep them all.

Planner ``k`` plans at rounds ``= k mod (w + 1)``, from its own last decision, and their mean is
played. With ``f_t(x) >= e0 x`` and ups that cost ``beta_k``, ``1 + max_k beta_k / ((w + 1)
e0_k)``-competitive in any dimension.

Lin, Liu, Wierman, Andrew, "Online algorithms for geographical load balancing", IGCC 2012.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._copies import Copies, begin, play
from jaxsoco.smoothed.learners._shared import game_of, keep
from jaxsoco.smoothed.settings_window import AFHCParams
from jaxsoco.smoothed.spec import Observation, Spec


def _init(key: jax.Array, params: AFHCParams, spec: Spec) -> Copies:
    return begin(game_of(key, spec), params.window + 1, params.window)


def _act(
    key: jax.Array, params: AFHCParams, state: Copies, obs: Observation
) -> tuple[jax.Array, Copies]:
    del key
    return play(state, obs, params.window)


afhc = Algorithm(_init, _act, keep)
"""Averaging fixed horizon control; parameters
:class:`~jaxsoco.smoothed.settings_window.AFHCParams`."""
