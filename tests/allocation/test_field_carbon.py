"""Carbon files that people really have: each is read rightly, or named for what it is, once."""

from __future__ import annotations

import gzip
import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from field_files import DAY, HOURS, csv, level, load, put, refused, stamps

from jaxsoco.allocation.data.carbon_csv.names import unit_factor
from jaxsoco.allocation.data.carbon_csv.places import region_of
from jaxsoco.allocation.prepare import prepare_carbon_jobs
from jaxsoco.allocation.settings import CarbonJobs
from jaxsoco.core.errors import InputError

PORTAL = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Data source,Data estimated,Data estimation method"
)
VALUES = [level(t) for t in range(HOURS)]


def average(zone: str = "FR", values=VALUES, **options) -> str:
    return csv("datetime,zone_name,carbon_intensity_avg", [zone] * len(values), values, **options)


def study(**values) -> list[str]:
    """What a study of short jobs says to its data."""
    shape = {"job_length": 2, "deadline_min": 4, "deadline_max": 6, "data_size": 1.0}
    with pytest.raises(InputError) as caught:
        prepare_carbon_jobs(CarbonJobs(**shape, **values), values["carbon"].parent)
    return str(caught.value).splitlines()


# --- regions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["Time,Carbon Intensity", "time,CI", "datetime,carbon_intensity",
                                  "timestamp,avg_CI", "datetime,Carbon intensity (gCO2eq/kWh)",
                                  "datetime,carbonIntensity", "date,gCO2/kWh"])  # fmt: skip
def test_a_single_column_is_named_after_its_file(tmp_path, head):  # C05, C05_2
    put(tmp_path, gb_ci_csv=csv(head, level), fr_ci_csv=csv(head, lambda t: level(t, 40)))
    trace = load(tmp_path)
    assert trace.regions == ("fr", "gb")
    np.testing.assert_array_equal(trace.values[:, 1], VALUES)


def test_two_countries_are_never_one_region(tmp_path):  # C34
    first = csv("time,CI", level, times=stamps(start="2019-12-30"))
    put(
        tmp_path, gb_csv=first, fr_csv=csv("time,CI", level, times=stamps(start="2019-12-31T06:00"))
    )
    (line,) = refused(tmp_path)
    assert "the regions share no hour" in line
    (tmp_path / "gb.csv").unlink()
    assert load(tmp_path).regions == ("fr",)


def test_ci_is_ivory_coast_among_other_regions(tmp_path):
    put(tmp_path, t_csv=csv("datetime,CI,GH", level, level))
    assert load(tmp_path).regions == ("CI", "GH")


@pytest.mark.parametrize("names", [("DE_2020", "DE_2021"), ("DE-2020", "DE-2021"),
                                   ("DE_2020-12", "DE_2021-01"),
                                   ("DE_2020_hourly", "DE_2021_hourly"),
                                   ("DE/2020", "DE/2021"), ("DE/2020/hourly", "DE/2021/hourly"),
                                   ("2020/DE", "2021/DE")])  # fmt: skip
def test_years_of_a_region_are_joined(tmp_path, names):  # C09
    for name, start in zip(names, ("2022-01-01", "2022-01-02T06:00"), strict=True):
        put(
            tmp_path, **{f"{name.replace('/', '__')}_csv": average("DE", times=stamps(start=start))}
        )
    trace = load(tmp_path)
    assert (trace.regions, trace.hours) == (("DE",), 2 * HOURS)


def test_years_of_two_zones_are_not_joined(tmp_path):
    later = average("FR", times=stamps(start="2022-01-02T06:00"))
    put(tmp_path, grid_2020_csv=average("DE"), grid_2021_csv=later)
    assert "share no hour" in refused(tmp_path)[0]
    put(tmp_path, grid_2021_csv=average("FR"))
    assert load(tmp_path).regions == ("DE", "FR")


def test_files_of_one_name_in_two_folders_are_two_regions(tmp_path):
    later = csv("time,CI", level, times=stamps(start="2022-01-02T06:00"))
    put(tmp_path, DE__grid_csv=csv("time,CI", level), FR__grid_csv=later)
    assert "share no hour" in refused(tmp_path)[0]
    put(tmp_path, FR__grid_csv=csv("time,CI", level))
    assert load(tmp_path).regions == ("DE", "FR")


@pytest.mark.parametrize("zone", ["zone", "region", "Zone Key", "country_code", "location", "ba"])
def test_a_long_table_is_split_by_its_zones(tmp_path, zone):
    rows = [
        f"{stamp},{name},{value}"
        for stamp, value in zip(stamps(), VALUES, strict=True)
        for name in ("FR", "DE")
    ]
    put(tmp_path, all_csv="\n".join([f"datetime,{zone},carbon_intensity", *rows]))
    assert load(tmp_path).regions == ("FR", "DE")


@pytest.mark.parametrize(
    ("stem", "region"),
    [
        ("DE_2020", "DE"),
        ("us-east-1", "us-east-1"),
        ("US-CAL-CISO_2022_hourly", "US-CAL-CISO"),
        ("gb_carbon_intensity", "gb"),
        ("DK-DK1-2024", "DK-DK1"),
        ("CAISO_NORTH_co2_moer_2022-01-01_2022-01-07", "CAISO_NORTH"),
        ("carbon", "carbon"),
        ("2020", "2020"),
    ],
)
def test_regions_of_names(stem, region):
    assert region_of(stem) == region


# --- columns that are no regions -----------------------------------------------------------------


def test_the_fuels_of_a_grid_are_left_out(tmp_path):  # C07
    columns = [lambda t, k=k: 100 * k + t for k in range(1, 9)]
    put(tmp_path, NY_csv=csv("timestamp,WND,SUN,WAT,OIL,NG,COL,NUC,OTH,avg_CI", *columns, level))
    trace = load(tmp_path)
    assert trace.regions == ("NY",)
    np.testing.assert_array_equal(trace.values[:, 0], VALUES)
    assert any("WND, SUN, WAT, OIL, NG, COL, NUC, OTH are left out" in n for n in trace.notes)
    # Nigeria is a zone like others where it is not among fuels.
    put(tmp_path, NY_csv=csv("timestamp,NG,GH", level, level))
    assert load(tmp_path).regions == ("NG", "GH")


def test_fuels_without_an_intensity_are_named(tmp_path):
    put(tmp_path, NY_csv=csv("timestamp,WND,SUN,WAT,OIL", *[level] * 4))
    (line,) = refused(tmp_path)
    assert "NY.csv:1: 4 of 4 columns are not regions: WND, SUN, WAT, OIL" in line


def test_strange_columns_among_regions_are_named(tmp_path):
    put(tmp_path, t_csv=csv("datetime,FR,DE,Solar (MW),price", *[level] * 4))
    (line,) = refused(tmp_path)
    assert "t.csv:1: 2 of 4 columns are not regions: Solar (MW), price (leave them out" in line
    put(tmp_path, t_csv=csv("datetime,FR,index", level, ["moderate"] * HOURS))
    assert "1 of 2 columns is not a region: index" in refused(tmp_path)[0]
    put(tmp_path, t_csv=csv("datetime,FR,colour", level, ["red"] * HOURS))  # by its cells
    assert "1 of 2 columns is not a region: colour" in refused(tmp_path)[0]
    put(tmp_path, t_csv=csv("datetime,FR,carbon_intensity", level, level))
    assert "1 of 2 columns is not a region: carbon_intensity" in refused(tmp_path)[0]


def test_the_british_api_as_a_table(tmp_path):  # C16
    columns = (lambda t: 150 + t, lambda t: 148 + t, ["moderate"] * HOURS)
    put(tmp_path, gb_csv=csv("datetime,forecast,actual,index", *columns))
    trace = load(tmp_path)
    assert trace.regions == ("gb",)
    assert trace.values[:2, 0].tolist() == [148, 149]
    assert any("actual is the carbon intensity; forecast, index are left out" in n
               for n in trace.notes)  # fmt: skip


def test_a_table_of_codecarbon_is_named_once(tmp_path):  # C15
    header = (
        "timestamp,project_name,run_id,duration,emissions,emissions_rate,cpu_power,energy_consumed,"
        "country_name,region,os,python_version,pue"
    )
    cells = ["demo", "run", 120.5, 0.0012, 1e-5, 42.5, 0.004, "France", "idf", "Linux", "3.11.4", 1]
    put(tmp_path, emissions_csv=csv(header, *([cell] * HOURS for cell in cells)))
    (line,) = refused(tmp_path)
    assert "11 of 12 columns are not regions: project_name, run_id, duration, emissions" in line
    assert "os and 1 more (CodeCarbon has the emissions of a program; wanted: a grid's" in line


@pytest.mark.parametrize(
    ("header", "nearest"),
    [
        ("datetime,zone_name", "nearest: zone average: datetime,zone_name,carbon_intensity_avg"),
        ("Datetime (UTC),Zone name,Zone key", "known: "),
        ("timestamp,value", 'is "value" in g/kWh? name it carbon_intensity; in lb/MWh'),
    ],
)
def test_the_nearest_layout_is_named(tmp_path, header, nearest):
    columns = [["x"] * HOURS] * (header.count(",") - 1) + [level]
    put(tmp_path, t_csv=csv(header, *columns))
    (line,) = refused(tmp_path)
    assert nearest in line


def test_a_table_without_a_header_is_named(tmp_path):
    put(tmp_path, t_csv=csv("", level)[1:])
    (line,) = refused(tmp_path)
    assert "t.csv:1: has no header: the first line holds a time" in line


def test_a_header_in_a_comment_is_read(tmp_path):
    put(tmp_path, t_csv="# by NumPy\n# datetime,FR,DE\n" + csv("", level, level)[1:])
    assert load(tmp_path).regions == ("FR", "DE")


# --- units ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("g/kWh", 1),
        ("gCO₂eq/kWh", 1),
        ("kgCO2e/MWh", 1),
        ("kg CO2eq / kWh", 1000),
        ("t/MWh", 1000),
        ("tCO2/MWh", 1000),
        ("lb/MWh", 0.45359237),
        ("lbs_co2_per_mwh", 0.45359237),
        ("carbon_intensity_gco2_kwh", 1),
        ("MW", None),
        ("kWh", None),
        ("kg", None),
        ("FR", None),
    ],
)
def test_units_of_names(text, factor):
    assert unit_factor(text) == factor


def test_kilograms_are_noticed_in_all_columns_at_once(tmp_path):  # C20
    small = [lambda t, k=k: round((level(t) + k) / 1000, 5) for k in range(3)]
    put(tmp_path, t_csv=csv("datetime,FR,DE,GB", *small))
    (line,) = refused(tmp_path)
    assert "t.csv:2, column FR: no value exceeds 0.5055, nor in 2 more columns" in line
    assert 'kg/kWh, not g/kWh (name the unit in the header, "FR (kg/kWh)", or multiply' in line
    put(tmp_path, t_csv=csv("datetime,FR (kg/kWh),DE (kg/kWh),GB [kg/kWh]", *small))
    trace = load(tmp_path)
    assert trace.regions == ("FR", "DE", "GB")
    np.testing.assert_allclose(trace.values[:, 0], VALUES, rtol=1e-12)


def test_kilograms_are_noticed_in_zone_averages(tmp_path):  # C20b
    small = [round(value / 1000, 4) for value in VALUES]
    put(tmp_path, DE_csv=average("DE", small), FR_csv=average("FR", small))
    (line,) = refused(tmp_path)
    assert (
        "DE.csv:2" in line
        and "so the unit seems to be kg/kWh, not g/kWh, as in 1 more file" in line
    )


def test_small_direct_emissions_are_no_doubt_about_a_unit_that_is_named(tmp_path):
    small = [round(value / 1000, 4) for value in VALUES]
    rows = ["Iceland", "Iceland", "IS"]
    text = csv(PORTAL, *([cell] * HOURS for cell in rows), small, VALUES, *[[""] * HOURS] * 3)
    put(tmp_path, IS_csv=text)
    np.testing.assert_array_equal(load(tmp_path, signal="direct").values[:, 0], small)


def test_mixed_units_are_noticed(tmp_path):
    mixed = [value / 1000 if t > 15 else value for t, value in enumerate(VALUES)]
    put(tmp_path, t_csv=csv("datetime,FR", mixed))
    (line,) = refused(tmp_path)
    assert "t.csv:18, column FR: 0.412" in line
    assert "as in 14 of 30 lines, seems to be in kg/kWh" in line
    units = ["g/kWh"] * 20 + ["lb/MWh"] * 10
    header = "datetime,zone_name,carbon_intensity_avg,unit"
    put(tmp_path, t_csv=csv(header, ["FR"] * HOURS, VALUES, units))
    (line,) = refused(tmp_path)
    assert 't.csv:22, column unit: "lb/MWh" after "g/kWh": lines of mixed units' in line
    put(tmp_path, t_csv=csv(header, ["FR"] * HOURS, VALUES, ["kg/MWh"] * HOURS))
    np.testing.assert_array_equal(load(tmp_path).values[:, 0], VALUES)
    put(tmp_path, t_csv=csv(header, ["FR"] * HOURS, VALUES, ["parts"] * HOURS))
    assert '"parts" is no unit of carbon intensity' in refused(tmp_path)[0]


def test_megawatts_in_a_column_are_said_once(tmp_path):
    put(tmp_path, t_csv=csv("datetime,FR,DE", level, lambda t: 40_000 + t))
    (line,) = refused(tmp_path)
    assert "t.csv:2, column DE: 30 of 30 values are more than 2000 g/kWh, such as 40000" in line


def test_negative_values_and_zeros_with_their_places(tmp_path):  # C21
    values = [-12.4 if t in (5, 6) else value for t, value in enumerate(VALUES)]
    zeros = [0.0 if t in (7, 9) else value for t, value in enumerate(VALUES)]
    put(tmp_path, ci_csv=csv("datetime,FR,DE", values, zeros))
    lines = refused(tmp_path)
    assert [line.partition(": ")[2].split(" (")[0] for line in lines] == [
        *["-12.4 is negative"] * 2,
        *["0 leaves the competitive ratio without a bound"] * 2,
    ]
    assert "ci.csv:9, column DE" in lines[2]
    put(tmp_path, ci_csv=csv("datetime,FR,DE", VALUES, zeros))
    (line,) = study(carbon=tmp_path / "ci.csv")
    assert "carbon intensity 0 in DE at 2022-01-01 07:00 UTC and in 1 more hour (" in line
    assert "ci.csv:9, column DE) leaves" in line


def test_estimated_hours_are_counted(tmp_path):  # C01
    flags = ["true" if t % 3 == 0 else "false" for t in range(HOURS)]
    cells = ["Germany", "Germany", "DE"]
    text = csv(PORTAL, *([cell] * HOURS for cell in cells), VALUES, VALUES, [""] * HOURS, flags,
               [""] * HOURS)  # fmt: skip
    put(tmp_path, DE_csv=text)
    trace = load(tmp_path)
    assert trace.notes == (f"10 of 30 readings of DE in {tmp_path / 'DE.csv'} are estimated",)


# --- times ---------------------------------------------------------------------------------------


def epoch(scale: int) -> list[str]:
    first = int(np.datetime64("2022-01-01", "s").astype(np.int64))
    return [str((first + 3600 * t) * scale) for t in range(HOURS)]


@pytest.mark.parametrize(
    ("scale", "unit"), [(1, "seconds"), (10**3, "milli"), (10**6, "micro"), (10**9, "nano")]
)
def test_times_since_1970(tmp_path, scale, unit):
    put(tmp_path, FR_csv=csv("timestamp,FR", level, times=epoch(scale)))
    trace = load(tmp_path)
    assert trace.start == np.datetime64("2022-01-01T00")
    (note,) = trace.notes
    assert f"the column timestamp was read as {unit}" in note


def test_the_readable_one_of_two_columns_of_times_is_taken(tmp_path):  # C18
    header = "timestamp,datetime,carbon_intensity_avg"
    put(tmp_path, DE_csv=csv(header, stamps(), level, times=epoch(1)))
    assert load(tmp_path).notes == ()
    local = stamps(form="%Y-%m-%d %H:%M:%S", start="2022-01-01T01:00")
    header = "Datetime (local),Datetime (UTC),FR"
    put(tmp_path, DE_csv=csv(header, stamps(form="%Y-%m-%d %H:%M:%S"), level, times=local))
    assert load(tmp_path).start == np.datetime64("2022-01-01T00")
    header = "hour,datetime,FR"
    put(tmp_path, DE_csv=csv(header, stamps(), level, times=[str(t % 24) for t in range(HOURS)]))
    assert load(tmp_path).regions == ("FR",)


@pytest.mark.parametrize("clock", ["{}", "{}:00", "{:02d}:00:00"])
def test_a_date_and_a_time_are_put_together(tmp_path, clock):  # C17
    clocks = [clock.format(t % 24) for t in range(HOURS)]
    put(tmp_path, t_csv=csv("date,time,FR,DE", clocks, level, level, times=stamps(form="%Y-%m-%d")))
    trace = load(tmp_path)
    assert (trace.start, trace.regions) == (np.datetime64("2022-01-01T00"), ("FR", "DE"))
    slashes = [f"1/{1 + t // 24}/22" for t in range(HOURS)]
    put(tmp_path, t_csv=csv("date,time,FR,DE", clocks, level, level, times=slashes))
    (line,) = refused(tmp_path)
    assert '"1/1/22 0:00' in line or '"1/1/22 00:00' in line
    assert "is not a timestamp, as in 29 more lines (day or month first cannot be told" in line


def test_dates_of_a_spreadsheet_are_named_once(tmp_path):
    days = [f"{44562 + t / 24:.6f}" for t in range(HOURS)]
    put(tmp_path, t_csv=csv("datetime,FR", level, times=days))
    (line,) = refused(tmp_path)
    assert '"44562.000000" is a number, not a timestamp, as in 29 more lines' in line
    assert "a spreadsheet's count of days since 1900?" in line


def test_compact_dates(tmp_path):
    put(tmp_path, t_csv=csv("datetime,FR", level, times=stamps(form="%Y%m%d%H")))
    trace = load(tmp_path)
    assert trace.start == np.datetime64("2022-01-01T00")
    assert any("read as compact dates" in note for note in trace.notes)


def test_kinds_of_time_are_not_mixed(tmp_path):
    times = [*stamps()[:20], *epoch(1)[20:]]
    put(tmp_path, t_csv=csv("datetime,FR", level, times=times))
    (line,) = refused(tmp_path)
    assert "t.csv:22" in line and "are different kinds of time, as in 9 more lines" in line


def test_a_leap_day_and_a_change_of_the_clock(tmp_path):
    for start in ("2024-02-28T20:00", "2022-03-27T00:00", "2022-10-30T00:00"):
        put(tmp_path, t_csv=csv("datetime,FR", level, times=stamps(start=start)))
        assert load(tmp_path).hours == HOURS


# --- files ---------------------------------------------------------------------------------------


def test_hidden_files_are_skipped(tmp_path):  # C10
    put(tmp_path, DE_csv=average("DE"), FR_csv=average("FR"))
    (tmp_path / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (tmp_path / "._FR.csv").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X\xb0")
    (tmp_path / "~$FR.csv").write_bytes(b"x")
    trace = load(tmp_path)
    assert (trace.regions, trace.notes) == (("DE", "FR"), ())


def test_sub_folders_are_searched(tmp_path):  # C11
    put(
        tmp_path,
        **{f"{c}__2024__{c}_2024_hourly_csv": average(c) for c in ("DE", "FR")},
    )
    assert load(tmp_path).regions == ("DE", "FR")
    put(tmp_path, GB_csv=average("GB"))
    trace = load(tmp_path)
    assert trace.regions == ("GB",)
    assert trace.notes == (f"sub-folders of {tmp_path} not searched: DE, FR",)


def test_packed_files_are_read_and_others_named(tmp_path):  # C12
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("GB.csv", average("GB"))
    put(tmp_path, FR_csv=average("FR"))
    (tmp_path / "DE.csv.gz").write_bytes(gzip.compress(average("DE").encode()))
    (tmp_path / "GB.csv.zip").write_bytes(buffer.getvalue())
    (tmp_path / "PL.xlsx").write_bytes(b"PK")
    trace = load(tmp_path)
    assert trace.regions == ("DE", "FR", "GB")
    assert trace.notes == (f"left out of {tmp_path}: PL.xlsx",)
    put(tmp_path, DE_csv=average("DE"))
    assert f"read unpacked, not packed, in {tmp_path}: DE.csv.gz" in load(tmp_path).notes
    assert load(tmp_path / "GB.csv.zip").regions == ("GB",)


@pytest.mark.parametrize("address", ["https://example.org/FR.csv", "s3://bucket/FR.csv"])
def test_addresses_are_no_files(tmp_path, address):  # C29
    (line,) = refused(address)
    assert line.startswith(f"{address}: is an address, and only local files are read")
    (line,) = study(carbon=tmp_path / Path(address))
    assert f"{address}: is an address" in line


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\n" + csv("datetime,FR,DE", level, level).replace(",", ";"),
        "# source: example, CC-BY\n# unit: gCO2eq/kWh\n" + csv("datetime,FR,DE", level, level),
        csv("datetime,FR,DE", level, level).replace(",", "|"),
        csv("datetime,FR,DE", level, level).replace(",", "\t"),
        csv("datetime,FR,DE", level, level).replace(",", " "),
        csv("datetime,FR,DE", level, level).replace(",", " ").replace("T", " "),
        csv("datetime,FR,DE", level, level).replace(",", ", "),
        csv("datetime,FR,DE", level, level).replace("\n", ",\n").replace("DE,", "DE"),
        csv("datetime,FR,DE", level, level).replace("\n", "\r"),
        "\n\n" + csv("datetime,FR,DE", level, level),
        csv("datetime,FR,DE", level, level).replace(",", ";").replace(".", ","),
        csv(",datetime,FR,DE", stamps(), level, level, times=[str(t) for t in range(HOURS)]),
    ],
    ids=["sep", "hash", "bar", "tab", "blank", "blanks in stamps", "blank after", "trailing", "cr",
         "leading", "decimal commas", "index"],
)  # fmt: skip
def test_dialects_are_read(tmp_path, text):  # C28
    put(tmp_path, ci_csv=text)
    trace = load(tmp_path)
    assert trace.regions == ("FR", "DE")
    np.testing.assert_array_equal(trace.values, np.column_stack([VALUES, VALUES]))


def test_lines_of_another_width_are_counted(tmp_path):
    text = csv("datetime,FR", level, level)
    put(tmp_path, t_csv=text)
    (line,) = refused(tmp_path)
    assert line.startswith(f"{tmp_path / 't.csv'}: 30 lines have 3 columns, the header has 2")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!DOCTYPE html><html>", "holds HTML, not a table"),
        (b"version https://git-lfs.github.com/spec/v1\noid x\n", "a pointer of Git LFS"),
        (b"PK\x03\x04xl/", "damaged zip archive"),
        (b"PAR1\x15\x04", "it holds Parquet"),
        ("datetime,São Paulo\n".encode("mac-roman"), "is not UTF-8 text (byte 0x8b)"),
        (average().encode("utf-16"), "it seems to be UTF-16"),
    ],
)
def test_files_of_another_kind_are_named_once(tmp_path, content, kind):
    (tmp_path / "FR.csv").write_bytes(content)
    (line,) = refused(tmp_path)
    assert kind in line


# --- one region, regions without a place ---------------------------------------------------------


def test_one_region_needs_no_distances(tmp_path):  # C08
    put(tmp_path, PL_csv=average("PL"))
    shape = {"job_length": 2, "deadline_min": 4, "deadline_max": 6, "data_size": 1.0}
    content = prepare_carbon_jobs(CarbonJobs(carbon=tmp_path / "PL.csv", **shape), tmp_path).content
    assert content.latency.tolist() == [[0.0]]


def test_regions_without_a_place_are_one_message(tmp_path):  # C03 b
    names = "DK-DK1,DK-DK2,SE-SE1,SE-SE2,NO-NO1,FI,PL,CZ,AT"
    put(tmp_path, t_csv=csv(f"datetime,{names}", *[level] * 9))
    (line,) = study(carbon=tmp_path / "t.csv")
    assert "9 of 9 regions have no known coordinates: DK-DK1, DK-DK2, SE-SE1" in line
    assert len(line) < 400


# --- found by trying further files --------------------------------------------------------------


def test_copies_of_a_file_are_noticed(tmp_path):
    put(tmp_path, DE_csv=csv("time,CI", level))
    for name in ("DE (1).csv", "DE - Copy.csv", "de.csv"):
        (tmp_path / name).write_text(csv("time,CI", level))
        (line,) = refused(tmp_path)
        assert "(30 hours in common)" in line
        (tmp_path / name).unlink()


def test_years_in_a_folder_are_named_after_it(tmp_path):
    later = csv("time,CI", level, times=stamps(start="2022-01-02T06:00"))
    put(tmp_path, DE__2022_csv=csv("time,CI", level), DE__2023_csv=later)
    trace = load(tmp_path / "DE")
    assert (trace.regions, trace.hours) == (("DE",), 2 * HOURS)


@pytest.mark.parametrize("name", ["temp_c", "wind_speed", "load (MW)", "x [%]", "spot_eur", "Coal"])
def test_other_quantities_are_no_regions(tmp_path, name):
    put(tmp_path, t_csv=csv(f"datetime,FR,{name}", level, level))
    assert f"1 of 2 columns is not a region: {name}" in refused(tmp_path)[0]


@pytest.mark.parametrize("form", ['"1,{}"', "{} g/kWh", "~{}"])
def test_numbers_with_other_signs_are_shown(tmp_path, form):
    put(tmp_path, t_csv=csv("datetime,FR", [form.format(value) for value in VALUES]))
    (line,) = refused(tmp_path)
    assert 'the column FR holds "' in line
    assert "write plain numbers" in line


def test_columns_of_intensity_are_chosen_by_signal_or_named(tmp_path):
    header = "datetime,zone,carbon_intensity_direct,carbon_intensity_lca"
    put(tmp_path, t_csv=csv(header, ["FR"] * HOURS, lambda t: level(t) / 2, level))
    np.testing.assert_array_equal(load(tmp_path).values[:, 0], VALUES)
    direct = load(tmp_path, signal="direct").values[:, 0]
    np.testing.assert_array_equal(direct, np.array(VALUES) / 2)
    header = "datetime,carbon_intensity_marginal,carbon_intensity_average"
    put(tmp_path, t_csv=csv(header, level, level))
    assert "2 columns of carbon intensity: carbon_intensity_marginal" in refused(tmp_path)[0]


def test_local_times_are_not_utc(tmp_path):
    local = stamps(form="%Y-%m-%d %H:%M:%S")
    put(tmp_path, t_csv=csv("Datetime (local),FR", level, times=local))
    (line,) = refused(tmp_path)
    assert "the column Datetime (local) holds local time without offsets" in line
    put(tmp_path, t_csv=csv("local_time,FR", level, times=stamps(form="%Y-%m-%dT%H:%M:%S+01:00")))
    assert load(tmp_path).start == np.datetime64("2021-12-31T23")


@pytest.mark.parametrize(
    "name",
    ["co2", "Carbon", "gCO2", "grid_carbon_intensity", "carbon_intensity_gCO2_per_kWh", "MER",
     "Carbon intensity of electricity", "intensity (g/kWh)", "carbon_intensity_value", "CI_avg",
     "emissions (gCO2/kWh)", "gCO2eq/kWh", "Emission factor", "CO2eq_g_kWh", "g_co2_per_kwh"],
)  # fmt: skip
def test_names_of_carbon_intensity(tmp_path, name):
    put(tmp_path, gb_csv=csv(f"datetime,{name}", level), fr_csv=csv(f"datetime,{name}", level))
    trace = load(tmp_path)
    assert trace.regions == ("fr", "gb")
    np.testing.assert_array_equal(trace.values[:, 0], VALUES)


def test_a_word_that_nobody_knows_is_no_region_of_two_files(tmp_path):
    first, second = stamps(), stamps(start="2022-01-02T06:00")
    put(tmp_path, gb_csv=csv("datetime,kohle", level), fr_csv=csv("datetime,kohle", level))
    assert load(tmp_path).regions == ("fr", "gb")
    put(tmp_path, fr_csv=csv("datetime,kohle", level, times=second))
    assert "share no hour" in refused(tmp_path)[0]
    for name, times in (("DE_2020", first), ("DE_2021", second)):
        put(tmp_path, **{f"years__{name}_csv": csv("datetime,DE", level, times=times)})
    assert load(tmp_path / "years").regions == ("DE",)


def test_regions_of_watttime_in_one_table(tmp_path):
    rows = [f"{stamp},{900 + i},{name}" for stamp in stamps() for i, name in enumerate("AB")]
    put(tmp_path, all_csv="\n".join(["point_time,value,region", *rows]))
    assert load(tmp_path).regions == ("A", "B")


def test_columns_of_the_same_region(tmp_path):
    put(tmp_path, t_csv=csv("datetime,FR,FR.1", level, level))
    assert "more than one column for FR" in refused(tmp_path)[0]
    put(tmp_path, t_csv=csv("datetime,FR_carbon_intensity,carbon_intensity_DE", level, level))
    assert load(tmp_path).regions == ("FR", "DE")


def test_a_table_with_its_times_in_a_row(tmp_path):
    rows = ["zone," + ",".join(stamps()), *(f"{z}," + ",".join(map(str, VALUES)) for z in "AB")]
    put(tmp_path, t_csv="\n".join(rows))
    (line,) = refused(tmp_path)
    assert "has its times in a row, not in a column (transpose the table)" in line


@pytest.mark.parametrize("name", ["carbon_intensity_forecast", "forecast", "CI (predicted)"])
def test_forecasts_are_read_and_said(tmp_path, name):
    put(tmp_path, FR_csv=csv(f"datetime,{name}", level))
    trace = load(tmp_path)
    assert trace.regions == ("FR",)
    assert trace.notes == (f"{tmp_path / 'FR.csv'}: holds forecasts, no measurements",)


def test_missing_values_of_a_spreadsheet(tmp_path):
    put(tmp_path, t_csv=csv("datetime,FR", ["#N/A" if t == 3 else v for t, v in enumerate(VALUES)]))
    assert "t.csv:5, column FR: empty cell" in refused(tmp_path)[0]


def test_a_year_of_five_minutes_is_read_in_two_seconds(tmp_path):
    count = 105_120
    times = np.datetime_as_string(
        np.datetime64("2022-01-01") + np.arange(count) * np.timedelta64(300, "s"), timezone="UTC"
    )
    lines = [f"{moment},{900 + i % 97}.5" for i, moment in enumerate(times)]
    put(tmp_path, PJM_csv="\n".join(["point_time,value", *lines]))
    start = time.process_time()  # of this process: others may have the machine
    trace = load(tmp_path)
    assert time.process_time() - start < 2
    assert trace.hours == count // 12
    assert trace.values[0, 0] == pytest.approx(0.45359237 * (900.5 + 5.5))
    assert trace.hours == DAY * 365
