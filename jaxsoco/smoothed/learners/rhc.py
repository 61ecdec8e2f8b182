"""Receding horizon control: the first step of the optimum of the window, from where it is.

``x_t`` begins the path of least ``sum_(s=t..t+w) f_s(x_s) + c(x_s, x_(s-1))`` from ``x_(t-1)``.
Where coordinates are apart it moves to the nearest point of an interval
(:mod:`jaxsoco.smoothed.theory.sight`); elsewhere the window is planned. With ``f_t(x) >= e0 x`` and
ups that cost ``beta``, ``1 + beta / ((w + 1) e0)``-competitive on a line, and ``1 + beta / e0`` at
most in ``d`` dimensions, however long the window.

Decisions have the implicit derivative where coordinates are apart or movement is squared; elsewhere
they count as constants.

Lin, Liu, Wierman, Andrew, "Online algorithms for geographical load balancing", IGCC 2012.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._descent import nothing
from jaxsoco.smoothed.learners._shared import keep, sight
from jaxsoco.smoothed.settings_window import RHCParams
from jaxsoco.smoothed.spec import Observation
from jaxsoco.smoothed.theory.offline import by_coordinates
from jaxsoco.smoothed.theory.plans import plan
from jaxsoco.smoothed.theory.sight import stay


def _act(
    key: jax.Array, params: RHCParams, state: tuple[()], obs: Observation
) -> tuple[jax.Array, tuple[()]]:
    del key
    theta, live = sight(obs, params.window)
    if not by_coordinates(obs.game):
        if params.integral:
            raise ValueError("integral: expected one dimension with whole positions 0..m")
        return plan(obs.game, theta, live, obs.position)[0], state
    past = "thresholds" if params.integral else None
    return stay(obs.game, theta, live, obs.position, past, params.trips), state


rhc = Algorithm(nothing, _act, keep)
"""Receding horizon control; parameters :class:`~jaxsoco.smoothed.settings_window.RHCParams`."""
