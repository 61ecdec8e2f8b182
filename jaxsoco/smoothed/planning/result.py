"""Servers on by round: what every learner would do with a load, and what is best in hindsight."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

Kind = Literal["text", "integer", "number"]
COLUMNS: dict[str, Kind] = {
    "learner": "text",
    "kind": "text",
    "round": "integer",
    **dict.fromkeys(("hour", "load", "servers", "hit", "move"), "number"),
}
"""Columns of :meth:`ServerPlan.table`, and what they hold."""
_HOUR = 3600.0


class ServerSchedule(NamedTuple):
    """Servers of one learner or optimum.

    Attributes:
      name: the learner's label, or the optimum's name.
      kind: ``learner`` or ``optimum``.
      servers: on in each round, ``[T]``.
      hit, move: cost of the round and of switching servers on, ``[T]``.
      faults: solutions that missed their tolerance.
    """

    name: str
    kind: str
    servers: np.ndarray
    hit: np.ndarray
    move: np.ndarray
    faults: int

    @property
    def total(self) -> float:
        """Cost of all rounds."""
        return float(self.hit.sum() + self.move.sum())


class ServerPlan(NamedTuple):
    """Schedules for one load.

    Attributes:
      load: of every round, in server loads, ``[T]``.
      bin: length of a round in seconds, 0 if not known.
      schedules: learners, then optima.
      notes: where the load comes from.
    """

    load: np.ndarray
    bin: float
    schedules: tuple[ServerSchedule, ...]
    notes: tuple[str, ...]

    @property
    def hours(self) -> np.ndarray:
        """Begin of every round, in hours from the first; rounds where bins have no known width."""
        return np.arange(len(self.load)) * (self.bin / _HOUR if self.bin else 1.0)

    def ratio(self, schedule: ServerSchedule) -> float:
        """Cost over that of the first optimum."""
        best = next(one for one in self.schedules if one.kind == "optimum")
        return schedule.total / best.total if best.total > 0 else float("nan")

    def table(self) -> dict[str, np.ndarray]:
        """A row for every schedule and round, by column."""
        rounds, count = len(self.load), len(self.schedules)
        stacked = {
            name: np.concatenate([getattr(one, name) for one in self.schedules])
            for name in ("servers", "hit", "move")
        }
        return {
            "learner": np.repeat([one.name for one in self.schedules], rounds),
            "kind": np.repeat([one.kind for one in self.schedules], rounds),
            "round": np.tile(np.arange(1, rounds + 1), count),
            "hour": np.tile(self.hours, count),
            "load": np.tile(self.load, count),
            **stacked,
        }
