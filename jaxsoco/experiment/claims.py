"""The ``[[check]]`` and ``[[plot]]`` tables, validated against what the experiment sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxsoco.analysis.checks import validate_check
from jaxsoco.analysis.plots import validate_plot
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.fields import Issues
from jaxsoco.experiment.document import Document

_Table = dict[str, Any]
_LEARNER_KEYS = ("algorithm", "algorithms", "against")
_AXIS_KEYS = ("where", "axis")


@dataclass(frozen=True)
class Scope:
    """What checks and plots may speak of.

    Attributes:
      axes: values of every problem field; empty where they were reported.
      labels: of the algorithms; ``None`` where some were reported.
      comparators: names, with the component that stands for each one that is not run.
      costs: components of the ledger, and whether each is part of the objective.
      learners: label -> the name that learners with other values share, and the values.
      checkpoints: rounds of a run at which costs are kept.
      aliases: problem field -> path as written -> name that stands for it in ``axes``.
    """

    axes: Mapping[str, tuple[Any, ...]]
    labels: tuple[str, ...] | None
    comparators: Mapping[str, str]
    costs: Mapping[str, bool]
    learners: Mapping[str, tuple[str, Mapping[str, Any]]]
    checkpoints: int
    aliases: Mapping[str, Mapping[str, str]]

    def issues(self, validate: Callable[..., None], table: _Table, place: str) -> list[Issue]:
        """What is wrong with a table, as far as the rest of the experiment is known."""
        unknown = [*_LEARNER_KEYS] if self.labels is None else []
        unknown += _AXIS_KEYS if not all(self.axes.values()) else ()
        try:
            validate(
                table,
                self.labels or (),
                self.comparators,
                self.axes,
                path=place,
                checkpoints=self.checkpoints,
                costs=tuple(self.costs),
                learners=self.learners,
            )
        except InputError as error:
            return [i for i in error.issues if _key(i.path, place) not in unknown]
        return []

    def renamed(self, table: _Table) -> _Table:
        """The table with paths in ``where`` replaced by the names that stand for them."""
        where = table.get("where")
        if not isinstance(where, dict):
            return table
        return table | {"where": {k: _rename(v, self.aliases.get(k, {})) for k, v in where.items()}}


def _key(path: str, place: str) -> str:
    """``check[0].where.switch`` -> ``where``."""
    return path.removeprefix(f"{place}.").partition(".")[0].partition("[")[0]


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_rename(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def read_claims(
    document: Document, written: Scope, effective: Scope, issues: Issues
) -> tuple[tuple[_Table, ...], tuple[_Table, ...], tuple[str, ...]]:
    """Validates checks and plots.

    A table that suits the experiment as ``written``, but not the ``effective`` one (``--smoke``
    and ``--set`` change what is swept), is left out with a warning.

    Returns:
      Checks, plots and warnings.
    """
    warnings: list[str] = []
    kept: list[tuple[_Table, ...]] = []
    for what, tables, validate in (
        ("check", document.checks, validate_check),
        ("plot", document.plots, validate_plot),
    ):
        good = []
        for i, table in enumerate(tables):
            place = f"{what}[{i}]"
            found = written.issues(validate, written.renamed(table), place)
            issues += found
            table = effective.renamed(table)
            if not found and effective is not written:
                found = effective.issues(validate, table, place)
                warnings += [f"left out of this run: {issue}" for issue in found[:1]]
            if not found:
                good.append(table)
        kept.append(tuple(good))
    return kept[0], kept[1], tuple(warnings)
