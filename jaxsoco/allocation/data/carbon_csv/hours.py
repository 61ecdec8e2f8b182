"""Puts the readings of a zone in the order of time, and averages those within an hour."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon_csv.headers import Layout
from jaxsoco.core.errors import Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table
from jaxsoco.core.times import Times


class Part(NamedTuple):
    """The rows of one zone in the order of time, and how they are spaced.

    Attributes:
      table: the rows.
      seconds: ``[m]`` int64 since 1970 in UTC, strictly increasing.
      step: distance of most rows in seconds.
      naive: whether the stamps name no time zone and the header does not say UTC.
      notes: what was done to the rows.
    """

    table: Table
    seconds: np.ndarray
    step: int
    naive: bool
    notes: tuple[str, ...]


def in_order(
    table: Table, layout: Layout, times: Times, rows: np.ndarray, problems: Problems
) -> Part | None:
    """Sorts the rows by time and checks their spacing; reports times that stand twice."""
    order = rows[np.argsort(times.whole[rows], kind="stable")]
    notes: tuple[str, ...] = ()
    if (np.diff(order) < 0).any():
        notes = (f"rows of {table.file} put in the order of time",)
    seconds = times.whole[order]
    repeats = np.flatnonzero(np.diff(seconds) == 0) + 1
    for i in repeats:
        before = table.lines[order[i - 1]]
        issue = Issue(
            table.at(order[i], layout.time),
            f"{stamp(seconds[i])} UTC is here and in {table.item or 'line'} {before}",
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
    return Part(part, seconds, step, naive, notes)


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


def without_open_ends(part: Part, column: int) -> Part:
    """The part without what a service does not know yet, or only half of: at both ends.

    That is cells without a value, and hours that do not have all of their readings.
    """
    there = np.flatnonzero([bool(row[column]) for row in part.table.rows])
    if not len(there):
        return part
    first, last = int(there[0]), int(there[-1]) + 1
    hours, whole = part.seconds // 3600, max(3600 // part.step, 1)
    head = np.count_nonzero(hours[first:last] == hours[first])
    tail = np.count_nonzero(hours[first:last] == hours[last - 1])
    first, last = first + head * (head < whole), last - tail * (tail < whole)
    count = len(hours) - (last - first)
    if not count or first >= last:
        return part
    note = (
        f"{count:,} readings at the ends of {part.table.file} cut: empty, or of a part of an hour"
    )
    table = part.table.take(np.arange(first, last))._replace(whole=part.table.whole)
    return part._replace(table=table, seconds=part.seconds[first:last], notes=(*part.notes, note))


def by_hour(
    part: Part, column: int, values: np.ndarray, fill_gaps: int, problems: Problems
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


def stamp(seconds: int) -> str:
    """Writes seconds since 1970 the way messages show them: ``2022-03-27 02:00``."""
    return str(np.datetime64(int(seconds), "s"))[:16].replace("T", " ")


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
