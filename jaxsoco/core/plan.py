"""What a sweep computes and how it is cut up.

A *group* holds the points that share one compiled problem. Its runs are numbered
``r = position * seeds + seed``, point after point. A *chunk* is a contiguous range of one group's
runs, for every learner: one file, the unit of resumption and of distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

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
    """

    index: int
    points: tuple[int, ...]
    seeds: int
    horizon: int
    checkpoints: tuple[int, ...]

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
class Chunk:
    """Runs ``start .. stop - 1`` of one group."""

    id: str
    group: int
    start: int
    stop: int

    @property
    def runs(self) -> int:
        """Number of runs."""
        return self.stop - self.start


@dataclass(frozen=True)
class Plan:
    """All groups, and the shapes in which they are computed.

    Attributes:
      groups: in order; ``groups[i].index == i``.
      learners: unique labels, algorithms first, then comparators.
      costs: names of the cost components.
      tile: lanes of a compiled block; part of a sweep's identity, because the shape of a block can
        change the last bits of its results.
      chunk: runs of a chunk, rounded up to a multiple of ``tile`` so that a run has the same lane
        of a tile whatever the chunk size. Not part of the identity.
    """

    groups: tuple[Group, ...]
    learners: tuple[str, ...]
    costs: tuple[str, ...]
    tile: int
    chunk: int

    def __post_init__(self) -> None:
        _require(len(self.groups) > 0, "a plan needs a group")
        _require([g.index for g in self.groups] == [*range(len(self.groups))], "groups in order")
        for names in (self.learners, self.costs):
            _require(len(names) > 0 and len(set(names)) == len(names), f"not unique: {names}")
        _require(self.tile > 0 and self.chunk > 0, "tile and chunk must be positive")
        object.__setattr__(self, "chunk", -(-self.chunk // self.tile) * self.tile)

    @property
    def runs(self) -> int:
        """Number of runs of all groups (each one is run by every learner)."""
        return sum(group.runs for group in self.groups)

    def chunks(self) -> tuple[Chunk, ...]:
        """All chunks, group after group, with ids ``00000``, ``00001``, ..."""
        return self._chunks

    @cached_property
    def _chunks(self) -> tuple[Chunk, ...]:
        ranges = [
            (group.index, start, min(start + self.chunk, group.runs))
            for group in self.groups
            for start in range(0, group.runs, self.chunk)
        ]
        return tuple(Chunk(f"{i:05d}", *place) for i, place in enumerate(ranges))

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
                )
                for group in data["groups"]
            )
            names = tuple(data["learners"]), tuple(data["costs"])
            return cls(groups, *names, tile=data["tile"], chunk=data["chunk"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(Issue("plan", f"not the plan of a run ({error!r})")) from error


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
