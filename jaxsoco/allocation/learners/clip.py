"""CLIP: RORO clipped to black-box advice, in one region.

As in :mod:`RORO <jaxsoco.allocation.learners.roro>`, ``m_t`` is the fraction of slot ``t`` that
runs; the rate of ``psi`` is the robustness factor ``gamma(epsilon)``. It takes the advice's timing:
``a_t`` is the fraction that runs in slot ``t``, wherever that is, here at the region's own costs.
The learner keeps what it has spent (``SC``), what the advice pays (``ADV``) and does (``A``), and
``rho``, the work that it would have done without advice. In a slot at the cost ``f``::

    ADV <- ADV + f a_t + beta |a_t - a_{t-1}|,    A <- A + c a_t
    m_t = argmin_m  f m + beta |m - m_{t-1}| - int_rho^{rho + c m} psi
          subject to  SC + f m + beta |m - m_{t-1}| + beta |m - a_t| + beta a_t
                        + (1 - z - c m) L + max(A - z - c m, 0) (U - L)
                      <= (1 + epsilon) [ADV + beta a_t + (1 - A) L]
    SC <- SC + f m_t + beta |m_t - m_{t-1}|,    z <- z + c m_t
    rho <- rho + c min(m_t, m~_t)

where ``m~_t`` minimises without the constraint. Both sides are convex in the one number ``m``, so
that ``m_t`` is ``m~_t`` cut to the interval that the constraint leaves. Work that the slots after
this one cannot do must be done now.

The cost is at most ``1 + epsilon`` times the advice's and ``2 beta`` besides (switches around
work that the constraint reserves at the price ``U``); and, where one slot can do the whole job
(``J = 1``), ``gamma(epsilon)`` times the optimum.

Lechowicz, Christianson, Sun, Bashir, Hajiesmaili, Wierman, Shenoy, "Chasing convex functions with
long-term constraints", ICML 2024, arXiv 2402.14012, in one dimension, with the constants of its
generalisation ST-CLIP for ``D = 0`` (arXiv 2408.07831, section 4).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._one_region import (
    Limits,
    OneRegion,
    arrive_once,
    bounds_of,
    limits,
    run_fraction,
    slot_of,
)
from jaxsoco.allocation.learners._shared import advice_paths, keep
from jaxsoco.allocation.settings_rivals import CLIPParams
from jaxsoco.allocation.spec import Observation, Spec
from jaxsoco.allocation.theory.one_region import Slot, affordable, best_fraction
from jaxsoco.allocation.theory.pseudocost import robustness
from jaxsoco.core.lanes import spread
from jaxsoco.core.protocol import Algorithm


class CLIPState(NamedTuple):
    """The learner's state, ``[...]`` each.

    Attributes:
      job: in its region.
      epsilon: the trust.
      robust: ``rho``.
      spent: ``SC``.
      advised: ``a_{t-1}``.
      advice_cost: ``ADV``.
      advice_work: ``A``.
    """

    job: OneRegion
    epsilon: jax.Array
    robust: jax.Array
    spent: jax.Array
    advised: jax.Array
    advice_cost: jax.Array
    advice_work: jax.Array


def _init(key: jax.Array, params: CLIPParams, spec: Spec) -> CLIPState:
    del key
    bounds = bounds_of(spec)
    epsilon = spread(params.epsilon, bounds.switch)
    rate = robustness(epsilon, bounds.low, bounds.high, 0.0, bounds.switch)
    job = arrive_once(spec, bounds, rate)
    return CLIPState(job, epsilon, *(jnp.zeros_like(job.work),) * 5)


def _act(
    key: jax.Array, params: CLIPParams, state: CLIPState, obs: Observation
) -> tuple[jax.Array, CLIPState]:
    del key, params
    job, slot = state.job, slot_of(state.job, obs)
    advised = _timing(obs)
    state = state._replace(
        advised=advised,
        advice_cost=state.advice_cost + _charge(slot._replace(before=state.advised), advised),
        advice_work=state.advice_work + slot.rate * advised,
    )
    within = limits(job, obs)
    free = within.cut(best_fraction(slot, job.price, state.robust))
    low, high = _allowed(state, slot, within)
    decision, job = run_fraction(job, obs, jnp.clip(free, low, high), within)
    return decision, state._replace(
        job=job,
        robust=state.robust + slot.rate * jnp.minimum(free, job.on),
        spent=state.spent + _charge(slot, job.on),
    )


def _timing(obs: Observation) -> jax.Array:
    """``a_t``, the fraction of the slot that the advice runs anywhere, ``[...]``."""
    states, weights = advice_paths(obs.advice, obs.costs[:1])
    # All lanes are in the same slot.
    now = states[jnp.ravel(obs.slot)[0] - 1]
    return jnp.sum(jnp.where(now < obs.costs.shape[0], weights, 0), axis=0)


def _charge(slot: Slot, fraction: jax.Array) -> jax.Array:
    """``f m + beta |m - m_prev|``."""
    return slot.cost * fraction + slot.switch * jnp.abs(fraction - slot.before)


def _allowed(state: CLIPState, slot: Slot, within: Limits) -> tuple[jax.Array, jax.Array]:
    """The fractions that the constraint leaves, an interval."""
    psi, job, advised = state.job.price, state.job, state.advised
    tolerance = 1e-12 if advised.dtype == jnp.float64 else 3e-6
    way_back = slot.switch * advised
    future = state.advice_cost + way_back + (1 - state.advice_work) * psi.L
    budget = (1 + state.epsilon) * future
    # Sums over the slots before round: what is spent to the last is not exceeded by that.
    budget = budget + tolerance * (jnp.abs(budget) + psi.U * slot.rate)

    def excess(fraction):
        left = 1 - job.work - slot.rate * fraction
        lead = jnp.maximum(state.advice_work - job.work - slot.rate * fraction, 0)
        return (
            (state.spent + _charge(slot, fraction))
            + (slot.switch * jnp.abs(fraction - advised) + way_back)
            + (left * psi.L + lead * (psi.U - psi.L) - budget)
        )

    # The slope changes where the job was, at the advice, and where its lead is made up for.
    level = (state.advice_work - job.work) / slot.rate
    inner = (jnp.clip(x, 0, within.most) for x in (slot.before, advised, level))
    return affordable(excess, (jnp.zeros_like(advised), *inner, within.most))


clip = Algorithm(_init, _act, keep)
"""RORO clipped to advice; parameters :class:`CLIPParams`."""
