"""The blocks of moments of one learner at one point, merged as they come, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxsoco.analysis.samples import Column
from jaxsoco.core.measures import Quantity, quantities
from jaxsoco.core.moments import Moments, merge_neighbours
from jaxsoco.core.sketch import FAN, SIZE, Gathering, Sketch
from jaxsoco.core.study import Study
from jaxsoco.core.summary import Summary

MOST_BLOCKS = 1024
"""Blocks of one cell whose sums are kept apart; of more, neighbours are joined."""

_SKETCHES = 256 * 2**20
"""Bytes of the sketches of all cells of a study, about, while that leaves them 128 points."""


def sketch_size(study: Study, most: int = _SKETCHES) -> int:
    """Points of the sketch of a cell: 1024, and fewer where all take more than ``most`` bytes."""
    numbers = 8 * len(study.points) * sum(len(quantities(study, x)) for x in study.labels)
    numbers *= study.checkpoints if study.quantiles else 1
    size = Gathering.SIZE
    while size > SIZE and numbers * size > most:
        size //= 2
    return size


class Sums:
    """All quantities of one learner at one point.

    Args:
      names: the quantities, in order.
      shape: ``(Q, C)``.
      everywhere: sketches of every checkpoint are kept, not of the last alone.
      size: points of the sketches.

    Attributes:
      place: quantity -> its row.
      runs: of the blocks.
      nonconverged: those with a kernel call that did not converge.
    """

    def __init__(
        self, names: Sequence[Quantity], shape: tuple[int, ...], everywhere: bool, size: int
    ):
        self.place = {name: i for i, name in enumerate(names)}
        self.runs = self.nonconverged = 0
        self._moments = Moments.empty(shape)
        self._low = self._high = np.full(shape, np.nan)
        self._from = 0 if everywhere else shape[1] - 1
        self._sketches = Gathering(size)
        self._ends = np.zeros((0, 2), np.int64)
        self._totals, self._counts = np.zeros((0, *shape)), np.zeros((0, *shape))
        self._waiting: list[tuple[tuple[int, int], np.ndarray]] = []

    def add(self, seeds: tuple[int, int], block: np.ndarray) -> None:
        """Takes in the next block ``[Q, C, M]``, as ``Summary.to_array`` makes it."""
        # A copy, as it is a row of the arrays of a pack, which would all stay in memory.
        self._waiting.append((seeds, block.copy()))
        self.runs += seeds[1] - seeds[0]
        if len(self._waiting) == FAN:
            self._take()

    def _take(self) -> None:
        """Merges the blocks that wait."""
        if not self._waiting:
            return
        ends, arrays = zip(*self._waiting, strict=True)
        self._waiting = []
        blocks = Summary.from_array(np.stack(arrays))
        mine = blocks.moments
        self._moments = self._moments.merge(merge_neighbours(mine))
        self._low = np.fmin.reduce([self._low, *blocks.low])
        self._high = np.fmax.reduce([self._high, *blocks.high])
        sketches = blocks.sketch.at(np.s_[:, :, self._from :])
        for i in range(len(arrays)):
            self._sketches.add(sketches.at(i))
        means = np.where(mine.count > 0, mine.mean + mine.mean_error, 0.0)
        self._ends = np.concatenate([self._ends, ends])
        self._totals = np.concatenate([self._totals, mine.count * means])
        self._counts = np.concatenate([self._counts, mine.count])
        if len(self._ends) >= MOST_BLOCKS:
            self._join()

    def _join(self) -> None:
        """Joins neighbours, so that half as many blocks are kept apart."""
        first = np.arange(0, len(self._ends), 2)
        last = np.minimum(first + 1, len(self._ends) - 1)
        self._ends = np.stack([self._ends[first, 0], self._ends[last, 1]], axis=1)
        self._totals = np.add.reduceat(self._totals, first)
        self._counts = np.add.reduceat(self._counts, first)

    @property
    def moments(self) -> Moments:
        """Of all runs ``[Q, C]``."""
        self._take()
        return self._moments

    @property
    def low(self) -> np.ndarray:
        """Least values ``[Q, C]``."""
        self._take()
        return self._low

    @property
    def high(self) -> np.ndarray:
        """Largest ones."""
        self._take()
        return self._high

    @property
    def sketch(self) -> Sketch:
        """Of all runs, at the checkpoints that have one."""
        self._take()
        return self._sketches.result()

    def moments_of(self, quantity: Quantity) -> Moments:
        """Of one quantity ``[C]``."""
        return self.moments.at(self.place[quantity])

    def column(self, quantity: Quantity, at: int) -> Column:
        """One quantity at one checkpoint; without a sketch where none is kept."""
        row, checkpoints = self.place[quantity], self.low.shape[1]
        sketch, place = self.sketch, at % checkpoints - self._from
        return Column(
            self.moments.at((row, at)),
            float(self._low[row, at]),
            float(self._high[row, at]),
            sketch.at((row, place)) if place >= 0 else _nothing(sketch),
            self._ends,
            self._totals[:, row, at],
            self._counts[:, row, at],
        )


def _nothing(like: Sketch) -> Sketch:
    """The sketch of no value."""
    return Sketch(np.int64(0), np.full(like.points.shape[-1], np.nan), np.float64(0.0))
