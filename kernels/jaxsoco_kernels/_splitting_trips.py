"""The trips of :mod:`splitting`: steps, means, restarts, and the bounds that certify a path."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _splitting_terms as terms
from jaxsoco_kernels._splitting_problem import Copies, Problem, Tangent
from jaxsoco_kernels.lanes import where

Array = jax.Array
RELAXATION = 1.6
BLOCK = 50
"""Trips between two certificates."""
ENOUGH, LONG = 0.3, 0.4
"""A restart follows when the gap has fallen to this share, or after this share of all trips."""
FASTER, SLOWER = 1.3, 0.77
"""Factors of the rate within which it stays."""


class State(NamedTuple):
    """Copies, and their multipliers divided by the weights."""

    copies: Copies
    forces: Copies


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
    weights: Copies
    total: tuple[State, Tangent, Array]
    best: Best
    gap: Array
    taken: Array


def iterate(problem: Problem, trips: int) -> tuple[Best, Array]:
    """The best path and the best bound of so many trips; and how many were taken, int32."""
    inverse = problem.inverse()

    def left(run):
        return ~closed(run.best) & (run.taken < trips)

    def go_on(run):
        # Lanes that are done keep what they have, whatever their neighbours need.
        return where(left(run), _block(problem, inverse, run), run)

    run = jax.lax.while_loop(lambda run: jnp.any(left(run)), go_on, _begin(problem))
    return run.best, run.taken


def closed(best: Best) -> Array:
    """Whether nothing is left to do, ``[...]``: also where data are not finite."""
    tolerance = 1e-8 if best.value.dtype == jnp.float64 else 1e-4
    return (best.value - best.lower <= tolerance * best.size) | ~jnp.isfinite(best.value)


def _begin(problem: Problem) -> _Run:
    guess = problem.guess
    steps = problem.steps(guess)
    copies = Copies(problem.spread(guess), steps, guess if problem.copied else None)
    state = State(copies, jax.tree.map(jnp.zeros_like, copies))
    zero = jnp.zeros_like(guess[0, 0])
    least = zero - jnp.inf if problem.least is None else problem.least
    path = problem.project(guess)
    best = Best(path, *problem.cost(path), jnp.zeros_like(steps), least)
    total = jax.tree.map(jnp.zeros_like, (state, Tangent(zero, copies.hit), zero))
    rate = _rate(problem)
    weights = problem.weights(rate, steps)
    nothing = zero.astype(jnp.int32)
    return _Run(state, rate, weights, total, best, zero + jnp.inf, nothing)


def _rate(problem: Problem) -> Array:
    """A price of moving over the length of a move, ``[...]``."""
    price = terms.typical(problem.movement, problem.moving)
    price = jnp.where(price > 0, price, 1)
    if problem.movement not in terms.NORMS:
        return price + jnp.zeros_like(problem.guess[0, 0])
    far = jnp.max(jnp.abs(problem.guess - problem.start[None]), axis=(0, 1))
    return price / jnp.where(far > 0, far, 1)


def _block(problem: Problem, inverse: Array | None, run: _Run) -> _Run:
    weights = run.weights

    def trip(_, now):
        state, total, _ = now
        new = _step(problem, inverse, weights, state)
        tangent = _tangent(problem, weights, new)
        one = jnp.ones_like(run.rate)
        return new, jax.tree.map(jnp.add, total, (new, tangent, one)), _ratio(weights, state, new)

    first = (run.state, run.total, jnp.ones_like(run.rate))
    state, total, ratio = jax.lax.fori_loop(0, BLOCK, trip, first)
    count = total[2]
    mean, tangent, _ = jax.tree.map(lambda x: x / _beside(count, x), total)
    last = _tangent(problem, weights, state)
    best, own = _compare(problem, weights, run.best, state, last)
    best, other = _compare(problem, weights, best, mean, tangent)
    gap, taken = jnp.minimum(own, other), run.taken + BLOCK
    restart = (gap <= ENOUGH * run.gap) | (count >= LONG * taken)
    state = where(restart & (other < own), mean, state)
    factor = jnp.clip(jnp.sqrt(ratio), 0.5, 2)
    turn = restart & ((factor > FASTER) | (factor < SLOWER))
    rate = run.rate * jnp.where(turn, factor, 1)
    weights = where(restart, problem.weights(rate, state.copies.move), weights)
    # The multipliers stay as they are.
    forces = jax.tree.map(lambda x, old, new: x * (old / new), state.forces, run.weights, weights)
    state = state._replace(forces=forces)
    total = where(restart, jax.tree.map(jnp.zeros_like, total), total)
    gap = jnp.where(restart, gap, run.gap)
    return _Run(state, rate, weights, total, best, gap, taken)


def _step(problem: Problem, inverse: Array | None, weights: Copies, state: State) -> State:
    """One trip."""
    copies, forces = state
    path = problem.nearest(weights, jax.tree.map(jnp.subtract, copies, forces), inverse)
    inside = None if copies.inside is None else path
    goals = jax.tree.map(
        lambda goal, copy, force: RELAXATION * goal + (1 - RELAXATION) * copy + force,
        Copies(problem.spread(path), problem.steps(path), inside),
        copies,
        forces,
    )
    eta = 1 / weights.hit[0, 0]
    hit = jax.vmap(lambda now, y, last: problem.hits.prox(now, y, eta, last))(
        problem.theta, goals.hit, copies.hit
    )
    # Of the movement cost by Moreau: z - prox of its conjugate.
    price = goals.move * weights.move
    price = terms.shrink(problem.movement, problem.moving, price, weights.move)
    inside = None if goals.inside is None else problem.project(goals.inside)
    new = Copies(hit, goals.move - price / weights.move, inside)
    return State(new, jax.tree.map(jnp.subtract, goals, new))


def _beside(x: Array, like: Array) -> Array:
    """Numbers of the lanes ``[...]`` with axes of size 1 before them, as many as ``like`` has."""
    return x.reshape((1,) * (like.ndim - x.ndim) + x.shape)


def _ratio(weights: Copies, old: State, new: State) -> Array:
    """By how much more the multipliers move than the copies, ``[...]``."""
    copies, forces = (
        sum(
            jnp.sum(weight * (a - b) ** 2, axis=(0, 1))
            for weight, a, b in zip(weights, x, y, strict=True)
            if not (weight is None or a is None or b is None)
        )
        for x, y in zip(old, new, strict=True)
    )
    some = (copies > 0) & (forces > 0)
    return jnp.where(some, jnp.sqrt(forces / jnp.where(some, copies, 1)), 1)


def _tangent(problem: Problem, weights: Copies, state: State) -> Tangent:
    """Of the hitting costs at their copy of the path."""
    path, slope = state.copies.hit, problem.hits.slope
    if slope is None:
        # Stationarity of the proximal point.
        force = weights.hit * state.forces.hit
    else:
        force = jax.vmap(slope)(path, problem.theta)
    offset = jnp.sum(problem.values(path), axis=0) - jnp.sum(force * path, axis=(0, 1))
    return Tangent(offset, force)


def _compare(
    problem: Problem, weights: Copies, best: Best, state: State, tangent: Tangent
) -> tuple[Best, Array]:
    """The better of what is known and of a state, and the gap of that state."""
    least = jnp.full_like(best.value, jnp.inf)
    for path in problem.candidates(state.copies):
        value, size = problem.cost(path)
        least = jnp.minimum(least, value)
        new = best._replace(path=path, value=value, size=size)
        best = where(value < best.value, new, best)
    # Not beyond what rounding leaves of the conjugate's domain.
    price = weights.move * state.forces.move
    price = terms.feasible(problem.movement, problem.moving, price)
    lower = problem.lower(best.value, tangent, price)
    better = lower > best.lower
    price, known = where(better, (price, lower), (best.price, best.lower))
    return best._replace(price=price, lower=known), least - lower
