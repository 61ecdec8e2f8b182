"""What is known of a carbon table before and after its layout is: :class:`Header`, ``Layout``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon_csv.names import ZONES, plain, promises_utc, squeezed

KNOWN_HEADERS = (
    "zone average: datetime,zone_name,carbon_intensity_avg",
    "Electricity Maps: Datetime (UTC),Zone id,Carbon intensity gCO₂eq/kWh (Life cycle)",
    "WattTime: point_time,value or timestamp,MOER",
    "wide table: datetime,<region>,<region>,...",
)


class Layout(NamedTuple):
    """Where a file keeps what.

    Attributes:
      kind: name of the layout, for messages and reports.
      times: column of the timestamp, or those of the date and of the time.
      values: columns of readings; several in a wide table only.
      regions: region of each of ``values``; the zone column overrides it where rows differ.
      named: whether ``regions`` are known from columns or the source, not from the file's name.
      zone: column that names the zone of each row, or None.
      zone_first: whether a file of a single zone is named after it, not after the file.
      factors: of each of ``values``, from the file's unit to g CO2eq/kWh.
      units: column that names the unit of each row, or None.
      estimated: column that says which rows are estimated, or None.
      utc: whether the header promises UTC.
      averaged: whether readings within an hour are averaged; otherwise they are an error.
      notes: what a report should say of the columns that were taken.
    """

    kind: str
    times: tuple[int, ...]
    values: tuple[int, ...]
    regions: tuple[str, ...]
    named: bool = False
    zone: int | None = None
    zone_first: bool = False
    factors: tuple[float, ...] = (1.0,)
    units: int | None = None
    estimated: int | None = None
    utc: bool = False
    averaged: bool = False
    notes: tuple[str, ...] = ()

    @property
    def time(self) -> int:
        """The first column of the times, which messages name."""
        return self.times[0]


class HeaderError(Exception):
    """A header that fits no layout; the arguments are the message and the hint."""


class Header(NamedTuple):
    """What is known of a file's columns before its layout is.

    Attributes:
      names: as they stand in the file.
      times: the column, or the two columns, of the rows' times; empty without one.
      clocks: all columns that hold times by their names.
      texts: columns without a single number in the file's first rows, with a cell of each.
      region: what the file's name says.
    """

    names: Sequence[str]
    times: tuple[int, ...]
    clocks: frozenset[int]
    texts: dict[int, str]
    region: str

    @property
    def plain(self) -> list[str]:
        """The names in lower case."""
        return [plain(name) for name in self.names]

    @property
    def utc(self) -> bool:
        """Whether the times are in UTC, by their column's name."""
        return any(promises_utc(self.names[i]) for i in self.times)

    def zone(self, *first: str) -> int | None:
        """The column that names zones: one of ``first`` before the others."""
        columns = {squeezed(name): i for i, name in reversed([*enumerate(self.names)])}
        return next((columns[name] for name in (*first, *ZONES) if name in columns), None)

    def only(self, test: Callable[[str], bool]) -> int | None:
        """The first column whose name passes a test."""
        return next((i for i, name in enumerate(self.names) if test(name)), None)


def times_of(header: Header) -> tuple[int, ...]:
    """The columns of the times.

    Raises:
      HeaderError: there are none.
    """
    if header.times:
        return header.times
    raise HeaderError(
        f"the header {quoted(header.names)} has no column of timestamps",
        'wanted: a column "datetime", "timestamp", "point_time" or "Datetime (UTC)"',
    )


def nearest(header: Header) -> str:
    """The known layout that shares most names with a header; all of them if none does."""
    names = {squeezed(name) for name in header.names}
    if "value" in names and "pointtime" not in names:
        return (
            'is "value" in g/kWh? name it carbon_intensity; in lb/MWh, as WattTime has it? '
            "name it MOER"
        )
    shared = [
        len(names & {squeezed(name) for name in re.split(r"[:,]| or ", known)})
        for known in KNOWN_HEADERS
    ]
    if max(shared) >= 2:
        return "nearest: " + KNOWN_HEADERS[int(np.argmax(shared))]
    return "known: " + "; ".join(KNOWN_HEADERS)


def quoted(header: Sequence[str]) -> str:
    """A header in quotes, as messages show it."""
    text = ",".join(header)
    return f'"{text if len(text) <= 160 else text[:157] + "..."}"'
