"""SCaLE: explore, recover the matrix, then play LAI with it (arXiv 2601.09042, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking import sensing
from jaxsoco.tracking.clock import Clock, start
from jaxsoco.tracking.planning import deviation
from jaxsoco.tracking.sensing import Sensing, SensingParams
from jaxsoco.tracking.spec import Feedback, Observation, Spec
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class SCaLEParams(SensingParams):
    """How much SCaLE explores: see :class:`~jaxsoco.tracking.sensing.SensingParams`."""


class SCaLEState(NamedTuple):
    """State of SCaLE.

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


def sensing_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The exploration's parameters from an experiment's values; ``"auto"`` is ``None``."""
    static = {name: values[name] for name in ("exploration", "rank", "rounds")}
    numbers = {name: values[name] for name in ("gain", "gamma", "noise_cap", "floor", "exponent")}
    known = {name: None if value == "auto" else value for name, value in static.items()}
    return known | {
        name: None if value == "auto" else jnp.asarray(value, float)
        for name, value in numbers.items()
    }


def scale_params(values: Mapping[str, Any]) -> SCaLEParams:
    """Parameters from an experiment's values."""
    return SCaLEParams(**sensing_values(values))


def _init(key: jax.Array, params: SCaLEParams, spec: Spec) -> SCaLEState:
    lanes, dtype = key.shape[1:], spec.basis.dtype
    return SCaLEState(
        clock=start(spec.horizon),
        deviation=jnp.zeros((spec.dimension, *lanes), dtype),
        sensing=sensing.begin(key, params, spec),
        estimate=jacobi.multiple_of_identity(jnp.zeros(lanes, dtype), spec.dimension),
        faults=jnp.zeros(lanes, jnp.int32),
    )


def _act(
    key: jax.Array, params: SCaLEParams, state: SCaLEState, obs: Observation
) -> tuple[jax.Array, SCaLEState]:
    del key, params
    clock, before = state.clock, state.deviation - obs.increment
    action = deviation(state.estimate, clock.left, before)
    if state.sensing.rounds:
        random = sensing.explore(state.sensing, clock.over)
        action = jnp.where(clock.over < state.sensing.rounds, random, action)
    return action, state._replace(deviation=action)


def _update(
    params: SCaLEParams, state: SCaLEState, action: jax.Array, feedback: Feedback
) -> SCaLEState:
    del params, action
    clock, rounds = state.clock, state.sensing.rounds
    state = state._replace(clock=clock.tick())
    if not rounds:
        return state
    seen = sensing.record(state.sensing, clock.over, feedback)
    # All lanes share the clock: one branch is run, and the solver once.
    estimate, faults = jax.lax.cond(
        clock.over == rounds - 1,
        lambda seen, estimate, faults: sensing.recover(seen),
        lambda seen, estimate, faults: (estimate, faults),
        seen,
        state.estimate,
        state.faults,
    )
    return state._replace(sensing=seen, estimate=estimate, faults=faults)


scale = Algorithm(_init, _act, _update)
"""Explore, recover, exploit; parameters :class:`SCaLEParams`."""
