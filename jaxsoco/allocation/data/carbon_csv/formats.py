"""The four layouts of carbon CSV files: what their headers look like, and their timestamps.

=================  ==================================================================  ===========
layout             columns                                                             unit
=================  ==================================================================  ===========
zone average       ``datetime``, ``carbon_intensity_avg``, perhaps ``zone_name``       g/kWh
Electricity Maps   ``Datetime (UTC)``, ``Zone id``, ``Carbon intensity gCO₂eq/kWh      g/kWh
                   (Life cycle)`` and ``(direct)``; in older ones ``Carbon Intensity
                   gCO₂eq/kWh (LCA)``
WattTime           ``point_time``, ``value`` (v3) or ``timestamp``, ``MOER`` (v2);     lb/MWh
                   ``MOER version 2.0`` of the SGIP signal                             kg/kWh
wide table         one time column, one column for each region                         g/kWh
=================  ==================================================================  ===========

Zone average is how Sukprasert et al. (EuroSys 2024) redistribute Electricity Maps data: life-cycle
averages. WattTime's rates are marginal: 1 lb/MWh = 0.45359237 g/kWh (the pound is 0.45359237 kg by
definition). A unit in the name of a ``MOER`` column, ``MOER (kg/MWh)`` say, is honoured.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

GRAMS_PER_KWH_OF_LB_PER_MWH = 0.45359237

KNOWN_HEADERS = (
    "zone average: datetime,zone_name,carbon_intensity_avg",
    "Electricity Maps: Datetime (UTC),Zone id,Carbon intensity gCO₂eq/kWh (Life cycle)",
    "WattTime: point_time,value or timestamp,MOER",
    "wide table: datetime,<region>,<region>,...",
)

_TIME_NAMES = frozenset(
    {"datetime", "date_time", "date time", "timestamp", "time", "date", "hour", "point_time", "utc"}
)
# Columns of the other layouts: a table that has one of them is a damaged file, not a wide table.
_NOT_REGIONS = frozenset(
    {"value", "zone_name", "zone name", "zone id", "zone_id", "country", "units", "market", "freq"}
    | {"ba", "version", "frequency", "data source", "carbon_intensity", "carbonintensity"}
)
_SIGNAL_ENDINGS = {
    "life-cycle": ("(life cycle)", "(life-cycle)", "(lifecycle)", "(lca)"),
    "direct": ("(direct)",),
}
SIGNALS = tuple(_SIGNAL_ENDINGS)
_MOER_VERSION = re.compile(r"moer version (\d+(?:\.\d+)?)")
_FILE_SUFFIX = re.compile(
    r"(?:[_-](?:\d{4}(?:-\d\d){0,2}|hourly|co2_moer|co2_aoer|moer|historical|all_moer_versions))+$",
    re.IGNORECASE,
)


class Layout(NamedTuple):
    """Where a file keeps what.

    Attributes:
      kind: name of the layout, for messages and reports.
      time: column of the timestamp.
      values: columns of readings; several in a wide table only.
      regions: region of each of ``values``; the zone column overrides it where rows differ.
      zone: column that names the zone of each row, or None.
      zone_first: whether a file of a single zone is named after it, not after the file.
      factor: from the file's unit to g CO2eq/kWh.
      utc: whether the header promises UTC.
      averaged: whether readings within an hour are averaged; otherwise they are an error.
    """

    kind: str
    time: int
    values: tuple[int, ...]
    regions: tuple[str, ...]
    zone: int | None = None
    zone_first: bool = False
    factor: float = 1.0
    utc: bool = False
    averaged: bool = False


class HeaderError(Exception):
    """A header that fits no layout; the arguments are the message and the hint."""


def recognise(header: Sequence[str], stem: str, signal: str) -> Layout:
    """Returns the layout of a file with this ``header``.

    Args:
      header: names of the columns as they stand in the first line.
      stem: the file's name without its ending; names the region where no column does.
      signal: ``"life-cycle"`` or ``"direct"``: which column of an Electricity Maps export.

    Raises:
      HeaderError: no layout fits, or the one that fits lacks what was asked for.
    """
    names = [_plain(name) for name in header]
    for attempt in (_portal, _zone_average, _watttime, _wide):
        layout = attempt(header, names, stem, signal)
        if layout is not None:
            return layout
    raise HeaderError(
        f"the header {_quoted(header)} is none of the known ones",
        "known: " + "; ".join(KNOWN_HEADERS),
    )


def _portal(header: Sequence[str], names: list[str], stem: str, signal: str) -> Layout | None:
    columns = [i for i, name in enumerate(names) if name.startswith("carbon intensity")]
    if not columns and "zone id" not in names:
        return None
    matches = [i for i in columns if names[i].endswith(_SIGNAL_ENDINGS[signal])]
    if len(matches) != 1:
        ending = "direct" if signal == "direct" else "Life cycle"
        raise HeaderError(
            f"an Electricity Maps export with {len(matches) or 'no'} {signal} columns: "
            f"{_quoted(header)}",
            f'wanted: one column "Carbon intensity gCO₂eq/kWh ({ending})"',
        )
    return Layout(
        "Electricity Maps export",
        _time_column(header, names),
        tuple(matches),
        (_FILE_SUFFIX.sub("", stem),),
        zone=names.index("zone id") if "zone id" in names else None,
        zone_first=True,
        utc=_promises_utc(names),
    )


def _zone_average(header: Sequence[str], names: list[str], stem: str, signal: str) -> Layout | None:
    if "carbon_intensity_avg" not in names:
        return None
    if signal == "direct":
        raise HeaderError(
            'signal "direct" was asked for, and carbon_intensity_avg is a life-cycle average',
            'use signal = "life-cycle", or Electricity Maps exports, which carry both',
        )
    return Layout(
        "zone average",
        _time_column(header, names),
        (names.index("carbon_intensity_avg"),),
        (stem,),
        zone=names.index("zone_name") if "zone_name" in names else None,
        utc=_promises_utc(names),
    )


def _watttime(header: Sequence[str], names: list[str], stem: str, signal: str) -> Layout | None:
    del signal  # a marginal rate is neither
    moer = _moer_column(names)
    if moer is None:
        return None
    if "generated_at" in names:
        raise HeaderError(
            "the column generated_at says that this is a file of forecasts",
            "give the historical rates of the same region",
        )
    column, factor = moer
    return Layout(
        "WattTime marginal rate",
        _time_column(header, names),
        (column,),
        (_FILE_SUFFIX.sub("", stem),),
        factor=factor,
        utc="point_time" in names or _promises_utc(names),
        averaged=True,
    )


def _moer_column(names: list[str]) -> tuple[int, float] | None:
    """Returns the column of the marginal rate and its factor to g/kWh."""
    versions = [
        (float(m[1]), i) for i, name in enumerate(names) if (m := _MOER_VERSION.match(name))
    ]
    if versions:
        return max(versions)[1], 1000.0
    for i, name in enumerate(names):
        if name.startswith("moer") and not name.startswith("moer version"):
            squeezed = name.replace("_", "").replace("per", "/").replace(" ", "")
            if "kg" in squeezed:
                return i, 1000.0 if "/kwh" in squeezed else 1.0
            return i, GRAMS_PER_KWH_OF_LB_PER_MWH
    if "value" in names and "point_time" in names:
        return names.index("value"), GRAMS_PER_KWH_OF_LB_PER_MWH
    return None


def _wide(header: Sequence[str], names: list[str], stem: str, signal: str) -> Layout | None:
    del stem, signal  # a wide table says nothing of either
    times = [i for i, name in enumerate(names) if _is_time(name)]
    if not times and names and _is_index(names[0]):
        times = [0]
    if len(times) != 1 or _NOT_REGIONS.intersection(names):
        return None
    columns = [i for i, name in enumerate(names) if i != times[0] and not _is_index(name)]
    regions = tuple(header[i].strip() for i in columns)
    if not regions:
        return None
    repeated = sorted({name for name in regions if regions.count(name) > 1})
    if repeated:
        raise HeaderError(
            f"a wide table with more than one column for {', '.join(repeated)}",
            "one column for each region",
        )
    return Layout("wide table", times[0], tuple(columns), regions, utc=_promises_utc(names))


def _time_column(header: Sequence[str], names: list[str]) -> int:
    for i, name in enumerate(names):
        if _is_time(name):
            return i
    raise HeaderError(
        f"the header {_quoted(header)} has no column of timestamps",
        'wanted: a column "datetime", "timestamp", "point_time" or "Datetime (UTC)"',
    )


def _plain(name: str) -> str:
    """Lower case, single blanks, compatibility characters folded (CO₂ is co2)."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _is_time(name: str) -> bool:
    return name in _TIME_NAMES or re.sub(r"[\s_(\[]*utc[)\]]*$", "", name) in _TIME_NAMES


def _is_index(name: str) -> bool:
    return not name or name.startswith("unnamed:")


def _promises_utc(names: list[str]) -> bool:
    return any(_is_time(name) and "utc" in name for name in names)


def _quoted(header: Sequence[str]) -> str:
    text = ",".join(header)
    return f'"{text if len(text) <= 160 else text[:157] + "..."}"'


class Times(NamedTuple):
    """Timestamps of the rows of one file.

    Attributes:
      seconds: ``[m]`` int64 since 1970 in UTC; 0 where ``bad``.
      naive: ``[m]`` bool, True where the stamp carries no time zone.
      bad: ``[m]`` bool, True where the stamp cannot be read.
    """

    seconds: np.ndarray
    naive: np.ndarray
    bad: np.ndarray


_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


def parse_times(texts: Sequence[str]) -> Times:
    """Reads ISO 8601 timestamps, with or without an offset, ``Z`` or a trailing ``UTC``."""
    seconds = np.zeros(len(texts), np.int64)
    naive = np.zeros(len(texts), bool)
    bad = np.zeros(len(texts), bool)
    read = datetime.fromisoformat
    for i, text in enumerate(texts):
        try:
            stamp = read(_with_offset(text))
        except ValueError:
            bad[i] = True
            continue
        if stamp.tzinfo is None:
            naive[i] = True
            since = stamp - _EPOCH
        else:
            since = stamp - _EPOCH_UTC
        seconds[i] = since.days * 86400 + since.seconds
    return Times(seconds, naive, bad)


def _with_offset(text: str) -> str:
    text = text.strip()
    return text[:-3].rstrip() + "+00:00" if text.endswith("UTC") else text


def stamp(seconds: int) -> str:
    """Writes seconds since 1970 the way messages show them: ``2022-03-27 02:00``."""
    return str(np.datetime64(int(seconds), "s"))[:16].replace("T", " ")
