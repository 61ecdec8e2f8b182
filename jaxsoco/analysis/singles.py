"""Single runs at every round, as figures and tables take them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from jaxsoco.analysis.records import Piece, segments
from jaxsoco.core.measures import read_record
from jaxsoco.core.study import Study

MOST_PLACES = 1000
"""Places of a line that is drawn; more of them cannot be told apart."""


class Single(NamedTuple):
    """One run.

    Attributes:
      label: of the learner.
      point: index of its point.
      seed: of the run.
      values: cumulative cost at the rounds 1, 2, ..., float64 ``[T]``.
    """

    label: str
    point: int
    seed: int
    values: np.ndarray


def single_runs(
    study: Study,
    pieces: Iterable[Piece],
    labels: Collection[str],
    points: Collection[int],
    cost: str | None = None,
) -> Iterator[Single]:
    """The runs of some learners at some points, whose costs are finite, in the study's order.

    Args:
      study: the traced study (``Study.traced``).
      pieces: of it.
      labels: of learners.
      points: indices of points.
      cost: a component in place of the total.
    """
    column = None if cost is None else [one.name for one in study.costs].index(cost)
    for place, arrays in pieces:
        group = study.groups[place["group"]]
        for number, label in enumerate(study.labels):
            if label not in labels or f"{number:03d}.finite" not in arrays:
                continue
            record = read_record(study, f"{number:03d}", arrays)
            values = record.total if column is None else record.parts[:, :, column]
            for point, seeds, rows in segments(group, place["start"], place["stop"]):
                if point not in points:
                    continue
                runs = zip(seeds_of(seeds), values[rows], record.finite[rows], strict=True)
                yield from (Single(label, point, seed, v) for seed, v, finite in runs if finite)


def seeds_of(seeds: slice) -> range:
    """The numbers of a slice of seeds."""
    return range(seeds.start, seeds.stop)


def thinned(values: np.ndarray, *, extremes: bool = False) -> np.ndarray:
    """Indices ``[K]`` of what is drawn of a run ``[T]``, at most ``MOST_PLACES``, increasing.

    Args:
      values: of the rounds.
      extremes: the smallest and the largest of equally many rounds each, so that no peak is
        missed; otherwise evenly spaced, the first and the last among them.
    """
    rounds = len(values)
    if rounds <= MOST_PLACES:
        return np.arange(rounds)
    if not extremes:
        return np.linspace(0, rounds - 1, MOST_PLACES).round().astype(int)
    parts = np.array_split(np.arange(rounds), MOST_PLACES // 2)
    ends = ((part[values[part].argmin()], part[values[part].argmax()]) for part in parts)
    return np.unique([end for pair in ends for end in pair])
