"""What an experiment offers to checks and plots, and whether a table asks for more than that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jaxsoco.core.errors import InputError
from jaxsoco.core.fields import Issues
from jaxsoco.core.study import HORIZON, is_numeric, matches
from jaxsoco.core.text import show, suggest

WHERE = "where"
"""Key that every kind takes beside its fields: a table ``axis = value`` (or a list of values)."""

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Scope:
    """What checks and plots may speak of, and the issues of the one that is being validated.

    Attributes:
      axes: values of every axis; empty where they were reported.
      labels: of the algorithms; ``None`` where some were reported.
      comparators: names, with the component that stands for each one that is not run.
      costs: components of the ledger.
      learners: label -> the name that learners with other values share, and the values.
      checkpoints: rounds of a run at which costs are kept.
      trace: seeds of which every round is kept.
      moments: moments are kept in place of the costs of every run.
      guarantees: label -> comparators to which theory bounds the learner's cost ratio.
      aliases: problem field -> path as written -> name that stands for it in ``axes``.
      partial: some plug-ins were not imported; kinds that nobody declares may be theirs.
      path: where the check or plot stands (``check[0]``).
      issues: takes what is wrong with it.
    """

    axes: Mapping[str, Sequence[Any]]
    labels: Sequence[str] | None
    comparators: Sequence[str] | Mapping[str, str]
    costs: Collection[str] = ()
    learners: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    checkpoints: int = 1
    trace: int = 0
    moments: bool = False
    guarantees: Mapping[str, Collection[str]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    partial: bool = False
    path: str = ""
    issues: Issues = field(default_factory=Issues)

    def at(self, path: str) -> Scope:
        """The same for a table that stands at ``path``, without issues yet."""
        return replace(self, path=path, issues=Issues())

    @property
    def run_labels(self) -> tuple[str, ...]:
        """Algorithms and comparators that are run."""
        optima = (name for name in self.comparators if name not in self.estimated)
        return (*(self.labels or ()), *optima)

    @property
    def estimated(self) -> tuple[str, ...]:
        """Comparators that are not run: a component is the regret against them."""
        if not isinstance(self.comparators, Mapping):
            return ()
        return tuple(name for name, component in self.comparators.items() if component)

    @property
    def bases(self) -> tuple[str, ...]:
        """Names that learners with other values share."""
        return tuple(dict.fromkeys(base for base, _ in self.learners.values()))

    def refuse(self, why: str) -> None:
        """Notes that moments do not answer a check or plot, if there is a reason."""
        if why:
            message = f'needs every run, and keep = "moments" keeps none: {why}'
            self.report("kind", message, 'want run.keep = "checkpoints" or "final"')

    def report(self, key: str, message: str, hint: str = "") -> None:
        """Notes an issue with one key."""
        self.issues.found(f"{self.path}.{key}", message, hint)

    def finish(self) -> None:
        """Raises ``InputError`` with every issue, if there is any."""
        if self.issues:
            raise InputError(self.issues)


def check_labels(key: str, names: Any, scope: Scope) -> None:
    """Notes every name of ``names`` (one string, or a list) that is no learner's label."""
    _check_names(key, names, scope.run_labels, "learner", scope)


def check_cost(table: Table, scope: Scope) -> None:
    """Checks ``cost``, a component, by itself or against a comparator that has it too."""
    if "cost" not in table:
        return
    _check_names("cost", table["cost"], scope.costs, "cost component", scope)
    if table.get("against") in scope.estimated:
        message = f"{table['against']} is not run, so it has no components"
        scope.report("against", message, "want a comparator that is run, or none")


def check_against(table: Table, scope: Scope, *, needed: bool = True) -> None:
    """Checks ``against``, a comparator; it may be absent if there is one."""
    if "against" in table:
        _check_names("against", table["against"], scope.comparators, "comparator", scope)
    elif needed and "cost" not in table:
        check_first_comparator(scope)


def check_first_comparator(scope: Scope) -> None:
    """Notes that ``against`` cannot be absent, where the experiment has no comparator."""
    if not scope.comparators:
        scope.report("against", "the experiment has no comparator", "name one in run.compare")


def check_view(table: Table, scope: Scope) -> None:
    """Checks what is looked at: ``against`` and ``cost``."""
    check_against(table, scope)
    check_cost(table, scope)


def _check_names(key: str, names: Any, options: Iterable[str], what: str, scope: Scope) -> None:
    options = tuple(options)
    is_list = isinstance(names, list | tuple)
    for i, name in enumerate(names if is_list else [names]):
        if isinstance(name, str) and name not in options:
            place = f"{key}[{i}]" if is_list else key
            family = [option for option in options if option.startswith(f"{name}(")]
            hint = "want one of " + ", ".join(family) if family else suggest(name, options)
            scope.report(place, f'the experiment has no {what} "{name}"', hint)


def check_parameter(table: Table, scope: Scope, bases: Collection[str]) -> None:
    """Checks ``parameter``, a numeric field with several values in one of the algorithms."""
    name = table.get("parameter")
    if not isinstance(name, str):
        return
    variants = [values for base, values in scope.learners.values() if base in bases]
    settings = [values[name] for values in variants if name in values]
    if not settings:
        options = {key for values in variants for key in values}
        scope.report("parameter", f'no algorithm here has a field "{name}"', suggest(name, options))
    elif not is_numeric(settings) or len(set(settings)) < 2:
        scope.report("parameter", f"{name} has not several numbers as values", "want a list")


def check_bases(key: str, names: Any, scope: Scope) -> tuple[str, ...]:
    """Checks names that learners with different values share; returns them (all if None)."""
    if names is None:
        return scope.bases
    _check_names(key, names, scope.bases, "algorithm", scope)
    return tuple(names) if isinstance(names, list | tuple) else (names,)


def check_where(table: Table, scope: Scope) -> dict[str, Any]:
    """Checks the selection; returns the part of it that is sound."""
    where = table.get(WHERE, {})
    if not isinstance(where, Mapping):
        scope.report(WHERE, f"found {show(where)}", "want a table { axis = value }")
        return {}
    sound = {}
    for name, value in where.items():
        key, values = f"{WHERE}.{name}", scope.axes.get(name)
        if values is None:
            scope.report(key, f'the problem has no axis "{name}"', suggest(name, scope.axes))
        elif not any(matches(v, value) for v in values):
            hint = "its values: " + ", ".join(map(show, values))
            scope.report(key, f"{show(value)} selects no value of the axis", hint)
        else:
            sound[name] = value
    return sound


def check_axis(
    axis: Any, where: Table, scope: Scope, *, numeric: bool = False, key: str = "axis"
) -> None:
    """Checks that an axis has at least two values (two positive numbers) in the selection."""
    # The checkpoints of a run are the axis, unless several horizons are named and one is left.
    single = len(scope.axes.get(HORIZON, ())) < 2 and not isinstance(where.get(HORIZON), list)
    if axis == HORIZON and single and scope.checkpoints > 1:
        return
    if not isinstance(axis, str):
        return
    if axis not in scope.axes:
        scope.report(key, f'the problem has no axis "{axis}"', suggest(axis, scope.axes))
        return
    values = [v for v in scope.axes[axis] if axis not in where or matches(v, where[axis])]
    if numeric and not is_numeric(values):
        scope.report(key, f"the values of {axis} are not all numbers", "want a numeric axis")
    elif numeric and len([v for v in values if v > 0]) < 2:
        scope.report(key, f"{axis} has fewer than two positive values", "want a list of values")
    elif len(values) < 2:
        scope.report(key, f"{axis} has only one value", "want an axis with a list of values")


def default_axis(axes: Mapping[str, Sequence[Any]], checkpoints: int = 1) -> str | None:
    """The axis that a slope means if it names none: the horizon, or the only numeric axis."""
    swept = [name for name, values in axes.items() if len(values) > 1 and is_numeric(values)]
    if HORIZON in swept or checkpoints > 1:
        return HORIZON
    return swept[0] if len(swept) == 1 else None


def check_last(table: Table, axis: str, scope: Scope) -> None:
    """Checks ``last``, which only says something of growth along one run."""
    if "last" in table and (axis != HORIZON or len(scope.axes.get(HORIZON, ())) > 1):
        message = f"the exponent is fitted over the values of {axis}, not along one run"
        scope.report("last", message, "want one horizon and no other axis, or leave it out")
