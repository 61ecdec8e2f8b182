"""Which seeds of which cells are stored, and where: the union of the sidecars, and nothing else."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jaxsoco.core.ranges import Range, difference, union
from jaxsoco.engine.packs import Pack


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


class Index:
    """The blocks of a folder's packs, by the keys of their cells."""

    def __init__(self) -> None:
        self.packs: dict[str, Pack] = {}
        self._places: dict[str, list[Place]] = {}
        self._seeds: dict[str, list[Range]] = {}
        self._unsorted: set[str] = set()

    def add(self, pack: Pack) -> None:
        """Takes in a pack that is whole."""
        if pack.name in self.packs:
            return
        self.packs[pack.name] = pack
        for number, block in enumerate(pack.blocks):
            place = Place(block.start, block.stop, pack.name, number)
            self._places.setdefault(block.key, []).append(place)
            self._seeds.pop(block.key, None)
            self._unsorted.add(block.key)

    def remove(self, name: str) -> None:
        """Forgets a pack, which turned out to be damaged or is gone."""
        pack = self.packs.pop(name, None)
        for key in {block.key for block in pack.blocks} if pack else ():
            self._places[key] = [place for place in self._places[key] if place.pack != name]
            self._seeds.pop(key, None)

    def seeds(self, key: str) -> list[Range]:
        """The seeds of a cell that are stored."""
        if key not in self._seeds:
            places = self._places.get(key, ())
            self._seeds[key] = union((place.start, place.stop) for place in places)
        return self._seeds[key]

    def missing(self, key: str, ranges: Iterable[Range]) -> list[Range]:
        """Those of some seeds of a cell that are not stored.

        Args:
          key: of the cell.
          ranges: all that is wanted of it: a block of moments that reaches beyond them is no use.
        """
        if not self._is_whole(key):
            return difference(ranges, self.seeds(key))
        ranges = union(ranges)
        return difference(ranges, ((one.start, one.stop) for one in self.places(key, ranges)))

    def places(self, key: str, ranges: Iterable[Range]) -> list[Place]:
        """Where some seeds of a cell are, in their order; each of them once, if it is stored."""
        listed, chosen = self._places.get(key, []), []
        if key in self._unsorted:
            listed.sort(key=lambda one: (one.start, -one.stop))
            self._unsorted.remove(key)
        if self._is_whole(key):
            return _cover(listed, union(ranges))
        for start, stop in union(ranges):
            # All before `start` is taken, or stored nowhere.
            for place in listed:
                if place.stop <= start:
                    continue
                if place.start >= stop or start >= stop:
                    break
                first, start = max(place.start, start), min(place.stop, stop)
                chosen.append(Place(first, start, place.pack, place.block))
        return chosen

    def _is_whole(self, key: str) -> bool:
        """Whether the blocks of a cell cannot be cut: all of them, or none."""
        places = self._places.get(key)
        return bool(places) and self.packs[places[0].pack].blocks[places[0].block].whole

    def names(self, wanted: Iterable[tuple[str, Iterable[Range]]]) -> Iterator[str]:
        """The packs that have a place of a wanted cell, each once."""
        names = {place.pack for key, ranges in wanted for place in self.places(key, ranges)}
        yield from (name for name in self.packs if name in names)


def _cover(places: Iterable[Place], ranges: Sequence[Range]) -> list[Place]:
    """Of blocks that cannot be cut: those that do not overlap and have most of some seeds."""
    inside = [
        place
        for place in places
        if any(start <= place.start and place.stop <= stop for start, stop in ranges)
    ]
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
