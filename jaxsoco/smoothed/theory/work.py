"""The slope of the work function, coordinate by coordinate, in the form that suits the costs.

``s_t(x) = f_t'(x) + clip(s_(t-1)(x), -down, up)`` (:mod:`jaxsoco_kernels.slopes`). Where the costs
are piecewise linear in their slopes its kinks are kept, exactly (``knots``); costs between the
integers are thresholds, exactly (``thresholds``); any others are looked at on a grid of the box
(``grid``), which is off by a share of a cell.

Positions are ``[d, ...]``; the coordinates are lanes, since costs and movements are sums over them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.smoothed.theory.algebra import into
from jaxsoco.smoothed.theory.movements import LINEAR
from jaxsoco.smoothed.theory.tables import values_at
from jaxsoco_kernels import slopes
from jaxsoco_kernels.knots import Knots

Array = jax.Array
FREE = 1e-30
"""Price of moving up where neither way costs anything."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Work:
    """What is kept of the slope.

    Attributes:
      slope: :class:`~jaxsoco_kernels.knots.Knots`, lanes ``[d, ...]``; or the slopes at the
        thresholds ``[m, d, ...]`` or nodes ``[n, d, ...]``.
      up, down: prices of moving, ``[d, ...]``.
      lo, hi: the box, ``[d, ...]``, or None.
      form: ``knots``, ``thresholds`` or ``grid`` (static).
    """

    slope: Any
    up: Array
    down: Array
    lo: Array | None
    hi: Array | None
    form: str = field(metadata={"static": True})

    @property
    def faults(self) -> Array:
        """Kinks for which there was no place, int32 ``[...]``."""
        if isinstance(self.slope, Knots):
            return jnp.sum(self.slope.lost, axis=0, dtype=jnp.int32)
        return jnp.zeros(self.up.shape[1:], jnp.int32)


def form_of(game: Any, integral: bool) -> str:
    """Which form the slope has.

    Raises:
      ValueError: it has none: movements or costs that are no sums over the coordinates, integers
        that the problem does not have, or no box for a grid.
    """
    hitting = game.hitting
    if game.movement.kind not in LINEAR or not (hitting.separable or game.dimension == 1):
        costs = f"{hitting.name} costs with {game.movement.kind} movement in {game.dimension}"
        raise ValueError(
            f"expected costs and movements that are sums over coordinates, got {costs} dimensions"
        )
    if integral and not game.levels:
        raise ValueError("integral: expected a problem with whole positions 0..m, got one without")
    if integral or hitting.table:
        return "thresholds"
    if hitting.knots is not None:
        return "knots"
    if game.lo is None or game.hi is None:
        raise ValueError(f"{hitting.name} costs need a box for their grid: expected lo and hi")
    return "grid"


def begin(
    game: Any,
    *,
    capacity: int = 16,
    cells: int = 256,
    integral: bool = False,
    scale: Array | float = 1.0,
) -> Work:
    """The slope before the first round, ``up`` right of the start and ``-down`` left of it.

    Args:
      game: with lanes.
      capacity: places for kinks (static).
      cells: of a grid (static).
      integral: whether positions are integers (static).
      scale: factor on the prices of moving, ``[...]`` or a number.
    """
    form = form_of(game, integral)
    start = game.start
    factor = align(scale, 0, start.ndim - 1)[None].astype(start.dtype)
    up, down = (jnp.broadcast_to(factor * x, start.shape) for x in game.prices())
    # Where moving is free, P is the step at the minimiser: the least price there is keeps it one.
    up = jnp.where(up + down > 0, up, FREE)
    if form == "knots":
        slope = slopes.start(start, up, down, capacity)
    elif form == "thresholds":
        slope = slopes.initial(jnp.arange(game.levels), start, up, down)
    else:
        share = (start - game.lo) / jnp.where(game.hi > game.lo, game.hi - game.lo, 1)
        slope = slopes.initial(jnp.linspace(0, 1, cells + 1), share, up, down)
    return Work(slope, up, down, game.lo, game.hi, form)


def rises(hitting: Any, theta: Any, levels: int) -> Array:
    """``f(i + 1) - f(i)`` for ``i = 0..m-1``, in one dimension: ``[m, 1, ...]``."""
    return jnp.diff(values_at(hitting, theta, levels), axis=0)[:, None]


def add(game: Any, work: Work, theta: Any) -> Work:
    """The slope after a round with the cost ``theta``."""
    if work.form == "knots":
        slope = game.hitting.knots(work.slope, theta, work.up, work.down)
    elif work.form == "thresholds":
        step = rises(game.hitting, theta, game.levels)
        slope = slopes.threshold_step(work.slope, step, work.up, work.down)
    else:
        slope = slopes.grid_step(work.slope, _at_nodes(game, work, theta), work.up, work.down)
    return replace(work, slope=slope)


def _at_nodes(game: Any, work: Work, theta: Any) -> Array:
    assert work.lo is not None and work.hi is not None
    share = _nodes(work)
    width = work.hi - work.lo
    return jax.vmap(lambda u: game.hitting.slope(work.lo + u * width, theta))(share)


def _nodes(work: Work) -> Array:
    return jnp.linspace(0, 1, work.slope.shape[0], dtype=work.slope.dtype)


def bounds(work: Work) -> tuple[Array, Array]:
    """``L`` and ``U`` within the box, ``[d, ...]`` each."""
    if work.form == "knots":
        low, high = slopes.bounds(work.slope)
        return into(low, work.lo, work.hi), into(high, work.lo, work.hi)
    if work.form == "thresholds":
        low = jnp.sum(work.slope < -work.down[None], axis=0)
        high = jnp.sum(work.slope <= work.up[None], axis=0)
        return low.astype(work.up.dtype), high.astype(work.up.dtype)
    low = slopes.crossing(_nodes(work), work.slope, -work.down)
    high = slopes.crossing(_nodes(work), work.slope, work.up, last=True)
    return _placed(work, low), _placed(work, high)


def _placed(work: Work, share: Array) -> Array:
    assert work.lo is not None and work.hi is not None
    return work.lo + share * (work.hi - work.lo)


def mean(work: Work) -> Array:
    """Mean of ``P = (clip(s) + down) / (up + down)`` within the box, ``[d, ...]``."""
    if work.form == "knots":
        lo = -jnp.inf if work.lo is None else work.lo
        return slopes.mean(work.slope, lo, jnp.inf if work.hi is None else work.hi)
    if work.form == "thresholds":
        inside = jnp.clip(work.slope, -work.down[None], work.up[None])
        share = (inside + work.down[None]) / (work.up + work.down)[None]
        return jnp.sum(1 - share, axis=0)
    return _placed(work, slopes.grid_mean(_nodes(work), work.slope, work.up, work.down))


def quantile(work: Work, u: Array) -> Array:
    """The first place where ``P >= u``, within the box, ``u [...]``: ``[d, ...]``."""
    u = jnp.broadcast_to(u[None], work.up.shape)
    if work.form == "knots":
        return into(slopes.quantile(work.slope, u), work.lo, work.hi)
    level = u * (work.up + work.down) - work.down
    if work.form == "thresholds":
        return jnp.sum(work.slope < level[None], axis=0).astype(work.up.dtype)
    return _placed(work, slopes.crossing(_nodes(work), work.slope, level))


def clipped(work: Work, x: Array) -> Array:
    """``clip(s, -down, up)`` at ``x [d, ...]``; of thresholds at every one of them, whatever x."""
    if work.form == "knots":
        return slopes.evaluate(work.slope, x)
    inside = jnp.clip(work.slope, -work.down[None], work.up[None])
    if work.form == "thresholds":
        return inside
    assert work.lo is not None and work.hi is not None
    cells = work.slope.shape[0] - 1
    width = work.hi - work.lo
    place = jnp.clip((x - work.lo) / jnp.where(width > 0, width, 1) * cells, 0, cells)
    index = jnp.arange(cells + 1).reshape(-1, *(1,) * x.ndim)
    hats = jnp.maximum(1 - jnp.abs(place[None] - index), 0)
    return jnp.sum(hats * inside, axis=0)
