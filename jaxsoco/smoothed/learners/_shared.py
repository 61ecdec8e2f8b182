"""What learners of the family share."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import spread
from jaxsoco.smoothed.spec import Feedback, Game, Observation, Spec

Array = jax.Array


def game_of(key: Array, spec: Spec) -> Game:
    """The rules, with the lanes of a key ``[2, ...]``."""
    return spec.game.aligned(key.shape[1:])


def now(obs: Observation) -> Any:
    """Data of the present round.

    Raises:
      ValueError: the problem shows costs after the decision only.
    """
    return ahead(obs, 0)


def ahead(obs: Observation, k: int) -> Any:
    """Data of the round ``k`` rounds ahead (0: the present one)."""
    if obs.theta is None:
        raise ValueError(
            'expected a problem that shows the cost before the decision, got information = "after"'
        )
    return jax.tree.map(lambda x: x[k], obs.theta)


def sight(obs: Observation, window: int) -> tuple[Any, Array]:
    """Data of the next ``window + 1`` rounds, ``[w + 1, ...]``, and which of them count.

    Raises:
      ValueError: the problem shows fewer.
    """
    ahead(obs, 0)
    if window > obs.live.shape[0] - 1:
        raise ValueError(
            f"window: the learner looks {window} rounds ahead, and the problem shows "
            f"{obs.live.shape[0] - 1}: expected problem.window >= {window}"
        )
    return jax.tree.map(lambda x: x[: window + 1], obs.theta), obs.live[: window + 1]


def nothing(key: Array, params: Any, spec: Spec) -> tuple[()]:
    """The ``init`` of a learner without memory."""
    del key, params, spec
    return ()


def keep(params: Any, state: Any, action: Array, feedback: Feedback) -> Any:
    """The ``update`` of a learner that has nothing to learn from feedback."""
    del params, action, feedback
    return state


def no_faults(game: Game) -> Array:
    """``0``, int32 ``[...]``."""
    return jnp.zeros(game.start.shape[1:], jnp.int32)


def number(x: Any, game: Game) -> Array:
    """A parameter with the lanes of the game, ``[...]``."""
    return spread(x, game.start[0])
