"""``jaxsoco.tune``: a search from beginning to end, judged on held-out seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from jaxsoco.core.ambient import own_rules
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.protocol import Algorithm
from jaxsoco.front.playing import seed_keys
from jaxsoco.tuning.answers import answer_values, contenders, default_of, theory_of
from jaxsoco.tuning.defaults import HOLDOUT, SEEDS, STEPS
from jaxsoco.tuning.driving import best_of, run_search
from jaxsoco.tuning.estimators import evolution, pathwise
from jaxsoco.tuning.judge import TUNED, judge
from jaxsoco.tuning.objective import Objective
from jaxsoco.tuning.parameters import change, filled
from jaxsoco.tuning.searching import search_key, searcher
from jaxsoco.tuning.tuned import Tuned, columns_of

_POSITIONAL = ("problem", "algorithm", "params", "parameters")


@overload
def tune(
    problem: Any,
    algorithm: Algorithm,
    params: Any,
    parameters: Any,
    *,
    objective: Objective | Callable[..., Any] | None = ...,
    against: str | None = ...,
    method: str = ...,
    optimizer: Any = ...,
    steps: int = ...,
    seeds: int = ...,
    holdout: int = ...,
    root: int = ...,
    starts: int = ...,
    at: Sequence[int] | None = ...,
    remat: int | bool | None = ...,
    population: int | None = ...,
    draws: int = ...,
    clip: float | None = ...,
    smoothing: float = ...,
    shape: evolution.Shape = ...,
    progress: bool = ...,
) -> Tuned: ...


@overload
def tune(
    problem: Any,
    algorithm: Mapping[str, Algorithm],
    params: Mapping[str, Any],
    parameters: Any,
    *,
    objective: Objective | Callable[..., Any] | None = ...,
    against: str | None = ...,
    method: str = ...,
    optimizer: Any = ...,
    steps: int = ...,
    seeds: int = ...,
    holdout: int = ...,
    root: int = ...,
    starts: int = ...,
    at: Sequence[int] | None = ...,
    remat: int | bool | None = ...,
    population: int | None = ...,
    draws: int = ...,
    clip: float | None = ...,
    smoothing: float = ...,
    shape: evolution.Shape = ...,
    progress: bool = ...,
) -> dict[str, Tuned]: ...


@own_rules
def tune(
    problem: Any,
    algorithm: Any,
    params: Any,
    parameters: Any,
    *,
    objective: Objective | Callable[..., Any] | None = None,
    against: str | None = None,
    method: str = "auto",
    optimizer: Any = None,
    steps: int = STEPS,
    seeds: int = SEEDS,
    holdout: int = HOLDOUT,
    root: int = 0,
    starts: int = 1,
    at: Sequence[int] | None = None,
    remat: int | bool | None = None,
    population: int | None = None,
    draws: int = 16,
    clip: float | None = pathwise.CLIP,
    smoothing: float = evolution.SMOOTHING,
    shape: evolution.Shape = "plain",
    progress: bool = False,
) -> Any:
    """Tunes parameters of a learner on a problem, and judges them on seeds it has not seen.

    >>> tuned = jaxsoco.tune(
    ...     problem, algorithm, params, ["learning_rate"], steps=8, seeds=32, holdout=64
    ... )
    >>> bool(tuned.values["learning_rate"] > params.learning_rate)
    True
    >>> tuned.judgement[1].label, tuned.judgement[1].difference.upper < 0  # it costs less
    ('default', True)

    Args:
      problem: of :func:`jaxsoco.make`; several of one family, each of which gets an equal part of
        the runs; or a distribution, a function from a JAX key to a problem, of which every step
        draws ``draws`` anew.
      algorithm: of :func:`jaxsoco.learner`, or your own.
      params: its parameters. A search starts from them, and from the theory's in place of None.
      parameters: names of those to tune, or a mapping from names to ``[low, high]``, or to a list
        of values to try. Positive ones move by their logarithm, others with two ends by a logit.
      objective: a :class:`jaxsoco.tuning.Objective`; or a function of
        :class:`jaxsoco.Run`, in JAX, to one number a run (whose mean is made small) or to one of
        all. By default the mean total cost.
      against: short for ``Objective(against=...)``.
      method: ``"auto"``: what is valid for the parameters; or ``"pathwise"``, ``"score"``,
        ``"evolution"``, ``"grid"``, ``"random"``, ``"halving"``.
      optimizer: of optax, with any schedule; by default Adam with steps that shrink to 0.
      steps: of the search.
      seeds: runs in a step.
      holdout: held-out runs: those of seeds ``0 .. holdout - 1``, as in a sweep.
      root: of all random streams. The search's runs have a stream of their own.
      starts: how many searches go side by side, the first from ``params``; the best answer counts.
      at: rounds at which a function of ``Run`` finds costs; by default :func:`checkpoints`.
      remat: see :func:`play`; for gradients in reverse mode (more than 4 parameters).
      population: perturbations in a step of ``"evolution"``; candidates of ``"halving"``.
      draws: instances in a step, of a distribution of problems.
      clip: gradients of runs are no longer than so many times their median; None for any.
      smoothing: standard deviation of the perturbations of ``"evolution"``, in free coordinates
        (logarithms of positive parameters).
      shape: ``"rank"``: evolution looks at the order of the perturbations only.
      progress: show a line of progress.

    Returns:
      A :class:`jaxsoco.tuning.Tuned`. Where ``algorithm`` is a mapping from labels (then
      ``params`` is one, too, and ``parameters`` may be one), the same for each label.

    Raises:
      InputError: bad parameters, ranges or objectives; a method that is not valid for a parameter;
        the objective is not finite where the search starts.
    """
    if isinstance(algorithm, Mapping):
        options = {name: value for name, value in locals().items() if name not in _POSITIONAL}
        return _several(problem, algorithm, params, parameters, options)
    if against is not None:
        if objective is not None:
            raise InputError(Issue("against", "is given beside an objective", "say it there"))
        objective = Objective(against=against)
    at = None if at is None else tuple(at)
    search = searcher(
        problem,
        algorithm,
        params,
        parameters,
        objective=objective,
        method=method,
        optimizer=optimizer,
        steps=steps,
        seeds=seeds,
        at=at,
        remat=remat,
        population=population,
        draws=draws,
        clip=clip,
        smoothing=smoothing,
        shape=shape,
        root=root,
    )
    key = search_key(root)
    state, records = run_search(search, key, starts, root, progress)
    free = search.answer(state)
    if starts > 1:
        free = free[best_of(search, free, key)]
    values = answer_values(search.space, free)
    keys = seed_keys(root, holdout)
    default, theory = default_of(search, params), theory_of(search, problem, algorithm, params)
    learners = {
        label: (algorithm, change(params, filled(params, one)))
        for label, one in contenders(search, values, default, theory, params).items()
    }
    rows = judge(problem, learners, objective, keys, at=at)
    return Tuned(
        values=values,
        params=learners[TUNED][1],
        default=default,
        theory=theory,
        history=columns_of(records),
        judgement=tuple(rows),
        method=search.method,
        reason=search.reason,
        objective=search.objective,
        rejected=int(np.sum(state.rejected)),
        labels=search.space.labels,
    )


def _several(problem: Any, algorithms: Mapping, params: Any, parameters: Any, options: dict) -> Any:
    """Each of several learners, on the same runs."""
    if not isinstance(params, Mapping) or set(params) != set(algorithms):
        hint = f"want parameters for each of {', '.join(map(str, algorithms))}"
        raise InputError(Issue("params", "are not those of the algorithms", hint))
    each = isinstance(parameters, Mapping) and set(parameters) == set(algorithms)
    return {
        label: tune(
            problem, one, params[label], parameters[label] if each else parameters, **options
        )
        for label, one in algorithms.items()
    }
