"""SCaLE as a design: its exploration and its estimate, for the problem that averages over walks.

As :mod:`~jaxsoco.tracking.learners.scale` in two rounds of ``expected_tracking``::

    round 1:   hands over gamma z_1 .. gamma z_T0, observes f_1 .. f_T0
    between:   Ahat = argmin tr M  over semidefinite M
               with sum_t |z_t' M z_t - 2 f_t / gamma^2| <= 2 T0 etabar / gamma^2
    round 2:   hands over Ahat, with which LAI plays all rounds after T0
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.tracking.learners._shared import Sensing, begin_sensing, recover, resolve
from jaxsoco.tracking.settings_learners import SCaLEParams
from jaxsoco.tracking.spec import Averaged, Plan
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


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
        sensing=begin_sensing(key, params, inner),
        estimate=jacobi.multiple_of_identity(nothing, inner.dimension),
        faults=jnp.zeros(lanes, jnp.int32),
    )


def _act(
    key: jax.Array, params: SCaLEParams, state: DesignState, obs: object
) -> tuple[Plan, DesignState]:
    del key, params, obs
    deviations = state.sensing.gamma[None, None] * state.sensing.vectors
    return Plan(deviations, state.estimate), state


def _update(
    params: SCaLEParams, state: DesignState, action: Plan, feedback: jax.Array
) -> DesignState:
    del params, action
    gamma = state.sensing.gamma[None]
    sensing = state.sensing._replace(values=2 * feedback / (gamma * gamma))
    # The second round's feedback comes too late. All lanes share the clock: one branch is run.
    sensing, (estimate, faults) = jax.lax.cond(
        state.clock == 0,
        lambda: (sensing, recover(sensing)),
        lambda: (state.sensing, (state.estimate, state.faults)),
    )
    return DesignState(state.clock + 1, sensing, estimate, faults)


def _resolve(params: SCaLEParams, spec: Averaged) -> SCaLEParams:
    return resolve(params, spec.spec)


# An error of the recovered matrix grows with T^2 where an eigenvalue of it is 0.
scale_design = Algorithm(
    _init, _act, _update, faults=counted_faults, resolve=_resolve, slopes="float64"
)
"""SCaLE on ``expected_tracking``; parameters :class:`~jaxsoco.tracking.SCaLEParams`."""
