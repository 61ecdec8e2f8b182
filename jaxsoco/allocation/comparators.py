"""Offline optima as comparators of a sweep: each regenerates its job from the run's key."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.duel import Duel, offline_view
from jaxsoco.allocation.problem import allocation
from jaxsoco.allocation.spec import Spec
from jaxsoco.allocation.theory.integral import integral_optimum
from jaxsoco.allocation.theory.offline import offline_optimum
from jaxsoco.allocation.theory.paths import path_ledger
from jaxsoco.core import random
from jaxsoco.core.nature import first_world
from jaxsoco_kernels.info import Status

Ledger = tuple[dict[str, jax.Array], jax.Array]


def offline(key: jax.Array, spec: Spec, at: tuple[int, ...]) -> Ledger:
    """Ledger of the linear program's optimum: the mix of its two paths."""
    del at
    costs, spec, _ = _hindsight(key, spec)
    metric = spec.metric
    best = offline_optimum(
        costs, metric, spec.throughput, metric.switch, spec.start, deadline=spec.deadline
    )
    low, high = (
        path_ledger(costs, metric, path, spec.start, spec.deadline)
        for path in (best.low_path, best.high_path)
    )
    # Strong duality leaves no gap: in total, the mix costs the mix of the two ledgers.
    parts = [(1 - best.weight) * a + best.weight * b for a, b in zip(low, high, strict=True)]
    return _named(parts), (best.info.status != Status.OK).astype(jnp.int32)


def integral(key: jax.Array, spec: Spec, at: tuple[int, ...]) -> Ledger:
    """Ledger of the best schedule in whole slots."""
    del at
    costs, spec, _ = _hindsight(key, spec)
    metric = spec.metric
    _, path, info = integral_optimum(
        costs,
        metric,
        spec.throughput,
        metric.switch,
        spec.start,
        slots=spec.max_length,
        length=spec.length,
        deadline=spec.deadline,
    )
    parts = path_ledger(costs, metric, path, spec.start, spec.deadline)
    return _named(parts), (info.status != Status.OK).astype(jnp.int32)


def advice(key: jax.Array, spec: Spec, at: tuple[int, ...]) -> Ledger:
    """Ledger of the advice that the learners receive, followed blindly."""
    del at
    costs, spec, states = _hindsight(key, spec)
    parts = path_ledger(costs, spec.metric, states, spec.start, spec.deadline)
    return _named(parts), jnp.zeros(spec.lanes, jnp.int32)


def _hindsight(key: jax.Array, spec: Spec) -> tuple[jax.Array, Spec, jax.Array]:
    """Costs ``[slots, n, ...]``, the job among these points, and the advice ``[slots, ...]``."""
    if isinstance(spec, Duel):
        return offline_view(spec)
    world = first_world(allocation, spec, random.words(key))
    return world.costs, spec, world.advice


def _named(parts) -> dict[str, jax.Array]:
    """One checkpoint: a job's costs are judged at its end."""
    names = ("service", "move", "switch")
    ledger = {name: part[None] for name, part in zip(names, parts, strict=True)}
    return {**ledger, "shortfall": jnp.zeros_like(ledger["service"])}
