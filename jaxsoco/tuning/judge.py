"""Learners judged beside each other on seeds that no search has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.analysis import objectives
from jaxsoco.analysis.samples import Runs
from jaxsoco.analysis.statistics import LEVEL, Estimate
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Algorithm, PyTree
from jaxsoco.tuning.objective import Reduction, bind
from jaxsoco.tuning.space import Space
from jaxsoco.tuning.trials import Trials, worlds_of

TUNED = "tuned"
BLOCK = 512
"""Most runs at a time."""


class Row(NamedTuple):
    """One learner's judgement.

    Attributes:
      label: the learner's.
      value: the objective on the held-out runs, with the ends of its 95 % interval.
      difference: of the tuned learner's objective from it (below 0: tuning helped), with the ends
        of its interval, paired by run; None of the tuned one itself.
      runs: how many have a finite value.
      failed: how many have none; they are left out.
    """

    label: str
    value: Estimate
    difference: Estimate | None
    runs: int
    failed: int


def judge(
    problem: Any,
    learners: Mapping[str, tuple[Algorithm, PyTree]],
    objective: Any,
    keys: jax.Array,
    *,
    at: tuple[int, ...] | None = None,
) -> list[Row]:
    """Values of learners on the same runs, and how the first one's differs from the others'.

    >>> from jaxsoco.tuning.judge import judge
    >>> learners = {"tuned": (algorithm, params), "lai": jaxsoco.learner("tracking/lai")}
    >>> [row.label for row in judge(problem, learners, None, keys)]
    ['tuned', 'lai']

    Args:
      problem: as for a search; of a distribution, every run meets an instance of its own.
      learners: algorithm and parameters by label.
      objective: as for a search.
      keys: JAX keys ``[n]`` of the held-out runs.
      at: rounds at which a function of ``Run`` finds costs.
    """
    worlds = worlds_of(problem)
    criterion = bind(objective, worlds.first, at)
    values, programs = {}, {}
    for label, (algorithm, params) in learners.items():
        # Learners that differ in numbers alone share a program.
        kind = algorithm, jax.tree.structure(params)
        if kind not in programs:
            programs[kind] = _Program(Trials(worlds, algorithm, params, Space(()), criterion))
        values[label] = programs[kind](params, keys)
    first = next(iter(values), "")
    return [
        _row(label, one, values[first], criterion.reduction, label == first)
        for label, one in values.items()
    ]


class _Program:
    """Runs of a learner with any numbers for parameters, compiled once."""

    def __init__(self, trials: Trials):
        self._trials = trials
        self._groups = trials.worlds.groups
        nowhere = jnp.zeros(0)  # in a space without parameters

        def part(params: PyTree, keys: jax.Array) -> jax.Array:
            own = replace(trials, params=params)
            if trials.worlds.draw is None or not trials.by_run:
                return own.shared(nowhere, keys)
            # An instance for every run.
            own = replace(own, worlds=replace(own.worlds, draws=1))
            return jax.vmap(lambda key: own.shared(nowhere, key[None])[0])(keys)

        self._part = jit(part)

    def __call__(self, params: PyTree, keys: jax.Array) -> np.ndarray:
        """The objective's value of every run, float64 ``[n]``; of all at once, ``[groups]``."""
        if not self._trials.by_run:
            keys = keys[: len(keys) // self._groups * self._groups]
            return np.asarray(self._part(params, keys), np.float64)
        count = len(keys)
        block = -(-min(count, BLOCK) // self._groups) * self._groups
        padded = np.resize(np.arange(count), -(-count // block) * block).reshape(-1, block)
        parts = [np.asarray(self._part(params, keys[i]), np.float64) for i in padded]
        return np.concatenate(parts)[:count]


def _row(
    label: str, values: np.ndarray, tuned: np.ndarray, reduction: Reduction, first: bool
) -> Row:
    fine = np.isfinite(values)
    value = statistic_of(reduction, values[fine])
    difference = None
    if not first:
        both = fine & np.isfinite(tuned)
        difference = difference_of(reduction, tuned[both], values[both])
    return Row(label, value, difference, int(fine.sum()), int((~fine).sum()))


def statistic_of(reduction: Reduction, values: np.ndarray) -> Estimate:
    """The statistic of runs ``[n]``, with its interval."""
    return _estimator(reduction).estimate(Runs(values[None]), LEVEL)


def difference_of(reduction: Reduction, left: np.ndarray, right: np.ndarray) -> Estimate:
    """The statistic of ``left`` less that of ``right``, paired by run, with its interval."""
    return _estimator(reduction).difference(Runs(left[None]), Runs(right[None]), LEVEL)


def _estimator(reduction: Reduction) -> objectives.Objective:
    return objectives.Objective(statistic=reduction.statistic, level=reduction.level)
