"""What a tuning comes to: the values, how they were found, and how good they are."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.protocol import PyTree
from jaxsoco.core.text import as_toml, table
from jaxsoco.tuning.judge import Row


@dataclass(frozen=True, eq=False, repr=False)
class Tuned:
    """The result of :func:`jaxsoco.tune`.

    >>> tuned = jaxsoco.tune(
    ...     problem, algorithm, params, ["learning_rate"], steps=4, seeds=16, holdout=16
    ... )
    >>> tuned.method, [row.label for row in tuned.judgement]
    ('pathwise', ['tuned', 'default'])
    >>> tuned.history["objective"].shape, tuned.history["values"].shape
    ((4,), (4, 1))

    Attributes:
      values: of the tuned parameters, by name.
      params: the learner's parameters with these values.
      default: what was judged beside them: the declared defaults (of a user's own parameters,
        what the search started from).
      theory: what the theory says of those parameters of which it says something.
      history: the search's :class:`~jaxsoco.tuning.search.Record` as columns, float64 ``[steps]``,
        or ``[steps, P]``; with ``starts`` behind the steps if there are several. Its objective is
        of the runs that were searched on: the judgement is what counts.
      judgement: objective, and paired difference, of ``tuned``, ``default``, ``theory`` and
        ``start`` (where they differ) on held-out seeds.
      method: of the search.
      reason: why that one.
      objective: in words.
      rejected: steps without a finite objective.
      labels: of the columns of values.
    """

    values: dict[str, Any]
    params: PyTree
    default: dict[str, Any]
    theory: dict[str, Any]
    history: dict[str, np.ndarray]
    judgement: tuple[Row, ...]
    method: str
    reason: str
    objective: str
    rejected: int = 0
    labels: tuple[str, ...] = field(default=())

    def toml(self) -> str:
        """The lines of an experiment file: ``learning_rate = 0.0712``."""
        return "\n".join(f"{name} = {_toml(value)}" for name, value in self.values.items())

    def __repr__(self) -> str:
        lines = [f"Tuned by {self.method} ({self.reason})", self.toml(), ""]
        header, body = self._table()
        lines.append(table(header, body, 1))
        if self.rejected:
            lines.append(f"{self.rejected} steps rejected: their objective was not finite")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        header, body = self._table()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in body
        )
        title = html.escape(f"Tuned by {self.method} ({self.reason})")
        values = html.escape(self.toml())
        return f"<p>{title}</p><pre>{values}</pre><table><tr>{head}</tr>{rows}</table>"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        header = ["held-out seeds", self.objective, "tuned less this", "runs"]
        body = [
            [
                row.label,
                interval(row.value),
                "" if row.difference is None else interval(row.difference),
                f"{row.runs}{f' ({row.failed} failed)' if row.failed else ''}",
            ]
            for row in self.judgement
        ]
        return header, body


def interval(estimate: Estimate) -> str:
    """``44.1 [43.8, 44.4]``."""
    value, low, high = estimate
    if not np.isfinite(low + high):
        return f"{value:.4g}"
    return f"{value:.4g} [{low:.4g}, {high:.4g}]"


def _toml(value: Any) -> str:
    if value is None:
        return '"auto"'
    if isinstance(value, np.ndarray):
        return as_toml([float(x) for x in value.ravel()])
    return as_toml(value)


def columns_of(records: list[Any]) -> dict[str, np.ndarray]:
    """Records as columns."""
    names = records[0]._fields
    return {
        name: np.stack([np.asarray(getattr(one, name), np.float64) for one in records])
        for name in names
    }


def differs(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two sets of values differ."""
    return not all(_same(one[name], other[name]) for name in one)


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(one, str | bool):
        return one is other or one == other
    return np.shape(one) == np.shape(other) and bool(np.allclose(one, other, rtol=1e-6, atol=0))
