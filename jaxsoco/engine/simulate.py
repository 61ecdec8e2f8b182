"""One rollout, or a block of them: any algorithm on any problem, one loop over rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.moments import two_sum
from jaxsoco.core.protocol import Algorithm, Problem, PyTree

SHORT = 10_000
"""Longest horizon of the differentiable scan. Its inputs, and what a gradient keeps, grow with the
horizon; longer runs loop with memory that does not."""

PIECE = 128
"""Rounds of a long run whose costs are summed plainly before they join the compensated totals."""


class Run(NamedTuple):
    """What a rollout recorded; ``...`` are the lanes of the key.

    Attributes:
      at: rounds of the checkpoints, int ``[C]``.
      costs: the problem's cost tuple, each cumulative at the checkpoints, ``[C, ...]``.
      faults: kernel calls that did not converge, int32 ``[...]``.
      finite: whether every recorded cost is finite, bool ``[...]``.
      state: the learner's last state.
      trace: ``(actions, costs)`` of every round, ``[T, ...]`` leaves, if asked for.
    """

    at: Any
    costs: PyTree
    faults: jax.Array
    finite: jax.Array
    state: PyTree
    trace: PyTree = None


def checkpoints(horizon: int, count: int = 32) -> tuple[int, ...]:
    """At most ``count`` rounds, spaced geometrically, that end with ``horizon``."""
    if horizon < 1 or count < 1:
        raise ValueError(f"want horizon >= 1 and count >= 1, got {horizon} and {count}")
    grid = np.geomspace(1, horizon, min(count, horizon)) if count > 1 else [horizon]
    return tuple(sorted({*(round(float(t)) for t in grid), horizon}))


def simulate(
    algorithm: Algorithm,
    params: PyTree,
    problem: Problem,
    spec: PyTree,
    key: jax.Array,
    horizon: int,
    *,
    at: Sequence[int] | None = None,
    trace: bool = False,
    differentiable: bool | None = None,
) -> Run:
    """Runs ``algorithm`` on ``problem`` for ``horizon`` rounds.

    Args:
      algorithm: the learner.
      params: its parameters; leaves may be traced, batched, differentiated.
      problem: the world.
      spec: the instance, leaves without lanes (shared) or with the key's.
      key: a JAX key ``[...]``, or its words ``[2, ...]``; every trailing axis is a lane. It is
        consumed.
      horizon: number of rounds, static.
      at: increasing rounds at which cumulative costs are recorded; ``checkpoints(horizon)``.
      trace: also return every round's action and costs (small runs only).
      differentiable: one scan over all rounds, which a gradient can be taken through, or a loop
        whose memory does not grow with the horizon and whose totals are compensated. By default
        the scan up to ``SHORT`` rounds and with a trace.

    Returns:
      The run's record. Memory does not grow with ``horizon`` unless ``trace``.
    """
    at = checkpoints(horizon) if at is None else tuple(int(t) for t in at)
    if not at or list(at) != sorted(set(at)) or at[0] < 1 or at[-1] > horizon:
        raise ValueError(f"at: want increasing rounds within 1..{horizon}, got {at}")
    if differentiable is None:
        differentiable = trace or horizon <= SHORT
    if trace and not differentiable:
        raise ValueError("trace: want differentiable=True, a trace grows with the horizon")
    key = random.words(key)
    nature, learner, _ = random.round_keys(key, 0)
    world = problem.init(nature, spec)
    state = algorithm.init(learner, params, spec)
    keys = random.rollout_keys(key, nature=problem.counter, learner=algorithm.counter)

    def play_round(world, state, t):
        nature, learner, noise = keys(t)
        world, now = problem.advance(nature, spec, world)
        obs = problem.observe(spec, world, now)
        action, state = algorithm.act(learner, params, state, obs)
        world, feedback, costs = problem.play(noise, spec, world, now, action)
        return world, algorithm.update(params, state, action, feedback), action, costs

    shapes = jax.eval_shape(play_round, world, state, jnp.int32(1))[3]
    totals = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    record = jax.tree.map(lambda x: jnp.zeros((len(at), *x.shape), x.dtype), shapes)
    traced = None
    if differentiable:
        state, record, traced = _scan(play_round, world, state, totals, record, at, horizon, trace)
    else:
        state, record = _loop(play_round, world, state, totals, record, at, horizon)
    lanes = key.shape[1:]
    faults = jnp.broadcast_to(jnp.asarray(getattr(state, "faults", 0), jnp.int32), lanes)
    return Run(np.asarray(at), record, faults, all_finite(record, len(lanes)), state, traced)


def _scan(play_round, world, state, totals, record, at, horizon, trace):
    """All rounds in one scan: the last state, the record and the trace."""

    def step(carry, place):
        t, slot = place
        world, state, totals, record = carry
        world, state, action, costs = play_round(world, state, t)
        totals = jax.tree.map(jnp.add, totals, costs)
        # Every round overwrites the next checkpoint's slot: the last write is the checkpoint.
        # (After the last checkpoint there is no slot, and nothing is written.)
        record = jax.tree.map(lambda r, x: r.at[slot].set(x, mode="drop"), record, totals)
        return (world, state, totals, record), ((action, costs) if trace else None)

    rounds = np.arange(1, horizon + 1, dtype=np.int32)
    slots = np.searchsorted(np.asarray(at), rounds).astype(np.int32)
    carry, traced = jax.lax.scan(step, (world, state, totals, record), (rounds, slots))
    return carry[1], carry[3], traced


def _loop(play_round, world, state, totals, record, at, horizon):
    """Pieces of at most ``PIECE`` rounds that end at the checkpoints: last state and record."""
    stops = jnp.asarray((*at, *((horizon,) if at[-1] < horizon else ())), jnp.int32)

    def one_round(t, carry):
        world, state, sums = carry
        world, state, _, costs = play_round(world, state, t)
        return world, state, jax.tree.map(jnp.add, sums, costs)

    def piece(carry):
        t, slot, world, state, totals, record = carry
        stop = jnp.minimum(t + PIECE, stops[slot])
        sums = jax.tree.map(jnp.zeros_like, totals[0])
        world, state, sums = jax.lax.fori_loop(t + 1, stop + 1, one_round, (world, state, sums))
        # What rounding took from the totals is kept beside them, and put right at the next sum.
        pairs = jax.tree.map(lambda h, low, s: two_sum(h, low + s), *totals, sums)
        totals = jax.tree.transpose(jax.tree.structure(sums), jax.tree.structure((0, 0)), pairs)
        record = jax.tree.map(lambda r, x: r.at[slot].set(x, mode="drop"), record, totals[0])
        return stop, slot + (stop == stops[slot]), world, state, totals, record

    first = (jnp.int32(0), jnp.int32(0), world, state, (totals, totals), record)
    *_, state, _, record = jax.lax.while_loop(lambda carry: carry[0] < horizon, piece, first)
    return state, record


def all_finite(tree: PyTree, lanes: int) -> jax.Array:
    """Whether all entries of every leaf ``[..., lanes]`` are finite, per lane."""
    flags = [
        jnp.all(jnp.isfinite(x), axis=tuple(range(x.ndim - lanes))) for x in jax.tree.leaves(tree)
    ]
    return jnp.all(jnp.stack(flags), axis=0)
