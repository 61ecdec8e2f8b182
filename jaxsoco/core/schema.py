"""What a family says of itself, in plain data.

Everything here is read before JAX is imported: ``jaxsoco list`` and every validation error answer
from it. Code is named as ``"package.module:attribute"`` and loaded only when a run starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
"""Default of a field that the user must give."""

Kind = Literal["float", "integer", "boolean", "choice", "string", "strings", "path", "pair"]


@dataclass(frozen=True)
class Field:
    """One setting of a problem or an algorithm.

    Attributes:
      name: key in the experiment file.
      kind: type of one value. A list of values is an axis of the sweep (for ``strings``, a list
        of lists is; a ``pair`` is two numbers, the smaller first).
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


@dataclass(frozen=True)
class AlgorithmEntry:
    """A learner.

    ``load`` names an :class:`~jaxsoco.core.protocol.Algorithm`; ``params`` names a function from
    one point's values (a dict of this entry's fields) to the parameters' pytree. ``problems``:
    the family's problems that it is for, all if empty.
    """

    name: str
    summary: str
    source: str
    load: str
    params: str
    fields: tuple[Field, ...] = ()
    lanes: Literal["native", "vmap"] = "native"
    differentiable: bool = True
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparatorEntry:
    """An offline optimum: ``load`` names a ``Comparator`` (see ``core.protocol``).

    With ``component`` in place of ``load`` nothing is run: the regret against it is the component
    of that name in every learner's own ledger, an unbiased estimate that the problem computes.
    ``problems`` as for algorithms.
    """

    name: str
    summary: str
    source: str
    load: str = ""
    component: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProblemEntry:
    """A world.

    ``prepare`` names a function ``(values, folder) -> Prepared``: without JAX, it reads data
    files (relative to ``folder``) and checks the fields against each other. ``build`` names a
    function ``(prepared, values) -> core.protocol.Instance``. ``values`` are one point's.
    ``horizons``: the experiment chooses the horizons (otherwise the problem fixes its own).
    """

    name: str
    summary: str
    source: str
    prepare: str
    build: str
    fields: tuple[Field, ...] = ()
    horizons: bool = False


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
    """

    content: Any
    group: Hashable = ()
    identity: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    heavy_tailed: bool = False


@dataclass(frozen=True)
class CostEntry:
    """One component of the cost ledger; ``objective`` ones add up to the total cost.

    ``summary`` is for people: a run's manifest does without it.
    """

    name: str
    unit: str
    summary: str = field(default="", compare=False)
    objective: bool = True


@dataclass(frozen=True)
class Family:
    """A family of problems, algorithms and comparators that share one cost ledger.

    ``measure`` says how learners are judged by default: ``"ratio"`` divides the total cost by
    each comparator's, ``"regret"`` subtracts it. ``compare`` names the comparators used when an
    experiment names none.
    """

    name: str
    summary: str
    problems: tuple[ProblemEntry, ...]
    algorithms: tuple[AlgorithmEntry, ...]
    comparators: tuple[ComparatorEntry, ...]
    costs: tuple[CostEntry, ...]
    measure: Literal["ratio", "regret"]
    compare: tuple[str, ...] = ()


def load(target: str) -> Any:
    """Imports ``"package.module:attribute"`` and returns the attribute."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
