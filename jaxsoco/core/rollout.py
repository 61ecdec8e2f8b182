"""The loop over rounds: any algorithm on any problem, costs recorded at checkpoints."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.gradients import forward_only
from jaxsoco.core.moments import two_sum
from jaxsoco.core.nature import move_ahead, start_ahead
from jaxsoco.core.protocol import Algorithm, Problem, PyTree

SHORT = 10_000
"""Longest horizon of the differentiable scan. Its inputs, and what a gradient keeps, grow with the
horizon; longer runs loop with memory that does not."""

_REVERSE = (
    "differentiable: a gradient needs the scan over all {} rounds: pass differentiable=True, and "
    "remat=True for memory that grows with its square root; or differentiate forward (jax.jvp, "
    "jax.jacfwd), which goes through the loop"
)

PIECE = 128
"""Rounds of a long run whose costs are summed plainly before they join the compensated totals."""


def rollout(
    algorithm: Algorithm,
    params: PyTree,
    problem: Problem,
    spec: PyTree,
    key: jax.Array,
    at: tuple[int, ...],
    horizon: int | None = None,
    *,
    trace: bool = False,
    differentiable: bool | None = None,
    remat: int | bool | None = None,
) -> tuple[PyTree, PyTree, PyTree]:
    """Plays the rounds ``1 .. horizon``; arguments as for :func:`jaxsoco.simulate`, unchecked.

    Args:
      algorithm: the learner.
      params: its parameters.
      problem: the world.
      spec: the instance.
      key: words ``[2, ...]``.
      at: rounds at which cumulative costs are recorded.
      horizon: the last of them if None.
      trace: also return every round.
      differentiable: scan or loop.
      remat: rounds of a segment of the scan that gradients compute anew.

    Returns:
      The learner's last state, the problem's costs ``[C, ...]`` each, and the trace or None.
    """
    horizon = at[-1] if horizon is None else horizon
    if differentiable is None:
        differentiable = trace or horizon <= SHORT or bool(remat)
    if trace and not differentiable:
        raise ValueError("trace: want differentiable=True, a trace grows with the horizon")
    if problem.window < 0:
        raise ValueError(f"window: expected a number of rounds >= 0, got {problem.window}")
    nature, learner, _ = random.round_keys(key, 0)
    world = problem.init(nature, spec)
    with _place("the learner's init, given the spec", spec):
        state = algorithm.init(learner, params, spec)
    keys = random.rollout_keys(key, nature=problem.counter, learner=algorithm.counter)

    world = world, start_ahead(problem, spec, keys, world) if problem.window else None

    def play_round(world, state, t):
        nature, learner, noise = keys(t)
        world, ahead = world
        world, now = problem.advance(nature, spec, world)
        view = now
        if ahead is not None:
            ahead, view = move_ahead(problem, spec, keys(t + problem.window)[0], ahead, now)
        obs = problem.observe(spec, world, view)
        with _place("the learner's act, given the observation", obs):
            action, state = algorithm.act(learner, params, state, obs)
        with _place(f"the problem's play, given the action of {_source_of(algorithm.act)}", action):
            world, feedback, costs = problem.play(noise, spec, world, now, action)
        with _place("the learner's update, given the feedback", feedback):
            state = algorithm.update(params, state, action, feedback)
        return (world, ahead), state, action, costs

    # Shapes only: mismatches show before anything is compiled; the totals take the costs' shapes.
    after = jax.eval_shape(play_round, world, state, jnp.int32(1))
    with _place(f"the problem's play, given the action of {_source_of(algorithm.act)}", after[2]):
        _same_kind("the problem's world", world[0], after[0][0])
    _same_kind(f"the state of {_source_of(algorithm.act)}", state, after[1])
    shapes = after[3]
    totals = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    record = jax.tree.map(lambda x: jnp.zeros((len(at), *x.shape), x.dtype), shapes)
    if differentiable:
        # ceil(sqrt(T)) rounds a segment: as many segments as rounds in one, the least memory.
        segment = math.isqrt(horizon - 1) + 1 if remat is True else int(remat or 0)
        return _scan(play_round, world, state, totals, record, at, horizon, trace, segment)
    looped = _loop(play_round, world, state, totals, record, at, horizon)
    return *forward_only(looped, _REVERSE.format(horizon)), None


def _scan(play_round, world, state, totals, record, at, horizon, trace, segment):
    """All rounds in one scan, or in segments: the last state, the record and the trace."""

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
    # The checkpoint of a round is the first one that is not before it.
    slots = np.searchsorted(np.asarray(at), rounds).astype(np.int32)
    first = (world, state, totals, record)
    if not segment or segment >= horizon:
        carry, traced = jax.lax.scan(step, first, (rounds, slots))
        return carry[1], carry[3], traced
    return _segments(step, first, (rounds, slots), segment)


def _segments(step, first, places, segment):
    """The scan of :func:`_scan` in segments whose insides a gradient computes anew."""
    # Whole segments in a scan of scans, then the rounds that are left over.
    whole = len(places[0]) // segment
    body = jax.checkpoint(partial(jax.lax.scan, step), prevent_cse=False)
    head = jax.tree.map(lambda x: x[: whole * segment].reshape(whole, segment), places)
    carry, traced = jax.lax.scan(body, first, head)
    traced = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), traced)
    tail = jax.tree.map(lambda x: x[whole * segment :], places)
    if len(tail[0]):
        carry, rest = body(carry, tail)
        traced = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), traced, rest)
    return carry[1], carry[3], traced


def _loop(play_round, world, state, totals, record, at, horizon):
    """Pieces of at most ``PIECE`` rounds that end at the checkpoints: last state and record."""
    # The horizon is the last stop where no checkpoint is.
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


_NOTE = "in"
"""What notes of ours begin with; JAX adds its own."""


@contextlib.contextmanager
def _place(where: str, tree: PyTree) -> Iterator[None]:
    """Notes on an error where it came up, with the shapes that were handed over."""
    try:
        yield
    except Exception as error:
        if not any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ())):
            error.add_note(f"{_NOTE} {where}: {_shapes(tree)}")
        raise


def _source_of(function: Any) -> str:
    """Where a learner's function is written, in words: ``the learner (halfway.py:22, in act)``."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return "the learner"
    name = getattr(function, "__name__", code.co_name)
    return f"the learner ({Path(code.co_filename).name}:{code.co_firstlineno}, in {name})"


def _same_kind(what: str, before: PyTree, after: PyTree) -> None:
    """Raises unless a round leaves a tree's structure, shapes and dtypes as they were."""
    pairs = [jax.tree_util.tree_flatten_with_path(tree) for tree in (before, after)]
    if pairs[0][1] != pairs[1][1]:
        raise TypeError(f"{what} changes its structure: {pairs[0][1]} before, {pairs[1][1]} after")
    for (path, old), (_, new) in zip(pairs[0][0], pairs[1][0], strict=True):
        old = jax.eval_shape(lambda x=old: x)
        if (jnp.shape(old), old.dtype) != (new.shape, new.dtype):
            leaf = f", at {jax.tree_util.keystr(path)}," if path else ""
            change = f"is {_shape(old)} before a round and {_shape(new)} after it"
            raise TypeError(f"{what}{leaf} {change}")


def _shapes(tree: PyTree) -> str:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    texts = [f"{jax.tree_util.keystr(path)} {_shape(leaf)}".strip() for path, leaf in leaves]
    return ", ".join(texts) or "nothing"


def _shape(x: Any) -> str:
    x = jax.eval_shape(lambda: x)
    return f"{x.dtype}{list(x.shape)}"
