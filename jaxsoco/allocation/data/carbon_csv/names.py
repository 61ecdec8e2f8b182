"""What a column's name says: a time, a zone, a carbon intensity and its unit, or no region."""

from __future__ import annotations

import re
import unicodedata

GRAMS_PER_KWH_OF_LB_PER_MWH = 0.45359237

_FACTORS = {
    ("g", "kwh"): 1.0,
    ("kg", "mwh"): 1.0,
    ("t", "gwh"): 1.0,
    ("kg", "kwh"): 1000.0,
    ("t", "mwh"): 1000.0,
    ("lb", "mwh"): GRAMS_PER_KWH_OF_LB_PER_MWH,
    ("lb", "kwh"): 453.59237,
    ("g", "mwh"): 0.001,
}
_UNIT = re.compile(
    r"(?<![a-z])(?P<mass>kg|lbs?|g|t|tonnes?)[ _]*(?:co2)?[ _-]*(?:equiv(?:alent)?|eq?)?"
    r"[ _]*(?:/|per|_|\b)[ _]*(?P<energy>[kmg]wh)(?![a-z])"
)
_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
_UTC = re.compile(r"[\s_(\[]*utc[)\]]*$")

_TIMES = {
    0: ("datetime", "timestamp", "time", "pointtime", "utc", "utctime", "utctimestamp", "ds"),
    1: ("start", "starttime", "startdate", "from", "begin", "periodstart", "intervalstart"),
    2: ("date", "day", "hour", "mtu", "validtime", "epoch", "unixtime", "unixtimestamp"),
    3: ("datum", "zeit", "zeitstempel", "uhrzeit", "fecha", "hora", "heure", "horodate"),
}
_RANKS = {name: rank for rank, names in _TIMES.items() for name in names}
_LOCAL = 9
_ENDS = frozenset(
    {"to", "end", "endtime", "enddate", "periodend", "intervalend", "duration", "updatedat"}
    | {"createdat", "generatedat", "validto", "month", "year", "weekday", "dayofweek", "minute"}
)
ZONES = (
    *("zoneid", "zonekey", "zonename", "zone", "region", "regionname", "metaregion", "location"),
    *("shortname", "ba", "balancingauthority", "area", "countrycode", "country", "countryname"),
    "countryisocode",
)
"""Squeezed names of columns that name a row's zone, the ones that are taken first in front."""
_ESTIMATED = frozenset({"dataestimated", "estimated", "isestimated"})
_UNITS = frozenset({"unit", "units", "metaunits"})
_WHAT = r"(?:carbonintensit(?:y|ies)|carbonint|ci|co2intensity|co2eintensity|ghgintensity)"
_VALUE = re.compile(
    rf"(?:avg|average|mean|grid|hourly|marginal|lifecycle|lca|direct)*(?:{_WHAT}|intensity|rating"
    r"|emissions?intensity|emissions?factor|mci|aci)"
    r"(?:avg|average|mean|actual|lifecycle|lca|direct|production|consumption|marginal)*"
)
_SUBJECTS = frozenset({"carbon", "co2", "co2e", "co2eq", "gco2", "gco2eq", "mer", "aer"})
_AROUND = frozenset(
    {"intensity", "ci", "of", "the", "grid", "electricity", "power", "value", "rate", "factor"}
    | {"emission", "emissions", "avg", "average", "mean", "marginal", "direct", "lifecycle", "lca"}
    | {"life", "cycle", "actual", "hourly", "production", "consumption", "g", "kg", "eq", "in"}
)
# Words in the names of columns that people keep beside carbon intensity. Two letters would hit
# zones (RE is Reunion, ID Indonesia, MW Malawi).
_WORDS = frozenset(
    {"wind", "solar", "sun", "hydro", "water", "nuclear", "coal", "gas", "oil", "biomass"}
    | {"biogas", "geothermal", "battery", "storage", "lignite", "peat", "waste", "other"}
    | {"others", "unknown", "imports", "exports", "renewable", "renewables", "renewability"}
    | {"fossil", "forecast", "forecasts", "forecasted", "predicted", "prediction", "actual"}
    | {"index", "price", "prices", "demand", "load", "generation", "production", "consumption"}
    | {"power", "energy", "emission", "emissions", "duration", "temperature", "humidity"}
    | {"percent", "percentage", "total", "cost", "costs", "score", "version", "source"}
    | {"method", "estimated", "estimation", "latitude", "longitude", "lat", "lon", "flag"}
    | {"quality", "updated", "created", "currency", "weekday", "minute", "month"}
    | {"temp", "celsius", "fahrenheit", "pressure", "speed", "rain", "cloud", "irradiance"}
    | {"radiation", "weather", "holiday", "week", "season", "share", "ratio", "capacity"}
)
_FORECAST = re.compile(r"[\s_.]*(?:forecast|predicted|prediction)(?:ed)?[\s_.]*")
_ROUND = re.compile(
    r"[\s_.-]+(?:carbon|co2)[\s_]*intensity(?:[\s_]*avg)?$|^(?:carbon|co2)[\s_]*intensity[\s_.-]+",
    re.IGNORECASE,
)
_OTHER_UNIT = re.compile(
    r".*(?:[(\[]\s*(?:[kmgt]?wh?|%|°?[cfk]|m/s|w/m2|kg|g|t|tons?|eur\b.*|usd\b.*|[€$£].*)\s*[)\]]"
    r"|_(?:[kmgt]wh?|pct|eur|usd))"
)
_FUEL_CODES = frozenset(
    {"wnd", "sun", "wat", "oil", "ng", "col", "nuc", "oth"}
    | {"geo", "bio", "bat", "ps", "ues", "snb", "unk"}
)


def plain(name: str) -> str:
    """Lower case, single blanks, compatibility characters folded (CO₂ is co2)."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def squeezed(name: str) -> str:
    """Letters and digits only, lower case: ``Zone Id``, ``zone_id`` and ``zoneId`` are one."""
    return re.sub(r"[^a-z0-9]+", "", plain(name))


def unit_factor(text: str) -> float | None:
    """The factor to g/kWh of a unit in a text, ``(kg/MWh)`` or ``lbs_co2_per_mwh``; None without.

    >>> unit_factor("FR (kg CO2eq/kWh)"), unit_factor("intensity_gco2_kwh"), unit_factor("FR")
    (1000.0, 1.0, None)
    """
    match = _UNIT.search(plain(text))
    if not match:
        return None
    mass = {"lbs": "lb", "tonne": "t", "tonnes": "t"}.get(match["mass"], match["mass"])
    return _FACTORS.get((mass, match["energy"]))


def without_unit(name: str) -> str:
    """The name without a unit in brackets at its end: ``FR (kg/kWh)`` is ``FR``."""
    match = _BRACKETS.search(name)
    return name[: match.start()] if match and unit_factor(match[0]) else name


def time_rank(name: str) -> int | None:
    """How well a name says that the column holds the rows' times, 0 best; None if it does not."""
    text = plain(name)
    if is_local(name):
        return _LOCAL if _rank(text.replace("local", "")) is not None else None
    return _rank(text)


def is_local(name: str) -> bool:
    """Whether a column of times says that they are local."""
    return "local" in plain(name)


def _rank(text: str) -> int | None:
    bare = squeezed(text)
    short = squeezed(_UTC.sub("", text)) if "utc" in text else bare
    return min((_RANKS[n] for n in (bare, short) if n in _RANKS), default=None)


def promises_utc(name: str) -> bool:
    """Whether a column of times says that they are in UTC."""
    return "utc" in plain(name)


def is_end(name: str) -> bool:
    """Whether a column says when something ended or was written, which is not the rows' time."""
    return squeezed(_UTC.sub("", plain(name))) in _ENDS


def is_estimated(name: str) -> bool:
    """Whether a column says which rows are estimated."""
    return squeezed(name) in _ESTIMATED


def is_unit_column(name: str) -> bool:
    """Whether a column names the unit of each row."""
    return squeezed(name) in _UNITS


def is_zone(name: str) -> bool:
    """Whether a column names each row's zone."""
    return squeezed(name) in ZONES


def is_value(name: str) -> bool:
    """Whether a column's name says carbon intensity, and not whose."""
    text = plain(name)
    rest = _UNIT.sub(" ", text)
    if _VALUE.fullmatch(squeezed(rest)):
        return True
    words = set(re.findall(r"[a-z0-9]+", rest))
    # A unit alone, g/kWh say, is a name too.
    said = unit_factor(text) is not None or bool(words & _SUBJECTS)
    return said and words <= _SUBJECTS | _AROUND


def is_forecast(name: str) -> bool:
    """Whether a column's name says a forecast of carbon intensity, and not whose."""
    if not _FORECAST.search(plain(name)):
        return False
    rest = _FORECAST.sub("", plain(name))
    return not squeezed(rest) or is_value(rest)


def region_name(name: str) -> str:
    """The region of a column of a wide table: ``FR`` of ``FR_carbon_intensity (g/kWh)``."""
    bare = without_unit(name).strip()
    return _ROUND.sub("", bare) or bare


def strays(names: list[str]) -> set[int]:
    """Positions of columns whose names say that they are no region's: wind, forecast, index."""
    found = {
        i
        for i, name in enumerate(names)
        if not is_value(name)
        and (
            is_zone(name)
            or is_end(name)
            or is_unit_column(name)
            or is_estimated(name)
            or _OTHER_UNIT.fullmatch(plain(name))
            or _WORDS.intersection(re.split(r"[^a-z]+", plain(name)))
        )
    }
    codes = {i for i, name in enumerate(names) if plain(name) in _FUEL_CODES}
    # One of them may be a zone (NG is Nigeria); three are the fuels of a grid.
    return found | codes if len(codes) >= 3 else found
