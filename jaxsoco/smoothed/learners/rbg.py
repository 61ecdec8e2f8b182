"""Randomly biased greedy: ``x_t = argmin w_t(x) + r theta c(x)``, one ``r ~ U(-1, 1)`` for a run.

``w_t`` is the work function with ``theta`` times the movement cost; the minimiser is its quantile
``P_t(x_t) = (1 - r) / 2``. At ``theta = 1`` its mean over ``r`` is the learner ``probabilistic``.
Expected cost at most 2 times the optimum's at ``theta = 1``; ``(1 + theta) / min(theta, alpha)``
against an optimum that pays ``alpha`` times the movement, and regret ``O(max(T / theta, theta))``.

Andrew, Barman, Ligett, Lin, Meyerson, Roytman, Wierman, "A tale of two metrics", COLT 2013.
"""

from __future__ import annotations

from typing import NamedTuple

import jax

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import game_of, keep, now
from jaxsoco.smoothed.settings_line import RBGParams
from jaxsoco.smoothed.spec import Observation, Spec
from jaxsoco.smoothed.theory import work as works
from jaxsoco.smoothed.theory.work import Work


class RBGState(NamedTuple):
    """The slope of the work function, and what was drawn.

    Attributes:
      work: after the rounds so far, with ``theta`` times the movement cost.
      level: ``(1 - r) / 2``, uniform on [0, 1) ``[...]``.
    """

    work: Work
    level: jax.Array


def _init(key: jax.Array, params: RBGParams, spec: Spec) -> RBGState:
    game = game_of(key, spec)
    sizes = {"capacity": params.knots, "cells": params.grid, "scale": params.theta}
    return RBGState(works.begin(game, **sizes), random.uniform(key, (), game.start.dtype))


def _act(
    key: jax.Array, params: RBGParams, state: RBGState, obs: Observation
) -> tuple[jax.Array, RBGState]:
    del key, params
    work = works.add(obs.game, state.work, now(obs))
    return works.quantile(work, state.level), state._replace(work=work)


def _faults(state: RBGState) -> jax.Array:
    return state.work.faults


rbg = Algorithm(_init, _act, keep, faults=_faults)
"""Randomly biased greedy; parameters :class:`~jaxsoco.smoothed.settings_line.RBGParams`."""
