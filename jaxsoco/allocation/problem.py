"""The world of an allocation job: prices appear slot by slot, decisions are charged.

With ``spec.sample`` it is a schedule drawn from the decisions that is charged (see
:mod:`~jaxsoco.allocation.theory.coupling`). The learner does not see it: its feedback is the work
of its own decision. Slopes of sampled costs are those of their expectation, the decisions' costs.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.advice import advise
from jaxsoco.allocation.spec import Advice, Costs, Feedback, Observation, Spec
from jaxsoco.allocation.theory.coupling import draw_schedule, next_state, slot_draw
from jaxsoco.allocation.theory.metric import StateMetric, movement
from jaxsoco.core import random
from jaxsoco.core.lanes import align, lift, one_hot, spread
from jaxsoco.core.protocol import Problem

STATE = "state"
"""What single runs show of a schedule that is drawn, beside its costs."""


class World(NamedTuple):
    """State of the world; the first three are fixed when the job arrives.

    Attributes:
      costs: ``[slots, n, ...]``.
      forecast: ``[slots, n, ...]``.
      advice: states ``[slots, A, ...]`` and weights ``[A, ...]``.
      slot: slots that are over, int32 ``[...]``.
      decision: last decision, ``[2n, ...]``.
      work: work done, ``[...]``; by the schedule, if one is drawn.
      place: state of the schedule, int32 ``[...]``; None if none is drawn.
    """

    costs: jax.Array
    forecast: jax.Array
    advice: Advice
    slot: jax.Array
    decision: jax.Array
    work: jax.Array
    place: jax.Array | None = None


class Round(NamedTuple):
    """Nature's move: the slot's number, int32 ``[...]``, and its costs ``[n, ...]``."""

    slot: jax.Array
    costs: jax.Array


def prices(spec: Spec) -> jax.Array:
    """Costs of the job's slots, ``[slots, n, ...]``; slots past the trace repeat its last hour."""
    return _slots(spec, spec.trace)


def _slots(spec: Spec, trace: jax.Array) -> jax.Array:
    """Costs of the job's slots at the prices of a trace ``[hours, N]``, ``[slots, n, ...]``."""
    lanes = spec.lanes
    hour = jnp.broadcast_to(spec.hour, lanes)
    hours = hour[None] + jnp.arange(spec.slots).reshape(-1, *(1,) * len(lanes))
    rows = jnp.minimum(hours, trace.shape[0] - 1)
    power = jnp.broadcast_to(jnp.asarray(spec.power, trace.dtype), lanes)
    if spec.places is not None:
        places = align(spec.places, 1, len(lanes))
        return trace[rows[:, None], places[None]] * power[None, None]
    # Rows of the trace are [slots, ..., n]: the points go before the lanes.
    return jnp.moveaxis(trace[rows], -1, 1) * power[None, None]


def forecast(key: jax.Array, spec: Spec, costs: jax.Array) -> jax.Array:
    """A noisy forecast: ``(1 - w) F + w Uniform(L, U) / J`` per slot and point.

    ``F`` are the costs themselves, or those of the spec's ``forecast_trace``.
    """
    if spec.forecast_trace is not None:
        costs = _slots(spec, spec.forecast_trace)
    draws = random.uniform(key, costs.shape[:2], costs.dtype)
    leaves = (spec.lower, spec.upper, spec.forecast_noise)
    low, high, weight = lift(lift(spread(leaves, costs[0, 0])))
    rate = lift(spec.throughput)
    # L and U are prices per unit of work; a slot does c of it.
    low, high = low * rate, high * rate
    return (1 - weight) * costs + weight * (low + (high - low) * draws)


def _init(key: jax.Array, spec: Spec) -> World:
    costs = prices(spec)
    return begin(spec, costs, forecast(key, spec, costs))


def begin(spec: Spec, costs: jax.Array, expected: jax.Array) -> World:
    """The world when the job arrives.

    Args:
      spec: the job.
      costs: of its slots, ``[slots, n, ...]``.
      expected: the forecast of them, ``[slots, n, ...]``.
    """
    advice = advise(spec, costs, expected)
    lanes = costs.shape[2:]
    states = jnp.arange(2 * spec.points).reshape(-1, *(1,) * len(lanes))
    # k_0: OFF where the job arrives.
    off = states == jnp.broadcast_to(spec.start + spec.points, lanes)[None]
    zeros = jnp.zeros(lanes, costs.dtype)
    slot = jnp.zeros(lanes, jnp.int32)
    place = jnp.broadcast_to(jnp.asarray(spec.start + spec.points, jnp.int32), lanes)
    place = place if spec.sample else None
    return World(costs, expected, advice, slot, off.astype(costs.dtype), zeros, place)


def _advance(key: jax.Array, spec: Spec, world: World) -> tuple[World, Round]:
    del key
    # All lanes are in the same slot; what is past a lane's deadline is masked in `_play`.
    slot = world.slot + 1
    costs = world.costs[jnp.ravel(world.slot)[0]]
    return world._replace(slot=slot), Round(slot, costs)


def _observe(spec: Spec, world: World, round: Round) -> Observation:
    del spec
    return Observation(round.slot, round.costs, world.forecast, world.advice)


def _play(
    key: jax.Array, spec: Spec, world: World, round: Round, action: jax.Array
) -> tuple[World, Feedback, Costs]:
    within = round.slot <= spread(spec.deadline, round.slot)
    costs, done = _charge(spec, world.work, round, action, world.decision)
    place = world.place
    if place is not None:
        draw = slot_draw(key, action.dtype)
        after = next_state(draw, place, world.decision, action, _metric(spec, round))
        before, now = (one_hot(x, 2 * spec.points, dtype=action.dtype) for x in (place, after))
        drawn, done = _charge(spec, world.work, round, now, before)
        # The costs' expectation over the draws is that of the decisions; not so the shortfall's.
        named = ((x, getattr(drawn, x), getattr(costs, x)) for x in ("service", "move", "switch"))
        costs = drawn._replace(**{name: _with_slopes_of(*pair) for name, *pair in named})
        place = jnp.where(within, after, place)
    decision = jnp.where(within[None], action, world.decision)
    work = jnp.sum(spec.throughput * action[: spec.points], axis=0)
    return world._replace(decision=decision, work=done, place=place), Feedback(work), costs


def _metric(spec: Spec, round: Round) -> StateMetric:
    """``M_t``, of the move into the slot; all lanes are in the same one."""
    return spec.metric.at(jnp.ravel(round.slot)[0] - 1)


def _charge(
    spec: Spec, work: jax.Array, round: Round, action: jax.Array, before: jax.Array
) -> tuple[Costs, jax.Array]:
    """What a slot costs, and the work done after it ``[...]``.

    Args:
      spec: the job.
      work: done before the slot, ``[...]``.
      round: nature's move.
      action: a distribution over states, ``[2n, ...]``.
      before: that of the slot before.
    """
    n = spec.points
    metric = _metric(spec, round)
    deadline = spread(spec.deadline, round.slot)
    within, last = round.slot <= deadline, round.slot == deadline
    on = action[:n]
    # W1(k_t, k_{t-1}) in its two parts.
    move, switch = movement(action, before, metric)
    done = work + jnp.where(within, jnp.sum(spec.throughput * on, axis=0), 0)
    # sum_u beta_u k_T[ON_u], the switch-off after the last slot.
    final = jnp.sum(metric.switch * on, axis=0)
    costs = Costs(
        service=jnp.where(within, jnp.sum(round.costs * on, axis=0), 0),
        move=jnp.where(within, move, 0),
        switch=jnp.where(within, switch + jnp.where(last, final, 0), 0),
        shortfall=jnp.where(last, jnp.maximum(1 - done, 0), 0),
    )
    return costs, done


@jax.custom_jvp
def _with_slopes_of(value: jax.Array, expected: jax.Array) -> jax.Array:
    """``value``, with the derivative of ``expected`` in place of its own."""
    del expected
    return value


@_with_slopes_of.defjvp
def _with_slopes_of_jvp(primals, tangents):
    return primals[0], tangents[1]


def _show(key: jax.Array, spec: Spec, actions: jax.Array) -> dict[str, jax.Array]:
    """The schedule that is charged: its states among all regions, -1 past the deadline."""
    if not spec.sample:
        return {}
    states = draw_schedule(key, actions, spec.metric, spec.start)
    lanes, n = states.shape[1:], spec.points
    place = states % n
    if spec.places is not None:
        columns = jnp.broadcast_to(align(spec.places, 1, len(lanes)), (n, *lanes))
        place = jnp.take_along_axis(columns, place, axis=0)
    number = jnp.where(states < n, place, place + spec.trace.shape[1])
    slots = jnp.arange(1, spec.slots + 1).reshape(-1, *(1,) * len(lanes))
    within = slots <= jnp.broadcast_to(jnp.asarray(spec.deadline), lanes)[None]
    return {STATE: jnp.where(within, number, -1)}


allocation = Problem(_init, _advance, _observe, _play, show=_show)
"""One job: ``spec`` is a :class:`~jaxsoco.allocation.spec.Spec`; play ``spec.slots`` rounds."""
