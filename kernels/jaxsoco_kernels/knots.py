"""Slopes of a work function with few kinks, exactly: quadratic and absolute costs on a line.

With hitting costs ``f_t`` and movement ``up (x - y)^+ + down (y - x)^+``, the slope of the work
function (the least cost of being at ``x`` after round ``t``) obeys

    s_t(x) = f_t'(x) + clip(s_{t-1}(x), -down, up),   s_0 = up right of the start, -down left of it,

and is nondecreasing. Where it leaves ``[-down, up]`` only its sign counts: what is kept is the
polyline of ``clip(s_t, -down, up)`` between ``L = inf {s_t >= -down}`` and
``U = sup {s_t <= up}``. A round adds at most two kinks and takes away those that get outside.

``L`` and ``U`` bound lazy capacity provisioning (Lin, Wierman, Andrew, Thereska, IEEE/ACM Trans.
Netw. 21, 2013); ``P(x) = (clip(s_t(x)) + down) / (up + down)`` is the distribution function of
the randomised algorithm of Bansal et al., APPROX 2015, whose mean is their 2-competitive one.

Derivatives are automatic: exact, one-sided where a kink is at a bound.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels.lanes import spread, take
from jaxsoco_kernels.shapes import expect, expect_floating

Array = jax.Array
Scalar = Any
"""An array ``[...]`` or a number."""


class Knots(NamedTuple):
    """The polyline of a clipped slope, with ``k`` places for its kinks.

    Attributes:
      place: where the kinks are, ascending, ``[k, ...]``; at a jump two have the same place. Behind
        the last one it is repeated.
      value: the clipped slope there, ascending from ``-down`` to ``up``, ``[k, ...]``.
      kinks: how many there are, int32 ``[...]``.
      lower: ``L [...]``; at most ``place[0]``, and less where the slope is ``-down`` in between.
      upper: ``U [...]``.
      lost: kinks that found no place so far, int32 ``[...]``. The slope is exact while this is 0;
        then it is that of a smoothed cost, and the caller should count a fault.
    """

    place: Array
    value: Array
    kinks: Array
    lower: Array
    upper: Array
    lost: Array


def start(position: Array, up: Scalar, down: Scalar, capacity: int = 16) -> Knots:
    """The slope before the first round: a jump at ``position [...]``.

    >>> from jaxsoco_kernels import knots
    >>> knots.start(jnp.array(0.5), up=2.0, down=1.0, capacity=4).value.tolist()
    [-1.0, 2.0, 2.0, 2.0]

    Args:
      position: the first position, ``[...]``.
      up, down: prices of moving up and down, at least 0, ``[...]`` or scalars.
      capacity: places for kinks, static, at least 3. With costs of one curvature and prices of
        a few rounds' costs 8 are used; more where prices are large and costs flat.
    """
    position = jnp.asarray(position)
    expect(position=(position, "..."), up=(up, "..."), down=(down, "..."))
    expect_floating(position=position)
    if capacity < 3:
        raise ValueError(f"capacity: expected an integer >= 3, got {capacity}")
    lanes = jnp.broadcast_shapes(position.shape, jnp.shape(up), jnp.shape(down))
    position = jnp.broadcast_to(position, lanes)
    up, down = spread((up, down), position)
    place = jnp.broadcast_to(position[None], (capacity, *lanes))
    value = jnp.where(_index(place) == 0, -down[None], up[None])
    none = jnp.zeros(lanes, jnp.int32)
    return Knots(place, value, none + 2, position, position, none)


def quadratic_step(knots: Knots, a: Scalar, v: Scalar, up: Scalar, down: Scalar) -> Knots:
    """Adds the cost ``a/2 (x - v)^2``, exactly.

    >>> from jaxsoco_kernels import knots
    >>> before = knots.start(jnp.array(0.0), 1.0, 1.0)
    >>> after = knots.quadratic_step(before, 1.0, 3.0, 1.0, 1.0)
    >>> [float(x) for x in knots.bounds(after)]  # from 3 - 1 / 1, until the slope is 1 right of 0
    [1.0, 3.0]

    Args:
      knots: of the rounds before.
      a: curvature, at least 0, ``[...]`` or a scalar.
      v: the minimiser, ``[...]`` or a scalar.
      up, down: prices of moving, the same in all rounds, ``[...]`` or scalars.

    Returns:
      The knots after the round.
    """
    _expect(knots, a=a, v=v, up=up, down=down)
    a, v, up, down = spread((a, v, up, down), knots.place[0])
    curved = a > 0
    value = knots.value + a[None] * (knots.place - v[None])
    # Left of all kinks s = -down + a (x - v), right of them s = up + a (x - v).
    reach = (up + down) / jnp.where(curved, a, 1)
    far_low = jnp.where(curved, jnp.maximum(v - reach, knots.place[-1]), knots.place[0])
    far_high = jnp.where(curved, jnp.minimum(v + reach, knots.place[0]), knots.place[-1])
    after = _clipped(knots._replace(value=value), (v, far_low), (far_high, v), up, down)
    # A cost of 0 in all places leaves the bounds; else the slope rises strictly, without plateaus.
    lower = jnp.where(curved, after.place[0], knots.lower)
    upper = jnp.where(curved, after.place[-1], knots.upper)
    return after._replace(lower=lower, upper=upper)


def absolute_step(knots: Knots, a: Scalar, v: Scalar, up: Scalar, down: Scalar) -> Knots:
    """Adds the cost ``a |x - v|``, exactly; arguments as in :func:`quadratic_step`.

    >>> from jaxsoco_kernels import knots
    >>> before = knots.start(jnp.array(0.0), 1.0, 1.0)
    >>> after = knots.absolute_step(before, 2.5, 3.0, 1.0, 1.0)  # steeper than the price of moving
    >>> [float(x) for x in knots.bounds(after)]
    [3.0, 3.0]
    """
    _expect(knots, a=a, v=v, up=up, down=down)
    a, v, up, down = spread((a, v, up, down), knots.place[0])
    wide = _with_jump(knots, a, v)
    ends = knots.place[0], knots.place[-1]
    after = _clipped(wide, ends, ends, up, down, capacity=knots.place.shape[0])
    # Where the slope is -down on an interval, L is its left end, and the polyline starts at the
    # right one; likewise U.
    below = jnp.sum(_alive(wide) & (wide.value < -down[None]), axis=0)
    under = jnp.sum(_alive(wide) & (wide.value <= up[None]), axis=0)
    lower, upper = _cross(wide, below, -down, True), _cross(wide, under, up, False)
    steep = a > 0
    return after._replace(
        lower=jnp.where(steep, lower, knots.lower), upper=jnp.where(steep, upper, knots.upper)
    )


def bounds(knots: Knots) -> tuple[Array, Array]:
    """``(L, U)``, ``[...]`` each: lazy capacity provisioning moves to the nearest point between.

    Within a box the bounds are these, clipped to it.

    >>> from jaxsoco_kernels import knots
    >>> [float(x) for x in knots.bounds(knots.start(jnp.array(0.5), 1.0, 1.0))]
    [0.5, 0.5]
    """
    return knots.lower, knots.upper


def evaluate(knots: Knots, x: Scalar) -> Array:
    """The clipped slope at ``x [...]``; at a jump its upper value.

    >>> from jaxsoco_kernels import knots
    >>> after = knots.quadratic_step(knots.start(jnp.array(0.0), 1.0, 1.0), 1.0, 3.0, 1.0, 1.0)
    >>> float(knots.evaluate(after, 2.5))  # 1 + 2.5 - 3
    0.5
    """
    _expect(knots, x=x)
    (x,) = spread((x,), knots.place[0])
    index = jnp.sum(knots.place <= x[None], axis=0)
    (p0, s0), (p1, s1) = _pair(knots, index)
    rise = (s1 - s0) / jnp.where(p1 > p0, p1 - p0, 1)
    inside = s0 + rise * (x - p0)
    inside = jnp.where(index == 0, knots.value[0], inside)
    return jnp.where(index == knots.place.shape[0], knots.value[-1], inside)


def mean(knots: Knots, lo: Scalar = -jnp.inf, hi: Scalar = jnp.inf) -> Array:
    """Mean of the distribution ``P``, clipped to a box: ``hi - integral of P from lo to hi``.

    >>> from jaxsoco_kernels import knots
    >>> after = knots.quadratic_step(knots.start(jnp.array(0.0), 1.0, 1.0), 1.0, 3.0, 1.0, 1.0)
    >>> float(knots.mean(after)), float(knots.mean(after, 0.0, 2.0))
    (2.0, 1.75)

    Args:
      knots: the slope.
      lo, hi: ends of the box, ``[...]`` or scalars.

    Returns:
      The position ``[...]`` of the algorithm of Bansal et al.
    """
    _expect(knots, lo=lo, hi=hi)
    lo, hi = spread((lo, hi), knots.place[0])
    total = knots.value[-1] - knots.value[0]
    share = (knots.value - knots.value[:1]) / jnp.where(total > 0, total, 1)[None]
    inside = jnp.clip(knots.place, lo[None], hi[None])
    # Trapezoids between the kinks; where the box cuts one, P is read off its slanted side.
    p0, p1 = knots.place[:-1], knots.place[1:]
    rise = (share[1:] - share[:-1]) / jnp.where(p1 > p0, p1 - p0, 1)
    left = share[:-1] + rise * (inside[:-1] - p0)
    right = share[1:] - rise * (p1 - inside[1:])
    area = (inside[1:] - inside[:-1]) * (left + right) / 2
    return inside[-1] - jnp.sum(area, axis=0)


def quantile(knots: Knots, u: Scalar) -> Array:
    """The first place where ``P >= u``, with ``u [...]`` in [0, 1].

    >>> from jaxsoco_kernels import knots
    >>> after = knots.quadratic_step(knots.start(jnp.array(0.0), 1.0, 1.0), 1.0, 3.0, 1.0, 1.0)
    >>> float(knots.quantile(after, 0.75))
    2.5
    """
    _expect(knots, u=u)
    (u,) = spread((u,), knots.place[0])
    level = knots.value[0] + u * (knots.value[-1] - knots.value[0])
    index = jnp.sum(knots.value < level[None], axis=0)
    inside = jnp.where(index == 0, knots.place[0], _cross(knots, index, level, True))
    return jnp.where(index == knots.place.shape[0], knots.place[-1], inside)


def _expect(knots: Knots, **others: Scalar) -> None:
    expect(
        place=(knots.place, "k ..."),
        value=(knots.value, "k ..."),
        **{name: (x, "...") for name, x in others.items()},
    )


def _index(rows: Array) -> Array:
    return jnp.arange(rows.shape[0]).reshape(-1, *(1,) * (rows.ndim - 1))


def _alive(knots: Knots) -> Array:
    """Which rows hold kinks. It cannot be told from the values: the last kink is repeated."""
    return _index(knots.place) < knots.kinks[None]


def _pair(knots: Knots, index: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Place and value of the kink before ``index [...]`` and of the one at it; first or last."""
    last = knots.place.shape[0] - 1
    before, at = jnp.clip(index - 1, 0, last), jnp.clip(index, 0, last)
    return (
        (take(knots.place, before), take(knots.value, before)),
        (take(knots.place, at), take(knots.value, at)),
    )


def _cross(knots: Knots, index: Array, level: Array, from_above: bool) -> Array:
    """Where the piece that ends at kink ``index`` takes the value ``level``.

    Reckoned from its upper end or from its lower one, which is exact if that is at the level.
    """
    (p0, s0), (p1, s1) = _pair(knots, index)
    run = (p1 - p0) / jnp.where(s1 > s0, s1 - s0, 1)
    place = p1 - run * (s1 - level) if from_above else p0 + run * (level - s0)
    return jnp.clip(place, p0, p1)


def _clipped(
    knots: Knots,
    low_ends: tuple[Array, Array],
    high_ends: tuple[Array, Array],
    up: Array,
    down: Array,
    capacity: int | None = None,
) -> Knots:
    """Cuts a slope to ``[-down, up]``: new first and last kinks, and those strictly in between.

    ``low_ends`` are the places where it is ``-down`` if no kink is below that, or if all are;
    ``high_ends`` where it is ``up`` if none is below that, or if all are.
    """
    alive, size = _alive(knots), knots.place.shape[0]
    capacity = size if capacity is None else capacity
    # Strictly inside, or a minimiser at the edge of a box would add a copy of itself every round.
    below = jnp.sum(alive & (knots.value <= -down[None]), axis=0, dtype=jnp.int32)
    under = jnp.sum(alive & (knots.value < up[None]), axis=0, dtype=jnp.int32)
    first = _cross(knots, below, -down, False)
    first = jnp.where(below == 0, low_ends[0], jnp.where(below == knots.kinks, low_ends[1], first))
    last = _cross(knots, under, up, True)
    last = jnp.where(under == 0, high_ends[0], jnp.where(under == knots.kinks, high_ends[1], last))
    inner = jnp.maximum(under - below, 0)
    kept = jnp.minimum(inner, capacity - 2)

    def rows(x, head, tail):
        # Row `below` of the old kinks is the first one inside: it becomes row 1.
        moved = _shift(jnp.concatenate([x[:1], x]), below)[:capacity]
        index = _index(moved)
        moved = jnp.where(index == 0, head[None], moved)
        return jnp.where(index > kept[None], tail[None], moved)

    place, value = rows(knots.place, first, last), rows(knots.value, -down, up)
    lost = knots.lost + (inner - kept)
    return Knots(place, value, kept + 2, place[0], place[-1], lost)


def _shift(rows: Array, by: Array) -> Array:
    """``rows[i + by]`` by powers of two, which is quicker than a gather; by less than all rows."""
    step = 1
    while step < rows.shape[0]:
        moved = jnp.concatenate([rows[step:], rows[:step]])
        rows = jnp.where((by & step)[None] > 0, moved, rows)
        step *= 2
    return rows


def _with_jump(knots: Knots, a: Array, v: Array) -> Knots:
    """The slope plus ``a sign(x - v)``, with two kinks at ``v`` and two more rows."""
    steep = a > 0
    size = knots.place.shape[0]
    alive = _alive(knots)
    left = jnp.sum(alive & (knots.place < v[None]), axis=0, dtype=jnp.int32)
    there = jnp.sum(alive & (knots.place <= v[None]), axis=0, dtype=jnp.int32) - left
    # The limits of the slope at v from both sides.
    (p0, s0), (p1, s1) = _pair(knots, left)
    slanted = s0 + (s1 - s0) / jnp.where(p1 > p0, p1 - p0, 1) * (v - p0)
    slanted = jnp.where(left == 0, knots.value[0], slanted)
    slanted = jnp.where(left == knots.kinks, knots.value[-1], slanted)
    upmost = take(knots.value, jnp.clip(left + there - 1, 0, size - 1))
    low, high = jnp.where(there > 0, s1, slanted), jnp.where(there > 0, upmost, slanted)
    # Kinks that are at v make room for the two new ones: the rest moves by two, one or none.
    new = 2 - jnp.minimum(there, 2)
    # A cost of 0 changes nothing, and must use no room.
    left, new = jnp.where(steep, left, size), jnp.where(steep, new, 0)

    def rows(x, lower, upper, change):
        padded = jnp.concatenate([x, x[-1:], x[-1:]])
        ahead = [jnp.concatenate([x[:1]] * n + [x, *[x[-1:]] * (2 - n)]) for n in (1, 2)]
        behind = jnp.where(new[None] == 2, ahead[1], jnp.where(new[None] == 1, ahead[0], padded))
        index = _index(padded)
        moved = jnp.where(index < left[None], padded - change[None], behind + change[None])
        moved = jnp.where(index == left[None], lower[None] - change[None], moved)
        return jnp.where(index == left[None] + 1, upper[None] + change[None], moved)

    place = rows(knots.place, v, v, jnp.zeros_like(a))
    value = rows(knots.value, low, high, a)
    return knots._replace(place=place, value=value, kinks=knots.kinks + new)
