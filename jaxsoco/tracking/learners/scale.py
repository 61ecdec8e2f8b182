"""SCaLE: explore, recover the matrix, then play LAI with it (arXiv 2601.09042, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners import _shared as sensing
from jaxsoco.tracking.learners._shared import SensingParams
from jaxsoco.tracking.learners.exploring import Explorer, act, init, sensing_values
from jaxsoco.tracking.spec import Feedback


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class SCaLEParams(SensingParams):
    """How much SCaLE explores: see :class:`~jaxsoco.tracking.learners._shared.SensingParams`."""


def scale_params(values: Mapping[str, Any]) -> SCaLEParams:
    """Parameters from an experiment's values."""
    return SCaLEParams(**sensing_values(values))


def _update(
    params: SCaLEParams, state: Explorer, action: jax.Array, feedback: Feedback
) -> Explorer:
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


scale = Algorithm(init, act, _update)
"""Explore, recover, exploit; parameters :class:`SCaLEParams`."""
