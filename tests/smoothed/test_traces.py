"""Recorded loads: the columns of public traces, what runs at once, and other units of a load.

The rows are made up in the layouts that the traces' own descriptions give.
"""

import gzip
from pathlib import Path

import numpy as np
import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.smoothed import LoadTrace, load_trace_csv

RNG = np.random.default_rng(29)


def write(folder: Path, text: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def lines(rows, separator=",") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


def refused(call, *words) -> None:
    with pytest.raises(InputError) as caught:
        call()
    for word in words:
        assert word in str(caught.value), (word, str(caught.value))


def running(starts, ends, weights, bin) -> np.ndarray:
    """Means over bins by summing overlaps, bin by bin."""
    first = starts.min()
    last = max(starts.max(), ends[np.isfinite(ends)].max())
    bins = int((last - first) / bin)
    overlap = np.zeros(bins)
    for i in range(bins):
        low, high = first + i * bin, first + (i + 1) * bin
        inside = np.clip(np.minimum(ends, high) - np.maximum(starts, low), 0, None)
        overlap[i] = (weights * inside).sum() / bin
    return overlap


def test_azure_functions_are_added_up_and_days_follow_each_other(tmp_path):
    header = ["HashOwner", "HashApp", "HashFunction", "Trigger", *range(1, 1441)]
    days = RNG.poisson(0.1, (2, 5, 1440))
    traces = []
    for day, counts in enumerate(days):
        rows = [["9c0d", "77aa", f"f{i}", "http", *row] for i, row in enumerate(counts)]
        name = f"invocations_per_function_md.anon.d{day + 1:02d}.csv"
        traces.append(load_trace_csv(write(tmp_path, lines([header, *rows]), name)))
    both = traces[0].followed_by(traces[1])
    np.testing.assert_array_equal(both.counts, days.sum(axis=1).ravel())


def test_azure_machines_run_from_creation_to_deletion(tmp_path):
    starts = np.sort(RNG.integers(0, 80_000, 40)).astype(float)
    starts[0] = 0
    ends = starts + RNG.integers(600, 9000, 40)
    cores = RNG.choice([2, 4, 8], 40)
    rows = [
        [f"vm{i}", "sub", "dep", int(s), int(e), 91.8, 0.73, 20.8, "Delay-insensitive", c, 32]
        for i, (s, e, c) in enumerate(zip(starts, ends, cores, strict=True))
    ]
    trace = load_trace_csv(write(tmp_path, lines(rows)), column=4, ends=5, weight=10, bin=300)
    np.testing.assert_allclose(trace.counts, running(starts, ends, cores, 300.0), atol=1e-9)
    assert trace.bin == 300 and trace.notes == ()


def test_google_events_are_chosen_by_type_with_and_without_a_header(tmp_path):
    time = 600_000_000 + np.sort(RNG.integers(0, 3_000_000_000, 50))
    time[[0, -1]] = 600_000_000, 3_600_000_000
    kind = RNG.choice(["SUBMIT", "SCHEDULE", "FINISH"], 50)
    kind[[0, -1]] = "SUBMIT"
    wanted = np.bincount((time[kind == "SUBMIT"] - time[0]) // 300_000_000, minlength=11)[:10]
    rows = [["time", "type", "collection_id"], *zip(time, kind, range(50), strict=True)]
    path = write(tmp_path, lines(rows))
    by_name = load_trace_csv(path, column="time", bin=300, time_unit="us", where={"type": "SUBMIT"})
    np.testing.assert_array_equal(by_name.counts, wanted)
    code = {"SUBMIT": 0, "SCHEDULE": 1, "FINISH": 4}
    rows = [[t, "", i, 0, "", code[k]] for i, (t, k) in enumerate(zip(time, kind, strict=True))]
    path = tmp_path / "part-00000-of-00500.csv.gz"
    path.write_bytes(gzip.compress(lines(rows).encode()))
    by_number = load_trace_csv(path, column=1, bin=300, time_unit="us", where={6: "0"})
    np.testing.assert_array_equal(by_number.counts, wanted)
    refused(
        lambda: load_trace_csv(path, column=1, bin=300, where={6: "9"}), "no row of", "has 6 = 9"
    )


def test_alibaba_tasks_run_in_so_many_instances(tmp_path):
    starts = np.sort(RNG.integers(86_400, 90_000, 30)).astype(float)
    ends = starts + RNG.integers(1, 900, 30)
    instances = RNG.integers(1, 20, 30)
    rows = [
        [f"M{i}", n, f"j_{i}", 1, "Terminated", int(s), int(e), 100.0, 0.39]
        for i, (s, e, n) in enumerate(zip(starts, ends, instances, strict=True))
    ]
    trace = load_trace_csv(write(tmp_path, lines(rows)), column=6, ends=7, weight=2, bin=60)
    np.testing.assert_allclose(trace.counts, running(starts, ends, instances, 60.0), atol=1e-9)


def test_jobs_of_hadoop_are_at_a_column_by_number_even_where_rows_rise(tmp_path):
    times = np.sort(RNG.integers(0, 3600, 40))
    times[[0, -1]] = 1, 3601
    rows = [[f"job{i}", t, t + 1, t + 2, t + 3, t + 4] for i, t in enumerate(times)]
    path = write(tmp_path, lines(rows, "\t"), "FB-2009_samples_24_times_1hr_0.tsv")
    wanted = np.bincount((times - 1) // 600, minlength=7)[:6]
    np.testing.assert_array_equal(load_trace_csv(path, column=2, bin=600).counts, wanted)
    # As an experiment file says it.
    np.testing.assert_array_equal(load_trace_csv(path, column="2", bin=600).counts, wanted)


def test_disk_requests_have_windows_file_times(tmp_path):
    ticks = 128_166_372_000_000_000 + 10_000_000 * np.arange(0, 1201, 60)
    rows = [[t, "hm", 1, "Read", 383496192, 32768, 413] for t in ticks]
    trace = load_trace_csv(write(tmp_path, lines(rows)), column=1, bin=600)
    assert trace.counts.tolist() == [10, 10]
    assert "Windows file time" in trace.notes[0]


def test_what_has_no_end_runs_on_and_weights_count_beside_times(tmp_path):
    path = write(
        tmp_path, lines([["start", "end", "cores"], [0, 60, 2], [30, "", 1], [60, 180, 5]])
    )
    trace = load_trace_csv(path, ends="end", weight="cores", bin=60)
    assert trace.counts.tolist() == [2.5, 6, 6]
    assert trace.notes == ("1 intervals have no end: they run on",)
    # Of what runs at once the mean is the load of a longer bin, whatever is added up of arrivals.
    wide = load_trace_csv(path, ends="end", weight="cores", bin=180)
    assert trace.rebin(3).counts.tolist() == pytest.approx(wide.counts.tolist())
    assert trace.rebin(2).running and trace.window(1 / 1440).running
    path = write(tmp_path, lines([["submit_time", "gpus"], [0, 2], [70, 8], [80, 1], [180, 1]]))
    assert load_trace_csv(path, bin=60, weight="gpus").counts.tolist() == [2, 9, 0]


def test_columns_that_are_not_there_are_refused_in_one_line(tmp_path):
    path = write(tmp_path, lines([[1, 5, 2], [2, 9, 3]]))
    refused(lambda: load_trace_csv(path, column=4), "column: ", "there is no 4", "from 1 to 3")
    refused(lambda: load_trace_csv(path, column=1, ends="end", bin=1), "ends: ", "has no header")
    refused(lambda: load_trace_csv(path, ends=2, bin=1), "column: ", "no column called start")
    refused(lambda: load_trace_csv(path, column=1, ends=2), "bin: is needed")
    path = write(tmp_path, lines([["count", "note"], [1, "a"], [3, "b"]]))
    refused(lambda: load_trace_csv(path, weight="count"), "weight: ", "holds counts already")
    refused(lambda: load_trace_csv(path, where={"nota": "a"}), "where: ", 'did you mean "note"')
    refused(lambda: load_trace_csv(write(tmp_path, ""), column=1, ends=2, bin=1), "is empty")


def test_a_load_is_joined_scaled_and_cut():
    trace = LoadTrace(np.arange(96.0), 1800.0)
    assert trace.rebin(2).counts[:2].tolist() == [1, 5] and trace.rebin(2).bin == 3600
    assert trace.scale(peak=19).counts[-1] == 19 and trace.scale(19).counts[5] == pytest.approx(1)
    assert trace.window(days=1).counts.tolist() == list(range(48))
    assert trace.window(days=0.5, start=1.5).counts.tolist() == list(range(72, 96))
    refused(lambda: trace.window(3), "window: ", "want some of its 2 days")
    refused(lambda: LoadTrace(np.ones(9), 0.0).window(1), "width of the trace's bins is not known")
    refused(lambda: trace.scale(0), "peak: ", "want a number > 0")
    refused(lambda: LoadTrace(np.zeros(3), 1.0).scale(1), "has no load in any bin")
    refused(lambda: trace.followed_by(trace.rebin(2)), "want bins of one width")
    running = LoadTrace(np.ones(2), 1800.0, running=True)
    refused(lambda: trace.followed_by(running), "want two of one kind")


def test_submissions_of_the_standard_workload_format(tmp_path):
    jobs = [(i, submit, 5, 60, 4) for i, submit in enumerate((0, 30, 130, 200), 1)]
    text = "; Version: 2.2\n; Computer: none\n" + lines(jobs, separator=" ")
    path = write(tmp_path, text, "jobs.swf")
    assert load_trace_csv(path, column=2, bin=60).counts.tolist() == [2.0, 0.0, 1.0]


def test_an_end_that_is_no_time_says_nothing_of_time_zones(tmp_path):
    day = "2022-01-01T00:0"
    rows = [("Start", "End"), (f"{day}0:00", f"{day}2:00"), (f"{day}1:00", "Unknown")]
    path = write(tmp_path, lines(rows, separator="|"), "sacct.txt")
    with pytest.raises(InputError) as caught:
        load_trace_csv(path, ends="End", bin=60)
    (issue,) = caught.value.issues
    assert str(issue).endswith(":3, column End: 'Unknown' (want a time in s or ISO 8601)")
