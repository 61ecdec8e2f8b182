"""Slopes of the work function at given places: thresholds of the integers, nodes of a grid.

At a fixed place the recursion ``s_t = f_t' + clip(s_{t-1}, -down, up)`` of
:mod:`~jaxsoco_kernels.slopes` is one number. On the integers ``0..m``, with costs that are linear
in between, ``m`` of them are all there is: threshold ``i`` says whether ``x > i``. On a grid of
nodes they are exact, and what is between the nodes is taken for linear.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco_kernels.lanes import align, spread, take
from jaxsoco_kernels.shapes import expect

Array = jax.Array
Scalar = Any
"""An array ``[...]`` or a number."""


def initial(places: Array, start: Scalar, up: Scalar, down: Scalar) -> Array:
    """The slope before the first round at ``places``: ``up`` from the start on, ``-down`` before.

    >>> from jaxsoco_kernels import thresholds
    >>> thresholds.initial(jnp.arange(3.0), 1.0, 2.0, 0.5).tolist()
    [-0.5, 2.0, 2.0]

    Args:
      places: ``[n]``. For the integers ``0..m``: ``0..m-1``, threshold ``i`` being ``x > i``.
      start: the first position, ``[...]`` or a scalar.
      up, down: prices of moving, ``[...]`` or scalars.

    Returns:
      ``[n, ...]``.
    """
    expect(places=(places, "n"), start=(start, "..."), up=(up, "..."), down=(down, "..."))
    start, up, down = (jnp.asarray(x) for x in (start, up, down))
    lanes = jnp.broadcast_shapes(start.shape, up.shape, down.shape)
    like = jnp.zeros(lanes, jnp.result_type(start, up, down, float))
    start, up, down = spread((start, up, down), like)
    right = align(jnp.asarray(places, like.dtype), 1, len(lanes)) >= start[None]
    return jnp.where(right, up[None], -down[None])


def threshold_step(s: Array, difference: Array, up: Scalar, down: Scalar) -> Array:
    """One round on the integers: ``difference + clip(s, -down, up)`` at every threshold.

    >>> from jaxsoco_kernels import thresholds
    >>> before = thresholds.initial(jnp.arange(2), 0.0, 1.0, 1.0)  # thresholds x > 0 and x > 1
    >>> thresholds.threshold_step(before, jnp.array([-3.0, -1.5]), 1.0, 1.0).tolist()
    [-2.0, -0.5]

    Args:
      s: slopes of the round before, ``[m, ...]``.
      difference: ``f(i + 1) - f(i)`` for ``i = 0..m-1``, ``[m, ...]``; large, but not infinite,
        where a position is forbidden.
      up, down: prices of moving, ``[...]`` or scalars.

    Returns:
      ``[m, ...]``: threshold ``x > i`` should be up where this is below ``-down``, and not where it
      is above ``up`` (:func:`trigger`).
    """
    s, difference = jnp.asarray(s), jnp.asarray(difference)
    named = {"up": (up, "..."), "down": (down, "...")}
    expect(s=(s, "m ..."), difference=(difference, "m ..."), **named)
    return difference + _clip(s, up, down)


def grid_step(s: Array, slope: Array, up: Scalar, down: Scalar) -> Array:
    """One round on a grid: ``slope + clip(s, -down, up)`` at every node.

    The work function's slope at the nodes is exact; what is between them is linear, so that
    :func:`crossing` is off by a share of a cell.

    >>> from jaxsoco_kernels import thresholds
    >>> nodes = jnp.linspace(0.0, 4.0, 5)
    >>> s = thresholds.grid_step(thresholds.initial(nodes, 0.0, 1.0, 1.0), nodes - 3, 1.0, 1.0)
    >>> [float(thresholds.crossing(nodes, s, level)) for level in (-1.0, 1.0)]
    [1.0, 3.0]

    Args:
      s: slopes of the round before, ``[n, ...]`` (:func:`initial`).
      slope: ``f'`` at the nodes, ``[n, ...]``.
      up, down: prices of moving, ``[...]`` or scalars.
    """
    s, slope = jnp.asarray(s), jnp.asarray(slope)
    named = {"up": (up, "..."), "down": (down, "...")}
    expect(s=(s, "n ..."), slope=(slope, "n ..."), **named)
    return slope + _clip(s, up, down)


def crossing(nodes: Array, s: Array, level: Scalar, *, last: bool = False) -> Array:
    """The first place where a slope on a grid reaches ``level``, or the last where it is no more.

    With ``-down`` and ``up``, ``last`` for the latter, these are ``L`` and ``U``; the quantile
    ``u`` of ``P`` is at ``u (up + down) - down``.

    >>> from jaxsoco_kernels import thresholds
    >>> float(thresholds.crossing(jnp.arange(3.0), jnp.array([-1.0, 1.0, 5.0]), 0.0))
    0.5

    Args:
      nodes: ascending, ``[n]``.
      s: nondecreasing, ``[n, ...]``.
      level: ``[...]`` or a scalar.
      last: static.

    Returns:
      ``[...]``; an end of the grid where the slope does not reach the level.
    """
    nodes, s = jnp.asarray(nodes), jnp.asarray(s)
    expect(nodes=(nodes, "n"), s=(s, "n ..."))
    expect(s=(s, "n ..."), level=(level, "..."))
    (level,) = spread((level,), s[0])
    size = s.shape[0]
    index = jnp.sum(s <= level[None] if last else s < level[None], axis=0)
    before, at = jnp.clip(index - 1, 0, size - 1), jnp.clip(index, 0, size - 1)
    places = align(nodes.astype(s.dtype), 1, s.ndim - 1)
    (p0, s0), (p1, s1) = ((take(places, i), take(s, i)) for i in (before, at))
    share = (level - s0) / jnp.where(s1 > s0, s1 - s0, 1)
    return jnp.where((index == 0) | (index == size), p1, p0 + (p1 - p0) * share)


def grid_mean(nodes: Array, s: Array, up: Scalar, down: Scalar) -> Array:
    """Mean of the distribution ``P = (clip(s) + down) / (up + down)`` on a grid, by trapezoids.

    >>> from jaxsoco_kernels import thresholds
    >>> float(thresholds.grid_mean(jnp.arange(3.0), jnp.array([-1.0, 1.0, 5.0]), 1.0, 1.0))
    0.5

    Args:
      nodes: ascending, ``[n]``; what of ``P`` is outside counts at the ends.
      s: ``[n, ...]``.
      up, down: prices of moving, not both 0, ``[...]`` or scalars.
    """
    nodes, s = jnp.asarray(nodes), jnp.asarray(s)
    expect(nodes=(nodes, "n"), s=(s, "n ..."))
    expect(s=(s, "n ..."), up=(up, "..."), down=(down, "..."))
    up, down = spread((up, down), s[0])
    share = (jnp.clip(s, -down[None], up[None]) + down[None]) / (up + down)[None]
    places = align(nodes.astype(s.dtype), 1, s.ndim - 1)
    area = (places[1:] - places[:-1]) * (share[1:] + share[:-1]) / 2
    return places[-1] - jnp.sum(area, axis=0)


def trigger(on: Array, s: Array, up: Scalar, down: Scalar) -> Array:
    """Which thresholds are exceeded: set below ``-down``, reset above ``up``, else as before.

    Forwards through the rounds this is lazy capacity provisioning, backwards from
    ``s_T < 0`` the offline optimum; the position is the number of thresholds that are on.

    >>> from jaxsoco_kernels import thresholds
    >>> thresholds.trigger(jnp.zeros(2, bool), jnp.array([-2.0, -0.5]), 1.0, 1.0).tolist()
    [True, False]

    Args:
      on: ``[m, ...]``.
      s: ``[m, ...]``.
      up, down: prices of moving, ``[...]`` or scalars.
    """
    on, s = jnp.asarray(on), jnp.asarray(s)
    expect(on=(on, "m ..."), s=(s, "m ..."), up=(up, "..."), down=(down, "..."))
    up, down = spread((up, down), s[0])
    return (s < -down[None]) | ((s <= up[None]) & on)


def threshold_path(differences: Array, start: Scalar, up: Scalar, down: Scalar) -> Array:
    """The integral positions that cost least over a whole horizon, exactly; ties go down.

    >>> from jaxsoco_kernels import thresholds
    >>> costs = jnp.array([[4.0, 1.0, 0.0], [0.0, 0.5, 2.0], [3.0, 1.0, 0.0]])  # of 0, 1, 2
    >>> thresholds.threshold_path(jnp.diff(costs), 0.0, 0.8, 0.8).tolist()
    [1, 1, 2]

    Args:
      differences: ``f_t(i + 1) - f_t(i)``, nondecreasing in ``i``, ``[T, m, ...]``.
      start: an integer in ``0..m``, ``[...]`` or a scalar.
      up, down: prices of moving, ``[...]`` or scalars.

    Returns:
      int32 ``[T, ...]``.
    """
    differences = jnp.asarray(differences)
    named = {"start": (start, "..."), "up": (up, "..."), "down": (down, "...")}
    expect(differences=(differences, "T m ..."), **named)
    start, up, down = spread((start, up, down), differences[0, 0])
    first = initial(jnp.arange(differences.shape[1]), start, up, down)

    def forward(s, difference):
        s = threshold_step(s, difference, up, down)
        return s, s

    def backward(on, now):
        s, last = now
        on = jnp.where(last, s < 0, trigger(on, s, up, down))
        return on, jnp.sum(on, axis=0, dtype=jnp.int32)

    end, s = jax.lax.scan(forward, first.astype(differences.dtype), differences)
    last = jnp.arange(differences.shape[0]) == differences.shape[0] - 1
    return jax.lax.scan(backward, end < 0, (s, last), reverse=True)[1]


def _clip(s: Array, up: Scalar, down: Scalar) -> Array:
    up, down = spread((up, down), s[0])
    return jnp.clip(s, -down[None], up[None])
