"""What the properties must know of a problem beyond its registry entry: a small size, extremes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxsoco import registry
from jaxsoco.core.optima import whole_ledger
from jaxsoco.core.protocol import Instance
from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, Field, load, suits

Change = Callable[[Any], Any]
"""From a problem's settings (a dataclass of arrays) to others of the same shapes."""

_R = TypeVar("_R")


@dataclass(frozen=True, eq=False)
class Case:
    """A registered problem at a size at which compiling takes longer than running.

    Attributes:
      problem: ``"family/name"``.
      values: the fields of the base point that differ from their defaults.
      points: fields in which further points of the same static group differ from the base.
      widen: applied to all settings, to make the runs of a block as unlike as they may be.
      slopes: leaves of the settings in which costs are differentiable.
      smallest: fields that give the smallest world there is.
      extremes: degenerate worlds by name.
      refused: worlds without a solution, which the problem must refuse: from an empty folder to
        fields, and what the message says.
      bounds: comparator -> whether no learner with these decisions ``[T, ..., runs]`` beats it.
      order: pairs of comparators of which the first is never above the second.
      params: values of the algorithms' fields that differ from their defaults, where an algorithm
        has such a field.
      words: of fields that default to a word, or to what the theory says, such a number; of others,
        one from which larger ones make a difference.
      ledger: components that are no objective and need not be 0 (all others must be).
      unsafe: algorithms that may miss what all others keep (the other components, the bounds).
      hidden: leaves of the spec that no learner may read.
      own: fields of the observation that say what the learner itself has done, such as where it is;
        all others are the same for all learners.
      torn: runs of a block that may take another one of several best plans in float32, and go on
        differently from there.
      slope_tolerance: relative; slopes through a solver are as exact as its solutions.
      derived: made from the entry's declarations alone, by nobody who knows the problem: what
        cannot be known then (that every field matters, that nature draws) is not asked for.
    """

    problem: str
    values: Mapping[str, Any]
    points: tuple[Mapping[str, Any], ...] = ()
    slopes: tuple[str, ...] = ()
    smallest: Mapping[str, Any] = field(default_factory=dict)
    extremes: Mapping[str, Change] = field(default_factory=dict)
    refused: Mapping[str, tuple[Callable[[Path], Mapping[str, Any]], str]] = field(
        default_factory=dict
    )
    bounds: Mapping[str, Callable[[np.ndarray], bool]] = field(default_factory=dict)
    order: tuple[tuple[str, str], ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, float] = field(default_factory=dict)
    ledger: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    torn: int = 0
    slope_tolerance: float = 1e-5
    widen: Change = field(default=lambda settings: settings)
    derived: bool = False
    memory: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def family(self) -> str:
        """Name of the problem's family."""
        return self.problem.partition("/")[0]

    def __repr__(self) -> str:
        return f"Case({self.problem})"


class Learner(NamedTuple):
    """An algorithm on a problem of its family, with the defaults of its fields."""

    case: Case
    entry: AlgorithmEntry

    @property
    def id(self) -> str:
        """``"family/name"``."""
        return f"{self.case.family}/{self.entry.name}"

    @property
    def algorithm(self) -> Any:
        """Its :class:`~jaxsoco.core.protocol.Algorithm`."""
        return load(self.entry.load)

    @property
    def native(self) -> bool:
        """Whether its functions take lanes; otherwise they are written for one run only."""
        return "vmap" not in (self.entry.lanes, self.algorithm.lanes)

    def __repr__(self) -> str:
        return f"Learner({self.id})"

    @property
    def values(self) -> dict[str, Any]:
        """The algorithm's fields, as the case has them."""
        return {f.name: self.case.params.get(f.name, f.default) for f in self.entry.fields}

    @property
    def numbers(self) -> dict[str, float]:
        """Numbers for the fields that the theory fills by default: a program of its own."""
        words = self.case.words
        return {f.name: words[f.name] for f in self.entry.fields if f.name in words}

    def params(self, **values: Any) -> Any:
        """Its parameters, with these values in place of the case's."""
        return self.entry.parameters(self.values | values)


class Judge(NamedTuple):
    """A comparator on a problem of its family."""

    case: Case
    entry: ComparatorEntry

    @property
    def id(self) -> str:
        """``"family/name"``."""
        return f"{self.case.family}/{self.entry.name}"

    def __repr__(self) -> str:
        return f"Judge({self.id})"

    @property
    def comparator(self) -> Any:
        """Its :class:`~jaxsoco.core.protocol.Comparator`, as the engine runs it."""
        return whole_ledger(load(self.entry.load), registry.family(self.case.family))


def remembered(function: Callable[..., _R]) -> Callable[..., _R]:
    """Keeps what a function of a case, learner or judge returned, for as long as the case lives."""

    @functools.wraps(function)
    def remember(subject: Any, *arguments: Any) -> _R:
        case = subject if isinstance(subject, Case) else subject.case
        key = (function, None if subject is case else subject, arguments)
        if key not in case.memory:
            case.memory[key] = function(subject, *arguments)
        return case.memory[key]

    return remember


def learners(case: Case) -> list[Learner]:
    """The family's algorithms that are for the case's problem."""
    problem, entries = registry.problem(case.problem), registry.family(case.family).algorithms
    return [Learner(case, entry) for entry in entries if suits(entry, problem)]


def judges(case: Case) -> list[Judge]:
    """The family's comparators that are run, and are for the case's problem."""
    problem, entries = registry.problem(case.problem), registry.family(case.family).comparators
    return [Judge(case, entry) for entry in entries if entry.load and suits(entry, problem)]


def other_values(learner: Learner) -> list[dict[str, Any]]:
    """Values of the fields that are plain numbers, three for each, away from the case's own."""
    fields = [f for f in learner.entry.fields if f.kind in ("float", "integer") and not f.static]
    own = {f.name: learner.case.words.get(f.name, learner.values[f.name]) for f in fields}
    fields = [f for f in fields if isinstance(own[f.name], int | float)]
    axes = [[_scaled(f, own[f.name], x) for x in (1.5, 4, 20)] for f in fields]
    return [
        dict(zip((f.name for f in fields), row, strict=True)) for row in zip(*axes, strict=True)
    ]


def _scaled(field: Field, own: float, factor: float) -> Any:
    value = own * factor or factor
    value = value if field.high is None else min(value, field.high)
    return int(value) if field.kind == "integer" else value


_OPTIONS = {"boolean": (False, True), "integer": (1, 2), "float": (1.0, 2.5)}


def static_values(entry: AlgorithmEntry) -> list[dict[str, Any]]:
    """All combinations of the fields that need a compilation of their own."""
    fields = [f for f in entry.fields if f.static]
    options = [f.choices or _OPTIONS.get(f.kind, (f.default,)) for f in fields]
    names = [f.name for f in fields]
    return [dict(zip(names, row, strict=True)) for row in itertools.product(*options)]


def base_values(case: Case) -> dict[str, Any]:
    """A value of every field of the problem: the base point."""
    fields = registry.problem(case.problem).fields
    return {f.name: f.default for f in fields} | dict(case.values)


@remembered
def instance(case: Case, x64: bool, point: int = 0) -> Instance:
    """The base point (0) or another one, in float32 or float64."""
    import jax

    entry, base = registry.problem(case.problem), base_values(case)
    values = base | dict(((), *case.points)[point])
    prepared = entry.prepared(values, Path())
    first = entry.prepared(base, Path())
    assert prepared.group == first.group, "the points of a case share a group"
    with jax.enable_x64(x64):
        made = entry.instance(prepared, values)
        return made._replace(settings=case.widen(made.settings))
