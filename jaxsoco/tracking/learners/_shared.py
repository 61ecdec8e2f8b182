"""What the learners share: a clock, LAI's move with an estimate, exploration and recovery.

Every learner plays in deviations ``y_t = x_t - v_t`` from the minimiser and, before its move,
``w_t = x_(t-1) - v_t = y_(t-1) - delta_t``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align, lift
from jaxsoco.core.precision import in_float64
from jaxsoco.tracking.settings_learners import GradientParams, SensingParams
from jaxsoco.tracking.spec import Feedback, Observation, Spec
from jaxsoco.tracking.theory.planning import deviation
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.jacobi import Spectrum
from jaxsoco_kernels.sensing import recover_psd

USABLE = 1e-2
"""Residual up to which a recovery that did not converge is better than none."""

SMALLEST_NOISE = 1e-6
"""Of the floor: without noise any exploration would do, but not none."""


# --- states ---------------------------------------------------------------------------------------


class Clock(NamedTuple):
    """Rounds that are over and rounds that are left, int32 scalars.

    Shared by all lanes, so that a branch on them is a real branch.
    """

    over: jax.Array
    left: jax.Array

    def tick(self) -> Clock:
        """One round later."""
        return Clock(self.over + 1, jnp.maximum(self.left - 1, 1))


def start_clock(horizon: int) -> Clock:
    """The clock before the first round."""
    return Clock(jnp.zeros((), jnp.int32), jnp.full((), horizon, jnp.int32))


class Planner(NamedTuple):
    """State of a learner that plans with an estimate of the matrix.

    Attributes:
      clock: shared by all lanes.
      deviation: last ``y [d, ...]``.
      estimate: of ``A``, in its eigenbasis.
    """

    clock: Clock
    deviation: jax.Array
    estimate: Spectrum


class Sensing(NamedTuple):
    """An exploration and what it observed.

    Attributes:
      vectors: the ``z`` of all rounds, drawn in advance ``[T0, d, ...]``.
      values: ``2 f / gamma^2`` of the rounds that are over ``[T0, ...]``.
      gamma: ``[...]``.
      radius: ``2 T0 etabar / gamma^2``, the total noise allowed for ``[...]``.
    """

    vectors: jax.Array
    values: jax.Array
    gamma: jax.Array
    radius: jax.Array

    @property
    def rounds(self) -> int:
        """``T0``."""
        return self.vectors.shape[0]


class Explorer(NamedTuple):
    """State of a learner that explores, then plans with what it recovered.

    Attributes:
      clock: shared by all lanes.
      deviation: last ``y [d, ...]``.
      sensing: the exploration.
      estimate: zero until the recovery after round ``T0``.
      faults: recoveries that did not converge, int32 ``[...]``.
    """

    clock: Clock
    deviation: jax.Array
    sensing: Sensing
    estimate: Spectrum
    faults: jax.Array


_S = TypeVar("_S", Planner, Explorer)
_P = TypeVar("_P", bound=SensingParams)


def plan(key: jax.Array, params: object, state: _S, obs: Observation) -> tuple[jax.Array, _S]:
    """LAI's move with the estimate in place of the matrix: ``y_t = Chat_t w_t``.

    ``Chat_t^-1 = 2 I + Ahat - Chat_(t+1)``, ``Chat_(T+1) = I``.
    """
    del key, params
    # w_t = y_(t-1) - delta_t
    action = deviation(state.estimate, state.clock.left, state.deviation - obs.increment)
    return action, state._replace(deviation=action)


def begin_learning(key: jax.Array, params: GradientParams, spec: Spec) -> Planner:
    """The state of a learner whose first estimate is ``initial`` times the identity."""
    lanes, dtype = key.shape[1:], spec.basis.dtype
    initial = align(jnp.asarray(params.initial, dtype), 0, len(lanes))
    return Planner(
        clock=start_clock(spec.horizon),
        deviation=jnp.zeros((spec.dimension, *lanes), dtype),
        estimate=jacobi.multiple_of_identity(jnp.broadcast_to(initial, lanes), spec.dimension),
    )


# --- exploration ----------------------------------------------------------------------------------


def resolve(params: _P, spec: Spec) -> _P:
    """The theory's numbers in place of every None.

    ``T0 = ceil(c r d)`` with ``c = 2`` at full rank and 4 below; ``gamma^2 = g0 (etabar / alpha)
    T^p`` with ``p = 1/2`` at full rank and ``2/3`` below; rank ``r``, noise cap ``etabar`` and
    floor ``alpha`` are the problem's.
    """
    rank = spec.rank if params.rank is None else params.rank
    full = rank == spec.dimension
    constant = (2.0 if full else 4.0) if params.exploration is None else params.exploration
    rounds = math.ceil(constant * rank * spec.dimension)
    params = replace(
        params,
        rank=rank,
        exploration=constant,
        rounds=rounds if params.rounds is None else params.rounds,
        exponent=(1 / 2 if full else 2 / 3) if params.exponent is None else params.exponent,
        noise_cap=spec.noise_cap if params.noise_cap is None else params.noise_cap,
        floor=spec.floor if params.floor is None else params.floor,
    )
    return params if params.gamma is not None else replace(params, gamma=_gamma(params, spec))


def _gamma(params: SensingParams, spec: Spec) -> jax.Array:
    """``sqrt(g0 (etabar / alpha) T^p)``, ``[...]``."""
    dtype = spec.basis.dtype
    gain, exponent = jnp.asarray(params.gain, dtype), jnp.asarray(params.exponent, dtype)
    cap, floor = _noise_and_floor(params, dtype)
    return jnp.sqrt(gain * cap / floor * jnp.asarray(spec.horizon, dtype) ** exponent)


def _noise_and_floor(params: SensingParams, dtype) -> tuple[jax.Array, jax.Array]:
    """``etabar``, which is never 0, and ``alpha``."""
    floor = jnp.asarray(params.floor, dtype)
    return jnp.maximum(jnp.asarray(params.noise_cap, dtype), SMALLEST_NOISE * floor), floor


def begin_sensing(key: jax.Array, params: SensingParams, spec: Spec) -> Sensing:
    """Draws the exploration of a run, ``z_t ~ N(0, I)``; consumes the key ``[2, ...]``."""
    params = resolve(params, spec)
    lanes, dtype = key.shape[1:], spec.basis.dtype
    rounds = params.rounds or 0
    gamma = jnp.asarray(params.gamma, dtype)
    cap, _ = _noise_and_floor(params, dtype)
    # |2 eta_t / gamma^2| <= 2 etabar / gamma^2 in each of the T0 rounds.
    radius = 2 * rounds * (cap / (gamma * gamma))
    return Sensing(
        vectors=random.normal(key, (rounds, spec.dimension), dtype, paired=True),
        values=jnp.zeros((rounds, *lanes), dtype),
        gamma=jnp.broadcast_to(align(gamma, 0, len(lanes)), lanes),
        radius=jnp.broadcast_to(align(radius, 0, len(lanes)), lanes),
    )


def explore(sensing: Sensing, clock: jax.Array) -> jax.Array:
    """``gamma z [d, ...]`` of the round after ``clock`` rounds."""
    # After the exploration a row is still read, but not used.
    place = jnp.minimum(clock, sensing.rounds - 1)
    return lift(sensing.gamma) * _row(sensing.vectors, place)


def record(sensing: Sensing, clock: jax.Array, feedback: Feedback) -> Sensing:
    """Keeps the feedback of the round after ``clock`` rounds, if it explored."""
    # b_t = 2 f_t / gamma^2 = z_t' A z_t + 2 eta_t / gamma^2
    value = 2 * feedback.value / (sensing.gamma * sensing.gamma)
    place = jnp.minimum(clock, sensing.rounds - 1)
    value = jnp.where(clock < sensing.rounds, value, _row(sensing.values, place))
    return sensing._replace(
        values=jax.lax.dynamic_update_index_in_dim(sensing.values, value, place, 0)
    )


def _row(table: jax.Array, place: jax.Array) -> jax.Array:
    return jax.lax.dynamic_index_in_dim(table, place, keepdims=False)


def recover(sensing: Sensing) -> tuple[Spectrum, jax.Array]:
    """``argmin tr M``, ``M`` semidefinite, ``sum_t |z_t' M z_t - 2 f_t / gamma^2| <= radius``.

    Solved in float64 whatever the precision of the run. Where no matrix explains the values the
    best multiple of the identity takes its place.

    Returns:
      The matrix in its eigenbasis, and faults, int32 ``[...]``: recoveries that did not converge,
      or whose matrix is not proved to be the minimiser, so that its derivative may be wrong.
    """
    return _recover(sensing.vectors, sensing.values, sensing.radius)


# Reverse mode would keep what the solver computes for every round of a run: it is computed anew.
@jax.checkpoint
def _recover(vectors, values, radius):
    recovery = in_float64(recover_psd)(vectors, values, radius)
    matrix = recovery.matrix.astype(vectors.dtype)
    usable = (recovery.info.residual <= USABLE) & jnp.all(jnp.isfinite(matrix), axis=(0, 1))
    # E z' M z = tr M: the mean of the values estimates the trace.
    share = jnp.maximum(jnp.mean(values, axis=0), 0) / matrix.shape[0]
    eye = align(jnp.eye(matrix.shape[0], dtype=matrix.dtype), 2, radius.ndim)
    matrix = jnp.where(usable[None, None], matrix, eye * share[None, None])
    # Where the minimum is not proved, what is doubtful is the slope.
    faults = (recovery.info.status != Status.OK) | ~recovery.exact
    return jacobi.start(matrix), faults.astype(jnp.int32)


def begin_exploring(key: jax.Array, params: SensingParams, spec: Spec) -> Explorer:
    """The state before the first round; consumes the key ``[2, ...]``."""
    lanes, dtype = key.shape[1:], spec.basis.dtype
    return Explorer(
        clock=start_clock(spec.horizon),
        deviation=jnp.zeros((spec.dimension, *lanes), dtype),
        sensing=begin_sensing(key, params, spec),
        estimate=jacobi.multiple_of_identity(jnp.zeros(lanes, dtype), spec.dimension),
        faults=jnp.zeros(lanes, jnp.int32),
    )


def explore_then_plan(
    key: jax.Array, params: SensingParams, state: Explorer, obs: Observation
) -> tuple[jax.Array, Explorer]:
    """``gamma z_t`` in the rounds ``1 .. T0``, then LAI's move with the estimate."""
    action, state = plan(key, params, state, obs)
    action = explored(state, action)
    return action, state._replace(deviation=action)


def explored(state: Explorer, action: jax.Array) -> jax.Array:
    """``gamma z_t`` in the rounds ``1 .. T0``, and the action ``[d, ...]`` after them."""
    if not state.sensing.rounds:
        return action
    clock = state.clock.over
    return jnp.where(clock < state.sensing.rounds, explore(state.sensing, clock), action)


def recover_once(
    params: object, state: Explorer, action: jax.Array, feedback: Feedback
) -> Explorer:
    """The update of a learner that recovers the matrix after round ``T0`` and keeps it."""
    del params, action
    clock, rounds = state.clock, state.sensing.rounds
    state = state._replace(clock=clock.tick())
    if not rounds:
        return state
    sensing = record(state.sensing, clock.over, feedback)
    # All lanes share the clock: one branch is run, and the solver once.
    estimate, faults = jax.lax.cond(
        clock.over == rounds - 1,
        lambda sensing, estimate, faults: recover(sensing),
        lambda sensing, estimate, faults: (estimate, faults),
        sensing,
        state.estimate,
        state.faults,
    )
    return state._replace(sensing=sensing, estimate=estimate, faults=faults)


def true_spectrum(spec: Spec, lanes: tuple[int, ...]) -> Spectrum:
    """The matrix itself, for learners that are told it."""
    size, dtype = spec.dimension, spec.basis.dtype
    basis = jnp.broadcast_to(align(spec.basis, 2, len(lanes)), (size, size, *lanes))
    eigenvalues = jnp.broadcast_to(align(spec.eigenvalues, 1, len(lanes)), (size, *lanes))
    diagonal = align(jnp.eye(size, dtype=dtype), 2, len(lanes))
    return Spectrum(basis, diagonal * eigenvalues[None])
