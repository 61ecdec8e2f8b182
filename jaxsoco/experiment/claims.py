"""The ``[[check]]`` and ``[[plot]]`` tables, validated against what the experiment sweeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxsoco.analysis.checks import CHECKS
from jaxsoco.analysis.kinds import Kinds
from jaxsoco.analysis.plots import PLOTS
from jaxsoco.analysis.selection import WHERE, Scope
from jaxsoco.core.errors import Issue
from jaxsoco.core.fields import Issues
from jaxsoco.core.study import matches
from jaxsoco.experiment.document import Document

if TYPE_CHECKING:
    from jaxsoco.experiment.spec import Experiment

__all__ = ["Scope", "read_claims"]

_Table = dict[str, Any]
_LEARNER_KEYS = ("algorithm", "algorithms", "against")
_AXIS_KEYS = (WHERE, "axis")


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
    claims: list[tuple[_Table, ...]] = []
    for kinds, tables in ((CHECKS, document.checks), (PLOTS, document.plots)):
        sound = []
        for i, table in enumerate(tables):
            place = f"{kinds.what}[{i}]"
            problems = _problems(kinds, _renamed(table, written), written.at(place))
            issues += problems
            table = _renamed(table, effective)
            if not problems and effective is not written:
                problems = _problems(kinds, table, effective.at(place))
                warnings += [f"left out of this run: {issue}" for issue in problems[:1]]
            if not problems:
                sound.append(table)
        claims.append(tuple(sound))
    return claims[0], claims[1], tuple(warnings)


def unanswerable(
    experiment: Experiment, points: Sequence[Mapping[str, Any]], heavy: Collection[int]
) -> Iterator[Issue]:
    """Checks and plots that moments cannot answer where costs have no mean, so that the statistic
    is the median without being stated.

    Args:
      experiment: the experiment.
      points: values at every point.
      heavy: indices of the points whose costs have no mean.
    """
    if experiment.run.keep != "moments" or not heavy:
        return
    labels = [learner.label for learner in experiment.learners]
    rivals = {entry.name: entry.component or "" for entry in experiment.comparators}
    whole = Scope(experiment.axes, labels, rivals, moments=True)
    for kinds, tables in ((CHECKS, experiment.checks), (PLOTS, experiment.plots)):
        for i, table in enumerate(tables):
            where = table.get(WHERE) or {}
            chosen = (
                all(name in points[p] and matches(points[p][name], v) for name, v in where.items())
                for p in heavy
            )
            if "statistic" not in table and any(chosen):
                scope = whole.at(f"{kinds.what}[{i}]")
                scope.refuse(kinds.make(table).needs_runs(True, scope))
                yield from scope.issues


def _problems(kinds: Kinds[Any], table: _Table, scope: Scope) -> list[Issue]:
    """What is wrong with a table, as far as the rest of the experiment could be read."""
    unjudged = [*_LEARNER_KEYS] if scope.labels is None else []
    unjudged += _AXIS_KEYS if not all(scope.axes.values()) else ()
    kinds.validate(table, scope)
    return [issue for issue in scope.issues if _key(issue.path, scope.path) not in unjudged]


def _key(path: str, place: str) -> str:
    """``check[0].where.switch`` -> ``where``."""
    return path.removeprefix(f"{place}.").partition(".")[0].partition("[")[0]


def _renamed(table: _Table, scope: Scope) -> _Table:
    """The table with paths in ``where`` replaced by the names that stand for them."""
    where = table.get(WHERE)
    if not isinstance(where, dict):
        return table
    return table | {WHERE: {k: _rename(v, scope.aliases.get(k, {})) for k, v in where.items()}}


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_rename(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value
