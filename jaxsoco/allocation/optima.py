"""The offline optima of a job: what each of them wants to know of its :class:`Spec`, said once.

They take the prices ``[slots, n, ...]`` apart from the job, because a forecast has optima, too.
"""

from __future__ import annotations

from typing import Any

import jax

from jaxsoco.allocation.spec import Spec
from jaxsoco.allocation.theory.integral import integral_optimum
from jaxsoco.allocation.theory.offline import OfflineOptimum, offline_optimum
from jaxsoco.allocation.theory.paths import Graph, path_ledger, slot_ledger
from jaxsoco.allocation.theory.worst import offline_worst
from jaxsoco_kernels.info import Info

Parts = tuple[jax.Array, jax.Array, jax.Array]
"""Service, move and switch costs."""


def linear_optimum(spec: Spec, costs: jax.Array) -> OfflineOptimum:
    """The optimum of the linear program, a mix of two paths."""
    return offline_optimum(costs, *_network(spec), deadline=spec.deadline)


def whole_slot_optimum(spec: Spec, costs: jax.Array) -> tuple[jax.Array, jax.Array, Info]:
    """Cost and path of the best schedule in whole slots.

    Raises:
      ValueError: the points work at different speeds.
    """
    if spec.speed is not None:
        message = "whole slots are counted at one speed; leave integral_optimum out of run.compare"
        raise ValueError(f"speed: {message}")
    return integral_optimum(costs, *_network(spec), **_work(spec))


def costliest_schedule(spec: Spec, costs: jax.Array) -> tuple[jax.Array, jax.Array, Info]:
    """Cost and path of the costliest schedule that does exactly the work."""
    return offline_worst(costs, *_network(spec), **_work(spec))


def path_costs(spec: Spec, costs: jax.Array, path: jax.Array) -> Parts:
    """What following a path of states costs, ``[...]`` each."""
    return path_ledger(costs, spec.metric, path, spec.start, spec.deadline)


def path_slots(spec: Spec, costs: jax.Array, path: jax.Array) -> Parts:
    """The same slot by slot, ``[slots, ...]`` each."""
    metric = spec.metric
    return slot_ledger(Graph.of(costs, metric, metric.switch, spec.start, spec.deadline), path)


def _network(spec: Spec) -> tuple[Any, ...]:
    return spec.metric, spec.throughput, spec.metric.switch, spec.start


def _work(spec: Spec) -> dict[str, Any]:
    """How much whole-slot schedules must do, and by when."""
    return {"slots": spec.max_length, "length": spec.length, "deadline": spec.deadline}
