"""Searches without gradients: a grid, random points, and successive halving.

All candidates meet the same worlds (the search's runs have the same keys in every step), so that
their differences are paired. Candidates are spaced evenly in free coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.compiler import jit
from jaxsoco.tuning.estimators.estimate import Estimate
from jaxsoco.tuning.search import Record, State, first_state, record_of, run_keys
from jaxsoco.tuning.space import Space
from jaxsoco.tuning.trials import Trials

HALVING = 2
"""Of so many candidates one stays, with so many times the runs."""


def grid_of(space: Space, start: Any, most: int) -> np.ndarray:
    """Points of a grid, free coordinates ``[n, P]``: at most ``most``, all choices at the least.

    >>> from jaxsoco.tuning.designs import grid_of
    >>> from jaxsoco.tuning.space import Dimension, Space
    >>> space = Space((Dimension("a", 1.0, 100.0, "log", ranged=True),))
    >>> [round(float(space.values(u)["a"]), 3) for u in grid_of(space, [0.0], 3)]
    [1.0, 10.0, 100.0]
    """
    choices = [len(one.choices) for one in space.coordinates]
    real = sum(1 for count in choices if not count)
    rest = most // math.prod(count for count in choices if count)
    each = max(int(rest ** (1 / real) + 1e-9), 2) if real else 1
    axes = [
        np.arange(count, dtype=float) if count else np.linspace(span[0], span[1], each)
        for count, span in zip(choices, space.spans(start), strict=True)
    ]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)


def random_of(space: Space, start: Any, count: int, seed: int) -> np.ndarray:
    """The start, and points that fill the range evenly, free coordinates ``[count, P]``.

    Of a Latin hypercube: every coordinate's points lie one in each of equal parts.
    """
    from scipy.stats import qmc

    unit = qmc.LatinHypercube(space.size, rng=seed).random(max(count - 1, 1))
    return _after(start, _spread(space, start, unit))[:count]


def sobol_of(space: Space, start: Any, count: int, seed: int) -> np.ndarray:
    """As :func:`random_of`, by a scrambled Sobol sequence (best for powers of two)."""
    from scipy.stats import qmc

    unit = qmc.Sobol(space.size, rng=seed).random(1 << math.ceil(math.log2(max(count - 1, 1))))
    return _after(start, _spread(space, start, unit[: count - 1]))[:count]


def _spread(space: Space, start: Any, unit: np.ndarray) -> np.ndarray:
    """Points of the unit cube ``[n, P]`` over what a design covers; choices by their numbers."""
    spans = space.spans(start)
    points = spans[:, 0] + unit * (spans[:, 1] - spans[:, 0])
    for i, one in enumerate(space.coordinates):
        if number := len(one.choices):
            points[:, i] = np.minimum(np.floor(unit[:, i] * number), number - 1)
    return points


def _after(start: Any, points: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(start, float)[None], points])


def one_by_one(
    trials_of: Callable[[Any], Trials], space: Space, points: np.ndarray, runs: int
) -> tuple[Callable[..., State], Callable[[State], tuple[State, Record]], Callable]:
    """``init``, ``step`` and ``answer`` of a design of which a step tries the next point.

    Args:
      trials_of: the trials at a point (of choices, another program).
      space: the parameters.
      points: free coordinates ``[n, P]``.
      runs: for each.
    """
    evaluate = jit(_evaluate, static_argnums=(0, 3))
    table = jnp.asarray(points, float)

    def init(key: jax.Array, start: Any = None) -> State:
        del start  # the design has its points
        return first_state(space, key, table[0], ())

    def step(state: State) -> tuple[State, Record]:
        point = table[state.step % len(table)]
        here = state._replace(free=point)
        one = evaluate(trials_of(point), point, state.key, runs)
        record = record_of(space, here, one) if space.real else _numbered(here, one)
        return advance(here, one), record

    return init, jit(step) if space.real else step, lambda state: state.best


def _numbered(state: State, one: Estimate) -> Record:
    """A record whose values are free coordinates: the numbers of choices."""
    return Record(state.step + 1, *one[:3], state.free, *one[3:])


def _evaluate(trials: Trials, point: jax.Array, words: jax.Array, runs: int) -> Estimate:
    key = jax.random.wrap_key_data(words, impl="threefry2x32")
    return value_of(trials, trials.shared(point, run_keys(key, runs)), point)


def value_of(trials: Trials, values: jax.Array, point: jax.Array) -> Estimate:
    """The objective of values, as an estimate without a gradient."""
    nothing = jnp.full_like(point, jnp.nan)
    zero = jnp.zeros((), point.dtype)
    if not trials.by_run:
        mean = jnp.mean(values)
        return Estimate(mean, zero * jnp.nan, zero * jnp.nan, nothing, nothing, zero, zero)
    reduction = trials.criterion.reduction
    low, high = reduction.interval(values)
    lost = 1 - jnp.mean(jnp.isfinite(values).astype(point.dtype))
    return Estimate(reduction.reduce(values), low, high, nothing, nothing, zero, lost)


def advance(state: State, one: Estimate) -> State:
    """The state after a point, which is kept if it is the best so far."""
    better = one.value < state.objective  # not so of NaN
    return state._replace(
        step=state.step + 1,
        accepted=jnp.where(jnp.isfinite(one.value), state.free, state.accepted),
        best=jnp.where(better, state.free, state.best),
        objective=jnp.where(better, one.value, state.objective),
        rejected=state.rejected + ~jnp.isfinite(one.value),
    )


# --- successive halving ---------------------------------------------------------------------------


def rungs_of(runs: int, groups: int = 1, least: int = 16) -> int:
    """How often candidates can be halved so that each has ``least`` runs in the first rung."""
    return max(int(math.log2(max(runs // max(least, groups), 1))), 1)


def halving(
    trials: Trials, space: Space, points: np.ndarray, runs: int
) -> tuple[Callable[..., State], Callable[[State], tuple[State, Record]], Callable]:
    """``init``, ``step`` and ``answer`` of successive halving (Jamieson and Talwalkar, 2016).

    Every step has the same number of runs, an equal part for each candidate that is left; the
    better half of the candidates stays. The record is that of the leader.

    Args:
      trials: the runs.
      space: the parameters.
      points: free coordinates ``[2^r, P]`` of the candidates.
      runs: of a step, a multiple of the candidates.
    """
    table = jnp.asarray(points, float)
    rungs = int(math.log2(len(points)))
    reduction = trials.criterion.reduction

    def init(key: jax.Array, start: Any = None) -> State:
        del start
        return first_state(space, key, table[0], jnp.arange(len(points), dtype=jnp.int32))

    def rung(alive: int) -> Callable[[jax.Array, jax.Array], tuple[jax.Array, Estimate]]:
        def judge(order: jax.Array, values: jax.Array) -> tuple[jax.Array, Estimate]:
            # One run of every candidate after the other: the same keys for all.
            each = values.reshape(-1, alive)
            scores = jax.vmap(reduction.reduce, in_axes=1)(each)
            ranks = jnp.argsort(jnp.where(jnp.isfinite(scores), scores, jnp.inf))
            leader = order[ranks[0]]
            order = jnp.concatenate([order[:alive][ranks], order[alive:]])
            return order, value_of(trials, each[:, ranks[0]], table[leader])

        return judge

    branches = [rung(len(points) // HALVING**i) for i in range(rungs + 1)]
    counts = jnp.asarray([len(points) // HALVING**i for i in range(rungs + 1)], jnp.int32)

    def step(state: State) -> tuple[State, Record]:
        level = jnp.minimum(state.step, rungs)
        lanes = jnp.arange(runs, dtype=jnp.int32)
        candidate = state.optimizer[lanes % counts[level]]
        key = jax.random.wrap_key_data(state.key, impl="threefry2x32")
        keys = run_keys(key, runs)[lanes // counts[level]]
        values = trials.each(table[candidate].T, keys)
        order, one = jax.lax.switch(level, branches, state.optimizer, values)
        here = state._replace(free=table[order[0]], optimizer=order)
        # A later rung has more runs: its leader is the best, whatever others had before.
        after = advance(here._replace(objective=jnp.full_like(state.objective, jnp.inf)), one)
        return after, record_of(space, here, one)

    return init, jit(step), lambda state: state.best
