"""The carbon trace that every problem of the family reads: hours by regions, g CO2eq/kWh."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue, suggest


class Zero(NamedTuple):
    """A reading of 0, for which there is no competitive ratio.

    Attributes:
      region: its region.
      hour: hours since 1970, UTC.
      place: where it is, ``de.csv:17, column DE``.
    """

    region: str
    hour: int
    place: str


@dataclass(frozen=True, eq=False)
class CarbonTrace:
    """Hourly carbon intensity of several regions over one common range without gaps.

    Two traces are equal when their digests are: the same regions in the same order, the same first
    hour and the same values, wherever they came from.

    Attributes:
      regions: names of the n regions, in the order of the columns.
      start: first hour, UTC, ``datetime64[h]``.
      values: ``[hours, n]`` float64, g CO2eq/kWh, read-only; row t is the hour ``start + t``.
      source: what a report prints: the path and format, or ``synthetic (seed 0)``.
      notes: what was done to the data on the way in, one sentence each.
      zeros: readings of 0 in the files (the first hundred of a region), for messages.
      digest: sha256 in hexadecimal of regions, start and values (derived).
    """

    regions: tuple[str, ...]
    start: np.datetime64
    values: np.ndarray
    source: str
    notes: tuple[str, ...] = ()
    zeros: tuple[Zero, ...] = ()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64, order="C")
        if values.ndim != 2 or values.shape[1] != len(self.regions):
            raise ValueError(f"values {values.shape} do not fit {len(self.regions)} regions")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "regions", tuple(self.regions))
        object.__setattr__(self, "start", self.start.astype("datetime64[h]"))
        object.__setattr__(self, "digest", self._digest())

    def _digest(self) -> str:
        head = "\x1f".join((*self.regions, str(self.start), str(self.values.shape)))
        content = hashlib.sha256(head.encode())
        content.update(self.values.astype("<f8").tobytes())
        return content.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CarbonTrace) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def hours(self) -> int:
        """Number of hours, the length of the first axis of ``values``."""
        return self.values.shape[0]

    @property
    def end(self) -> np.datetime64:
        """The hour after the last one, UTC."""
        return self.start + np.timedelta64(self.hours, "h")

    def between(self, start: np.datetime64, end: np.datetime64) -> CarbonTrace:
        """Returns the hours from ``start`` up to, but without, ``end``; both within the trace."""
        first, last = (int((hour - self.start) / np.timedelta64(1, "h")) for hour in (start, end))
        if not 0 <= first < last <= self.hours:
            raise ValueError(f"{start} to {end} is not within {self.start} to {self.end}")
        return replace(self, start=start, values=self.values[first:last])

    def select(self, regions: Sequence[str]) -> CarbonTrace:
        """Returns the trace of ``regions`` only, in that order.

        Raises:
          InputError: a name is unknown or given twice, or none is given.
        """
        positions = positions_of(regions, self.regions)
        return replace(self, regions=tuple(regions), values=self.values[:, positions])


def positions_of(names: Sequence[str], available: Iterable[str]) -> list[int]:
    """Returns the position in ``available`` of each of the ``names``.

    Raises:
      InputError: with one issue for each name that is unknown or repeated, or for no name at all.
    """
    index = {name: position for position, name in enumerate(available)}
    names = [names] if isinstance(names, str) else list(names)
    issues = []
    if not names:
        issues.append(Issue("regions", "is empty", "name at least one: " + ", ".join(index)))
    for place, name in enumerate(names):
        if name not in index:
            issues.append(
                Issue(f"regions[{place}]", f'unknown region "{name}"', suggest(name, index))
            )
        elif name in names[:place]:
            issues.append(Issue(f"regions[{place}]", f'"{name}" is given twice', "name it once"))
    if issues:
        raise InputError(issues)
    return [index[name] for name in names]
