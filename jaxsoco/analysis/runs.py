"""The ledger of every run.

Pieces of the results are streamed once, in the order of the study. Kept are float64 moments at
every checkpoint (merged piece by piece), the final costs of every run (for quantiles and paired
comparisons), and, where costs are kept at several rounds, sums over bundles of seeds for the
bootstrap; where medians over the rounds are asked for, also every round kept of the first runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jaxsoco.analysis.account import Curve, Ledger
from jaxsoco.analysis.records import Cell, segments
from jaxsoco.analysis.samples import Runs, Sample
from jaxsoco.analysis.statistics import Clusters, beside, bundle, cluster
from jaxsoco.core.measures import (
    Quantity,
    Record,
    compare,
    has_noise,
    read_record,
    without_noise,
)
from jaxsoco.core.moments import Moments
from jaxsoco.core.study import HORIZON, Study

_BUNDLES = 1000
_MOST_PATHS = 4096


class RunLedger(Ledger):
    """The costs of every run."""

    def __init__(self, study: Study):
        super().__init__(study)
        shape = (len(study.points), len(study.labels), study.seeds, 1 + len(study.costs))
        self._finals = np.full(shape, np.nan)
        self._bundles: dict[_Key, Clusters] = {}
        self._paths: dict[_Key, np.ndarray] = {}

    @property
    def seeds_with_paths(self) -> int:
        """Of how many seeds a point runs are kept at every checkpoint."""
        return min(self.study.seeds, _MOST_PATHS)

    def add(self, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Takes in the next piece, which may lack learners; see :class:`Ledger`."""
        group = self.study.groups[record["group"]]
        start, stop = record["start"], record["stop"]
        self._require_order(record, start)
        self._last = (record["group"], stop)
        numbers = [i for i in range(len(self.study.labels)) if f"{i:03d}.finite" in arrays]
        whole = {i: read_record(self.study, f"{i:03d}", arrays) for i in numbers}
        repeating = [self.study.labels[number] for number in record.get("repeating", ())]
        for point, seeds, runs in segments(group, start, stop):
            self._repeating.update((point, label) for label in repeating)
            parts = {self.study.labels[i]: one.part(runs) for i, one in whole.items()}
            for number in numbers:
                self._add_runs(point, number, seeds, parts)
        self._enter_facts(record)

    def _add_runs(self, point: int, number: int, seeds: slice, parts: Mapping[str, Record]) -> None:
        """Takes in one learner's runs of one point, beside those of the others."""
        label = self.study.labels[number]
        mine, cell = parts[label], self._cells[point, label]
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
        against = None if theirs is None else ""
        if has_noise(self.study, Quantity(cost, against, self.study.measure)):
            values = without_noise(values, mine.total, self.study.noise)
        return values

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

    def _repeats(self, point: int, number: int) -> bool:
        costs = self._finals[point, number]
        costs = costs[np.isfinite(costs[:, 0])]
        if len(costs) < 2:
            return len(costs) == 1 and (point, self.study.labels[number]) in self._repeating
        return np.array_equal(costs, np.broadcast_to(costs[0], costs.shape), equal_nan=True)

    def totals(self, label: str, points: Iterable[int]) -> np.ndarray:
        """See :class:`Ledger`."""
        return self._finals[list(points), self.study.labels.index(label), :, 0]

    def components(self, label: str, cost: str, points: Iterable[int]) -> np.ndarray:
        """See :class:`Ledger`."""
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
        """See :class:`Ledger`."""
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
        if has_noise(self.study, Quantity(cost, against, measure)):
            values = without_noise(values, self.totals(label, points), noise)
        return values

    def sample(
        self,
        label: str,
        against: str | None,
        points: Iterable[int],
        measure: str | None = None,
        cost: str | None = None,
        per_round: bool = False,
    ) -> Sample:
        """See :class:`Ledger`."""
        points = tuple(points)
        values = self.values(label, against, points, measure, cost)
        if per_round:
            rounds = np.array([self.study.points[p][HORIZON] for p in points], float)
            values = values / rounds[:, None]
        return Runs(values)

    def curve(
        self,
        label: str,
        against: str | None,
        axis: str,
        where: Mapping[str, Any] | None = None,
        measure: str | None = None,
        cost: str | None = None,
    ) -> Curve:
        """See :class:`Ledger`."""
        points = self.study.select(where)
        if axis == HORIZON and axis not in self.study.axes:
            return self.course(label, against, points, cost)
        positions, columns = [], []
        for value, here in self.study.along(axis, points).items():
            if here and np.isfinite(v := self.values(label, against, here, measure, cost)).any():
                positions.append(value)
                columns.append(cluster(v))
        return Curve(tuple(positions), bundle(beside(columns, self.study.seeds)))

    def course(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> Curve:
        """See :class:`Ledger`."""
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

    def samples(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> tuple[tuple[int, ...], list[Sample]]:
        """See :class:`Ledger`; at most 4096 seeds a point are kept."""
        rounds, paths = self.paths(label, against, points, cost)
        return rounds, [Runs(column) for column in np.moveaxis(paths, -1, 0)]

    def paths(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> tuple[tuple[int, ...], np.ndarray]:
        """Rounds ``[C]`` and the same per run ``[points, seeds, C]``, of points with equal
        checkpoints; at most 4096 seeds a point are kept, NaN where a run is missing."""
        key = _key(against, cost)
        points = [p for p in points if (p, label, key) in self._paths]
        rounds = {self._checkpoints[p] for p in points}
        if len(rounds) != 1:
            return (), np.zeros((0, 0, 0))
        return rounds.pop(), np.stack([self._paths[p, label, key] for p in points])


_Key = tuple[int, str, str | None]
"""Point, learner, and what is kept: a comparator, the cost itself (None), or a component."""


def _key(against: str | None, cost: str | None) -> str | None:
    return against if cost is None else f"cost:{cost}:{against or ''}"
