"""SCaLE as a design: its exploration and its estimate, for the problem that averages over walks."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners import _shared as sensing
from jaxsoco.tracking.learners._shared import Sensing
from jaxsoco.tracking.learners.scale import SCaLEParams, scale_params
from jaxsoco.tracking.theory.averaged import Averaged, Plan
from jaxsoco.tracking.theory.averaged import World as Stage
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum

scale_design_params = scale_params


class DesignState(NamedTuple):
    """Rounds over (one for all lanes), exploration, estimate (zero before), faults ``[...]``."""

    clock: jax.Array
    sensing: Sensing
    estimate: Spectrum
    faults: jax.Array


def _init(key: jax.Array, params: SCaLEParams, spec: Averaged) -> DesignState:
    lanes, inner = key.shape[1:], spec.spec
    nothing = jnp.zeros(lanes, inner.basis.dtype)
    return DesignState(
        clock=jnp.zeros((), jnp.int32),
        sensing=sensing.begin(key, params, inner),
        estimate=jacobi.multiple_of_identity(nothing, inner.dimension),
        faults=jnp.zeros(lanes, jnp.int32),
    )


def _act(
    key: jax.Array, params: SCaLEParams, state: DesignState, obs: Stage
) -> tuple[Plan, DesignState]:
    del key, params, obs
    deviations = state.sensing.gamma[None, None] * state.sensing.vectors
    return Plan(deviations, state.estimate), state


def _update(
    params: SCaLEParams, state: DesignState, action: Plan, feedback: jax.Array
) -> DesignState:
    del params, action
    gamma = state.sensing.gamma[None]
    seen = state.sensing._replace(values=2 * feedback / (gamma * gamma))
    # The second round's feedback comes too late. All lanes share the clock: one branch is run.
    seen, (estimate, faults) = jax.lax.cond(
        state.clock == 0,
        lambda: (seen, sensing.recover(seen)),
        lambda: (state.sensing, (state.estimate, state.faults)),
    )
    return DesignState(state.clock + 1, seen, estimate, faults)


scale_design = Algorithm(_init, _act, _update)
"""SCaLE on ``expected_tracking``; parameters :class:`SCaLEParams`."""
