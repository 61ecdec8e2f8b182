"""Loading carbon files: the four layouts, what is repaired on request, and every refusal."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxsoco.allocation.data import CarbonTrace, load_carbon_csv
from jaxsoco.core.errors import InputError

START = datetime(2022, 1, 1, tzinfo=UTC)
PORTAL = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method"
)
PORTAL_OLD = (
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO₂eq/kWh (direct),"
    "Carbon Intensity gCO₂eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,"
    "Data Source,Data Estimated,Data Estimation Method"
)


def hour(t: int, minutes: int = 0) -> str:
    return (START + timedelta(hours=t, minutes=minutes)).isoformat()


def average(values, zone: str = "FR", first: int = 0) -> str:
    rows = (f"{hour(first + t)},{zone},{value}" for t, value in enumerate(values))
    return "\n".join(["datetime,zone_name,carbon_intensity_avg", *rows]) + "\n"


def portal(values, zone: str = "FR", header: str = PORTAL, first: int = 0) -> str:
    rows = (
        f"{START + timedelta(hours=first + t):%Y-%m-%d %H:%M:%S},France,France,{zone},"
        f"{value / 2},{value},90,20,rte,false,"
        for t, value in enumerate(values)
    )
    return "\n".join([header, *rows]) + "\n"


def wide(columns: dict[str, list], head: str = "datetime", stamps=None) -> str:
    length = len(next(iter(columns.values())))
    stamps = stamps or [hour(t) for t in range(length)]
    rows = (
        ",".join([stamps[t], *(str(column[t]) for column in columns.values())])
        for t in range(length)
    )
    return "\n".join([",".join([head, *columns]), *rows]) + "\n"


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name.replace('__', '-')}.csv").write_text(text, encoding="utf-8")
    return folder


def refused(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        load_carbon_csv(path, **options)
    return str(caught.value)


# ------------------------------------------------------------------------------------ layouts


def test_folder_of_zone_averages(tmp_path):
    write(tmp_path, us__west__1=average([3.5, 2, 1]), fr=average([1, 2, 3]))
    trace = load_carbon_csv(tmp_path)
    assert trace.regions == ("fr", "us-west-1")
    assert trace.start == np.datetime64("2022-01-01T00")
    np.testing.assert_array_equal(trace.values, [[1, 3.5], [2, 2], [3, 1]])
    assert trace.values.dtype == np.float64
    assert trace.source == f"{tmp_path} (zone average)"
    assert trace.notes == ()


@pytest.mark.parametrize("header", [PORTAL, PORTAL_OLD])
@pytest.mark.parametrize(("signal", "factor"), [("life-cycle", 1.0), ("direct", 0.5)])
def test_electricity_maps_export(tmp_path, header, signal, factor):
    write(tmp_path, FR_2022_hourly=portal([10, 20, 30], header=header))
    trace = load_carbon_csv(tmp_path, signal=signal)
    assert trace.regions == ("FR",)
    np.testing.assert_array_equal(trace.values[:, 0], factor * np.array([10, 20, 30]))
    assert trace.notes == ()  # the header says UTC


@pytest.mark.parametrize(
    "column",
    ["Carbon intensity gCO₂eq/kWh (Life cycle)", "Carbon Intensity gCO2eq/kWh (LCA)"],
)
def test_electricity_maps_column_names_vary(tmp_path, column):
    text = f"Datetime (UTC),Zone id,{column}\n2022-01-01 00:00:00,DE,300\n"
    assert load_carbon_csv(write(tmp_path, a=text)).regions == ("DE",)


def test_electricity_maps_files_of_following_years_are_joined(tmp_path):
    write(tmp_path, FR_2021=portal([1, 2]), FR_2022=portal([3, 4], first=2))
    trace = load_carbon_csv(tmp_path)
    assert trace.regions == ("FR",)
    np.testing.assert_array_equal(trace.values[:, 0], [1, 2, 3, 4])


def test_one_file_of_several_zones_is_split(tmp_path):
    rows = [f"{hour(t)},{zone},{v}" for t in range(3) for zone, v in (("FR", t), ("DE", 10 * t))]
    text = "\n".join(["datetime,zone_name,carbon_intensity_avg", *rows])
    trace = load_carbon_csv(write(tmp_path, all=text) / "all.csv")
    assert trace.regions == ("FR", "DE")
    np.testing.assert_array_equal(trace.values, [[0, 0], [1, 10], [2, 20]])


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("point_time,value", 0.45359237),
        ("timestamp,MOER", 0.45359237),
        ("timestamp,MOER (kg/MWh)", 1.0),
        ("timestamp,MOER version 2.0", 1000.0),
    ],
)
def test_watttime_units(tmp_path, header, factor):
    values = [0.3, 0.5] if factor == 1000 else [300, 500.5]
    rows = [f"{hour(t)},{value}" for t, value in enumerate(values)]
    write(tmp_path, CAISO_NORTH="\n".join([header, *rows]))
    trace = load_carbon_csv(tmp_path / "CAISO_NORTH.csv")
    np.testing.assert_allclose(trace.values[:, 0], np.array(values) * factor, rtol=1e-15)
    assert trace.regions == ("CAISO_NORTH",)
    assert "marginal" in trace.source


def test_watttime_five_minutes_are_averaged(tmp_path):
    rows = [f"{hour(0, 5 * k)},{1000 + k},3.0" for k in range(24)]
    write(tmp_path, PJM_2022_01_MOER="\n".join(["timestamp,MOER,MOER version", *rows[::-1]]))
    trace = load_carbon_csv(tmp_path)
    pounds = [1000 + 5.5, 1000 + 17.5]
    np.testing.assert_allclose(trace.values[:, 0], 0.45359237 * np.array(pounds))
    assert any("5-minute readings" in note for note in trace.notes)
    assert any("order of time" in note for note in trace.notes)


@pytest.mark.parametrize(
    ("stem", "region"),
    [
        ("CAISO_NORTH_co2_moer_2022-01-01_2022-01-07", "CAISO_NORTH"),
        ("SGIP_CAISO_PGE_2021-01_ALL_MOER_VERSIONS", "SGIP_CAISO_PGE"),
        ("PJM_DC", "PJM_DC"),
    ],
)
def test_watttime_region_is_the_file_name_without_dates(tmp_path, stem, region):
    file = tmp_path / f"{stem}.csv"
    file.write_text(f"point_time,value\n{hour(0)},900\n")
    assert load_carbon_csv(file).regions == (region,)


@pytest.mark.parametrize("head", ["datetime", "timestamp", "Datetime (UTC)", "time_utc", ""])
def test_wide_table(tmp_path, head):
    write(tmp_path, table=wide({"FR": [1, 2], "us-west-1": [3, 4]}, head=head))
    trace = load_carbon_csv(tmp_path)
    assert trace.regions == ("FR", "us-west-1")
    np.testing.assert_array_equal(trace.values, [[1, 3], [2, 4]])


def test_wide_table_with_the_index_of_a_data_frame(tmp_path):
    text = f",datetime,FR\n0,{hour(0)},5\n1,{hour(1)},6\n"
    assert load_carbon_csv(write(tmp_path, t=text)).regions == ("FR",)


def test_layouts_mix_in_one_folder(tmp_path):
    write(
        tmp_path,
        a=average([1, 2]),
        b=portal([3, 4], zone="DE"),
        c=wide({"KR": [5, 6]}),
        d=f"point_time,value\n{hour(0)},700\n{hour(1)},800\n",
    )
    trace = load_carbon_csv(tmp_path)
    assert trace.regions == ("a", "DE", "KR", "d")
    assert any("marginal rates (d) beside averages" in note for note in trace.notes)


def test_list_of_files_keeps_its_order(tmp_path):
    write(tmp_path, a=average([1, 2]), b=average([3, 4]))
    trace = load_carbon_csv([tmp_path / "b.csv", str(tmp_path / "a.csv")])
    assert trace.regions == ("b", "a")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_separators_and_decimal_commas(tmp_path, delimiter):
    rows = ["datetime,zone_name,carbon_intensity_avg", f"{hour(0)},FR,50.51", f"{hour(1)},FR,7"]
    lines = [row.replace(",", delimiter) for row in rows]
    file = tmp_path / "fr.csv"
    file.write_text("\r\n".join(lines) + "\r\n\r\n")
    np.testing.assert_array_equal(load_carbon_csv(file).values[:, 0], [50.51, 7])
    file.write_text("\n".join(lines).replace("50.51", "50,51"))
    trace = load_carbon_csv(file)
    np.testing.assert_array_equal(trace.values[:, 0], [50.51, 7])
    assert any("decimal comma" in note for note in trace.notes)


def test_byte_order_mark_and_blank_lines(tmp_path):
    file = tmp_path / "fr.csv"
    file.write_text("\n" + average([1, 2]) + "\n , ,\n", encoding="utf-8-sig")
    assert load_carbon_csv(file).hours == 2


# ----------------------------------------------------------------------------------- time zones


@pytest.mark.parametrize("offset", [-8.0, 0.0, 1.0, 5.5, 9.75])
def test_offsets_become_utc(tmp_path, offset):
    zone = timezone(timedelta(hours=offset))
    stamps = [(START + timedelta(hours=t)).astimezone(zone).isoformat() for t in range(3)]
    trace = load_carbon_csv(write(tmp_path, t=wide({"X": [1, 2, 3]}, stamps=stamps)))
    assert trace.start == np.datetime64("2022-01-01T00")


def test_offset_that_changes_with_daylight_saving(tmp_path):
    stamps = [
        "2022-10-30T01:00:00+02:00",
        "2022-10-30T02:00:00+02:00",
        "2022-10-30T02:00:00+01:00",
        "2022-10-30T03:00:00+01:00",
    ]
    trace = load_carbon_csv(write(tmp_path, t=wide({"X": [1, 2, 3, 4]}, stamps=stamps)))
    np.testing.assert_array_equal(trace.values[:, 0], [1, 2, 3, 4])
    assert trace.start == np.datetime64("2022-10-29T23")


@pytest.mark.parametrize("form", ["{}Z", "{}.000Z", "{} UTC", "{}+0000"])
def test_spellings_of_utc(tmp_path, form):
    stamps = [form.format(hour(t)[:19]) for t in range(2)]
    trace = load_carbon_csv(write(tmp_path, t=wide({"X": [1, 2]}, stamps=stamps)))
    assert trace.notes == ()


def test_complete_naive_stamps_are_taken_as_utc_with_a_note(tmp_path):
    stamps = [hour(t)[:19] for t in range(30)]
    trace = load_carbon_csv(write(tmp_path, t=wide({"X": [1] * 30}, stamps=stamps)))
    assert trace.start == np.datetime64("2022-01-01T00")
    assert any("name no time zone" in note and "t.csv" in note for note in trace.notes)


# ------------------------------------------------------------------------------ on request only


def test_short_gaps_are_interpolated_on_request(tmp_path):
    values = [10, 20, None, 40, 50, None, None, 80]
    lines = average(values).splitlines()
    holes = [line for line in lines if not line.endswith("None")]
    write(tmp_path, fr="\n".join(holes))
    trace = load_carbon_csv(tmp_path, fill_gaps=2)
    np.testing.assert_allclose(trace.values[:, 0], [10, 20, 30, 40, 50, 60, 70, 80])
    assert trace.notes == (f"2 gaps of at most 2 h interpolated in {tmp_path / 'fr.csv'}",)
    assert "longer than fill_gaps = 1" in refused(tmp_path, fill_gaps=1)


def test_gap_of_missing_rows_and_empty_cells_is_one_gap(tmp_path):
    lines = average([10, "", 30, 40]).splitlines()
    del lines[3]  # 10, empty, absent, 40
    write(tmp_path, fr="\n".join(lines))
    np.testing.assert_allclose(
        load_carbon_csv(tmp_path, fill_gaps=2).values[:, 0], [10, 20, 30, 40]
    )
    assert "fr.csv:3" in refused(tmp_path, fill_gaps=1)


def test_values_without_gaps_are_not_touched(tmp_path):
    values = list(np.random.default_rng(0).uniform(0, 900, 50))
    write(tmp_path, fr=average([repr(float(v)) for v in values]))
    np.testing.assert_array_equal(load_carbon_csv(tmp_path, fill_gaps=5).values[:, 0], values)


def test_unequal_ranges_are_cut_on_request(tmp_path):
    write(tmp_path, a=average([1, 2, 3, 4]), b=average([20, 30, 40, 50], first=1))
    trace = load_carbon_csv(tmp_path, trim=True)
    np.testing.assert_array_equal(trace.values, [[2, 20], [3, 30], [4, 40]])
    assert trace.start == np.datetime64("2022-01-01T01")
    assert len(trace.notes) == 2
    assert all("cut to the common range 2022-01-01 01:00" in note for note in trace.notes)


def test_empty_ends_are_cut_on_request(tmp_path):
    write(tmp_path, t=wide({"A": ["", 2, 3], "B": [1, 2, ""]}))
    text = refused(tmp_path)
    assert "t.csv:2, column A: empty" in text
    assert "t.csv:4, column B: empty" in text
    assert "trim" in text
    trace = load_carbon_csv(tmp_path, trim=True)
    np.testing.assert_array_equal(trace.values, [[2, 2]])
    assert any("1 empty cell cut from the ends of" in note for note in trace.notes)


def test_thin_hours_are_averaged_on_request(tmp_path):
    rows = [f"{hour(0, 5 * k)},{600 + k}" for k in range(36) if k not in (13, 14)]
    write(tmp_path, PJM="\n".join(["point_time,value", *rows]))
    assert "has 10 of 12 readings" in refused(tmp_path)
    trace = load_carbon_csv(tmp_path, fill_gaps=1)
    kept = [600 + k for k in range(12, 24) if k not in (13, 14)]
    np.testing.assert_allclose(trace.values[1, 0], 0.45359237 * np.mean(kept))
    assert any("1 hours" in note and "half" in note for note in trace.notes)


def test_hours_with_less_than_half_their_readings_are_gaps(tmp_path):
    rows = [
        f"{hour(0, 5 * k)},{600 if k < 12 else 900}" for k in range(36) if k not in range(13, 24)
    ]
    write(tmp_path, PJM="\n".join(["point_time,value", *rows]))
    trace = load_carbon_csv(tmp_path, fill_gaps=1)
    np.testing.assert_allclose(trace.values[:, 0], 0.45359237 * np.array([600, 750, 900]))


# ------------------------------------------------------------------------------------- refusals


def lines_of(values, **changes: str) -> str:
    """A file of zone averages with some lines (named ``L<number>``) replaced or removed."""
    lines: list[str | None] = list(average(values).splitlines())
    for name, text in changes.items():
        lines[int(name[1:]) - 1] = text or None
    return "\n".join(line for line in lines if line is not None) + "\n"


def naive(first: str, count: int, *, skip: int | None = None, repeat: int | None = None) -> str:
    start = datetime.fromisoformat(first)
    steps = [t for t in range(count) if t != skip for _ in range(2 if t == repeat else 1)]
    stamps = [str(start + timedelta(hours=t)) for t in steps]
    return wide({"FR": [100] * len(stamps)}, stamps=stamps)


FIVE = [10, 20, 30, 40, 50]
BAD = {
    "gap": (lines_of(FIVE, L3="", L4=""), ["bad.csv:2, column datetime", "2 hours are missing"
            " after this line, the first is 2022-01-01 01:00 UTC", "fill_gaps = 2"]),
    "repeated hour": (lines_of(FIVE, L3=f"{hour(1)},FR,20\n{hour(1)},FR,9"),
                      ["bad.csv:4, column datetime", "2022-01-01 01:00 UTC is here and in line 3",
                       "delete one of the lines; local time repeats an hour when daylight saving"]),
    "autumn": (naive("2022-10-30T00:00", 6, repeat=2),
               ["bad.csv:5, column datetime", "2022-10-30 02:00 UTC is here and in line 4",
                "likely local time at the end of daylight saving", "offset such as +02:00"]),
    "spring": (naive("2022-03-27T00:00", 6, skip=2),
               ["bad.csv:3, column datetime", "1 hour is missing after this line, the first is "
                "2022-03-27 02:00", "likely local time at the start of daylight saving",
                "offset such as +02:00"]),
    "naive with a hole": (naive("2022-07-01T00:00", 12, skip=9),
                          ["bad.csv:10, column datetime", "without a time zone",
                           'add +00:00 to the stamps, or name the column "Datetime (UTC)"']),
    "NaN": (lines_of([10, "NaN", 30]),
            ["bad.csv:3, column carbon_intensity_avg: empty cell", "allow fill_gaps = 1"]),
    "empty cells": (lines_of([10, "", "null", 30]),
                    ["bad.csv:3, column carbon_intensity_avg: the first of 2 empty cells",
                     "allow fill_gaps = 2"]),
    "text": (lines_of([10, "high", 30]),
             ['bad.csv:3, column carbon_intensity_avg: "high" is not a number', "write a number"]),
    "negative": (lines_of([10, -3.5, 30]),
                 ["bad.csv:3, column carbon_intensity_avg: -3.5 is negative", "correct it"]),
    "absurd": (lines_of([10, 2000.5, 30]),
               ["bad.csv:3, column carbon_intensity_avg: 2000.5 is absurd", "check the unit"]),
    "infinite": (lines_of([10, "inf", 30]), ["bad.csv:3, column carbon_intensity_avg: inf is "
                 "absurd"]),
    "no timestamp": (lines_of(FIVE, L3="1/1/2022 1:00,FR,20"),
                     ['bad.csv:3, column datetime: "1/1/2022 1:00" is not a timestamp',
                      "write ISO 8601"]),
    "mixed zones": (lines_of(FIVE, L3="2022-01-01 01:00:00,FR,20"),
                    ["bad.csv:3, column datetime", "has no time zone, other lines have one",
                     "give every timestamp an offset"]),
    "truncated": (lines_of(FIVE, L6="2022-01-01T04:00:0"),
                  ["bad.csv:6: has 1 columns, the header has 3", "seems truncated",
                   "download the file again"]),
    "short line": (lines_of(FIVE, L3=f"{hour(1)},FR"),
                   ["bad.csv:3: has 2 columns, the header has 3", "complete the line"]),
    "long line": (lines_of(FIVE, L3=f"{hour(1)},FR,20,5"),
                  ["bad.csv:3: has 4 columns, the header has 3", "quote values"]),
    "empty": ("", ["bad.csv: is empty", "export the file again"]),
    "header only": ("datetime,zone_name,carbon_intensity_avg\n",
                    ["bad.csv: has a header but no rows", "export the file again"]),
    "no values": (lines_of(["", ""]), ["bad.csv:2, column carbon_intensity_avg",
                  "has no values", "export the file again"]),
    "unclosed quote": (lines_of(FIVE, L4=f'"{hour(2)},FR,30'),
                       ["bad.csv:4: is not valid CSV", "unclosed quote"]),
    "unknown header": ("when,what\n1,2\n",
                       ['bad.csv:1: the header "when,what" is none of the known ones',
                        "zone average: datetime,zone_name,carbon_intensity_avg",
                        "Electricity Maps: Datetime (UTC),Zone id", "WattTime: point_time,value",
                        "wide table: datetime,<region>"]),
    "no time column": ("moment,carbon_intensity_avg\n1,2\n",
                       ["bad.csv:1", "has no column of timestamps", '"datetime"']),
    "export without signal": ("Datetime (UTC),Zone id,Power\n2022-01-01,FR,1\n",
                              ["bad.csv:1", "with no life-cycle columns",
                               "(Life cycle)"]),
    "two columns for a region": ("datetime,FR,DE,FR\n2022-01-01,1,2,3\n",
                                 ["bad.csv:1", "more than one column for FR"]),
    "row without zone": (lines_of(FIVE, L4=f"{hour(2)},,30"),
                         ["bad.csv:4, column zone_name: names no zone"]),
    "quarter hours": ("\n".join(["datetime,FR", *(f"{hour(0, 15 * k)},5" for k in range(9))]),
                      ["bad.csv:2, column datetime: the rows are 15 min apart, not 1 h",
                       "choose hourly data"]),
    "days": ("datetime,FR\n2022-01-01,5\n2022-01-02,5\n2022-01-03,5\n",
             ["bad.csv:2, column datetime: the rows are 24 h apart, not 1 h",
              "choose hourly data"]),
    "half past": ("\n".join(["datetime,FR", *(f"{hour(t, 30)},5" for t in range(3))]),
                  ["bad.csv:2, column datetime", "30 min past an hour of UTC", "shift the stamps"]),
    "half past, by offset": ("datetime,FR\n2022-01-01T00:00:00+05:30,5\n",
                             ["bad.csv:2, column datetime", "30 min past an hour of UTC"]),
    "forecasts": ("generated_at,point_time,value\n2022-01-01T00:00Z,2022-01-01T00:00Z,500\n",
                  ["bad.csv:1", "forecasts", "historical rates"]),
    "watttime in kg": (f"point_time,value\n{hour(0)},0.4\n{hour(1)},0.5\n",
                       ["bad.csv:2, column value", "seems to be kg/kWh",
                        'name the column "MOER (kg/kWh)"']),
    "watttime absurd": (f"point_time,value\n{hour(0)},5000\n{hour(1)},500\n",
                        ["bad.csv:2, column value: 5000 (2268 g/kWh) is absurd"]),
    "watttime incomplete hour": (
        "\n".join(["point_time,value", *(f"{hour(0, 5 * k)},900" for k in range(23))]),
        ["bad.csv:14, column value", "2022-01-01 01:00 UTC has 11 of 12 readings", "fill_gaps"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_file(tmp_path, name):
    text, expected = BAD[name]
    file = tmp_path / "bad.csv"
    file.write_text(text, encoding="utf-8")
    message = refused(file)
    for fragment in expected:
        assert fragment in message
    assert len(message.splitlines()) == 1  # no problem in the wake of the first one


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (average(FIVE).encode("utf-16"), "bad.csv:1: is not UTF-8 text (byte 0xff)"),
        (average(FIVE, zone="Île").encode("latin-1"), "bad.csv:2: is not UTF-8 text (byte 0xce)"),
    ],
)
def test_not_utf8(tmp_path, data, place):
    (tmp_path / "bad.csv").write_bytes(data)
    message = refused(tmp_path / "bad.csv")
    assert place in message
    assert "save it as CSV in UTF-8" in message


def test_binary_character(tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"datetime,FR\n2022-01-01,\x005\n")
    # The csv module refuses it before Python 3.11.4, the number does since.
    assert "bad.csv:2" in refused(tmp_path / "bad.csv")


def test_missing_path_suggests_a_near_one(tmp_path):
    write(tmp_path, carbon=average(FIVE))
    assert 'does not exist (did you mean "carbon.csv"?)' in refused(tmp_path / "carbn.csv")
    assert "does not exist" in refused(tmp_path / "no" / "carbon.csv")


def test_folder_without_csv(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    message = refused(tmp_path)
    assert f"{tmp_path}: holds no *.csv file" in message
    assert "hourly CSV files" in message


def test_no_file_and_a_file_twice(tmp_path):
    assert "names no file" in refused([])
    file = write(tmp_path, a=average(FIVE)) / "a.csv"
    assert "is given more than once" in refused([file, tmp_path])


def test_folder_with_the_name_of_a_file(tmp_path):
    (tmp_path / "x.csv").mkdir()
    assert "x.csv: cannot be read" in refused(tmp_path)


def test_two_files_for_one_region(tmp_path):
    write(tmp_path, a=portal(FIVE), b=portal(FIVE[:3], first=3))
    message = refused(tmp_path)
    assert "b.csv:2, column Datetime (UTC): the region FR has 2022-01-01 03:00 UTC" in message
    assert "a.csv:5 too (2 hours in common)" in message
    assert "remove one" in message


def test_gap_between_two_files_of_one_region(tmp_path):
    write(tmp_path, a=portal([1, 2]), b=portal([4], first=3))
    message = refused(tmp_path)
    assert "a.csv:3, column Datetime (UTC): 1 hour is missing" in message


def test_unequal_ranges(tmp_path):
    write(tmp_path, a=average(FIVE), b=average(FIVE, first=2), c=average(FIVE))
    message = refused(tmp_path)
    assert "the regions cover different hours" in message
    assert f"2022-01-01 00:00 to 2022-01-01 04:00 UTC (5 h): {tmp_path / 'a.csv'}, " in message
    assert f"2022-01-01 02:00 to 2022-01-01 06:00 UTC (5 h): {tmp_path / 'b.csv'}" in message
    assert "trim cuts them to the common range 2022-01-01 02:00 to 2022-01-01 04:00" in message


@pytest.mark.parametrize("trim", [False, True])
def test_ranges_that_do_not_meet(tmp_path, trim):
    write(tmp_path, a=average(FIVE), b=average(FIVE, first=50))
    message = refused(tmp_path, trim=trim)
    assert "the regions share no hour" in message
    assert "leave some regions out" in message


def test_naive_gaps_are_never_filled(tmp_path):
    write(tmp_path, t=naive("2022-03-27T00:00", 6, skip=2))
    assert "likely local time" in refused(tmp_path, fill_gaps=3)


def test_direct_signal_needs_a_file_that_has_it(tmp_path):
    write(tmp_path, fr=average(FIVE))
    message = refused(tmp_path, signal="direct")
    assert "fr.csv:1" in message
    assert 'use signal = "life-cycle"' in message


def test_bad_arguments(tmp_path):
    write(tmp_path, fr=average(FIVE))
    message = refused(tmp_path, signal="lifecycle", fill_gaps=-1)
    assert 'signal: unknown signal "lifecycle" (did you mean "life-cycle"?)' in message
    assert "fill_gaps: -1 is not a whole number >= 0" in message


def test_all_files_are_told_of_at_once_and_the_list_is_short(tmp_path):
    write(tmp_path, a=average(["x"] * 500), b=average([-1, 2]), c=average([1, 9999]))
    message = refused(tmp_path)
    assert "a.csv: and 497 more values that are not numbers" in message
    assert "b.csv:2" in message
    assert "c.csv:3" in message
    assert len(message.splitlines()) == 6
    for name in "defghijklm":
        write(tmp_path, **{name: average(["x", "y", "z"])})
    lines = refused(tmp_path).splitlines()
    assert len(lines) == 21
    # 500 + 1 + 1 + 30 problems, of which 20 lines stand for one each.
    assert lines[-1] == "and 512 more problems"


def test_hole_in_a_wide_table_is_told_once(tmp_path):
    stamps = [hour(t) for t in (0, 1, 3, 4)]
    write(tmp_path, t=wide({name: [1, 2, 3, 4] for name in "ABCDE"}, stamps=stamps))
    assert refused(tmp_path).count("missing after this line") == 1


# ---------------------------------------------------------------------------------------- trace


def trace_of(values, regions=("a", "b")) -> CarbonTrace:
    return CarbonTrace(regions, np.datetime64("2022-01-01T00", "h"), np.array(values), "here")


def test_select(tmp_path):
    trace = trace_of([[1.0, 2.0], [3.0, 4.0]])
    chosen = trace.select(["b"])
    assert chosen.regions == ("b",)
    np.testing.assert_array_equal(chosen.values, [[2.0], [4.0]])
    assert chosen.digest != trace.digest
    assert trace.select(["a", "b"]) == trace
    assert trace.select(["b", "a"]).select(["a", "b"]) == trace


def test_select_refuses():
    trace = trace_of([[1.0, 2.0]], ("us-east-1", "us-west-1"))
    with pytest.raises(InputError) as caught:
        trace.select(["us-eas-1", "us-west-1", "us-west-1"])
    message = str(caught.value)
    assert 'regions[0]: unknown region "us-eas-1" (did you mean "us-east-1"?)' in message
    assert 'regions[2]: "us-west-1" is given twice' in message
    with pytest.raises(InputError, match="regions: is empty"):
        trace.select([])


def test_digest_tells_content_apart_and_nothing_else():
    trace = trace_of([[1.0, 2.0]])
    same = CarbonTrace(("a", "b"), np.datetime64("2022-01-01"), [[1, 2]], "there", ("note",))  # type: ignore[arg-type]
    assert same == trace
    assert hash(same) == hash(trace)
    assert len(trace.digest) == 64
    later = CarbonTrace(("a", "b"), np.datetime64("2022-01-01T01"), trace.values, "here")
    for other in (trace_of([[1.0, 2.5]]), trace_of([[1.0, 2.0]], ("a", "c")), later):
        assert other != trace


def test_values_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        trace_of([[1.0, 2.0]]).values[0, 0] = 5


def test_loading_does_not_import_jax(tmp_path):
    write(tmp_path, fr=average(FIVE))
    code = (
        "import sys; from jaxsoco.allocation.data import load_carbon_csv;"
        "import jaxsoco.allocation.data.synthetic as s, jaxsoco.allocation.data.network;"
        f"load_carbon_csv({str(tmp_path)!r}); s.synthetic_carbon(hours=2);"
        "sys.exit('jax' in sys.modules)"
    )
    env_path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": env_path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# ----------------------------------------------------------------------------------- round trip

VALUES = st.lists(
    st.floats(0, 2000).map(lambda v: round(v, 3)), min_size=1, max_size=60
)  # fmt: skip
OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda q: timezone(timedelta(minutes=15 * q)))
MOMENTS = st.integers(0, 60 * 8766).map(
    lambda h: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(hours=h)
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=VALUES,
    offset=OFFSETS,
    start=MOMENTS,
    layout=st.sampled_from(["average", "portal", "watttime", "wide"]),
    delimiter=st.sampled_from([",", ";"]),
)
def test_round_trip(tmp_path, values, offset, start, layout, delimiter):
    stamps = [
        (start + timedelta(hours=t)).astimezone(offset).isoformat() for t in range(len(values))
    ]
    if layout == "watttime":
        values = [v + 3 for v in values]  # below, the unit would be doubted
    rows = {
        "average": ["datetime,zone_name,carbon_intensity_avg"]
        + [f"{s},Z,{v}" for s, v in zip(stamps, values, strict=True)],
        "portal": [PORTAL]
        + [f"{s},C,C,X,0,{v},1,1,s,true,M" for s, v in zip(stamps, values, strict=True)],
        "watttime": ["point_time,value"]
        + [f"{s},{v}" for s, v in zip(stamps, values, strict=True)],
        "wide": ["datetime,X,Y"] + [f"{s},{v},{v}" for s, v in zip(stamps, values, strict=True)],
    }[layout]
    file = tmp_path / "X.csv"
    file.write_text("\n".join(rows).replace(",", delimiter), encoding="utf-8")
    trace = load_carbon_csv(file)
    factor = 0.45359237 if layout == "watttime" else 1.0
    assert trace.regions == (("X", "Y") if layout == "wide" else ("X",))
    assert trace.start == np.datetime64(start.replace(tzinfo=None), "h")
    for column in trace.values.T:
        np.testing.assert_array_equal(column, np.array(values) * factor)


EDITS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.integers(0, 30),
        st.sampled_from(
            ["", ",", "\n", '"', "-", "e9", "NaN", ";", "\t", "T", "Z", "+05:30", "\x00"]
        )
        | st.text(max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=EDITS,
    text=st.sampled_from(
        [
            average(FIVE),
            portal(FIVE),
            wide({"FR": FIVE, "DE": FIVE}),
            "\n".join(["point_time,value", *(f"{hour(0, 30 * k)},900" for k in range(8))]),
        ]
    ),
    fill_gaps=st.integers(0, 2),
    trim=st.booleans(),
)
def test_damaged_files_are_read_or_refused(tmp_path, edits, text, fill_gaps, trim):
    for place, length, inserted in edits:
        text = text[:place] + inserted + text[place + length :]
    file = tmp_path / "bad.csv"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        trace = load_carbon_csv(file, fill_gaps=fill_gaps, trim=trim)
    except InputError as error:
        assert error.issues
        assert "bad.csv" in str(error)
        assert all(issue.message for issue in error.issues)
    else:
        assert np.isfinite(trace.values).all()
        assert ((trace.values >= 0) & (trace.values <= 2000)).all()
        assert trace.values.shape == (trace.hours, len(trace.regions))
