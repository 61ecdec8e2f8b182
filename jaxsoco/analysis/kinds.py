"""Kinds of checks and plots: each is a class in a file of its own, found by its name.

A file in the package of checks (or plots) is all that a new kind needs; a plug-in registers the
classes that it brings.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar

from jaxsoco.analysis.selection import WHERE, Scope, Table, check_where
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.fields import check_table
from jaxsoco.core.modules import is_active
from jaxsoco.core.schema import Field
from jaxsoco.core.text import show, suggest

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Kind:
    """One check or plot, as an experiment states it.

    Attributes:
      name: what ``kind`` says.
      summary: one line: what it is.
      fields: keys of its table beside ``kind`` and ``where``.
      table: the table.
      where: the points that it is restricted to.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]] = ()

    def __init__(self, table: Table, where: Table | None = None):
        self.table = table
        self.where: Table = (table.get(WHERE) or {}) if where is None else where

    def validate(self, scope: Scope) -> None:
        """Reports what the experiment does not offer; the fields by themselves are checked."""

    def needs_runs(self, median: bool, scope: Scope) -> str:
        """Why moments of the runs cannot answer it; empty if they can.

        Args:
          median: the statistic is the median, stated or because costs have no mean.
          scope: what the experiment offers.
        """
        return ""


K = TypeVar("K", bound=Kind)


class Kinds(Mapping[str, tuple[Field, ...]], Generic[K]):
    """Kinds by name; as a mapping, the fields of each.

    Args:
      what: ``"check"`` or ``"plot"``.
      base: class of all kinds.
      package: name of the package whose modules hold them, one each.
    """

    def __init__(self, what: str, base: type[K], package: str):
        self.what, self._base, self._package = what, base, package
        self._kinds: dict[str, type[K]] = {}
        self._complete = False

    def __getitem__(self, name: str) -> tuple[Field, ...]:
        return self.kind(name).fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def kind(self, name: str) -> type[K]:
        """The class of a kind; ``KeyError`` if there is none."""
        return self._all()[name]

    def register(self, kind: type[K]) -> type[K]:
        """Adds a kind from outside the package; usable as a decorator.

        Raises:
          InputError: another class has its name.
        """
        self._all()
        self._add(kind)
        return kind

    def make(self, table: Table) -> K:
        """What a validated table asks for.

        Raises:
          InputError: its kind is unknown here: the plug-in that declares it is not loaded.
        """
        name = table["kind"]
        if name not in self:
            message = f'no {self.what} is of kind "{name}"'
            raise InputError(
                Issue(self.what, message, "load the plug-in that declares it, with --plugin")
            )
        return self.kind(name)(table)

    def validate(self, table: Table, scope: Scope) -> None:
        """Reports everything that is wrong with a table to ``scope``."""
        kind = self._find(table, scope)
        where = check_where(table, scope)
        if kind is not None:
            owner = f'a {self.what} of kind "{kind.name}"'
            check_table(kind.fields, table, scope.path, owner, scope.issues, other=("kind", WHERE))
            one = kind(table, where)
            one.validate(scope)
            if scope.moments and not scope.issues:
                scope.refuse(one.needs_runs(table.get("statistic") == "median", scope))

    def require(
        self,
        table: Table,
        labels: Sequence[str],
        comparators: Sequence[str] | Mapping[str, str],
        axes: Mapping[str, Sequence[Any]],
        *,
        path: str = "",
        **offer: Any,
    ) -> None:
        """Checks one table completely: its fields, labels, selection and axis.

        Args:
          table: as the experiment states it.
          labels: labels of the algorithms.
          comparators: names of the comparators; a mapping gives for each one that is not run the
            component that is the regret against it.
          axes: values of every axis of the problem.
          path: where the table stands, the prefix of every issue's path.
          **offer: what else the experiment offers, see :class:`~jaxsoco.analysis.selection.Scope`:
            ``checkpoints``, ``costs``, ``learners``, ``trace``.

        Raises:
          InputError: with everything that is wrong.
        """
        scope = Scope(axes, labels, comparators, path=path or self.what, **offer)
        self.validate(table, scope)
        scope.finish()

    def _find(self, table: Table, scope: Scope) -> type[K] | None:
        name, options = table.get("kind"), self._all()
        if isinstance(name, str) and name in options:
            return options[name]
        if scope.partial and isinstance(name, str):
            return None
        if "kind" in table:
            hint = suggest(show(name), options)
            scope.report("kind", f'no {self.what} is of kind "{show(name)}"', hint)
        else:
            scope.report("kind", "is missing", suggest("", options))
        return None

    def _all(self) -> dict[str, type[K]]:
        """The package's kinds, imported by the first call, and those of active plug-ins."""
        if not self._complete:
            for module in _modules(self._package):
                for kind in vars(module).values():
                    if self._is_kind(kind) and kind.__module__ == module.__name__:
                        self._add(kind)
            self._complete = True
        return {name: one for name, one in self._kinds.items() if is_active(one.__module__)}

    def _is_kind(self, value: Any) -> bool:
        return isinstance(value, type) and issubclass(value, self._base) and "name" in vars(value)

    def _add(self, kind: type[K]) -> None:
        if not _NAME.fullmatch(kind.name):  # it is part of the names of files
            message = f'{_owner(kind)} declares the kind "{kind.name}"'
            raise InputError(Issue(self.what, message, "want small letters, digits and hyphens"))
        other = self._kinds.get(kind.name)
        if other is not None and not is_active(other.__module__):
            other = None
        if other is not None and _owner(other) != _owner(kind):
            message = f'{_owner(other)} and {_owner(kind)} both declare the kind "{kind.name}"'
            raise InputError(Issue(f"{self.what} {kind.name}", message, "rename one of them"))
        self._kinds[kind.name] = kind


def _modules(package: str) -> Iterator[ModuleType]:
    for entry in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not entry.name.startswith("_"):
            yield importlib.import_module(f"{package}.{entry.name}")


def _owner(kind: type[Kind]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
