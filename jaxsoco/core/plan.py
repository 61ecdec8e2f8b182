"""What a sweep computes and how it is cut up.

A *group* holds the points that share one compiled problem. Its runs are numbered
``r = position * seeds + seed``, point after point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue


@dataclass(frozen=True)
class Group:
    """Points that share one compiled problem.

    Attributes:
      index: place of the group in the plan.
      points: global indices of its points, in order.
      seeds: runs per point; the seeds are 0, 1, ..., ``seeds - 1``.
      horizon: rounds of a run.
      checkpoints: rounds whose cumulative costs are kept, increasing.
      block: seeds that are summed up together, where moments are kept in place of runs; 0 where
        every run is kept.
    """

    index: int
    points: tuple[int, ...]
    seeds: int
    horizon: int
    checkpoints: tuple[int, ...]
    block: int = 0

    def __post_init__(self) -> None:
        _require(len(self.points) > 0, "a group needs a point")
        _require(self.seeds > 0, "a group needs a seed")
        _require(
            len(self.checkpoints) > 0
            and all(a < b for a, b in zip((0, *self.checkpoints), self.checkpoints, strict=False))
            and self.checkpoints[-1] <= self.horizon,
            f"checkpoints must increase from 1 or later up to {self.horizon} at most",
        )

    @property
    def runs(self) -> int:
        """Number of runs: points times seeds."""
        return len(self.points) * self.seeds


@dataclass(frozen=True)
class Plan:
    """All groups, and the shapes in which they are computed.

    Attributes:
      groups: in order; ``groups[i].index == i``.
      learners: unique labels, algorithms first, then comparators.
      costs: names of the cost components.
      tile: lanes of a compiled block.
      pack: runs of each learner that are computed and stored together, at most; rounded up to a
        multiple of ``tile``, so that no lane is idle but in the last block of a pack.
      trace: of how many seeds of every learner and point each round is kept as well.
    """

    groups: tuple[Group, ...]
    learners: tuple[str, ...]
    costs: tuple[str, ...]
    tile: int
    pack: int
    trace: int = 0

    def __post_init__(self) -> None:
        _require(len(self.groups) > 0, "a plan needs a group")
        _require([g.index for g in self.groups] == [*range(len(self.groups))], "groups in order")
        for names in (self.learners, self.costs):
            _require(len(names) > 0 and len(set(names)) == len(names), f"not unique: {names}")
        _require(self.tile > 0 and self.pack > 0, "tile and pack must be positive")
        _require(self.trace >= 0, "trace must not be negative")
        object.__setattr__(self, "pack", -(-self.pack // self.tile) * self.tile)

    @property
    def runs(self) -> int:
        """Number of runs of all groups (each one is run by every learner)."""
        return sum(group.runs for group in self.groups)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON data; :meth:`from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that :meth:`to_json` wrote.

        Raises:
          InputError: the data are not a plan.
        """
        try:
            groups = tuple(
                Group(
                    index=group["index"],
                    points=tuple(group["points"]),
                    seeds=group["seeds"],
                    horizon=group["horizon"],
                    checkpoints=tuple(group["checkpoints"]),
                    block=group.get("block", 0),
                )
                for group in data["groups"]
            )
            names = tuple(data["learners"]), tuple(data["costs"])
            shapes = {name: data[name] for name in ("tile", "pack")}
            return cls(groups, *names, **shapes, trace=data.get("trace", 0))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(Issue("plan", f"not the plan of a run ({error!r})")) from error


def checkpoints(horizon: int, count: int = 32) -> tuple[int, ...]:
    """At most ``count`` rounds, spaced geometrically, that end with ``horizon``.

    >>> jaxsoco.checkpoints(100, 5)
    (1, 3, 10, 32, 100)

    Raises:
      ValueError: one of them is below 1.
    """
    if horizon < 1 or count < 1:
        raise ValueError(f"want horizon >= 1 and count >= 1, got {horizon} and {count}")
    return _geometric(horizon, count)


@lru_cache(typed=True)  # every play asks for its own, and NumPy takes a while
def _geometric(horizon: int, count: int) -> tuple[int, ...]:
    grid = np.geomspace(1, horizon, min(count, horizon)) if count > 1 else [horizon]
    return tuple(sorted({*(round(float(t)) for t in grid), horizon}))


FEWEST_BLOCKS = 30
"""Blocks of moments of a point from which an interval can be taken: they are its sample."""

_LARGEST_BLOCK = 2**16


def block_of(seeds: int) -> int:
    """Seeds of a block of moments: the largest power of two of which 30 fit, up to 65,536.

    Powers of two nest: blocks of fewer seeds make up those of more.

    >>> [block_of(seeds) for seeds in (16, 1000, 1_000_000, 10**9)]
    [1, 32, 32768, 65536]
    """
    return min(2 ** (max(seeds // FEWEST_BLOCKS, 1).bit_length() - 1), _LARGEST_BLOCK)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
