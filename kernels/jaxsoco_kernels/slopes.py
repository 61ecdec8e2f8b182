"""One dimension: the slope of the work function, and everything that is read off it.

With hitting costs ``f_t`` and movement ``up (x - y)^+ + down (y - x)^+``, the slope of the work
function (the least cost of being at ``x`` after round ``t``) obeys

    s_t(x) = f_t'(x) + clip(s_{t-1}(x), -down, up),   s_0 = up right of the start, -down left of it.

Lazy capacity provisioning moves to the nearest point of ``[L_t, U_t] = {-down <= s_t <= up}``
(Lin, Wierman, Andrew, Thereska, IEEE/ACM Trans. Netw. 21, 2013); the optimum ends where ``s_T = 0``
and runs the same rule backwards. Costs add up point by point, so that a box clips the path, and
a problem on integers is one of ``m`` thresholds. Three exact forms, by what is known of the slope:

- few kinks (:mod:`~jaxsoco_kernels.knots`, whose names are here as well): quadratic and absolute
  costs, online;
- thresholds (:mod:`~jaxsoco_kernels.thresholds`, likewise): costs on the integers ``0..m``, linear
  between them;
- bisection of all thresholds at once (:func:`offline`, :func:`window_bounds`): any slope, a
  whole horizon or a window.

And a grid, which is not exact: any slope, online (:func:`grid_step`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _parametric, roots
from jaxsoco_kernels.info import Info, judge
from jaxsoco_kernels.knots import Knots as Knots
from jaxsoco_kernels.knots import absolute_step as absolute_step
from jaxsoco_kernels.knots import bounds as bounds
from jaxsoco_kernels.knots import evaluate as evaluate
from jaxsoco_kernels.knots import mean as mean
from jaxsoco_kernels.knots import quadratic_step as quadratic_step
from jaxsoco_kernels.knots import quantile as quantile
from jaxsoco_kernels.knots import start as start
from jaxsoco_kernels.shapes import expect
from jaxsoco_kernels.thresholds import crossing as crossing
from jaxsoco_kernels.thresholds import grid_mean as grid_mean
from jaxsoco_kernels.thresholds import grid_step as grid_step
from jaxsoco_kernels.thresholds import initial as initial
from jaxsoco_kernels.thresholds import threshold_path as threshold_path
from jaxsoco_kernels.thresholds import threshold_step as threshold_step
from jaxsoco_kernels.thresholds import trigger as trigger

Array = jax.Array
Slope = Callable[[Array, Any], Array]
"""``slope(x [...], theta of one round) -> [...]``: the derivative of a hitting cost, elementwise.

Finite, and nondecreasing in ``x``; it may jump. All data come through ``theta``.
"""


def offline(
    slope: Slope,
    theta: Any,
    start: Array | float,
    up: Array | float,
    down: Array | float,
    lo: Array | float,
    hi: Array | float,
    sweeps: int = 45,
) -> tuple[Array, Info]:
    """The positions that cost least over a whole horizon, for any convex costs.

    ``min sum_t f_t(x_t) + up (x_t - x_{t-1})^+ + down (x_{t-1} - x_t)^+`` over ``lo <= x_t <= hi``.
    Every sweep decides for all rounds at once on which side of the middle of its bracket a position
    is (Hochbaum, J. ACM 48, 2001, on a chain); positions at the start or an end of the box are so
    to the bit. Where the optimum is not unique, the answer is one of them.

    The derivative is the implicit one: rounds that move together do so by the sum of their slopes'
    changes over the sum of their curvatures. It needs slopes that are differentiable at the
    position: at a kink, which pins a position, it misses that the position follows the kink. The
    least cost itself has the derivative of ``sum f_t(x_t)`` and the movement at a fixed path
    (envelope theorem).

    >>> from jaxsoco_kernels import slopes
    >>> goals = jnp.array([1.0, 0.0, 4.0])  # costs 1/2 (x - goal)^2
    >>> path, info = slopes.offline(lambda x, goal: x - goal, goals, 0.0, 0.5, 0.5, 0.0, 9.0)
    >>> path.round(4).tolist(), int(info.status)
    ([0.5, 0.5, 3.5], 0)

    Args:
      slope: static, of one round.
      theta: the rounds' data, leaves ``[T, ...]``.
      start: the position before the first round, ``[...]`` or a scalar.
      up, down: prices of moving, at least 0, ``[...]`` or scalars.
      lo, hi: ends of the box, finite, ``[...]`` or scalars.
      sweeps: static; brackets are ``hi - lo`` halved as often. 24 are enough for float32.

    Returns:
      The path ``[T, ...]`` and how it was found: the residual is the largest distance to the
      optimum that is left; ``INFEASIBLE`` where ``lo > hi``.
    """
    theta, rounds = _rounds(theta)
    if not rounds:
        raise ValueError("theta: expected at least one round, got 0")
    frame = {"start": start, "up": up, "down": down, "lo": lo, "hi": hi}
    ends = _parametric.Ends(**_framed(slope, theta, frame))
    whole = jax.vmap(slope)
    path, *_ = _parametric.positions(whole, sweeps, theta, ends)
    fixed, data = jax.lax.stop_gradient((path, theta))
    finite = jnp.all(jnp.isfinite(whole(fixed, data)), axis=0) & jnp.all(jnp.isfinite(path), axis=0)
    return path, _bracketed(ends.lo, ends.hi, sweeps, finite)


def window_bounds(
    slope: Slope,
    theta: Any,
    up: Array | float,
    down: Array | float,
    lo: Array | float,
    hi: Array | float,
    *,
    past: Callable[[Array], Array] | None = None,
    trips: int = 45,
) -> tuple[Array, Array, Info]:
    """Where a learner that sees a window stays: it moves to the nearest point in between.

    Without ``past``, receding horizon control: the slope of the window's least cost as a function
    of its first position is ``D_t = f_t' + clip(D_{t+1}, -up, down)``, ``D_{t+w} = f_{t+w}'``, and
    the bounds are ``{D_t = -up}`` and ``{D_t = down}``. With it, lazy capacity provisioning:
    ``past(x)`` is the clipped slope of the rounds before (:func:`evaluate`), and the bounds are the
    zeros of ``past + f_t' + clip(f_{t+1}' + ... clip(f_{t+w}' + e, -up, down))`` with ``e = down``
    and with ``e = -up``.

    Derivatives are implicit, in ``theta`` and the prices, also through ``past``; where a slope
    jumps, which pins a bound, they miss that the bound follows the jump.

    >>> from jaxsoco_kernels import slopes
    >>> goals = jnp.array([1.0, 4.0])
    >>> low, high, _ = slopes.window_bounds(lambda x, goal: x - goal, goals, 1.0, 1.0, 0.0, 9.0)
    >>> round(float(low), 4), round(float(high), 4)
    (1.0, 3.0)

    Args:
      slope: static, of one round.
      theta: data of the rounds in sight, the present one first, leaves ``[w + 1, ...]``.
      up, down: prices of moving, ``[...]`` or scalars.
      lo, hi: ends of the box, ``[...]`` or scalars.
      past: elementwise and nondecreasing, with values in ``[-down, up]``.
      trips: static.

    Returns:
      ``(lower, upper, info)``, ``[...]`` each; the residual is the width of their brackets.
    """
    theta, ends = _window(slope, theta, {"up": up, "down": down, "lo": lo, "hi": hi})
    up, down, lo, hi = (ends[name] for name in ("up", "down", "lo", "hi"))
    rising = _total(slope, theta, up, down, *_sides(past, up, down)[0])
    falling = _total(slope, theta, up, down, *_sides(past, up, down)[1])
    lower = roots.bisect(rising, lo, hi, trips)
    upper = roots.bisect(falling, lo, hi, trips, last=True)
    finite = jnp.isfinite(rising(jax.lax.stop_gradient(lower)))
    finite = finite & jnp.isfinite(falling(jax.lax.stop_gradient(upper)))
    return lower, upper, _bracketed(lo, hi, trips, finite)


def window_step(
    slope: Slope,
    theta: Any,
    position: Array | float,
    up: Array | float,
    down: Array | float,
    lo: Array | float,
    hi: Array | float,
    *,
    past: Callable[[Array], Array] | None = None,
    trips: int = 45,
) -> tuple[Array, Info]:
    """The nearest point to ``position`` between the bounds of :func:`window_bounds`.

    It looks for one of them only, and only on the side to which the position has to move.

    >>> from jaxsoco_kernels import slopes
    >>> goals = jnp.array([1.0, 4.0])
    >>> step, _ = slopes.window_step(lambda x, goal: x - goal, goals, 5.0, 1.0, 1.0, 0.0, 9.0)
    >>> round(float(step), 4)
    3.0

    Args:
      position: of the round before, ``[...]`` or a scalar.
      slope, theta, up, down, lo, hi, past, trips: as there.

    Returns:
      The next position ``[...]`` and how it was found.
    """
    frame = {"position": position, "up": up, "down": down, "lo": lo, "hi": hi}
    theta, ends = _window(slope, theta, frame)
    position, up, down, lo, hi = (ends[name] for name in frame)
    position = jnp.clip(position, lo, hi)
    (rise_past, rise_end), (fall_past, fall_end) = _sides(past, up, down)
    low = _total(slope, theta, up, down, rise_past, rise_end)(position)
    high = _total(slope, theta, up, down, fall_past, fall_end)(position)
    rises, falls = low < 0, high > 0

    def before(x):
        return jnp.where(rises, rise_past(x), fall_past(x))

    gap = _total(slope, theta, up, down, before, jnp.where(rises, rise_end, fall_end))
    left, right = jnp.where(falls, lo, position), jnp.where(rises, hi, position)
    step = roots.bisect(gap, left, right, trips, last=falls)
    return step, _bracketed(lo, hi, trips, jnp.isfinite(low) & jnp.isfinite(high))


def _rounds(theta: Any) -> tuple[Any, int]:
    """The data as arrays, and how many rounds they are."""
    theta = jax.tree.map(jnp.asarray, theta)
    shapes = [x.shape for x in jax.tree.leaves(theta)]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"theta: expected arrays with one row a round, got {shapes}")
    return theta, shapes[0][0]


def _framed(slope: Slope, theta: Any, frame: dict[str, Any]) -> dict[str, Array]:
    """What frames a problem, with the lanes and the dtype of everything that belongs to it."""
    frame = {name: jnp.asarray(x) for name, x in frame.items()}
    expect(**{name: (x, "...") for name, x in frame.items()})
    shape = jnp.broadcast_shapes(*(x.shape for x in frame.values()))
    floating = [x for x in jax.tree.leaves(theta) if jnp.issubdtype(x.dtype, jnp.floating)]
    dtype = jnp.result_type(*frame.values(), *floating, float)
    one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), theta)
    value = jax.eval_shape(slope, jax.ShapeDtypeStruct(shape, dtype), one)
    shape = jnp.broadcast_shapes(shape, value.shape)
    return {name: jnp.broadcast_to(x, shape).astype(dtype) for name, x in frame.items()}


def _window(slope: Slope, theta: Any, frame: dict[str, Any]) -> tuple[Any, dict[str, Array]]:
    theta, rounds = _rounds(theta)
    if not rounds:
        raise ValueError("theta: expected at least the present round, got none")
    return theta, _framed(slope, theta, frame)


Side = tuple[Callable[[Array], Array], Array]
"""What comes before a window, as a function of the position, and what comes behind it."""


def _sides(past: Callable[[Array], Array] | None, up: Array, down: Array) -> tuple[Side, Side]:
    """For the lower bound and for the upper one."""
    if past is None:
        none = jnp.zeros_like(up)
        return (lambda x: up, none), (lambda x: -down, none)
    return (past, down), (past, -up)


def _total(
    slope: Slope,
    theta: Any,
    up: Array,
    down: Array,
    past: Callable[[Array], Array],
    end: Array,
) -> Callable[[Array], Array]:
    """The slope, in the first position, of what the window costs at least."""
    first, later = (jax.tree.map(lambda x, i=i: x[i], theta) for i in (0, slice(1, None)))
    count = jax.tree.leaves(theta)[0].shape[0] - 1
    how: dict[str, Any] = {"length": count, "reverse": True, "unroll": max(1, min(8, count))}

    def total(x):
        def back(behind, now):
            return jnp.clip(slope(x, now) + behind, -up, down), None

        behind, _ = jax.lax.scan(back, end, later, **how)
        return past(x) + slope(x, first) + behind

    return total


def _bracketed(lo: Array, hi: Array, halvings: int, finite: Array) -> Info:
    """The record of a bisection: its bracket's width at the end, or rounding where that is more."""
    eps = jnp.finfo(lo.dtype).eps
    lo, hi = jax.lax.stop_gradient((lo, hi))
    rounding = 4 * eps * jnp.maximum(jnp.abs(lo), jnp.abs(hi))
    width = jnp.maximum((hi - lo) * 0.5**halvings, rounding)
    tolerance = jnp.maximum(eps**0.75 * (hi - lo), rounding)
    return judge(jnp.where(finite, width, jnp.nan), tolerance, halvings, lo <= hi)
