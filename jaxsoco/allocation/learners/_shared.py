"""What PCM and ST-CLIP share: what a learner keeps of its job, and the phases of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.spec import Spec, finish_tolerance
from jaxsoco.allocation.theory.metric import StateMetric
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.tree import embed_tree
from jaxsoco.core.lanes import spread


class Job(NamedTuple):
    """What a learner keeps of its spec: deadline and length int ``[...]``, price rule, metrics."""

    deadline: jax.Array
    length: jax.Array
    pseudo_cost: PseudoCost
    inner: StateMetric
    metric: StateMetric


def start_off(spec: Spec) -> jax.Array:
    """The decision before the first slot: OFF where the job arrives, ``[2n, ...]``."""
    states = jnp.arange(2 * spec.points).reshape(-1, *(1,) * len(spec.lanes))
    start = jnp.broadcast_to(spec.start + spec.points, spec.lanes)
    return (states == start[None]).astype(spec.trace.dtype)


def known_job(kind: str, key: jax.Array, spec: Spec, rate_of: Callable[..., jax.Array]) -> Job:
    """What a learner keeps of its spec; ``rate_of(L, U, D, tau)`` gives the rate of ``psi``."""
    like = jnp.zeros(spec.lanes, spec.trace.dtype)
    bounds = (spec.lower, spec.upper, spec.move_bound, spec.switch_bound)
    low, high, move, switch = spread(bounds, like)
    return Job(
        jnp.broadcast_to(spec.deadline, spec.lanes),
        jnp.broadcast_to(spec.length, spec.lanes),
        PseudoCost(low, high, move, switch, rate_of(low, high, move, switch)),
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
