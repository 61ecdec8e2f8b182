"""Turns one carbon CSV file into hourly readings by region; every fault is reported by line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon_csv.cells import read_numbers
from jaxsoco.allocation.data.carbon_csv.formats import (
    HeaderError,
    Layout,
    Times,
    parse_times,
    recognise,
    stamp,
)
from jaxsoco.allocation.data.carbon_csv.table import read_even
from jaxsoco.core.errors import Issue
from jaxsoco.core.rows import Problems, Table


class Readings(NamedTuple):
    """Hourly readings of one region from one file, each hour at most once, in the order of time.

    Attributes:
      region: name of the region.
      file: path of the file as the user gave it.
      kind: name of the layout.
      clock: name of the column of timestamps.
      column: name of the column of readings.
      hours: ``[m]`` int64 hours since 1970 in UTC, strictly increasing.
      values: ``[m]`` float64 g/kWh; NaN where the file has no value.
      lines: ``[m]`` int64 line of the file (the first of the hour where readings are averaged).
      naive: whether the stamps carry no time zone and the header does not say UTC.
      whole: whether all of the file could be read, so that gaps are the file's own.
      notes: what was done to the readings.
    """

    region: str
    file: str
    kind: str
    clock: str
    column: str
    hours: np.ndarray
    values: np.ndarray
    lines: np.ndarray
    naive: bool
    whole: bool
    notes: tuple[str, ...]


def read_file(path: Path, signal: str, fill_gaps: int, problems: Problems) -> list[Readings]:
    """Returns the readings of each region in one file; what is wrong goes to ``problems``.

    Args:
      path: the CSV file.
      signal: which column of an Electricity Maps export counts, ``life-cycle`` or ``direct``.
      fill_gaps: if positive, hours with at least half of their sub-hourly readings are kept.
      problems: collects the issues.
    """
    table = read_even(path, problems)
    if not table.header:
        return []
    try:
        layout = recognise(table.header, path.stem, signal)
    except HeaderError as error:
        message, hint = error.args
        problems.add(table.file, "header errors", Issue(f"{table.file}:1", message, hint))
        return []
    times = parse_times([row[layout.time] for row in table.rows])
    _report_times(table, layout, times, problems)
    good = np.flatnonzero(~times.bad)
    table, times = table.take(good), Times(*(part[good] for part in times))
    if not table.rows:
        return []  # every row has been reported
    readings = []
    for zone, rows in _zones(table, layout, problems).items():
        part = _in_order(table, layout, times, rows, problems)
        if part is not None:
            readings += _regions(part, layout, zone, fill_gaps, problems)
    return readings


class _Part(NamedTuple):
    """The rows of one zone in the order of time, and how they are spaced."""

    table: Table
    seconds: np.ndarray
    step: int
    naive: bool
    notes: tuple[str, ...]


def _report_times(table: Table, layout: Layout, times: Times, problems: Problems) -> None:
    for i in np.flatnonzero(times.bad).tolist():
        issue = Issue(
            table.at(i, layout.time),
            f'"{table.rows[i][layout.time]}" is not a timestamp',
            "write ISO 8601, such as 2022-03-27T01:00:00+00:00",
        )
        problems.add(table.file, "unreadable timestamps", issue)
    naive = np.flatnonzero(times.naive).tolist()
    if 0 < len(naive) < np.count_nonzero(~times.bad):
        issue = Issue(
            table.at(naive[0], layout.time),
            f'"{table.rows[naive[0]][layout.time]}" has no time zone, other lines have one',
            "give every timestamp an offset such as +00:00",
        )
        problems.add(table.file, "mixed time zones", issue)


def _zones(table: Table, layout: Layout, problems: Problems) -> dict[str, np.ndarray]:
    """Returns the rows of each zone, under the name that its region gets."""
    everything = np.arange(len(table.rows))
    if layout.zone is None:
        return {layout.regions[0]: everything}
    zones = np.array([row[layout.zone].strip() for row in table.rows])
    unnamed = np.flatnonzero(zones == "").tolist()
    for i in unnamed:
        issue = Issue(table.at(i, layout.zone), "names no zone", "write the zone's name")
        problems.add(table.file, "lines without a zone", issue)
    if len(unnamed):
        return {}
    names = list(dict.fromkeys(zones.tolist()))
    if len(names) == 1 and not layout.zone_first:
        return {layout.regions[0]: np.flatnonzero(zones == names[0])}
    return {name: np.flatnonzero(zones == name) for name in names}


def _in_order(
    table: Table, layout: Layout, times: Times, rows: np.ndarray, problems: Problems
) -> _Part | None:
    """Sorts the rows by time and checks their spacing; reports times that stand twice."""
    order = rows[np.argsort(times.seconds[rows], kind="stable")]
    notes: tuple[str, ...] = ()
    if (np.diff(order) < 0).any():
        notes = (f"rows of {table.file} put in the order of time",)
    seconds = times.seconds[order]
    repeats = np.flatnonzero(np.diff(seconds) == 0) + 1
    for i in repeats:
        issue = Issue(
            table.at(order[i], layout.time),
            f"{stamp(seconds[i])} UTC is here and in line {table.lines[order[i - 1]]}",
            _repeated_hint(int(seconds[i])),
        )
        problems.add(table.file, "repeated hours", issue)
    once = np.delete(np.arange(len(order)), repeats)
    order, seconds = order[once], seconds[once]
    step = _step(seconds)
    # Taking rows out for their zone or as repeated does not make holes in time.
    part = table.take(order)._replace(whole=table.whole)
    if not _spacing_fits(part, layout, seconds, step, problems):
        return None
    naive = bool(times.naive[order].any()) and not layout.utc
    if naive and not len(repeats):
        notes += (f"timestamps of {table.file} name no time zone and are taken as UTC",)
    return _Part(part, seconds, step, naive, notes)


def _step(seconds: np.ndarray) -> int:
    """Returns the commonest distance between rows (the shorter one of two), an hour for one row."""
    counts = Counter(np.diff(seconds).tolist())
    return min(counts, key=lambda gap: (-counts[gap], gap)) if counts else 3600


def _spacing_fits(
    table: Table, layout: Layout, seconds: np.ndarray, step: int, problems: Problems
) -> bool:
    if step != 3600 and not (layout.averaged and 3600 % step == 0):
        size = f"{step // 3600} h" if step % 3600 == 0 else f"{step / 60:g} min"
        hint = "choose hourly data where you downloaded it, or average it to hours"
        if step > 3600:
            hint = "choose hourly data where you downloaded it"
        issue = Issue(table.at(0, layout.time), f"the rows are {size} apart, not 1 h", hint)
        problems.add(table.file, "resolutions", issue)
        return False
    late = np.flatnonzero(seconds % 3600).tolist() if step == 3600 else []
    if late:
        i = late[0]
        past = f"{seconds[i] % 3600 / 60:g} min past an hour of UTC"
        issue = Issue(
            table.at(i, layout.time),
            f'"{table.rows[i][layout.time]}" is {past}, as {len(late)} of {len(seconds)} stamps are'
            if len(late) > 1
            else f'"{table.rows[i][layout.time]}" is {past}',
            "shift the stamps to the start of an hour of UTC",
        )
        problems.add(table.file, "stamps off the hour", issue)
    return not late


def _regions(
    part: _Part, layout: Layout, zone: str, fill_gaps: int, problems: Problems
) -> list[Readings]:
    """Returns the readings of each column; ``zone`` names the region of a single one."""
    table = part.table
    names = (zone,) if len(layout.values) == 1 else layout.regions
    result = []
    for column, name in zip(layout.values, names, strict=True):
        values, commas = read_numbers(table, column, layout.factor, problems)
        hours, values, lines, thinned = _by_hour(part, column, values, fill_gaps, problems)
        notes = part.notes + ((f"decimal commas read in {table.file}",) if commas else ())
        if part.step < 3600:
            notes += (f"{part.step / 60:g}-minute readings of {table.file} averaged to hours",)
        if thinned:
            notes += (
                f"{thinned} hours of {table.file} averaged from at least half their readings",
            )
        result.append(
            Readings(
                name,
                table.file,
                layout.kind,
                table.header[layout.time],
                table.header[column],
                hours,
                values,
                lines,
                part.naive,
                table.whole,
                notes,
            )
        )
    return result


def _by_hour(
    part: _Part, column: int, values: np.ndarray, fill_gaps: int, problems: Problems
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Averages to hours; returns hours, values, lines and the number of hours kept though thin."""
    table = part.table
    hours, first, inverse = np.unique(part.seconds // 3600, return_index=True, return_inverse=True)
    lines = table.lines[first]
    if part.step == 3600:
        return hours, values, lines, 0
    there = ~np.isnan(values)
    counts = np.bincount(inverse[there], minlength=len(hours))
    sums = np.bincount(inverse[there], values[there], minlength=len(hours))
    means = np.divide(sums, counts, out=np.full(len(hours), np.nan), where=counts > 0)
    expected = 3600 // part.step
    thin = (counts < expected) & (counts > 0)
    if fill_gaps:
        means[thin & (2 * counts < expected)] = np.nan
        return hours, means, lines, int(np.count_nonzero(thin & (2 * counts >= expected)))
    for i in np.flatnonzero(thin):
        issue = Issue(
            table.at(first[i], column),
            f"the hour {stamp(hours[i] * 3600)} UTC has {counts[i]} of {expected} readings",
            "complete it, delete it at an end of the file, or allow fill_gaps",
        )
        problems.add(table.file, "incomplete hours", issue)
    return hours, means, lines, 0


def _repeated_hint(second: int) -> str:
    if looks_like_daylight_saving(second):
        return (
            "likely local time at the end of daylight saving, which repeats an hour: "
            "write UTC, or an offset such as +02:00 with every stamp"
        )
    return (
        "delete one of the lines; local time repeats an hour when daylight saving ends, "
        "so write UTC or offsets"
    )


def looks_like_daylight_saving(second: int) -> bool:
    """Whether clocks are changed around this time of the year and of the night, somewhere."""
    moment = np.datetime64(int(second), "s").item()
    return moment.month in (3, 4, 9, 10, 11) and moment.hour <= 3
