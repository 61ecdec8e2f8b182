"""Receding horizon gradient descent: steps over the whole horizon, as they become possible.

The cost of a path is ``sum_s f_s(x_s) + kappa / 2 |x_s - x_{s-1}|^2``. Its gradient in ``x_s``
needs the neighbours ``x_{s-1}`` and ``x_{s+1}`` only, so a learner that knows ``f_t .. f_{t+W-1}``
can do ``W`` steps on ``x_t`` before it plays it (Li, Qu, Li, IEEE Trans. Autom. Control 2020)::

    x^0_s = P(x^0_{s-1} - grad f_{s-1}(x^0_{s-1}) / l)                       level 0: gradient
    descent x^k_s = P(y^{k-1}_s - step grad_s(y^{k-1}))                             level k = 1 .. W
    y^k_s = x^k_s + momentum (x^k_s - x^{k-1}_s),    y^0 = x^0              RHAG; RHGD: momentum 0

    grad_s(y) = grad f_s(y_s) + kappa (2 y_s - y_{s-1} - y_{s+1}),  the last round without y_{s+1}

In round ``t`` level ``k`` gets its point of round ``t + W - k``, from the level before it: a
staircase that goes one round up at every step. What it plays are ``W`` projected gradient steps on
the whole horizon, begun at the path of level 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Terms(NamedTuple):
    """What the steps are made of.

    Attributes:
      gradient: ``(x [d, ...], theta of a round) -> [d, ...]``, of a hitting cost.
      project: ``[d, ...] -> [d, ...]``, onto the set of decisions.
      descent: ``1 / l``, of level 0, ``[...]``.
      step: of the other levels, ``[...]``.
      momentum: ``[...]``.
      kappa: weight of the movement, ``[...]``.
      start: ``x_0``, ``[d, ...]``.
      horizon: the last round ``T``.
    """

    gradient: Callable[[Array, Any], Array]
    project: Callable[[Array], Array]
    descent: Array
    step: Array
    momentum: Array
    kappa: Array
    start: Array
    horizon: Any


class Stairs(NamedTuple):
    """The last points of all levels after round ``t``, ``[W + 1, d, ...]`` each.

    Attributes:
      points: ``x^k`` of round ``t + W - k``.
      ahead: ``y^k`` of the same round.
      behind: ``y^k`` of the round before it.
    """

    points: Array
    ahead: Array
    behind: Array


def foot(start: Array, levels: int) -> Stairs:
    """Before anything is known of any round: all levels at ``x_0 [d, ...]``."""
    points = jnp.broadcast_to(start[None], (levels + 1, *start.shape))
    return Stairs(points, points, points)


def first(terms: Terms, theta: Any) -> Stairs:
    """The stairs in round 1, after the rounds ``2 - W .. 1`` of those that only prepare it.

    Args:
      terms: the steps.
      theta: of the rounds ``1 .. W``, leaves ``[W, ...]``, with ``W >= 1``.
    """
    levels = jax.tree.leaves(theta)[0].shape[0]

    def lengthened(x):
        return jnp.concatenate([jnp.repeat(x[:1], levels - 1, axis=0), x])

    padded = jax.tree.map(lengthened, theta)

    def prepare(stairs, j):
        seen = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, j, levels), padded)
        return climb(terms, stairs, seen, 2 - levels + j), None

    rounds = jnp.arange(levels, dtype=jnp.int32)
    return jax.lax.scan(prepare, foot(terms.start, levels), rounds)[0]


def climb(terms: Terms, stairs: Stairs, theta: Any, t: Array | int) -> Stairs:
    """Round ``t``, in which ``f_{t+W-1}`` becomes known: every level gets one more point.

    Args:
      terms: the steps.
      stairs: after round ``t - 1``.
      theta: of the rounds ``t .. t + W - 1``, leaves ``[W, ...]``, with ``W >= 1``.
      t: the round, int32 ``[]``.
    """
    levels = stairs.points.shape[0] - 1
    newest = jax.tree.map(lambda x: x[-1], theta)
    ground = descend(terms, stairs.points[0], newest)

    def level(below, now):
        # Below is y^{k-1} of round s + 1; behind it those of s and s - 1.
        k, old, y, before, data = now
        s = t + levels - k
        slope = terms.gradient(y, data)
        pull = terms.kappa[None] * jnp.where(s == terms.horizon, y - before, 2 * y - before - below)
        x = terms.project(y - terms.step[None] * (slope + pull))
        ahead = x + terms.momentum[None] * (x - old)
        x, ahead = (jnp.where(s < 1, terms.start, new) for new in (x, ahead))
        return ahead, (x, ahead)

    backwards = jax.tree.map(lambda x: x[::-1], theta)
    order = jnp.arange(1, levels + 1, dtype=jnp.int32)
    inputs = (order, stairs.points[:-1], stairs.ahead[:-1], stairs.behind[:-1], backwards)
    _, (points, ahead) = jax.lax.scan(level, ground, inputs)
    points, ahead = (jnp.concatenate([ground[None], x]) for x in (points, ahead))
    return Stairs(points, ahead, stairs.ahead)


def descend(terms: Terms, x: Array, theta: Any) -> Array:
    """Level 0: ``P(x - grad f(x) / l)``, the point of the following round."""
    return terms.project(x - terms.descent[None] * terms.gradient(x, theta))
