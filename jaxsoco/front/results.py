"""Results of a run directory as tables: ``load`` and :class:`Results`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.checks import run_checks
from jaxsoco.analysis.columns import (
    Columns,
    as_records,
    column,
    records,
    run_batches,
    run_types,
    stored_costs,
)
from jaxsoco.analysis.compared import Comparison
from jaxsoco.analysis.export import library, write_table
from jaxsoco.analysis.judgement import Judged, judged
from jaxsoco.analysis.ledger import Ledger, ledger_of
from jaxsoco.analysis.records import Piece
from jaxsoco.analysis.samples import require_runs
from jaxsoco.analysis.searches import Search, searches
from jaxsoco.analysis.tables import point_rows, record
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.study import Study
from jaxsoco.core.text import count
from jaxsoco.engine.reading import Stored
from jaxsoco.experiment.comparing import compare


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

    @cached_property
    def searches(self) -> tuple[Search, ...]:
        """The searches of ``jaxsoco tune`` whose results the run judges; of other runs, none.

        A search has ``values`` and ``labels`` of what is judged, the ``history`` of its steps, the
        ``profile`` of the objective over the range, and ``toml``, lines for an experiment file.
        """
        return tuple(searches(self.study, self.path))

    def judgement(self, search: Search) -> list[Judged]:
        """What a search found beside the default, theory's values and the file's, on held-out
        seeds: objective, and paired difference of the tuned values, with intervals."""
        return judged(search, self._ledger)

    def table(self) -> np.recarray:
        """One row per point and learner: axes, learner, counts, costs, measures, with intervals."""
        rows = [record(self._ledger, row) for row in point_rows(self._ledger)]
        rows = [{_TABLE_NAMES.get(k, k): v for k, v in row.items()} for row in rows]
        names = dict.fromkeys(name for row in rows for name in row)
        names = names or dict.fromkeys((*self.study.axes, "learner"))
        return records({name: column([row.get(name) for row in rows]) for name in names})

    def runs(self, learner: str) -> np.recarray:
        """One row per run and checkpoint of a learner or comparator, run after run.

        Columns: the axes; ``learner``; every field of the learner; ``seed``; ``round``; each cost,
        cumulative; ``total``, the sum of those of the objective. An axis that has the name of
        another column is ``problem_NAME``, a field ``learner_NAME``.

        Raises:
          InputError: no such learner, or moments are kept in place of runs.
        """
        return self._rows(self.study, learner, self._stored.pieces([self._label(learner)]))

    def traces(self, learner: str) -> np.recarray:
        """One row per single run and round of a learner: the first ``run.trace`` seeds of a point.

        Columns as of :meth:`runs`; costs are cumulative. Single runs are kept of learners, not of
        comparators.

        Raises:
          InputError: no such learner, or no single run was asked for.
        """
        traced = self.study.traced
        if traced is None:
            message = "it keeps no single run at every round"
            raise InputError(Issue(str(self.path), message, "want run.trace = 3, say"))
        self._label(learner, traced.labels)
        return self._rows(traced, learner, self._stored.traces([learner]))

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
            for piece in self._stored.pieces([label]):
                for _, point, seeds, arrays in stored_costs(study, piece, [label]):
                    for name, values in arrays.items():
                        costs[name][i, point, seeds, : values.shape[1]] = values
        columns = Columns(study, run_types(study))
        named = {columns.axes[name]: values for name, values in study.axes.items()}
        dims = ("learner", *named, "seed", "checkpoint")
        whole = (len(self.labels), *sizes, study.seeds, depth)
        axes = {name: column(list(values)) for name, values in named.items()}
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
        require_runs(self.study, "a table of runs")
        columns = Columns(self.study, run_types(self.study))
        batches = (
            batch
            for label in self.labels
            for batch in run_batches(columns, self._stored.pieces([label]), [label])
        )
        notes = {"title": self.study.title, "identity": self.study.identity}
        _library("pyarrow")
        write_table(Path(path), "parquet", columns.types, batches, notes)

    def compare(self, other: Results) -> Comparison:
        """The cells that another run has too, with its differences from this one, seed by seed.

        Cells are the same if problem, point, learner and values are, whatever code, hardware or
        precision they come from.

        >>> results.compare(jaxsoco.load("runs/other")).counts["beyond"]

        Raises:
          InputError: they have no cell in common, or their seeds are not the same worlds.
        """
        return compare(self._stored, other._stored)

    @cached_property
    def _ledger(self) -> Ledger:
        return ledger_of(self.study, self._stored.pieces(), self._stored.traces)

    def _label(self, label: str, labels: Sequence[str] | None = None) -> str:
        """The label, if it is one of some, or of all."""
        labels = self.labels if labels is None else labels
        if label not in labels:
            message = f'no learner is called "{label}"'
            raise InputError(Issue(str(self.path), message, suggest(str(label), labels)))
        return label

    def _rows(self, study: Study, label: str, pieces: Iterable[Piece]) -> np.recarray:
        """Rows of one learner."""
        columns = Columns(study, run_types(study), [label])
        batches = run_batches(columns, pieces, [label])
        return as_records(batches, columns, columns.constants(label, 0))


_TABLE_NAMES = {"algorithm": "learner"}


def _library(name: str) -> Any:
    """An optional library, or an error that says what works without it."""
    try:
        return library(name)
    except ImportError as error:
        instead = "use Results.table() and Results.runs(), which are NumPy records"
        raise ImportError(f"{error}, or {instead}") from error
