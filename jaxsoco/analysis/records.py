"""Pieces of results as the ledger takes them in, in float64 and point by point; what it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core.moments import Moments
from jaxsoco.core.plan import Group
from jaxsoco.core.study import Study

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
            cost=Moments.empty((checkpoints,)),
            parts=Moments.empty((costs,)),
            worst=np.full(costs, np.nan),
            measures={name: Moments.empty((checkpoints,)) for name in names},
            undefined=dict.fromkeys(names, 0),
        )


class Record(NamedTuple):
    """One learner's runs of a piece in float64.

    Attributes:
      total: total cost ``[runs, C]``.
      parts: cost components ``[runs, C, costs]``; NaN where not recorded.
      finite: bool ``[runs]``.
      faults: int ``[runs]``.
    """

    total: np.ndarray
    parts: np.ndarray
    finite: np.ndarray
    faults: np.ndarray

    def part(self, runs: slice) -> Record:
        """Some of the runs."""
        return Record(*(x[runs] for x in self))


def compare(mine: np.ndarray, theirs: np.ndarray, measure: str) -> np.ndarray:
    """Ratio or regret of two arrays of costs; NaN where a ratio's denominator is not positive."""
    if measure == "regret":
        return mine - theirs
    with np.errstate(over="ignore", invalid="ignore"):
        return np.divide(mine, theirs, out=np.full_like(mine, np.nan), where=theirs > 0)


def without_noise(values: np.ndarray, total: np.ndarray, noise: float) -> np.ndarray:
    """Regrets or components, 0 where they are at most ``noise`` of the runs' own total costs.

    >>> without_noise(np.array([5e-28, 0.5]), np.array([100.0, 100.0]), 1e-12)
    array([0. , 0.5])
    """
    return np.where(np.abs(values) <= noise * np.abs(total), 0.0, values)


def read_record(study: Study, number: str, arrays: Mapping[str, np.ndarray]) -> Record:
    """One learner's arrays of a piece; a component that it does not record adds nothing."""
    finite = np.asarray(arrays[f"{number}.finite"], bool)
    faults = np.asarray(arrays[f"{number}.faults"])
    total, parts = None, None
    for i, cost in enumerate(study.costs):
        values = arrays.get(f"{number}.{cost.name}")
        if values is None:
            continue
        values = np.asarray(values, np.float64)
        finite = finite & np.isfinite(values).all(axis=1)
        if parts is None:
            parts = np.full((*values.shape, len(study.costs)), np.nan)
        parts[:, :, i] = values
        if cost.objective:
            total = values if total is None else total + values
    if total is None or parts is None:
        raise ValueError(f"learner {number} records no objective cost")
    return Record(total, parts, finite, faults)


def segments(group: Group, start: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
    """A piece's runs point by point: ``(point, its seeds, rows of the piece)``."""
    run = start
    while run < stop:
        position, seed = divmod(run, group.seeds)
        end = min(stop, (position + 1) * group.seeds)
        seeds = slice(seed, seed + end - run)
        yield group.points[position], seeds, slice(run - start, end - start)
        run = end
