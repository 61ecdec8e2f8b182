"""LAI: the online optimum for a known matrix (Bhuyan, Mukherjee, Wierman, ICML 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners.clock import Clock, start
from jaxsoco.tracking.spec import Feedback, Observation, Spec
from jaxsoco.tracking.theory.planning import deviation
from jaxsoco_kernels.jacobi import Spectrum


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LAIParams:
    """LAI has nothing to tune: it is told the matrix."""


class LAIState(NamedTuple):
    """The clock, the last deviation ``[d, ...]``, and the matrix in its eigenbasis."""

    clock: Clock
    deviation: jax.Array
    estimate: Spectrum


def lai_params(values: Mapping[str, Any]) -> LAIParams:
    """Parameters from an experiment's values."""
    del values
    return LAIParams()


def _init(key: jax.Array, params: LAIParams, spec: Spec) -> LAIState:
    del params
    zero = jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)
    shape = (spec.dimension, *zero.shape)
    basis = jnp.broadcast_to(align(spec.basis, 2, zero.ndim - 1), shape)
    eigenvalues = jnp.broadcast_to(align(spec.eigenvalues, 1, zero.ndim - 1), zero.shape)
    diagonal = align(jnp.eye(spec.dimension, dtype=zero.dtype), 2, zero.ndim - 1)
    exact = Spectrum(basis, diagonal * eigenvalues[None])
    return LAIState(start(spec.horizon), zero, exact)


def _act(
    key: jax.Array, params: LAIParams, state: LAIState, obs: Observation
) -> tuple[jax.Array, LAIState]:
    del key, params
    action = deviation(state.estimate, state.clock.left, state.deviation - obs.increment)
    return action, state._replace(deviation=action)


def _update(params: LAIParams, state: LAIState, action: jax.Array, feedback: Feedback) -> LAIState:
    del params, action, feedback
    return state._replace(clock=state.clock.tick())


lai = Algorithm(_init, _act, _update)
"""The online optimum, told the true matrix; parameters :class:`LAIParams`."""
