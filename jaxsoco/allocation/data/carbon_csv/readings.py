"""Turns one carbon file into hourly readings by region; every fault is reported by line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon_csv.answers import read_answer
from jaxsoco.allocation.data.carbon_csv.cells import read_numbers, report_doubts
from jaxsoco.allocation.data.carbon_csv.formats import recognise
from jaxsoco.allocation.data.carbon_csv.headers import HeaderError, Layout
from jaxsoco.allocation.data.carbon_csv.hours import Part, by_hour, in_order, without_open_ends
from jaxsoco.allocation.data.carbon_csv.names import is_local, unit_factor
from jaxsoco.allocation.data.carbon_csv.places import is_silent, region_of
from jaxsoco.allocation.data.carbon_csv.table import even_table, header_of
from jaxsoco.allocation.data.files import CarbonFile
from jaxsoco.core.content import read_content
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table
from jaxsoco.core.stamps import WANT_ISO
from jaxsoco.core.text import shorten
from jaxsoco.core.times import (
    Times,
    as_in_more,
    read_times,
    report_times,
    time_cells,
    unit_note,
)

_EXCEL_DAYS = (20_000, 80_000)
"""Days of 1954 to 2119 as spreadsheets count them, from 1900 on."""
_UNNAMED_UNITS = ("zone average", "one column", "wide table")
"""Layouts whose headers need not name a unit."""
_TRUE = frozenset({"true", "1", "1.0", "yes", "t", "y"})


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
      zone: zone that the rows name, where the region is named after the file; or empty.
      by_file: whether the file's name, not a column, names the region.
      folders: sub-folders of the file.
      alone: whether it is the only region of a wide table.
      file_region: what the file's name says.
      item: what ``lines`` count where the file has no lines.
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
    zone: str = ""
    by_file: bool = False
    folders: tuple[str, ...] = ()
    alone: bool = False
    file_region: str = ""
    item: str = ""


def read_file(file: CarbonFile, signal: str, fill_gaps: int, problems: Problems) -> list[Readings]:
    """Returns the readings of each region in one file; what is wrong goes to ``problems``.

    Args:
      file: the file, of separated values or JSON, plain or packed.
      signal: which column of an Electricity Maps export counts, ``life-cycle`` or ``direct``.
      fill_gaps: if positive, hours with at least half of their sub-hourly readings are kept.
      problems: collects the issues.
    """
    table, layout, region = _open(file, signal, problems)
    if layout is None or not table.rows:
        return []
    cells = time_cells(table, layout.times)
    times = read_times(cells)
    report_times(table, cells, layout.time, times, problems)
    if times.kind == "number":
        _report_numbers(table, layout, cells, times, problems)
        return []
    if is_local(table.header[layout.time]) and times.naive.any():
        _report_local(table, layout, problems)
        return []
    factors = _factors(table, layout, problems)
    good = np.flatnonzero(~times.bad & ~times.odd)
    table, times = table.take(good), times.take(good)
    if not table.rows or factors is None:
        return []  # every row has been reported
    layout = layout._replace(factors=factors, notes=_column_notes(table, layout, times))
    readings = []
    for zone, (name, rows) in _zones(table, layout, problems).items():
        part = in_order(table, layout, times, rows, problems)
        by_file = name is None and not layout.named
        if part is not None:
            readings += [
                one._replace(
                    zone=zone,
                    by_file=by_file,
                    folders=file.folders,
                    alone=layout.kind == "wide table" and len(layout.values) == 1,
                    file_region=region,
                )
                for one in _regions(part, layout, name or layout.regions[0], fill_gaps, problems)
            ]
    return readings


def _open(file: CarbonFile, signal: str, problems: Problems) -> tuple[Table, Layout | None, str]:
    """The rows of a file, their layout, None if that is reported, and the region of its name."""
    path = file.path
    nothing = Table(str(path), [], [], np.zeros(0, np.int64), whole=False)
    is_json, region = False, ""
    try:
        content = read_content(path, "save it as CSV in UTF-8")
        region = region_of(Path(content.name).stem, file.folders, file.root)
        is_json = content.kind.startswith("JSON")
        if is_json:
            return *read_answer(content, region, signal), region
        table = even_table(content, problems)
        if not table.header or not table.rows:
            return nothing, None, region
        return table, recognise(header_of(table, region), signal), region
    except InputError as error:
        problems.add(str(path), "unreadable files", error.issues[0])
    except HeaderError as error:
        message, hint = error.args
        place = str(path) if is_json else f"{path}:1"
        problems.add(str(path), "header errors", Issue(place, message, hint))
    return nothing, None, region


def _report_numbers(
    table: Table, layout: Layout, cells: list[str], times: Times, problems: Problems
) -> None:
    """Numbers that are no seconds since 1970, once for the file."""
    numbers = times.seconds[~times.bad & ~times.odd]
    hint = WANT_ISO
    low, high = _EXCEL_DAYS
    if numbers.min() >= low and numbers.max() < high:
        hint = f"a spreadsheet's count of days since 1900? format the column as text and {WANT_ISO}"
    issue = Issue(
        table.at(0, layout.time),
        f'"{cells[0]}" is a number, not a timestamp{as_in_more(len(numbers) - 1)}',
        hint,
    )
    problems.add(table.file, "numbers for timestamps", issue)


def _report_local(table: Table, layout: Layout, problems: Problems) -> None:
    """Times that are local by their column's name, and do not say where."""
    message = f"the column {table.header[layout.time]} holds local time without offsets"
    hint = "write UTC, or an offset such as +02:00 with every stamp"
    issue = Issue(f"{table.file}:1", message, hint)
    problems.add(table.file, "local times", issue)


def _column_notes(table: Table, layout: Layout, times: Times) -> tuple[str, ...]:
    """What a report says of the columns: their choice, and the unit of the time."""
    notes = tuple(f"{table.file}: {note}" for note in layout.notes)
    unit = unit_note(times)
    if unit:
        notes += (f"{table.file}: the column {table.header[layout.time]} was {unit}",)
    return notes


def _factors(table: Table, layout: Layout, problems: Problems) -> tuple[float, ...] | None:
    """From the file's units to g/kWh; None where a column names several or an unknown one."""
    if layout.units is None:
        return layout.factors
    column = [row[layout.units] for row in table.rows]
    names = sorted(set(column) - {""})
    if not names:
        return layout.factors
    factors = {name: unit_factor(name) for name in names}
    if len(set(factors.values())) > 1 or "" in column:
        first = next(i for i, name in enumerate(column) if name != column[0])
        listed = shorten(", ".join(names), 120)
        message = f'"{column[first]}" after "{column[0]}": lines of mixed units ({listed})'
        issue = Issue(table.at(first, layout.units), message, "write one unit in all lines")
    elif None in factors.values():
        message = f'"{names[0]}" is no unit of carbon intensity that is known'
        hint = "want g/kWh, kg/kWh, kg/MWh, t/MWh or lb/MWh"
        issue = Issue(table.at(column.index(names[0]), layout.units), message, hint)
    else:
        factor = factors[names[0]]
        assert factor is not None
        return (factor,) * len(layout.values)
    problems.add(table.file, "units", issue)
    return None


def _zones(
    table: Table, layout: Layout, problems: Problems
) -> dict[str, tuple[str | None, np.ndarray]]:
    """Each zone: the name that its region gets (None: the file's), and its rows."""
    everything = np.arange(len(table.rows))
    if layout.zone is None:
        return {"": (None, everything)}
    zones = np.array([row[layout.zone].strip() for row in table.rows])
    unnamed = np.flatnonzero(zones == "").tolist()
    for i in unnamed:
        issue = Issue(table.at(i, layout.zone), "names no zone", "write the zone's name")
        problems.add(table.file, "lines without a zone", issue)
    if len(unnamed):
        return {}
    names = list(dict.fromkeys(zones.tolist()))
    if len(names) == 1 and not layout.zone_first and not is_silent(layout.regions[0]):
        return {names[0]: (None, everything)}
    return {name: (name, np.flatnonzero(zones == name)) for name in names}


def _regions(
    part: Part, layout: Layout, region: str, fill_gaps: int, problems: Problems
) -> list[Readings]:
    """Returns the readings of each column; ``region`` names that of a single one."""
    if part.table.item and len(layout.values) == 1:
        part = without_open_ends(part, layout.values[0])
    table = part.table
    names = (region,) if len(layout.values) == 1 else layout.regions
    notes = (*part.notes, *layout.notes, *_estimated_note(table, layout, region))
    result: list[Readings] = []
    doubted: dict[int, float] = {}
    for column, name, factor in zip(layout.values, names, layout.factors, strict=True):
        named = layout.units is not None or unit_factor(table.header[column]) is not None
        named = named or layout.kind not in _UNNAMED_UNITS
        values, commas, doubt = read_numbers(table, column, factor, problems, named)
        if doubt:
            doubted[column] = float(np.nanmax(values))
        hours, values, lines, thinned = by_hour(part, column, values, fill_gaps, problems)
        more = (f"decimal commas read in {table.file}",) if commas else ()
        if part.step < 3600:
            more += (f"{part.step / 60:g}-minute readings of {table.file} averaged to hours",)
        if thinned:
            more += (f"{thinned} hours of {table.file} averaged from at least half their readings",)
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
                (*notes, *more),
                item=table.item,
            )
        )
    report_doubts(table, doubted, problems)
    return result


def _estimated_note(table: Table, layout: Layout, region: str) -> tuple[str, ...]:
    """How many readings the source calls estimated."""
    if layout.estimated is None:
        return ()
    flags = (row[layout.estimated].casefold() for row in table.rows)
    count = sum(flag in _TRUE for flag in flags)
    if not count:
        return ()
    return (f"{count:,} of {len(table.rows):,} readings of {region} in {table.file} are estimated",)
