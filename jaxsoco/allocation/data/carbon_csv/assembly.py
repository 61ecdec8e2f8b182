"""Puts readings of many files together: one series without holes for each region, one range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon import Zero
from jaxsoco.allocation.data.carbon_csv.hours import looks_like_daylight_saving, stamp
from jaxsoco.allocation.data.carbon_csv.places import folder_of
from jaxsoco.allocation.data.carbon_csv.readings import Readings
from jaxsoco.core.errors import Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import place

_MOST_ZEROS = 100


class Series(NamedTuple):
    """One region: ``values`` from the hour ``start`` (since 1970) on, nothing missing."""

    start: int
    values: np.ndarray
    label: str
    notes: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The hour after the last one."""
        return self.start + len(self.values)


def _say_nothing(group: list[Readings]) -> bool:
    """Whether files of different regions call their only column alike: ``gas`` in fr and in gb."""
    names = {one.file_region.casefold() for one in group}
    column = group[0].region.casefold()
    return (
        len(names) > 1
        and all(one.alone for one in group)
        and not any(column in name for name in names)
    )


class Joined(NamedTuple):
    """One region's rows of all its files; ``source`` is the position in ``parts`` of each row."""

    parts: list[Readings]
    hours: np.ndarray
    values: np.ndarray
    lines: np.ndarray
    source: np.ndarray

    def at(self, row: int, *, clock: bool = False) -> str:
        """The place of a reading, or of its timestamp, as messages show it."""
        part = self.parts[self.source[row]]
        where = place(part.file, self.lines[row], part.item)
        return f"{where}, column {part.clock if clock else part.column}"

    @property
    def label(self) -> str:
        """The files, and the column where the file holds several regions."""
        files = ", ".join(dict.fromkeys(part.file for part in self.parts))
        wide = self.parts[0].kind == "wide table"
        return f"{files}, column {self.parts[0].column}" if wide else files


def by_region(readings: list[Readings]) -> dict[str, list[Readings]]:
    """The readings of each region.

    Files that only their own names call alike are one region's years only if nothing tells them
    apart: not the zones of their rows, and not the folders that they are in.
    """
    groups: dict[str, list[Readings]] = {}
    for one in readings:
        groups.setdefault(one.region.casefold(), []).append(one)
    regions: dict[str, list[Readings]] = {}
    for group in groups.values():
        zones = {one.zone for one in group if one.by_file}
        folders = {folder_of(one.folders) for one in group if one.by_file}
        twins = _say_nothing(group)
        for one in group:
            name = group[0].region  # DE.csv and de.csv are one
            if one.by_file and len(zones) > 1:
                name = one.zone or name
            elif one.by_file and len(folders) > 1:
                name = folder_of(one.folders) or name
            elif twins:
                name = one.file_region
            regions.setdefault(name, []).append(one._replace(region=name))
    return regions


def join(parts: list[Readings], problems: Problems) -> Joined:
    """Puts the rows of one region in the order of time; an hour in two files is a problem."""
    hours = np.concatenate([part.hours for part in parts])
    order = np.argsort(hours, kind="stable")
    source = np.repeat(np.arange(len(parts)), [len(part.hours) for part in parts])[order]
    values = np.concatenate([part.values for part in parts])[order]
    lines = np.concatenate([part.lines for part in parts])[order]
    hours = hours[order]
    joined = Joined(parts, hours, values, lines, source)
    common = np.flatnonzero(np.diff(hours) == 0) + 1
    if not len(common):
        return joined
    i = int(common[0])
    moment = stamp(int(hours[i]) * 3600)
    before = joined.parts[source[i - 1]]
    first = place(before.file, lines[i - 1], before.item)
    issue = Issue(
        joined.at(i, clock=True),
        f"the region {parts[0].region} has {moment} UTC in {first} too "
        f"({len(common)} hours in common)",
        "two files of one region are joined only if no hour is in both: remove one",
    )
    problems.add(joined.parts[source[i]].file, "files for the same region", issue)
    unique = np.delete(np.arange(len(hours)), common)
    return Joined(parts, hours[unique], values[unique], lines[unique], source[unique])


def continuous(joined: Joined, fill_gaps: int, trim: bool, problems: Problems) -> Series | None:
    """Returns the region without holes: short ones interpolated, longer ones reported."""
    valid = np.flatnonzero(~np.isnan(joined.values))
    if not len(valid):
        issue = Issue(joined.at(0), "the column has no values", "export the file again")
        problems.add(joined.parts[0].file, "empty columns", issue)
        return None
    sound = trim or _ends_filled(joined, valid, problems)
    gaps = np.diff(joined.hours[valid]) - 1
    naive = any(part.naive for part in joined.parts)
    for k in np.flatnonzero(gaps):
        before, after = valid[k], valid[k + 1]
        gap = int(gaps[k] - (after - before - 1))
        if gaps[k] <= fill_gaps and not (naive and gap):
            continue
        sound = False
        if gap:
            _report_gap(joined, before, after, gap, fill_gaps, problems)
        else:
            _report_empty(joined, before + 1, int(gaps[k]), fill_gaps, problems)
    if not sound:
        return None
    hours, values = joined.hours[valid], joined.values[valid]
    notes = []
    dropped = len(joined.values) - (valid[-1] - valid[0] + 1)
    if dropped:
        cells = _plural("empty cell", dropped)
        notes.append(f"{dropped} {cells} cut from the ends of {joined.label}")
    filled = int(np.count_nonzero(gaps))
    if filled:
        holes = f"{filled} {_plural('gap', filled)} of at most {gaps.max()} h"
        notes.append(f"{holes} interpolated in {joined.label}")
        every = np.arange(hours[0], hours[-1] + 1)
        values = np.interp(every, hours, values)
    return Series(int(hours[0]), values, joined.label, tuple(notes))


def _ends_filled(joined: Joined, valid: np.ndarray, problems: Problems) -> bool:
    """Reports empty cells before the first and after the last value: nothing to interpolate."""
    ends = {"start": (0, int(valid[0])), "end": (int(valid[-1]) + 1, len(joined.values))}
    for end, (first, last) in ends.items():
        if last > first:
            issue = Issue(
                joined.at(first),
                f"empty, as all {last - first} cells at the {end} of the range",
                "fill them in, or trim to the range that all regions share",
            )
            problems.add(joined.parts[joined.source[first]].file, "empty ends", issue)
    return all(last == first for first, last in ends.values())


def _report_gap(
    joined: Joined, before: int, after: int, gap: int, fill_gaps: int, problems: Problems
) -> None:
    rows = np.arange(before, after)
    row = int(rows[np.diff(joined.hours[before : after + 1]) > 1][0])
    part = joined.parts[joined.source[row]]
    if not part.whole:
        return  # the rows that could not be read are reported already
    first = (int(joined.hours[row]) + 1) * 3600
    hours_are = _plural("hour is", gap, "hours are")
    issue = Issue(
        joined.at(row, clock=True),
        f"{gap} {hours_are} missing after this line, the first is {stamp(first)}"
        + ("" if part.naive else " UTC"),
        _gap_hint(first, gap, fill_gaps, part.naive),
    )
    problems.add(part.file, "gaps", issue)


def _gap_hint(first: int, gap: int, fill_gaps: int, naive: bool) -> str:
    if gap == 1 and looks_like_daylight_saving(first):
        return (
            "likely local time at the start of daylight saving, which skips an hour: write UTC, "
            "or an offset such as +02:00 with every stamp"
        ) + ("" if naive else "; if it is UTC, allow fill_gaps = 1")
    if naive:
        return (
            "without a time zone, times are taken as UTC only where no hour is missing: add +00:00 "
            'to the stamps, or name the column "Datetime (UTC)"'
        )
    if fill_gaps:
        return f"longer than fill_gaps = {fill_gaps}"
    return f"add the hours, or allow fill_gaps = {gap}"


def _report_empty(joined: Joined, row: int, count: int, fill_gaps: int, problems: Problems) -> None:
    message = "empty cell" if count == 1 else f"the first of {count} empty cells in a row"
    hint = f"longer than fill_gaps = {fill_gaps}" if fill_gaps else f"or allow fill_gaps = {count}"
    issue = Issue(joined.at(row), message, hint if fill_gaps else f"fill it in, {hint}")
    problems.add(joined.parts[joined.source[row]].file, "empty cells", issue)


def same_range(series: list[Series], trim: bool, problems: Problems) -> list[Series]:
    """Returns the series over one range, cut if ``trim``; otherwise lists the ranges."""
    if len({(one.start, one.end) for one in series}) <= 1:
        return series
    start, end = max(one.start for one in series), min(one.end for one in series)
    ranges: dict[str, list[str]] = {}
    for one in series:
        ranges.setdefault(_range(one.start, one.end), []).append(one.label)
    overview = "; ".join(f"{span}: {', '.join(files)}" for span, files in ranges.items())
    if end <= start:
        issue = Issue("carbon", f"the regions share no hour: {overview}", "leave some regions out")
    elif not trim:
        issue = Issue(
            "carbon",
            f"the regions cover different hours: {overview}",
            f"trim cuts them to the common range {_range(start, end)}",
        )
    else:
        return [_cut(one, start, end) for one in series]
    problems.add("", "ranges", issue)
    return series


def _cut(one: Series, start: int, end: int) -> Series:
    if (one.start, one.end) == (start, end):
        return one
    note = (
        f"{one.label} cut to the common range {_range(start, end)}, "
        f"from {_range(one.start, one.end)}"
    )
    values = one.values[start - one.start : end - one.start]
    return one._replace(start=start, values=values, notes=(*one.notes, note))


def _range(start: int, end: int) -> str:
    return f"{stamp(start * 3600)} to {stamp((end - 1) * 3600)} UTC ({end - start} h)"


def _plural(one: str, count: int, many: str = "") -> str:
    return one if count == 1 else many or one + "s"


def zeros(joined: Joined) -> list[Zero]:
    """The readings of 0, for which an algorithm has no ratio; the first hundred."""
    rows = np.flatnonzero(joined.values == 0)[:_MOST_ZEROS].tolist()
    region = joined.parts[0].region
    return [Zero(region, int(joined.hours[row]), joined.at(row)) for row in rows]
