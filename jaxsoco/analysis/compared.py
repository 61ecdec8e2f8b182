"""What comes of two studies side by side: cells, their verdicts and differences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from jaxsoco.analysis.matching import Difference, Pairs
from jaxsoco.analysis.statistics import Estimate

Verdict = Literal["identical", "rounding", "within", "beyond", "unknown"]

VERDICTS: dict[Verdict, str] = {
    "identical": "the same bits in every run",
    "rounding": "differ by rounding alone",
    "within": "differ, and the interval of the difference reaches over 0",
    "beyond": "differ by more than the interval",
    "unknown": "differ, and there is no interval",
}
"""What becomes of a cell, in words that go on from "3 cells"."""


class Paired(NamedTuple):
    """A quantity in both studies, over the seeds that both have.

    Attributes:
      left: its mean in the first (the median, where costs have no mean).
      right: in the second.
      difference: of the second from the first, seed by seed or block by block, with its interval.
    """

    left: float
    right: float
    difference: Estimate

    @property
    def beyond(self) -> bool:
        """Whether the interval of the difference does not reach 0."""
        lower, upper = self.difference.lower, self.difference.upper
        return math.isfinite(lower) and math.isfinite(upper) and not lower <= 0 <= upper

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not finite becomes null."""
        names = ("left", "right", "difference", "lower", "upper")
        numbers = (self.left, self.right, *self.difference)
        values = {n: x if math.isfinite(x) else None for n, x in zip(names, numbers, strict=True)}
        return {**values, "beyond": self.beyond, "note": self.difference.note}


@dataclass(frozen=True)
class ComparedCell:
    """A learner at a point, in both studies.

    Attributes:
      point: the problem's values on all axes of either study.
      learner: label in the first.
      seeds: how many both have, with finite costs.
      identical: of how many of them every cost at every checkpoint is the same bits; of moments,
        those of whose block everything is.
      broken: seeds whose cost is finite in one of the two alone; of moments, as far as the number
        of finite runs in a block tells.
      cost: the total cost.
      measures: comparator -> regret or ratio.
      verdict: what the difference of the total cost comes to.
      blocks: of moments that were compared, which have the same seeds in both; 0 where runs were.
    """

    point: Mapping[str, Any]
    learner: str
    seeds: int
    identical: int
    broken: int
    cost: Paired
    measures: Mapping[str, Paired]
    verdict: Verdict
    blocks: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "point": {**self.point},
            "learner": self.learner,
            "seeds": self.seeds,
            "blocks": self.blocks,
            "identical": self.identical,
            "broken": self.broken,
            "verdict": self.verdict,
            "cost": self.cost.to_json(),
            "measures": {name: one.to_json() for name, one in self.measures.items()},
        }


@dataclass(frozen=True)
class Comparison:
    """Two studies side by side.

    Attributes:
      measure: ``"ratio"`` or ``"regret"``.
      level: of the intervals.
      cells: those that both have, point by point.
      origins: what differs in code, compiler, platform, precision and data.
      pairs: which points and learners are the same.
      waiting: cells that both want, and one has no run of yet.
    """

    measure: str
    level: float
    cells: tuple[ComparedCell, ...]
    origins: tuple[Difference, ...]
    pairs: Pairs
    waiting: int = 0

    @property
    def counts(self) -> dict[Verdict, int]:
        """Cells by what becomes of them."""
        counts = Counter(cell.verdict for cell in self.cells)
        return {verdict: counts[verdict] for verdict in VERDICTS}
