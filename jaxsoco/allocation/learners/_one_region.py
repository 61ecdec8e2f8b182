"""What the learners share whose job stays where it arrived, and may run fractions of slots."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._shared import refuse_speeds
from jaxsoco.allocation.settings_rivals import Beliefs
from jaxsoco.allocation.spec import Observation, Spec, finish_tolerance
from jaxsoco.allocation.theory.one_region import Slot
from jaxsoco.allocation.theory.pseudocost import PseudoCost, competitive_ratio
from jaxsoco.core.lanes import one_hot, spread, take

_APART = 1.01
"""Where beliefs leave no room for switches, ``U`` is this multiple of ``L + 2 tau``."""


class Bounds(NamedTuple):
    """What a unit of work may cost in the region: ``L``, ``U`` and ``tau``, ``[...]`` each."""

    low: jax.Array
    high: jax.Array
    switch: jax.Array

    def price(self, rate: jax.Array) -> PseudoCost:
        """The pseudo-cost with these bounds and without moves."""
        return PseudoCost(self.low, self.high, jnp.zeros_like(self.low), self.switch, rate)


class OneRegion(NamedTuple):
    """A job in its region, ``[...]`` each.

    Attributes:
      price: the pseudo-cost ``psi``, leaves ``[...]``.
      switch: ``beta``, cost of switching the whole job.
      rate: ``c = 1 / J``.
      place: where the job arrived, int32.
      deadline: ``T``, int32.
      on: fraction of the last slot that ran.
      work: work done, ``z``.
    """

    price: PseudoCost
    switch: jax.Array
    rate: jax.Array
    place: jax.Array
    deadline: jax.Array
    on: jax.Array
    work: jax.Array


class Limits(NamedTuple):
    """Fractions of the slot that the work left allows: the least and the most, ``[...]``.

    Attributes:
      slack: the fraction in which no more work is done than counts as nothing.
    """

    least: jax.Array
    most: jax.Array
    slack: jax.Array

    def cut(self, fraction: jax.Array) -> jax.Array:
        """The allowed fraction that is nearest; the most where it is that but for the slack."""
        # At the price L the pseudo-cost wants just what is left. What it wants has a slope of its
        # own, and the difference is never made up for: the job counts as done.
        whole = fraction >= self.most - self.slack
        return jnp.where(whole, self.most, jnp.clip(fraction, self.least, self.most))


def bounds_of(spec: Spec) -> Bounds:
    """``L`` and ``U`` of the job, and ``tau`` of the region where it arrives.

    Raises:
      ValueError: the points work at different speeds.
    """
    refuse_speeds(spec, "it never leaves its region, which may be too slow for the deadline")
    low, high = (jnp.broadcast_to(x, spec.lanes) for x in (spec.lower, spec.upper))
    return Bounds(low, high, _own_switch(spec) / spec.throughput[0])


def _own_switch(spec: Spec) -> jax.Array:
    """``beta`` of the region where the job arrives, ``[...]``."""
    switch = jnp.broadcast_to(spec.metric.switch, (spec.points, *spec.lanes))
    return take(switch, jnp.broadcast_to(spec.start, spec.lanes))


def believed(params: Beliefs, bounds: Bounds) -> Bounds:
    """``lower_scale`` and ``upper_scale`` times the job's bounds, with room for switches."""
    scales = spread((params.lower_scale, params.upper_scale), bounds.low)
    low, high = scales[0] * bounds.low, scales[1] * bounds.high
    least = _APART * (low + 2 * bounds.switch)
    return bounds._replace(low=low, high=jnp.maximum(high, least))


def arrive_once(spec: Spec, bounds: Bounds, rate: jax.Array | None = None) -> OneRegion:
    """The state before the first slot: OFF where the job arrives, nothing done.

    Args:
      spec: the job.
      bounds: what it believes of prices.
      rate: of the pseudo-cost ``[...]``; the competitive ratio if None.
    """
    low, high, switch = bounds
    rate = competitive_ratio(low, high, 0.0, switch) if rate is None else rate
    start, deadline = (
        jnp.broadcast_to(jnp.asarray(x, jnp.int32), spec.lanes) for x in (spec.start, spec.deadline)
    )
    own = _own_switch(spec)
    nothing = jnp.zeros(spec.lanes, own.dtype)
    pace = jnp.broadcast_to(spec.throughput[0], spec.lanes)
    return OneRegion(bounds.price(rate), own, pace, start, deadline, nothing, nothing)


def slot_of(state: OneRegion, obs: Observation) -> Slot:
    """The slot in the job's region."""
    return Slot(take(obs.costs, state.place), state.switch, state.rate, state.on)


def limits(state: OneRegion, obs: Observation) -> Limits:
    """At least what the slots after this one cannot do, at most what is left.

    The compulsory trade is no more than that, so that costs change continuously with the decisions
    before it.
    """
    left, nothing = 1 - state.work, finish_tolerance(state.work.dtype)
    left = jnp.where(left <= nothing, 0, left) / state.rate
    after = jnp.maximum(state.deadline - obs.slot, 0)
    return Limits(jnp.clip(left - after, 0, 1), jnp.minimum(left, 1), nothing / state.rate)


def run_fraction(
    state: OneRegion, obs: Observation, fraction: jax.Array, within: Limits
) -> tuple[jax.Array, OneRegion]:
    """Runs a fraction of the slot, as far as it is allowed: decision ``[2n, ...]`` and state."""
    on = within.cut(fraction)
    here = one_hot(state.place, obs.costs.shape[0]).astype(on.dtype)
    decision = jnp.concatenate([here * on[None], here * (1 - on)[None]])
    return decision, state._replace(on=on, work=state.work + state.rate * on)
