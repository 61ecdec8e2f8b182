"""What a family says of itself, in plain data.

Everything here is read before JAX is imported: ``jaxsoco list`` and every validation error answer
from it. Code is named as ``"package.module:attribute"`` and loaded only when a run starts.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

AUTO = "auto"
"""What experiment files write for ``None``: as the theory says."""

HORIZON = "horizon"
"""Setting of the problems whose rounds the user chooses; experiment files say ``run.horizons``."""

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
"""Default of a field that the user must give."""

Kind = Literal["float", "integer", "boolean", "choice", "string", "strings", "path", "pair"]

Word = Literal["yes", "biased", "no"]
"""Whether the costs' gradient in a parameter is right, that of something else, or means nothing."""

Role = Literal["", "seed"]
"""What a number is beside a quantity: ``"seed"`` names one of many worlds that are drawn alike."""


class Gradient(NamedTuple):
    """Whether costs can be differentiated in a parameter of a learner.

    >>> from jaxsoco.extend import Gradient
    >>> print(Gradient("biased", "the draws are not differentiated"))
    biased: the draws are not differentiated

    Attributes:
      word: ``"yes"``; ``"biased"`` or ``"no"``, which ``jaxsoco.play`` refuses unless told
        otherwise; ``"grid only"`` for integers and for what needs another compilation.
      reason: why.
    """

    word: Word | Literal["grid only"] = "yes"
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word


YES = Gradient("yes")
GRID = Gradient("grid only")


@dataclass(frozen=True)
class Field:
    """One setting of a problem or an algorithm.

    Attributes:
      name: key in the experiment file.
      kind: type of one value. A list of values is an axis of the sweep (for ``strings``, a list
        of lists or ``words`` is; a ``pair`` is two numbers, the smaller first).
      doc: one line: what it is, in the field's standard terms.
      default: value when absent, ``REQUIRED`` if there is none, ``None`` if it may be absent.
      unit: physical unit, or "".
      low: smallest value allowed (largest excluded value if ``open_low``).
      high: largest value allowed.
      open_low: the value must be *greater* than ``low``.
      choices: allowed values of a ``choice``.
      words: strings allowed beside the kind (``"google"`` for an integer field, say).
      static: another value needs another compilation (algorithms; a problem says so by
        ``Prepared.group``).
      theory: what ``"auto"`` stands for, as a formula.
      aliases: words that mean ``"auto"``, too.
      gradient: of a learner's parameter, whether costs have a gradient in it; ``""`` for what the
        learner's entry says.
      reason: why it is ``"biased"`` or ``"no"``.
      role: ``"seed"`` of a setting that only says which world is drawn: nothing grows with it.
    """

    name: str
    kind: Kind
    doc: str
    default: Any = REQUIRED
    unit: str = ""
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    static: bool = False
    theory: str = ""
    aliases: tuple[str, ...] = ()
    gradient: Word | Literal[""] = ""
    reason: str = ""
    role: Role = ""

    def slope(self, default: Gradient = YES) -> Gradient:
        """Whether costs have a gradient in it; where it does not say so itself, ``default``."""
        if self.static or self.kind != "float":
            return GRID
        return Gradient(self.gradient, self.reason) if self.gradient else default

    @property
    def summary(self) -> str:
        """What it is, and what ``"auto"`` stands for."""
        return f"{self.doc}; {AUTO}: {self.theory}" if self.theory else self.doc


@dataclass(frozen=True)
class Guarantee:
    """What theory promises of a learner on a problem: its cost is at most a multiple of another.

    >>> from jaxsoco.extend import Guarantee
    >>> twice = Guarantee("my_problem", against="best", ratio=lambda problem, learner: 2.0)
    >>> twice.ratio({}, {})
    2.0

    Attributes:
      problem: name of the problem.
      against: the comparator whose cost is multiplied.
      ratio: ``(problem, learner) -> float``, the multiple for values of the problem's and of the
        learner's fields as experiment files have them, or its name; computed without JAX. None
        where nothing is promised.
    """

    problem: str
    against: str
    ratio: Any


@dataclass(frozen=True)
class AlgorithmEntry:
    """A learner.

    Attributes:
      name: in experiment files.
      summary: one line.
      source: paper and section.
      load: the :class:`~jaxsoco.core.protocol.Algorithm`, or ``"package.module:attribute"``.
      params: the class of its parameters (:func:`jaxsoco.core.settings.settings`); or a function
        from a dict of ``fields`` to a pytree, itself or by name.
      fields: what experiment files may say; of the class, unless given.
      lanes: ``"vmap"`` if it is written for one run only; the algorithm itself may say so as well.
      differentiable: whether costs have right gradients (``"biased"``: gradients of something
        else) in the parameters that do not say so themselves.
      reason: why not.
      problems: the family's problems that it is for, all if empty.
      guarantees: what theory promises of it, problem by problem, where that is a number.
      information: one line: what it must see, and what it must be told.
      promise: one line: what theory promises of it, in the field's standard terms, or ``"none"``.
    """

    name: str
    summary: str
    source: str
    load: Any
    params: Any
    fields: tuple[Field, ...] = ()
    lanes: Literal["native", "vmap"] = "native"
    differentiable: bool | Literal["biased"] = True
    problems: tuple[str, ...] = ()
    reason: str = ""
    guarantees: tuple[Guarantee, ...] = ()
    information: str = ""
    promise: str = ""

    def __post_init__(self) -> None:
        """Takes the fields, and the function from their values, from the class of parameters."""
        declared = getattr(self.params, "FIELDS", None)
        if declared is not None:
            object.__setattr__(self, "fields", self.fields or declared)
            object.__setattr__(self, "params", partial(_parameters, self.params))

    @property
    def gradients(self) -> dict[str, Gradient]:
        """Of every field: whether costs have a gradient in it."""
        if self.differentiable is True:
            default = YES
        else:
            word = self.differentiable or "no"
            default = Gradient(word, self.reason or "so the learner says of all its parameters")
        return {one.name: one.slope(default) for one in self.fields}

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """The pytree of parameters for one value of every field; its leaves are floats."""
        return load(self.params)(values)


def _parameters(cls: Any, values: Mapping[str, Any]) -> Any:
    """Settings of a learner with arrays for leaves, of JAX's default precision."""
    import jax
    import jax.numpy as jnp

    return jax.tree.map(lambda x: jnp.asarray(x, float), cls.of(values))


@dataclass(frozen=True)
class ComparatorEntry:
    """An offline optimum: ``load`` is or names a ``Comparator`` (see ``core.protocol``).

    With ``component`` in place of ``load`` nothing is run: the regret against it is the component
    of that name in every learner's own ledger, an unbiased estimate that the problem computes.
    ``problems`` as for algorithms.
    """

    name: str
    summary: str
    source: str
    load: Any = ""
    component: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProblemEntry:
    """A world.

    Attributes:
      name: in experiment files.
      summary: one line.
      source: paper and section.
      prepare: ``(settings, folder) -> Prepared``, or its name: without JAX, it reads data files
        (relative to ``folder``), checks the settings against each other, and puts numbers in the
        place of None and words.
      build: ``(prepared) -> Instance`` (``core.protocol``), or its name.
      settings: the class of its settings. Without one, ``prepare`` takes a dict of the fields'
        values, and ``build`` takes it, too, after ``prepared``.
      fields: what experiment files may say; of the class, unless given.
      horizons: the experiment chooses the horizon, which is the setting ``horizon``; otherwise the
        problem fixes its own.
      like: another problem of the family, if this one has its observations, actions, feedback and
        ledger, and a spec that learners can read alike: what is for that one is for this one, too
        (but for comparators that are run: they would draw that one's worlds).
    """

    name: str
    summary: str
    source: str
    prepare: Any
    build: Any
    fields: tuple[Field, ...] = ()
    horizons: bool = False
    settings: Any = None
    like: str = ""

    def __post_init__(self) -> None:
        """Takes fields and horizon from the class of the settings."""
        declared = getattr(self.settings, "FIELDS", ())
        if any(one.name == HORIZON for one in declared):
            object.__setattr__(self, "horizons", True)
        if not self.fields:
            fields = tuple(one for one in declared if one.name != HORIZON)
            object.__setattr__(self, "fields", fields)

    def prepared(self, values: Mapping[str, Any], folder: Path) -> Prepared:
        """What the problem reads and checks for one value of every field (and the horizon)."""
        settings = values if self.settings is None else self.settings.of(values)
        return load(self.prepare)(settings, folder)

    def instance(self, prepared: Prepared, values: Mapping[str, Any]) -> Any:
        """The :class:`~jaxsoco.core.protocol.Instance` of a prepared problem; needs JAX."""
        more = (values,) if self.settings is None else ()
        return load(self.build)(prepared, *more)


@dataclass(frozen=True)
class Prepared:
    """What ``prepare`` read and found.

    Attributes:
      content: whatever the problem's ``build`` needs.
      group: hashable; points of a sweep share a compilation only where it is equal (sizes,
        kinds; numbers do not belong here).
      identity: JSON-able facts that fix the numbers (digests of data files), part of a sweep's
        identity.
      notes: lines for the report: where the data come from, what was filled in.
      warnings: lines that the user should see before the run.
      heavy_tailed: costs have no mean here; the report speaks of medians and quantiles.
      shown: what ``Problem.show`` gives for single runs at every round; not cumulative, at least 0,
        and -1 where there is nothing to show.
    """

    content: Any
    group: Hashable = ()
    identity: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    heavy_tailed: bool = False
    shown: tuple[CostEntry, ...] = ()


@dataclass(frozen=True)
class CostEntry:
    """One component of the cost ledger.

    Attributes:
      name: in results, checks and figures.
      unit: of its values.
      summary: for people: a run's manifest does without it.
      objective: whether it is a part of the total cost.
      limit: the component is a constraint: the most that a learner's mean may come to for a round
        (rounding aside) before tables and legends mark the learner; None if it is none.
      share: it comes to 0 or 1 in a run: tables for people show the share of the runs.
    """

    name: str
    unit: str
    summary: str = field(default="", compare=False)
    objective: bool = True
    limit: float | None = None
    share: bool = False


@dataclass(frozen=True)
class Family:
    """A family of problems, algorithms and comparators that share one cost ledger.

    ``measure`` says how learners are judged by default: ``"ratio"`` divides the total cost by
    each comparator's, ``"regret"`` subtracts it. ``compare`` names the comparators used when an
    experiment names none, ``problem`` the problem, where there are several.
    """

    name: str
    summary: str
    problems: tuple[ProblemEntry, ...]
    algorithms: tuple[AlgorithmEntry, ...]
    comparators: tuple[ComparatorEntry, ...]
    costs: tuple[CostEntry, ...]
    measure: Literal["ratio", "regret"]
    compare: tuple[str, ...] = ()
    problem: str = ""

    def __post_init__(self) -> None:
        """Makes tuples of lists, and refuses what is no entry."""
        _check_entries(self)


@dataclass(frozen=True)
class Extension:
    """What a plug-in adds to a family; its own families it declares as :class:`Family`.

    >>> from jaxsoco.extend import AlgorithmEntry, Extension
    >>> halfway = AlgorithmEntry(
    ...     name="halfway",
    ...     summary="goes half of the way",
    ...     source="my thesis, section 2",
    ...     load="halfway:halfway",
    ...     params="halfway:HalfwayParams",
    ... )
    >>> Extension("tracking", algorithms=[halfway]).algorithms[0].name
    'halfway'
    """

    family: str
    problems: tuple[ProblemEntry, ...] = ()
    algorithms: tuple[AlgorithmEntry, ...] = ()
    comparators: tuple[ComparatorEntry, ...] = ()

    def __post_init__(self) -> None:
        """Makes tuples of lists, and refuses what is no entry."""
        _check_entries(self)


def _check_entries(one: Any) -> None:
    kinds = {
        "problems": ProblemEntry,
        "algorithms": AlgorithmEntry,
        "comparators": ComparatorEntry,
    }
    for name, kind in kinds.items():
        entries = getattr(one, name)
        whole = isinstance(entries, list | tuple)
        if not whole or not all(isinstance(entry, kind) for entry in entries):
            names = [type(entry).__name__ for entry in (entries if whole else [entries])]
            raise TypeError(f"{name}: expected a tuple of {kind.__name__}, got {', '.join(names)}")
        object.__setattr__(one, name, tuple(entries))


def suits(entry: AlgorithmEntry | ComparatorEntry, problem: ProblemEntry) -> bool:
    """Whether an algorithm or comparator is for a problem of its family."""
    if not entry.problems or problem.name in entry.problems:
        return True
    runs = isinstance(entry, ComparatorEntry) and not entry.component
    return not runs and problem.like in entry.problems


def promises(entry: AlgorithmEntry, problem: ProblemEntry) -> tuple[Guarantee, ...]:
    """What theory promises of an algorithm on a problem of its family."""
    return tuple(one for one in entry.guarantees if one.problem == problem.name)


def load(target: Any) -> Any:
    """The attribute that ``"package.module:attribute"`` names; what is no name is returned."""
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    return operator.attrgetter(attribute)(importlib.import_module(module))
