"""Committed horizon control: ``v`` planners, each keeping ``v`` rounds of a plan of ``w + 1``.

They plan in turn, one in every round, each from its own last decision, and their mean is played.
The more rounds are kept, the less a plan is swayed by forecasts that are about to change: ``v = 1``
is receding horizon control, ``v = w + 1`` averaging fixed horizon control.

Chen, Comden, Liu, Gandhi, Wierman, "Using predictions in online optimization: looking forward with
an eye on the past", SIGMETRICS 2016, algorithm 1.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._copies import Copies, begin, play
from jaxsoco.smoothed.learners._shared import game_of, keep
from jaxsoco.smoothed.settings_window import CHCParams
from jaxsoco.smoothed.spec import Observation, Spec


def _init(key: jax.Array, params: CHCParams, spec: Spec) -> Copies:
    return begin(game_of(key, spec), params.commit, params.window)


def _act(
    key: jax.Array, params: CHCParams, state: Copies, obs: Observation
) -> tuple[jax.Array, Copies]:
    del key
    return play(state, obs, params.window)


chc = Algorithm(_init, _act, keep)
"""Committed horizon control; parameters :class:`~jaxsoco.smoothed.settings_window.CHCParams`."""
