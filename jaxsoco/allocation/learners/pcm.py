"""PCM: pseudo-cost minimisation (arXiv 2408.07831, section 3 and algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import Job, forced_work, known_job, rest, start_off
from jaxsoco.allocation.spec import Feedback, Observation, Spec
from jaxsoco.allocation.theory.pseudocost import competitive_ratio
from jaxsoco.allocation.theory.step import serve
from jaxsoco.core.lanes import lift
from jaxsoco.core.protocol import Algorithm


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PCMParams:
    """PCM has nothing to tune; ``metric`` (static) chooses the metric inside the decision.

    ``"tree"``: a random tree embedding, as analysed. ``"true"``: the metric itself.
    """

    metric: str = field(default="tree", metadata={"static": True})


class PCMState(NamedTuple):
    """The job, the last decision ``[2n, ...]``, and the work done ``[...]``."""

    job: Job
    decision: jax.Array
    utilization: jax.Array


def pcm_params(values: Mapping[str, Any]) -> PCMParams:
    """Parameters from an experiment's values."""
    return PCMParams(metric=values["metric"])


def _init(key: jax.Array, params: PCMParams, spec: Spec) -> PCMState:
    job = known_job(params.metric, key, spec, competitive_ratio)
    decision = start_off(spec)
    return PCMState(job, decision, jnp.zeros(spec.lanes, decision.dtype))


def _act(
    key: jax.Array, params: PCMParams, state: PCMState, obs: Observation
) -> tuple[jax.Array, PCMState]:
    del key, params
    job, z = state.job, state.utilization
    mandatory, must, finished = forced_work(obs.slot, job.deadline, job.length, z)
    psi, done, room, forced, must = lift((job.pseudo_cost, z, 1 - z, mandatory, must))

    def work_at(price):
        # One sweep serves both: in the mandatory phase demand does not depend on the price.
        wanted = jnp.clip(psi.inverse(price) - done, 0, jnp.maximum(room, 0))
        return jnp.where(forced, must, wanted)

    rate = lift(1 / jnp.asarray(job.length, z.dtype))
    decision, work, _ = serve(obs.costs, job.inner, rate, state.decision, work_at)
    decision = jnp.where(finished[None], rest(state.decision), decision)
    work = jnp.where(finished, 0, work)
    return decision, state._replace(decision=decision, utilization=z + work)


def _update(params: PCMParams, state: PCMState, action: jax.Array, feedback: Feedback) -> PCMState:
    del params, action, feedback
    return state


pcm = Algorithm(_init, _act, _update)
"""Pseudo-cost minimisation; parameters :class:`PCMParams`."""
