"""What becomes of the runs of a pack as they are computed: they are kept, or summed up."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Protocol

import numpy as np

from jaxsoco.core.cells import Cells
from jaxsoco.core.measures import judged, quantities, read_record
from jaxsoco.core.study import Study
from jaxsoco.core.summary import PART, Summary, part_size
from jaxsoco.engine.packs import Block
from jaxsoco.engine.requests import Request

Made = tuple[tuple[Block, ...], dict[str, np.ndarray]]
"""Blocks and arrays of a pack."""

Arrays = dict[str, np.ndarray]
"""Costs by name ``[runs, C]``, ``faults`` int32 ``[runs]`` and ``finite`` bool ``[runs]``."""


class Sink(Protocol):
    """Takes the runs of a pack, in their order, and makes blocks of them."""

    @property
    def learners(self) -> Sequence[int]:
        """Numbers of all that must be run."""
        ...

    def add(self, learner: int, arrays: Arrays) -> None:
        """Takes the next runs of a learner; spare lanes may follow the last one."""
        ...

    def result(self) -> Made:
        """The blocks and arrays, once all runs are there."""
        ...


def sink_of(study: Study, request: Request, cells: Cells, positions: np.ndarray) -> Sink:
    """Where the runs of a request go.

    Args:
      study: what they belong to.
      request: what is computed.
      cells: the study's keys.
      positions: of the points of all lanes, spare ones included.
    """
    kind = Summing if study.groups[request.group].block else Keeping
    return kind(study, request, cells, positions)


class Keeping:
    """Keeps the costs of every run; see :func:`sink_of`."""

    def __init__(self, study: Study, request: Request, cells: Cells, positions: np.ndarray):
        self.learners = request.learners
        self._request, self._cells, self._positions = request, cells, positions
        self._group = study.groups[request.group]
        self._parts: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, learner: int, arrays: Arrays) -> None:
        """See :class:`Sink`."""
        for name, part in arrays.items():
            self._parts[f"{learner:03d}.{name}"].append(part)

    def result(self) -> Made:
        """See :class:`Sink`."""
        whole = {k: np.concatenate(self._parts[k]) for k in sorted(self._parts)}
        arrays = {k: np.ascontiguousarray(v[: self._request.runs]) for k, v in whole.items()}
        blocks = (block for learner in self.learners for block in self._blocks(learner, whole))
        return tuple(blocks), arrays

    def _blocks(self, learner: int, arrays: Mapping[str, np.ndarray]) -> Iterator[Block]:
        """The blocks of one learner, with what went wrong in each."""
        group, prefix = self._group, f"{learner:03d}"
        faults, finite = arrays[f"{prefix}.faults"], arrays[f"{prefix}.finite"]
        same = repeating(arrays, prefix, self._positions)
        if group.seeds > 1:
            # The lanes of a single seed that fill a batch tell nothing.
            same = same & several(self._request)
        row = 0
        for span in self._request.spans:
            rows = slice(row, row + span.runs)
            yield Block(
                key=self._cells.key(group.points[span.position], learner),
                start=span.start,
                stop=span.stop,
                learner=learner,
                row=row,
                nonconverged=int((faults[rows] > 0).sum()),
                nonfinite=int((~finite[rows]).sum()),
                repeats=span.position in same,
            )
            row += span.runs


class Summing:
    """Sums up the runs of every span; see :func:`sink_of`.

    The array ``"007.moments" [blocks, Q, C, M]`` has a row for each block of the learner with
    number 7: ``Summary.to_array`` of its ``quantities``. The comparators are run as well, on the
    same seeds, whether or not their own blocks are asked for. At most :data:`PART` runs, and what
    comes before a learner that lags behind, are held at a time; the parts begin where the span
    does, so that the bits of a block do not depend on the rest of its pack.
    """

    def __init__(self, study: Study, request: Request, cells: Cells, positions: np.ndarray):
        rivals = (study.labels.index(label) for label in study.optima)
        self.learners = sorted({*request.learners, *rivals})
        self._study, self._request, self._cells = study, request, cells
        self._group = study.groups[request.group]
        self._waiting: dict[int, list[Arrays]] = {number: [] for number in self.learners}
        self._left = deque(_parts_of(request))
        self._summaries: dict[int, list[Summary]] = defaultdict(list)
        self._rows: dict[int, list[np.ndarray]] = defaultdict(list)
        self._bad: dict[int, list[list[int]]] = defaultdict(list)
        # Of a single seed the spare lanes are seen as well; there are few such runs.
        everyone = request._replace(learners=tuple(self.learners))
        alone = self._group.seeds == 1
        self._spare = Keeping(study, everyone, cells, positions) if alone else None

    def add(self, learner: int, arrays: Arrays) -> None:
        """See :class:`Sink`."""
        if self._spare:
            self._spare.add(learner, arrays)
        else:
            self._take(learner, arrays)

    def result(self) -> Made:
        """See :class:`Sink`."""
        repeats = self._take_spare(self._spare) if self._spare else self._repeats()
        arrays = {f"{n:03d}.moments": np.stack(self._rows[n]) for n in self._request.learners}
        blocks = (
            Block(
                key=self._cells.key(self._group.points[span.position], learner),
                start=span.start,
                stop=span.stop,
                learner=learner,
                row=row,
                nonconverged=self._bad[learner][row][0],
                nonfinite=self._bad[learner][row][1],
                repeats=repeats.get((learner, row), False),
                whole=True,
            )
            for learner in self._request.learners
            for row, span in enumerate(self._request.spans)
        )
        return tuple(blocks), arrays

    def _repeats(self) -> dict[tuple[int, int], bool]:
        """Whether all runs of a block's point cost the same, by learner and row."""
        same, more = dict[tuple[int, int], bool](), several(self._request)
        rows_of: dict[int, list[int]] = {}
        for row, span in enumerate(self._request.spans):
            rows_of.setdefault(span.position, []).append(row)
        for learner in self._request.learners:
            names = quantities(self._study, self._study.labels[learner])
            costs = [i for i, quantity in enumerate(names) if quantity.against is None]
            blocks = [Summary.from_array(row[costs]) for row in self._rows[learner]]
            for position, rows in rows_of.items():
                low = np.fmin.reduce([blocks[i].low for i in rows])
                high = np.fmax.reduce([blocks[i].high for i in rows])
                alike = position in more and np.array_equal(low, high, equal_nan=True)
                same |= dict.fromkeys(((learner, row) for row in rows), alike)
        return same

    def _take_spare(self, spare: Keeping) -> dict[tuple[int, int], bool]:
        """Takes the runs of single seeds; returns which of them are like any other."""
        blocks, arrays = spare.result()
        for learner in self.learners:
            prefix = f"{learner:03d}."
            mine = {k: v for k, v in arrays.items() if k.startswith(prefix)}
            self._take(learner, {k.removeprefix(prefix): v for k, v in mine.items()})
        return {(block.learner, block.row): block.repeats for block in blocks}

    def _take(self, learner: int, arrays: Arrays) -> None:
        self._waiting[learner].append(arrays)
        ready = min(sum(len(a["finite"]) for a in parts) for parts in self._waiting.values())
        while self._left and ready >= self._left[0].runs:
            part = self._left.popleft()
            self._sum(part, {number: self._next(number, part.runs) for number in self.learners})
            ready -= part.runs

    def _next(self, learner: int, runs: int) -> Arrays:
        """The next runs of a learner, which wait no longer."""
        parts = self._waiting[learner]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        self._waiting[learner] = [{name: values[runs:] for name, values in whole.items()}]
        return {name: values[:runs] for name, values in whole.items()}

    def _sum(self, part: _Part, runs: Mapping[int, Arrays]) -> None:
        """Sums up a part of a span, and the span with its last part."""
        study = self._study
        records = {
            study.labels[number]: read_record(
                study, f"{number:03d}", {f"{number:03d}.{k}": v for k, v in arrays.items()}
            )
            for number, arrays in runs.items()
        }
        for number in self._request.learners:
            values, use = judged(study, study.labels[number], records)
            self._summaries[number].append(Summary.of(values, use, part_size(part.of)))
            if part.first:
                self._bad[number].append([0, 0])
            bad = self._bad[number][-1]
            bad[0] += int((runs[number]["faults"] > 0).sum())
            bad[1] += int((~runs[number]["finite"]).sum())
            if part.last:
                summary = Summary.merged(self._summaries.pop(number))
                self._rows[number].append(summary.to_array())


class _Part:
    """Some runs of a span: how many, of how many, and whether they are its first or last."""

    def __init__(self, start: int, of: int):
        self.runs, self.of = min(PART, of - start), of
        self.first, self.last = start == 0, start + self.runs == of


def _parts_of(request: Request) -> Iterator[_Part]:
    for span in request.spans:
        yield from (_Part(start, span.runs) for start in range(0, span.runs, PART))


def several(request: Request) -> set[int]:
    """The positions of which a pack has more than one seed."""
    counts = Counter[int]()
    for span in request.spans:
        counts[span.position] += span.runs
    return {position for position, seeds in counts.items() if seeds > 1}


def repeating(arrays: Mapping[str, np.ndarray], learner: str, positions: np.ndarray) -> Set[int]:
    """The positions where all of a learner's lanes cost the same."""
    points, first, point = np.unique(positions, return_index=True, return_inverse=True)
    same, lanes = np.ones(len(points), bool), np.arange(len(positions))
    # Last costs first: they tell most positions apart, and the rest is left out for those.
    for columns in (slice(-1, None), slice(None)):
        for name, values in arrays.items():
            if name.startswith(f"{learner}."):
                table = values.reshape(len(values), -1)[:, columns]
                mine, other = table[lanes], table[first[point[lanes]]]
                equal = (mine == other) | ((mine != mine) & (other != other))
                same[point[lanes[~equal.all(axis=1)]]] = False
                lanes = lanes[same[point[lanes]]]
    return frozenset(points[same].tolist())
