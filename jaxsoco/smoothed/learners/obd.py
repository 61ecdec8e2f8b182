"""Online balanced descent on a fixed level: ``x_t`` projects ``x_(t-1)`` onto ``{f_t <= level}``.

A minimiser of ``f_t``, where even that costs more. It is the template of the family, whose members
choose the level anew in every round (Chen, Goel, Wierman, "Smoothed online convex optimization in
high dimensions via online balanced descent", COLT 2018, algorithm 1).
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import keep, nothing, now, number
from jaxsoco.smoothed.settings_space import OBDParams
from jaxsoco.smoothed.spec import Observation
from jaxsoco.smoothed.theory.descent import level


def _act(
    key: jax.Array, params: OBDParams, state: tuple[()], obs: Observation
) -> tuple[jax.Array, tuple[()]]:
    del key
    height = number(params.level, obs.game)
    return level(obs.game, now(obs), obs.position, height), state


obd = Algorithm(nothing, _act, keep)
"""Online balanced descent on a fixed level; parameters
:class:`~jaxsoco.smoothed.settings_space.OBDParams`."""
