"""From what a study wants, and what is stored, to requests: runs that are computed together.

Where moments are kept in place of runs, a span becomes a block, and is never cut: what is stored of
other blocks is used as far as it goes, and the rest is computed in blocks of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from jaxsoco.core.cells import Cells
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.ranges import pieces, within
from jaxsoco.engine.index import Index

GRID = 64
"""Blocks begin at multiples of so many seeds, where nothing shorter is asked for."""
LARGEST = 4096
"""Seeds of a block, at most."""


class Span(NamedTuple):
    """Seeds ``start .. stop - 1`` of the point at ``position`` of a group."""

    position: int
    start: int
    stop: int

    @property
    def runs(self) -> int:
        """Number of seeds."""
        return self.stop - self.start


class Request(NamedTuple):
    """A pack to be computed: some spans of one group, for some of the learners.

    Attributes:
      group: index of the group.
      learners: numbers of learners in the plan, increasing.
      spans: in order.
    """

    group: int
    learners: tuple[int, ...]
    spans: tuple[Span, ...]

    @property
    def runs(self) -> int:
        """Runs of each learner."""
        return sum(span.runs for span in self.spans)

    @property
    def work(self) -> int:
        """Runs of all its learners together."""
        return self.runs * len(self.learners)


@dataclass(frozen=True)
class Share:
    """A part of a study: slices ``index, index + count, ...`` of what it wants."""

    index: int = 0
    count: int = 1


def spans_of(group: Group) -> list[Span]:
    """Everything that a study wants of a group, point after point, in blocks."""
    sizes = (group.block, group.block) if group.block else (LARGEST, GRID)
    return [
        Span(position, start, stop)
        for position in range(len(group.points))
        for start, stop in pieces([(0, group.seeds)], *sizes)
    ]


def slices(plan: Plan) -> Iterator[tuple[int, tuple[Span, ...]]]:
    """What a study wants, in slices of a pack: ``(group, spans)``.

    A function of the study alone, so that processes that never speak to each other agree on it.
    """
    for group in plan.groups:
        for spans in filled(spans_of(group), plan.pack, whole=group.block > 0):
            yield group.index, spans


def shared(plan: Plan, share: Share) -> dict[int, list[Span]]:
    """The spans of a share, by group."""
    mine: dict[int, list[Span]] = {}
    for number, (group, spans) in enumerate(slices(plan)):
        if number % share.count == share.index:
            mine.setdefault(group, []).extend(spans)
    return mine


def requests(
    plan: Plan, cells: Cells, index: Index, wanted: Mapping[int, Iterable[Span]]
) -> Iterator[Request]:
    """What is missing of some spans, packed tightly; learners that lack the same runs together.

    Args:
      plan: the plan.
      cells: the study's keys.
      index: what is stored.
      wanted: group -> spans.
    """
    for group in plan.groups:
        patterns: dict[tuple[Span, ...], list[int]] = {}
        spans = [*wanted.get(group.index, ())]
        for learner in range(len(plan.learners)):
            lacking = tuple(_lacking(group, learner, cells, index, spans))
            if lacking:
                patterns.setdefault(lacking, []).append(learner)
        for lacking, learners in patterns.items():
            for part in filled(lacking, plan.pack, whole=group.block > 0):
                yield Request(group.index, tuple(learners), part)


def _lacking(
    group: Group, learner: int, cells: Cells, index: Index, spans: Iterable[Span]
) -> Iterator[Span]:
    """Of spans that do not overlap, what is not stored of a learner, in their order."""
    for position, some in groupby(spans, key=lambda span: span.position):
        parts = [(span.start, span.stop) for span in some]
        key = cells.key(group.points[position], learner)
        missing = index.lacking(key, [(0, group.seeds)], parts)
        for span in parts:
            for start, stop in within(missing, *span):
                yield Span(position, start, stop)


def filled(spans: Iterable[Span], most: int, *, whole: bool = False) -> Iterator[tuple[Span, ...]]:
    """Spans, in packs of at most ``most`` runs.

    A span that does not fit is cut at a multiple of the grid, unless that would leave more than a
    sixteenth of the pack empty. Where spans may not be cut, it begins the next pack, which it
    fills by itself if it is longer than a pack.
    """
    pack, left = list[Span](), most
    for span in spans:
        if whole and pack and span.runs > left:
            yield tuple(pack)
            pack, left = [], most
        while span.runs > left and not whole:
            cut = _cut(span, left, most)
            if cut > span.start:
                pack.append(span._replace(stop=cut))
            yield tuple(pack)
            pack, left = [], most
            span = span._replace(start=cut)
        pack.append(span)
        left -= span.runs
        if left <= 0:
            yield tuple(pack)
            pack, left = [], most
    if pack:
        yield tuple(pack)


def _cut(span: Span, left: int, most: int) -> int:
    """Where a span ends that has only ``left`` places."""
    exact = span.start + left
    even = exact // GRID * GRID
    return even if even >= span.start and (exact - even) * 16 <= most else exact


def work_of(plan: Plan, wanted: Mapping[int, Iterable[Span]]) -> int:
    """Runs of all learners in some spans."""
    return len(plan.learners) * sum(span.runs for spans in wanted.values() for span in spans)


def work_stored(
    plan: Plan, cells: Cells, index: Index, wanted: Mapping[int, Iterable[Span]]
) -> int:
    """How many of the runs of all learners in some spans are stored."""
    lacking = (
        span.runs
        for group in plan.groups
        for learner in range(len(plan.learners))
        for span in _lacking(group, learner, cells, index, wanted.get(group.index, ()))
    )
    return work_of(plan, wanted) - sum(lacking)
