"""Columns of time: every spelling that is read, every one that is refused, units by magnitude."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxsoco.core.errors import InputError
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table
from jaxsoco.core.stamps import read_stamp, stamp_hint
from jaxsoco.core.times import (
    is_moment,
    read_times,
    report_times,
    time_cells,
    unit_note,
)

MOMENT = 1_648_342_800  # 2022-03-27 01:00 UTC, when clocks in Europe are put forward

AWARE = [
    "2022-03-27T01:00:00+00:00",
    "2022-03-27T01:00:00Z",
    "2022-03-27t01:00:00z",
    "2022-03-27 01:00:00Z",
    "2022-03-27_01:00:00Z",
    "2022-03-27  01:00:00Z",
    "2022-03-27T01:00Z",
    "2022-03-27T01Z",
    "2022-03-27T01:00:00.000Z",
    "2022-03-27T01:00:00,000Z",
    "2022-03-27T01:00:00.000000000Z",
    "2022-03-27T01:00:00-00:00",
    "2022-03-27T03:00:00+02:00",
    "2022-03-27T03:00:00+0200",
    "2022-03-27T03:00:00+02",
    "2022-03-27T03:00+02:00",
    "2022-03-26T20:00:00-05:00",
    "2022-03-26T20:00:00\u221205:00",
    "2022-03-27T06:30:00+05:30",
    "2022-03-27T06:45:00+05:45",
    "2022-03-27 03:00:00 +02:00",
    "2022-03-27 03:00:00 +0200",
    "2022-03-27 01:00:00 UTC",
    "2022-03-27 01:00:00 utc",
    "2022-03-27 01:00:00UTC",
    "2022-03-27 01:00 GMT",
    "2022-03-27 01:00:00 +0000 UTC",
    "2022-03-27 03:00:00 +0200 CEST",
    "2022-03-27T01:00Z[UTC]",
    "2022-03-27T03:00+02:00[Europe/Berlin]",
    "2022-03-27 03:00:00 GMT+0200",
    "20220327T010000Z",
    "20220327T0100Z",
    "20220327T01Z",
    "20220327T030000+0200",
    "20220327 010000Z",
    "2022-W12-7T01:00:00Z",
    "2022W127T010000Z",
    "2022-086T01:00:00Z",
    "2022086T010000Z",
    " 2022-03-27T01:00:00Z ",
    "2022/03/27 01:00:00Z",
    "2022/3/27 1:00Z",
    "2022-03-26T24:00:00-01:00",
    "2022-03-27T00:59:60Z",
]
NAIVE = [
    "2022-03-27T01:00:00",
    "2022-03-27 01:00:00",
    "2022-03-27 01:00",
    "2022-03-27 1:00",
    "2022-03-27T01",
    "20220327T01",
    "2022/03/27 01:00",
    "2022-3-27 01:00",
]


@pytest.mark.parametrize("text", AWARE)
def test_a_stamp_with_a_zone_is_that_moment(text):
    assert read_stamp(text) == (MOMENT, 0.0, False)


@pytest.mark.parametrize("text", NAIVE)
def test_a_stamp_without_a_zone_is_taken_as_utc(text):
    assert read_stamp(text) == (MOMENT, 0.0, True)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("27/03/2022 01:00", "day or month first"),
        ("3/27/22 1:00", "day or month first"),
        ("27.03.2022", "day or month first"),
        ("03-27-2022 01:00", "day or month first"),
        ("2022-03-27 01:00 PM", "24-hour clock"),
        ("2022-03-27 1:00am", "24-hour clock"),
        ("2022-03-27 01:00:00 CET", "by its name"),
        ("2022-03-27 01:00:00 Europe/Berlin", "by its name"),
        ("27 Mar 2022 01:00", "write ISO 8601"),
        ("Sun, 27 Mar 2022 01:00:00 GMT", "write ISO 8601"),
        ("2022-03-27x01:00", "write ISO 8601"),
        ("2022-03-27-01", "write ISO 8601"),
        ("2022-02-29", "write ISO 8601"),
        ("2022-13-01", "write ISO 8601"),
        ("2022-366", "write ISO 8601"),
        ("2022-W53-1", "write ISO 8601"),
        ("2022-03-27T25:00", "write ISO 8601"),
        ("2022-03-27T24:01", "write ISO 8601"),
        ("2022-03-27T01:60", "write ISO 8601"),
        ("2022-03-27T01:00:61", "write ISO 8601"),
        ("2022-03-27T01:30:60", "write ISO 8601"),
        ("2022-03-27T01:00+25:00", "write ISO 8601"),
        ("2022-03-27T01:00+2", "write ISO 8601"),
        ("2022-03-27T1", "write ISO 8601"),
        ("2022-03", "write ISO 8601"),
        ("22-03-27", "write ISO 8601"),
        ("\u0662\u0660\u0662\u0662-03-27", "write ISO 8601"),
        ("2022-03-27T01:00:00.Z", "write ISO 8601"),
        ("01:00:00", "write ISO 8601"),
        ("", "write ISO 8601"),
        ("NaT", "write ISO 8601"),
    ],
)
def test_what_may_be_misread_is_refused(text, hint):
    assert read_stamp(text) is None
    assert hint in stamp_hint(text)


@pytest.mark.parametrize("day", ["2020-02-29", "2000-02-29", "2022-10-30", "2022-12-31"])
def test_leap_days_and_changes_of_the_clock(day):
    expected = int(datetime.fromisoformat(f"{day}T02:00+00:00").timestamp())
    assert read_stamp(f"{day}T02:00Z") == (expected, 0.0, False)
    # The hour that is there twice in autumn, apart by its offset.
    first, second = read_stamp(f"{day}T02:00+02:00"), read_stamp(f"{day}T02:00+01:00")
    assert first is not None and second is not None
    assert second.whole - first.whole == 3600


FORMS = st.sampled_from(
    ["%Y-%m-%dT%H:%M:%S", "%Y%m%dT%H%M%S", "%G-W%V-%uT%H:%M:%S", "%Y-%jT%H%M%S"]
)
ZONES = st.integers(-14 * 4, 14 * 4).map(lambda q: timezone(timedelta(minutes=15 * q)))


@given(
    seconds=st.integers(0, 4_000_000_000),
    zone=ZONES,
    form=FORMS,
    colon=st.booleans(),
    micro=st.integers(0, 999_999),
)
def test_what_a_clock_writes_is_read_back(seconds, zone, form, colon, micro):
    moment = datetime.fromtimestamp(seconds, zone)
    offset = moment.strftime("%z")
    offset = f"{offset[:3]}:{offset[3:5]}" if colon else offset[:5]
    stamp = read_stamp(f"{moment.strftime(form)}.{micro:06d}{offset}")
    assert stamp is not None
    assert (stamp.whole, stamp.naive) == (seconds, False)
    assert stamp.fraction == pytest.approx(micro / 1e6, abs=1e-12)


# --- columns of numbers --------------------------------------------------------------------------


UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("form", ["{}", "{}.0", "+{}"])
def test_the_unit_of_an_epoch_is_told_by_its_size(unit, form):
    for start in ("1991-06-01", "2001-09-09T01:00", "2022-03-27", "2038-01-19", "2099-12-30"):
        first = int(np.datetime64(start, "s").astype(np.int64))
        cells = [form.format((first + 60 * i) * UNITS[unit]) for i in range(5)]
        times = read_times(cells)
        assert (times.kind, times.unit) == ("epoch", unit)
        assert times.whole.tolist() == [first + 60 * i for i in range(5)]
        assert not (times.bad | times.odd | times.naive | (times.fraction != 0)).any()


def test_file_time_and_ticks():
    moment = datetime(2022, 3, 27, 1, tzinfo=UTC)
    for zero, unit in ((datetime(1601, 1, 1, tzinfo=UTC), "file time"),
                       (datetime(1, 1, 1, tzinfo=UTC), "ticks")):  # fmt: skip
        since = (moment - zero) // timedelta(microseconds=1) * 10
        times = read_times([str(since + 5_000_000), str(since + 20_000_000)])
        assert (times.kind, times.unit) == ("epoch", unit)
        assert times.whole.tolist() == [MOMENT, MOMENT + 2]
        assert times.fraction.tolist() == [0.5, 0.0]


def test_the_unit_is_said_and_can_be_said_otherwise():
    cells = [str(MOMENT * 1000 + 250), str(MOMENT * 1000 + 500)]
    times = read_times(cells)
    assert unit_note(times) == "read as milliseconds since 1970"
    assert unit_note(times, "time_unit") == (
        'read as milliseconds since 1970; time_unit = "s" to say otherwise'
    )
    assert times.since(MOMENT).tolist() == [0.25, 0.5]
    other = read_times(cells, "s")
    assert (other.kind, other.unit) == ("number", "s")
    assert other.whole.tolist() == [int(cell) for cell in cells]
    assert unit_note(other) == ""


@given(st.integers(1_000_000_000, 4_000_000_000), st.integers(0, 10**9 - 1))
def test_nanoseconds_keep_their_last_digit(whole, rest):
    times = read_times([str(whole * 10**9 + rest)], "ns")
    assert times.whole[0] == whole
    assert round(float(times.fraction[0]) * 1e9) == rest


@pytest.mark.parametrize(
    "cells",
    [["0", "0.5", "12"], ["600000000", "5000000000", "2500000000000"], ["1e3", "2e3"], ["-1", "3"]],
)
def test_other_numbers_are_seconds_from_a_zero_of_their_own(cells):
    times = read_times(cells)
    assert (times.kind, times.unit) == ("number", "s")
    np.testing.assert_allclose(times.seconds, [float(cell) for cell in cells])


@pytest.mark.parametrize(
    ("cells", "first", "step"),
    [
        (["20220327", "20220328"], "2022-03-27T00", 86400),
        (["2022032701", "2022032702"], "2022-03-27T01", 3600),
        (["202203270100", "202203270200"], "2022-03-27T01", 3600),
        (["20220327010000", "20220327010001"], "2022-03-27T01", 1),
    ],
)
def test_compact_dates_are_never_seconds(cells, first, step):
    times = read_times(cells)
    assert (times.kind, times.unit) == ("date", "compact")
    assert times.whole[0] == int(np.datetime64(first, "s").astype(np.int64))
    assert np.diff(times.whole).tolist() == [step]
    assert times.naive.all()
    assert read_times(cells, "s").kind != "date"


def test_a_wrong_compact_date_is_bad_among_right_ones():
    times = read_times(["20220227", "20220228", "20220229"])
    assert times.bad.tolist() == [False, False, True]


# --- what is wrong with a column -----------------------------------------------------------------


def report(*cells: str) -> str:
    rows = [[cell] for cell in cells]
    table = Table("t.csv", ["when"], rows, np.arange(2, 2 + len(rows)))
    problems = Problems(per_kind=2)
    report_times(table, cells, 0, read_times(cells), problems)
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    return str(caught.value)


def test_mixed_zones_are_refused_once():
    message = report(
        "2022-03-27T01:00Z", "2022-03-27T02:00", "2022-03-27T03:00", "2022-03-27T04:00Z"
    )
    assert message.count("\n") == 0
    assert message.startswith('t.csv:3, column when: "2022-03-27T02:00" has no time zone')


def test_mixed_kinds_are_refused_once():
    stamps = ["2022-03-27T01:00Z", "2022-03-27T02:00Z"]
    message = report(*stamps, str(MOMENT + 7200), str(MOMENT + 10800))
    assert message.count("\n") == 0
    assert message.startswith(f't.csv:4, column when: "{MOMENT + 7200}" and "2022-03-27T01:00Z"')
    assert "in 1 more line (" in message
    numbers = report(*map(str, range(MOMENT, MOMENT + 3)), "2022-03-27T02:00Z")
    assert numbers.startswith(
        't.csv:5, column when: "2022-03-27T02:00Z" and "1648342800" in line 2'
    )
    units = report(*(str(MOMENT + i) for i in range(20)), str(MOMENT * 1000))
    assert units.startswith(f't.csv:22, column when: "{MOMENT * 1000}" and "{MOMENT}" in line 2')


def test_unreadable_stamps_are_counted():
    one = report(*["soon"] * 5)
    assert one.startswith(
        't.csv:2, column when: "soon" is not a timestamp, as in 4 more lines (write'
    )
    assert one.count("\n") == 0
    message = report("2022-03-27T01:00Z", *["soon"] * 5)
    assert message.splitlines()[0].startswith('t.csv:3, column when: "soon" is not a timestamp')
    assert message.splitlines()[-1] == "t.csv: and 3 more unreadable timestamps"


def test_a_date_and_a_time_are_put_together():
    rows = [["2022-03-27", "1"], ["2022-03-27", "01:30"], ["2022-03-27 00:00:00", "2:00"],
            ["20220327", "3"], ["2022-03-27", "24"]]  # fmt: skip
    table = Table("t.csv", ["date", "hour"], rows, np.arange(2, 7))
    times = read_times(time_cells(table, (0, 1)))
    assert (times.whole[:4] - MOMENT).tolist() == [0, 1800, 3600, 7200]
    assert times.bad.tolist() == [False] * 4 + [True]  # hours from 1 to 24 are not told apart


def test_moments_are_not_numbers():
    assert is_moment("2022-03-27")
    assert not any(map(is_moment, ["20220327", "1648342800", "FR", ""]))


def test_empty_columns():
    assert read_times([]).kind == ""
    assert read_times(["", ""]).bad.all()
