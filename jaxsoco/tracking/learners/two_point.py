"""Zeroth-order descent: steps along the difference of two noisy costs, without a model of them.

It stands at ``b``, a deviation from the minimiser, and plays two points around it in two rounds::

    round 2k - 1:   b <- b - delta_t (it stays where it is),  u uniform on the sphere,
                    y_t = b + radius u, observes f+
    round 2k:       it goes along with the minimiser,  y_t = b - radius u, observes f-
    afterwards:     b <- b - s u,  s = eta d (f+ - f-) / (2 radius), at most |b| either way

``d (f+ - f-) / (2 radius) u`` is an unbiased estimate of the gradient ``A b``: for a quadratic the
difference is exact, up to noise. No step is longer than the way to the minimiser, which it sees.

The classical guarantees, regret of order ``sqrt(T)`` with two points a round, are against a fixed
decision; a walking minimiser is as far from that as can be. It is here as what one gets without any
model, and not as a recommendation.

Agarwal, Dekel, Xiao, "Optimal algorithms for online convex optimization with multi-point bandit
feedback", COLT 2010; Shamir, "An optimal algorithm for bandit and zero-order convex optimization
with two-point feedback", JMLR 18, 2017.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import lift, spread
from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.settings_rivals import TwoPointParams
from jaxsoco.tracking.spec import Feedback, Observation, Spec
from jaxsoco.tracking.theory.algebra import square


class TwoPointState(NamedTuple):
    """Where it stands.

    Attributes:
      clock: rounds that are over, int32, shared by all lanes.
      base: ``b [d, ...]``.
      direction: ``u [d, ...]``.
      value: ``f+ [...]``.
    """

    clock: jax.Array
    base: jax.Array
    direction: jax.Array
    value: jax.Array


def _init(key: jax.Array, params: TwoPointParams, spec: Spec) -> TwoPointState:
    del params
    start = jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)
    return TwoPointState(jnp.zeros((), jnp.int32), start, start, start[0])


def _act(
    key: jax.Array, params: TwoPointParams, state: TwoPointState, obs: Observation
) -> tuple[jax.Array, TwoPointState]:
    first = state.clock % 2 == 0
    draw = random.normal(key, state.base.shape[:1], state.base.dtype)
    direction = jnp.where(first, draw / _length(draw)[None], state.direction)
    base = jnp.where(first, state.base - obs.increment, state.base)
    radius = lift(spread(params.radius, state.value))
    action = base + jnp.where(first, radius, -radius) * direction
    return action, state._replace(base=base, direction=direction)


def _update(
    params: TwoPointParams, state: TwoPointState, action: jax.Array, feedback: Feedback
) -> TwoPointState:
    del action
    first, size = state.clock % 2 == 0, state.base.shape[0]
    rate, radius = spread((params.learning_rate, params.radius), feedback.value)
    slope = size * (state.value - feedback.value) / (2 * radius)
    way = _length(state.base)
    step = jnp.clip(rate * slope, -way, way)
    return TwoPointState(
        clock=state.clock + 1,
        base=jnp.where(first, state.base, state.base - step[None] * state.direction),
        direction=state.direction,
        value=jnp.where(first, feedback.value, state.value),
    )


def _length(vector: jax.Array) -> jax.Array:
    """``|x|``, with a derivative at 0."""
    return jnp.sqrt(jnp.maximum(square(vector), jnp.finfo(vector.dtype).tiny))


two_point = Algorithm(_init, _act, _update)
"""Zeroth-order descent; parameters :class:`~jaxsoco.tracking.TwoPointParams`."""
