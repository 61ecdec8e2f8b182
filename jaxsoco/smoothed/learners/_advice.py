"""What the learners with advice share: advisers, and learners that are followed in thought."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.smoothed.learners._bases import base, fault_count
from jaxsoco.smoothed.learners._shared import game_of, no_faults, now, number
from jaxsoco.smoothed.learners.rhc import rhc
from jaxsoco.smoothed.problem import thetas
from jaxsoco.smoothed.settings_advice import AdviceParams
from jaxsoco.smoothed.settings_window import RHCParams
from jaxsoco.smoothed.spec import Feedback, Game, Observation, Spec
from jaxsoco.smoothed.theory import offline, trust
from jaxsoco.smoothed.theory.regions import feasible
from jaxsoco.smoothed.theory.sources import Recorded, shaped

Array = jax.Array


class Thought(NamedTuple):
    """Somebody who is followed in thought.

    Attributes:
      state: the learner's; of advice that is known from the start, the path ``[T, d, ...]``.
      position: where following alone would have led, ``[d, ...]``.
      cost: what it would have cost, ``[...]``.
    """

    state: Any
    position: Array
    cost: Array


class Advised(NamedTuple):
    """The state of a learner with advice: both in thought, and what it keeps of its own.

    Attributes:
      adviser, robust: the two.
      faults: of the robust learner and of plans, int32 ``[...]``.
      clock: rounds that have begun, int32 ``[]``.
      own: whatever else the learner keeps.
    """

    adviser: Thought
    robust: Thought
    faults: Array
    clock: Array
    own: Any = ()

    @property
    def costs(self) -> tuple[Array, Array]:
        """Of advice and robust learner so far, ``[...]`` each."""
        return self.adviser.cost, self.robust.cost


def begin(key: Array, params: AdviceParams, spec: Spec) -> Advised:
    """The ``init`` of what is followed in thought."""
    game = game_of(key, spec)
    inner = base(params.robust, window=params.window)
    robust = inner.algorithm.init(random.fold(key, 1), inner.params, spec)
    seed = random.fold(key, 2)
    if params.advice == "forecast":
        adviser = rhc.init(seed, RHCParams(window=params.window), spec)
    else:
        adviser = _path(seed, params, spec, game)
    nothing = jnp.zeros_like(game.start[0])
    return Advised(
        Thought(adviser, game.start, nothing),
        Thought(robust, game.start, nothing),
        no_faults(game),
        jnp.zeros((), jnp.int32),
    )


def _path(key: Array, params: AdviceParams, spec: Spec, game: Game) -> Array:
    """Advice that is known from the start, ``[T, d, ...]``."""
    lanes = key.shape[1:]
    if params.advice == "recorded":
        if spec.advice is None:
            raise ValueError(
                "advice: the problem brings none: want smoothed.with_advice(problem, path), or "
                'advice = "noisy_optimum" or "forecast"'
            )
        return jax.vmap(lambda x: shaped(x, (1,), lanes))(spec.advice)
    if not isinstance(spec.source, Recorded):
        raise ValueError(
            "advice: costs are drawn on the way, and their optimum is not known from the start: "
            'want recorded costs, or advice = "recorded" or "forecast"'
        )
    live = jnp.ones((game.horizon, *lanes), game.start.dtype)
    path = offline.optimum(game, thetas(key, spec), live).path
    blocks = -(-game.horizon // params.block)
    uniforms = random.uniform(key, (blocks,), path.dtype)
    wrong = trust.flip_blocks(uniforms, number(params.flips, game), game.horizon, params.block)
    return jnp.where(wrong[:, None], mirror(game)[None] - path, path)


def mirror(game: Game) -> Array:
    """Twice the middle of the box, or of the start where there is none, ``[d, ...]``."""
    if game.region != "box" or game.lo is None or game.hi is None:
        return 2 * game.start
    return game.lo + game.hi


def think(key: Array, params: AdviceParams, state: Advised, obs: Observation) -> Advised:
    """What both would do in the next round, and what that would have cost."""
    clock = state.clock + 1
    if params.advice == "forecast":
        view = obs._replace(position=state.adviser.position)
        advice = rhc.act(key, RHCParams(window=params.window), state.adviser.state, view)
    else:
        path = state.adviser.state
        advice = path[jnp.minimum(clock, path.shape[0]) - 1], path
    adviser = _moved(state.adviser, obs, *advice)
    inner = base(params.robust, window=params.window)
    view = obs._replace(position=state.robust.position)
    seed = random.fold(key, 1)
    action, memory = inner.algorithm.act(seed, inner.params, state.robust.state, view)
    faults = fault_count(inner, memory, state.robust.cost)
    if params.advice == "forecast":
        faults = faults + adviser.state.faults
    robust = _moved(state.robust, obs, action, memory)
    return Advised(adviser, robust, faults, clock, state.own)


def _moved(thought: Thought, obs: Observation, action: Array, memory: Any) -> Thought:
    game, theta = obs.game, now(obs)
    position = feasible(game, theta, action)
    paid = game.hitting.value(position, theta) + game.movement.cost(position, thought.position)
    return Thought(memory, position, thought.cost + paid)


def learn(params: AdviceParams, state: Advised, action: Array, feedback: Feedback) -> Advised:
    """The ``update`` of what is followed in thought: what the robust learner makes of the round."""
    del action
    inner = base(params.robust, window=params.window)
    position = state.robust.position
    own = feedback._replace(position=position)
    memory = inner.algorithm.update(inner.params, state.robust.state, position, own)
    return state._replace(robust=state.robust._replace(state=memory))
