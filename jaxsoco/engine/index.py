"""Which seeds of which cells are stored, and where: the union of the sidecars, and nothing else."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from jaxsoco.core.ranges import Range, difference, intersection, union, within
from jaxsoco.engine.packs import Block, Pack


class Place(NamedTuple):
    """Where seeds of one cell are.

    Attributes:
      start: first seed.
      stop: end of the seeds.
      pack: name of the pack.
      block: number of the block in it.
    """

    start: int
    stop: int
    pack: str
    block: int


class _Listed:
    """The places of one cell, in the order of their seeds.

    Attributes:
      places: by first seed, longer ones first.
      whole: blocks cannot be cut: all of one, or none.
    """

    def __init__(self, whole: bool):
        self.whole = whole
        self.places: list[Place] = []
        self._disjoint: bool | None = True
        self._reach: list[int] | None = None
        self._seeds: list[Range] | None = None

    def add(self, place: Place) -> None:
        at, places = bisect_right(self.places, _order(place), key=_order), self.places
        if self._disjoint:
            before = at == 0 or places[at - 1].stop <= place.start
            self._disjoint = before and (at == len(places) or place.stop <= places[at].start)
        places.insert(at, place)
        self._reach = self._seeds = None

    def remove(self, place: Place) -> None:
        at = bisect_left(self.places, _order(place), key=_order)
        del self.places[self.places.index(place, at)]
        # Without it, those that are left may be disjoint.
        self._disjoint = self._disjoint or None
        self._reach = self._seeds = None

    @property
    def disjoint(self) -> bool:
        """Whether no two places have a seed in common, which is what runs leave behind."""
        if self._disjoint is None:
            self._disjoint = all(a.stop <= b.start for a, b in pairwise(self.places))
        return self._disjoint

    @property
    def seeds(self) -> list[Range]:
        if self._seeds is None:
            self._seeds = union((place.start, place.stop) for place in self.places)
        return self._seeds

    def over(self, start: int, stop: int) -> Iterator[Place]:
        """The places that have one of these seeds."""
        for i in range(self._first_beyond(start), len(self.places)):
            place = self.places[i]
            if place.start >= stop:
                return
            if place.stop > start:
                yield place

    def _first_beyond(self, seed: int) -> int:
        """Number of the first place that may have this seed or a later one."""
        if self.disjoint:
            return bisect_right(self.places, seed, key=_stop)
        if self._reach is None:  # the end of the seeds of each place and those before it
            self._reach = [*accumulate((place.stop for place in self.places), max)]
        return bisect_right(self._reach, seed)


class Index:
    """The blocks of a folder's packs, by the keys of their cells.

    A look at some seeds of a cell takes the logarithm of its blocks, and those that have the seeds;
    only where blocks that cannot be cut overlap, all of the cell.
    """

    def __init__(self) -> None:
        self.packs: dict[str, Pack] = {}
        self._cells: dict[str, _Listed] = {}

    def add(self, pack: Pack) -> None:
        """Takes in a pack that is whole."""
        if pack.name in self.packs:
            return
        self.packs[pack.name] = pack
        for place, block in _places(pack):
            if block.key not in self._cells:
                self._cells[block.key] = _Listed(block.whole)
            self._cells[block.key].add(place)

    def remove(self, name: str) -> None:
        """Forgets a pack, which turned out to be damaged or is gone."""
        pack = self.packs.pop(name, None)
        for place, block in _places(pack) if pack else ():
            self._cells[block.key].remove(place)
            if not self._cells[block.key].places:
                del self._cells[block.key]

    def seeds(self, key: str) -> list[Range]:
        """The seeds of a cell that are stored."""
        return self._cells[key].seeds if key in self._cells else []

    def missing(self, key: str, ranges: Iterable[Range]) -> list[Range]:
        """Those of some seeds of a cell that are not stored.

        Args:
          key: of the cell.
          ranges: all that is wanted of it: a block of moments that reaches beyond them is no use.
        """
        ranges = union(ranges)
        return self.lacking(key, ranges, ranges)

    def lacking(self, key: str, wanted: Iterable[Range], parts: Iterable[Range]) -> list[Range]:
        """Those of some parts of what is wanted of a cell that are not stored.

        Args:
          key: of the cell.
          wanted: all that is wanted of it; see :meth:`missing`.
          parts: some of these seeds.
        """
        wanted, parts = union(wanted), union(parts)
        parts = intersection(parts, wanted)
        cell = self._cells.get(key)
        if cell is None:
            return parts
        if not cell.whole:
            return difference(parts, cell.seeds)
        if not cell.disjoint:
            return difference(parts, ((one.start, one.stop) for one in self.places(key, wanted)))
        return [
            hole
            for start, stop in parts
            for hole in difference(
                [(start, stop)],
                ((p.start, p.stop) for p in cell.over(start, stop) if _lies_in(p, wanted)),
            )
        ]

    def places(self, key: str, ranges: Iterable[Range]) -> list[Place]:
        """Where some seeds of a cell are, in their order; each of them once, if it is stored."""
        cell, chosen = self._cells.get(key), list[Place]()
        if cell is None:
            return chosen
        if cell.whole:
            inside = [
                place
                for start, stop in union(ranges)
                for place in cell.over(start, stop)
                if start <= place.start and place.stop <= stop
            ]
            return inside if cell.disjoint else _cover(inside)
        for start, stop in union(ranges):
            # All before `start` is taken, or stored nowhere.
            for place in cell.over(start, stop):
                if place.stop <= start:
                    continue
                if start >= stop:
                    break
                first, start = max(place.start, start), min(place.stop, stop)
                chosen.append(Place(first, start, place.pack, place.block))
        return chosen

    def names(self, wanted: Iterable[tuple[str, Iterable[Range]]]) -> Iterator[str]:
        """The packs that have a place of a wanted cell, each once."""
        names = {place.pack for key, ranges in wanted for place in self.places(key, ranges)}
        yield from (name for name in self.packs if name in names)


def _places(pack: Pack) -> Iterator[tuple[Place, Block]]:
    for number, block in enumerate(pack.blocks):
        yield Place(block.start, block.stop, pack.name, number), block


def _order(place: Place) -> tuple[int, int]:
    return place.start, -place.stop


def _stop(place: Place) -> int:
    return place.stop


def _lies_in(place: Place, ranges: Sequence[Range]) -> bool:
    """Whether all of a place lies in one of some sorted, disjoint ranges."""
    return within(ranges, place.start, place.stop) == [(place.start, place.stop)]


def _cover(inside: list[Place]) -> list[Place]:
    """Of blocks that cannot be cut: those that do not overlap and have most of their seeds."""
    inside.sort(key=lambda one: (one.stop, one.start, one.pack))
    stops = [place.stop for place in inside]
    # most[i]: seeds that the first i places can have; through[i]: whether the last of them is used.
    most, through = [0], [False]
    for i, place in enumerate(inside):
        with_it = most[bisect_right(stops, place.start, 0, i)] + place.stop - place.start
        through.append(with_it > most[i])
        most.append(max(with_it, most[i]))
    chosen, i = list[Place](), len(inside)
    while i:
        if through[i]:
            chosen.append(inside[i - 1])
            i = bisect_right(stops, inside[i - 1].start, 0, i - 1)
        else:
            i -= 1
    return chosen[::-1]
