"""Offline optima of the run's own rounds, and other yardsticks in hindsight."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.smoothed.problem import charge, thetas
from jaxsoco.smoothed.spec import Game, Spec
from jaxsoco.smoothed.theory import offline

Array = jax.Array
Costs = tuple[dict[str, Array], Array]


def offline_optimum(key: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """Costs of the path of least total cost over the whole horizon, on the run's own rounds.

    A prefix of it is not the optimum of the prefix: compare at the last round.

    >>> best = jaxsoco.comparator("smoothed/offline_optimum")

    Args:
      key: of the run, ``[...]``, or its words ``[2, ...]``.
      spec: of the problem.
      at: rounds, ascending (static).

    Returns:
      Costs by name, cumulative at the rounds ``at``, ``[len(at), ...]`` each, and faults, int32
      ``[...]``.
    """
    words, game, theta, live = whole(key, spec)
    del words
    best = offline.optimum(game, theta, live)
    return costs_of(game, theta, best.path, at), offline.faults(best.info)


def whole(key: Array, spec: Spec) -> tuple[Array, Game, Any, Array]:
    """The key's words, the game and the data of all rounds with lanes, and ``live``: all ones."""
    words = random.words(key)
    game, theta = spec.game.aligned(words.shape[1:]), thetas(words, spec)
    live = jnp.ones((game.horizon, *words.shape[1:]), game.start.dtype)
    return words, game, theta, live


def costs_of(game: Game, theta: Any, path: Array, at: tuple[int, ...]) -> dict[str, Array]:
    """Cumulative costs of a path ``[T, d, ...]`` by name, ``[len(at), ...]`` each."""
    before = jnp.concatenate([game.start[None], path[:-1]])
    costs = jax.vmap(lambda now, x, y: charge(game, now, x, y))(theta, path, before)
    rows = jnp.asarray(at, jnp.int32) - 1
    return {name: jnp.cumsum(cost, axis=0)[rows] for name, cost in costs._asdict().items()}
