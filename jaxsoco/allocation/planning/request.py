"""The job that is to be planned, as the user states it, and checked against the prices. No JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.settings_jobs import MONTH, CarbonJobs
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import INVALID, Issues, read_value
from jaxsoco.core.text import count, shorten, with_type

HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True)
class JobRequest:
    """A job to be planned; what is None has a default (see :func:`settle`).

    Attributes:
      start: hour in which the job arrives, UTC, ``datetime64[h]``.
      hours: work, in hours at full rate.
      deadline: hours from its start until it must be done; or the time by which, ``datetime64[h]``.
      region: where it arrives.
      now: the last hour whose prices are known, ``datetime64[h]``; later ones are forecast.
    """

    start: np.datetime64 | None = None
    hours: int | None = None
    deadline: int | np.datetime64 | None = None
    region: str | None = None
    now: np.datetime64 | None = None


class Job(NamedTuple):
    """A job that fits the prices: ``JobRequest`` without gaps; ``now`` may still be None."""

    start: np.datetime64
    hours: int
    deadline: int
    region: str
    now: np.datetime64 | None

    @property
    def end(self) -> np.datetime64:
        """The time by which it must be done, ``datetime64[h]``."""
        return self.start + self.deadline * HOUR


def read_request(values: Mapping[str, Any]) -> JobRequest:
    """A request from values by name; numbers and times may be text.

    >>> from jaxsoco.allocation.planning.request import read_request
    >>> read_request({"start": "2022-03-01T14:00Z", "hours": "4"}).hours
    4

    Raises:
      InputError: an unknown name, no time, or no whole number: all of them at once.
    """
    issues = Issues()
    names = tuple(JobRequest.__dataclass_fields__)
    for name in values:
        if name not in names:
            hint = f"want {', '.join(names[:-1])} or {names[-1]}"
            issues.found(name, f'a job has no "{shorten(name, 40)}"', hint)
    fields = {name: values.get(name) for name in names}
    for name in ("start", "now"):
        if fields[name] is not None:
            fields[name] = _read_time(name, fields[name], issues)
    if fields["hours"] is not None:
        fields["hours"] = _read_number("hours", fields["hours"], issues)
    deadline = fields["deadline"]
    if deadline is not None:
        is_time = isinstance(deadline, np.datetime64 | datetime)
        is_time |= isinstance(deadline, str) and _whole(deadline) is None
        reader = _read_time if is_time else _read_number
        fields["deadline"] = reader("deadline", deadline, issues)
    region = fields["region"]
    if region is not None and not isinstance(region, str):
        issues.found("region", f"found {with_type(region)}", "want a region's name")
    if issues:
        raise InputError(issues)
    return JobRequest(**fields)


_FIELDS = {"hours": "job_length", "deadline": "deadline_max"}
"""The settings of ``CarbonJobs`` whose limits hold for a job, too."""


def _read_number(name: str, value: Any, issues: Issues) -> Any:
    number = _whole(value) if isinstance(value, str) else value
    if number is None or isinstance(number, bool) or not isinstance(number, int | np.integer):
        want = "a whole number of hours" + (", or a time" if name == "deadline" else "")
        return issues.found(name, f"found {_quoted(value)}", f"want {want}")
    (field,) = [one for one in CarbonJobs.FIELDS if one.name == _FIELDS[name]]  # pyright: ignore[reportAttributeAccessIssue]
    return read_value(field, int(number), name, issues)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else with_type(value)


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 12 else None


def _read_time(name: str, value: Any, issues: Issues) -> Any:
    """A time as ``datetime64[h]`` in UTC; one without an offset is taken as UTC."""
    hint = "want an hour in ISO 8601, such as 2022-03-01T14:00 (UTC)"
    try:
        moment = value.astype("M8[us]").item() if isinstance(value, np.datetime64) else value
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment.strip())
        if not isinstance(moment, datetime):
            raise ValueError
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):  # no time, or none before the year 1 or after 9999
        return issues.found(name, f"{_quoted(value)} is not a time", hint)
    if (moment.minute, moment.second, moment.microsecond) != (0, 0, 0):
        return issues.found(name, f"{moment.isoformat(' ')} UTC is not a full hour", hint)
    return np.datetime64(moment, "h")


# --- against the prices --------------------------------------------------------------------------


class Reach(NamedTuple):
    """The hours that there are prices of, ``datetime64[h]``; an end is the hour after the last.

    Attributes:
      first: the first hour.
      measured: end of the data.
      end: end of the data or, if that is later, of the forecast.
    """

    first: np.datetime64
    measured: np.datetime64
    end: np.datetime64

    @classmethod
    def of(
        cls, carbon: CarbonTrace, forecast: CarbonTrace | None, start: np.datetime64 | None
    ) -> Reach:
        """Of the data and a forecast from a file, for a job that starts then.

        A forecast that begins long after the data stands alone, unless the job starts before it.

        Raises:
          InputError: it does, and hours between data and forecast have no price.
        """
        data_end = carbon.end
        if forecast is None:
            return cls(carbon.start, data_end, data_end)
        end = forecast.end
        if forecast.start <= data_end:
            return cls(carbon.start, data_end, max(data_end, end))
        if start is None or start >= forecast.start:
            return cls(forecast.start, forecast.start, end)
        message = f"begins at {stamp(forecast.start)} UTC, and the data end with the hour "
        message += f"{stamp(data_end - HOUR)}"
        raise InputError(Issue("forecast", message, "want a forecast of every hour in between"))

    @property
    def words(self) -> str:
        """``the data reach from 2022-01-01 00:00 to 2022-12-31 23:00 UTC``."""
        data = f"the data reach from {stamp(self.first)} to {stamp(self.measured - HOUR)} UTC"
        if self.measured == self.first:
            return f"the forecast reaches from {stamp(self.first)} to {stamp(self.end - HOUR)} UTC"
        beyond = f", the forecast to {stamp(self.end - HOUR)} UTC"
        return data + beyond * bool(self.end > self.measured)


def settle(request: JobRequest, settings: CarbonJobs, carbon: CarbonTrace, reach: Reach) -> Job:
    """Fills what the request leaves open, and checks it against the hours and regions there are.

    Defaults: ``start`` is ``now``, or else the hour after the data where a forecast goes on, or
    else the first hour that a job may have; ``hours`` and ``deadline`` are ``job_length`` and
    ``deadline_max`` of the problem, the latter cut to the prices there are; ``region`` is the
    first one.

    Raises:
      InputError: with everything that does not fit.
    """
    issues = Issues()
    now = _settled_now(request, reach, issues)
    start = _settled_start(request, now, settings, reach, issues)
    hours = request.hours
    if hours is None:
        hours = settings.job_length
        if isinstance(hours, str):
            message = f'is missing, and problem.job_length = "{hours}" is not one number'
            hours = issues.found("hours", message, "want the hours of work, such as hours=4")
    region = _settled_region(request, carbon, issues)
    if start is INVALID or hours is INVALID:
        raise InputError(issues)
    deadline = _settled_deadline(request, settings, start, reach, issues)
    if deadline is not INVALID and deadline < hours:
        message = f"{count(deadline, 'hour')} from {stamp(start)} are too few for "
        message += f"{count(hours, 'hour')} of work"
        issues.found("deadline", message, f"want at least {hours}, or fewer hours of work")
    if issues:
        raise InputError(issues)
    return Job(start, hours, deadline, region, now)


def _settled_now(request: JobRequest, reach: Reach, issues: Issues) -> Any:
    now = request.now
    if now is not None and not reach.first <= now < reach.measured:
        message = f"{stamp(now)} is no hour of the data: {reach.words}"
        return issues.found("now", message, "want the last hour whose prices are known")
    return now


def _settled_start(
    request: JobRequest, now: Any, settings: CarbonJobs, reach: Reach, issues: Issues
) -> Any:
    earliest = reach.first + MONTH * HOUR * (settings.bounds == "month")
    start = request.start
    if start is None:
        start = now
    if start is INVALID:
        return INVALID
    if start is None:
        start = reach.measured if reach.end > reach.measured else earliest
    if not reach.first <= start < reach.end:
        message = f"{stamp(start)} is outside of the prices: {reach.words}"
        return issues.found("start", message, "want one of these hours")
    if start < earliest:
        message = f"{stamp(start)} has no 30 days of prices before it, from which "
        message += 'problem.bounds = "month" takes L and U'
        hint = f'want {stamp(earliest)} or later, or problem.bounds = "window" or "trace"'
        return issues.found("start", message, hint)
    return start


def _settled_region(request: JobRequest, carbon: CarbonTrace, issues: Issues) -> Any:
    region = carbon.regions[0] if request.region is None else request.region
    if region not in carbon.regions:
        hint = suggest(region, carbon.regions)
        return issues.found("region", f'the data have no region "{region}"', hint)
    return region


def _settled_deadline(
    request: JobRequest, settings: CarbonJobs, start: np.datetime64, reach: Reach, issues: Issues
) -> Any:
    left = int((reach.end - start) / HOUR)
    deadline = request.deadline
    if deadline is None:
        return min(settings.deadline_max, left)
    if isinstance(deadline, np.datetime64):
        deadline = int((deadline - start) / HOUR)
        if deadline < 1:
            message = f"{stamp(request.deadline)} is not after the start, {stamp(start)}"
            return issues.found("deadline", message, "want a later time, or a number of hours")
        deadline = _read_number("deadline", deadline, issues)
    if deadline is not INVALID and deadline > left:
        message = f"{stamp(start + deadline * HOUR)} is after the last price: {reach.words}"
        hint = f"want at most {count(left, 'hour')} from {stamp(start)}"
        hint += "" if reach.end > reach.measured else ", or a forecast of the hours after the data"
        return issues.found("deadline", message, hint)
    return deadline


def stamp(moment: Any) -> str:
    """An hour as messages have it: ``2022-03-01 14:00``."""
    return str(moment.astype("datetime64[m]")).replace("T", " ")
