"""Lazy budgeting: servers of several types stay on until they have idled for their switching cost.

Every round the optimum of the rounds so far is computed on the lattice of all numbers of servers
(:mod:`jaxsoco.smoothed.theory.lattice`), and whatever it has running at its end is switched on.

A  (``load`` costs)  by server lanes, in which a higher type replaces a lower one at once:
   ``2 d``-competitive with ``gamma = 1``, and no deterministic learner is better; with ``gamma =
   ln(1 + (e - 1) U)``, ``U`` uniform and drawn once, ``e/(e - 1) d``-competitive in expectation.
B  a server started in round t is switched off once the idle costs after t exceed ``beta_k``:
   ``2 d + 1 + sum_k max_t g_tk(0) / beta_k``.
C  a round is split into ``n_t = max(1, ceil(d/eps max_k g_tk(0) / beta_k))`` equal parts, on which
   B decides; the part's decision that costs least in the round is played: ``2 d + 1 + eps``.

The steps of the lanes and of B are in :mod:`jaxsoco.smoothed.theory.budgets`.

Albers, Quedenfeld, "Algorithms for energy conservation in heterogeneous data centers", CIAC 2021
(A); "Algorithms for right-sizing heterogeneous data centers", SPAA 2021 (B, C).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import spread, where
from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import game_of, keep, now
from jaxsoco.smoothed.settings_types import LazyBudgetingParams
from jaxsoco.smoothed.spec import Game, Observation, Spec
from jaxsoco.smoothed.theory import budgets, lattice
from jaxsoco.smoothed.theory.fleets import idle_costs

Array = jax.Array


class LazyBudgetingState(NamedTuple):
    """What is remembered.

    Attributes:
      clock: rounds so far, int32, one number for all lanes.
      table: ``C_t`` at all states, ``[m_1 + 1, ..., m_d + 1, ...]``.
      running: :class:`~jaxsoco.smoothed.theory.budgets.Lanes` of A, else ``Pools``.
      gamma: share of ``beta_k / c_k`` that a server stays on, ``[...]``.
    """

    clock: Array
    table: Array
    running: Any
    gamma: Array


def _variant(params: LazyBudgetingParams, game: Game) -> str:
    """Which of A, B and C.

    Raises:
      ValueError: the problem has no servers of several types, or A is not for its costs.
    """
    if not game.servers:
        raise ValueError("lazy_budgeting: expected the problem load_types, with servers of types")
    plain = game.hitting.name == "load"
    variant = params.variant or ("A" if plain else "C")
    if variant == "A" and not plain:
        raise ValueError('variant: A is for loads without dispatching, expected "B" or "C"')
    if variant != "A" and params.randomized:
        raise ValueError(f"randomized: {variant} is deterministic, expected A")
    return variant


def _init(key: Array, params: LazyBudgetingParams, spec: Spec) -> LazyBudgetingState:
    game = game_of(key, spec)
    like = game.start[0]
    if _variant(params, game) == "A":
        running = budgets.begin_lanes(game.servers, like.shape)
    else:
        running = budgets.begin_pools(game.servers, like)
    table = lattice.start_table(jnp.zeros_like(game.start), game.servers)
    return LazyBudgetingState(jnp.zeros((), jnp.int32), table, running, _gamma(key, params, like))


def _gamma(key: Array, params: LazyBudgetingParams, like: Array) -> Array:
    if params.gamma is not None:
        return spread(params.gamma, like)
    if not params.randomized:
        return jnp.ones_like(like)
    # The inverse of the distribution function (e^x - 1) / (e - 1).
    return jnp.log1p(jnp.expm1(1.0) * random.uniform(key, (), like.dtype))


def _act(
    key: Array, params: LazyBudgetingParams, state: LazyBudgetingState, obs: Observation
) -> tuple[Array, LazyBudgetingState]:
    del key
    game, theta = obs.game, now(obs)
    weight = jnp.broadcast_to(game.prices()[0], game.start.shape)
    state = state._replace(clock=state.clock + 1)
    costs = lattice.lattice_costs(game.hitting.value, theta, game.hitting.axes, game.servers)
    step = {"A": _by_lanes, "B": _by_pools, "C": _by_parts}[_variant(params, game)]
    action, state = step(params, state, (game, theta, costs), weight)
    return action.astype(obs.position.dtype), state


def _by_lanes(params, state: LazyBudgetingState, scene, weight: Array):
    """A round of A."""
    game, theta, costs = scene
    table = lattice.prefix_step(state.table, weight, costs)
    optimum = lattice.least_state(table, game.servers)
    times = budgets.run_times(weight, idle_costs(theta), state.gamma[None])
    action, running = budgets.lanes_step(state.running, optimum, state.clock, times)
    return action, state._replace(table=table, running=running)


def _by_pools(params, state: LazyBudgetingState, scene, weight: Array, parts=None):
    """A round of B, or one of ``parts [...]`` equal parts of it."""
    game, theta, costs = scene
    parts = jnp.ones_like(state.gamma) if parts is None else parts
    table = lattice.prefix_step(state.table, weight, costs / _under(parts, costs))
    optimum = lattice.least_state(table, game.servers)
    idle = idle_costs(theta) / parts[None]
    action, running = budgets.pools_step(state.running, optimum, weight, idle, game.servers)
    return action, state._replace(table=table, running=running)


def _under(x: Array, like: Array) -> Array:
    """``x [...]`` with axes of size 1 before its lanes, as many as ``like`` has."""
    return x.reshape((1,) * (like.ndim - x.ndim) + x.shape)


def _by_parts(params, state: LazyBudgetingState, scene, weight: Array):
    """A round of C."""
    game, theta, _ = scene
    worst = jnp.max(idle_costs(theta) / weight, axis=0)
    parts = jnp.ceil(game.dimension / spread(params.eps, worst) * worst)
    parts = jnp.maximum(parts, 1)

    def part(i, carry):
        state, best, least = carry
        action, after = _by_pools(params, state, scene, weight, parts)
        cost = game.hitting.value(action.astype(least.dtype), theta)
        going = i < parts
        better = going & (cost < least)
        best = jnp.where(better[None], action, best)
        # The clock has no lanes.
        after = where(going, after._replace(clock=going), state._replace(clock=going))
        return after._replace(clock=state.clock), best, jnp.where(better, cost, least)

    none = jnp.zeros(game.start.shape, jnp.int32)
    first = (state, none, jnp.full_like(worst, jnp.inf))
    most = jnp.max(parts).astype(jnp.int32)
    state, best, _ = jax.lax.fori_loop(0, most, part, first)
    return best, state


lazy_budgeting = Algorithm(_init, _act, keep)
"""Lazy budgeting; parameters :class:`~jaxsoco.smoothed.settings_types.LazyBudgetingParams`."""
