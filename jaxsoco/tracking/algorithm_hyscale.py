"""HySCaLE: SCaLE whose estimate goes on learning (arXiv 2601.09042, algorithm 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import lanes as lane
from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking import learning, sensing
from jaxsoco.tracking.algorithm_scale import sensing_values
from jaxsoco.tracking.clock import Clock, start
from jaxsoco.tracking.learning import StepParams
from jaxsoco.tracking.planning import deviation
from jaxsoco.tracking.sensing import Sensing, SensingParams
from jaxsoco.tracking.spec import Feedback, Observation, Spec
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class HySCaLEParams(SensingParams, StepParams):
    """How much HySCaLE explores (``SensingParams``), and how it learns (``StepParams``)."""


class HySCaLEState(NamedTuple):
    """State of HySCaLE.

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


def step_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The step's parameters from an experiment's values."""
    rate = jnp.asarray(values["learning_rate"], float)
    return {"learning_rate": rate, "step": values["step"], "sweeps": values["sweeps"]}


def hyscale_params(values: Mapping[str, Any]) -> HySCaLEParams:
    """Parameters from an experiment's values."""
    return HySCaLEParams(**sensing_values(values), **step_values(values))


def _init(key: jax.Array, params: HySCaLEParams, spec: Spec) -> HySCaLEState:
    lanes, dtype = key.shape[1:], spec.basis.dtype
    return HySCaLEState(
        clock=start(spec.horizon),
        deviation=jnp.zeros((spec.dimension, *lanes), dtype),
        sensing=sensing.begin(key, params, spec),
        estimate=jacobi.multiple_of_identity(jnp.zeros(lanes, dtype), spec.dimension),
        faults=jnp.zeros(lanes, jnp.int32),
    )


def _act(
    key: jax.Array, params: HySCaLEParams, state: HySCaLEState, obs: Observation
) -> tuple[jax.Array, HySCaLEState]:
    del key, params
    clock, before = state.clock, state.deviation - obs.increment
    action = deviation(state.estimate, clock.left, before)
    if state.sensing.rounds:
        random = sensing.explore(state.sensing, clock.over)
        action = jnp.where(clock.over < state.sensing.rounds, random, action)
    return action, state._replace(deviation=action)


def _update(
    params: HySCaLEParams, state: HySCaLEState, action: jax.Array, feedback: Feedback
) -> HySCaLEState:
    clock, rounds = state.clock, state.sensing.rounds
    state = state._replace(clock=clock.tick())
    # Only what it saw after exploring moves the estimate.
    estimate = learning.learn(params, state.estimate, action, feedback.value, clock.over - rounds)
    if not rounds:
        return state._replace(estimate=estimate)
    seen = sensing.record(state.sensing, clock.over, feedback)
    now = clock.over == rounds - 1
    found, faults = jax.lax.cond(
        now, sensing.recover, lambda seen: (state.estimate, state.faults), seen
    )
    estimate = lane.where(now, found, estimate)
    return state._replace(
        sensing=seen, estimate=estimate, faults=jnp.where(now, faults, state.faults)
    )


hyscale = Algorithm(_init, _act, _update)
"""Explore, recover, then exploit and learn on; parameters :class:`HySCaLEParams`."""
