"""PCM: pseudo-cost minimisation (arXiv 2408.07831, section 3 and algorithm 1).

The decision ``k_t`` is a distribution over the states ON and OFF of n points, ``z`` the work done,
``c = 1 / J`` the work of a slot fully ON (``c_u = speed_u / J`` where points differ; the mandatory
rule below then takes the largest ``c_u``, as every point is in reach). ``k_0`` is OFF where the job
arrives, ``z = 0``. The pseudo-cost is what a unit of work may cost when ``z`` of it is done::

    psi(z) = U - tau + (U / eta - U + D + 2 tau) exp(z / eta)

with the competitive ratio ``eta``, the root of ``psi(1) = L + D + tau``. ``L`` and ``U`` are what
the learner believes, ``lower_scale`` and ``upper_scale`` times the job's. In slot ``t``, with the
costs ``f``:

1. The job is *finished* (``z = 1``): all mass goes OFF where it is.
2. It is *mandatory* to run (``(T - t) c < 1 - z``, so the slots after this one cannot finish)::

       k_t = argmin_{c . k = min(c, 1 - z)}  f . k + W1(k, k_{t-1})

3. Otherwise::

       k_t = argmin_{c . k <= 1 - z}  f . k + W1(k, k_{t-1}) - int_z^{z + c . k} psi

4. ``z <- z + c . k_t``.

``W1`` is taken in a random tree that dominates the metric, or in the metric itself. The job then
costs at most ``eta`` times the offline optimum, up to the distortion of the tree; the paper says so
of any ``J``, but for ``J > 1`` there are instances above it (docs/allocation.md). Where distances
change (SOAD-T), slot ``t`` has the metric of its own distances, or a tree of these, and ``D`` is
the largest of all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import Job, keep, learn_job, rest, start_off
from jaxsoco.allocation.settings import PCMParams
from jaxsoco.allocation.spec import Observation, Spec, finish_tolerance
from jaxsoco.allocation.theory.pseudocost import competitive_ratio
from jaxsoco.allocation.theory.step import serve
from jaxsoco.core.lanes import lift
from jaxsoco.core.protocol import Algorithm


class PCMState(NamedTuple):
    """The job, the last decision ``[2n, ...]``, and the work done ``z [...]``."""

    job: Job
    decision: jax.Array
    utilization: jax.Array


class _Phase(NamedTuple):
    """Where a job stands, ``[...]`` each: what it must do in a slot, and whether it is done."""

    mandatory: jax.Array
    work: jax.Array
    finished: jax.Array


_APART = 1.01
"""Where beliefs leave no room for a move, ``U`` is this multiple of ``L + D + 2 tau``."""


def _believed(params: PCMParams, spec: Spec) -> Spec:
    """The job with the price bounds that the learner believes in."""
    lower, upper = params.lower_scale * spec.lower, params.upper_scale * spec.upper
    least = lower + spec.move_bound + 2 * spec.switch_bound
    # Without beliefs of its own the learner takes the job's bounds as they are.
    doubt = (params.lower_scale != 1) | (params.upper_scale != 1)
    upper = jnp.where(doubt, jnp.maximum(upper, _APART * least), spec.upper)
    return replace(spec, lower=lower, upper=upper)


def _init(key: jax.Array, params: PCMParams, spec: Spec) -> PCMState:
    job = learn_job(params.metric, key, _believed(params, spec), competitive_ratio)
    decision = start_off(spec)
    return PCMState(job, decision, jnp.zeros(spec.lanes, decision.dtype))


def _act(
    key: jax.Array, params: PCMParams, state: PCMState, obs: Observation
) -> tuple[jax.Array, PCMState]:
    del key, params
    job, z = state.job, state.utilization
    phase = _phase(obs.slot, job, z)
    psi, done, room, forced, must = lift((job.pseudo_cost, z, 1 - z, phase.mandatory, phase.work))

    def work_at(price):
        # One sweep serves both: in the mandatory phase demand does not depend on the price. In the
        # other, work s pays off as long as psi(z + s) is above the price: s = psi^-1(price) - z.
        demand = jnp.clip(psi.inverse(price) - done, 0, jnp.maximum(room, 0))
        return jnp.where(forced, must, demand)

    throughput, inner = job.throughput(z.dtype), job.at(obs.slot).inner
    decision, work, _ = serve(obs.costs, inner, throughput, state.decision, work_at)
    decision = jnp.where(phase.finished[None], rest(state.decision), decision)
    work = jnp.where(phase.finished, 0, work)
    return decision, state._replace(decision=decision, utilization=z + work)


def _phase(slot: jax.Array, job: Job, utilization: jax.Array) -> _Phase:
    """Mandatory: the slots after this one cannot finish the job at the highest rate."""
    tolerance = finish_tolerance(utilization.dtype)
    left = jnp.maximum(1 - utilization, 0)
    finished = left <= tolerance
    # (T - t) max_u c_u, what the slots after this one can do.
    after = (job.deadline - slot) / jnp.asarray(job.length, utilization.dtype)
    if job.speed is not None:
        after = after * jnp.max(job.speed, axis=0)
    mandatory = ~finished & (after < left - tolerance)
    # Mandatory work is min(max_u c_u, 1 - z).
    fastest = jnp.max(job.throughput(left.dtype), axis=0)
    return _Phase(mandatory, jnp.minimum(left, fastest), finished)


pcm = Algorithm(_init, _act, keep)
"""Pseudo-cost minimisation; parameters :class:`PCMParams`."""
