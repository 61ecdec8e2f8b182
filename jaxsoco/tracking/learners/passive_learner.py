"""The learners that never explore: passive (noisy feedback) and oracle (exact feedback)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners import learning
from jaxsoco.tracking.learners.clock import Clock, start
from jaxsoco.tracking.learners.hyscale import step_values
from jaxsoco.tracking.learners.learning import StepParams
from jaxsoco.tracking.spec import Feedback, Observation, Spec
from jaxsoco.tracking.theory.planning import deviation
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class GradientParams(StepParams):
    """How a learner steps (``StepParams``), and where it begins: at ``initial`` times identity."""

    initial: jax.Array | float = 1.0


class GradientState(NamedTuple):
    """The clock shared by all lanes, the last deviation ``[d, ...]``, and the estimate."""

    clock: Clock
    deviation: jax.Array
    estimate: Spectrum


def gradient_params(values: Mapping[str, Any]) -> GradientParams:
    """Parameters from an experiment's values."""
    return GradientParams(initial=jnp.asarray(values["initial"], float), **step_values(values))


passive_learner_params = oracle_learner_params = gradient_params


def _init(key: jax.Array, params: GradientParams, spec: Spec) -> GradientState:
    lanes, dtype = key.shape[1:], spec.basis.dtype
    scale = align(jnp.asarray(params.initial, dtype), 0, len(lanes))
    return GradientState(
        clock=start(spec.horizon),
        deviation=jnp.zeros((spec.dimension, *lanes), dtype),
        estimate=jacobi.multiple_of_identity(jnp.broadcast_to(scale, lanes), spec.dimension),
    )


def _act(
    key: jax.Array, params: GradientParams, state: GradientState, obs: Observation
) -> tuple[jax.Array, GradientState]:
    del key, params
    before = state.deviation - obs.increment
    action = deviation(state.estimate, state.clock.left, before)
    return action, state._replace(deviation=action)


def _learner(read: Callable[[Feedback], jax.Array]) -> Algorithm:
    """A learner from what it reads of the feedback."""

    def update(params, state: GradientState, action, feedback) -> GradientState:
        clock = state.clock
        estimate = learning.learn(params, state.estimate, action, read(feedback), clock.over)
        return state._replace(clock=clock.tick(), estimate=estimate)

    return Algorithm(_init, _act, update)


passive_learner = _learner(lambda feedback: feedback.value)
"""Learns from the noisy hitting costs of its own play (POL); :class:`GradientParams`."""

oracle_learner = _learner(lambda feedback: feedback.exact)
"""The same with feedback free of noise (OAL); parameters :class:`GradientParams`."""
