"""Agnostic: runs from slot 1 on where the job arrived, whatever it costs (section 5)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import WholeSlots, arrive, keep, run_slot
from jaxsoco.allocation.settings import BaselineParams
from jaxsoco.allocation.spec import Observation
from jaxsoco.core.protocol import Algorithm


def _act(
    key: jax.Array, params: BaselineParams, state: WholeSlots, obs: Observation
) -> tuple[jax.Array, WholeSlots]:
    del key, params
    return run_slot(state, obs, state.place, jnp.ones(state.place.shape, bool))


agnostic = Algorithm(arrive, _act, keep)
"""Runs at once where the job arrived; parameters :class:`BaselineParams`."""
