"""Offline optima of the run's own rounds, and other yardsticks in hindsight.

Derivatives of total costs are those of the envelope theorem: the path is held fixed.
"""

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

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.zigzag(0.5, 12)
    >>> costs, faults = smoothed.offline_optimum(key, problem.spec(key), at=(12,))
    >>> float(costs["hit"][0]), float(costs["move"][0])
    (0.0, 2.0)

    Args:
      key: JAX key of the run, ``[...]``.
      spec: of the problem.
      at: rounds, ascending (static).

    Returns:
      Costs by name, cumulative at the rounds ``at``, ``[len(at), ...]`` each, and faults, int32
      ``[...]``.

    Raises:
      TypeError: ``key`` is no JAX key. ValueError: there is no method for the problem.
    """
    return offline_costs(random.key_words(key), spec, at)


def integral_optimum(key: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """The same among paths of whole numbers ``0..m``; arguments as of :func:`offline_optimum`.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.recorded(smoothed.Table([[2.0, 0.0], [0.0, 0.5]]), weight=1.0)
    >>> costs, _ = smoothed.integral_optimum(key, problem.spec(key), at=(1, 2))
    >>> costs["hit"].tolist(), costs["move"].tolist()
    ([0.0, 0.5], [1.0, 1.0])
    """
    return integral_costs(random.key_words(key), spec, at)


def static_optimum(key: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """The best fixed position of the whole horizon; arguments as of :func:`offline_optimum`.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.recorded(smoothed.Table([[2.0, 0.0], [0.0, 0.5]]), weight=1.0)
    >>> costs, _ = smoothed.static_optimum(key, problem.spec(key), at=(2,))
    >>> costs["hit"].tolist(), costs["move"].tolist()
    ([0.5], [1.0])
    """
    return static_costs(random.key_words(key), spec, at)


def minimizers(key: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """The path of the minimisers ``v_t``, for dynamic regret; as :func:`offline_optimum`.

    Its ``path`` is the path length ``P_T``.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.recorded(smoothed.Absolute(1.0, jnp.array([1.0, 3.0, 2.0])))
    >>> float(smoothed.minimizers(key, problem.spec(key), at=(3,))[0]["path"][0])
    4.0
    """
    return minimizer_costs(random.key_words(key), spec, at)


def prefix_optimum(key: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """At each round of ``at``, the optimum of the rounds so far; as :func:`offline_optimum`.

    It is never above what any learner has paid by then, at any round.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.recorded(smoothed.Table([[2.0, 0.0], [0.0, 0.5]]), weight=1.5)
    >>> costs, _ = smoothed.prefix_optimum(key, problem.spec(key), at=(1, 2))
    >>> (costs["hit"] + costs["move"]).tolist()
    [1.5, 2.0]
    """
    return prefix_costs(random.key_words(key), spec, at)


# --- the same for words of a key, [2, ...]: what sweeps run ---------------------------------------


def offline_costs(words: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """:func:`offline_optimum`."""
    game, theta, live = whole(words, spec)
    best = offline.optimum(game, theta, live)
    return costs_of(game, theta, best.path, at), offline.faults(best.info)


def integral_costs(words: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """:func:`integral_optimum`."""
    game, theta, live = whole(words, spec)
    best = offline.integral(game, theta, live)
    return costs_of(game, theta, best.path, at), offline.faults(best.info)


def static_costs(words: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """:func:`static_optimum`."""
    game, theta, _ = whole(words, spec)
    best = offline.static(game, theta)
    return costs_of(game, theta, best.path, at), offline.faults(best.info)


def minimizer_costs(words: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """:func:`minimizers`."""
    game, theta, live = whole(words, spec)
    path = jax.vmap(lambda one: game.hitting.minimizer(one, game.lo, game.hi))(theta)
    return costs_of(game, theta, path, at), jnp.zeros(live.shape[1:], jnp.int32)


def prefix_costs(words: Array, spec: Spec, at: tuple[int, ...]) -> Costs:
    """:func:`prefix_optimum`."""
    game, theta, live = whole(words, spec)
    clock = jnp.arange(1, game.horizon + 1).reshape(-1, *(1,) * (live.ndim - 1))

    def until(end: Array) -> Costs:
        counts = live * (clock <= end)
        best = offline.optimum(game, theta, counts)
        costs = rounds_of(game, theta, best.path)
        sums = {name: jnp.sum(cost * counts, axis=0) for name, cost in costs.items()}
        return sums, offline.faults(best.info)

    costs, faults = jax.lax.map(until, jnp.asarray(at, jnp.int32))
    return costs, jnp.sum(faults, axis=0, dtype=jnp.int32)


def whole(words: Array, spec: Spec) -> tuple[Game, Any, Array]:
    """The game and the data of all rounds with lanes, and ``live``, all ones ``[T, ...]``."""
    game, theta = spec.game.aligned(words.shape[1:]), thetas(words, spec)
    return game, theta, jnp.ones((game.horizon, *words.shape[1:]), game.start.dtype)


def rounds_of(game: Game, theta: Any, path: Array) -> dict[str, Array]:
    """Costs of each round of a path ``[T, d, ...]`` by name, ``[T, ...]`` each."""
    path = jax.lax.stop_gradient(path)
    before = jnp.concatenate([game.start[None], path[:-1]])
    costs = jax.vmap(lambda now, x, y: charge(game, now, x, y))(theta, path, before)
    return costs._asdict()


def costs_of(game: Game, theta: Any, path: Array, at: tuple[int, ...]) -> dict[str, Array]:
    """Cumulative costs of a path ``[T, d, ...]`` by name, ``[len(at), ...]`` each."""
    rows = jnp.asarray(at, jnp.int32) - 1
    costs = rounds_of(game, theta, path)
    return {name: jnp.cumsum(cost, axis=0)[rows] for name, cost in costs.items()}
