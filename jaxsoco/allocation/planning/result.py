"""What a plan comes to: schedules of one job, and all of them as a table. No JAX."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from jaxsoco.allocation.planning.request import HOUR, Job

OBJECTIVE = ("service", "move", "switch")
"""Costs that count; ``shortfall`` is work that is missing."""

_DONE = 1 - 1e-4
"""Work that counts as all of it when a schedule is told: float32 sums it up to 1e-5."""

LEAST = 1e-6
"""Shares of a job below this are rounding, and are not told."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """What becomes of a job; ``T`` slots, ``n`` regions, all float64.

    Attributes:
      name: of the learner or optimum.
      kind: ``"learner"`` or ``"optimum"``.
      on: share of the job that runs in each slot and region, ``[T, n]``.
      off: share that waits there, ``[T, n]``; with ``on``, every slot adds up to 1.
      costs: ``service``, ``move`` and ``switch`` of every slot, ``[T]`` each (g), and
        ``shortfall``.
      work: work done by the end of every slot, ``[T]``; 1 is all of it.
      faults: steps whose solution missed its tolerance.
    """

    name: str
    kind: Literal["learner", "optimum"]
    on: np.ndarray
    off: np.ndarray
    costs: dict[str, np.ndarray]
    work: np.ndarray
    faults: int = 0

    @property
    def total(self) -> float:
        """The whole cost (g)."""
        return float(sum(self.costs[name].sum() for name in OBJECTIVE))

    @property
    def finish(self) -> int | None:
        """The slot, from 0, in which the job is done; None if it never is."""
        done = self.work >= _DONE
        return int(np.argmax(done)) if done.any() else None

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Slots ``begin .. end - 1`` in which the job stays as it is, until it is done."""
        slots = len(self.work) if self.finish is None else self.finish + 1
        shares = np.concatenate([self.on, self.off], axis=1)[:slots]
        changes = 1 + np.flatnonzero(np.abs(np.diff(shares, axis=0)).max(axis=1) > LEAST)
        ends = [0, *changes.tolist(), slots]
        return [*itertools.pairwise(ends)]


@dataclass(frozen=True, eq=False)
class Plan:
    """One job, planned: a schedule of every learner and both optima; ``T`` slots, ``n`` regions.

    >>> from jaxsoco.allocation import plan
    >>> day = plan(hours=2, deadline=6, learners={"greedy": jaxsoco.learner("allocation/greedy")})
    >>> day["greedy"].work.tolist(), day.all_measured
    ([0.5, 1.0, 1.0, 1.0, 1.0, 1.0], True)

    Attributes:
      job: the job, with every default filled in.
      regions: names of the regions.
      carbon: carbon intensity that the plan is made on, ``[T, n]`` (g/kWh).
      measured: whether a slot's prices were measured, bool ``[T]``; the others are forecast.
      forecast: what the learners are told beforehand, ``[T, n]`` (g/kWh); None where it is drawn
        from the problem's model of forecasts.
      bounds: ``L`` and ``U``, price bounds that learners rely on (g for the whole job).
      schedules: learners in their order, then the linear and the whole-slot optimum. Of prices
        that are all measured these are the optima of hindsight; otherwise they are optimal if the
        forecast comes true.
      notes: where prices come from, a sentence each.
      warnings: what does not hold of this job.
    """

    job: Job
    regions: tuple[str, ...]
    carbon: np.ndarray
    measured: np.ndarray
    forecast: np.ndarray | None
    bounds: tuple[float, float]
    schedules: tuple[Schedule, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def hours(self) -> np.ndarray:
        """The slots' hours, UTC, ``datetime64[h] [T]``."""
        return self.job.start + np.arange(self.job.deadline) * HOUR

    @property
    def all_measured(self) -> bool:
        """Whether all prices were measured: the optima are then those of hindsight."""
        return bool(self.measured.all())

    def __getitem__(self, name: str) -> Schedule:
        """The schedule of a learner or optimum."""
        return {schedule.name: schedule for schedule in self.schedules}[name]

    def __repr__(self) -> str:
        names = ", ".join(schedule.name for schedule in self.schedules)
        return f"Plan({self.job.hours} h from {self.job.start}: {names})"

    def table(self) -> np.recarray:
        """A row for every learner, hour and region in which a part of the job is.

        Columns: ``learner``, ``kind``, ``slot`` (from 1), ``hour`` (UTC, ISO 8601), ``region``,
        ``carbon`` (g/kWh), ``source`` (``"measured"`` or ``"forecast"``), ``on`` and ``off``
        (shares of the job that run and wait), ``work`` (done by the end of the hour, in all).
        """
        rows = []
        for schedule in self.schedules:
            present = schedule.on + schedule.off > LEAST
            for slot, place in np.argwhere(present):
                rows.append(
                    (
                        schedule.name,
                        schedule.kind,
                        int(slot) + 1,
                        str(self.hours[slot].astype("datetime64[m]")),
                        self.regions[place],
                        float(self.carbon[slot, place]),
                        "measured" if self.measured[slot] else "forecast",
                        float(schedule.on[slot, place]),
                        float(schedule.off[slot, place]),
                        float(schedule.work[slot]),
                    )
                )
        return _records(COLUMNS, rows)

    def totals(self) -> np.recarray:
        """A row for every learner and optimum.

        Columns: ``learner``, ``kind``, ``total`` and its parts ``service``, ``move`` and ``switch``
        (g), ``shortfall`` (of the job), ``finish`` (the hour in which it is done, "" if never),
        ``ratio_linear`` and ``ratio_whole_slot`` (total over that of the optimum).
        """
        linear, whole = (self[name].total for name in ("offline_optimum", "integral_optimum"))
        rows = []
        for schedule in self.schedules:
            last = schedule.finish
            parts = (float(schedule.costs[name].sum()) for name in (*OBJECTIVE, "shortfall"))
            rows.append(
                (
                    schedule.name,
                    schedule.kind,
                    schedule.total,
                    *parts,
                    "" if last is None else str(self.hours[last].astype("datetime64[m]")),
                    schedule.total / linear,
                    schedule.total / whole,
                )
            )
        return _records(TOTALS, rows)


Kind = Literal["text", "integer", "number"]

COLUMNS: dict[str, Kind] = {
    **dict.fromkeys(("learner", "kind"), "text"),
    "slot": "integer",
    **dict.fromkeys(("hour", "region"), "text"),
    "carbon": "number",
    "source": "text",
    **dict.fromkeys(("on", "off", "work"), "number"),
}
"""Columns of :meth:`Plan.table`, and what they hold."""

TOTALS: dict[str, Kind] = {
    **dict.fromkeys(("learner", "kind"), "text"),
    **dict.fromkeys(("total", *OBJECTIVE, "shortfall"), "number"),
    "finish": "text",
    **dict.fromkeys(("ratio_linear", "ratio_whole_slot"), "number"),
}
"""Columns of :meth:`Plan.totals`."""


def _records(columns: Mapping[str, Kind], rows: Sequence[tuple[Any, ...]]) -> np.recarray:
    kinds = {"text": "O", "integer": "i8", "number": "f8"}
    return np.array(rows, [(name, kinds[kind]) for name, kind in columns.items()]).view(np.recarray)
