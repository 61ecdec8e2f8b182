"""The world of quadratic tracking, in deviations from the minimiser.

With ``y_t = x_t - v_t`` and ``w_t = x_(t-1) - v_t = y_(t-1) - delta_t`` a round costs ``1/2 y' A y
+ 1/2 |y - w|^2``: the minimiser itself never appears, so nothing large cancels however far it
walks. The action of a learner is its deviation ``y_t``. Every run begins at the minimiser.

:data:`expected_tracking` is the same averaged over the walk: only the exploration is drawn, so a
seed says what thousands of walks would.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align, lift
from jaxsoco.core.protocol import Problem
from jaxsoco.tracking.spec import Averaged, Costs, Feedback, Observation, Plan, Spec
from jaxsoco.tracking.theory import averaged, increments
from jaxsoco.tracking.theory.algebra import square, turn, turn_back
from jaxsoco.tracking.theory.lost import lost_by_moves, remember, rounds_watched
from jaxsoco.tracking.theory.planning import interpolation_eigenvalues


class World(NamedTuple):
    """What a run remembers.

    Attributes:
      clock: rounds that have begun, int32, one number for all lanes.
      deviation: the last ``y [d, ...]``.
      moves: of the last ``4 d`` rounds, as shares of the way ``[4 d, d, ...]``.
    """

    clock: jax.Array
    deviation: jax.Array
    moves: jax.Array


class Round(NamedTuple):
    """Nature's move: the round's number and the minimiser's step ``delta [d, ...]``."""

    clock: jax.Array
    increment: jax.Array


def _init(key: jax.Array, spec: Spec) -> World:
    start = jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)
    moves = jnp.zeros((rounds_watched(spec), *start.shape), start.dtype)
    return World(jnp.zeros((), jnp.int32), start, moves)


def _advance(key: jax.Array, spec: Spec, world: World) -> tuple[World, Round]:
    clock = world.clock + 1
    return world._replace(clock=clock), Round(clock, _increment(key, spec, clock))


def _increment(key: jax.Array, spec: Spec, clock: jax.Array) -> jax.Array:
    size, dtype = spec.dimension, spec.basis.dtype
    lanes = key.ndim - 1
    scale = lift(align(spec.scale, 0, lanes))
    if spec.increments == "laplace":
        return scale * increments.laplaces(key, size, dtype)
    if spec.increments == "cauchy":
        return scale * increments.CAUCHY_SCALE * increments.cauchys(key, size, dtype)
    draw = random.normal(key, (size,), dtype, paired=True)
    if spec.increments == "correlated":
        root = increments.correlation_root(size, align(spec.correlation, 0, lanes))
        # s_t L xi_t
        draw = jnp.sqrt(increments.variance_of_round(clock, dtype)) * turn(root, draw)
    return scale * draw


def _observe(spec: Spec, world: World, round: Round) -> Observation:
    del spec, world
    return Observation(round.increment)


def _play(
    key: jax.Array, spec: Spec, world: World, round: Round, action: jax.Array
) -> tuple[World, Feedback, Costs]:
    costs = charge(spec, round, world.deviation, action)
    noise = _noise(key, spec, action, costs.hit)
    world, costs = _close(spec, world, round, action, costs)
    return world, Feedback(costs.hit + noise, costs.hit), costs


def charge(spec: Spec, round: Round, last: jax.Array, action: jax.Array) -> Costs:
    """Costs of the deviation ``action`` after ``last [d, ...]``."""
    # w_t = y_(t-1) - delta_t
    before = last - round.increment
    lanes = action.ndim - 1
    eigenvalues = align(spec.eigenvalues, 1, lanes)
    # V' y_t and V' w_t, with A = V l V'.
    coordinates, old = turn_back(spec.basis, action), turn_back(spec.basis, before)
    # k = T - t + 1 rounds are left.
    left = jnp.maximum(spec.horizon + 1 - round.clock, 1).astype(action.dtype)
    keep, _ = interpolation_eigenvalues(eigenvalues, left)
    # y_t - C_t w_t; the regret of the round is 1/2 (y - C w)' C^-1 (y - C w), C diagonal here.
    miss = coordinates - keep * old
    return Costs(
        hit=jnp.sum(eigenvalues * coordinates * coordinates, axis=0) / 2,
        move=square(action - before) / 2,
        regret=jnp.sum(miss * miss / keep, axis=0) / 2,
        lost=jnp.zeros(action.shape[1:], action.dtype),
    )


def _close(
    spec: Spec, world: World, round: Round, action: jax.Array, costs: Costs
) -> tuple[World, Costs]:
    """The world after the round, and its costs; in the last one with what the learner has lost."""
    before = world.deviation - round.increment
    moves = remember(world.moves, round.clock, before, action)
    world = world._replace(deviation=action, moves=moves)
    if spec.horizon < rounds_watched(spec):
        return world, costs  # too short to tell
    # The clock has no lanes, so that one branch is run.
    last = round.clock == spec.horizon
    lost = jax.lax.cond(last, lambda: lost_by_moves(spec, moves), lambda: costs.lost)
    return world, costs._replace(lost=lost)


def _noise(key: jax.Array, spec: Spec, action: jax.Array, hit: jax.Array) -> jax.Array:
    cap = align(spec.noise_cap, 0, hit.ndim)
    if spec.noise == "uniform":
        # Uniform on [-etabar, etabar).
        return cap * (2 * random.uniform(key, (), hit.dtype) - 1)
    # The sign that hides the matrix best: feedback is drawn towards a multiple of the identity.
    average = jnp.mean(align(spec.eigenvalues, 1, hit.ndim), axis=0)
    return cap * jnp.where(average * square(action) / 2 >= hit, 1, -1)


quadratic_tracking = Problem(_init, _advance, _observe, _play)
"""Tracking a walking minimiser; ``spec`` is a :class:`~jaxsoco.tracking.spec.Spec`."""


def recorded_tracking(minimizers: jax.Array, noise: jax.Array) -> Problem:
    """The same world on a given path: nothing is drawn, keys and the spec's kinds do not count.

    >>> from jaxsoco.tracking import FollowParams, follow_minimizer, make_spec, recorded_tracking
    >>> world = recorded_tracking([[1.0], [3.0]], noise=[0.0, 0.0])
    >>> spec = make_spec([[1.0]], horizon=2)
    >>> run = jaxsoco.simulate(follow_minimizer, FollowParams(), world, spec, key, horizon=2)
    >>> run.costs.move.tolist()  # 1/2 and 4/2, cumulative
    [0.5, 2.5]

    Args:
      minimizers: ``v_1 .. v_T``, ``[T, d]``; runs begin at 0.
      noise: added to the feedback of each round, ``[T]``, in units of cost.

    Returns:
      A problem for specs with ``spec.horizon == T``.
    """
    minimizers, noise = jnp.asarray(minimizers, float), jnp.asarray(noise, float)
    steps = jnp.diff(minimizers, axis=0, prepend=jnp.zeros_like(minimizers[:1]))
    return recorded_increments(steps, noise)


def recorded_increments(steps: jax.Array, noise: jax.Array) -> Problem:
    """:func:`recorded_tracking` from the minimiser's increments ``[T, d]``."""
    if steps.ndim != 2 or noise.shape != steps.shape[:1]:
        raise ValueError(f"want steps [T, d] and noise [T], got {steps.shape} and {noise.shape}")
    return Problem(
        _init,
        partial(_advance_recorded, steps),
        _observe,
        partial(_play_recorded, noise),
    )


def _advance_recorded(steps, key: jax.Array, spec: Spec, world: World) -> tuple[World, Round]:
    clock = world.clock + 1
    step = align(steps[clock - 1].astype(spec.basis.dtype), 1, key.ndim - 1)
    return world._replace(clock=clock), Round(clock, jnp.broadcast_to(step, world.deviation.shape))


def _play_recorded(noise, key: jax.Array, spec: Spec, world: World, round: Round, action):
    del key
    costs = charge(spec, round, world.deviation, action)
    value = costs.hit + noise[round.clock - 1].astype(costs.hit.dtype)
    world, costs = _close(spec, world, round, action, costs)
    return world, Feedback(value, costs.hit), costs


# --- averaged over walks --------------------------------------------------------------------------

ROUNDS = 2
"""Rounds of :data:`expected_tracking`: exploring, and everything after it."""


class Stage(NamedTuple):
    """Rounds of :data:`expected_tracking` that are over, int32, one number for all lanes."""

    clock: jax.Array


def _init_averaged(key: jax.Array, spec: Averaged) -> Stage:
    del key, spec
    return Stage(jnp.zeros((), jnp.int32))


def _advance_averaged(key: jax.Array, spec: Averaged, world: Stage) -> tuple[Stage, Stage]:
    del key, spec
    return Stage(world.clock + 1), world


def _observe_averaged(spec: Averaged, world: Stage, round: Stage) -> Stage:
    del spec, world
    return round


def _play_averaged(
    key: jax.Array, spec: Averaged, world: Stage, round: Stage, action: Plan
) -> tuple[Stage, jax.Array, Costs]:
    """Feedback ``f_1 .. f_T0`` ``[T0, ...]``, and the expected costs of the stage."""
    inner, deviations = spec.spec, action.deviations
    lanes = key.ndim - 1
    if not deviations.shape[0] < inner.horizon:
        raise ValueError(
            f"{deviations.shape[0]} exploring rounds do not fit into a horizon of {inner.horizon}"
        )
    # 1/2 y' A y = 1/2 sum_i l_i c_i^2 in the eigenbasis of A, and noise uniform up to the cap.
    coordinates = jax.vmap(lambda y: turn_back(inner.basis, y))(deviations)
    eigenvalues = align(inner.eigenvalues, 1, lanes)
    hits = jnp.sum(eigenvalues[None] * coordinates * coordinates, axis=1) / 2
    cap = align(inner.noise_cap, 0, lanes)[None]
    feedback = hits + cap * (2 * random.uniform(key, hits.shape[:1], hits.dtype) - 1)
    # All lanes share the clock: one of the two is computed.
    costs = jax.lax.cond(
        round.clock == 0,
        lambda: averaged.exploration_costs(spec, coordinates, hits),
        lambda: averaged.exploitation_costs(spec, coordinates, action.estimate),
    )
    return world, feedback, costs


expected_tracking = Problem(_init_averaged, _advance_averaged, _observe_averaged, _play_averaged)
"""Two rounds that stand for a whole run; ``spec`` is an
:class:`~jaxsoco.tracking.spec.Averaged`. In the first the learner hands over its exploring
deviations and observes their noisy hitting costs, in the second it hands over its estimate and is
charged for the whole horizon."""
