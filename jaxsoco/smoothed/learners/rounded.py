"""Whole positions from fractional ones: ``X_t = floor(x_t + u)``, one ``u ~ U[0, 1)`` for a run.

``x_t`` are the positions of another learner on costs that are linear between the integers. Then
``E f_t(X_t) = f_t(x_t)``, and since ``X_t`` are coupled monotonically, ``E |X_t - X_(t-1)| = |x_t -
x_(t-1)|``: the expected cost is that of the other learner, and with a 2-competitive one this is
2-competitive, the best that is possible for whole positions (the learner of Albers, Quedenfeld,
SPAA 2018, draws once a round, and has the same mean).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._bases import Base, base
from jaxsoco.smoothed.settings_line import RoundedParams
from jaxsoco.smoothed.spec import Feedback, Game, Observation, Spec
from jaxsoco.smoothed.theory.tables import TABLE, tabulated


class RoundedState(NamedTuple):
    """State.

    Attributes:
      shift: ``u [...]``.
      position: of the other learner, ``x_(t-1) [d, ...]``.
      base: its state.
    """

    shift: jax.Array
    position: jax.Array
    base: Any


def _base(params: RoundedParams) -> Base:
    return base(params.base, window=params.window)


def _linear(game: Game) -> Game:
    if not game.levels:
        raise ValueError("rounded: expected a problem with whole positions 0..m, got one without")
    return replace(game, hitting=TABLE)


def _init(key: jax.Array, params: RoundedParams, spec: Spec) -> RoundedState:
    inner = _base(params)
    spec = replace(spec, game=_linear(spec.game))
    start = spec.game.aligned(key.shape[1:]).start
    shift = random.uniform(random.fold(key, 0), (), start.dtype)
    state = inner.algorithm.init(random.fold(key, 1), inner.params, spec)
    return RoundedState(shift, start, state)


def _act(
    key: jax.Array, params: RoundedParams, state: RoundedState, obs: Observation
) -> tuple[jax.Array, RoundedState]:
    inner = _base(params)
    game = _linear(obs.game)
    theta = tabulated(obs.game.hitting, obs.theta, game.levels)
    seen = Observation(game, state.position, theta, obs.live)
    fraction, after = inner.algorithm.act(key, inner.params, state.base, seen)
    action = jnp.clip(jnp.floor(fraction + state.shift[None]), 0, game.levels)
    return action, RoundedState(state.shift, fraction, after)


def _update(
    params: RoundedParams, state: RoundedState, action: jax.Array, feedback: Feedback
) -> RoundedState:
    del action
    inner = _base(params)
    own = Feedback(feedback.theta, state.position)
    after = inner.algorithm.update(inner.params, state.base, state.position, own)
    return state._replace(base=after)


rounded = Algorithm(_init, _act, _update)
"""Whole positions from those of another learner; parameters
:class:`~jaxsoco.smoothed.settings_line.RoundedParams`."""
