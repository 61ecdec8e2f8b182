"""The world of online provisioning: a round is an episode of a constrained decision process."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align, one_hot, spread, take
from jaxsoco.core.protocol import Problem
from jaxsoco.provisioning.spec import Action, Costs, Feedback, Observation, Spec
from jaxsoco_kernels.occupancy import occupancy_of, policy_value

__all__ = ["Round", "World", "policy_value", "provisioning"]


class World(NamedTuple):
    """Between two episodes.

    Attributes:
      episode: how many are over, int32 ``[...]``.
      budget: the last one's, ``[...]``.
      place: where the next one begins in the recorded arrivals, int32 ``[...]``; None where
        arrivals are drawn.
    """

    episode: jax.Array
    budget: jax.Array
    place: jax.Array | None = None


class Round(NamedTuple):
    """Nature's move.

    Attributes:
      episode: its number, int32 ``[...]``.
      target: rho_k, ``[...]``.
      arrivals: recorded ones in every slot, ``[T, ...]``; None where arrivals are drawn.
    """

    episode: jax.Array
    target: jax.Array
    arrivals: jax.Array | None = None


def _init(key: jax.Array, spec: Spec) -> World:
    lanes = key.shape[1:]
    # b_0 = 0: the first episode pays alpha b_1^2.
    world = World(jnp.zeros(lanes, jnp.int32), jnp.zeros(lanes, spec.dtype))
    if spec.recorded is None:
        return world
    # Every run begins somewhere else in the record.
    return world._replace(place=random.integers(key, 0, spec.recorded.shape[0] - 1))


def _advance(key: jax.Array, spec: Spec, world: World) -> tuple[World, Round]:
    episode = world.episode + 1
    draw = random.normal(key, (), spec.dtype)
    phase = episode.astype(spec.dtype) / spec.period
    # Whole periods are taken off first: float32 has no digits to spare for large angles.
    sine = jnp.sin(2 * jnp.pi * (phase - jnp.floor(phase)))
    # rho_k = target + swing sin(2 pi k / period) + jitter N(0, 1)
    target = spec.target + spec.swing * sine + spec.jitter * draw
    world = world._replace(episode=episode)
    if spec.recorded is None or world.place is None:
        return world, Round(episode, target)
    bins, slots = spec.recorded.shape[0], spec.slots
    later = jnp.arange(slots, dtype=jnp.int32).reshape(-1, *(1,) * episode.ndim)
    # From its end the record goes on at its beginning.
    index = (world.place[None] + later) % bins
    if spec.recorded.ndim == 1:
        arrivals = spec.recorded[index]
    else:  # a record for each lane
        arrivals = jnp.take_along_axis(spec.recorded, index, axis=0)
    place = (world.place + slots) % bins
    return world._replace(place=place), Round(episode, target, arrivals)


def law_of(spec: Spec, round: Round, lanes: int) -> jax.Array:
    """Transitions of an episode, ``[T or 1, S, A, S, ...]``, with this many lanes.

    Where arrivals ``N_t`` are recorded, ``s' = min(capacity, max(0, s - a + N_t))``; a fraction
    between two whole numbers is the upper one with the chance ``N_t - floor(N_t)``.
    """
    if round.arrivals is None:
        return align(spec.transition, 4, lanes)
    states, actions = spec.states, spec.actions
    left = jnp.arange(states)[:, None] - jnp.arange(actions)[None]
    left = left.reshape(1, states, actions, *(1,) * lanes)
    fewer = jnp.floor(round.arrivals).astype(jnp.int32)
    more = (round.arrivals - fewer)[:, None, None, None]

    def after(arrivals):
        length = jnp.clip(left + arrivals[:, None, None], 0, states - 1)
        return one_hot(length, states, 3, spec.dtype)

    return (1 - more) * after(fewer) + more * after(fewer + 1)


def _observe(spec: Spec, world: World, round: Round) -> Observation:
    del spec, world
    return Observation(round.episode)


def _play(
    key: jax.Array, spec: Spec, world: World, round: Round, action: Action
) -> tuple[World, Feedback, Costs]:
    budget = action.budget
    lanes = budget.ndim
    loss, consumption = (align(x, 3, lanes) for x in (spec.loss, spec.consumption))
    # w_t(s, a) under the episode's true P: costs are expected ones, not those of the trajectory.
    law = law_of(spec, round, lanes)
    occupancy = occupancy_of(action.policy, law, align(spec.initial, 1, lanes))
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
    feedback = _trajectory(key, spec, law, action.policy, slope)
    return world._replace(budget=budget), feedback, costs


_PATH, _NOISE, _SEEN, _LOSS_NOISE, _LOSS_SEEN = range(5)


def _trajectory(
    key: jax.Array, spec: Spec, transition: jax.Array, policy: jax.Array, slope: jax.Array
) -> Feedback:
    """Plays one episode under these transitions, as the learner sees it."""
    lanes, slots, dtype = slope.ndim, spec.slots, spec.dtype
    # One uniform for the first state, then two a slot: the action and the next state.
    draws = random.uniform(random.fold(key, _PATH), (2 * slots + 1,), dtype)
    choices, moves = draws[1::2], draws[2::2]
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
