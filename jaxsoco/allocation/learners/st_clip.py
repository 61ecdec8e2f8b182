"""ST-CLIP: PCM clipped to black-box advice (arXiv 2408.07831, section 4 and algorithm 2).

As in :mod:`PCM <jaxsoco.allocation.learners.pcm>`, ``k_t`` is a distribution over states, ``z`` the
work done and ``c = 1 / J``; the rate of ``psi`` is the robustness factor ``gamma(epsilon)`` here.
Besides, the learner keeps what it has spent (``SC``), what the advice has paid (``ADV``) and done
(``A``), and ``rho``, the work that it would have done without advice. In slot ``t``, with costs
``f`` and the advised decision ``a_t``, one state or a mix of a few, whose work is ``c(a_t)``:

1. The advice moves on::

       ADV <- ADV + f . a_t + W1(a_t, a_{t-1}),    A <- A + c(a_t)

2. The decision keeps enough to return to the advice and, at worst, to pay ``U`` for work that the
   advice has done ahead::

       k_t = argmin_{c . k <= 1 - z}  f . k + W1_T(k, k_{t-1}) - int_rho^{rho + c . k} psi
       subject to  SC + f . k + W1(k, k_{t-1}) + W1(k, a_t) + tau c(a_t)
                     + (1 - z - c . k) L + max(A - z - c . k, 0) (U - L)
                   <= (1 + epsilon) [ADV + tau c(a_t) + (1 - A) L]

   ``W1_T`` is taken in a random tree that dominates the metric, or in the metric itself. Where
   distances change (SOAD-T), every term has those of slot ``t``, but for ``W1(k, a_t)``: the way
   back may have to be gone in any later slot, and has the largest distance of every pair.
3. ``SC <- SC + f . k_t + W1(k_t, k_{t-1})``, ``z <- z + c . k_t``,
   ``rho <- rho + min(c . k_t, c . k~_t)``, where ``k~_t`` solves 2 without the constraint.

A job that is finished (``z = 1``) goes OFF where it is. Where the slots after this one cannot
finish it, step 2 must do what they cannot, by the true metric. If points differ in their rates
these are the advised points' in every slot: where the advice goes, it can be followed. The cost is
at most ``gamma(epsilon)`` times the optimum up to the tree's distortion, and at most
``1 + epsilon`` times the advice's, plus ``2 tau c`` at worst: for work in which it is behind the
advice, the constraint reserves the price ``U``, but not the switches around that work. Against the
adversary E.3 that happens; such a slot counts as a fault.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import (
    Job,
    advice_paths,
    keep,
    learn_job,
    rest,
    start_off,
    work_of,
)
from jaxsoco.allocation.settings import STCLIPParams
from jaxsoco.allocation.spec import Observation, Spec, finish_tolerance
from jaxsoco.allocation.theory.clip import stclip_step
from jaxsoco.allocation.theory.metric import StateMetric, movement
from jaxsoco.allocation.theory.mixes import marginal, state_work
from jaxsoco.allocation.theory.pseudocost import robustness
from jaxsoco.core.lanes import spread, where
from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco_kernels.info import Status


class STCLIPState(NamedTuple):
    """The learner's state, ``[...]`` each but the decision.

    Attributes:
      job: what it knows of the job.
      epsilon: its trust.
      decision: ``k``, ``[2n, ...]``.
      utilization: ``z``.
      robust: ``rho``.
      spent: ``SC``.
      start: the state before the first slot, OFF where the job arrives, int32.
      advice_cost: ``ADV``.
      advice_work: ``A``.
      faults: slots in which even following the advice would have exceeded the budget, int32.
    """

    job: Job
    epsilon: jax.Array
    decision: jax.Array
    utilization: jax.Array
    robust: jax.Array
    spent: jax.Array
    start: jax.Array
    advice_cost: jax.Array
    advice_work: jax.Array
    faults: jax.Array


class _Advice(NamedTuple):
    """The advice after this slot: where it is, ``ADV``, ``A``, and the budget that it allows.

    ``target`` is a state ``[...]``, or states ``[A, ...]`` and their weights ``[A, ...]``.
    """

    target: jax.Array | tuple[jax.Array, jax.Array]
    cost: jax.Array
    work: jax.Array
    budget: jax.Array


def _init(key: jax.Array, params: STCLIPParams, spec: Spec) -> STCLIPState:
    decision = start_off(spec)
    zeros = jnp.zeros(spec.lanes, decision.dtype)
    epsilon = spread(params.epsilon, zeros)
    job = learn_job(params.metric, key, spec, partial(robustness, epsilon))
    faults = jnp.zeros(zeros.shape, jnp.int32)
    start = jnp.broadcast_to(jnp.asarray(spec.start + spec.points, jnp.int32), spec.lanes)
    return STCLIPState(job, epsilon, decision, zeros, zeros, zeros, start, zeros, zeros, faults)


def _act(
    key: jax.Array, params: STCLIPParams, state: STCLIPState, obs: Observation
) -> tuple[jax.Array, STCLIPState]:
    del key, params
    job, z, previous = state.job, state.utilization, state.decision
    inner, metric, farthest = job.at(obs.slot)
    n = obs.costs.shape[0]
    tolerance = finish_tolerance(z.dtype)
    finished = 1 - z <= tolerance
    throughput = job.throughput(z.dtype)
    advice = _advice(state, obs, throughput, metric)
    least = _least_work(state, obs, throughput)
    decision, _, info = stclip_step(
        obs.costs,
        # Work that later slots cannot do is placed by the true metric.
        where(least > tolerance, metric, inner),
        metric,
        throughput,
        previous,
        z,
        state.robust,
        advice.target,
        advice.work,
        state.spent,
        advice.budget,
        job.pseudo_cost,
        least=least,
        return_metric=farthest,
    )
    decision = jnp.where(finished[None], rest(previous), decision)
    # Step 3: z, and SC in the true metric.
    work = work_of(decision, throughput)
    move, switch = movement(decision, previous, metric)
    spent = state.spent + jnp.sum(obs.costs * decision[:n], axis=0) + move + switch
    # The constraint reserves a way back to the advice. A decision that ends the job needs none: all
    # that it still owes is its own switch-off.
    owed = spent + jnp.sum(metric.switch * decision[:n], axis=0)
    affordable_end = (z + work >= 1 - tolerance) & (owed <= advice.budget * (1 + tolerance))
    active = ~finished & (obs.slot <= job.deadline)
    return decision, state._replace(
        decision=decision,
        utilization=z + work,
        robust=jnp.where(active, info.robust_utilization, state.robust),
        spent=spent,
        advice_cost=advice.cost,
        advice_work=advice.work,
        faults=state.faults + (active & (info.status != Status.OK) & ~affordable_end),
    )


def _advice(
    state: STCLIPState, obs: Observation, throughput: jax.Array, metric: StateMetric
) -> _Advice:
    """Step 1, and the right side of the constraint in step 2."""
    psi = state.job.pseudo_cost
    states, weights = advice_paths(obs.advice, throughput[:1])
    # All lanes are in the same slot.
    slot = jnp.ravel(obs.slot)[0]
    now = states[slot - 1]
    before = jnp.where(slot == 1, state.start[None], states[jnp.maximum(slot - 2, 0)])
    # c(a_t)
    runs = jnp.sum(weights * state_work(now, throughput, metric.points), axis=0)
    if states.shape[1] == 1:
        target, charge = now[0], _state_charge(now[0], before[0], metric, obs.costs)
    else:
        target, charge = (now, weights), _mix_charge(now, before, weights, metric, obs.costs)
    cost, work = state.advice_cost + charge, state.advice_work + runs
    # budget = (1 + epsilon) [ADV + tau c(a_t) + (1 - A) L]
    future = psi.tau * runs + (1 - work) * psi.L
    return _Advice(target, cost, work, (1 + state.epsilon) * (cost + future))


def _mix_charge(
    states: jax.Array,
    before: jax.Array,
    weights: jax.Array,
    metric: StateMetric,
    costs: jax.Array,
) -> jax.Array:
    """``f . a_t + W1(a_t, a_{t-1})`` for advice that mixes states ``[A, ...]``."""
    n = metric.points
    decision = marginal(states, weights, n)
    move, switch = movement(decision, marginal(before, weights, n), metric)
    return jnp.sum(costs * decision[:n], axis=0) + move + switch


def _state_charge(
    place: jax.Array, before: jax.Array, metric: StateMetric, costs: jax.Array
) -> jax.Array:
    """``f . a_t + W1(a_t, a_{t-1})`` for advice that goes from state ``before`` to ``place``."""
    n = metric.points
    points = jnp.arange(n).reshape(n, *(1,) * place.ndim)
    here, there = points == (place % n)[None], points == (before % n)[None]
    service = jnp.sum(jnp.where(here & (place < n)[None], costs, 0), axis=0)
    # One entry of the distance, d(before, place), and beta at every end that is OFF.
    moved = jnp.sum(jnp.where(there[:, None] & here[None], metric.distance, 0), axis=(0, 1))
    off = jnp.where(here & (place >= n)[None], 1, 0) + jnp.where(there & (before >= n)[None], 1, 0)
    switched = jnp.sum(off * metric.switch, axis=0)
    return service + jnp.where(place == before, 0, moved + switched)


def _least_work(state: STCLIPState, obs: Observation, throughput: jax.Array) -> jax.Array:
    """Work that the slots after this one cannot do, ``[...]``.

    Only that is mandatory, and within the budget. At full rate and the cheapest way, as in the
    paper, the last slots may part from the advice for good, and 2 of 15,000 jobs paid more than
    ``1 + epsilon`` times its cost.
    """
    fastest = jnp.max(throughput, axis=0)
    left = _work_left(obs, throughput, state.job.deadline)
    return jnp.clip(1 - state.utilization - left, 0, fastest)


def _work_left(obs: Observation, throughput: jax.Array, deadline: jax.Array) -> jax.Array:
    """Work of the slots after this one, fully ON at the advised points, ``[...]``."""
    if throughput.shape[0] == 1:
        # (T - t) c
        return jnp.maximum(deadline - obs.slot, 0) * throughput[0]
    states, weights = advice_paths(obs.advice, throughput[:1])
    n = throughput.shape[0]

    def add(t, work):
        # sum_a w_a c(point of a in slot t + 1)
        rate = jnp.sum(weights * state_work(states[t] % n, throughput, n), axis=0)
        return work + jnp.where((t >= obs.slot) & (t < deadline), rate, 0)

    return jax.lax.fori_loop(0, states.shape[0], add, jnp.zeros_like(throughput[0]))


# Where the budget binds a step mixes two plans that are almost one: the derivative is a quotient of
# their differences, and which plans they are hangs on whether earlier steps have spent all of it.
st_clip = Algorithm(_init, _act, keep, faults=counted_faults, slopes="float64")
"""Consistent and robust learner; parameters :class:`STCLIPParams`."""
