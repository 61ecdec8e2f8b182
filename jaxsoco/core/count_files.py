"""Loads from files of separated values: :func:`read_trace`. No JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxsoco.core.count_bins import binned, mean_running, on_grid, read_column, read_counts
from jaxsoco.core.count_columns import (
    DURATION,
    Column,
    Found,
    column_index,
    find_columns,
    find_intervals,
    is_header,
    is_number_of_column,
    names_columns,
    other_counts,
)
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.load_traces import LoadTrace
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, column_numbers, number, read_table, without_index
from jaxsoco.core.times import UNITS, Times, is_moment, read_times, time_cells, unit_note


def read_trace(
    path: Path,
    *,
    column: Column | None = None,
    bin: float | None = None,
    time_unit: str | None = None,
    ends: Column | None = None,
    weight: Column | None = None,
    where: Mapping[Column, str] | None = None,
) -> LoadTrace:
    """Reads a load; see :func:`jaxsoco.smoothed.load_trace_csv`.

    Raises:
      InputError: the file is empty or cannot be understood, each problem with its line.
    """
    if time_unit not in (None, *UNITS):
        message = f'no unit is "{time_unit}"'
        raise InputError(Issue("time_unit", message, f"want one of {', '.join(UNITS)}"))
    named: list[Column | None] = [column, ends, weight, *(where or ())]
    # A header holds neither numbers nor times, but for bins side by side.
    header = names_columns if any(map(is_number_of_column, named)) else is_header
    table = _padded(without_index(read_table(path, header=header, comments=True)))
    columns = find_columns(table, column, bin) if ends is None else _running(table, column, ends)
    if not table.rows:
        hint = "want a time for each arrival or a count for each bin"
        raise InputError(Issue(table.file, "is empty: it holds no arrivals", hint))
    if where:
        table = _selected(table, where)
    if weight is not None:
        columns = _weighted(table, columns, weight)
    trace = _READERS[columns.kind](table, columns, bin, time_unit)
    return replace(trace, notes=trace.notes + other_counts(table, columns, column))


def _padded(table: Table) -> Table:
    """The table with empty cells where a row is shorter than its header, or than the first one."""
    width = max(len(table.header or (table.rows or [[]])[0]), 1)
    if all(len(row) >= width for row in table.rows):
        return table
    return table._replace(rows=[row + [""] * (width - len(row)) for row in table.rows])


def _running(table: Table, column: Column | None, ends: Column) -> Found:
    if not table.rows:
        hint = "want a start and an end of each interval"
        raise InputError(Issue(table.file, "is empty: it holds no intervals", hint))
    return find_intervals(table, column, ends)


def _selected(table: Table, where: Mapping[Column, str]) -> Table:
    """The rows whose cells are as the user wants them."""
    chosen = np.ones(len(table.rows), bool)
    for column, value in where.items():
        place = column_index(table, column, "where")
        cells = [row[place] for row in table.rows]
        chosen &= np.array([_same(cell, str(value)) for cell in cells], bool)
    if not chosen.any():
        wanted = ", ".join(f"{column} = {value}" for column, value in where.items())
        raise InputError(Issue("where", f"no row of {table.file} has {wanted}", "want some rows"))
    return table.take(np.flatnonzero(chosen))


def _same(cell: str, value: str) -> bool:
    return cell == value or (number(cell) is not None and number(cell) == number(value))


def _weighted(table: Table, found: Found, weight: Column) -> Found:
    if found.kind not in ("times", "running"):
        hint = "want it beside times with a bin, or beside starts and ends"
        raise InputError(Issue("weight", f"{table.file} holds counts already", hint))
    return found._replace(weight=column_index(table, weight, "weight"))


def _weights(table: Table, found: Found, problems: Problems) -> np.ndarray | None:
    return None if found.weight < 0 else read_counts(table, (found.weight,), problems)[:, 0]


def _of_times(table: Table, found: Found, bin: float | None, unit: str | None) -> LoadTrace:
    problems, cells = Problems(), time_cells(table, found.times)
    times = read_column(table, cells, found.times[0], unit, problems)
    weights = _weights(table, found, problems)
    problems.raise_if_any()
    bin = _needed(bin, table)
    counts = binned(table.file, times, bin, unit, weights)
    return LoadTrace(counts, bin, _source(table, f"times in bins of {bin:g} s"), _read(times))


def _of_intervals(table: Table, found: Found, bin: float | None, unit: str | None) -> LoadTrace:
    """Arrivals at the starts of intervals, or a duration before their ends."""
    starts, ends, _ = _interval(table, found, unit)
    bin = _needed(bin, table)
    counts = binned(table.file, starts, bin, unit)
    begins, over = np.sort(starts.seconds), np.sort(ends[np.isfinite(ends)])
    at_once = np.arange(1, len(begins) + 1) - np.searchsorted(over, begins, side="right")
    notes = (f"arrivals are the starts of intervals, of which up to {at_once.max():,} overlap",)
    source = _source(table, f"starts in bins of {bin:g} s")
    return LoadTrace(counts, bin, source, notes + _read(starts))


def _of_running(table: Table, found: Found, bin: float | None, unit: str | None) -> LoadTrace:
    """What runs at once, on average over each bin."""
    starts, ends, weights = _interval(table, found, unit)
    bin = _needed(bin, table)
    counts = mean_running(table.file, starts, ends, bin, weights)
    going = int(np.count_nonzero(np.isinf(ends)))
    notes = (f"{going:,} intervals have no end: they run on",) if going else ()
    source = _source(table, f"what runs at once, means over bins of {bin:g} s")
    return LoadTrace(counts, bin, source, notes + _read(starts), running=True)


def _interval(
    table: Table, found: Found, unit: str | None
) -> tuple[Times, np.ndarray, np.ndarray | None]:
    """Starts, ends in seconds, infinite of what has none yet, and weights if there are any."""
    problems, (first, last) = Problems(), found.values
    ends_cells = time_cells(table, (last,))
    lasting = bool(table.header) and table.header[first].casefold() in DURATION
    closed = np.array([lasting or bool(cell) for cell in ends_cells])
    ended = table.take(np.flatnonzero(closed))
    ends = read_column(ended, time_cells(ended, (last,)), last, unit, problems)
    weights = _weights(table, found, problems)
    if lasting:
        spans = read_counts(ended, (first,), problems)[:, 0]
        problems.raise_if_any()
        since = ends.seconds - spans
        whole = np.floor(since).astype(np.int64)
        starts = ends._replace(whole=whole, fraction=since - whole)
    else:
        starts = read_column(table, time_cells(table, (first,)), first, unit, problems)
        problems.raise_if_any()
        begun = starts.take(np.flatnonzero(closed))
        for i in np.flatnonzero(begun.seconds > ends.seconds).tolist():
            issue = Issue(ended.at(i), "ends before it starts", "want end >= start")
            problems.add(table.file, "intervals like these", issue)
    problems.raise_if_any()
    seconds = np.full(len(closed), np.inf)
    seconds[closed] = ends.seconds
    return starts, seconds, weights


def _of_counts(table: Table, found: Found, bin: float | None, unit: str | None) -> LoadTrace:
    if bin is not None and not found.times:
        hint = "leave bin out and join bins with rebin"
        raise InputError(Issue("bin", f"{table.file} holds counts, not times", hint))
    problems, (column,) = Problems(), found.values
    if bin is None and not found.times and _hold_times(table, column):
        _needed(bin, table)
    counts = read_counts(table, (column,), problems)[:, 0]
    if not found.times:
        problems.raise_if_any()
        return _numbered(table, found, counts)
    cells = time_cells(table, found.times)
    if read_times(cells, unit or "auto").kind == "":
        problems.raise_if_any()
        note = f"{table.header[found.times[0]]} holds no times: rows are taken as consecutive bins"
        return LoadTrace(counts, 0.0, _source(table, "counts"), (note,))
    times = read_column(table, cells, found.times[0], unit, problems)
    problems.raise_if_any()
    if bin is not None:
        added = binned(table.file, times, bin, unit, counts)
        source = _source(table, f"counts added up in bins of {bin:g} s")
        return LoadTrace(added, bin, source, _read(times))
    since = times.since(int(times.whole.min()))
    grid, width, notes = on_grid(table, cells, found.times[0], since, counts)
    return LoadTrace(grid, width, _source(table, "counts"), _read(times) + notes)


def _hold_times(table: Table, column: int) -> bool:
    """Whether what should be counts are times."""
    cells = time_cells(table, (column,))
    if not table.header and read_times(cells).kind == "epoch":
        return True
    return all(map(is_moment, cells))


def _numbered(table: Table, found: Found, counts: np.ndarray) -> LoadTrace:
    """Counts of consecutive bins, or of those that a column numbers."""
    source = _source(table, "counts")
    if found.place < 0:
        return LoadTrace(counts, 0.0, source)
    cells = time_cells(table, (found.place,))
    numbers, bad = column_numbers(cells)
    if bad.any() or np.any(numbers != np.rint(numbers)) or len(counts) < 2:
        return LoadTrace(counts, 0.0, source)
    grid, _, notes = on_grid(table, cells, found.place, numbers, counts)
    notes = tuple(note.replace(" of 1 s", "") for note in notes)
    return LoadTrace(grid, 0.0, source, notes)


def _of_rows(table: Table, found: Found, bin: float | None, unit: str | None) -> LoadTrace:
    """Counts of bins side by side: in a row for each function, say, or for each day."""
    if bin is not None:
        hint = "leave bin out and join bins with rebin"
        raise InputError(Issue("bin", f"{table.file} holds counts, not times", hint))
    problems = Problems()
    counts = read_counts(table, found.values, problems)
    if found.times:
        days = read_column(table, time_cells(table, found.times), found.times[0], unit, problems)
        problems.raise_if_any()
        order, place = np.unique(days.seconds, return_inverse=True)
        daily = np.zeros((len(order), counts.shape[1]))
        np.add.at(daily, place, counts)
        name = table.header[found.times[0]]
        note = f"counts of {counts.shape[1]:,} bins side by side, one {name} after the other"
        return LoadTrace(daily.ravel(), 0.0, _source(table, "counts"), (note,))
    problems.raise_if_any()
    note = f"counts of {counts.shape[1]:,} bins side by side, added up over {len(counts):,} rows"
    return LoadTrace(counts.sum(axis=0), 0.0, _source(table, "counts"), (note,))


def _needed(bin: float | None, table: Table) -> float:
    if bin is None:
        hint = "want the width of a bin in seconds"
        raise InputError(Issue("bin", f"is needed: {table.file} holds times", hint))
    return bin


def _source(table: Table, what: str) -> str:
    return f"{Path(table.file).name}, {what}"


def _read(times: Times) -> tuple[str, ...]:
    """How times were read, where that had to be guessed."""
    note = unit_note(times, "time_unit")
    return (f"times {note}",) if note else ()


_READERS = {
    "times": _of_times,
    "counts": _of_counts,
    "intervals": _of_intervals,
    "running": _of_running,
    "wide": _of_rows,
}
