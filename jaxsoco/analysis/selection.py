"""Validation of what checks and plots ask for, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.schema import REQUIRED, Field
from jaxsoco.core.study import HORIZON, is_numeric, matches
from jaxsoco.core.text import show

WHERE = "where"
"""Key that every kind takes beside its fields: a table ``axis = value`` (or a list of values)."""

PAIRS = ("between",)
"""Float fields that take two values, a lower and an upper end."""

Kinds = Mapping[str, tuple[Field, ...]]


@dataclass
class Scope:
    """What an experiment offers to checks and plots, and the issues found so far.

    Attributes:
      labels: algorithms.
      comparators: offline optima.
      axes: values of every axis.
      path: where the check or plot stands (``check[0]``).
      checkpoints: rounds of a run at which costs are kept.
      costs: components of the ledger.
      settings: label -> the name that learners with other values share, and the values.
    """

    labels: Sequence[str]
    comparators: Sequence[str] | Mapping[str, str]
    axes: Mapping[str, Sequence[Any]]
    path: str
    checkpoints: int = 1
    costs: Sequence[str] = ()
    settings: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    @property
    def learners(self) -> tuple[str, ...]:
        """Algorithms and comparators that are run."""
        return (*self.labels, *(name for name in self.comparators if name not in self.estimated))

    @property
    def estimated(self) -> tuple[str, ...]:
        """Comparators that are not run: a component is the regret against them."""
        known = self.comparators
        return tuple(n for n in known if known[n]) if isinstance(known, Mapping) else ()

    def found(self, key: str, message: str, hint: str = "") -> None:
        """Notes an issue with one key."""
        self.issues.append(Issue(f"{self.path}.{key}", message, hint))

    def finish(self) -> None:
        """Raises ``InputError`` with everything found, if anything was."""
        if self.issues:
            raise InputError(self.issues)


def read_kind(entry: Mapping[str, Any], kinds: Kinds, what: str, scope: Scope) -> str | None:
    """The entry's kind if there is such a kind; its fields are checked against the table."""
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        if "kind" not in entry:
            scope.found("kind", "is missing", "known: " + ", ".join(sorted(kinds)))
        else:
            scope.found("kind", f'no {what} is of kind "{show(kind)}"', suggest(show(kind), kinds))
        return None
    fields = {f.name: f for f in kinds[kind]}
    for key, value in entry.items():
        if key in fields:
            _check_field(fields[key], value, scope)
        elif key not in ("kind", WHERE):
            hint = suggest(key, (*fields, WHERE))
            scope.found(key, f'"{key}" is not a field of a {what} of kind "{kind}"', hint)
    for f in fields.values():
        if f.default is REQUIRED and f.name not in entry:
            scope.found(f.name, "is missing", f"want {f.doc}")
    return kind


def _check_field(f: Field, value: Any, scope: Scope) -> None:
    if f.name in PAIRS:
        pair = isinstance(value, list | tuple) and len(value) == 2 and is_numeric(value)
        if not pair or not value[0] <= value[1]:
            scope.found(f.name, f"found {show(value)}", f"want {f.doc}, as in [0.4, 0.6]")
    elif f.kind == "float":
        if not is_numeric([value]) or not math.isfinite(value):
            scope.found(f.name, f"found {show(value)}", "want a number")
        elif f.low is not None and value < f.low:
            scope.found(f.name, f"{show(value)} is too small", f"want at least {f.low:g}")
    elif f.kind == "boolean":
        if not isinstance(value, bool):
            scope.found(f.name, f"found {show(value)}", "want true or false")
    elif f.kind == "choice":
        if value not in f.choices:
            scope.found(f.name, f'no choice is "{show(value)}"', suggest(show(value), f.choices))
    elif f.kind == "strings":
        strings = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
        if not strings or not value:
            scope.found(f.name, f"found {show(value) or 'an empty list'}", "want a list of strings")
        elif f.choices and not set(value) <= set(f.choices):
            wrong = next(v for v in value if v not in f.choices)
            scope.found(f.name, f'no choice is "{wrong}"', suggest(wrong, f.choices))
    elif not isinstance(value, str):
        scope.found(f.name, f"found {show(value)}", "want a string")


def check_labels(key: str, names: Any, scope: Scope) -> None:
    """Notes every name of ``names`` (one string, or a list) that is no learner's label."""
    _check_names(key, names, scope.learners, "learner", scope)


def check_cost(entry: Mapping[str, Any], scope: Scope) -> None:
    """Checks ``cost``, a component, by itself or against a comparator that has it too."""
    if "cost" not in entry:
        return
    _check_names("cost", entry["cost"], scope.costs, "cost component", scope)
    if entry.get("against") in scope.estimated:
        message = f"{entry['against']} is not run, so it has no components"
        scope.found("against", message, "want a comparator that is run, or none")


def check_against(
    entry: Mapping[str, Any], scope: Scope, *, learners: bool = False, needed: bool = True
) -> None:
    """Checks ``against``: a comparator, or any learner; it may be absent if there is one."""
    needed = needed and "cost" not in entry
    if "against" in entry and learners:
        check_labels("against", entry["against"], scope)
    elif "against" in entry:
        _check_names("against", entry["against"], scope.comparators, "comparator", scope)
    elif needed and not scope.comparators:
        scope.found("against", "the experiment has no comparator", "name one in run.compare")


def _check_names(key: str, names: Any, known: Iterable[str], what: str, scope: Scope) -> None:
    known = tuple(known)
    listed = isinstance(names, list | tuple)
    for i, name in enumerate(names if listed else [names]):
        if isinstance(name, str) and name not in known:
            place = f"{key}[{i}]" if listed else key
            family = [k for k in known if k.startswith(f"{name}(")]
            hint = "want one of " + ", ".join(family) if family else suggest(name, known)
            scope.found(place, f'the experiment has no {what} "{name}"', hint)


def check_parameter(entry: Mapping[str, Any], scope: Scope, bases: Iterable[str]) -> None:
    """Checks ``parameter``, a numeric field with several values in one of the algorithms."""
    name = entry.get("parameter")
    bases = tuple(bases)
    if not isinstance(name, str):
        return
    found = [own[name] for base, own in scope.settings.values() if base in bases and name in own]
    if not found:
        known = {key for base, own in scope.settings.values() if base in bases for key in own}
        scope.found("parameter", f'no algorithm here has a field "{name}"', suggest(name, known))
    elif not is_numeric(found) or len(set(found)) < 2:
        scope.found("parameter", f"{name} has not several numbers as values", "want a list")


def check_bases(key: str, names: Any, scope: Scope) -> tuple[str, ...]:
    """Checks names that learners with different values share; returns them (all if None)."""
    known = tuple(dict.fromkeys(base for base, _ in scope.settings.values()))
    if names is None:
        return known
    _check_names(key, names, known, "algorithm", scope)
    return tuple(names) if isinstance(names, list | tuple) else (names,)


def check_where(entry: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Checks the selection; returns the part of it that is sound."""
    where = entry.get(WHERE, {})
    if not isinstance(where, Mapping):
        scope.found(WHERE, f"found {show(where)}", "want a table { axis = value }")
        return {}
    sound = {}
    for name, value in where.items():
        key, values = f"{WHERE}.{name}", scope.axes.get(name)
        if values is None:
            scope.found(key, f'the problem has no axis "{name}"', suggest(name, scope.axes))
        elif not any(matches(v, value) for v in values):
            hint = "its values: " + ", ".join(map(show, values))
            scope.found(key, f"{show(value)} selects no value of the axis", hint)
        else:
            sound[name] = value
    return sound


def check_axis(
    axis: Any, where: Mapping[str, Any], scope: Scope, *, numeric: bool, key: str = "axis"
) -> None:
    """Checks that an axis has at least two values (two positive numbers) in the selection."""
    # The checkpoints of a run are the axis, unless several horizons are named and one is left.
    single = len(scope.axes.get(HORIZON, ())) < 2 and not isinstance(where.get(HORIZON), list)
    if axis == HORIZON and single and scope.checkpoints > 1:
        return
    if not isinstance(axis, str):
        return
    if axis not in scope.axes:
        scope.found(key, f'the problem has no axis "{axis}"', suggest(axis, scope.axes))
        return
    values = [v for v in scope.axes[axis] if axis not in where or matches(v, where[axis])]
    if numeric and not is_numeric(values):
        scope.found(key, f"the values of {axis} are not all numbers", "want a numeric axis")
    elif numeric and len([v for v in values if v > 0]) < 2:
        scope.found(key, f"{axis} has fewer than two positive values", "want a list of values")
    elif len(values) < 2:
        scope.found(key, f"{axis} has only one value", "want an axis with a list of values")


def default_axis(axes: Mapping[str, Sequence[Any]], checkpoints: int = 1) -> str | None:
    """The axis that a slope means if it names none: the horizon, or the only numeric axis."""
    swept = [name for name, values in axes.items() if len(values) > 1 and is_numeric(values)]
    if HORIZON in swept or checkpoints > 1:
        return HORIZON
    return swept[0] if len(swept) == 1 else None
