"""The adversaries of the lower bounds: they answer the learner (definitions D.1 and E.3).

All points are equally far from each other; the job starts OFF at one of them. With ``w`` price
levels ``U - i dl``, ``dl = (U - L) / w``, and ``w_y = (U - y) / dl``:

- *Stage one*: the start costs ``U``. All other points show the level ``i = 1, 2, .. w_y``, each for
  ``m`` slots, a whole job's time. A point at which the learner is ON in any fraction is inactive
  from then on: it costs ``U`` for ever. Then one slot costs ``U`` everywhere.
- *Stage two*, at the start alone, all others cost ``U``. ``G_y`` has none. ``A_y`` shows level 1,
  ``U``, level 2, ``U``, and so on to level ``w_y``, ``U``, and then level ``w_y`` for ``m`` slots.
  ``E.3`` shows ``U`` for one slot and ``L`` for ``m``.
- In the last ``m`` slots all cost ``U``: what is not done yet must be done now.

The advice stays at the start, so that its cost is not for the learner to change: *good* advice is
ON in the ``m`` slots in a row that end stage two, *bad* advice in the last ``m`` slots.

Nothing here is drawn at random. The prices that a learner meets depend on what it did, and so does
what is best in hindsight; but as long as one point has stayed active, nothing is cheaper than that
point and the start, which are all that comparators look at (:func:`offline_view`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.problem import Round, allocation
from jaxsoco.allocation.spec import Advice, Costs, Feedback, Observation, Spec, finish_tolerance
from jaxsoco.core.lanes import lift, spread
from jaxsoco.core.protocol import Problem


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Terms:
    """What an adversary is made of; scalars may carry lanes. Prices are per unit of work (g).

    Attributes:
      lower: ``L``.
      upper: ``U``.
      move: ``D``, a move between two points.
      switch: ``tau``, a temporal switch.
      y: the price to which stage one goes down.
      job_length: ``m``, slots of work (static).
      levels: ``w`` (static).
      points: number of points, the start among them (static).
      instance: ``"G_y"``, ``"A_y"`` or ``"E.3"`` (static).
      advice: ``"good"`` or ``"bad"`` (static).
    """

    lower: jax.Array
    upper: jax.Array
    move: jax.Array
    switch: jax.Array
    y: jax.Array
    job_length: int = field(metadata={"static": True})
    levels: int = field(metadata={"static": True})
    points: int = field(metadata={"static": True})
    instance: str = field(metadata={"static": True})
    advice: str = field(metadata={"static": True})

    @property
    def slots(self) -> int:
        """Slots of the longest game, to ``y = L``."""
        return int(self.ends(self.levels)[2])

    def ends(self, level):
        """Slots that show levels, those before the ``m`` cheap ones of stage two, and all slots."""
        first = self.job_length * level
        lead = {"G_y": 0, "A_y": 2 * level, "E.3": 1}[self.instance]
        cheap = 0 if self.instance == "G_y" else self.job_length
        begin = first + 1 + lead
        return first, begin, begin + cheap + self.job_length


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Duel(Spec):
    """A job against an adversary. A learner may read nothing of what it adds to :class:`Spec`.

    Attributes:
      here: price per unit of work at the start in every slot, ``[slots, ...]``.
      there: that of the points which are still active, ``[slots, ...]``.
    """

    here: jax.Array
    there: jax.Array


class World(NamedTuple):
    """State of the world.

    Attributes:
      active: whether a point still offers what the adversary shows, bool ``[n, ...]``; never the
        start.
      slot: slots that are over, int32 ``[...]``.
      decision: last decision, ``[2n, ...]``.
      work: work done, ``[...]``.
      place: state of the schedule, as in :class:`jaxsoco.allocation.problem.World`.
    """

    active: jax.Array
    slot: jax.Array
    decision: jax.Array
    work: jax.Array
    place: jax.Array | None = None


class Offer(NamedTuple):
    """Nature's move: the slot's number, and the prices at the start and at active points."""

    slot: jax.Array
    here: jax.Array
    there: jax.Array


def draw_duel(key: jax.Array, terms: Terms) -> Duel:
    """The job of a run ``key [2, ...]``: all have the same."""
    lanes, n, m = key.shape[1:], terms.points, terms.job_length
    like = jnp.zeros(lanes, jnp.result_type(terms.upper))
    low, high, switch, y = spread((terms.lower, terms.upper, terms.switch, terms.y), like)
    step = (high - low) / terms.levels
    level = jnp.round((high - y) / step).astype(jnp.int32)
    slot = jnp.arange(terms.slots).reshape(-1, *(1,) * len(lanes))
    here, there = _prices(terms, slot, *lift((level, step, high, low)))
    _, begin, deadline = terms.ends(level)
    block = begin if terms.instance != "G_y" and terms.advice == "good" else deadline - m
    runs = (slot >= block[None]) & (slot < block[None] + m)
    whole = jnp.ones(lanes, jnp.int32)
    # Nobody reads the prices of the trace: those of the game are `here` and `there`.
    return Duel(
        trace=jnp.zeros((1, n), like.dtype),
        power=like + 1,
        hour=0 * whole,
        distance=_star(n, terms.move / m),
        switch=lift(switch / m),
        start=0 * whole,
        deadline=deadline,
        length=m * whole,
        lower=low,
        upper=high,
        forecast_noise=like,
        advice_error=like,
        slots=terms.slots,
        max_length=m,
        here=here,
        there=there,
        advised=Advice(jnp.where(runs, 0, n).astype(jnp.int32)[:, None], (like + 1)[None]),
    )


def _prices(terms: Terms, slot, level, step, high, low) -> tuple[jax.Array, jax.Array]:
    """Prices at the start and at active points, ``[slots, ...]`` each."""
    first, begin, _ = terms.ends(level)
    there = jnp.where(slot < first, high - (slot // terms.job_length + 1) * step, high)
    since = slot - first - 1
    block = (slot >= begin) & (slot < begin + terms.job_length)
    if terms.instance == "A_y":
        dips = (since >= 0) & (since < 2 * level) & (since % 2 == 0)
        here = jnp.where(dips, high - (since // 2 + 1) * step, high)
        here = jnp.where(block, high - level * step, here)
    elif terms.instance == "E.3":
        here = jnp.where(block, low, high)
    else:
        here = jnp.broadcast_to(high, there.shape)
    return here, there


def _star(points: int, move: jax.Array) -> jax.Array:
    """All pairs of points equally far apart, ``[n, n, ...]``."""
    apart = 1 - jnp.eye(points, dtype=move.dtype)
    return apart.reshape(points, points, *(1,) * move.ndim) * move[None, None]


def offline_view(duel: Duel) -> tuple[jax.Array, Duel, Advice]:
    """All that a game looks like in hindsight: the start, and a point that has stayed active.

    Every other point was never cheaper than that one and is as far away, so what is best with both
    is best with all. (Where the learner has been everywhere, it is a lower bound.)

    Returns:
      Costs of a slot fully ON ``[slots, 2, ...]``, the game with these two points, and the advice
      among them.
    """
    costs = jnp.stack([duel.here, duel.there], axis=1) * lift(duel.throughput)
    pair = replace(duel, trace=duel.trace[:, :2], distance=duel.distance[:2, :2])
    n = duel.points
    # States at other points than the start are those of the one that stands for them.
    advice = duel.advised
    assert advice is not None
    place = jnp.minimum(advice.states % n, 1)
    return costs, pair, advice._replace(states=jnp.where(advice.states < n, place, place + 2))


def _init(key: jax.Array, spec: Duel) -> World:
    lanes, n = key.shape[1:], spec.points
    states = jnp.arange(2 * n).reshape(-1, *(1,) * len(lanes))
    off = states == jnp.broadcast_to(spec.start + n, lanes)[None]
    active = jnp.broadcast_to(states[:n] > 0, (n, *lanes))
    zeros = jnp.zeros(lanes, spec.here.dtype)
    return World(active, jnp.zeros(lanes, jnp.int32), off.astype(zeros.dtype), zeros)


def _advance(key: jax.Array, spec: Duel, world: World) -> tuple[World, Offer]:
    del key
    # All lanes are in the same slot.
    now = jnp.ravel(world.slot)[0]
    slot = world.slot + 1
    return world._replace(slot=slot), Offer(slot, spec.here[now], spec.there[now])


def _costs(spec: Duel, active: jax.Array, here: jax.Array, there: jax.Array) -> jax.Array:
    """Costs of a slot fully ON, ``[T, n, ...]``, of prices ``[T, ...]``; active ``[n, ...]``."""
    start = jnp.arange(spec.points).reshape(-1, *(1,) * (active.ndim - 1)) == 0
    upper, rate = lift(lift(spec.upper)), lift(spec.throughput)
    return (
        jnp.where(start[None], here[:, None], jnp.where(active[None], there[:, None], upper)) * rate
    )


def _observe(spec: Duel, world: World, round: Offer) -> Observation:
    (costs,) = _costs(spec, world.active, round.here[None], round.there[None])
    # A forecast of points where nobody runs.
    forecast = _costs(spec, jnp.ones_like(world.active), spec.here, spec.there)
    assert spec.advised is not None
    return Observation(round.slot, costs, forecast, spec.advised)


def _play(
    key: jax.Array, spec: Duel, world: World, round: Offer, action: jax.Array
) -> tuple[World, Feedback, Costs]:
    (costs,) = _costs(spec, world.active, round.here[None], round.there[None])
    world, feedback, ledger = allocation.play(key, spec, world, Round(round.slot, costs), action)
    # Less than counts as work is rounding.
    visited = action[: spec.points] > finish_tolerance(action.dtype)
    return world._replace(active=world.active & ~visited), feedback, ledger


adversary = Problem(_init, _advance, _observe, _play)
"""A game against an adversary: ``spec`` is a :class:`Duel`; play ``spec.slots`` rounds."""
