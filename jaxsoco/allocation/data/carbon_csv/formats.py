"""The layouts of carbon tables: which column of a header holds what.

=================  ==================================================================  ===========
layout             columns                                                             unit
=================  ==================================================================  ===========
zone average       ``datetime``, ``carbon_intensity_avg``, perhaps ``zone_name``       g/kWh
Electricity Maps   ``Datetime (UTC)``, ``Zone id``, ``Carbon intensity gCO₂eq/kWh      g/kWh
                   (Life cycle)`` and ``(direct)``; in older ones ``Carbon Intensity
                   gCO₂eq/kWh (LCA)``
WattTime           ``point_time``, ``value`` (v3) or ``timestamp``, ``MOER`` (v2);     lb/MWh
                   ``MOER version 2.0`` of the SGIP signal                             kg/kWh
one column         a time, one column of carbon intensity by its name                  g/kWh
                   (``CI``, ``carbon_intensity``, ``avg_CI``), perhaps a zone
wide table         one time column, one column for each region                         g/kWh
=================  ==================================================================  ===========

Zone average is how Sukprasert et al. (EuroSys 2024) redistribute Electricity Maps data: life-cycle
averages. WattTime's rates are marginal: 1 lb/MWh = 0.45359237 g/kWh (the pound is 0.45359237 kg by
definition). A unit in the name of a column, ``MOER (kg/MWh)`` say, is honoured. Answers in JSON are
in :mod:`jaxsoco.allocation.data.carbon_csv.answers`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jaxsoco.allocation.data.carbon_csv.headers import (
    Header,
    HeaderError,
    Layout,
    nearest,
    quoted,
    times_of,
)
from jaxsoco.allocation.data.carbon_csv.names import (
    GRAMS_PER_KWH_OF_LB_PER_MWH,
    is_estimated,
    is_forecast,
    is_unit_column,
    is_value,
    is_zone,
    region_name,
    squeezed,
    strays,
    unit_factor,
)
from jaxsoco.core.rows import is_unnamed
from jaxsoco.core.text import shorten

# Columns of the other layouts: a table that has one of them is a damaged file, not a wide table.
_NOT_REGIONS = frozenset({"value", "market", "freq", "version", "frequency", "data source"})
_SIGNAL_ENDINGS = {
    "life-cycle": ("(life cycle)", "(life-cycle)", "(lifecycle)", "(lca)"),
    "direct": ("(direct)",),
}
SIGNALS = tuple(_SIGNAL_ENDINGS)
_SIGNAL_WORDS = {"life-cycle": ("lifecycle", "lca"), "direct": ("direct",)}
_MOER_VERSION = re.compile(r"moer version (\d+(?:\.\d+)?)")
_MOST_NAMES = 10
_SECOND = re.compile(r"\.\d+$")


def recognise(header: Header, signal: str) -> Layout:
    """Returns the layout of a file with this ``header``.

    Args:
      header: its columns.
      signal: ``"life-cycle"`` or ``"direct"``: which column of an Electricity Maps export.

    Raises:
      HeaderError: no layout fits, or the one that fits lacks what was asked for.
    """
    for attempt in (_portal, _zone_average, _watttime, _one_column, _wide):
        layout = attempt(header, signal)
        if layout is not None:
            return layout
    raise HeaderError(
        f"the header {quoted(header.names)} is none of the known ones", nearest(header)
    )


def _portal(header: Header, signal: str) -> Layout | None:
    names = header.plain
    columns = [i for i, name in enumerate(names) if name.startswith("carbon intensity")]
    endings = tuple(ending for group in _SIGNAL_ENDINGS.values() for ending in group)
    if "zone id" not in names and not any(names[i].endswith(endings) for i in columns):
        return None
    matches = [i for i in columns if names[i].endswith(_SIGNAL_ENDINGS[signal])]
    if len(matches) != 1:
        ending = "direct" if signal == "direct" else "Life cycle"
        raise HeaderError(
            f"an Electricity Maps export with {len(matches) or 'no'} {signal} columns: "
            f"{quoted(header.names)}",
            f'wanted: one column "Carbon intensity gCO₂eq/kWh ({ending})"',
        )
    return Layout(
        "Electricity Maps export",
        times_of(header),
        tuple(matches),
        (header.region,),
        zone=names.index("zone id") if "zone id" in names else None,
        zone_first=True,
        factors=_factors(header, matches),
        estimated=header.only(is_estimated),
        utc=header.utc,
    )


def _zone_average(header: Header, signal: str) -> Layout | None:
    if "carbon_intensity_avg" not in header.plain:
        return None
    if signal == "direct":
        raise HeaderError(
            'signal "direct" was asked for, and carbon_intensity_avg is a life-cycle average',
            'use signal = "life-cycle", or Electricity Maps exports, which carry both',
        )
    return Layout(
        "zone average",
        times_of(header),
        (header.plain.index("carbon_intensity_avg"),),
        (header.region,),
        zone=header.zone("zonename"),
        units=header.only(is_unit_column),
        estimated=header.only(is_estimated),
        utc=header.utc,
    )


def _watttime(header: Header, signal: str) -> Layout | None:
    del signal  # a marginal rate is neither
    names = header.plain
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
        times_of(header),
        (column,),
        (header.region,),
        zone=header.zone("region", "ba"),
        factors=(factor,),
        units=header.only(is_unit_column),
        utc="point_time" in names or header.utc,
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
            factor = unit_factor(name)
            return i, GRAMS_PER_KWH_OF_LB_PER_MWH if factor is None else factor
    if "value" in names and "point_time" in names:
        return names.index("value"), GRAMS_PER_KWH_OF_LB_PER_MWH
    return None


def _one_column(header: Header, signal: str) -> Layout | None:
    """One column of carbon intensity by its name; what stands beside it is no region."""
    columns, others = _columns(header), _strays(header)
    values = [i for i in columns if i not in others and is_value(header.names[i])]
    names = [squeezed(header.names[i]) for i in columns]
    measured = [i for i, name in zip(columns, names, strict=True) if name.endswith("actual")]
    if not values and len(measured) == 1 and {"forecast", "intensityforecast"}.intersection(names):
        values = measured  # the British API as a table
    forecasts = []
    if not values:
        forecasts = [i for i in columns if is_forecast(header.names[i]) and i not in header.texts]
        values = forecasts
    words = _SIGNAL_WORDS[signal]
    if len(values) > 1:
        values = [i for i in values if any(w in squeezed(header.names[i]) for w in words)] or values
    zone = header.zone()
    unknown = [i for i in columns if i not in others and i not in values]
    if not values or (zone is None and unknown):
        return None  # CI may be a region (Ivory Coast) among others
    if len(values) > 1:
        listed = ", ".join(header.names[i] for i in values)
        raise HeaderError(
            f"{len(values)} columns of carbon intensity: {listed}", "keep the one that counts"
        )
    (value,) = values
    left_out = [header.names[i] for i in columns if i != value and not _says_something(header, i)]
    notes = ()
    if left_out:
        listed, are = _few(left_out), "is" if len(left_out) == 1 else "are"
        notes = (f"{header.names[value]} is the carbon intensity; {listed} {are} left out",)
    if forecasts:
        notes += ("holds forecasts, no measurements",)
    return Layout(
        "one column",
        times_of(header),
        (value,),
        (header.region,),
        zone=zone,
        zone_first=True,
        factors=_factors(header, [value]),
        units=header.only(is_unit_column),
        estimated=header.only(is_estimated),
        utc=header.utc,
        averaged=value in measured,
        notes=notes,
    )


def _says_something(header: Header, column: int) -> bool:
    name = header.names[column]
    return is_zone(name) or is_unit_column(name) or is_estimated(name)


def _wide(header: Header, signal: str) -> Layout | None:
    del signal  # a wide table says nothing of it
    columns = _columns(header)
    if not header.times or _NOT_REGIONS.intersection(header.plain) or not columns:
        return None
    others = _strays(header)
    others |= {i for i in columns if is_value(header.names[i]) and header.names[i].strip() != "CI"}
    others.intersection_update(columns)
    if others:
        raise HeaderError(*_no_regions(header, [i for i in columns if i in others], len(columns)))
    regions = tuple(region_name(header.names[i]) for i in columns)
    # pandas calls a second column FR "FR.1".
    names = [
        _SECOND.sub("", name) if _SECOND.sub("", name) in regions else name for name in regions
    ]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise HeaderError(
            f"a wide table with more than one column for {', '.join(repeated)}",
            "one column for each region",
        )
    return Layout(
        "wide table",
        header.times,
        tuple(columns),
        regions,
        named=True,
        factors=_factors(header, columns),
        utc=header.utc,
    )


def _no_regions(header: Header, others: list[int], count: int) -> tuple[str, str]:
    """What is said of a table that has columns of something else among its regions."""
    listed = _few([header.names[i] for i in others])
    if len(others) == 1:
        message = f"1 of {count} columns is not a region: {listed}"
    else:
        message = f"{len(others)} of {count} columns are not regions: {listed}"
    if {"emissions", "energy_consumed"} <= set(header.plain):
        wanted = "wanted: a grid's, such as datetime,zone_name,carbon_intensity_avg"
        return message, f"CodeCarbon has the emissions of a program; {wanted}"
    texts = [header.texts[i] for i in others if i in header.texts]
    if len(texts) == len(others) and any(sign.isdigit() for sign in texts[0]):
        message = f'the column {header.names[others[0]]} holds "{shorten(texts[0], 40)}", no number'
        return message, "write plain numbers, such as 1200.5, and the unit in the header"
    if len(others) < count:
        return message, "leave them out: a wide table is a time and one column for each region"
    return message, nearest(header)


def _few(names: list[str]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - _MOST_NAMES
    listed = ", ".join(shorten(name, 40) for name in names[:_MOST_NAMES])
    return f"{listed} and {rest:,} more" if rest > 0 else listed


def _columns(header: Header) -> list[int]:
    """Columns that may hold carbon intensities: all but times and what has no name."""
    return [
        i
        for i, name in enumerate(header.names)
        if i not in header.clocks and i not in header.times and not is_unnamed(name)
    ]


def _strays(header: Header) -> set[int]:
    """Columns that hold text, or whose names say that they are no region's."""
    return strays(list(header.names)) | header.texts.keys()


def _factors(header: Header, columns: Sequence[int]) -> tuple[float, ...]:
    factors = (unit_factor(header.names[i]) for i in columns)
    return tuple(1.0 if factor is None else factor for factor in factors)
