"""Results of a run directory as tables: ``load`` and :class:`Results`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.checks import run_checks
from jaxsoco.analysis.ledger import Ledger, ledger_of
from jaxsoco.analysis.records import segments
from jaxsoco.analysis.samples import single_runs
from jaxsoco.analysis.tables import point_rows, record
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.study import Study
from jaxsoco.core.text import count, show
from jaxsoco.engine.reading import Stored


class Verdict(NamedTuple):
    """What a check came to; nothing is raised for it.

    Attributes:
      kind: of check, ``"slope"``, say.
      verdict: ``"passed"``, ``"failed"`` or ``"undecided"``.
      value: what was measured.
      interval: its confidence interval ``(lower, upper)``, NaN where it has none.
      sentence: all of it in words.
      check: the check as the experiment states it.
    """

    kind: str
    verdict: str
    value: float
    interval: tuple[float, float]
    sentence: str
    check: Mapping[str, Any]


def load(directory: str | PathLike[str]) -> Results:
    """Reads the results of a run, complete or not.

    >>> jaxsoco.load("runs/quickstart").to_pandas().groupby("learner").service.mean()

    Args:
      directory: of ``jaxsoco run`` or :func:`jaxsoco.run`.

    Raises:
      InputError: it does not hold a run.
    """
    return Results(Path(directory))


class Results:
    """The results in a run directory; tables are NumPy records, made when they are asked for.

    >>> results = jaxsoco.load("runs/quickstart")
    >>> results.table().cost_mean

    Attributes:
      path: the directory.
      study: what was run: points, learners, comparators, costs.
    """

    def __init__(self, path: Path):
        self.path = path
        self._stored = Stored(path)
        self.study: Study = self._stored.study

    def __repr__(self) -> str:
        there = self._stored.coverage
        state = "complete" if there.complete else f"{there.stored} of {there.wanted} runs"
        learners = count(len(self.study.algorithms), "learner")
        learners += f", {count(len(self.study.optima), 'comparator')}"
        size = f"{count(len(self.study.points), 'point')}, {learners}"
        seeds = count(self.study.seeds, "seed")
        return f"Results({str(self.path)!r}: {size}, {seeds}, {state})"

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the learners, then of the comparators that were run."""
        return self.study.labels

    @property
    def complete(self) -> bool:
        """Whether every run is there."""
        return self._stored.coverage.complete

    @cached_property
    def checks(self) -> tuple[Verdict, ...]:
        """Every check of the experiment: ``kind``, ``verdict``, ``value``, ``interval``."""
        results = run_checks(self.study.presentation.checks, self._ledger)
        return tuple(
            Verdict(
                str(result.check["kind"]),
                result.verdict,
                result.measured.value,
                (result.measured.lower, result.measured.upper),
                result.sentence,
                result.check,
            )
            for result in results
        )

    def table(self) -> np.recarray:
        """One row per point and learner: axes, learner, counts, costs, measures, with intervals."""
        rows = [record(self._ledger, row) for row in point_rows(self._ledger)]
        rows = [{_TABLE_NAMES.get(k, k): v for k, v in row.items()} for row in rows]
        names = dict.fromkeys(name for row in rows for name in row)
        names = names or dict.fromkeys((*self.study.axes, "learner"))
        return _records({name: _column([row.get(name) for row in rows]) for name in names})

    def runs(self, learner: str) -> np.recarray:
        """One row per run and checkpoint of a learner or comparator, run after run.

        Columns: the axes; ``learner``; every field of the learner; ``seed``; ``round``; each cost,
        cumulative; ``total``, the sum of those of the objective. An axis that has the name of
        another column is ``problem_NAME``, a field ``learner_NAME``.

        Raises:
          InputError: no such learner, or moments are kept in place of runs.
        """
        self._number(learner)
        parts = list(self._parts(learner)) or [self._columns(learner, 0, np.arange(0), {})]
        return _records({name: _join([part[name] for part in parts]) for name in parts[0]})

    def to_pandas(self) -> Any:
        """All rows of :meth:`runs`, learner after learner, as a ``pandas.DataFrame``.

        Raises:
          ImportError: pandas is not installed.
        """
        pandas = _library("pandas")
        frames = [pandas.DataFrame.from_records(self.runs(label)) for label in self.labels]
        return pandas.concat(frames, ignore_index=True)

    def to_xarray(self) -> Any:
        """Costs as an ``xarray.Dataset`` over learner, the axes, seed and checkpoint.

        ``round`` is a coordinate over the axes and ``checkpoint``; what is missing is NaN.

        Raises:
          ImportError: xarray is not installed.
        """
        xarray = _library("xarray")
        study = self.study
        sizes = [len(values) for values in study.axes.values()]
        depth = study.checkpoints
        shape = (len(self.labels), len(study.points), study.seeds, depth)
        costs = {cost.name: np.full(shape, np.nan) for cost in study.costs}
        rounds = np.full((len(study.points), depth), np.nan)
        for group in study.groups:
            rounds[np.array(group.points), : len(group.checkpoints)] = group.checkpoints
        for i, label in enumerate(self.labels):
            for point, seeds, arrays in self._segments(label):
                for name, values in arrays.items():
                    costs[name][i, point, seeds, : values.shape[1]] = values
        named = {self._axis_names[name]: values for name, values in study.axes.items()}
        dims = ("learner", *named, "seed", "checkpoint")
        whole = (len(self.labels), *sizes, study.seeds, depth)
        axes = {name: _column(list(values)) for name, values in named.items()}
        rounds_by_axis = ((*named, "checkpoint"), rounds.reshape(*sizes, depth))
        return xarray.Dataset(
            {name: (dims, values.reshape(whole)) for name, values in costs.items()},
            {
                "learner": list(self.labels),
                **axes,
                "seed": np.arange(study.seeds),
                "round": rounds_by_axis,
            },
            {"title": study.title, "identity": study.identity},
        )

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Writes all rows of :meth:`runs`, learner after learner, to a Parquet file.

        A column that has words beside numbers (``"auto"``) is text.

        Raises:
          ImportError: pyarrow is not installed (``pip install "jaxsoco[parquet]"``).
        """
        arrow, parquet = _library("pyarrow"), _library("pyarrow.parquet")
        tables = [self.runs(label) for label in self.labels]
        words = {
            name for rows in tables for name in rows.dtype.names or () if _has_words(rows[name])
        }
        whole = [_arrow_table(arrow, rows, words) for rows in tables]
        parquet.write_table(arrow.concat_tables(whole, promote_options="permissive"), path)

    @cached_property
    def _ledger(self) -> Ledger:
        return ledger_of(self.study, self._stored.pieces())

    def _number(self, label: str) -> int:
        if label not in self.labels:
            message = f'no learner is called "{label}"'
            raise InputError(Issue(str(self.path), message, suggest(str(label), self.labels)))
        return self.labels.index(label)

    def _segments(self, label: str) -> Iterator[tuple[int, np.ndarray, dict[str, np.ndarray]]]:
        """Point, seeds ``[n]`` and costs ``[n, C]`` of a learner, piece by piece, in order."""
        prefix = f"{self._number(label):03d}"
        if self.study.moments:
            raise single_runs("a table of runs")
        for place, arrays in self._stored.pieces([label]):
            names = [c.name for c in self.study.costs if f"{prefix}.{c.name}" in arrays]
            group = self.study.groups[place["group"]]
            for point, seeds, rows in segments(group, place["start"], place["stop"]):
                costs = {n: arrays[f"{prefix}.{n}"][rows] for n in names}
                yield point, np.arange(seeds.start, seeds.stop), costs

    def _parts(self, label: str) -> Iterator[dict[str, np.ndarray]]:
        """Columns of the rows of a learner, piece by piece."""
        for point, seeds, costs in self._segments(label):
            yield self._columns(label, point, seeds, costs)

    def _columns(
        self, label: str, point: int, seeds: np.ndarray, costs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Columns of the rows of some seeds of a point."""
        at = np.asarray(self._rounds[point])
        rows = len(seeds) * len(at)
        columns = {n: _repeat(v, rows) for n, v in self._constant(label, point).items()}
        columns |= {"seed": np.repeat(seeds, len(at)), "round": np.tile(at, len(seeds))}
        missing = np.full(rows, np.nan)
        columns |= {n: costs[n].reshape(-1) if n in costs else missing for n in self._cost_names}
        counted = [columns[c.name] for c in self.study.costs if c.objective and c.name in costs]
        total = np.sum([np.zeros(rows), *counted], axis=0, dtype=np.float64)
        return columns | {"total": np.asarray(total)}

    @cached_property
    def _rounds(self) -> dict[int, tuple[int, ...]]:
        """The checkpoints of every point."""
        return {point: group.checkpoints for group in self.study.groups for point in group.points}

    @property
    def _cost_names(self) -> tuple[str, ...]:
        return tuple(cost.name for cost in self.study.costs)

    @cached_property
    def _axis_names(self) -> dict[str, str]:
        """The column of every axis: its name, or ``problem_NAME`` where another column has it."""
        taken = ("learner", "seed", "round", "checkpoint", "total", *self._cost_names)
        return {n: f"problem_{n}" if n in taken else n for n in self.study.axes}

    def _constant(self, label: str, point: int) -> dict[str, Any]:
        """Columns that are the same in all rows of a point."""
        axes = {column: self.study.points[point][n] for n, column in self._axis_names.items()}
        taken = (*axes, *self.study.axes, "learner", "seed", "round", "total", *self._cost_names)
        fields = self.study.settings.get(label, ("", {}))[1]
        named = {f"learner_{n}" if n in taken else n: value for n, value in fields.items()}
        return {**axes, "learner": label, **named}


_TABLE_NAMES = {"algorithm": "learner"}


def _repeat(value: Any, rows: int) -> np.ndarray:
    one = _column([value])
    return np.repeat(one, rows)


def _join(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Columns one after the other; numbers beside words stay numbers, in a column of objects."""
    words = [part.dtype.kind in "UO" for part in parts]
    mixed = any(words) and not all(words)
    return np.concatenate([part.astype(object) for part in parts] if mixed else parts)


def _column(values: Sequence[Any]) -> np.ndarray:
    """Values as an array: numbers, booleans or text; objects where they are mixed."""
    plain = ["+".join(map(str, v)) if isinstance(v, list | tuple) else v for v in values]
    if all(isinstance(v, bool) for v in plain):
        return np.array(plain, bool)
    if any(isinstance(v, bool | str) for v in plain):
        text = all(isinstance(v, str) for v in plain)
        return np.array(plain, None if text else object)
    if all(isinstance(v, int | np.integer) for v in plain):
        return np.array(plain, np.int64)
    return np.array([math.nan if v is None else v for v in plain], np.float64)


def _records(columns: Mapping[str, np.ndarray]) -> np.recarray:
    names = ",".join(columns)
    return np.rec.fromarrays(list(columns.values()), names=names)  # type: ignore[arg-type]


def _has_words(column: np.ndarray) -> bool:
    return column.dtype.kind in "UO"


def _arrow_table(arrow: Any, rows: np.recarray, words: Collection[str]) -> Any:
    """Rows as a table of Arrow; the columns ``words`` are text."""
    columns = {name: rows[name] for name in rows.dtype.names or ()}
    return arrow.table({n: _text(c) if n in words else c.copy() for n, c in columns.items()})


def _text(column: np.ndarray) -> np.ndarray:
    return np.array([show(value) for value in column.tolist()], str)


def _library(name: str) -> Any:
    """An optional library, or an error that says what works without it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"{package} is not installed: pip install {package}, or use Results.table() and "
            "Results.runs(), which are NumPy records"
        ) from error
