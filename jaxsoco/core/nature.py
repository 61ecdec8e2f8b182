"""Nature's side of a run, without a learner: what comparators replay, and windows onto it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.protocol import Key, Problem, PyTree

Carry = TypeVar("Carry")


class Window(NamedTuple):
    """What ``observe`` is given in place of a round by a problem with a window.

    Attributes:
      now: the round itself.
      coming: the next ``window`` rounds, the nearest first, leaves ``[window, ...]``. They go on
        beyond the horizon.
    """

    now: PyTree
    coming: PyTree


class Ahead(NamedTuple):
    """Nature ``window`` rounds ahead of the run: its world, and the rounds up to there."""

    world: PyTree
    rounds: PyTree


def replay(
    problem: Problem,
    spec: PyTree,
    key: jax.Array,
    horizon: int,
    step: Callable[[Carry, jax.Array, PyTree], Carry],
    carry: Carry,
) -> Carry:
    """Folds ``step`` over nature's rounds ``1 .. horizon`` as the run of this key meets them.

    Nothing is stored: ``carry = step(carry, t, round)`` with ``t`` int32 ``[]``. For offline
    optima that need sums over the rounds; :func:`rounds` stacks them.

    >>> from jaxsoco.extend import replay
    >>> def walk(place, t, round):
    ...     return place + round.increment
    >>> replay(problem.problem, problem.spec(key), key, problem.horizon, walk, jnp.zeros(3)).shape
    (3,)

    Args:
      problem: the world; nature's moves must not depend on actions.
      spec: the instance.
      key: a JAX key ``[...]``, or its words ``[2, ...]``; the run may use it, too.
      horizon: rounds, static.
      step: pure.
      carry: before the first round.
    """
    words = random.words(key)
    keys = random.rollout_keys(words, nature=problem.counter, learner=False)

    def one(state, t):
        world, carry = state
        world, now = problem.advance(keys(t)[0], spec, world)
        return (world, step(carry, t, now)), None

    times = jnp.arange(1, horizon + 1, dtype=jnp.int32)
    return jax.lax.scan(one, (first_world(problem, spec, words), carry), times)[0][1]


def rounds(problem: Problem, spec: PyTree, key: jax.Array, horizon: int) -> PyTree:
    """Nature's rounds ``1 .. horizon`` as the run of this key meets them, leaves ``[T, ...]``.

    >>> from jaxsoco.extend import rounds
    >>> rounds(problem.problem, problem.spec(key), key, problem.horizon).increment.shape
    (20, 3)

    Memory grows with the horizon; :func:`replay` needs one round at a time.
    """
    words = random.words(key)
    keys = random.rollout_keys(words, nature=problem.counter, learner=False)

    def one(world, t):
        return problem.advance(keys(t)[0], spec, world)

    times = jnp.arange(1, horizon + 1, dtype=jnp.int32)
    return jax.lax.scan(one, first_world(problem, spec, words), times)[1]


def first_world(problem: Problem, spec: PyTree, key: jax.Array) -> PyTree:
    """The world before the first round of the run ``key [2, ...]``."""
    return problem.init(random.round_keys(key, 0)[0], spec)


def start_ahead(problem: Problem, spec: PyTree, keys: Callable, world: PyTree) -> Ahead:
    """Nature's first ``window`` rounds, from the world before the first one."""
    times = jnp.arange(1, problem.window + 1, dtype=jnp.int32)
    return Ahead(*jax.lax.scan(lambda w, t: problem.advance(keys(t)[0], spec, w), world, times))


def move_ahead(
    problem: Problem, spec: PyTree, key: Key, ahead: Ahead, now: PyTree
) -> tuple[Ahead, Window]:
    """A round later: nature moves with the key of the last round shown, the others move up."""
    world, last = problem.advance(key, spec, ahead.world)
    coming = jax.tree.map(
        lambda old, new: jnp.concatenate([old[1:], jnp.asarray(new)[None]]), ahead.rounds, last
    )
    return Ahead(world, coming), Window(now, coming)
