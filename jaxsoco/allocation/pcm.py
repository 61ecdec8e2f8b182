"""PCM: pseudo-cost minimisation (arXiv 2408.07831, section 3 and algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.metric import StateMetric
from jaxsoco.allocation.pseudocost import PseudoCost, competitive_ratio
from jaxsoco.allocation.spec import Feedback, Observation, Spec
from jaxsoco.allocation.step import serve
from jaxsoco.allocation.tree import embed_tree
from jaxsoco.core.lanes import lift, spread
from jaxsoco.core.protocol import Algorithm


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PCMParams:
    """PCM has nothing to tune; ``metric`` (static) chooses the metric inside the decision.

    ``"tree"``: a random tree embedding, as analysed. ``"true"``: the metric itself.
    """

    metric: str = field(default="tree", metadata={"static": True})


class Job(NamedTuple):
    """What a learner keeps of its spec: deadline and length int ``[...]``, price rule, metrics."""

    deadline: jax.Array
    length: jax.Array
    pseudo_cost: PseudoCost
    inner: StateMetric
    metric: StateMetric


class PCMState(NamedTuple):
    """The job, the last decision ``[2n, ...]``, and the work done ``[...]``."""

    job: Job
    decision: jax.Array
    utilization: jax.Array


def pcm_params(values: Mapping[str, Any]) -> PCMParams:
    """Parameters from an experiment's values."""
    return PCMParams(metric=values["metric"])


def start_off(spec: Spec) -> jax.Array:
    """The decision before the first slot: OFF where the job arrives, ``[2n, ...]``."""
    states = jnp.arange(2 * spec.points).reshape(-1, *(1,) * len(spec.lanes))
    start = jnp.broadcast_to(spec.start + spec.points, spec.lanes)
    return (states == start[None]).astype(spec.trace.dtype)


def known_job(kind: str, key: jax.Array, spec: Spec, rate_of: Callable[..., jax.Array]) -> Job:
    """What a learner keeps of its spec; ``rate_of(L, U, D, tau)`` gives the rate of ``psi``."""
    like = jnp.zeros(spec.lanes, spec.trace.dtype)
    bounds = (spec.lower, spec.upper, spec.move_bound, spec.switch_bound)
    bounds = spread(bounds, like)
    return Job(
        jnp.broadcast_to(spec.deadline, spec.lanes),
        jnp.broadcast_to(spec.length, spec.lanes),
        PseudoCost(*bounds, rate_of(*bounds)),
        _inner_metric(kind, key, spec),
        spec.metric,
    )


def _inner_metric(kind: str, key: jax.Array, spec: Spec) -> StateMetric:
    """The metric inside the decision: ``"tree"`` draws an embedding (consuming the key)."""
    metric = spec.metric
    if kind == "true":
        return metric
    if kind != "tree":
        raise ValueError(f'metric: want "tree" or "true", got {kind!r}')
    return StateMetric(embed_tree(key, metric.distance).distance, metric.switch)


def finish_tolerance(dtype: jnp.dtype) -> float:
    """Work that may be missing from a job that counts as done: sums of many slots round."""
    return 1e-9 if dtype == jnp.float64 else 1e-5


def forced_work(slot, deadline, length, utilization):
    """How much work a slot must do: ``(mandatory, work, finished)``, ``[...]`` each.

    Mandatory: the slots left after this one cannot finish the job at full rate.
    """
    tolerance = finish_tolerance(utilization.dtype)
    left = jnp.maximum(1 - utilization, 0)
    finished = left <= tolerance
    after = (deadline - slot) / jnp.asarray(length, utilization.dtype)
    mandatory = ~finished & (after < left - tolerance)
    return mandatory, jnp.minimum(left, 1 / jnp.asarray(length, left.dtype)), finished


def rest(decision: jax.Array) -> jax.Array:
    """All ON mass goes to its own OFF: the decision of a job that is done."""
    n = decision.shape[0] // 2
    return jnp.concatenate([jnp.zeros_like(decision[:n]), decision[:n] + decision[n:]])


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
