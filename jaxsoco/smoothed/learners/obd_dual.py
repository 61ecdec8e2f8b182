"""Dual online balanced descent: ``x_t = argmin eta f_t(x) + 1/2 |x - x_(t-1)|^2``.

An implicit mirror step: the rule of the paper, ``|grad h(x_t) - grad h(x_(t-1))| = eta |grad
f_t(x_t)|`` on the proximal path, holds at the path's point ``eta`` itself, so that there is no
equation to solve. With norms for movement its regret against paths no longer than ``L`` is at most
``G L / eta + T eta / 2``, least at ``eta = sqrt(2 G L / T)``, where ``G`` bounds ``|x|``.

Chen, Goel, Wierman, COLT 2018, algorithm 3, with ``h(x) = |x|^2 / 2``.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import keep, nothing, now, number
from jaxsoco.smoothed.settings_space import DualParams
from jaxsoco.smoothed.spec import Observation
from jaxsoco.smoothed.theory.descent import near


def _act(
    key: jax.Array, params: DualParams, state: tuple[()], obs: Observation
) -> tuple[jax.Array, tuple[()]]:
    del key
    return near(obs.game, now(obs), obs.position, number(params.eta, obs.game)), state


obd_dual = Algorithm(nothing, _act, keep)
"""Dual online balanced descent; parameters
:class:`~jaxsoco.smoothed.settings_space.DualParams`."""
