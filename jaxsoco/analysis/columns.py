"""Columns of tables of results: which there are, and what they hold, batch by batch of rows.

A *batch* is rows of one learner at one point. What is the same in all of its rows, the axes and the
learner's fields, is kept once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxsoco.analysis.records import Piece, segments
from jaxsoco.analysis.samples import require_runs
from jaxsoco.analysis.statistics import mean_intervals
from jaxsoco.core.measures import Quantity, Record, quantities, read_record
from jaxsoco.core.moments import Moments
from jaxsoco.core.study import Study
from jaxsoco.core.summary import Summary

Type = Literal["flag", "integer", "number", "text"]

TOTAL = "total"
"""Name of the sum of the components of the objective."""

MOST_ROWS = 2**17
"""Rows of a batch, about: what bounds the memory of who writes a table."""

_INT64 = 2**63


class Batch(NamedTuple):
    """Rows of one learner at one point.

    Attributes:
      constants: column -> the value of all rows; None where the learner has no such field.
      columns: column -> values ``[rows]``.
    """

    constants: Mapping[str, Any]
    columns: Mapping[str, np.ndarray]

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(next(iter(self.columns.values())))


class Columns:
    """The columns of a table: axes, ``learner``, the fields of the learners, and values.

    An axis that has the name of another column is ``problem_NAME``, a field ``learner_NAME``.

    Args:
      study: the study.
      values: the other columns, with their types.
      labels: the learners that are in the table; all if None.

    Attributes:
      study: the study.
      axes: axis -> its column.
      rounds: point -> its checkpoints ``[C]``.
      types: column -> what it holds, in order; text where words stand beside numbers.
    """

    def __init__(
        self, study: Study, values: Mapping[str, Type], labels: Sequence[str] | None = None
    ):
        self.study = study
        at = [(group.points, np.asarray(group.checkpoints)) for group in study.groups]
        self.rounds = {point: rounds for points, rounds in at for point in points}
        others = ("learner", "seed", "round", "checkpoint", *values)
        self.axes = {n: f"problem_{n}" if n in others else n for n in study.axes}
        taken = (*others, *self.axes.values(), *study.axes)
        settings = [study.settings.get(label, ("", {}))[1] for label in labels or study.labels]
        names = dict.fromkeys(name for one in settings for name in one)
        self._fields = {n: f"learner_{n}" if n in taken else n for n in names}
        self.types: dict[str, Type] = {
            **{column: type_of(study.axes[axis]) for axis, column in self.axes.items()},
            "learner": "text",
            **{
                column: type_of(one[name] for one in settings if name in one)
                for name, column in self._fields.items()
            },
            **values,
        }

    def constants(self, label: str, point: int) -> dict[str, Any]:
        """What all rows of a learner at a point have in common."""
        axes = {column: self.study.points[point][n] for n, column in self.axes.items()}
        fields = self.study.settings.get(label, ("", {}))[1]
        named = {column: fields.get(name) for name, column in self._fields.items()}
        return {**axes, "learner": label, **named}


def type_of(values: Iterable[Any]) -> Type:
    """What a column of these values holds."""
    values = [*values]
    if values and all(isinstance(v, bool) for v in values):
        return "flag"
    if any(v is None or isinstance(v, bool | str | list | tuple | Mapping) for v in values):
        return "text"
    if all(isinstance(v, int | np.integer) and abs(v) < _INT64 for v in values):
        return "integer"
    return "number"


def run_types(study: Study) -> dict[str, Type]:
    """Value columns of :func:`run_batches`."""
    costs: dict[str, Type] = dict.fromkeys((*(c.name for c in study.costs), TOTAL), "number")
    return {"seed": "integer", "round": "integer", **costs}


def run_batches(
    columns: Columns, pieces: Iterable[Piece], labels: Sequence[str]
) -> Iterator[Batch]:
    """A row a run and checkpoint, with a column for every cost: cumulative, in its precision."""
    study = columns.study
    for piece in pieces:
        for label, point, seeds, arrays in stored_costs(study, piece, labels):
            at = columns.rounds[point]
            rows = len(seeds) * len(at)
            costs = {c.name: arrays[c.name].reshape(-1) for c in study.costs if c.name in arrays}
            counted = [costs[c.name] for c in study.costs if c.objective and c.name in costs]
            total = np.asarray(np.sum([np.zeros(rows), *counted], axis=0, dtype=np.float64))
            missing = np.full(rows, np.nan)
            place = {"seed": np.repeat(seeds, len(at)), "round": np.tile(at, len(seeds))}
            values = {c.name: costs.get(c.name, missing) for c in study.costs}
            yield Batch(columns.constants(label, point), {**place, **values, TOTAL: total})


LONG_RUNS: dict[str, Type] = {
    "seed": "integer",
    "round": "integer",
    "component": "text",
    "value": "number",
}
"""Value columns of :func:`long_batches`."""


def long_batches(columns: Columns, pieces: Iterable[Piece]) -> Iterator[Batch]:
    """A row a run, checkpoint and component of the costs; what is not recorded has no row.

    Raises:
      InputError: moments are kept in place of runs.
    """
    study = columns.study
    for piece in pieces:
        for label, point, seeds, record, names in _records(study, piece):
            values = _values(study, record, names)
            at = columns.rounds[point]
            step = max(MOST_ROWS // (len(at) * len(names)), 1)
            constants = columns.constants(label, point)
            for first in range(0, len(seeds), step):
                some = seeds[first : first + step]
                yield Batch(
                    constants,
                    {
                        "seed": np.repeat(some, len(at) * len(names)),
                        "round": np.tile(np.repeat(at, len(names)), len(some)),
                        "component": np.tile(names, len(some) * len(at)),
                        "value": values[first : first + step].reshape(-1),
                    },
                )


LONG_MEANS: dict[str, Type] = {
    "round": "integer",
    "component": "text",
    "mean": "number",
    "lower": "number",
    "upper": "number",
    "count": "integer",
}
"""Value columns of :func:`mean_batches`."""


def mean_batches(columns: Columns, pieces: Iterable[Piece]) -> Iterator[Batch]:
    """A row a learner, point, checkpoint and component: mean over the runs and its interval.

    Runs with a cost that is not finite are left out; ``count`` is of the others. Where costs have
    no mean, there is none.
    """
    study = columns.study
    sums: dict[str, tuple[np.ndarray, Moments]] = {}
    last = -1
    for piece in pieces:
        for label, point, names, moments in _moments(study, piece):
            if point != last:
                yield from _mean_rows(columns, last, sums)
                sums, last = {}, point
            sums[label] = names, sums[label][1].merge(moments) if label in sums else moments
    yield from _mean_rows(columns, last, sums)


def _moments(study: Study, piece: Piece) -> Iterator[tuple[str, int, np.ndarray, Moments]]:
    """Label, point, names ``[K]`` and moments ``[C, K]`` of what a piece has, the total last."""
    if not study.moments:
        for label, point, _, record, names in _records(study, piece):
            yield label, point, names, Moments.of(_values(study, record, names)[record.finite])
        return
    place, arrays = piece
    group, costs = study.groups[place["group"]], [cost.name for cost in study.costs]
    for name, array in arrays.items():
        label = study.labels[int(name.partition(".")[0])]
        rows = {quantity: i for i, quantity in enumerate(quantities(study, label))}
        chosen = [*(rows[Quantity(cost)] for cost in costs), rows[Quantity()]]
        # From [K, C] to [C, K].
        moments = Summary.from_array(np.moveaxis(array[chosen], 0, 1)).moments
        point = group.points[place["start"] // group.seeds]
        yield label, point, np.array([*costs, TOTAL]), moments


def _mean_rows(
    columns: Columns, point: int, sums: Mapping[str, tuple[np.ndarray, Moments]]
) -> Iterator[Batch]:
    study = columns.study
    for label in study.labels:
        if label not in sums:
            continue
        names, moments = sums[label]
        if study.moments:  # a component that is not recorded has no value in any run
            kept = np.asarray(moments.count).any(axis=0) | (names == TOTAL)
            names, moments = names[kept], moments.at(np.s_[:, kept])
        ends = mean_intervals(moments, study.level)
        if point in study.heavy:
            ends = [np.full_like(end, np.nan) for end in ends]
        at = columns.rounds[point]
        yield Batch(
            columns.constants(label, point),
            {
                "round": np.repeat(at, len(names)),
                "component": np.tile(names, len(at)),
                **dict(zip(("mean", "lower", "upper"), (x.reshape(-1) for x in ends), strict=True)),
                "count": np.asarray(moments.count).reshape(-1),
            },
        )


def _values(study: Study, record: Record, names: np.ndarray) -> np.ndarray:
    """What a learner records, the total last, ``[runs, C, K]``."""
    places = [i for i, cost in enumerate(study.costs) if cost.name in names]
    return np.concatenate([record.parts[..., places], record.total[..., None]], axis=-1)


def _records(
    study: Study, piece: Piece
) -> Iterator[tuple[str, int, np.ndarray, Record, np.ndarray]]:
    """Label, point, seeds ``[n]``, record and names ``[K]`` of what is recorded, point by point.

    Raises:
      InputError: moments are kept in place of runs.
    """
    require_runs(study, "a table of runs")
    place, arrays = piece
    numbers = [i for i in range(len(study.labels)) if f"{i:03d}.finite" in arrays]
    whole = {i: read_record(study, f"{i:03d}", arrays) for i in numbers}
    names = {
        i: np.array([*(c.name for c in study.costs if f"{i:03d}.{c.name}" in arrays), TOTAL])
        for i in numbers
    }
    group = study.groups[place["group"]]
    for point, seeds, rows in segments(group, place["start"], place["stop"]):
        for i, record in whole.items():
            runs = np.arange(seeds.start, seeds.stop)
            yield study.labels[i], point, runs, record.part(rows), names[i]


def stored_costs(
    study: Study, piece: Piece, labels: Sequence[str]
) -> Iterator[tuple[str, int, np.ndarray, dict[str, np.ndarray]]]:
    """Label, point, seeds ``[n]`` and costs ``[n, C]`` as they are stored.

    Raises:
      InputError: moments are kept in place of runs.
    """
    require_runs(study, "a table of runs")
    place, arrays = piece
    group = study.groups[place["group"]]
    for label in labels:
        prefix = f"{study.labels.index(label):03d}"
        if f"{prefix}.finite" not in arrays:
            continue
        names = [c.name for c in study.costs if f"{prefix}.{c.name}" in arrays]
        for point, seeds, rows in segments(group, place["start"], place["stop"]):
            costs = {name: arrays[f"{prefix}.{name}"][rows] for name in names}
            yield label, point, np.arange(seeds.start, seeds.stop), costs


def plain(value: Any) -> Any:
    """A value of an axis or field without structure: the items of a list are joined."""
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else value


def column(values: Sequence[Any]) -> np.ndarray:
    """Values as an array: numbers, booleans or text; objects where they are mixed."""
    values = [plain(value) for value in values]
    if all(isinstance(v, bool) for v in values):
        return np.array(values, bool)
    if any(isinstance(v, bool | str) for v in values):
        text = all(isinstance(v, str) for v in values)
        return np.array(values, None if text else object)
    if type_of(values) == "integer":
        return np.array(values, np.int64)
    return np.array([math.nan if v is None else v for v in values], np.float64)


def as_records(batches: Iterable[Batch], columns: Columns, empty: Mapping[str, Any]) -> np.recarray:
    """Rows as one NumPy record array.

    Args:
      batches: the rows.
      columns: of the table.
      empty: constants of a table without rows.
    """
    parts = [
        {
            name: batch.columns[name]
            if name in batch.columns
            else np.repeat(column([batch.constants[name]]), batch.rows)
            for name in columns.types
        }
        for batch in batches
    ]
    kinds = {"integer": np.int64, "number": np.float64}
    if not parts:
        parts = [
            {
                name: column([empty[name]])[:0] if name in empty else np.empty(0, kinds.get(kind))
                for name, kind in columns.types.items()
            }
        ]
    return records({name: _join([part[name] for part in parts]) for name in parts[0]})


def records(columns: Mapping[str, np.ndarray]) -> np.recarray:
    """Columns as a NumPy record array."""
    names = ",".join(columns)
    return np.rec.fromarrays(list(columns.values()), names=names)  # type: ignore[arg-type]


def _join(parts: list[np.ndarray]) -> np.ndarray:
    """Columns one after the other; numbers beside words stay numbers, in a column of objects."""
    words = [part.dtype.kind in "UO" for part in parts]
    mixed = any(words) and not all(words)
    return np.concatenate([part.astype(object) for part in parts] if mixed else parts)
