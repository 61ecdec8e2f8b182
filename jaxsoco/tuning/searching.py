"""Searches made: the method, the runs, the optimiser, put together from what a user gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import optax

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.gradients import gradients_of
from jaxsoco.core.protocol import Algorithm, PyTree
from jaxsoco.tuning import designs
from jaxsoco.tuning.defaults import SEEDS, STEPS
from jaxsoco.tuning.estimators import evolution, pathwise, score
from jaxsoco.tuning.estimators.estimate import Estimate
from jaxsoco.tuning.methods import choose
from jaxsoco.tuning.objective import bind
from jaxsoco.tuning.parameters import place, space_for, start_of
from jaxsoco.tuning.search import Search, adam, descent, perturbation_key, run_keys
from jaxsoco.tuning.space import Space
from jaxsoco.tuning.trials import Trials, worlds_of

_STREAM = 0xD4554E45
"""Place of the search's keys in the root's stream: no seed reaches it."""


def search_key(root: int) -> jax.Array:
    """The key of a search under a root: none of its runs is one of a sweep's seeds."""
    return jax.random.fold_in(jax.random.key(root, impl="threefry2x32"), _STREAM)


def searcher(
    problem: Any,
    algorithm: Algorithm,
    params: PyTree,
    parameters: Any,
    *,
    objective: Any = None,
    method: str = "auto",
    optimizer: optax.GradientTransformation | None = None,
    steps: int = STEPS,
    seeds: int = SEEDS,
    at: tuple[int, ...] | None = None,
    remat: int | bool | None = None,
    population: int | None = None,
    draws: int = 16,
    forward: bool | None = None,
    clip: float | None = pathwise.CLIP,
    smoothing: float = evolution.SMOOTHING,
    shape: evolution.Shape = "plain",
    root: int = 0,
) -> Search:
    """A search for parameters.

    >>> from jaxsoco.tuning import search_key, searcher
    >>> search = searcher(problem, algorithm, params, ["learning_rate"], seeds=16)
    >>> search.method, search.reason
    ('pathwise', 'the gradient of the costs is right in every parameter')
    >>> state, record = search.step(search.init(search_key(0)))
    >>> int(state.step), record.gradient.shape
    (1, (1,))

    Args:
      problem: an instance, several of one family, or ``key -> Instance``.
      algorithm: the learner.
      params: its parameters; a search starts from them (from the theory's in place of None).
      parameters: names of those that move, or a mapping from names to ``[low, high]``, or to lists
        of values to try.
      objective: an :class:`~jaxsoco.tuning.objective.Objective`, or a function of ``Run`` to one
        number a run, or to one of all; None for the mean total cost.
      method: of :data:`~jaxsoco.tuning.methods.METHODS`, or ``"auto"``.
      optimizer: of optax; Adam with steps that shrink from 0.3 to 0 by default.
      steps: how many. Of a grid, the most points; of random search, the points; successive halving
        has its own number.
      seeds: runs of the learner in a step.
      at: rounds at which a function of ``Run`` finds costs.
      remat: of :func:`jaxsoco.play`, in reverse mode; True by default.
      population: perturbations of a step of evolution; candidates of successive halving.
      draws: instances of a distribution of problems in a step.
      forward: forward mode; by default up to 4 parameters.
      clip: longest gradient of a run, as a multiple of the median (pathwise); None for any.
      smoothing: standard deviation of perturbations, in free coordinates.
      shape: of evolution: values as they are (``"plain"``) or their ranks (``"rank"``).
      root: of the random points of a design.

    Raises:
      InputError: unknown parameters, empty ranges, a start outside of them, a method that is not
        valid for a parameter, an objective that does not fit the problem.
      TypeError: an argument is of another kind.
    """
    _check_counts(steps=steps, seeds=seeds, draws=draws, population=population)
    worlds = worlds_of(problem, draws)
    space = space_for(params, parameters)
    criterion = bind(objective, worlds.first, at)
    name, reason = choose(
        space,
        gradients_of(algorithm, params),
        draws=algorithm.log_probability is not None,
        method=method,
        mean=criterion.reduction.statistic == "mean",
    )
    start = start_of(space, worlds.first, algorithm, params)
    free = space.free(start)
    trials = Trials(worlds, algorithm, params, space, criterion)
    if name in ("pathwise", "score"):
        parts = _along_runs(trials, name, forward, remat, clip)
        runs = _whole(seeds, worlds.groups)
        taken = runs
    elif name == "evolution":
        population = evolution.POPULATION if population is None else population + population % 2
        each = _whole(-(-seeds // population), worlds.groups)
        runs, taken = population * each, each if shape == "rank" else population // 2 * each
        options = {"population": population, "smoothing": smoothing, "shape": shape}
        parts = partial(_perturbed, trials, options)
    else:
        return _design(name, reason, trials, start, free, steps, seeds, population, root)

    def estimate(point: jax.Array, key: jax.Array) -> Estimate:
        return parts(point, key, run_keys(key, taken))

    optimizer = adam(steps) if optimizer is None else optimizer
    init, step, answer = descent(space, estimate, optimizer, steps, free)
    return Search(init, step, answer, name, reason, space, steps, runs, start, trials)


def _along_runs(
    trials: Trials, name: str, forward: bool | None, remat: Any, clip: float | None
) -> Callable[..., Estimate]:
    forward = trials.space.size <= pathwise.MOST_FORWARD if forward is None else forward
    remat = (not forward) if remat is None else remat
    trials = replace(trials, differentiable=None if forward else True, remat=remat or None)
    if name == "score":
        return lambda free, key, keys: score.estimate(trials, free, keys, forward=forward)
    return lambda free, key, keys: pathwise.estimate(trials, free, keys, forward=forward, clip=clip)


def _perturbed(trials: Trials, options: dict[str, Any], free, key, keys) -> Estimate:
    return evolution.estimate(trials, free, keys, key=perturbation_key(key), **options)


def _design(
    name: str,
    reason: str,
    trials: Trials,
    start: dict[str, Any],
    free: Any,
    steps: int,
    seeds: int,
    population: int | None,
    root: int,
) -> Search:
    """A search without gradients."""
    space, worlds = trials.space, trials.worlds
    if name == "halving":
        least = worlds.groups if population else max(worlds.groups, 16)
        rungs = designs.rungs_of(seeds, worlds.groups, least)
        if population:
            rungs = min(rungs, max(round(math.log2(population)), 1))
        runs = _whole(seeds, 2**rungs * worlds.groups)
        points = designs.sobol_of(space, free, 2**rungs, root)
        parts, steps = designs.halving(trials, space, points, runs), rungs + 1
    else:
        make = designs.grid_of if name == "grid" else partial(designs.random_of, seed=root)
        points = make(space, free, steps)
        runs, steps = _whole(seeds, worlds.groups), len(points)
        parts = designs.one_by_one(_trials_of(trials), space, points, runs)
    return Search(*parts, name, reason, space, steps, runs, start, trials, space.real)


def _trials_of(trials: Trials) -> Callable[[Any], Trials]:
    """Trials at a point: of choices, those of parameters with these choices."""
    if trials.space.real:
        return lambda point: trials

    def at(point: jax.Array) -> Trials:
        params = place(trials.params, trials.space, point)
        return replace(trials, params=params, space=Space(()))

    return at


def _whole(count: int, parts: int) -> int:
    """The count, raised to a multiple of the parts, at least two for each."""
    return max(-(-count // parts), 2) * parts


def _check_counts(**counts: Any) -> None:
    issues = [
        Issue(name, f"expected a whole number >= 1, got {value!r}")
        for name, value in counts.items()
        if value is not None
        and (isinstance(value, bool) or not isinstance(value, int) or value < 1)
    ]
    if issues:
        raise InputError(issues)
