"""HySCaLE: SCaLE whose estimate goes on learning (arXiv 2601.09042, algorithm 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core import lanes as lane
from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners import _shared as sensing
from jaxsoco.tracking.learners import learning
from jaxsoco.tracking.learners._shared import SensingParams
from jaxsoco.tracking.learners.exploring import Explorer, act, init, sensing_values
from jaxsoco.tracking.learners.learning import StepParams
from jaxsoco.tracking.spec import Feedback


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class HySCaLEParams(SensingParams, StepParams):
    """How much HySCaLE explores (``SensingParams``), and how it learns (``StepParams``)."""


def step_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The step's parameters from an experiment's values."""
    rate = jnp.asarray(values["learning_rate"], float)
    return {"learning_rate": rate, "step": values["step"], "sweeps": values["sweeps"]}


def hyscale_params(values: Mapping[str, Any]) -> HySCaLEParams:
    """Parameters from an experiment's values."""
    return HySCaLEParams(**sensing_values(values), **step_values(values))


def _update(
    params: HySCaLEParams, state: Explorer, action: jax.Array, feedback: Feedback
) -> Explorer:
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


hyscale = Algorithm(init, act, _update)
"""Explore, recover, then exploit and learn on; parameters :class:`HySCaLEParams`."""
