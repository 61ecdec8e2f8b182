"""How many of some runs are stored, and how many of those went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from jaxsoco.core.cells import Cells
from jaxsoco.core.ranges import Range, size, union, within
from jaxsoco.core.study import Study
from jaxsoco.engine.index import Place
from jaxsoco.engine.requests import Span
from jaxsoco.engine.store import Store


@dataclass
class Tally:
    """Counts by label, of the runs that are stored.

    Attributes:
      stored: runs.
      nonconverged: those with a kernel call that did not converge.
      nonfinite: those with a cost that is not finite.
      packs: names of the packs that have them, in the order of the study.
    """

    stored: dict[str, int]
    nonconverged: dict[str, int]
    nonfinite: dict[str, int]
    packs: dict[str, None] = field(default_factory=dict)


def tally(study: Study, store: Store, wanted: Mapping[int, Iterable[Span]]) -> Tally:
    """Counts what is stored of some spans.

    Packs are read only where a block that is wanted in part has runs that went wrong.

    Args:
      study: the study.
      store: where it is.
      wanted: group -> spans.

    Raises:
      InputError: a pack is damaged since it was verified.
    """
    cells = Cells(study)
    none = dict.fromkeys(study.labels, 0)
    total = Tally({**none}, {**none}, {**none})
    for group in study.groups:
        seeds: dict[int, list[tuple[int, int]]] = {}
        for span in wanted.get(group.index, ()):
            seeds.setdefault(span.position, []).append((span.start, span.stop))
        for position, ranges in seeds.items():
            # Joined, so that a block is wanted in parts only where it sticks out.
            whole = union(ranges)
            for learner, label in enumerate(study.labels):
                key = cells.key(group.points[position], learner)
                # Of all that the study wants: a block of moments may reach beyond a share.
                for place in store.index.places(key, [(0, group.seeds)]):
                    parts = within(whole, place.start, place.stop)
                    if not parts:
                        continue
                    nonconverged, nonfinite = _troubles(store, place, parts)
                    total.stored[label] += size(parts)
                    total.nonconverged[label] += nonconverged
                    total.nonfinite[label] += nonfinite
                    total.packs[place.pack] = None
    return total


def _troubles(store: Store, place: Place, parts: Sequence[Range]) -> tuple[int, int]:
    """Runs of parts of a place that did not converge, and that are not finite.

    Blocks of moments cannot be cut: those of the whole block.
    """
    block = store.index.packs[place.pack].blocks[place.block]
    entire = block.whole or [*parts] == [(block.start, block.stop)]
    if entire or not (block.nonconverged or block.nonfinite):
        return block.nonconverged, block.nonfinite
    arrays, first = store.read(place.pack), block.row - block.start
    rows = np.concatenate([np.arange(first + start, first + stop) for start, stop in parts])
    faults, finite = (arrays[f"{block.learner:03d}.{what}"][rows] for what in ("faults", "finite"))
    return int(np.count_nonzero(faults > 0)), int(np.count_nonzero(~finite))
