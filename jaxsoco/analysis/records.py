"""Pieces of results as the ledger takes them in, point by point; what it keeps of a cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from jaxsoco.core.moments import Moments
from jaxsoco.core.plan import Group

Piece = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]
"""Runs ``start .. stop - 1`` of a group, for some of the learners: ``(record, arrays)``. The record
has ``group``, ``start``, ``stop``, ``repeating`` (numbers of learners whose single seed is like any
other) and ``packs`` (name -> facts such as ``seconds``, of packs that no piece before came from);
the arrays ``"003.service"`` ``[runs, C]``, ``"003.faults"`` ``[runs]``, ``"003.finite"`` ``[runs]``
for the learner with number 3."""


@dataclass
class Cell:
    """One learner at one point.

    Attributes:
      runs: runs in the ledger.
      nonfinite: how many of them are left out because a cost is not finite.
      nonconverged: how many had a kernel that did not converge (they do count in the averages).
      cost: moments of the total cost at every checkpoint, ``[C]``.
      parts: moments of the cost components at the last checkpoint, ``[costs]``.
      worst: largest value of each component, ``[costs]``; NaN where there is none.
      measures: comparator -> moments of the ratio or regret at every checkpoint, ``[C]``.
      undefined: comparator -> runs whose ratio has no meaning (optimum not positive).
    """

    runs: int
    nonfinite: int
    nonconverged: int
    cost: Moments
    parts: Moments
    worst: np.ndarray
    measures: dict[str, Moments] = field(default_factory=dict)
    undefined: dict[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, checkpoints: int, costs: int, comparators: Iterable[str]) -> Cell:
        """A cell without runs."""
        names = tuple(comparators)
        return cls(
            runs=0,
            nonfinite=0,
            nonconverged=0,
            cost=_nothing(checkpoints),
            parts=_nothing(costs),
            worst=np.full(costs, np.nan),
            measures=dict.fromkeys(names, _nothing(checkpoints)),
            undefined=dict.fromkeys(names, 0),
        )


@cache
def _nothing(size: int) -> Moments:
    """Of no runs; all empty cells share it."""
    return Moments.empty((size,))


def segments(group: Group, start: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
    """A piece's runs point by point: ``(point, its seeds, rows of the piece)``."""
    run = start
    while run < stop:
        position, seed = divmod(run, group.seeds)
        end = min(stop, (position + 1) * group.seeds)
        seeds = slice(seed, seed + end - run)
        yield group.points[position], seeds, slice(run - start, end - start)
        run = end
