"""Offline optima as comparators of a sweep: each regenerates its job from the run's key."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.duel import Duel, offline_view
from jaxsoco.allocation.optima import linear_optimum, path_costs, whole_slot_optimum
from jaxsoco.allocation.problem import allocation
from jaxsoco.allocation.spec import Advice, Spec
from jaxsoco.allocation.theory.mixes import mix_ledger, state_work
from jaxsoco.core import random
from jaxsoco.core.nature import first_world
from jaxsoco_kernels.info import Status

Ledger = tuple[dict[str, jax.Array], jax.Array]


def offline(key: jax.Array, spec: Spec, at: tuple[int, ...]) -> Ledger:
    """Ledger of the linear program's optimum: the mix of its two paths."""
    del at
    costs, spec, _ = _hindsight(key, spec)
    best = linear_optimum(spec, costs)
    low, high = (path_costs(spec, costs, path) for path in (best.low_path, best.high_path))
    # Strong duality leaves no gap: in total, the mix costs the mix of the two ledgers.
    parts = [(1 - best.weight) * a + best.weight * b for a, b in zip(low, high, strict=True)]
    return _named(parts), (best.info.status != Status.OK).astype(jnp.int32)


def integral(key: jax.Array, spec: Spec, at: tuple[int, ...]) -> Ledger:
    """Ledger of the best schedule in whole slots."""
    del at
    costs, spec, _ = _hindsight(key, spec)
    _, path, info = whole_slot_optimum(spec, costs)
    parts = path_costs(spec, costs, path)
    return _named(parts), (info.status != Status.OK).astype(jnp.int32)


def advice(key: jax.Array, spec: Spec, at: tuple[int, ...]) -> Ledger:
    """Ledger of the advice that the learners receive, followed blindly.

    A mix of paths costs what its fractional decisions cost, with ``W1`` of the marginals; work that
    it leaves undone is its shortfall.
    """
    del at
    costs, spec, followed = _hindsight(key, spec)
    states, weights = followed
    if followed.paths == 1:
        parts = path_costs(spec, costs, states[:, 0])
    else:
        parts = mix_ledger(costs, spec.metric, states, weights, spec.start, spec.deadline)
    slots = jnp.arange(spec.slots).reshape(-1, 1, *(1,) * len(spec.lanes))
    deadline = jnp.broadcast_to(jnp.asarray(spec.deadline), spec.lanes)
    runs = (states < spec.points) & (slots < deadline[None, None])
    if spec.speed is None:
        # Slots are counted before they are weighed: whole slots leave no dust.
        work = jnp.sum(weights * jnp.sum(runs, axis=0), axis=0) / spec.length
    else:
        each = jax.vmap(lambda now: state_work(now, spec.throughput, spec.points))(states)
        work = jnp.sum(weights[None] * jnp.where(runs, each, 0), axis=(0, 1))
    return _named(parts, jnp.maximum(1 - work, 0)), jnp.zeros(spec.lanes, jnp.int32)


def _hindsight(key: jax.Array, spec: Spec) -> tuple[jax.Array, Spec, Advice]:
    """Costs ``[slots, n, ...]``, the job among these points, and the advice among them."""
    if isinstance(spec, Duel):
        return offline_view(spec)
    world = first_world(allocation, spec, random.words(key))
    return world.costs, spec, world.advice


def _named(parts, shortfall: jax.Array | None = None) -> dict[str, jax.Array]:
    """One checkpoint: a job's costs are judged at its end."""
    names = ("service", "move", "switch")
    ledger = {name: part[None] for name, part in zip(names, parts, strict=True)}
    nothing = jnp.zeros_like(ledger["service"])
    return {**ledger, "shortfall": nothing if shortfall is None else shortfall[None]}
