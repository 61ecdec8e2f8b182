"""What a study wants, read from the packs that have it, piece by piece and in the study's order."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core.cells import Cells
from jaxsoco.core.plan import Group
from jaxsoco.core.ranges import Range, intersection, pieces, union
from jaxsoco.core.study import Study
from jaxsoco.engine.failures import Noted, failures_of
from jaxsoco.engine.index import Place
from jaxsoco.engine.legacy import OldStore
from jaxsoco.engine.manifest import OLD_FORMAT
from jaxsoco.engine.packs import Pack
from jaxsoco.engine.requests import GRID, LARGEST, spans_of
from jaxsoco.engine.store import Store
from jaxsoco.engine.tally import tally

Piece = tuple[dict[str, Any], dict[str, np.ndarray]]
"""Some seeds of one point, as ``analysis.records`` takes them: ``(record, arrays)``, with the
arrays of those learners that have these seeds."""


class Coverage(NamedTuple):
    """How much of what a study wants is stored.

    Attributes:
      stored: runs of all learners that are.
      wanted: all of them.
      nonconverged: label -> stored runs with a kernel call that did not converge.
      nonfinite: label -> stored runs with a cost that is not finite.
      packs: those that have something of it.
      traces: those that have single runs at every round.
      untraced: how many of those runs are missing.
    """

    stored: int
    wanted: int
    nonconverged: Mapping[str, int]
    nonfinite: Mapping[str, int]
    packs: tuple[Pack, ...]
    traces: tuple[Pack, ...] = ()
    untraced: int = 0

    @property
    def all_packs(self) -> tuple[Pack, ...]:
        """Of both kinds."""
        packs = {pack.name: pack for pack in (*self.packs, *self.traces)}
        return tuple(packs.values())

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.stored == self.wanted

    @property
    def rate(self) -> float | None:
        """Runs of all learners per second of a process, from the sidecars; None if unknown.

        The median of the packs, because the first one of a process pays for the compilations.
        """
        times = [pack.facts["seconds"] / pack.runs for pack in self.packs if pack.runs]
        middle = statistics.median(times) if times else 0.0
        return 1 / middle if middle else None

    def beside(self, other: Coverage) -> Coverage:
        """This one with that of its traces, whose faults are not counted again."""
        stored, wanted = self.stored + other.stored, self.wanted + other.wanted
        left = other.wanted - other.stored
        return self._replace(stored=stored, wanted=wanted, traces=other.packs, untraced=left)


class Stored:
    """The results in a directory, of this format or the older one, as they are read.

    Args:
      path: the directory.
      thorough: compare packs with their SHA-256 now; otherwise with their size.
      store: the directory, if it is open already: what was asked of it then is read, whatever
        others asked of it since, and what it knows of its packs is kept.

    Attributes:
      path: the directory.
      manifest: content of its ``manifest.json``.
      study: what was last asked of it.
      coverage: how much of that is there, single runs at every round among it.
      damaged: what cannot be trusted, a line each.

    Raises:
      InputError: there are no readable results.
    """

    def __init__(self, path: Path, *, thorough: bool = True, store: Store | None = None):
        store = store or Store(path).open()
        self.path, self.manifest = path, store.manifest
        self._old = None
        if self.manifest["format"] == OLD_FORMAT:
            self._old = old = OldStore(path, self.manifest)
            self.manifest, self.study = old.manifest, old.study
            bad = old.counts("nonconverged"), old.counts("nonfinite")
            wanted = old.study.runs * len(old.study.labels)
            self.coverage = Coverage(old.stored, wanted, *bad, old.packs)
            self.damaged = [f"chunk {name}: {reason}" for name, reason in old.damaged.items()]
            return
        self._store, self.study = store, store.study
        self._look(thorough=thorough)

    @property
    def failures(self) -> list[Noted]:
        """The packs that could not be computed, and were not made good since."""
        if self._old:
            return []
        path, index = self.path, self._store.index
        return [noted for part in self.study.parts for noted in failures_of(path, part, index)]

    def refresh(self) -> None:
        """Looks at what was added or taken away since; reads new sidecars alone."""
        if not self._old:
            self._look(thorough=False)

    def verify(self) -> None:
        """Compares packs with their SHA-256 that were not; those that differ are left out."""
        if not self._old:
            self._look(thorough=True)

    def _look(self, *, thorough: bool) -> None:
        self._store.refresh(thorough=thorough)
        self.coverage = coverage(self.study, self._store)
        self.damaged = [*map(str, self._store.damaged)]

    def pieces(self, labels: Sequence[str] | None = None) -> Iterator[Piece]:
        """Everything that is there of the study, or of some learners; see :func:`read_pieces`."""
        if self._old:
            return self._old.pieces()
        return read_pieces(self.study, self._store, labels)

    def traces(self, labels: Sequence[str] | None = None) -> Iterator[Piece]:
        """What is there of ``study.traced``; nothing if there is no such study."""
        if self._old or self.study.traced is None:
            return iter(())
        return read_pieces(self.study.traced, self._store, labels)


def coverage(study: Study, store: Store) -> Coverage:
    """What is there of a study and of its single runs at every round, as of the last refresh."""
    there = _coverage(study, store)
    return there if study.traced is None else there.beside(_coverage(study.traced, store))


def _coverage(study: Study, store: Store) -> Coverage:
    total = tally(study, store, {group.index: spans_of(group) for group in study.groups})
    packs = tuple(store.index.packs[name] for name in total.packs)
    wanted = study.runs * len(study.labels)
    stored = sum(total.stored.values())
    return Coverage(stored, wanted, total.nonconverged, total.nonfinite, packs)


def read_pieces(study: Study, store: Store, labels: Sequence[str] | None = None) -> Iterator[Piece]:
    """Everything that is stored of a study, group after group, point after point, seed after seed.

    Where all learners of a point have all seeds, its pieces are those of the study, however they
    are stored: sums over them are the same to the last bit. Elsewhere pieces end where a learner's
    seeds do, and have the learners that have all of a piece's seeds. The record of a piece says
    which packs it comes from, each with its facts the first time.

    Where moments are kept in place of runs, a piece is a block of one learner.

    Args:
      study: the study.
      store: where it is.
      labels: of the learners that are read; all if None.
    """
    yield from (_blocks if study.moments else _runs)(study, store, labels)
    store.release()


def _runs(study: Study, store: Store, labels: Sequence[str] | None) -> Iterator[Piece]:
    """See :func:`read_pieces`, where every run is kept."""
    cells, told = Cells(study), set[str]()
    chosen = [i for i, label in enumerate(study.labels) if labels is None or label in labels]
    for group in study.groups:
        for position, point in enumerate(group.points):
            keys = {learner: cells.key(point, learner) for learner in chosen}
            for seeds in pieces([(0, group.seeds)], LARGEST, GRID):
                places = {i: store.index.places(key, [seeds]) for i, key in keys.items()}
                for start, stop in _whole(places):
                    yield _piece(store, group, position, (start, stop), places, told)


def _blocks(study: Study, store: Store, labels: Sequence[str] | None) -> Iterator[Piece]:
    """Every block of moments, group after group, point after point, in the order of the seeds."""
    cells, told = Cells(study), set[str]()
    chosen = [i for i, label in enumerate(study.labels) if labels is None or label in labels]
    for group in study.groups:
        for position, point in enumerate(group.points):
            wanted = [(0, group.seeds)]
            places = [
                (place.start, learner, place)
                for learner in chosen
                for place in store.index.places(cells.key(point, learner), wanted)
            ]
            for start, learner, place in sorted(places):
                pack = store.index.packs[place.pack]
                block = pack.blocks[place.block]
                rows = store.read(place.pack)[f"{block.learner:03d}.moments"]
                first = position * group.seeds
                record = {
                    "group": group.index,
                    "start": first + start,
                    "stop": first + place.stop,
                    "nonconverged": block.nonconverged,
                    "repeating": [learner] if block.repeats else [],
                    "packs": {} if place.pack in told else {place.pack: pack.facts},
                }
                told.add(place.pack)
                yield record, {f"{learner:03d}.moments": rows[block.row]}


def _whole(places: Mapping[int, list[Place]]) -> list[Range]:
    """Ranges in which every learner has all seeds or none of them."""
    stored = [union((place.start, place.stop) for place in one) for one in places.values()]
    ends = sorted({end for one in stored for place in one for end in place})
    ranges = pairwise(ends)
    return [one for one in ranges if any(intersection([one], parts) for parts in stored)]


def _piece(
    store: Store,
    group: Group,
    position: int,
    seeds: Range,
    places: Mapping[int, list[Place]],
    told: set[str],
) -> Piece:
    """The learners that have these seeds of a point."""
    parts: dict[str, list[np.ndarray]] = {}
    repeating, packs = list[int](), dict[str, Mapping[str, Any]]()
    for learner, listed in places.items():
        for place in listed:
            start, stop = max(place.start, seeds[0]), min(place.stop, seeds[1])
            if start >= stop:
                continue
            pack = store.index.packs[place.pack]
            block = pack.blocks[place.block]
            row, prefix = block.row + start - block.start, f"{block.learner:03d}."
            for name, values in store.read(place.pack).items():
                if name.startswith(prefix):
                    name = f"{learner:03d}.{name.removeprefix(prefix)}"
                    parts.setdefault(name, []).append(values[row : row + stop - start])
            if block.repeats:
                repeating.append(learner)
            if place.pack not in told:
                told.add(place.pack)
                packs[place.pack] = pack.facts
    first = position * group.seeds
    record = {
        "group": group.index,
        "start": first + seeds[0],
        "stop": first + seeds[1],
        "repeating": repeating,
        "packs": packs,
    }
    return record, {name: np.concatenate(values) for name, values in parts.items()}
