"""What a ledger is: what every learner cost, and how that compares with the optimum of its run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.records import Cell, Piece
from jaxsoco.analysis.samples import Sample, single_runs
from jaxsoco.analysis.statistics import Clusters
from jaxsoco.core.study import Study


class Curve(NamedTuple):
    """A measure along an axis: positions ``x`` and sums per independent unit at each."""

    x: tuple[Any, ...]
    clusters: Clusters


class Ledger(ABC):
    """Everything that tables, fits, checks and figures read.

    Attributes:
      study: what was run.
      packs: how many files it comes from.
      seconds: that they took.
      provenance: name of a fact -> its values.
      traces: gives the pieces of ``study.traced``, as often as it is called.
    """

    def __init__(self, study: Study):
        self.study = study
        self.packs = 0
        self.seconds = 0.0
        self.provenance: dict[str, set[str]] = {}
        self.traces: Callable[[], Iterable[Piece]] = tuple
        self._last = (-1, -1)
        self._repeating: set[tuple[int, str]] = set()
        self._checkpoints = {p: g.checkpoints for g in study.groups for p in g.points}
        self._cells = {
            (point, label): Cell.empty(
                len(self._checkpoints[point]), len(study.costs), study.comparators
            )
            for point in range(len(study.points))
            for label in study.labels
        }

    @property
    def cells(self) -> Mapping[tuple[int, str], Cell]:
        """What is known of every point and label."""
        return self._cells

    @property
    def runs(self) -> int:
        """Runs of all learners together that are in the ledger."""
        return sum(cell.runs for cell in self.cells.values())

    @property
    def complete(self) -> bool:
        """Whether every run of the study is in the ledger."""
        return self.runs == self.study.runs * len(self.study.labels)

    @property
    def error(self) -> float:
        """By how large a share of the runs the rank of a quantile can be off."""
        return 0.0

    @abstractmethod
    def add(self, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Takes in the next piece.

        Raises:
          ValueError: the piece does not come after the one before, or has no such runs.
        """

    @abstractmethod
    def sample(
        self,
        label: str,
        against: str | None,
        points: Iterable[int],
        measure: str | None = None,
        cost: str | None = None,
        per_round: bool = False,
    ) -> Sample:
        """Cost, ratio or regret at the last checkpoint.

        Args:
          label: the learner.
          against: the comparator (or another learner); without one, the cost itself.
          points: indices of points.
          measure: ``"ratio"`` or ``"regret"``; the study's own if absent.
          cost: a component in place of the total.
          per_round: divided by the rounds of a run.
        """

    @abstractmethod
    def curve(
        self,
        label: str,
        against: str | None,
        axis: str,
        where: Mapping[str, Any] | None = None,
        measure: str | None = None,
        cost: str | None = None,
    ) -> Curve:
        """The measure along an axis, pooled over the other axes; positions without runs dropped."""

    @abstractmethod
    def course(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> Curve:
        """The study's measure, or what is watched of a component, at every checkpoint of a run."""

    @abstractmethod
    def samples(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> tuple[tuple[int, ...], list[Sample]]:
        """What :meth:`course` is made of at every checkpoint: ``(rounds, samples)``.

        Of points with equal checkpoints, and nothing of others.
        """

    def repeats(self, labels: Iterable[str | None], points: Iterable[int]) -> bool:
        """Whether these learners cost the same with every seed: neither world nor learner draws.

        Two seeds or more tell by themselves. Of a single one its pack says whether runs with other
        seeds, which are not kept, came to the same.

        Args:
          labels: of learners; what was not run is passed over.
          points: indices of points.
        """
        numbers = [i for i, label in enumerate(self.study.labels) if label in {*labels}]
        points = tuple(points)
        return bool(points) and all(
            self._repeats(point, number) for point in points for number in numbers
        )

    @abstractmethod
    def _repeats(self, point: int, number: int) -> bool:
        """The same of one learner at one point."""

    def values(
        self,
        label: str,
        against: str | None,
        points: Iterable[int],
        measure: str | None = None,
        cost: str | None = None,
    ) -> np.ndarray:
        """As :meth:`sample`, per run ``[points, seeds]``; NaN where missing or without a meaning.

        What is rounding alone beside the run's own total cost (:attr:`Study.noise`) is 0.

        Raises:
          InputError: the runs are not kept.
        """
        raise single_runs("a measure of every run")

    def totals(self, label: str, points: Iterable[int]) -> np.ndarray:
        """Total cost per run ``[points, seeds]``; NaN where missing or left out.

        Raises:
          InputError: the runs are not kept.
        """
        raise single_runs("the total cost of every run")

    def components(self, label: str, cost: str, points: Iterable[int]) -> np.ndarray:
        """One component per run ``[points, seeds]``, as :meth:`totals`.

        Raises:
          InputError: the runs are not kept.
        """
        raise single_runs(f"{cost} of every run")

    def _enter_facts(self, record: Mapping[str, Any]) -> None:
        """Takes in what a piece says of the packs that it comes from."""
        for facts in record.get("packs", {}).values():
            self.packs += 1
            self.seconds += float(facts.get("seconds") or 0.0)
            for name, value in facts.items():
                if name != "seconds" and not isinstance(value, Mapping):
                    self.provenance.setdefault(name, set()).add(str(value))

    def _require_order(self, record: Mapping[str, Any], start: int) -> None:
        group, last = self.study.groups[record["group"]], record["stop"]
        if (record["group"], start) < self._last or not 0 <= record["start"] < last <= group.runs:
            place = f"group {record['group']}, runs {record['start']} to {last}"
            raise ValueError(f"out of order: {place}")
