"""Receding horizon gradient descent: ``W`` gradient steps on every decision before it is played.

Decisions begin at the path of gradient descent, ``x^0_s = P(x^0_(s-1) - grad f_(s-1)(x^0_(s-1)) /
l)``, and get ``W = window + 1`` steps ``1 / (l + 4 kappa)`` on the cost of the whole horizon, whose
gradient in ``x_s`` needs the two neighbours only (:mod:`jaxsoco.smoothed.theory.staircase`). With
``Q = (l + 4 kappa) / alpha`` the cost above the optimum falls by ``(1 - 1 / Q)^W``, for
``alpha``-convex, ``l``-smooth costs and movement of ``kappa / 2 |x - y|^2``; other movements it
takes for such, with their weight for ``kappa``.

Li, Qu, Li, "Online optimization with predictions and switching costs: fast algorithms and the
fundamental limit", IEEE Trans. Autom. Control 2020, algorithm 1.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._gradients import StairsState, begin, play
from jaxsoco.smoothed.learners._shared import keep
from jaxsoco.smoothed.settings_window import RHGDParams
from jaxsoco.smoothed.spec import Observation


def _act(
    key: jax.Array, params: RHGDParams, state: StairsState, obs: Observation
) -> tuple[jax.Array, StairsState]:
    del key
    return play(params, state, obs, momentum=False)


rhgd = Algorithm(begin, _act, keep)
"""Receding horizon gradient descent; parameters
:class:`~jaxsoco.smoothed.settings_window.RHGDParams`."""
