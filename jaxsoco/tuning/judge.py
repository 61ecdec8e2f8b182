"""Learners judged beside each other on seeds that no search has seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.analysis.statistics import (
    LEVEL,
    RESAMPLES,
    Estimate,
    difference_of_medians,
    pooled_mean,
    pooled_quantile,
    student_quantile,
)
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Algorithm, PyTree
from jaxsoco.tuning.objective import Reduction, bind
from jaxsoco.tuning.space import Space
from jaxsoco.tuning.trials import Trials, worlds_of

TUNED = "tuned"
BLOCK = 512
"""Most runs at a time."""

_BOOTSTRAP_SEED = 20240815


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
    """The statistic of runs, with its interval."""
    if not values.size:
        return Estimate(math.nan)
    if reduction.statistic == "mean":
        return pooled_mean(values[None])
    if reduction.statistic == "cvar":
        return _by_influence(reduction, values, tail_influence(reduction, values))
    probability = 0.5 if reduction.statistic == "median" else reduction.level
    return pooled_quantile(values[None], probability)


def difference_of(reduction: Reduction, left: np.ndarray, right: np.ndarray) -> Estimate:
    """The statistic of ``left`` less that of ``right``, paired by run, with its interval."""
    if not left.size:
        return Estimate(math.nan)
    if reduction.statistic == "mean":
        return pooled_mean((left - right)[None])
    if reduction.statistic == "median":
        return difference_of_medians(left[None], right[None])
    if reduction.statistic == "cvar":
        apart = tail_influence(reduction, left) - tail_influence(reduction, right)
        middle = float(apart.mean())
        return Estimate(middle, *_student(middle, apart))
    quantile = partial(np.quantile, q=reduction.level, axis=-1)
    return _bootstrap(quantile, left, right)


def tail_influence(reduction: Reduction, values: np.ndarray) -> np.ndarray:
    """What every run adds to the CVaR: ``q + max(z - q, 0) / (1 - level)``."""
    edge = np.quantile(values, reduction.level)
    return edge + np.maximum(values - edge, 0) / (1 - reduction.level)


def _by_influence(reduction: Reduction, values: np.ndarray, influence: np.ndarray) -> Estimate:
    value = float(np.sort(values) @ reduction.weights(values.size))
    return Estimate(value, *_student(value, influence))


def _student(value: float, influence: np.ndarray) -> tuple[float, float]:
    if influence.size < 2:
        return math.nan, math.nan
    error = float(influence.std(ddof=1)) / math.sqrt(influence.size)
    half = student_quantile(0.5 + LEVEL / 2, influence.size - 1) * error
    return value - half, value + half


def _bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], left: np.ndarray, right: np.ndarray
) -> Estimate:
    """Student's interval with the paired bootstrap's standard error."""
    value = float(statistic(left) - statistic(right))
    if left.size < 2:
        return Estimate(value)
    drawn = np.random.default_rng(_BOOTSTRAP_SEED).integers(left.size, size=(RESAMPLES, left.size))
    errors = statistic(left[drawn]) - statistic(right[drawn])
    half = student_quantile(0.5 + LEVEL / 2, left.size - 1) * float(np.std(errors, ddof=1))
    return Estimate(value, value - half, value + half)
