"""Answers in JSON of the services that people ask, as they keep them."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from field_files import HOURS, csv, level, load, put, refused, stamps

VALUES = [level(t) for t in range(HOURS)]
Z = "%Y-%m-%dT%H:%M:%S.000Z"


def write(folder, name: str, answer: object, indent: int | None = None):
    (folder / name).write_text(json.dumps(answer, indent=indent), encoding="utf-8")
    return folder / name


def electricity_maps(zone: str = "DE", estimated: int = 0, kind: str = "lifecycle", **more) -> dict:
    history = [
        {
            "zone": zone,
            "carbonIntensity": VALUES[t],
            "datetime": stamp,
            "updatedAt": "2022-01-05T00:00:00.000Z",
            "emissionFactorType": kind,
            "isEstimated": t < estimated,
            "estimationMethod": "TIME_SLICER_AVERAGE" if t < estimated else None,
        }
        for t, stamp in enumerate(stamps(form=Z))
    ]
    return {"zone": zone, "history": history, **more}


def watttime(**meta: object) -> dict:
    data = [
        {"point_time": f"2022-01-01T{t // 12:02d}:{t % 12 * 5:02d}:00+00:00", "value": 900 + t}
        for t in range(24)
    ]
    about = {
        "region": "CAISO_NORTH",
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
        "data_point_period_seconds": 300,
        "warnings": [],
        "model": {"date": "2022-10-01"},
    }
    return {"data": data, "meta": {**about, **meta}}


def uk(half_hours: int = 4, actual: bool = True) -> list[dict]:
    return [
        {
            "from": f"2022-01-01T{k // 2:02d}:{k % 2 * 30:02d}Z",
            "to": f"2022-01-01T{(k + 1) // 2:02d}:{(k + 1) % 2 * 30:02d}Z",
            "intensity": {
                "forecast": 150 + k,
                "actual": 148 + k if actual else None,
                "index": "low",
            },
        }
        for k in range(half_hours)
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_electricity_maps(tmp_path, indent):  # C13b
    file = write(tmp_path, "answer.json", electricity_maps(estimated=3), indent)
    trace = load(file)
    assert (trace.regions, trace.start) == (("DE",), np.datetime64("2022-01-01T00"))
    np.testing.assert_array_equal(trace.values[:, 0], VALUES)
    assert trace.notes == (f"3 of 30 readings of DE in {file} are estimated",)
    assert trace.source == f"{file} (Electricity Maps API)"


def test_electricity_maps_by_range_and_by_lines(tmp_path):
    answer = electricity_maps()
    write(tmp_path, "a.json", {"zone": "DE", "data": answer["history"]})
    assert load(tmp_path / "a.json").hours == HOURS
    lines = "\n".join(map(json.dumps, answer["history"]))
    (tmp_path / "b.jsonl").write_text(lines)
    assert load(tmp_path / "b.jsonl").regions == ("DE",)
    (tmp_path / "c.csv").write_text(json.dumps(answer))  # by another name
    assert load(tmp_path / "c.csv").regions == ("DE",)
    (tmp_path / "d.json.gz").write_bytes(gzip.compress(json.dumps(answer).encode()))
    assert load(tmp_path / "d.json.gz").regions == ("DE",)
    write(tmp_path, "e.json", [electricity_maps("DE"), electricity_maps("FR")])
    assert load(tmp_path / "e.json").regions == ("DE", "FR")


def test_signals_are_not_taken_for_each_other(tmp_path):
    file = write(tmp_path, "a.json", electricity_maps(kind="direct"))
    (line,) = refused(file)
    assert 'a.json: signal "life-cycle" was asked for, and emissionFactorType is direct' in line
    assert load(file, signal="direct").hours == HOURS
    write(tmp_path, "a.json", electricity_maps())
    assert 'use signal = "life-cycle"' in refused(file, signal="direct")[0]


def test_watttime_v3(tmp_path):
    file = write(tmp_path, "answer.json", watttime())
    trace = load(file)
    assert trace.regions == ("CAISO_NORTH",)
    np.testing.assert_allclose(trace.values[:, 0], 0.45359237 * np.array([905.5, 917.5]))
    assert "marginal" in trace.source
    write(tmp_path, "answer.json", watttime(units="kgco2_per_mwh", signal_type="co2_aoer"))
    trace = load(file)
    np.testing.assert_allclose(trace.values[:, 0], [905.5, 917.5])
    assert "WattTime average rate" in trace.source


def test_watttime_v2(tmp_path):
    data = [{**point, "ba": "PJM_DC", "datatype": "MOER", "frequency": 300, "market": "RTM"}
            for point in watttime()["data"]]  # fmt: skip
    trace = load(write(tmp_path, "answer.json", data))
    assert trace.regions == ("PJM_DC",)
    assert trace.values[0, 0] == pytest.approx(0.45359237 * 905.5)


def test_watttimes_other_signals_are_named(tmp_path):
    file = write(tmp_path, "a.json", watttime(signal_type="health_damage", units="usd_per_mwh"))
    assert "holds health_damage, not carbon intensity" in refused(file)[0]
    write(tmp_path, "a.json", watttime(units="percent"))
    assert 'column meta.units: "percent" is no unit' in refused(file)[0]
    write(tmp_path, "a.json", watttime(generated_at="2022-01-01T00:00:00+00:00"))
    assert "these are forecasts" in refused(file)[0]


def test_the_british_api(tmp_path):  # C13
    file = write(tmp_path, "answer.json", {"data": uk()}, 2)
    trace = load(file)
    assert trace.regions == ("GB",)
    assert trace.values[:, 0].tolist() == [148.5, 150.5]
    assert any("30-minute readings" in note for note in trace.notes)
    write(tmp_path, "answer.json", {"data": uk(actual=False)})
    trace = load(file)
    assert trace.values[:, 0].tolist() == [150.5, 152.5]
    assert any("holds forecasts, no measurements" in note for note in trace.notes)
    # The day is not over.
    now = [
        *uk(5),
        *({**period, "intensity": {"forecast": 1, "actual": None}} for period in uk(8)[5:]),
    ]
    trace = load(write(tmp_path, "answer.json", {"data": now}))
    assert trace.values[:, 0].tolist() == [148.5, 150.5]
    assert any("4 readings at the ends of" in note for note in trace.notes)
    # Of no hour is there more than a part.
    parts = [uk(2)[1], uk(4)[2]]
    assert "has 1 of 2 readings" in refused(write(tmp_path, "answer.json", {"data": parts}))[0]


def test_the_british_api_by_region(tmp_path):
    one = {"data": {"regionid": 3, "shortname": "North West England", "data": uk()}}
    assert load(write(tmp_path, "a.json", one)).regions == ("North West England",)
    times = uk()
    regions = ("Scotland", "London")
    by_time = [
        {
            "from": period["from"],
            "to": period["to"],
            "regions": [
                {"regionid": i, "shortname": name, "intensity": period["intensity"],
                 "generationmix": [{"fuel": "gas", "perc": 5}]}
                for i, name in enumerate(regions)
            ],
        }
        for period in times
    ]  # fmt: skip
    assert load(write(tmp_path, "a.json", {"data": by_time})).regions == regions


@pytest.mark.parametrize(
    "names",
    [("location", "time", "rating"), ("Location", "Time", "Rating"),
     ("location", "startTime", "carbonIntensity"), ("location", "timestamp", "value")],
)  # fmt: skip
def test_the_carbon_aware_sdk(tmp_path, names):
    rows = [dict(zip(names, ("eastus", stamp, value), strict=True)) | {"duration": "01:00:00"}
            for stamp, value in zip(stamps(), VALUES, strict=True)]  # fmt: skip
    trace = load(write(tmp_path, "a.json", rows))
    assert trace.regions == ("eastus",)
    np.testing.assert_array_equal(trace.values[:, 0], VALUES)
    forecast = [{"generatedAt": "2022-01-01T00:00Z", "location": "eastus", "forecastData": rows}]
    assert load(write(tmp_path, "a.json", forecast)).hours == HOURS


def test_records_of_a_data_frame(tmp_path):
    rows = [{"datetime": stamp, "FR": value, "DE": 2 * value}
            for stamp, value in zip(stamps(), VALUES, strict=True)]  # fmt: skip
    trace = load(write(tmp_path, "a.json", rows))
    assert trace.regions == ("FR", "DE")
    rows[3]["FR"] = None
    write(tmp_path, "a.json", rows)
    assert "a.json: record 4, column FR: empty cell" in refused(tmp_path / "a.json")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"error": "invalid auth token"}', 'the service answered "invalid auth token"'),
        ('{"zone": "DE", "history": []}', "none of the known ones (known: answers of Electricity"),
        ('{"a": 1, "b": [2]}', "none of the known ones (known: answers of Electricity Maps"),
        ("[1, 2, 3]", "holds values without names"),
        ("[]", "holds no records"),
        ('{"data": [{"datetime": "2022', "line 1: no JSON"),
        ('{"a": 1, "a": 2}', "a.json: a: is there twice"),
        ("[" * 5000, "is nested too deep"),
        ('{"history": [{"zone": "DE", "datetime": "2022-01-01T00:00Z", '
         '"powerConsumptionBreakdown": {"wind": 5}}]}', "the power of a grid's sources"),
        ('{"a": 1}\n{"a": \n', "line 2: no JSON"),
    ],
)  # fmt: skip
def test_other_json_is_named_once(tmp_path, text, expected):
    (tmp_path / "a.json").write_text(text)
    (line,) = refused(tmp_path / "a.json")
    assert "a.json" in line
    assert expected in line


def test_forecasts_are_said(tmp_path):
    rows = [{"carbonIntensity": v, "datetime": s} for v, s in zip(VALUES, stamps(), strict=True)]
    file = write(tmp_path, "a.json", {"zone": "FR", "forecast": rows})
    assert load(file).notes == (f"{file}: holds forecasts, no measurements",)


def frames() -> dict[str, object]:
    """What pandas writes of one data frame."""
    first = int(np.datetime64("2022-01-01", "ms").astype(np.int64))
    counted = {str(t): t for t in range(HOURS)}
    moments = {str(first + 3_600_000 * t): VALUES[t] for t in range(HOURS)}
    return {
        "columns": {
            "datetime": dict(zip(counted, stamps(), strict=True)),
            "FR": dict(zip(counted, VALUES, strict=True)),
        },
        "index": {"FR": moments},
        "split": {
            "columns": ["datetime", "FR"],
            "index": [*range(HOURS)],
            "data": [list(pair) for pair in zip(stamps(), VALUES, strict=True)],
        },
        "lists": {"datetime": stamps(), "FR": VALUES},
    }


@pytest.mark.parametrize("form", [*frames()])
def test_the_forms_of_a_data_frame(tmp_path, form):
    trace = load(write(tmp_path, "a.json", frames()[form]))
    assert (trace.regions, trace.start) == (("FR",), np.datetime64("2022-01-01T00"))
    np.testing.assert_array_equal(trace.values[:, 0], VALUES)


def test_answers_of_a_folder_are_read_only_where_there_are_no_tables(tmp_path):
    for zone in ("DE", "FR"):
        write(tmp_path, f"{zone}.json", electricity_maps(zone))
    assert load(tmp_path).regions == ("DE", "FR")
    put(tmp_path, GB_csv=csv("datetime,GB", level))
    trace = load(tmp_path)
    assert trace.regions == ("GB",)
    assert trace.notes == (f"left out of {tmp_path}: DE.json, FR.json",)
