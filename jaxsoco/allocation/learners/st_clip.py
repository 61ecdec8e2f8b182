"""ST-CLIP: PCM clipped to black-box advice (arXiv 2408.07831, section 4 and algorithm 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import (
    Job,
    known_job,
    rest,
    start_off,
)
from jaxsoco.allocation.spec import Feedback, Observation, Spec, finish_tolerance
from jaxsoco.allocation.theory.clip import stclip_step
from jaxsoco.allocation.theory.metric import StateMetric, movement
from jaxsoco.allocation.theory.pseudocost import robustness
from jaxsoco.core.lanes import lift, spread, where
from jaxsoco.core.protocol import Algorithm


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class STCLIPParams:
    """Parameters of ST-CLIP.

    Attributes:
      epsilon: trust in the advice, above 0: the cost stays below ``(1 + epsilon)`` times the
        advice's.
      metric: metric inside the decision, static: ``"tree"`` (analysed) or ``"true"``.
    """

    epsilon: jax.Array | float
    metric: str = field(default="tree", metadata={"static": True})


class STCLIPState(NamedTuple):
    """The learner's state, ``[...]`` each but the decision ``[2n, ...]``.

    ``spent`` is SC, ``advice_cost`` ADV, ``advice_work`` A, ``robust`` rho of the paper;
    ``advised`` is the advice's last state.
    """

    job: Job
    epsilon: jax.Array
    decision: jax.Array
    utilization: jax.Array
    robust: jax.Array
    spent: jax.Array
    advised: jax.Array
    advice_cost: jax.Array
    advice_work: jax.Array
    faults: jax.Array


def st_clip_params(values: Mapping[str, Any]) -> STCLIPParams:
    """Parameters from an experiment's values."""
    return STCLIPParams(epsilon=jnp.asarray(values["epsilon"], float), metric=values["metric"])


def _init(key: jax.Array, params: STCLIPParams, spec: Spec) -> STCLIPState:
    decision = start_off(spec)
    zeros = jnp.zeros(spec.lanes, decision.dtype)
    epsilon = spread(params.epsilon, zeros)
    job = known_job(params.metric, key, spec, partial(robustness, epsilon))
    faults = jnp.zeros(zeros.shape, jnp.int32)
    start = jnp.broadcast_to(jnp.asarray(spec.start + spec.points, jnp.int32), spec.lanes)
    return STCLIPState(job, epsilon, decision, zeros, zeros, zeros, start, zeros, zeros, faults)


def _act(
    key: jax.Array, params: STCLIPParams, state: STCLIPState, obs: Observation
) -> tuple[jax.Array, STCLIPState]:
    del key, params
    job, z, previous = state.job, state.utilization, state.decision
    n = obs.costs.shape[0]
    tolerance = finish_tolerance(z.dtype)
    finished = 1 - z <= tolerance
    rate = 1 / jnp.asarray(job.length, z.dtype)
    psi = job.pseudo_cost

    place = obs.advice[jnp.ravel(obs.slot)[0] - 1]
    runs = jnp.where(place < n, rate, 0)
    advice_cost = state.advice_cost + _advice_charge(place, state.advised, job.metric, obs.costs)
    advice_work = state.advice_work + runs
    future = psi.tau * runs + (1 - advice_work) * psi.L
    budget = (1 + state.epsilon) * (advice_cost + future)
    # Mandatory is what the slots that are left cannot do, and within the budget: at full rate and
    # the cheapest way, as in the paper, the last slots may part from the advice for good, and 2 of
    # 15,000 jobs paid more than 1 + epsilon times its cost. Mandatory work goes by the true metric.
    left = jnp.maximum(job.deadline - obs.slot, 0) * rate
    least = jnp.clip(1 - z - left, 0, rate)
    decision, _, info = stclip_step(
        obs.costs,
        where(least > tolerance, job.metric, job.inner),
        job.metric,
        lift(rate),
        previous,
        z,
        state.robust,
        place,
        advice_work,
        state.spent,
        budget,
        psi,
        least=least,
    )
    decision = jnp.where(finished[None], rest(previous), decision)
    work = rate * jnp.sum(decision[:n], axis=0)
    move, switch = movement(decision, previous, job.metric)
    spent = state.spent + jnp.sum(obs.costs * decision[:n], axis=0) + move + switch
    # The constraint reserves a way back to the advice. A decision that ends the job needs none: all
    # that it still owes is its own switch-off.
    owed = spent + jnp.sum(job.metric.switch * decision[:n], axis=0)
    kept = (z + work >= 1 - tolerance) & (owed <= budget * (1 + tolerance))
    active = ~finished & (obs.slot <= job.deadline)
    return decision, state._replace(
        decision=decision,
        utilization=z + work,
        robust=jnp.where(active, info.robust_utilization, state.robust),
        spent=spent,
        advised=place,
        advice_cost=advice_cost,
        advice_work=advice_work,
        faults=state.faults + (active & (info.status != 0) & ~kept),
    )


def _advice_charge(place, before, metric: StateMetric, costs: jax.Array) -> jax.Array:
    """What the advice pays in a slot in which it goes from state ``before`` to ``place``."""
    n = metric.points
    points = jnp.arange(n).reshape(n, *(1,) * place.ndim)
    here, there = points == (place % n)[None], points == (before % n)[None]
    service = jnp.sum(jnp.where(here & (place < n)[None], costs, 0), axis=0)
    moved = jnp.sum(jnp.where(there[:, None] & here[None], metric.distance, 0), axis=(0, 1))
    off = jnp.where(here & (place >= n)[None], 1, 0) + jnp.where(there & (before >= n)[None], 1, 0)
    switched = jnp.sum(off * metric.switch, axis=0)
    return service + jnp.where(place == before, 0, moved + switched)


def _update(
    params: STCLIPParams, state: STCLIPState, action: jax.Array, feedback: Feedback
) -> STCLIPState:
    del params, action, feedback
    return state


st_clip = Algorithm(_init, _act, _update)
"""Consistent and robust learner; parameters :class:`STCLIPParams`."""
