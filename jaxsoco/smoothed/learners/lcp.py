"""Lazy capacity provisioning: ``x_t = clip(x_(t-1), L_t, U_t)``.

``s_t(x) = f_t'(x) + clip(s_(t-1)(x), -down, up)`` is the slope of the work function; ``L_t = inf
{s_t >= -down}`` and ``U_t = sup {s_t <= up}`` are where the optimum of the rounds so far would end
if the last move were charged up or down alone. With a window the bounds take the rounds in sight
into account. 3-competitive, with any window; on integers the best deterministic learner.

Lin, Wierman, Andrew, Thereska, "Dynamic right-sizing for power-proportional data centers",
IEEE/ACM Trans. Netw. 21, 2013; Albers, Quedenfeld, "Optimal algorithms for right-sizing data
centers", SPAA 2018 (integers).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import game_of, keep, now, sight
from jaxsoco.smoothed.settings_line import LCPParams
from jaxsoco.smoothed.spec import Observation, Spec
from jaxsoco.smoothed.theory import work as works
from jaxsoco.smoothed.theory.sight import stay
from jaxsoco.smoothed.theory.work import Work


class LCPState(NamedTuple):
    """The slope of the work function.

    Attributes:
      work: after the rounds so far.
    """

    work: Work


def _init(key: jax.Array, params: LCPParams, spec: Spec) -> LCPState:
    game = game_of(key, spec)
    sizes = {"capacity": params.knots, "cells": params.grid, "integral": params.integral}
    return LCPState(works.begin(game, **sizes))


def _act(
    key: jax.Array, params: LCPParams, state: LCPState, obs: Observation
) -> tuple[jax.Array, LCPState]:
    del key
    work = works.add(obs.game, state.work, now(obs))
    if params.window == 0:
        low, high = works.bounds(work)
        return jnp.clip(obs.position, low, high), LCPState(work)
    theta, live = sight(obs, params.window)
    action = stay(obs.game, theta, live, obs.position, state.work, params.trips)
    return action, LCPState(work)


def _faults(state: LCPState) -> jax.Array:
    return state.work.faults


lcp = Algorithm(_init, _act, keep, faults=_faults)
"""Lazy capacity provisioning; parameters :class:`~jaxsoco.smoothed.settings_line.LCPParams`."""
