"""The trips of :mod:`splitting`: steps, means, restarts, and the bounds that certify a path."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _splitting_terms as terms
from jaxsoco_kernels import regions
from jaxsoco_kernels._smoothed_costs import moves
from jaxsoco_kernels.lanes import where

Array = jax.Array
RELAXATION = 1.6
BLOCK = 50
"""Trips between two certificates."""
ENOUGH, LONG = 0.3, 0.4
"""A restart follows when the gap has fallen to this share, or after this share of all trips."""
FASTER, SLOWER = 1.3, 0.77
"""Factors of the rate within which it stays."""


class Problem(NamedTuple):
    """The problem as it is solved; nothing of it has derivatives.

    Attributes:
      hits: functions of the hitting costs.
      movement, region: kinds.
      copied: whether the region has a copy of the path.
      theta: data of all rounds.
      start: ``x_0 [d, ...]``.
      moving: the movement cost.
      lo, hi: ends of the region.
      guess: a path, ``[T, d, ...]``.
      least: a lower bound on all costs ``[...]``, or None.
      inverse: ``(n I + D'D)^-1 [T, T]``.
    """

    hits: Any
    movement: str
    region: str
    copied: bool
    theta: Any
    start: Array
    moving: terms.Moves
    lo: Any
    hi: Any
    guess: Array
    least: Array | None
    inverse: Array

    def project(self, path: Array) -> Array:
        return jax.vmap(lambda x: regions.project(self.region, x, self.lo, self.hi))(path)

    def values(self, path: Array) -> Array:
        return jax.vmap(self.hits.value)(path, self.theta)


class Copies(NamedTuple):
    """Of the path for hitting costs and region, and of its steps, ``[T, d, ...]`` each.

    ``inside`` is None where the region has no copy.
    """

    hit: Array
    move: Array
    inside: Array | None


class State(NamedTuple):
    """Copies, and their multipliers divided by the rate."""

    copies: Copies
    forces: Copies


class Tangent(NamedTuple):
    """``offset + sum_t <force_t, x_t>``, at most the hitting costs of every path."""

    offset: Array
    force: Array


class Best(NamedTuple):
    """A path, its cost, the size of its terms, prices, and the lower bound that they give."""

    path: Array
    value: Array
    size: Array
    price: Array
    lower: Array


class _Run(NamedTuple):
    """Between two blocks: ``total`` since the last restart, after which the gap was ``gap``."""

    state: State
    rate: Array
    total: tuple[State, Tangent, Array]
    best: Best
    gap: Array
    taken: Array


def iterate(problem: Problem, trips: int) -> tuple[Best, Array]:
    """The best path and the best bound of so many trips; and how many were taken, int32."""

    def left(run):
        return ~closed(run.best) & (run.taken < trips)

    def go_on(run):
        # Lanes that are done keep what they have, whatever their neighbours need.
        return where(left(run), _block(problem, run), run)

    run = jax.lax.while_loop(lambda run: jnp.any(left(run)), go_on, _begin(problem))
    return run.best, run.taken


def closed(best: Best) -> Array:
    """Whether nothing is left to do, ``[...]``: also where data are not finite."""
    tolerance = 1e-8 if best.value.dtype == jnp.float64 else 1e-4
    return (best.value - best.lower <= tolerance * best.size) | ~jnp.isfinite(best.value)


def _begin(problem: Problem) -> _Run:
    guess = problem.guess
    steps = moves(problem.start, guess)
    inside = guess if problem.copied else None
    copies = Copies(guess, steps, inside)
    state = State(copies, jax.tree.map(jnp.zeros_like, copies))
    zero = jnp.zeros_like(guess[0, 0])
    least = zero - jnp.inf if problem.least is None else problem.least
    path = problem.project(guess)
    best = Best(path, *_cost(problem, path), jnp.zeros_like(guess), least)
    total = jax.tree.map(jnp.zeros_like, (state, Tangent(zero, guess), zero))
    return _Run(state, _rate(problem), total, best, zero + jnp.inf, zero.astype(jnp.int32))


def _rate(problem: Problem) -> Array:
    """A price of moving over the length of a move, ``[...]``."""
    price = terms.typical(problem.movement, problem.moving)
    price = jnp.where(price > 0, price, 1)
    if problem.movement not in terms.NORMS:
        return price + jnp.zeros_like(problem.guess[0, 0])
    far = jnp.max(jnp.abs(problem.guess - problem.start[None]), axis=(0, 1))
    return price / jnp.where(far > 0, far, 1)


def _block(problem: Problem, run: _Run) -> _Run:
    def trip(_, now):
        state, total, _ = now
        new = _step(problem, run.rate, state)
        tangent = _tangent(problem, run.rate, new)
        one = jnp.ones_like(run.rate)
        return new, jax.tree.map(jnp.add, total, (new, tangent, one)), _ratio(state, new)

    first = (run.state, run.total, jnp.ones_like(run.rate))
    state, total, ratio = jax.lax.fori_loop(0, BLOCK, trip, first)
    count = total[2]
    mean, tangent, _ = jax.tree.map(lambda x: x / _beside(count, x), total)
    last = _tangent(problem, run.rate, state)
    best, own = _compare(problem, run.rate, run.best, state, last)
    best, other = _compare(problem, run.rate, best, mean, tangent)
    gap, taken = jnp.minimum(own, other), run.taken + BLOCK
    restart = (gap <= ENOUGH * run.gap) | (count >= LONG * taken)
    state = where(restart & (other < own), mean, state)
    factor = jnp.clip(jnp.sqrt(ratio), 0.5, 2)
    turn = restart & ((factor > FASTER) | (factor < SLOWER))
    factor = jnp.where(turn, factor, 1)
    forces = jax.tree.map(lambda x: x / factor[None, None], state.forces)
    state = state._replace(forces=forces)
    total = where(restart, jax.tree.map(jnp.zeros_like, total), total)
    gap = jnp.where(restart, gap, run.gap)
    return _Run(state, run.rate * factor, total, best, gap, taken)


def _step(problem: Problem, rate: Array, state: State) -> State:
    """One trip."""
    copies, forces = state
    right = jax.tree.map(jnp.subtract, copies, forces)
    whole = (right.hit + terms.backwards(right.move)).at[0].add(problem.start)
    whole = whole if right.inside is None else whole + right.inside
    # Of all paths that which is nearest to the copies.
    path = jnp.tensordot(problem.inverse, whole, axes=(1, 0))
    goals = Copies(path, moves(problem.start, path), None if right.inside is None else path)
    goals = jax.tree.map(
        lambda goal, copy, force: RELAXATION * goal + (1 - RELAXATION) * copy + force,
        goals,
        copies,
        forces,
    )
    eta, wide = 1 / rate, rate[None, None]
    hit = jax.vmap(lambda now, y, last: problem.hits.prox(now, y, eta, last))(
        problem.theta, goals.hit, copies.hit
    )
    # Of the movement cost by Moreau: z - prox of its conjugate.
    price = terms.shrink(problem.movement, problem.moving, goals.move * wide, rate)
    inside = None if goals.inside is None else problem.project(goals.inside)
    new = Copies(hit, goals.move - price / wide, inside)
    return State(new, jax.tree.map(jnp.subtract, goals, new))


def _beside(x: Array, like: Array) -> Array:
    """Numbers of the lanes ``[...]`` with axes of size 1 before them, as many as ``like`` has."""
    return x.reshape((1,) * (like.ndim - x.ndim) + x.shape)


def _ratio(old: State, new: State) -> Array:
    """By how much more the multipliers move than the copies, ``[...]``."""
    copies, forces = (
        sum(
            jnp.sum((a - b) ** 2, axis=(0, 1))
            for a, b in zip(x, y, strict=True)
            if not (a is None or b is None)
        )
        for x, y in zip(old, new, strict=True)
    )
    some = (copies > 0) & (forces > 0)
    return jnp.where(some, jnp.sqrt(forces / jnp.where(some, copies, 1)), 1)


def _tangent(problem: Problem, rate: Array, state: State) -> Tangent:
    """Of the hitting costs at their copy of the path."""
    path, slope = state.copies.hit, problem.hits.slope
    if slope is None:
        # Stationarity of the proximal point.
        force = rate[None, None] * state.forces.hit
    else:
        force = jax.vmap(slope)(path, problem.theta)
    offset = jnp.sum(problem.values(path), axis=0) - jnp.sum(force * path, axis=(0, 1))
    return Tangent(offset, force)


def _compare(
    problem: Problem, rate: Array, best: Best, state: State, tangent: Tangent
) -> tuple[Best, Array]:
    """The better of what is known and of a state, and the gap of that state."""
    copies = state.copies
    paths = (copies.hit,) if copies.inside is None else (copies.hit, copies.inside)
    least = jnp.full_like(best.value, jnp.inf)
    for path in map(problem.project, paths):
        value, size = _cost(problem, path)
        least = jnp.minimum(least, value)
        new = best._replace(path=path, value=value, size=size)
        best = where(value < best.value, new, best)
    # Not beyond what rounding leaves of the conjugate's domain.
    price = terms.feasible(problem.movement, problem.moving, rate[None, None] * state.forces.move)
    lower = _lower(problem, best.value, tangent, price)
    better = lower > best.lower
    price, known = where(better, (price, lower), (best.price, best.lower))
    return best._replace(price=price, lower=known), least - lower


def _cost(problem: Problem, path: Array) -> tuple[Array, Array]:
    """What a path costs, and the size of the terms, ``[...]`` each."""
    hits = problem.values(path)
    moved = terms.cost(problem.movement, problem.moving, moves(problem.start, path))
    return jnp.sum(hits, axis=0) + moved, jnp.sum(jnp.abs(hits), axis=0) + moved


def _lower(problem: Problem, value: Array, tangent: Tangent, price: Array) -> Array:
    """At most the cost of every path, ``[...]``."""
    force = tangent.force + terms.backwards(price)
    lo, hi = problem.lo, problem.hi
    if problem.region == "box" and problem.least is not None:
        lo, hi = _within_reach(problem, jnp.maximum(value - problem.least, 0))
    most = jax.vmap(lambda y: regions.support(problem.region, -y, lo, hi))(force)
    dual = tangent.offset - jnp.sum(most, axis=0) - jnp.sum(price[0] * problem.start, axis=0)
    return dual - terms.conjugate(problem.movement, problem.moving, price)


def _within_reach(problem: Problem, budget: Array) -> tuple[Array, Array]:
    """Ends of the box with all paths that may be best; of the guess as well, where it is free."""
    rounds = problem.guess.shape[0]
    below, above = terms.reach(problem.movement, problem.moving, budget, rounds)
    lo = jnp.minimum(problem.start - below, jnp.min(problem.guess, axis=0))
    hi = jnp.maximum(problem.start + above, jnp.max(problem.guess, axis=0))
    lo = lo if problem.lo is None else jnp.maximum(lo, problem.lo)
    return lo, hi if problem.hi is None else jnp.minimum(hi, problem.hi)
