"""Positions on a line that cost least over a whole horizon: bisection of all thresholds at once.

``min sum_t f_t(x_t) + up (x_t - x_{t-1})^+ + down (x_{t-1} - x_t)^+`` over ``lo <= x_t <= hi``.
For one threshold ``h`` in all rounds, which ``x_t`` exceed ``h`` is a problem of two states:

    s_t = f_t'(h) + clip(s_{t-1}, -down, up),    s_0 = up if h >= x_0 else -down,
    x_t > h  iff  s_t < -down, or s_t <= up and x_{t+1} > h;    x_T > h  iff  s_T < 0.

The thresholds may differ between rounds that are known to be apart: if ``x_t > h >= x_{t+1}``, the
movement between them costs ``down (x_t - x_{t+1})``, linear, and the edge's clip shrinks to the one
value ``-down``; likewise to ``up`` for a step up. So every sweep halves the brackets of all
rounds, and rounds that no sweep has parted have the same bracket. (A chain's case of parametric
flow; Hochbaum, J. ACM 48, 2001.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Ends(NamedTuple):
    """What frames the positions, ``[...]`` each: the first one, prices of moving, the box."""

    start: Array
    up: Array
    down: Array
    lo: Array
    hi: Array


class Chain(NamedTuple):
    """The positions and how they hang together.

    Attributes:
      path: ``[T, ...]``.
      bottom, top: the clip of the edge behind each round, ``[T, ...]``: both are ``up`` where the
        path rises there, ``-down`` where it falls, 0 behind the last round.
    """

    path: Array
    bottom: Array
    top: Array


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def positions(slope: Callable[[Array, Any], Array], sweeps: int, theta: Any, ends: Ends) -> Chain:
    """Sweeps ``sweeps`` times; ``slope(x [T, ...], theta) -> [T, ...]`` are the costs' slopes."""
    start, up, down, lo, hi = ends
    rounds = jax.tree.leaves(theta)[0].shape[0]
    last = (jnp.arange(rounds) == rounds - 1).reshape(-1, *(1,) * start.ndim)
    bottom, top = jnp.where(last, 0, -down[None]), jnp.where(last, 0, up[None])
    floor = jnp.broadcast_to(lo[None], bottom.shape)

    def sweep(_, state):
        floor, bottom, top, width = state
        half = width / 2
        threshold = floor + half[None]
        slopes = slope(threshold, theta)
        first = jnp.where(threshold[0] >= start, up, -down)

        def forward(before, now):
            rise, low, high = now
            s = rise + before
            return jnp.clip(s, low, high), s

        def backward(following, now):
            s, low, high = now
            above = (s < low) | ((s <= high) & following)
            # Rounds on both sides of the threshold are parted: the edge's cost is linear from now.
            parted_low = jnp.where(following & ~above, high, low)
            parted_high = jnp.where(above & ~following, low, high)
            return above, (above, parted_low, parted_high)

        _, s = jax.lax.scan(forward, first, (slopes, bottom, top))
        none = jnp.zeros(start.shape, bool)
        _, (above, bottom, top) = jax.lax.scan(backward, none, (s, bottom, top), reverse=True)
        return jnp.where(above, threshold, floor), bottom, top, half

    state = (floor, bottom, top, hi - lo)
    floor, bottom, top, width = jax.lax.fori_loop(0, sweeps, sweep, state)
    return Chain(_settled(floor, width, ends), bottom, top)


def _settled(floor: Array, width: Array, ends: Ends) -> Array:
    """The middle of each bracket, or what is special in it: the start, or an end of the box."""
    start, lo, hi = ends.start[None], ends.lo[None], ends.hi[None]
    middle = floor + width[None] / 2
    # Of the half width, and of the rounding of the sums that the floor is made of.
    near = 0.51 * width[None] + 4 * jnp.finfo(floor.dtype).eps * jnp.abs(start)
    path = jnp.where(jnp.abs(middle - start) <= near, start, middle)
    rounding = 4 * jnp.finfo(floor.dtype).eps * jnp.abs(hi)
    path = jnp.where(middle + width[None] + rounding >= hi, hi, path)
    return jnp.where(floor <= lo, lo, path)


@positions.defjvp
def _positions_jvp(slope, sweeps, primals, tangents):
    """Rounds that hang together move as one: ``sum f_t'' dx = -(sum df_t' + d(edges in - out))``.

    At the start or at an end of the box they move as it does.
    """
    theta, ends = primals
    d_theta, d_ends = tangents
    chain = positions(slope, sweeps, theta, ends)
    path, bottom, top = chain
    _, d_slope = jax.jvp(lambda data: slope(path, data), (theta,), (d_theta,))
    _, curvature = jax.jvp(lambda x: slope(x, theta), (path,), (jnp.ones_like(path),))
    # What the edges add: into a round that of the edge before it, out of it that behind it.
    parted = bottom == top
    up, down = d_ends.up, d_ends.down
    behind = jnp.where(parted, jnp.where(bottom == ends.up[None], up[None], -down[None]), 0)
    behind = jnp.concatenate([behind[:-1], jnp.zeros_like(behind[:1])])
    first = jnp.where(path[0] >= ends.start, up, -down)
    before = jnp.concatenate([first[None], behind[:-1]])
    force, stiffness = _joined(d_slope + before - behind, parted), _joined(curvature, parted)
    change = -force / jnp.where(stiffness > 0, stiffness, 1)
    change = jnp.where(stiffness > 0, change, 0)
    # Rounds that no edge parts from the start, and that are there, stay with it.
    none = jnp.concatenate([jnp.zeros_like(parted[:1]), parted[:-1]])
    begun = jnp.cumsum(none, axis=0) == 0
    change = jnp.where(begun & (path == ends.start[None]), d_ends.start[None], change)
    change = jnp.where(path == ends.hi[None], d_ends.hi[None], change)
    change = jnp.where(path == ends.lo[None], d_ends.lo[None], change)
    return chain, Chain(change, jnp.zeros_like(bottom), jnp.zeros_like(top))


def _joined(x: Array, parted: Array) -> Array:
    """Sums of ``x [T, ...]`` over the rounds between edges that part, for each round its own."""

    def forward(total, now):
        # What `parted` says of the edge behind a round cuts the sum after it.
        value, cut = now
        total = total + value
        return jnp.where(cut, 0, total), total

    def backward(whole, now):
        total, cut = now
        whole = jnp.where(cut, total, whole)
        return whole, whole

    zero = jnp.zeros_like(x[0])
    _, totals = jax.lax.scan(forward, zero, (x, parted))
    return jax.lax.scan(backward, zero, (totals, parted), reverse=True)[1]
