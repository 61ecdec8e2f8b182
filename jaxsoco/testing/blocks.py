"""The engine's own blocks of a case: whole rollouts, compiled as a sweep compiles them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxsoco.core.protocol import Instance
from jaxsoco.engine.batch import Batch, Block, Outcome
from jaxsoco.testing.cases import Case, Judge, Learner, instance, remembered
from jaxsoco.testing.pieces import ROOT, RUNS

NUDGE = 1e-5
"""Relative step of differences."""

_COMPILED = "/jax/core/compile/backend_compile_duration"


@remembered
def batch(case: Case) -> Batch:
    """All points of a case in float64, then its nudges; every round is a checkpoint."""
    made = [instance(case, True, point) for point in range(1 + len(case.points))]
    base = made[0]
    with jax.enable_x64(True):
        made += [base._replace(settings=one) for _, _, one in nudges(case)]
        return _batch(made, tuple(range(1, base.horizon + 1)))


def _batch(made: Sequence[Instance], at: tuple[int, ...]) -> Batch:
    return Batch(made, seeds_root=ROOT, tile=RUNS, devices=jax.devices()[:1], at=at)


@remembered
def nudges(case: Case) -> list[tuple[str, int, Any]]:
    """``(leaf, direction, settings)``: each leaf of ``case.slopes`` moved a little, both ways."""
    base = instance(case, True).settings
    with jax.enable_x64(True):
        return [
            (name, sign, replace(base, **{name: getattr(base, name) * (1 + sign * NUDGE)}))
            for name in case.slopes
            for sign in (-1, 1)
        ]


@remembered
def block(learner: Learner, point: int = 0) -> Outcome:
    """The engine's outcome for one point and the default parameters, see :func:`run_block`."""
    with jax.enable_x64(True):
        params = learner.params()
    return run_block(learner, params, point)


def run_block(
    learner: Learner,
    params: Any,
    point: int | np.ndarray = 0,
    seeds: np.ndarray | None = None,
) -> Outcome:
    """The engine's outcome in numpy: cumulative costs by name ``[T, RUNS]``.

    Args:
      learner: the learner.
      params: its parameters.
      point: of the case (:func:`batch`), or one for each run ``[RUNS]``.
      seeds: of the runs, ``[RUNS]``; ``0 .. RUNS - 1`` by default.
    """
    with jax.enable_x64(True):
        tile = batch(learner.case).learner(learner.algorithm, params, learner.entry.lanes)
        return _outcome(tile, point, seeds)


def judge_block(judge: Judge, point: int | np.ndarray = 0, seeds: np.ndarray | None = None) -> Any:
    """A comparator's outcome at the last round ``[1, RUNS]``, as :func:`run_block`."""
    with jax.enable_x64(True):
        return _outcome(_judge_tile(judge), point, seeds)


@remembered
def _judge_tile(judge: Judge) -> Block:
    case = judge.case
    made = [instance(case, True, point) for point in range(1 + len(case.points))]
    return _batch(made, (made[0].horizon,)).comparator(judge.comparator)


def _outcome(tile: Block, point: int | np.ndarray, seeds: np.ndarray | None) -> Outcome:
    seeds = np.arange(RUNS) if seeds is None else seeds
    points = np.broadcast_to(point, RUNS)
    return jax.tree.map(np.asarray, tile(points.astype(np.int32), seeds.astype(np.int32)))


@contextlib.contextmanager
def compilations() -> Iterator[list[Any]]:
    """A list that grows by one entry with every program compiled, or loaded from the cache."""
    programs: list[Any] = []

    def listen(event: str, duration_secs: float, **facts: str | int) -> None:
        del duration_secs
        if event == _COMPILED:
            programs.append(facts)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield programs
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
