"""What SCaLE and HySCaLE share: explore first, then plan with the estimate that was recovered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.tracking.learners import _shared as sensing
from jaxsoco.tracking.learners._shared import Sensing, SensingParams
from jaxsoco.tracking.learners.clock import Clock, start
from jaxsoco.tracking.spec import Observation, Spec
from jaxsoco.tracking.theory.planning import deviation
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


class Explorer(NamedTuple):
    """State of a learner that explores.

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


def init(key: jax.Array, params: SensingParams, spec: Spec) -> Explorer:
    """The state before the first round; consumes the key ``[2, ...]``."""
    lanes, dtype = key.shape[1:], spec.basis.dtype
    return Explorer(
        clock=start(spec.horizon),
        deviation=jnp.zeros((spec.dimension, *lanes), dtype),
        sensing=sensing.begin(key, params, spec),
        estimate=jacobi.multiple_of_identity(jnp.zeros(lanes, dtype), spec.dimension),
        faults=jnp.zeros(lanes, jnp.int32),
    )


def act(
    key: jax.Array, params: SensingParams, state: Explorer, obs: Observation
) -> tuple[jax.Array, Explorer]:
    """The deviation of a round: random while exploring, then LAI's with the estimate."""
    del key, params
    clock, before = state.clock, state.deviation - obs.increment
    action = deviation(state.estimate, clock.left, before)
    if state.sensing.rounds:
        random = sensing.explore(state.sensing, clock.over)
        action = jnp.where(clock.over < state.sensing.rounds, random, action)
    return action, state._replace(deviation=action)
