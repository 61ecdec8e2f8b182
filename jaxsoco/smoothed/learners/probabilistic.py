"""The mean of the work function's distribution: ``x_t = hi - integral of P_t from lo to hi``.

``P_t(x) = (clip(s_t(x), -down, up) + down) / (up + down)`` with ``s_t`` the slope of the work
function. The density that Bansal et al. update, ``p + f'' / (2 beta)`` between two points, is
``P_t'``, and the points are the bounds of lazy capacity provisioning. 2-competitive, which no
learner betters, not even by drawing.

Bansal, Gupta, Krishnaswamy, Pruhs, Schewior, Stein, "A 2-competitive algorithm for online convex
optimization with switching costs", APPROX 2015; Antoniadis, Schewior, WAOA 2017.
"""

from __future__ import annotations

from typing import NamedTuple

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import game_of, keep, now
from jaxsoco.smoothed.settings_line import ProbabilisticParams
from jaxsoco.smoothed.spec import Observation, Spec
from jaxsoco.smoothed.theory import work as works
from jaxsoco.smoothed.theory.work import Work


class ProbabilisticState(NamedTuple):
    """The slope of the work function.

    Attributes:
      work: after the rounds so far.
    """

    work: Work


def _init(key: jax.Array, params: ProbabilisticParams, spec: Spec) -> ProbabilisticState:
    game = game_of(key, spec)
    return ProbabilisticState(works.begin(game, capacity=params.knots, cells=params.grid))


def _act(
    key: jax.Array, params: ProbabilisticParams, state: ProbabilisticState, obs: Observation
) -> tuple[jax.Array, ProbabilisticState]:
    del key, params
    work = works.add(obs.game, state.work, now(obs))
    return works.mean(work), ProbabilisticState(work)


def _faults(state: ProbabilisticState) -> jax.Array:
    return state.work.faults


probabilistic = Algorithm(_init, _act, keep, faults=_faults)
"""Mean of the work function's distribution; parameters
:class:`~jaxsoco.smoothed.settings_line.ProbabilisticParams`."""
