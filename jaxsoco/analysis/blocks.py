"""The ledger of blocks of moments, which holds no run.

Blocks are streamed once, in the order of the study, and merged as they come. The sums of every
block are kept apart: blocks are the independent units of paired differences, pooled means and
exponents.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxsoco.analysis.account import Curve, Ledger
from jaxsoco.analysis.pairing import aligned
from jaxsoco.analysis.records import Cell
from jaxsoco.analysis.samples import Blocks, Column, Sample, single_runs
from jaxsoco.analysis.statistics import Clusters
from jaxsoco.analysis.sums import Sums, sketch_size
from jaxsoco.core.measures import TOTAL, Quantity, quantities
from jaxsoco.core.moments import Moments
from jaxsoco.core.sketch import Sketch
from jaxsoco.core.study import HORIZON, Study


class BlockLedger(Ledger):
    """Moments of blocks of seeds."""

    def __init__(self, study: Study):
        super().__init__(study)
        self._sums: dict[tuple[int, str], Sums] = {}
        self._size = sketch_size(study)
        self._open: dict[tuple[int, str], None] = {}

    @property
    def cells(self) -> Mapping[tuple[int, str], Cell]:
        """See :class:`Ledger`."""
        self._settle()
        return self._cells

    @property
    def error(self) -> float:
        """See :class:`Ledger`."""
        return max((float(one.sketch.error.max()) for one in self._sums.values()), default=0.0)

    def add(self, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Takes in the next block, of one learner; see :class:`Ledger`."""
        group, start = self.study.groups[record["group"]], record["start"]
        self._require_order(record, start)
        self._last = (record["group"], start)
        position, seed = divmod(start, group.seeds)
        point, stop = group.points[position], seed + record["stop"] - start
        if self._open and point != next(iter(self._open))[0]:
            self._settle()
        for name, array in arrays.items():
            key = point, self.study.labels[int(name.partition(".")[0])]
            if record["repeating"]:
                self._repeating.add(key)
            self._open[key] = None
            sums = self._sums_of(key, array.shape[:2])
            sums.add((seed, stop), array)
            sums.nonconverged += record["nonconverged"]
        self._enter_facts(record)

    def _sums_of(self, key: tuple[int, str], shape: tuple[int, ...]) -> Sums:
        if key not in self._sums:
            names = quantities(self.study, key[1])
            # The median over the rounds takes a sketch of every checkpoint.
            self._sums[key] = Sums(names, shape, self.study.quantiles, self._size)
        return self._sums[key]

    def _settle(self) -> None:
        """Enters the cells of a point, when all of it is there or somebody looks at it."""
        for point, label in self._open:
            self._enter(self._cells[point, label], label, self._sums[point, label])
        self._open = {}

    def _enter(self, cell: Cell, label: str, one: Sums) -> None:
        _ = one.sketch  # merged, which frees what it is made of
        cell.runs, cell.nonconverged = one.runs, one.nonconverged
        cell.cost = one.moments_of(TOTAL)
        cell.nonfinite = cell.runs - int(cell.cost.count[-1])
        columns = [one.place[Quantity(cost.name)] for cost in self.study.costs]
        cell.parts = one.moments.at((columns, -1))
        cell.worst = one.high[columns, -1]
        self._enter_measures(cell, label, one)

    def _enter_measures(self, cell: Cell, label: str, one: Sums) -> None:
        for rival in self.study.comparators:
            quantity = self._quantity(rival, None, None)
            if rival == label and quantity not in one.place:
                total = one.moments_of(TOTAL), one.low[one.place[TOTAL]]
                cell.measures[rival] = _against_itself(*total, self.study.measure)
                continue
            cell.measures[rival] = moments = one.moments_of(quantity)
            regret = Quantity(None, rival, "regret")
            runs = one.moments_of(regret if regret in one.place else TOTAL).count[-1]
            cell.undefined[rival] = int(runs - moments.count[-1])

    def _quantity(self, against: str | None, measure: str | None, cost: str | None) -> Quantity:
        """What is summed up of what is asked for."""
        if cost is None and against is not None and against in self.study.components:
            return Quantity(self.study.components[against])
        if against is None:
            return Quantity(cost)
        return Quantity(cost, against, measure or self.study.measure)

    def _repeats(self, point: int, number: int) -> bool:
        label = self.study.labels[number]
        if (point, label) not in self._sums:
            return False
        one = self._sums[point, label]
        count = int(one.moments_of(TOTAL).count[-1])
        if count < 2:
            return count == 1 and (point, label) in self._repeating
        rows = [one.place[q] for q in one.place if q.against is None]
        return np.array_equal(one.low[rows, -1], one.high[rows, -1], equal_nan=True)

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
        columns = []
        for point in points:
            column = self._column(point, label, against, measure, cost, -1)
            if column is not None:
                rounds = float(self.study.points[point][HORIZON])
                columns.append(column.over(rounds) if per_round else column)
        return Blocks(columns)

    def _column(
        self,
        point: int,
        label: str,
        against: str | None,
        measure: str | None,
        cost: str | None,
        at: int,
    ) -> Column | None:
        """One quantity of one cell at one checkpoint; None where no run has it."""
        if (point, label) not in self._sums:
            return None
        one = self._sums[point, label]
        quantity = self._quantity(against, measure, cost)
        if against == label and quantity not in one.place:
            return _itself(one.column(Quantity(cost), at), measure or self.study.measure)
        if quantity not in one.place:
            raise single_runs(f"a measure against {against}, which is no comparator,")
        silent = self._is_noise(one, quantity, against, at)
        column = one.column(quantity, at)
        if not int(column.moments.count):
            return None
        return column.over(math.inf) if silent else column

    def _is_noise(self, one: Sums, quantity: Quantity, against: str | None, at: int) -> bool:
        """Whether a component is rounding alone beside the total cost in all runs."""
        if quantity.against is not None or quantity.cost is None:
            return False  # rounding was taken from the runs
        if against is None and not self.study.cost(quantity.cost).objective:
            return False
        row, total = one.place[quantity], one.place[TOTAL]
        size, whole = (
            np.nanmax(np.abs([one.low[i, at], one.high[i, at], 0.0])) for i in (row, total)
        )
        return bool(size <= self.study.noise * whole)

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
        samples: dict[Any, Sample] = {}
        for value, here in self.study.along(axis, points).items():
            sample = self.sample(label, against, here, measure, cost)
            if sample.runs:
                samples[value] = sample
        return Curve(tuple(samples), _beside([*samples.values()]))

    def course(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> Curve:
        """See :class:`Ledger`."""
        points, samples = tuple(points), dict[int, list[Column]]()
        for point in points:
            for at, rounds in enumerate(self._checkpoints[point]):
                column = self._column(point, label, against, None, cost, at)
                if column is not None:
                    samples.setdefault(rounds, []).append(column)
        rounds = tuple(sorted(samples))
        return Curve(rounds, _beside([Blocks(samples[at]) for at in rounds]))

    def samples(
        self, label: str, against: str | None, points: Iterable[int], cost: str | None = None
    ) -> tuple[tuple[int, ...], list[Sample]]:
        """See :class:`Ledger`."""
        points = [p for p in points if (p, label) in self._sums]
        rounds = {self._checkpoints[p] for p in points}
        if len(rounds) != 1:
            return (), []
        (at,) = rounds
        columns = [
            [self._column(p, label, against, None, cost, i) for p in points] for i in range(len(at))
        ]
        return at, [Blocks([one for one in row if one is not None]) for row in columns]


def _against_itself(moments: Moments, low: Any, measure: str) -> Moments:
    """Of a learner against itself: a ratio of 1, without a meaning where a cost is not positive."""
    value, defined = (1.0, low > 0) if measure == "ratio" else (0.0, np.isfinite(low))
    count = np.where(defined, moments.count, 0)
    nothing = np.zeros(np.shape(count))
    return Moments(count, np.where(count > 0, value, np.nan), nothing, nothing)


def _itself(column: Column, measure: str) -> Column | None:
    """The same as a column; None where it has no meaning."""
    moments = _against_itself(column.moments, column.low, measure)
    if not int(moments.count):
        return None
    value, sketch = float(moments.mean), column.sketch
    points = np.where(np.isfinite(sketch.points), value, np.nan)
    sketch = Sketch(sketch.count, points, sketch.error)
    sums = value * column.counts
    return Column(moments, value, value, sketch, column.ends, sums, column.counts)


def _beside(samples: Sequence[Sample]) -> Clusters:
    """The clusters of samples as positions side by side."""
    if not samples:
        return Clusters(np.zeros((0, 0)), np.zeros((0, 0)), blocks=True)
    units = aligned(samples)
    sums, counts = (np.hstack([one[which] for one in units]) for which in range(2))
    return Clusters(sums, counts, blocks=True)
