"""Receding horizon accelerated gradient: RHGD with Nesterov's momentum.

``y^k_s = x^k_s + (sqrt(Q) - 1) / (sqrt(Q) + 1) (x^k_s - x^(k-1)_s)``, and steps begin at ``y``
instead of ``x``; the cost above the optimum falls by ``2 (1 - 1 / sqrt(Q))^W``. All else is as in
:mod:`jaxsoco.smoothed.learners.rhgd`.

Li, Qu, Li, IEEE Trans. Autom. Control 2020, algorithm 2.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._gradients import StairsState, begin, play
from jaxsoco.smoothed.learners._shared import keep
from jaxsoco.smoothed.settings_window import RHAGParams
from jaxsoco.smoothed.spec import Observation


def _act(
    key: jax.Array, params: RHAGParams, state: StairsState, obs: Observation
) -> tuple[jax.Array, StairsState]:
    del key
    return play(params, state, obs, momentum=True)


rhag = Algorithm(begin, _act, keep)
"""Receding horizon accelerated gradient; parameters
:class:`~jaxsoco.smoothed.settings_window.RHAGParams`."""
