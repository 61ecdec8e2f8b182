"""Paths that hit and move at least cost, for any convex costs and sets: operator splitting.

``min sum_t f_t(x_t) + c(x_t - x_{t-1})`` over paths ``x [T, d]`` in a convex set from a given
``x_0``, lanes last; or over positions ``x [d]`` that are held. What is special about a cost is its
proximal point; where costs are quadratic :mod:`~jaxsoco_kernels.smoothing` is faster.

The alternating direction method of multipliers (Boyd et al. 2011), over-relaxed: the hitting costs,
the set and the movement cost have copies of the path and of its steps, and one path is nearest to
all of them::

    x_t = argmin f_t(x) + r/2 |x - (w_t + l_t)|^2,   u_t = P(w_t + m_t),   z = prox_c(D w + n),
    w = argmin |x - w - l|^2 + |u - w - m|^2 + |z - D w - n|^2,
    l, m, n: plus w - x, w - u, D w - z

Every few trips the last point and the mean since the last restart are compared by their gaps; the
method restarts at the better one when its gap has fallen by a factor, or after a share of all trips
(Applegate et al. 2021, whose restarts make linear programs converge linearly), with ``r`` nearer to
where path and multipliers move alike.

A point ``x_t`` with subgradients ``g_t`` of its hitting cost and prices ``p_t`` of moves bounds the
cost of *every* path in the set ``X``, as costs are above their tangents::

    sum_t f_t(x_t) - <g_t, x_t> + min_{y in X} <g_t + p_t - p_{t+1}, y> - c*(p_t)   - <p_1, x_0>

This is the certificate. In a set without ends the minimum is over what a path can reach that is no
dearer than the best one so far. For a position that is held there is one minimum, of the sums.

The entropy is a cost of both ends of a move, ``c(x_t, x_{t-1})``, with a price for each
(:mod:`_splitting_entropy`), and ``D w`` has both. Distances to them count by the inverse of the
shares, anew after every restart: where shares are tiny, prices settle as fast as elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _splitting_terms as terms
from jaxsoco_kernels import _splitting_trips
from jaxsoco_kernels._envelope import by_envelope
from jaxsoco_kernels._splitting_problem import Problem
from jaxsoco_kernels.info import Info, Status
from jaxsoco_kernels.shapes import expect, expect_floating
from jaxsoco_kernels.smoothing import Solution

Array = jax.Array


class Hits(NamedTuple):
    """Hitting costs of one round, by their functions (static).

    Attributes:
      value: ``(x [d, ...], theta) -> [...]``, convex.
      prox: ``(theta, y [d, ...], eta [...], last [d, ...])``: ``argmin_x eta f(x) + |x - y|^2 /
        2``. ``last`` is the point of the trip before, from which an iterative method may go on.
      slope: ``(x, theta) -> [d, ...]``, a subgradient; needed where ``prox`` is not exact.
      inside: whether ``prox`` stays within the region, so that it needs no copy of its own.
    """

    value: Callable[[Array, Any], Array]
    prox: Callable[[Any, Array, Array, Array], Array]
    slope: Callable[[Array, Any], Array] | None = None
    inside: bool = False


class Region(NamedTuple):
    """Where all positions must be: ``region``, ``lo``, ``hi`` of :mod:`jaxsoco_kernels.regions`."""

    kind: str = "box"
    lo: Any = None
    hi: Any = None


def least_path(
    hits: Hits,
    theta: Any,
    start: Array,
    weight: Any,
    movement: str,
    *,
    guess: Array,
    region: Region | None = None,
    least: Array | None = None,
    trips: int = 6000,
) -> Solution:
    """The path of least hitting and movement cost, with a certificate.

    ``value`` is differentiable once, in both modes, in ``theta``, ``start`` and ``weight``, with
    the path held fixed (envelope theorem); path and lower bound count as constants.

    >>> from jaxsoco_kernels.splitting import Hits, least_path
    >>> def value(x, goal):
    ...     return jnp.abs(x[0] - goal)
    >>> def prox(goal, y, eta, last):  # the soft threshold
    ...     return goal + jnp.sign(y - goal) * jnp.maximum(jnp.abs(y - goal) - eta, 0)
    >>> goals = jnp.array([2.0, 0.0, 2.0])
    >>> solution = least_path(
    ...     Hits(value, prox), goals, jnp.zeros(1), 0.25, "l1", guess=goals[:, None], least=0.0
    ... )
    >>> solution.path[:, 0].round(4).tolist(), round(float(solution.value), 4)
    ([2.0, 0.0, 2.0], 1.5)

    Args:
      hits: functions of the hitting costs.
      theta: data of all rounds, leaves ``[T, ...]`` with all lanes.
      start: ``x_0``, ``[d, ...]``.
      weight: of the movement: a number or ``[d, ...]``, for ``l1`` also a pair of these; a number
        or ``[...]`` for ``l2``, for ``squared``, ``weight |z|^2 / 2``, and for ``entropy``,
        ``weight sum_k x_k log(x_k / y_k)``; ``[d, d, ...]``, positive semidefinite, for
        ``mahalanobis``, ``z' weight z / 2``. Or ``[T, ...]`` of these.
      movement: ``l1``, ``up``, ``l2``, ``squared``, ``mahalanobis`` or, on the simplex from a
        start within it, ``entropy``; static.
      guess: a path in the region to begin with, such as the minimisers, ``[T, d, ...]``.
      region: where positions must be; None for everywhere.
      least: a lower bound on the cost of every path, such as the sum of all minima, ``[...]``.
        Without it nothing is certified in a region without ends.
      trips: at most; those of a lane end when its gap is closed. Memory is of order T^2.

    Returns:
      The path, within the region, its cost, a lower bound on the cost of any path, and how it
      went: ``OK`` where the gap is within 1e-8 of the cost in float64, 1e-4 in float32; else
      ``LIMIT``, or ``NONFINITE``.
    """
    guess = jnp.asarray(guess)
    expect(guess=(guess, "T d ..."))
    data = (theta, start, weight, guess, least)
    return _solution(hits, movement, region or Region(), guess.shape[0], data, trips)


def least_point(
    hits: Hits,
    theta: Any,
    start: Array,
    weight: Any,
    movement: str,
    *,
    guess: Array,
    region: Region | None = None,
    least: Array | None = None,
    trips: int = 6000,
) -> Solution:
    """The position that costs least if it is held, ``argmin sum_t f_t(x) + c(x - x_0)``.

    With a certificate and derivatives, as :func:`least_path`.

    >>> from jaxsoco_kernels.splitting import Hits, least_point
    >>> def value(x, goal):
    ...     return jnp.sum((x - goal) ** 2, axis=0) / 2
    >>> def prox(goal, y, eta, last):
    ...     return (y + eta[None] * goal) / (1 + eta[None])
    >>> goals, start = jnp.array([[3.0, 0.0], [1.0, 4.0]]), jnp.array([2.0, 0.0])
    >>> best = least_point(Hits(value, prox), goals, start, 2.0, "l2", guess=start, least=0.0)
    >>> best.path.round(3).tolist(), round(float(best.value), 3)  # held from the first round on
    ([[2.0, 1.0], [2.0, 1.0]], 8.0)

    Args:
      hits, theta, start, movement, region, trips: as of :func:`least_path`.
      weight: as there, of the one move.
      guess: a position in the region to begin with, ``[d, ...]``.
      least: a lower bound on the cost of every position, ``[...]``, as there.

    Returns:
      The position in every round, ``[T, d, ...]``, and the rest as of :func:`least_path`.
    """
    guess = jnp.asarray(guess)
    expect(guess=(guess, "d ..."))
    data = (theta, start, weight, guess[None], least)
    rounds = jax.tree.leaves(theta)[0].shape[0]
    return _solution(hits, movement, region or Region(), rounds, data, trips)


def _solution(
    hits: Hits, movement: str, region: Region, rounds: int, data: tuple, trips: int
) -> Solution:
    """Of ``data``: ``theta``, ``start``, ``weight``, ``guess`` and ``least``."""
    theta, start, weight, guess, least = data
    start = jnp.asarray(start)
    expect(guess=(guess, "T d ..."), start=(start, "d ..."))
    expect_floating(guess=guess)
    moving = terms.aligned(movement, weight, guess.ndim - 2)
    if movement == terms.ENTROPY and region.kind != "simplex":
        raise ValueError(f"region: expected the simplex for the entropy, got {region.kind!r}")
    fixed = jax.lax.stop_gradient((theta, start, moving, region.lo, region.hi, guess, least))
    problem = _problem(hits, movement, region.kind, rounds, fixed)
    best, taken = _splitting_trips.iterate(problem, trips)
    path = problem.spread(best.path)
    values = jax.vmap(hits.value)(path, theta)
    lagrangian = terms.path_cost(movement, moving, problem.start, best.path, values)
    # The cost falls by the first price as the start moves.
    lagrangian = lagrangian + terms.at_start(movement, best.price, start)
    value = by_envelope(best.value, lagrangian)
    return Solution(path, value, best.lower, _judgement(best, taken))


def _problem(hits: Hits, movement: str, region: str, rounds: int, data: tuple) -> Problem:
    theta, start, moving, lo, hi, guess, least = data
    lanes = guess.shape[2:]
    dtype = jnp.result_type(guess, start)
    start = jnp.broadcast_to(start.astype(dtype), guess.shape[1:])
    guess = guess.astype(dtype)
    entropy = movement == terms.ENTROPY
    free = hits.inside or entropy or (region == "box" and lo is None and hi is None)
    if least is not None:
        least = jnp.broadcast_to(jnp.asarray(least, dtype), lanes)
    moving = jax.tree.map(lambda x: x.astype(dtype), moving)
    return Problem(
        hits,
        movement,
        region,
        not free,
        rounds,
        theta,
        start,
        terms.with_spectrum(moving, movement),
        lo,
        hi,
        # From a share of 0 there is no way up.
        (guess + start[None]) / 2 if entropy else guess,
        least,
    )


def _judgement(best: _splitting_trips.Best, taken: Array) -> Info:
    gap = jnp.maximum(best.value - best.lower, 0)
    status = jnp.where(_splitting_trips.closed(best), Status.OK, Status.LIMIT)
    status = jnp.where(jnp.isfinite(best.value), status, Status.NONFINITE).astype(jnp.int32)
    return Info(status, jnp.where(jnp.isfinite(gap), gap, jnp.inf), taken)
