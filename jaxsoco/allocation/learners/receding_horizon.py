"""Receding horizon control: the best plan of what is left, anew in every slot.

In slot ``t`` the job is in the state ``s_{t-1}``, with ``r`` slots of work left. It knows the costs
``f_t``, and takes those of the slots after it from the forecast, ``F_{t+1} .. F_T``::

    s_t, .. s_T = argmin  M(s_{t-1}, s_t) + f_t(s_t) + sum_{k > t} [M(s_{k-1}, s_k) + F_k(s_k)]
                          + beta(s_T) [s_T ON]      with exactly r slots ON

and goes to ``s_t``; ``f`` and ``F`` count where the state is ON. The plan is in whole slots and
exact, by a dynamic program over states and slots left. Distances that change are the slot's own
now, and count with their largest value later. The job always finishes; with an exact forecast it
is the best whole-slot schedule. There is no other guarantee.

Model predictive control of a deferrable job; as an online algorithm, Lin, Liu, Wierman, Andrew,
"Online algorithms for geographical load balancing", IGCC 2012.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import keep, refuse_speeds
from jaxsoco.allocation.settings_rivals import RecedingHorizonParams
from jaxsoco.allocation.spec import Observation, Spec
from jaxsoco.allocation.theory.integral import cost_to_go, run_less
from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric
from jaxsoco.allocation.theory.paths import Graph, pick
from jaxsoco.core.lanes import one_hot
from jaxsoco.core.protocol import Algorithm


class RecedingState(NamedTuple):
    """Where the job is, and what it knows.

    Attributes:
      state: ON at ``u`` is ``u``, OFF ``n + u``, int32 ``[...]``.
      left: whether so many slots of work are left, bool ``[J_max + 1, ...]``, true at one place.
      deadline: ``T``, int32 ``[...]``.
      metric: what moves and switches cost.
    """

    state: jax.Array
    left: jax.Array
    deadline: jax.Array
    metric: StateMetric | TimedMetric


def _init(key: jax.Array, params: RecedingHorizonParams, spec: Spec) -> RecedingState:
    del key, params
    refuse_speeds(spec, "its plans count whole slots at one speed")
    start, length, deadline = (
        jnp.broadcast_to(jnp.asarray(x, jnp.int32), spec.lanes)
        for x in (spec.start, spec.length, spec.deadline)
    )
    left = one_hot(length, spec.max_length + 1)
    return RecedingState(start + spec.points, left, deadline, _spread_metric(spec))


def _spread_metric(spec: Spec) -> StateMetric | TimedMetric:
    """The metric with the lanes of the job."""
    metric = spec.metric
    return metric._replace(
        **{
            name: jnp.broadcast_to(leaf, (*leaf.shape[: leaf.ndim - len(spec.lanes)], *spec.lanes))
            for name, leaf in metric._asdict().items()
        }
    )


def _act(
    key: jax.Array, params: RecedingHorizonParams, state: RecedingState, obs: Observation
) -> tuple[jax.Array, RecedingState]:
    del key, params
    n, left = obs.costs.shape[0], state.left
    slot = jnp.ravel(obs.slot)[0]  # all lanes are in the same one
    later = state.metric.upper()
    graph = Graph.of(obs.forecast, later, later.switch, state.state % n, state.deadline)
    on, off = cost_to_go(graph, left.shape[0] - 1, slot)
    total = _arcs(state.metric.at(slot - 1), state.state) + jnp.concatenate(
        [obs.costs + _with_left(run_less(on), left), _with_left(off, left)]
    )
    target = jnp.argmin(total, axis=0).astype(jnp.int32)
    fewer = jnp.concatenate([left[1:], jnp.zeros_like(left[:1])])
    left = jnp.where((target < n)[None], fewer, left)
    decision = one_hot(target, 2 * n).astype(obs.costs.dtype)
    return decision, state._replace(state=target, left=left)


def _with_left(table: jax.Array, left: jax.Array) -> jax.Array:
    """The row of a table ``[J_max + 1, n, ...]`` for the slots left, ``[n, ...]``."""
    # A minimum, not a sum: infinite entries times 0 would be no numbers.
    return jnp.min(jnp.where(left[:, None], table, jnp.inf), axis=0)


def _arcs(metric: StateMetric, state: jax.Array) -> jax.Array:
    """``M(state, .)``, ``[2n, ...]``."""
    n = metric.points
    here = state % n
    leave = jnp.where(state < n, 0, pick(metric.switch, here))
    near = pick(jnp.swapaxes(metric.distance, 0, 1), here) + leave[None]
    away = jnp.concatenate([near, near + metric.switch])
    return jnp.where(one_hot(state, 2 * n), 0, away)


receding_horizon = Algorithm(_init, _act, keep)
"""Plans what is left in every slot; parameters :class:`RecedingHorizonParams`."""
