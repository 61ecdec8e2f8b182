"""The world of online provisioning: a round is an episode of a constrained decision process."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align, spread, take
from jaxsoco.core.protocol import Problem
from jaxsoco.provisioning.spec import Action, Costs, Feedback, Observation, Spec
from jaxsoco_kernels.occupancy import occupancy_of, policy_value

__all__ = ["Round", "World", "policy_value", "provisioning"]


class World(NamedTuple):
    """Episodes that are over, int32 ``[...]``, and the last one's budget ``[...]``."""

    episode: jax.Array
    budget: jax.Array


class Round(NamedTuple):
    """Nature's move: the episode's number, int32 ``[...]``, and its target rho_k ``[...]``."""

    episode: jax.Array
    target: jax.Array


def _init(key: jax.Array, spec: Spec) -> World:
    lanes = key.shape[1:]
    # b_0 = 0: the first episode pays alpha b_1^2.
    return World(jnp.zeros(lanes, jnp.int32), jnp.zeros(lanes, spec.dtype))


def _advance(key: jax.Array, spec: Spec, world: World) -> tuple[World, Round]:
    episode = world.episode + 1
    draw = random.normal(key, (), spec.dtype)
    phase = episode.astype(spec.dtype) / spec.period
    # Whole periods are taken off first: float32 has no digits to spare for large angles.
    sine = jnp.sin(2 * jnp.pi * (phase - jnp.floor(phase)))
    # rho_k = target + swing sin(2 pi k / period) + jitter N(0, 1)
    target = spec.target + spec.swing * sine + spec.jitter * draw
    return world._replace(episode=episode), Round(episode, target)


def _observe(spec: Spec, world: World, round: Round) -> Observation:
    del spec, world
    return Observation(round.episode)


def _play(
    key: jax.Array, spec: Spec, world: World, round: Round, action: Action
) -> tuple[World, Feedback, Costs]:
    budget = action.budget
    lanes = budget.ndim
    loss, consumption = (align(x, 3, lanes) for x in (spec.loss, spec.consumption))
    # w_t(s, a) under the true P: costs are expected ones, not those of the trajectory drawn.
    occupancy = occupancy_of(
        action.policy, align(spec.transition, 4, lanes), align(spec.initial, 1, lanes)
    )
    # V_l(pi; P) and V_d(pi; P)
    lost, consumed = (jnp.sum(occupancy * x, axis=(0, 1, 2)) for x in (loss, consumption))
    costs = Costs(
        service=spec.service(budget, round.target),
        switching=spec.switching * (budget - world.budget) ** 2,
        latency=spec.latency_weight * lost,
        consumption=consumed,
        violation=jnp.maximum(consumed - budget, 0),
        budget=budget,
        multiplier=action.multiplier,
        fallback=action.fallback.astype(spec.dtype),
    )
    slope = spec.service_slope(budget, round.target)
    feedback = _trajectory(key, spec, action.policy, slope)
    return world._replace(budget=budget), feedback, costs


_PATH, _NOISE, _SEEN, _LOSS_NOISE, _LOSS_SEEN = range(5)


def _trajectory(key: jax.Array, spec: Spec, policy: jax.Array, slope: jax.Array) -> Feedback:
    """Plays one episode, as the learner sees it."""
    lanes, slots, dtype = slope.ndim, spec.slots, spec.dtype
    # One uniform for the first state, then two a slot: the action and the next state.
    draws = random.uniform(random.fold(key, _PATH), (2 * slots + 1,), dtype)
    choices, moves = draws[1::2], draws[2::2]
    transition = align(spec.transition, 4, lanes)
    loss, consumption = (align(x, 3, lanes) for x in (spec.loss, spec.consumption))
    first = _pick(draws[0], align(spec.initial, 1, lanes))

    def step(state, now):
        t, choice, move = now
        action = _pick(choice, take(policy[t], state))
        chances = take(take(_slot(transition, t), state), action)
        after = _pick(move, chances)
        spent, lost = (take(take(_slot(x, t), state), action) for x in (consumption, loss))
        return after, (after, action, spent, lost)

    times = jnp.arange(slots)
    _, (states, actions, spent, lost) = jax.lax.scan(step, first, (times, choices, moves))

    def observed(values, noise, chance, places):
        """Values of the slots, ``[T, ...]``, with noise; 0 where they are not seen."""
        noise, chance = spread((noise, chance), slope)
        drawn = random.normal(random.fold(key, places[0]), (slots,), dtype)
        seen = random.uniform(random.fold(key, places[1]), (slots,), dtype) < chance[None]
        return jnp.where(seen, values + noise[None] * drawn, 0), seen

    spent, seen = observed(spent, spec.cost_noise, spec.cost_seen, (_NOISE, _SEEN))
    lost, loss_seen = observed(lost, spec.loss_noise, spec.loss_seen, (_LOSS_NOISE, _LOSS_SEEN))
    return Feedback(
        slope=slope,
        states=jnp.concatenate([first[None], states]),
        actions=actions,
        spent=spent,
        seen=seen,
        lost=lost,
        loss_seen=loss_seen,
    )


def _slot(table: jax.Array, t: jax.Array) -> jax.Array:
    return table[0] if table.shape[0] == 1 else table[t]


def _pick(draw: jax.Array, chances: jax.Array) -> jax.Array:
    """The outcome, int32 ``[...]``, of a uniform ``[...]`` for chances ``[n, ...]``."""
    # The last sum is 1 but for rounding: without it no draw falls past the end.
    below = jnp.cumsum(chances, axis=0)[:-1] <= draw[None]
    return jnp.sum(below, axis=0, dtype=jnp.int32)


provisioning = Problem(_init, _advance, _observe, _play)
"""Online provisioning: ``spec`` is a :class:`~jaxsoco.provisioning.spec.Spec`."""
