"""The black-box advice of a job: one state in every slot, from the forecast or from a heuristic."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.spec import Spec
from jaxsoco.allocation.theory.integral import integral_optimum


def advised_states(spec: Spec, costs: jax.Array, forecast: jax.Array) -> jax.Array:
    """The state that the advice of ``spec`` names for every slot, int32 ``[slots, ...]``.

    Args:
      spec: the job; ``spec.advice`` says which advice.
      costs: of the slots, ``[slots, n, ...]``; a heuristic sees those of slots that have begun.
      forecast: of the slots, ``[slots, n, ...]``.

    Raises:
      ValueError: there is no such advice.
    """
    if spec.advice == "whole-slot":
        return _whole_slots(spec, forecast)
    if spec.advice == "greedy":
        return _greedy(spec, costs)
    raise ValueError(f'advice: want "whole-slot" or "greedy", got {spec.advice!r}')


def _whole_slots(spec: Spec, forecast: jax.Array) -> jax.Array:
    """The best whole-slot schedule of the forecast."""
    _, states, _ = integral_optimum(
        forecast,
        spec.metric,
        spec.throughput,
        spec.metric.switch,
        spec.start,
        slots=spec.max_length,
        length=spec.length,
        deadline=spec.deadline,
    )
    return states


def _greedy(spec: Spec, costs: jax.Array) -> jax.Array:
    """ON in slots 1 to J at the point that is cheapest in slot 1, then OFF there."""
    place = jnp.argmin(costs[0], axis=0).astype(jnp.int32)
    slots = jnp.arange(spec.slots).reshape(-1, *(1,) * place.ndim)
    length = jnp.broadcast_to(jnp.asarray(spec.length, jnp.int32), place.shape)[None]
    return jnp.where(slots < length, place[None], place[None] + spec.points)
