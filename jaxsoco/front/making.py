"""Problems, learners and comparators by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax

from jaxsoco import registry
from jaxsoco.core import random
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.compiler import jit, look_once
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.gradients import with_gradients
from jaxsoco.core.optima import whole_ledger
from jaxsoco.core.protocol import Algorithm, Instance, PyTree, spec_of
from jaxsoco.core.schema import HORIZON, ComparatorEntry, Field, ProblemEntry, load
from jaxsoco.core.settings import is_traced
from jaxsoco.engine.simulate import checkpoints, read_rounds
from jaxsoco.front.reading import in_python, read_values

_TRACED = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)


@own_rules
def make(name: str, /, **settings: Any) -> Instance:
    """Makes a problem by its name.

    >>> problem = jaxsoco.make("tracking/quadratic_tracking", dimension=5, horizon=2000)

    Args:
      name: ``"family/problem"``, as ``jaxsoco list`` has it.
      **settings: its fields (``jaxsoco list NAME``) that differ from their defaults, and the
        ``horizon`` where the user chooses it. ``None`` stands for what the theory says. Numbers
        may be JAX arrays or tracers; paths start from the working directory.

    Returns:
      The problem, a pytree whose leaves are its settings, in JAX's default precision.

    Raises:
      InputError: no such problem, or bad settings: all of them at once.
    """
    entry = registry.problem(name)
    values = read_values(_fields(entry), settings, f"the problem {entry.name}")
    try:
        prepared = entry.prepared(values, Path())
        instance = entry.instance(prepared, values)
    except InputError as error:
        raise in_python(error) from None
    except _TRACED as error:
        traced = ", ".join(n for n, value in values.items() if is_traced(value))
        message = f"{entry.name} needs a number that is known before tracing"
        hint = "build the problem outside of jit, vmap and grad"
        raise InputError(Issue(traced, message, hint)) from error
    for text in prepared.warnings:
        warnings.warn(text, stacklevel=3)  # of who called the decorated function
    return replace(instance, name=name)


def _fields(entry: ProblemEntry) -> tuple[Field, ...]:
    if not entry.horizons:
        return entry.fields
    return (*entry.fields, Field(HORIZON, "integer", "rounds of a run", low=1, static=True))


@own_rules
def learner(name: str, /, **params: Any) -> tuple[Algorithm, PyTree]:
    """A learner by its name, with its parameters.

    >>> algorithm, params = jaxsoco.learner("tracking/hyscale", learning_rate=1e-3)

    Args:
      name: ``"family/learner"``, as ``jaxsoco list`` has it.
      **params: its fields (``jaxsoco list NAME``) that differ from their defaults. ``None`` stands
        for what the theory says. Numbers may be JAX arrays or tracers.

    Returns:
      The algorithm (static, pure functions) and a pytree of its parameters, whose numbers are
      leaves in JAX's default precision.

    Raises:
      InputError: no such learner, or bad parameters: all of them at once.
    """
    entry = registry.algorithm(name)
    values = read_values(entry.fields, params, f"the algorithm {entry.name}")
    algorithm: Algorithm = load(entry.load)
    if entry.lanes == "vmap" and algorithm.lanes != "vmap":
        algorithm = algorithm._replace(lanes="vmap")
    params = entry.parameters(values)
    return with_gradients(algorithm, params, entry.gradients), params


@own_rules
def resolve(problem: Instance, algorithm: Algorithm, params: PyTree) -> PyTree:
    """Parameters with the theory's numbers in place of ``None``.

    >>> jaxsoco.resolve(problem, *jaxsoco.learner("tracking/scale")).exploration
    2.0

    Args:
      problem: of :func:`make`.
      algorithm: of :func:`learner`.
      params: its parameters.

    Returns:
      Parameters of the same class, for the spec that the run of seed 0 meets.
    """
    if algorithm.resolve is None:
        return params
    return algorithm.resolve(params, problem.spec(jax.random.key(0, impl="threefry2x32")))


@dataclass(frozen=True)
class Best:
    """A comparator by name: ``best(problem, keys, at)``. Made by :func:`comparator`.

    Attributes:
      name: ``"family/comparator"``.
      function: the :class:`~jaxsoco.core.protocol.Comparator`.
      problems: those of its family that it is for, all if empty.
    """

    name: str
    function: Callable[..., Any]
    problems: tuple[str, ...] = ()

    def __call__(
        self, problem: Instance, keys: jax.Array, at: Sequence[int] | None = None
    ) -> dict[str, jax.Array]:
        """Costs of the optimum of each run, by the names of the ledger.

        Args:
          problem: of :func:`make`.
          keys: the runs' keys ``[...]``, as :func:`play` takes them (the same worlds).
          at: increasing rounds. By default :func:`checkpoints` of the horizon, as ``Run.at``; a
            problem that fixes its own horizon is judged at its end alone.

        Returns:
          Cumulative costs ``[len(at), ...]`` each; ``[1, ...]``, at the end, of a problem that
          fixes its own horizon.

        Raises:
          InputError: the comparator is not for this problem.
          TypeError: ``keys`` are no keys.
          ValueError: ``at`` is not increasing within the horizon.
        """
        return self.outcome(problem, keys, at)[0]

    @own_rules
    def outcome(
        self, problem: Instance, keys: jax.Array, at: Sequence[int] | None = None
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """As a call, with the number of kernel calls that did not converge, int32 ``[...]``."""
        self.check(problem)
        rounds = _rounds(problem) if at is None else read_rounds(problem.horizon, at)[1]
        look_once()
        return _outcome(self.function, problem, random.key_words(keys), rounds)

    def check(self, problem: Instance) -> None:
        """Raises unless the comparator is for the problem, if this has a name."""
        family, short = problem.name.partition("/")[::2]
        others = self.problems and short and short not in self.problems
        if family and (family != self.name.partition("/")[0] or others):
            message = f"is not a comparator of the problem {problem.name}"
            hint = f"it is for {', '.join(self.problems)}" if self.problems else ""
            raise InputError(Issue(self.name, message, hint if others else ""))


def _rounds(problem: Instance) -> tuple[int, ...]:
    family = problem.name.partition("/")[0]
    if family in registry.families() and not registry.problem(problem.name).horizons:
        return (problem.horizon,)
    return checkpoints(problem.horizon)


def _compute(function, problem, key, at):
    return function(key, spec_of(problem, key), at)


_outcome = jit(_compute, static_argnums=(0, 3))


def comparator(name: str, /) -> Best:
    """A comparator by its name: an offline optimum that meets the same worlds.

    >>> best = jaxsoco.comparator("tracking/online_optimum_path")
    >>> best(problem, keys, run.at)["hit"].shape
    (14, 4)

    Args:
      name: ``"family/comparator"``, as ``jaxsoco list`` has it.

    Raises:
      InputError: no such comparator; or one that is a component of every learner's own ledger,
        with the component's name.
    """
    entry = registry.comparator(name)
    if entry.component:
        message = "is not run: every learner's own ledger has the regret against it"
        hint = f"read run.costs.{entry.component}{_twin(name, entry)}"
        raise InputError(Issue(name, message, hint))
    family = registry.family(name.partition("/")[0])
    return Best(name, whole_ledger(load(entry.load), family), entry.problems)


def _twin(name: str, entry: ComparatorEntry) -> str:
    """The comparator of the same family that is run and whose name begins alike."""
    family = name.partition("/")[0]
    others: Mapping[str, ComparatorEntry] = {
        other.name: other for other in registry.family(family).comparators if other.load
    }
    near = [other for other in others if other.startswith(entry.name)] or list(others)
    return f', or take "{family}/{near[0]}"' if near else ""
