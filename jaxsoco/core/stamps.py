"""One time stamp as text: ISO 8601 and RFC 3339 in their spellings, and no other. No JAX.

Read are calendar, week and ordinal dates, extended (``2022-03-27T01:00:00+02:00``) or basic
(``20220327T010000Z``), ``T``, ``t``, ``_`` or blanks before the time, hours alone, fractions of a
second after a point or a comma, 24:00 and leap seconds, ``Z``, ``UTC`` or ``GMT``, offsets with or
without a colon, and what languages print beside an offset (``+0000 UTC``, ``Z[UTC]``). Year first
with slashes is read, too. Day or month first (1/2/22), names of months and of time zones, and
12-hour clocks are not: people mean different things by them.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

WANT_ISO = "write ISO 8601, such as 2022-03-27T01:00:00+00:00"

_EPOCH, _EPOCH_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = 86400

_PLAIN = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_GENERAL = re.compile(
    r"""(?P<year>\d{4})
    (?: -(?P<month>\d\d?)-(?P<day>\d\d?)
      | /(?P<month_1>\d\d?)/(?P<day_1>\d\d?)
      | (?P<month_2>\d\d)(?P<day_2>\d\d)
      | -?W(?P<week>\d\d)(?:-?(?P<weekday>[1-7]))?
      | -?(?P<ordinal>\d{3}) )
    (?: (?:[T_]|\s+)
        (?P<hour>\d\d?(?=:)|\d\d)
        (?: :(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?
          | (?P<minute_1>\d\d)(?:(?P<second_1>\d\d)(?:[.,](?P<fraction_1>\d+))?)? )?
        (?P<zone>
            \s*(?:Z|UTC|GMT)(?:\[[^\]]*\])?
          | \s*(?:UTC|GMT)?(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?
            (?:\s+[A-Z]{1,5})?(?:\[[^\]]*\])? )? )?""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_SLASHES = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b.*")
_NOON = re.compile(r".*\d\s*[ap]\.?m\.?", re.IGNORECASE)
_NAMED_ZONE = re.compile(r"\d{4}-\d\d-\d\d.*\d\s*[A-Za-z]{2,}(?:/\w+)?")


class Stamp(NamedTuple):
    """A moment.

    Attributes:
      whole: seconds since 1970 in UTC, rounded down.
      fraction: of a second, in [0, 1).
      naive: whether the text names no time zone, so that UTC is only assumed.
    """

    whole: int
    fraction: float
    naive: bool


def read_stamp(text: str) -> Stamp | None:
    """The moment that a text names; None if it names none, or may be read in several ways."""
    text = text.strip().replace("\u2212", "-")  # ISO 8601 writes a true minus sign
    if _PLAIN.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass  # 24:00, a leap second, or no date at all
        else:
            naive = moment.tzinfo is None
            since = moment - (_EPOCH if naive else _EPOCH_UTC)
            return Stamp(since.days * _DAY + since.seconds, 0.0, naive)
    match = _GENERAL.fullmatch(text)
    return _moment(match.groupdict()) if match else None


def _moment(parts: dict[str, str | None]) -> Stamp | None:
    def value(*names: str, absent: int = 0) -> int:
        return next((int(text) for name in names if (text := parts[name])), absent)

    try:
        year = value("year")
        if parts["week"]:
            day = date.fromisocalendar(year, value("week"), value("weekday", absent=1)).toordinal()
        elif parts["ordinal"]:
            day = date(year, 1, 1).toordinal() + value("ordinal") - 1
            if date.fromordinal(day).year != year:
                return None
        else:
            months, days = ("month", "month_1", "month_2"), ("day", "day_1", "day_2")
            day = date(year, value(*months), value(*days)).toordinal()
    except ValueError:
        return None
    hour, minute = value("hour"), value("minute", "minute_1")
    second = value("second", "second_1")
    digits = parts["fraction"] or parts["fraction_1"]
    fraction = min(float(f"0.{digits}"), 1 - 2**-53) if digits else 0.0
    named = parts["minute"] or parts["minute_1"]  # an hour 24 alone may be the last of 1 to 24
    midnight = hour == 24 and named and not minute and not second and not fraction
    # A leap second is the last one of an hour (of a day, in UTC).
    if not (hour < 24 or midnight) or minute > 59 or second > 60 or (second == 60 > minute + 1):
        return None
    offset = value("hours") * 3600 + value("minutes") * 60
    if value("hours") > 15 or value("minutes") > 59:
        return None
    whole = (day - _EPOCH_DAY) * _DAY + hour * 3600 + minute * 60 + second
    whole += offset if parts["sign"] == "-" else -offset
    return Stamp(whole, fraction, parts["zone"] is None)


def stamp_hint(text: str) -> str:
    """What to write instead of a text that names no moment."""
    if _NOON.fullmatch(text):
        return f"want a 24-hour clock: {WANT_ISO}"
    if _SLASHES.fullmatch(text):
        return f"day or month first cannot be told: {WANT_ISO}"
    if _NAMED_ZONE.fullmatch(text):
        return f"a time zone by its name is not read, an offset is: {WANT_ISO}"
    return WANT_ISO
