"""Two studies of which moments are kept, side by side: block of seeds by block of seeds."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.compared import ComparedCell, Paired, Verdict
from jaxsoco.analysis.ledger import Ledger, ledger_of
from jaxsoco.analysis.records import Piece
from jaxsoco.analysis.samples import Blocks, Column, common_edges
from jaxsoco.analysis.statistics import Clusters, Estimate, paired_mean
from jaxsoco.core.measures import quantities
from jaxsoco.core.study import Study

_Seeds = tuple[int, int]
_Place = tuple["BlockSide", int, str]
"""A learner at a point of a study."""

_NO_BLOCKS = "no block of the same seeds in both"
_NO_MEAN = "costs have no mean, and blocks tell no difference of medians"


@dataclass
class BlockSide:
    """One of the studies with its blocks.

    Attributes:
      study: the study.
      ledger: its moments.
      bits: (point, label) -> seeds of a block -> digests of what the costs come to, at all
        checkpoints and at the last one alone.
    """

    study: Study
    ledger: Ledger
    bits: dict[tuple[int, str], dict[_Seeds, tuple[bytes, bytes]]] = field(default_factory=dict)


def read_side(study: Study, pieces: Iterable[Piece]) -> BlockSide:
    """Reads all blocks of a study."""
    side = BlockSide(study, ledger_of(study, ()))
    rows = {
        label: [i for i, one in enumerate(quantities(study, label)) if one.against is None]
        for label in study.labels
    }
    for place, arrays in pieces:
        side.ledger.add(place, arrays)
        group = study.groups[place["group"]]
        position, seed = divmod(place["start"], group.seeds)
        seeds = (seed, seed + place["stop"] - place["start"])
        for name, array in arrays.items():
            label = study.labels[int(name.partition(".")[0])]
            costs = array[rows[label]]
            digests = _digest(costs), _digest(costs[:, -1])
            side.bits.setdefault((group.points[position], label), {})[seeds] = digests
    return side


def _digest(values: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()


def cell(
    left: BlockSide,
    right: BlockSide,
    points: tuple[int, int],
    labels: tuple[str, str],
    where: Mapping[str, Any],
    level: float,
) -> ComparedCell | None:
    """A learner at a point; None if one of the two has no run of it.

    Args:
      left: the first study.
      right: the second.
      points: of the cell, in either.
      labels: of the learner, in either.
      where: the point's values.
      level: of the intervals.
    """
    places = [*zip((left, right), points, labels, strict=True)]
    columns = _columns(places, None)
    if columns is None:
        return None
    units = _units(*columns)
    heavy = any(point in side.study.heavy for side, point, _ in places)
    same, cost = _identical(places), _paired(columns, level, heavy)
    broken = int(np.abs(units.left.counts - units.right.counts).sum())
    noise = max(side.study.noise for side, *_ in places)
    return ComparedCell(
        where,
        labels[0],
        seeds=int(np.minimum(units.left.counts, units.right.counts).sum()),
        identical=same,
        broken=broken,
        cost=cost,
        measures=_measures(places, level, heavy),
        verdict=_verdict(units, same, broken, cost, noise),
        blocks=len(units.seeds),
    )


def _columns(places: Sequence[_Place], rival: str | None) -> tuple[Column, Column] | None:
    """The total cost in both, or regret or ratio; None where one of them has no run with it."""
    measure, columns = places[0][0].study.measure, []
    for side, point, label in places:
        sample = side.ledger.sample(label, rival, [point], measure)
        assert isinstance(sample, Blocks)
        columns += sample.columns
    return (columns[0], columns[1]) if len(columns) == 2 else None


class _Units(NamedTuple):
    """Blocks of the same seeds, joined where one of the two has larger ones.

    Attributes:
      left: sums and counts in the first.
      right: in the second.
      seeds: in every unit.
    """

    left: Clusters
    right: Clusters
    seeds: np.ndarray


def _units(left: Column, right: Column) -> _Units:
    edges = common_edges([left.ends, right.ends])
    lengths = np.diff(edges)
    whole = np.ones(len(lengths), bool)
    for column in (left, right):
        there = np.zeros(len(lengths), int)
        place = np.searchsorted(edges, column.ends[:, 0], side="right") - 1
        np.add.at(there, place, column.ends[:, 1] - column.ends[:, 0])
        whole &= there == lengths
    ours, theirs = (
        Blocks([column]).between(edges).map(lambda part: part[whole]) for column in (left, right)
    )
    return _Units(ours, theirs, lengths[whole])


def _paired(columns: tuple[Column, Column], level: float, heavy: bool) -> Paired:
    """A quantity in both, over the blocks that both have."""
    samples = [Blocks([one]) for one in columns]
    if heavy:
        left, right = (float(one.quantiles([0.5])[0]) for one in samples)
        return Paired(left, right, Estimate(right - left, note=_NO_MEAN))
    units = _units(*columns)
    if not len(units.seeds):
        left, right = (one.average for one in samples)
        return Paired(left, right, Estimate(right - left, note=_NO_BLOCKS))
    left, right = _mean(units.left), _mean(units.right)
    return Paired(left, right, paired_mean(units.right, units.left, level))


def _mean(clusters: Clusters) -> float:
    runs = clusters.counts.sum()
    return float(clusters.sums.sum() / runs) if runs else math.nan


def _measures(places: Sequence[_Place], level: float, heavy: bool) -> dict[str, Paired]:
    """Regret or ratio against every comparator that both studies have."""
    studies, learners = [side.study for side, *_ in places], {label for *_, label in places}
    measures = {}
    for rival in studies[0].comparators:
        if rival not in learners and rival in studies[1].comparators:
            columns = _columns(places, rival)
            if columns:
                measures[rival] = _paired(columns, level, heavy)
    return measures


def _identical(places: Sequence[_Place]) -> int:
    """Seeds in blocks whose costs are the same bits in both."""
    names = [[cost.name for cost in side.study.costs] for side, *_ in places]
    if names[0] != names[1] or len({side.study.setup.precision for side, *_ in places}) > 1:
        return 0
    rounds = [
        next(g.checkpoints for g in side.study.groups if point in g.points)
        for side, point, _ in places
    ]
    which = 0 if rounds[0] == rounds[1] else 1
    ours, theirs = (side.bits[point, label] for side, point, label in places)
    both = ours.keys() & theirs.keys()
    return sum(stop - start for start, stop in both
               if ours[start, stop][which] == theirs[start, stop][which])  # fmt: skip


def _verdict(units: _Units, same: int, broken: int, cost: Paired, noise: float) -> Verdict:
    if same and same == units.seeds.sum():
        return "identical"
    if broken:  # a fact about these runs, whatever an interval says of others
        return "beyond"
    ours, theirs = units.left.sums, units.right.sums
    near = np.abs(theirs - ours) <= noise * np.maximum(np.abs(ours), np.abs(theirs))
    if len(units.seeds) and near.all():
        return "rounding"
    if not math.isfinite(cost.difference.half_width):
        return "unknown"
    return "beyond" if cost.beyond else "within"
