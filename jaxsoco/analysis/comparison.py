"""Two studies side by side: the same cells of other code, hardware or precision, seed by seed.

Where moments are kept in place of runs, cells are compared block by block (``block_pairs``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxsoco.analysis import block_pairs
from jaxsoco.analysis.block_pairs import BlockSide
from jaxsoco.analysis.compared import ComparedCell, Comparison, Paired, Verdict
from jaxsoco.analysis.ledger import Ledger, ledger_of
from jaxsoco.analysis.matching import origins, pairs
from jaxsoco.analysis.records import Piece, segments
from jaxsoco.analysis.statistics import pooled_mean, pooled_quantile
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.study import Study


@dataclass
class Side:
    """One of the studies with its runs: what :func:`read_side` makes of one that keeps them.

    Attributes:
      study: the study.
      ledger: its runs.
      bits: (point, label) -> digests of every run, all checkpoints and the last one alone,
        uint64 ``[seeds, 2, 2]``.
    """

    study: Study
    ledger: Ledger
    bits: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)


def read_side(study: Study, pieces: Iterable[Piece]) -> Side | BlockSide:
    """Reads all runs of a study, or all blocks of moments."""
    if study.moments:
        return block_pairs.read_side(study, pieces)
    side = Side(study, ledger_of(study, ()))
    for place, arrays in pieces:
        side.ledger.add(place, arrays)
        group = study.groups[place["group"]]
        for number, label in enumerate(study.labels):
            costs = [arrays.get(f"{number:03d}.{cost.name}") for cost in study.costs]
            parts = [part for part in costs if part is not None]
            if not parts:
                continue
            digests = np.stack([_digests(parts), _digests([p[:, -1:] for p in parts])], axis=1)
            for point, seeds, rows in segments(group, place["start"], place["stop"]):
                shape = (study.seeds, *digests.shape[1:])
                whole = side.bits.setdefault((point, label), np.zeros(shape, np.uint64))
                whole[seeds] = digests[rows]  # 0 where there is no run
    return side


def _digests(parts: list[np.ndarray]) -> np.ndarray:
    """Two numbers for each run that are the same where all bits are, uint64 ``[runs, 2]``.

    A product of the words with fixed random numbers, modulo 2^64: two runs that differ have the
    same numbers with a probability of 2^-66.
    """
    words = [np.ascontiguousarray(part).view(np.uint32).astype(np.uint64) for part in parts]
    total = np.zeros((len(parts[0]), 2), np.uint64)
    generator = np.random.default_rng(20240815)
    for part in words:
        factors = generator.integers(2**64, size=(part.shape[1], 2), dtype=np.uint64)
        total += part @ factors
    return total


def compare_sides(
    left: Side | BlockSide,
    right: Side | BlockSide,
    level: float | None = None,
) -> Comparison:
    """The cells that two studies share, with the differences of the second from the first.

    Args:
      left: the first.
      right: the second.
      level: of the intervals; the first study's if None.

    Raises:
      InputError: they have no cell in common, or cannot be paired (:func:`require_pairs`).
    """
    first, second = left.study, right.study
    require_pairs(first, second)
    common = pairs(first, second)
    level = level or first.level
    axes = dict.fromkeys([*first.axes, *second.axes])
    cells, waiting = [], 0
    for points in common.points:
        where = {axis: first.points[points[0]].get(axis) for axis in axes}
        for labels in common.learners:
            cell = None
            if isinstance(left, Side) and isinstance(right, Side):
                cell = _cell(left, right, points, labels, where, level)
            elif isinstance(left, BlockSide) and isinstance(right, BlockSide):
                cell = block_pairs.cell(left, right, points, labels, where, level)
            waiting += cell is None
            cells += [cell] if cell else []
    if not common.points or not common.learners:
        what = "point" if not common.points else "learner"
        message = f"the two have no {what} in common, with the same values"
        raise InputError(Issue("compare", message, "want two runs of one study"))
    return Comparison(
        first.measure, level, tuple(cells), tuple(origins(first, second, common)), common, waiting
    )


def require_pairs(left: Study, right: Study) -> None:
    """Raises unless a seed means the same world in both, and both keep runs, or moments.

    Raises:
      InputError: it does not, or they do not.
    """
    ours, theirs = left.setup, right.setup
    problems = [f"{setup.family}/{setup.problem}" for setup in (ours, theirs)]
    if problems[0] != problems[1]:
        message = f"of different problems: {problems[0]} and {problems[1]}"
        raise InputError(Issue("compare", message, "want two runs of one problem"))
    if ours.root_seed != theirs.root_seed:
        message = f"of different worlds: run.root_seed is {ours.root_seed} and {theirs.root_seed}"
        hint = "their seeds cannot be paired: want the same root_seed"
        raise InputError(Issue("compare", message, hint))
    if left.moments != right.moments:
        keeps = ["moments" if study.moments else "every run" for study in (left, right)]
        message = f"A keeps {keeps[0]}, and B {keeps[1]}: they cannot be paired"
        raise InputError(Issue("run.keep", message, "want the same run.keep in both"))


def _cell(
    left: Side,
    right: Side,
    points: tuple[int, int],
    labels: tuple[str, str],
    where: Mapping[str, Any],
    level: float,
) -> ComparedCell | None:
    """A learner at a point; None if there is no seed that both have."""
    sides = [*zip((left, right), points, labels, strict=True)]
    seeds = min(side.study.seeds for side in (left, right))
    totals = [side.ledger.totals(label, [point])[0, :seeds] for side, point, label in sides]
    finite = [np.isfinite(total) for total in totals]
    both = finite[0] & finite[1]
    if not both.any():
        return None
    heavy = any(point in side.study.heavy for side, point, _ in sides)
    digests = [side.bits[point, label][:seeds] for side, point, label in sides]
    present = (digests[0] != 0).any(axis=(1, 2)) & (digests[1] != 0).any(axis=(1, 2))
    broken = int((present & (finite[0] != finite[1])).sum())
    same = int((_identical(left, right, points, digests) & both).sum())
    cost, runs = _paired(totals, level, heavy), int(both.sum())
    noise = max(side.study.noise for side in (left, right))
    ours, theirs = (total[both] for total in totals)
    if same == runs and not broken:
        verdict = "identical"
    elif broken:  # a fact about these runs, whatever an interval says of others
        verdict = "beyond"
    else:
        verdict = _verdict(ours, theirs, cost, noise)
    measures = _measures(sides, seeds, level, heavy)
    return ComparedCell(where, labels[0], runs, same, broken, cost, measures, verdict)


def _measures(
    sides: list[tuple[Side, int, str]], seeds: int, level: float, heavy: bool
) -> dict[str, Paired]:
    """Regret or ratio against every comparator that both studies have."""
    studies, own = [side.study for side, *_ in sides], {label for *_, label in sides}
    measures = {}
    for rival in studies[0].comparators:
        if rival in own or rival not in studies[1].comparators:
            continue
        values = [
            side.ledger.values(label, rival, [point], studies[0].measure)[0, :seeds]
            for side, point, label in sides
        ]
        if (np.isfinite(values[0]) & np.isfinite(values[1])).any():
            measures[rival] = _paired(values, level, heavy)
    return measures


def _paired(values: list[np.ndarray], level: float, heavy: bool) -> Paired:
    """Of values ``[seeds]`` each, NaN where a run is missing."""
    both = np.isfinite(values[0]) & np.isfinite(values[1])
    ours, theirs = (one[both] for one in values)
    difference = (theirs - ours)[None]
    if heavy:
        estimate = pooled_quantile(difference, 0.5, level)
        return Paired(float(np.median(ours)), float(np.median(theirs)), estimate)
    return Paired(float(ours.mean()), float(theirs.mean()), pooled_mean(difference, level))


def _identical(
    left: Side, right: Side, points: tuple[int, int], digests: list[np.ndarray]
) -> np.ndarray:
    """Whether a run is the same bits in both, bool ``[seeds]``."""
    names = [[cost.name for cost in side.study.costs] for side in (left, right)]
    precisions = {side.study.setup.precision for side in (left, right)}
    if names[0] != names[1] or len(precisions) > 1:
        return np.zeros(len(digests[0]), bool)
    rounds = [
        next(g.checkpoints for g in side.study.groups if point in g.points)
        for side, point in zip((left, right), points, strict=True)
    ]
    which = 0 if rounds[0] == rounds[1] else 1
    return (digests[0][:, which] == digests[1][:, which]).all(axis=1)


def _verdict(left: np.ndarray, right: np.ndarray, cost: Paired, noise: float) -> Verdict:
    if (np.abs(right - left) <= noise * np.maximum(np.abs(left), np.abs(right))).all():
        return "rounding"
    if not math.isfinite(cost.difference.half_width):
        return "unknown"
    return "beyond" if cost.beyond else "within"
