"""Recorded arrivals as people have them: what is read, what is said, and what is refused."""

import datetime
import time
from pathlib import Path

import numpy as np
import pytest

from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.provisioning import load_trace_csv

RNG = np.random.default_rng(17)
BEGIN = 1_637_712_000
SECONDS = np.sort(RNG.uniform(0, 7800, 400))
SECONDS[0], SECONDS[-1] = 0, 7799.5
PER_MINUTE = np.bincount((SECONDS // 60).astype(int), minlength=130)[:129]


def write(folder: Path, text: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def column(name: str, values) -> str:
    return "\n".join([name, *map(str, values)]) + "\n"


def minutes(*values: int) -> list[str]:
    return [f"2024-01-01T00:{minute:02d}:00" for minute in values]


# --- what did well already ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "TIMESTAMP,ContextTokens,GeneratedTokens",  # LLM inference of Azure
        "Timestamp,Model,Request tokens",  # BurstGPT
        "submit_time,gpus,state",  # GPU clusters
        "timestamp,function,duration",  # functions
    ],
)
@pytest.mark.parametrize(
    "spell",
    [
        lambda s: f"{s:.7f}",
        lambda s: datetime.datetime.fromtimestamp(BEGIN + s, datetime.UTC).isoformat(),
        lambda s: (
            f"{datetime.datetime.fromtimestamp(BEGIN + s, datetime.UTC):%Y-%m-%d %H:%M:%S.%f}"
        ),
    ],
)
def test_time_stamps_of_requests_are_counted(tmp_path, header, spell):
    rows = [f"{spell(s)},1,2" for s in SECONDS]
    trace = load_trace_csv(write(tmp_path, "\n".join([header, *rows])), bin=60)
    np.testing.assert_array_equal(trace.counts, PER_MINUTE)


def test_another_order_and_column_make_no_difference(tmp_path):
    shuffled = RNG.permutation(SECONDS)
    text = column("id,when", [f"{i},{s}" for i, s in enumerate(shuffled)])
    trace = load_trace_csv(write(tmp_path, text), column="when", bin=60)
    np.testing.assert_array_equal(trace.counts, PER_MINUTE)


# --- units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "words"),
    [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")],
)
def test_the_unit_of_an_epoch_is_told_by_its_size(tmp_path, scale, words):
    stamps = [BEGIN * scale + int(s * scale) for s in SECONDS]
    trace = load_trace_csv(write(tmp_path, column("timestamp", stamps)), bin=60)
    np.testing.assert_array_equal(trace.counts, PER_MINUTE)
    assert f"read as {words} since 1970" in trace.notes[0] and "time_unit" in trace.notes[0]


@pytest.mark.parametrize(
    ("scale", "begin", "unit"),
    [(10**3, 21.46, "ms"), (10**6, 600, "us"), (10**9, 0, "ns")],
)
def test_nearly_empty_bins_are_an_error_of_the_unit(tmp_path, scale, begin, unit):
    stamps = [int((begin + s) * scale) for s in SECONDS]
    path = write(tmp_path, column("time", stamps))
    message = refused(lambda: load_trace_csv(path, bin=60))
    assert f'time_unit = "{unit}"' in message and "bins of 60 s" in message
    trace = load_trace_csv(path, bin=60, time_unit=unit)
    np.testing.assert_array_equal(trace.counts, PER_MINUTE)


def test_a_unit_that_is_named_is_believed(tmp_path):
    path = write(tmp_path, column("time", [0, 500, 70_000, 130_000]))
    assert "all but 3 of them empty" in refused(lambda: load_trace_csv(path, bin=60))
    assert load_trace_csv(path, bin=60, time_unit="s").counts.sum() == 3
    assert "want one of s, ms, us, ns" in refused(lambda: load_trace_csv(path, time_unit="min"))
    # Stamps have no unit that could be wrong.
    days = column("time", [f"2024-0{m}-01T00:00:00Z" for m in range(1, 6)])
    assert load_trace_csv(write(tmp_path, days), bin=60).counts.sum() == 4


def test_compact_dates_are_no_seconds(tmp_path):
    path = write(tmp_path, column("date", [20240101, 20240103, 20240103, 20240301]))
    trace = load_trace_csv(path, bin=86_400)
    assert trace.counts[:3].tolist() == [1, 0, 2] and trace.counts.size == 60
    assert "compact dates" in trace.notes[0]


# --- counts of bins -------------------------------------------------------------------------------


def test_bins_that_are_left_out_are_zeros(tmp_path):
    there = [i for i in range(1, 61) if i % 3][:40]
    counts = [1 + i % 4 for i in there]
    rows = [f"{t},{n}" for t, n in zip(minutes(*there), counts, strict=True)]
    trace = load_trace_csv(write(tmp_path, column("timestamp,count", rows)))
    wanted = np.zeros(59)
    wanted[np.array(there) - 1] = counts
    np.testing.assert_array_equal(trace.counts, wanted)
    assert trace.bin == 60 and trace.notes == ("19 of 59 bins of 60 s are missing and taken as 0",)


def test_whole_series_are_read_without_a_word(tmp_path):
    rows = [f"{t},{i % 3}" for i, t in enumerate(minutes(*range(60)))]
    trace = load_trace_csv(write(tmp_path, column("time,requests", rows)))
    np.testing.assert_array_equal(trace.counts, np.arange(60) % 3)
    assert trace.notes == ()


def test_lines_out_of_order_are_sorted_and_said(tmp_path):
    rows = [f"{t},{n}" for t, n in zip(minutes(5, 3, 4), (7, 1, 2), strict=True)]
    trace = load_trace_csv(write(tmp_path, column("timestamp,count", rows)))
    assert trace.counts.tolist() == [1, 2, 7] and "sorted" in trace.notes[0]


def test_a_bin_that_is_there_twice_is_an_error_or_added_up(tmp_path):
    times = minutes(5, 3, 3, 1, 2, 9, 8, 30)
    path = write(tmp_path, column("timestamp,count", [f"{t},2" for t in times]))
    message = refused(lambda: load_trace_csv(path))
    assert "trace.csv:4, column timestamp" in message and "first in line 3" in message
    trace = load_trace_csv(path, bin=60)
    assert trace.counts[:9].tolist() == [2, 2, 4, 0, 2, 0, 0, 2, 2] and trace.counts.sum() == 14


def test_counts_at_uneven_times_want_a_bin(tmp_path):
    path = write(tmp_path, column("time,packets", ["0,1", "1.31,2", "7.77,3", "20,4", "20.9,5"]))
    assert "not evenly spaced" in refused(lambda: load_trace_csv(path))
    assert load_trace_csv(path, bin=5).counts.tolist() == [3, 3, 0, 0]


def test_months_and_wandering_clocks_are_even(tmp_path):
    months = [f"2024-{m:02d}-01,{m}" for m in range(1, 13)]
    assert load_trace_csv(write(tmp_path, column("date,count", months))).counts.size == 12
    del months[4]
    counts = load_trace_csv(write(tmp_path, column("date,count", months))).counts
    assert counts.tolist() == [1, 2, 3, 4, 0, 6, 7, 8, 9, 10, 11, 12]
    clock = [f"{15 * i + 0.01 * (i % 3)},{i}" for i in range(9)]
    assert load_trace_csv(write(tmp_path, column("time,count", clock))).counts.size == 9


def test_numbered_bins_may_be_left_out_too(tmp_path):
    trace = load_trace_csv(write(tmp_path, column("bin,count", ["0,3", "1,2", "4,1"])))
    assert trace.counts.tolist() == [3, 2, 0, 0, 1]
    assert trace.notes == ("2 of 5 bins are missing and taken as 0",)
    path = write(tmp_path, column("slot,count", ["0,3", "1,2", "1,1"]))
    assert "is there twice" in refused(lambda: load_trace_csv(path))


def test_times_that_are_none_leave_counts_as_they_are(tmp_path):
    path = write(tmp_path, column("date,count", ["Mon,1", "Tue,2", "Wed,3"]))
    trace = load_trace_csv(path)
    assert trace.counts.tolist() == [1, 2, 3] and "holds no times" in trace.notes[0]


def test_a_date_and_a_clock_are_one_time(tmp_path):
    rows = [f"2024-01-01,{h:02d}:{m:02d},{h}" for h in (22, 23) for m in (0, 30)]
    rows.append("2024-01-02,00:00,9")
    trace = load_trace_csv(write(tmp_path, column("date,time,count", rows)))
    assert trace.counts.tolist() == [22, 22, 23, 23, 9] and trace.bin == 1800


@pytest.mark.parametrize("first", [0, 1])
def test_counts_across_columns_are_added_up(tmp_path, first):
    header = "HashOwner,HashApp,Trigger," + ",".join(str(first + i) for i in range(60))
    counts = RNG.integers(0, 5, (7, 60))
    rows = [f"o{i},a{i},http," + ",".join(map(str, row)) for i, row in enumerate(counts)]
    path = write(tmp_path, column(header, rows))
    trace = load_trace_csv(path)
    np.testing.assert_array_equal(trace.counts, counts.sum(axis=0))
    assert trace.notes == ("counts of 60 bins side by side, added up over 7 rows",)
    assert "leave column out" in refused(lambda: load_trace_csv(path, column="1"))
    assert "holds counts, not times" in refused(lambda: load_trace_csv(path, bin=60))


def test_counts_across_columns_of_a_day_follow_each_other(tmp_path):
    header = "date,region," + ",".join(map(str, range(24)))
    counts = RNG.integers(0, 5, (2, 3, 24))
    rows = [
        f"2024-01-0{day + 1},{region}," + ",".join(map(str, counts[region, day]))
        for day in (2, 0, 1)
        for region in (0, 1)
    ]
    trace = load_trace_csv(write(tmp_path, column(header, rows)))
    np.testing.assert_array_equal(trace.counts, counts.sum(axis=0).ravel())
    assert trace.notes == ("counts of 24 bins side by side, one date after the other",)


def test_a_value_at_each_time_may_be_a_count_or_not(tmp_path):
    path = write(tmp_path, column("Time,Value", [f"{t},3" for t in minutes(1, 2, 4)]))
    assert 'has a Value for each Time (column = "Value"' in refused(lambda: load_trace_csv(path))
    assert "reads them as counts" in refused(lambda: load_trace_csv(path, bin=60))
    assert load_trace_csv(path, column="Value").counts.tolist() == [3, 3, 0, 3]
    assert load_trace_csv(path, column="Time", bin=60).counts.tolist() == [1, 1, 0]


# --- intervals ------------------------------------------------------------------------------------


def test_intervals_arrive_at_their_starts(tmp_path):
    rows = ["0,100", "10,20", "15,", "65,130", "190,200"]
    trace = load_trace_csv(write(tmp_path, column("start_time,end_time", rows)), bin=60)
    assert trace.counts.tolist() == [3, 1, 0]
    assert trace.notes == ("arrivals are the starts of intervals, of which up to 3 overlap",)
    path = write(tmp_path, column("start,end", ["5,1", "9,10"]))
    assert "trace.csv:2: ends before it starts" in refused(lambda: load_trace_csv(path, bin=1))
    assert "bin: is needed" in refused(
        lambda: load_trace_csv(write(tmp_path, column("start,end", ["1,5"])))
    )


def test_an_end_and_a_duration_give_the_start(tmp_path):
    rows = ["f,100,100", "f,20,10", "g,30,14", "g,190.5,2"]
    path = write(tmp_path, column("func,end_timestamp,duration", rows))
    assert load_trace_csv(path, bin=60).counts.tolist() == [3, 0, 0]


# --- zones, kinds, files --------------------------------------------------------------------------


def test_mixed_zones_and_kinds_are_one_line(tmp_path):
    stamps = [f"2024-01-01T00:{i:02d}:00" + "+00:00" * (i % 2) for i in range(40)]
    message = refused(lambda: load_trace_csv(write(tmp_path, column("time", stamps)), bin=60))
    assert len(message.splitlines()) == 1 and "no time zone, other lines have one" in message
    mixed = [*minutes(*range(9)), "17", "18"]
    message = refused(lambda: load_trace_csv(write(tmp_path, column("time", mixed)), bin=60))
    assert len(message.splitlines()) == 1 and "different kinds of time" in message


def test_utc_may_be_written_out(tmp_path):
    stamps = [f"2024-01-01 00:{i:02d}:00 UTC" for i in range(40)]
    trace = load_trace_csv(write(tmp_path, column("time", stamps)), bin=60)
    np.testing.assert_array_equal(trace.counts, np.ones(39))


def test_times_without_a_header_want_a_bin(tmp_path):
    for cells in (minutes(1, 2, 3), [1637712021460, 1637712027629]):
        path = write(tmp_path, "\n".join(map(str, cells)))
        message = refused(lambda path=path: load_trace_csv(path))
        assert message.startswith("bin: is needed") and len(message.splitlines()) == 1


def test_other_files_are_named_once(tmp_path):
    files = {"a.csv": "<!DOCTYPE html><html></html>", "b.csv": '[{"time": 1}, {"time": 2}]'}
    for name, kind in zip(files, ("HTML", "JSON"), strict=True):
        message = refused(lambda name=name: load_trace_csv(write(tmp_path, files[name], name)))
        assert kind in message and len(message.splitlines()) == 1
    many = write(tmp_path, column("count", ["x"] * 5000))
    lines = refused(lambda: load_trace_csv(many)).splitlines()
    assert len(lines) == 11 and lines[-1].endswith("and 4,990 more lines like these")


def test_a_data_frames_index_is_no_column(tmp_path):
    path = write(tmp_path, column(",count", [f"{i},{i % 2}" for i in range(9)]))
    assert load_trace_csv(path).counts.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_the_problem_takes_the_unit_and_reports_notes(tmp_path):
    write(tmp_path, column("time", [int(s * 1000) for s in SECONDS]))
    entry = registry.problem("provisioning/paper_queue")
    values = {field.name: field.default for field in entry.fields} | {"horizon": 20}
    values |= {"arrivals": "trace.csv", "bin": 60.0}
    assert "problem.arrivals: time_unit: " in refused(lambda: entry.prepared(values, tmp_path))
    ready = entry.prepared(values | {"time_unit": "ms"}, tmp_path)
    assert "129 slots" in ready.content.model.source
    write(tmp_path, column("bin,count", ["0,3", "1,2", "4,1"]))
    ready = entry.prepared(values | {"bin": "auto"}, tmp_path)
    assert ready.notes[1] == "arrivals: 2 of 5 bins are missing and taken as 0"


def test_a_second_column_of_counts_is_named(tmp_path):
    path = write(tmp_path, column("time,requests,count", ["0,1,9", "60,2,9"]))
    trace = load_trace_csv(path)
    assert trace.counts.tolist() == [1, 2]
    assert trace.notes == ("requests is read, count is not: column says otherwise",)
    assert load_trace_csv(path, column="count").counts.tolist() == [9, 9]


@pytest.mark.parametrize("names", ["1,2,4,5", "2024-01-01,2024-01-02,2024-01-03", "5,6,7"])
def test_bins_side_by_side_that_cannot_be_counted_are_shown(tmp_path, names):
    path = write(tmp_path, column(f"app,{names}", ["f" + ",1" * len(names.split(","))]))
    message = refused(lambda: load_trace_csv(path))
    assert "has the columns app, " + names.replace(",", ", ") in message


def test_a_year_of_five_minutes_is_read_in_two_seconds(tmp_path):
    start = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)
    step = datetime.timedelta(minutes=5)
    rows = [f"{(start + i * step).isoformat()},{i % 4}" for i in range(105_120)]
    path = write(tmp_path, column("timestamp,count", rows))
    began = time.process_time()
    trace = load_trace_csv(path)
    assert time.process_time() - began < 2
    assert (trace.counts.size, trace.bin, trace.notes) == (105_120, 300, ())
