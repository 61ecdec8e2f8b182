"""The ledger: what every learner cost, and how that compares with the optimum of the same run.

Pieces of the results are streamed once, in the order of the study. Kept are float64 moments at
every checkpoint (merged piece by piece), the final costs of every run (for quantiles and paired
comparisons), and, where costs are kept at several rounds, sums over bundles of seeds for the
bootstrap; where medians over the rounds are asked for, also every round kept of the first runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.records import (
    Cell,
    Piece,
    Record,
    compare,
    read_record,
    segments,
    without_noise,
)
from jaxsoco.analysis.statistics import Clusters, beside, bundle, cluster
from jaxsoco.core.moments import Moments
from jaxsoco.core.study import HORIZON, Study

_BUNDLES = 1000
_MOST_PATHS = 4096


class Curve(NamedTuple):
    """A measure along an axis: positions ``x`` and sums per independent unit at each."""

    x: tuple[Any, ...]
    clusters: Clusters


class Ledger:
    """Everything that tables, fits, checks and figures read.

    Args:
      study: the study.
      traces: gives the pieces of ``study.traced``, as often as it is called.

    Attributes:
      study: the study.
      traces: as the argument.
      packs: how many were read.
      seconds: that they took to compute.
      provenance: name of a fact about packs -> its values.
      cells: moments by point and learner.
    """

    def __init__(self, study: Study, traces: Callable[[], Iterable[Piece]] = tuple):
        self.study = study
        self.traces = traces
        self.packs = 0
        self.seconds = 0.0
        self.provenance: dict[str, set[str]] = {}
        self._last = (-1, -1)
        shape = (len(study.points), len(study.labels), study.seeds, 1 + len(study.costs))
        self._finals = np.full(shape, np.nan)
        self._repeating: set[tuple[int, str]] = set()
        self._bundles: dict[_Key, Clusters] = {}
        self._paths: dict[_Key, np.ndarray] = {}
        self._checkpoints = {p: g.checkpoints for g in study.groups for p in g.points}
        self.cells = {
            (point, label): Cell.empty(
                len(self._checkpoints[point]), len(study.costs), study.comparators
            )
            for point in range(len(study.points))
            for label in study.labels
        }

    @property
    def runs(self) -> int:
        """Runs of all learners together that are in the ledger."""
        return sum(cell.runs for cell in self.cells.values())

    @property
    def seeds_with_paths(self) -> int:
        """Of how many seeds a point runs are kept at every checkpoint."""
        return min(self.study.seeds, _MOST_PATHS)

    @property
    def complete(self) -> bool:
        """Whether every run of the study is in the ledger."""
        return self.runs == self.study.runs * len(self.study.labels)

    def add(self, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Takes in the next piece, which may lack learners.

        Raises:
          ValueError: the piece does not come after the one before, or has no such runs.
        """
        group = self.study.groups[record["group"]]
        start, stop = record["start"], record["stop"]
        if (record["group"], start) < self._last or not 0 <= start < stop <= group.runs:
            raise ValueError(f"out of order: group {record['group']}, runs {start} to {stop}")
        self._last = (record["group"], stop)
        numbers = [i for i in range(len(self.study.labels)) if f"{i:03d}.finite" in arrays]
        whole = {i: read_record(self.study, f"{i:03d}", arrays) for i in numbers}
        repeating = [self.study.labels[number] for number in record.get("repeating", ())]
        for point, seeds, runs in segments(group, start, stop):
            self._repeating.update((point, label) for label in repeating)
            parts = {self.study.labels[i]: one.part(runs) for i, one in whole.items()}
            for number in numbers:
                self._add_runs(point, number, seeds, parts)
        for facts in record.get("packs", {}).values():
            self.packs += 1
            self.seconds += float(facts.get("seconds") or 0.0)
            for name, value in facts.items():
                if name != "seconds" and not isinstance(value, Mapping):
                    self.provenance.setdefault(name, set()).add(str(value))

    def _add_runs(self, point: int, number: int, seeds: slice, parts: Mapping[str, Record]) -> None:
        """Takes in one learner's runs of one point, beside those of the others."""
        label = self.study.labels[number]
        mine, cell = parts[label], self.cells[point, label]
        last = np.column_stack([mine.total[:, -1], mine.parts[:, -1]])
        self._finals[point, number, seeds] = np.where(mine.finite[:, None], last, np.nan)
        self._enter(cell, mine)
        for rival in self.study.comparators or (None,):
            if rival in parts or rival is None or rival in self.study.components:
                values = self._compare(cell, label, rival, parts)
                self._keep((point, label, rival), values, seeds)
        for name, rival in self.study.watched:
            if rival in parts or rival is None:
                values = self._watch(mine, name, parts[rival] if rival else None)
                self._keep((point, label, _key(rival, name)), values, seeds)

    def _enter(self, cell: Cell, record: Record) -> None:
        """Adds one segment's costs to a cell."""
        use = record.finite
        cell.runs += len(use)
        cell.nonfinite += int(np.count_nonzero(~use))
        cell.nonconverged += int(np.count_nonzero(record.faults))
        cell.cost = cell.cost.merge(Moments.of(record.total[use]))
        parts = record.parts[use, -1]
        cell.parts = cell.parts.merge(Moments.of(parts, np.isfinite(parts)))
        if len(parts):
            cell.worst = np.fmax(cell.worst, parts.max(axis=0))

    def _compare(
        self, cell: Cell, label: str, rival: str | None, parts: Mapping[str, Record]
    ) -> np.ndarray:
        """The measure of one segment ``[runs, C]``, NaN where unknown; enters it into the cell."""
        mine = parts[label]
        if rival is None:
            return np.where(mine.finite[:, None], mine.total, np.nan)
        if rival in self.study.components:
            both = mine.finite
            values = mine.parts[:, :, self._column(self.study.components[rival])]
        else:
            both = mine.finite & parts[rival].finite
            values = compare(mine.total, parts[rival].total, self.study.measure)
        if rival in self.study.components or self.study.measure == "regret":
            values = without_noise(values, mine.total, self.study.noise)
        finite = np.isfinite(values) & both[:, None]
        cell.measures[rival] = cell.measures[rival].merge(Moments.of(values, finite))
        cell.undefined[rival] += int(np.count_nonzero(both & ~finite[:, -1]))
        return np.where(finite, values, np.nan)

    def _watch(self, mine: Record, cost: str, theirs: Record | None) -> np.ndarray:
        """A component, or the measure of it ``[runs, C]``; NaN where unknown."""
        column = self._column(cost)
        values = np.where(mine.finite[:, None], mine.parts[:, :, column], np.nan)
        if theirs is not None:
            rival = np.where(theirs.finite[:, None], theirs.parts[:, :, column], np.nan)
            values = compare(values, rival, self.study.measure)
        if self._has_noise(cost, theirs is not None, self.study.measure):
            values = without_noise(values, mine.total, self.study.noise)
        return values

    def _has_noise(self, cost: str | None, compared: bool, measure: str) -> bool:
        """Whether the rounding of the total cost is in a regret, or a component of the total."""
        if compared and measure == "ratio":
            return False
        return compared if cost is None else self.study.cost(cost).objective

    def _column(self, cost: str) -> int:
        return self.study.costs.index(self.study.cost(cost))

    def _keep(self, key: _Key, values: np.ndarray, seeds: slice) -> None:
        """Adds one segment to what is kept over the rounds, where there are checkpoints."""
        if values.shape[1] == 1:
            return
        if self.study.quantiles:
            most = self.seeds_with_paths
            paths = self._paths.setdefault(key, np.full((most, values.shape[1]), np.nan))
            paths[seeds.start : seeds.stop] = values[: max(most - seeds.start, 0)]
        shape = (min(self.study.seeds, _BUNDLES), values.shape[1])
        bundles = self._bundles.setdefault(key, Clusters(np.zeros(shape), np.zeros(shape)))
        units, finite = np.arange(seeds.start, seeds.stop) % shape[0], np.isfinite(values)
        np.add.at(bundles.sums, units, np.where(finite, values, 0.0))
        np.add.at(bundles.counts, units, finite)

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

    def _repeats(self, point: int, number: int) -> bool:
        costs = self._finals[point, number]
        costs = costs[np.isfinite(costs[:, 0])]
        if len(costs) < 2:
            return len(costs) == 1 and (point, self.study.labels[number]) in self._repeating
        return np.array_equal(costs, np.broadcast_to(costs[0], costs.shape), equal_nan=True)

    def totals(self, label: str, points: Iterable[int]) -> np.ndarray:
        """Total cost per run ``[points, seeds]``; NaN where missing or left out."""
        return self._finals[list(points), self.study.labels.index(label), :, 0]

    def components(self, label: str, cost: str, points: Iterable[int]) -> np.ndarray:
        """One component per run ``[points, seeds]``, as :meth:`totals`."""
        learner = self.study.labels.index(label)
        return self._finals[list(points), learner, :, 1 + self._column(cost)]

    def values(
        self,
        label: str,
        against: str | None,
        points: Iterable[int],
        measure: str | None = None,
        cost: str | None = None,
    ) -> np.ndarray:
        """Ratio or regret per run ``[points, seeds]`` at the last checkpoint.

        Args:
          label: the learner.
          against: the comparator (or another learner); without one, the cost itself.
          points: indices of points.
          measure: ``"ratio"`` or ``"regret"``; the study's own if absent.
          cost: a component in place of the total.

        Returns:
          float64; NaN where a run is missing, left out, or its ratio has no meaning. What is
          rounding alone beside the run's own total cost (:attr:`Study.noise`) is 0.
        """
        points, noise = tuple(points), self.study.noise
        if cost is None and against is not None and against in self.study.components:
            values = self.components(label, self.study.components[against], points)
            return without_noise(values, self.totals(label, points), noise)

        def runs(learner: str) -> np.ndarray:
            if cost is None:
                return self.totals(learner, points)
            return self.components(learner, cost, points)

        measure, values = measure or self.study.measure, runs(label)
        if against is not None:
            values = compare(values, runs(against), measure)
            values = np.where(np.isfinite(values), values, np.nan)
        if self._has_noise(cost, against is not None, measure):
            values = without_noise(values, self.totals(label, points), noise)
        return values

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
        points = self.study.select(where)
        if axis == HORIZON and axis not in self.study.axes:
            return self.course(label, against, points, cost)
        positions, columns = [], []
        for value in self.study.axes[axis]:
            here = [p for p in points if self.study.points[p][axis] == value]
            if here and np.isfinite(v := self.values(label, against, here, measure, cost)).any():
                positions.append(value)
                columns.append(cluster(v))
        return Curve(tuple(positions), bundle(beside(columns, self.study.seeds)))

    def course(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> Curve:
        """The study's measure, or what is watched of a component, at every checkpoint of a run."""
        key = _key(against, cost)
        points = [p for p in points if (p, label, key) in self._bundles]
        rounds = sorted({t for p in points for t in self._checkpoints[p]})
        shape = (min(self.study.seeds, _BUNDLES), len(rounds))
        sums, counts = np.zeros(shape), np.zeros(shape)
        for p in points:
            place = np.searchsorted(rounds, self._checkpoints[p])
            bundles = self._bundles[p, label, key]
            sums[:, place] += bundles.sums
            counts[:, place] += bundles.counts
        present = np.asarray(counts.sum(axis=0) > 0)
        x = tuple(t for t, keep in zip(rounds, present, strict=True) if keep)
        return Curve(x, Clusters(sums[:, present], counts[:, present]))

    def paths(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> tuple[tuple[int, ...], np.ndarray]:
        """Rounds ``[C]`` and the same per run ``[runs, C]``, of points with equal checkpoints.

        At most 4096 seeds a point are kept; NaN where a run is missing.
        """
        key = _key(against, cost)
        points = [p for p in points if (p, label, key) in self._paths]
        rounds = {self._checkpoints[p] for p in points}
        if len(rounds) != 1:
            return (), np.zeros((0, 0))
        return rounds.pop(), np.concatenate([self._paths[p, label, key] for p in points])


_Key = tuple[int, str, str | None]
"""Point, learner, and what is kept: a comparator, the cost itself (None), or a component."""


def _key(against: str | None, cost: str | None) -> str | None:
    return against if cost is None else f"cost:{cost}:{against or ''}"


def read(
    manifest: Mapping[str, Any],
    pieces: Iterable[Piece],
    traces: Callable[[], Iterable[Piece]] = tuple,
) -> Ledger:
    """The ledger of a study: its manifest, what there is of it in its order, and its traces."""
    ledger = Ledger(Study.from_json(manifest), traces)
    for record, arrays in pieces:
        ledger.add(record, arrays)
    return ledger
