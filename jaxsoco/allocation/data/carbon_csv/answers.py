"""Answers in JSON, as services give them and people keep them.

==================  ====================================================  =========================
service             records                                               unit
==================  ====================================================  =========================
Electricity Maps    ``carbonIntensity``, ``datetime``, ``zone``           g/kWh
WattTime v2 and v3  ``value``, ``point_time``, ``ba`` or ``meta.region``  ``meta.units``, or lb/MWh
UK Carbon           ``from``, ``intensity.actual``, perhaps               g/kWh
Intensity API       ``shortname`` of a region
carbon-aware SDK    ``rating``, ``time``, ``location``; forecasts with    g/kWh
                    ``value``, ``timestamp``
==================  ====================================================  =========================

Other JSON is taken for a table: a list of records of one form, as pandas writes it. So is a value
of JSON on each line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxsoco.allocation.data.carbon_csv.formats import recognise
from jaxsoco.allocation.data.carbon_csv.headers import HeaderError, Layout
from jaxsoco.allocation.data.carbon_csv.names import GRAMS_PER_KWH_OF_LB_PER_MWH, is_estimated
from jaxsoco.allocation.data.carbon_csv.table import header_of
from jaxsoco.core.content import Content
from jaxsoco.core.errors import InputError
from jaxsoco.core.json_text import parse_json, parse_json_lines
from jaxsoco.core.rows import Table
from jaxsoco.core.text import shorten

KNOWN = (
    "known: answers of Electricity Maps, WattTime, the UK Carbon Intensity API and the "
    "carbon-aware SDK, and lists of records with a time and carbon intensities"
)

_LISTS = (
    *("history", "data", "forecast", "forecastData", "regions", "emissionsData", "records"),
    *("values", "results"),
)
_SDK = (("time", "rating"), ("starttime", "carbonintensity"), ("timestamp", "value"))
_FAULTS = ("error", "errors", "message", "detail", "status")
_DEEPEST = 20
_FORECASTS = "holds forecasts, no measurements"
_MARK = "answer"
_CUT = "it may be cut: download it again"


def read_answer(content: Content, region: str, signal: str) -> tuple[Table, Layout]:
    """The records of an answer as a table, and which of its columns holds what.

    Args:
      content: the file.
      region: what the file's name says.
      signal: ``"life-cycle"`` or ``"direct"``.

    Raises:
      InputError: it is no JSON.
      HeaderError: it holds no carbon intensity, or another signal than was asked for.
    """
    parsed = _parse(content)
    records = [*_records(_frame(parsed), {}, 0)]
    table = _table(content.file, records)
    layout = _layout(table, region, signal)
    if layout is not None:
        notes = layout.notes + ((_FORECASTS,) if _MARK in table.header else ())
        return table, layout._replace(notes=notes)
    _refuse_faults(parsed)
    try:
        return table, recognise(header_of(table, region), signal)
    except HeaderError as error:
        message, hint = error.args
        listed = hint.startswith(("known", "nearest"))
        raise HeaderError(message, KNOWN if listed else hint) from None


def _parse(content: Content) -> Any:
    try:
        return (parse_json_lines if content.kind == "JSON Lines" else parse_json)(content.text)
    except InputError as error:
        cut = (issue._replace(hint=issue.hint or _CUT) for issue in error.issues)
        raise InputError(cut).under(content.file) from None


def _frame(value: Any) -> Any:
    """The records of a data frame in one of the other forms that pandas writes; else the value.

    They are: columns of cells by their rows' names, columns as lists, and ``split``.
    """
    if not isinstance(value, dict) or not value:
        return value
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(_is_list(row) for row in data):
        return [dict(zip(map(str, names), row, strict=False)) for row in data]
    columns = [*value.values()]
    if all(_is_list(column) for column in columns) and len({len(c) for c in columns}) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if all(isinstance(c, dict) and c.keys() == columns[0].keys() for c in columns):
        if any(isinstance(cell, dict | list) for c in columns for cell in c.values()):
            return value
        rows = [*columns[0]]
        counted = rows == [str(i) for i in range(len(rows))]
        index = ({} if counted else {"": row} for row in rows)
        return [
            one | {name: value[name][row] for name in value}
            for one, row in zip(index, rows, strict=True)
        ]
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(cell, dict | list) for cell in value)


def _records(value: Any, outer: dict[str, str], depth: int) -> Iterator[dict[str, str]]:
    """The innermost records, each with what stands around them: its zone, its unit."""
    if depth > _DEEPEST:
        raise HeaderError("is nested too deep", KNOWN)
    if isinstance(value, list):
        for item in value:
            yield from _records(item, outer, depth + 1)
        return
    if not isinstance(value, dict):
        raise HeaderError("holds values without names", KNOWN)
    inner = next((key for key in _LISTS if _holds_records(value.get(key))), None)
    own = dict(outer)
    _flatten({key: item for key, item in value.items() if key != inner}, "", own, depth)
    if inner in ("forecast", "forecastData"):
        own[_MARK] = "forecast"
    if inner is None:
        yield own
    else:
        yield from _records(value[inner], own, depth + 1)


def _holds_records(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict)
    # The British API answers for one region with an object around its data.
    return isinstance(value, dict) and any(_holds_records(value.get(key)) for key in _LISTS)


def _flatten(value: dict[str, Any], prefix: str, target: dict[str, str], depth: int) -> None:
    """Adds the cells of an object: ``intensity.actual`` of ``{"intensity": {"actual": 148}}``."""
    for key, item in value.items():
        if isinstance(item, dict) and depth < _DEEPEST:
            _flatten(item, f"{prefix}{key}.", target, depth + 1)
        elif not isinstance(item, list | dict):
            target[f"{prefix}{key}"] = _cell(item)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.strip() if isinstance(value, str) else repr(value)


def _table(file: str, records: list[dict[str, str]]) -> Table:
    header = [*dict.fromkeys(name for record in records for name in record)]
    if not header:
        raise HeaderError("holds no records", KNOWN)
    rows = [[record.get(name, "") for name in header] for record in records]
    lines = np.arange(1, len(rows) + 1)
    return Table(file, header, rows, lines, separator="", item="record")


def _refuse_faults(parsed: Any) -> None:
    """Raises where the answer says why there are no data."""
    if not isinstance(parsed, dict):
        return
    texts = (parsed.get(key) for key in _FAULTS)
    text = next((text for text in texts if isinstance(text, str)), None)
    if text is not None and not any(_holds_records(parsed.get(key)) for key in _LISTS):
        message = f'holds no data: the service answered "{shorten(text, 160)}"'
        raise HeaderError(message, "ask the service again")


# --- services ------------------------------------------------------------------------------------


def _layout(table: Table, region: str, signal: str) -> Layout | None:
    """The layout of a service's answer; None if it is none of those that are known."""
    columns = {name: i for i, name in enumerate(table.header)}
    lower = {name.casefold(): i for i, name in reversed([*enumerate(table.header)])}
    if {"carbonIntensity", "datetime"} <= columns.keys():
        return _electricity_maps(table, columns, region, signal)
    if any(name.startswith("power") and "Breakdown" in name for name in columns):
        message = "holds the power of a grid's sources, not its carbon intensity"
        raise HeaderError(message, "ask Electricity Maps for carbon-intensity")
    if {"point_time", "value"} <= columns.keys():
        return _watttime(table, columns, region)
    if "from" in columns and {"intensity.actual", "intensity.forecast"} & columns.keys():
        return _uk(table, columns)
    for time, value in _SDK:
        if {time, value, "location"} <= lower.keys():
            return Layout(
                "carbon-aware SDK",
                (lower[time],),
                (lower[value],),
                (region,),
                zone=lower["location"],
                zone_first=True,
                utc=True,
                averaged=True,
            )
    return None


def _electricity_maps(table: Table, columns: dict[str, int], region: str, signal: str) -> Layout:
    kinds = _values(table, columns, "emissionFactorType")
    other = "direct" if signal == "life-cycle" else "lifecycle"
    asked = "direct" if other == "direct" else "life-cycle"
    if kinds == {other}:
        raise HeaderError(
            f'signal "{signal}" was asked for, and emissionFactorType is {other}',
            f'use signal = "{asked}", or ask for the other',
        )
    return Layout(
        "Electricity Maps API",
        (columns["datetime"],),
        (columns["carbonIntensity"],),
        (region,),
        zone=columns.get("zone"),
        zone_first=True,
        estimated=next((i for name, i in columns.items() if is_estimated(name)), None),
        utc=True,
        averaged=True,
    )


def _watttime(table: Table, columns: dict[str, int], region: str) -> Layout:
    if {"generated_at", "meta.generated_at"} & columns.keys():
        raise HeaderError(
            "generated_at says that these are forecasts",
            "give the historical rates of the same region",
        )
    kinds = {kind.casefold() for kind in _values(table, columns, "meta.signal_type", "datatype")}
    average = any("aoer" in kind for kind in kinds)
    strange = sorted(kind for kind in kinds if "moer" not in kind and "aoer" not in kind)
    if strange:
        raise HeaderError(f"holds {', '.join(strange)}, not carbon intensity", "ask for co2_moer")
    zones = (columns[name] for name in ("meta.region", "region", "ba") if name in columns)
    return Layout(
        "WattTime average rate" if average else "WattTime marginal rate",
        (columns["point_time"],),
        (columns["value"],),
        (region,),
        zone=next(zones, None),
        zone_first=True,
        factors=(GRAMS_PER_KWH_OF_LB_PER_MWH,),
        units=columns.get("meta.units", columns.get("units")),
        utc=True,
        averaged=True,
    )


def _uk(table: Table, columns: dict[str, int]) -> Layout:
    actual = columns.get("intensity.actual")
    notes = ()
    if actual is None or not any(row[actual] for row in table.rows):
        actual = columns["intensity.forecast"]
        notes = (_FORECASTS,)
    return Layout(
        "UK Carbon Intensity API",
        (columns["from"],),
        (actual,),
        ("GB",),
        named=True,
        zone=columns.get("shortname"),
        zone_first=True,
        utc=True,
        averaged=True,
        notes=notes,
    )


def _values(table: Table, columns: dict[str, int], *names: str) -> set[str]:
    """What is in the first of some columns that is there."""
    column = next((columns[name] for name in names if name in columns), None)
    return set() if column is None else {row[column] for row in table.rows} - {""}
