"""Ader: experts that descend with steps ``eta_i = 2^(i-1) D / sqrt(G (beta + G) T)``, under Hedge.

``x_t = sum_i p_t,i x_t,i``, and after the round, with ``g_t`` the slope of ``f_t`` at ``x_t``,

    x_(t+1),i = P(x_t,i - eta_i g_t)
    p_(t+1),i ~ exp(-e_t sum_(s<=t) (<g_s, x_s,i> + beta d_s,i)) / (i (i + 1))

with ``d_s,i = |x_s,i - x_(s-1),i|`` and ``e_t = sqrt(2 / ((2 beta + G) (beta + G) D^2 (t + 1)))``.
Its dynamic regret, with its own movement, is ``O(sqrt(T (1 + P_T)))`` for paths of any length
``P_T``, which it need not know: constants in
:func:`~jaxsoco.smoothed.theory.ratios.ader_regret`.

Zhang, Lu, Zhou, NeurIPS 2018; Zhang et al., NeurIPS 2021, section 4; Zhao, Wang, Zhou, AISTATS
2022.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import game_of, number
from jaxsoco.smoothed.learners._slopes import constants, price, slope_at
from jaxsoco.smoothed.settings_space import AderParams
from jaxsoco.smoothed.spec import Feedback, Game, Observation, Spec
from jaxsoco.smoothed.theory import experts, ratios
from jaxsoco.smoothed.theory.regions import project

Array = jax.Array


class AderState(NamedTuple):
    """Before a round.

    Attributes:
      game: the rules, with lanes.
      experts: what they play and have lost.
      clock: rounds that are over, int32 ``[]``.
    """

    game: Game
    experts: experts.Experts
    clock: Array


def _init(key: Array, params: AderParams, spec: Spec) -> AderState:
    game = game_of(key, spec)
    count = len(ratios.ader_steps(*_constants(params, game), game.horizon))
    crew = experts.assemble(project(game, game.start), count)
    return AderState(game, crew, jnp.zeros((), jnp.int32))


def _constants(params: AderParams, game: Game) -> tuple[Array, Array, Array]:
    """``D``, ``G`` and ``beta``."""
    beta = price(game) if params.switching is None else number(params.switching, game)
    return *constants(params, game), beta


def _act(
    key: Array, params: AderParams, state: AderState, obs: Observation
) -> tuple[Array, AderState]:
    del key, obs
    round = (state.clock + 1).astype(state.game.start.dtype)
    rate = ratios.hedge_rate(*_constants(params, state.game), round)
    return experts.mean(state.experts, rate), state


def _update(params: AderParams, state: AderState, action: Array, feedback: Feedback) -> AderState:
    del action
    game = state.game
    known = _constants(params, game)
    steps = jnp.stack(ratios.ader_steps(*known, game.horizon))
    slope = slope_at(game, feedback, known[1])

    def onto(x: Array) -> Array:
        return project(game, x)

    crew = experts.learn(state.experts, slope, steps, known[2], onto)
    return AderState(game, crew, state.clock + 1)


ader = Algorithm(_init, _act, _update)
"""Ader with movement costs; parameters :class:`~jaxsoco.smoothed.settings_space.AderParams`."""
