"""``jaxsoco export``: one long table, by another way through the same results."""

import csv
import sys

import numpy as np
import pytest
from survivors import temporary_of_the_dead

import jaxsoco
from jaxsoco.analysis import columns as tables
from jaxsoco.analysis.columns import type_of
from jaxsoco.core.scratch import is_temporary
from jaxsoco.engine.store import Store


def read(path) -> list[dict]:
    """The rows of an exported file, Parquet or CSV, with numbers as numbers and "" for null."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = [*csv.DictReader(file)]
            return [{k: v if k == "learner" else number(v) for k, v in r.items()} for r in rows]
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(path).to_pylist()
    return [{k: "" if v is None else v for k, v in row.items()} for row in rows]


def number(text: str):
    try:
        return float(text)
    except ValueError:
        return text


def export(folder, out, form, *options):
    path = folder.path / f"table.{form}"
    printed = folder("export", out, f"--{form}", path, *options)
    assert printed.startswith(f"{path}: ")
    return path


FORMS = ["csv", "parquet"]


@pytest.mark.parametrize("form", FORMS)
def test_a_row_for_every_run_round_and_component(random_toy, folder, form):
    out = folder.run("out")
    rows = read(export(folder, out, form, "--runs"))
    assert [*rows[0]] == [
        *("speed", "learner", "stride", "gait", "seed", "round", "component", "value"),
    ]
    # 2 points x 3 learners x 3 seeds x 4 checkpoints x (3 costs and the total)
    assert len(rows) == 2 * 3 * 3 * 4 * 4
    results = jaxsoco.load(out)
    values = {
        (r["speed"], r["learner"], r["seed"], r["round"], r["component"]): r["value"] for r in rows
    }
    assert len(values) == len(rows)
    for label in results.labels:
        for run in results.runs(label):
            for name in ("hit", "move", "late", "total"):
                key = (run.speed, label, run.seed, run["round"], name)
                assert values[key] == float(run[name])
    strides = {(r["learner"], r["stride"], r["gait"]) for r in rows}
    assert strides == {
        ("step(stride=0.5)", 0.5, "walk"),
        ("step(stride=1)", 1.0, "walk"),
        ("still", "", ""),
    }


@pytest.mark.parametrize("form", FORMS)
def test_means_with_intervals_are_those_of_the_report(random_toy, folder, form):
    """``curves.csv`` and ``table.csv`` come from the ledger, which this table does without."""
    out = folder.run("out", spec=folder.spec(("seeds = 3", "seeds = 200")))
    rows = read(export(folder, out, form))
    assert [*rows[0]][4:] == ["round", "component", "mean", "lower", "upper", "count"]
    totals = {(r["speed"], r["learner"], r["round"]): r for r in rows if r["component"] == "total"}
    with (out / "curves.csv").open(encoding="utf-8", newline="") as file:
        curves = [*csv.DictReader(file)]
    assert len(curves) == len(totals) == 2 * 3 * 4
    for row in curves:
        mine = totals[float(row["speed"]), row["algorithm"], int(row["round"])]
        assert mine["count"] == int(row["runs"]) == 200
        for end in ("mean", "lower", "upper"):
            assert mine[end] == float(row[f"cost_{end}"])
    with (out / "table.csv").open(encoding="utf-8", newline="") as file:
        table = [*csv.DictReader(file)]
    last = {(r["speed"], r["learner"], r["component"]): r for r in rows if r["round"] == 20}
    for row in table:
        for name in ("hit", "move", "late"):
            mine = last[float(row["speed"]), row["algorithm"], name]
            assert mine["mean"] == float(row[f"{name}_mean"])


@pytest.mark.parametrize("form", FORMS)
def test_runs_that_are_not_finite_are_left_out_of_means_and_counted(folder, form):
    spec = folder.spec(("[run]", '[run]\ncompare = ["still", "nan"]'))
    out = folder.run("out", spec=spec)
    rows = [r for r in read(export(folder, out, form)) if r["learner"] == "nan"]
    assert {r["count"] for r in rows} == {0}
    assert {r["mean"] for r in rows} == {r["lower"] for r in rows} == {""}
    runs = read(export(folder, out, form, "--runs"))
    hits = [r["value"] for r in runs if r["learner"] == "nan" and r["component"] == "hit"]
    assert len(hits) == 24 and {*hits} == {""}
    moves = [r["value"] for r in runs if r["learner"] == "nan" and r["component"] == "move"]
    assert {*moves} == {0.0}


def test_both_forms_hold_the_same(random_toy, folder):
    out = folder.run("out")
    for options in ([], ["--runs"]):
        tables = [read(export(folder, out, form, *options)) for form in FORMS]
        assert tables[0] == tables[1]


def test_a_table_is_written_batch_by_batch(random_toy, folder, monkeypatch):
    """What is waiting to be written never exceeds a row group and a batch."""
    parquet = pytest.importorskip("pyarrow.parquet")
    out = folder.run("out", spec=folder.spec(("seeds = 3", "seeds = 150")))
    whole = read(export(folder, out, "parquet", "--runs"))
    monkeypatch.setattr(tables, "MOST_ROWS", 64)
    monkeypatch.setattr("jaxsoco.analysis.export.MOST_ROWS", 64)
    path = export(folder, out, "parquet", "--runs")
    file = parquet.ParquetFile(path)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert sum(sizes) == 2 * 3 * 150 * 16 and max(sizes) <= 128
    assert read(path) == whole
    assert file.schema_arrow.metadata[b"title"] == b"Walks"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_seeds(random_toy, folder, monkeypatch):
    """Peak of what Python holds while a table is written, for 4 and for 16 pieces of seeds."""
    import tracemalloc

    from jaxsoco.analysis.columns import LONG_RUNS, Columns, long_batches
    from jaxsoco.analysis.export import write_table
    from jaxsoco.engine.reading import Stored

    monkeypatch.setattr("jaxsoco.engine.reading.LARGEST", 256)
    monkeypatch.setattr("jaxsoco.engine.store._MOST_KEPT", 0)
    peaks = []
    for seeds in (1024, 4096):
        spec = folder.spec(
            ("tile = 16", "tile = 16\npack = 256"), ("seeds = 3", f"seeds = {seeds}")
        )
        results = Stored(folder.run("out", "--set", "run.precision=float32", spec=spec))
        columns = Columns(results.study, LONG_RUNS)
        tracemalloc.start()
        batches = long_batches(columns, results.pieces())
        rows = write_table(folder.path / "t.csv", "csv", columns.types, batches, {})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert rows == 2 * 3 * seeds * 16
    assert peaks[1] < 1.5 * peaks[0]


def test_an_incomplete_run_is_exported_as_far_as_it_goes(folder):
    spec = folder.spec(("tile = 16", "tile = 16\npack = 16"), ("seeds = 3", "seeds = 20"))
    out = folder.run("out", spec=spec)
    name = sorted(folder.packs(out))[0]
    Store(out).open().remove(name)
    rows = read(export(folder, out, "csv", "--runs"))
    assert "runs of" in folder.told and "are missing" in folder.told
    assert 0 < len(rows) < 2 * 3 * 20 * 16
    assert (
        len(rows) == 16 * sum(len(jaxsoco.load(out).runs(x)) for x in jaxsoco.load(out).labels) / 4
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "one of the arguments --parquet --csv is required"),
        (["--csv", "a.csv", "--parquet", "a.parquet"], "not allowed with"),
        (["--csv", "nowhere/a.csv"], "--csv nowhere/a.csv: cannot be written: No such file"),
        (["--csv", "."], "cannot be written: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_bad_input(folder, arguments, told):
    out = folder.run("out")
    folder("export", out, *arguments, code=2)
    assert told in folder.told
    assert not [*filter(is_temporary, folder.path.iterdir())]


def test_what_a_killed_export_left_goes_with_the_next_one(folder):
    out = folder.run("out")
    left = temporary_of_the_dead(folder.path / "a.csv")
    other = temporary_of_the_dead(folder.path / "b.csv")
    for file in (left, other):
        file.write_text("half")
    folder("export", out, "--csv", "a.csv")
    assert not left.exists() and other.exists()


def test_without_pyarrow_one_line_says_what_helps(folder, monkeypatch):
    out = folder.run("out")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    folder("export", out, "--parquet", "a.parquet", code=2)
    assert folder.told == (
        'jaxsoco: --parquet: pyarrow is not installed: pip install "jaxsoco[parquet]" '
        "(or want --csv FILE)\n"
    )
    assert not [*folder.path.glob("*a.parquet*")]
    folder("export", out, "--csv", "a.csv")
    with pytest.raises(ImportError, match="NumPy records"):
        jaxsoco.load(out).to_parquet(folder.path / "a.parquet")


def test_a_failed_export_leaves_the_earlier_file(folder, monkeypatch):
    out = folder.run("out")
    path = export(folder, out, "csv")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxsoco.analysis.export.CsvTable.write", full)
    folder("export", out, "--csv", path, code=2)
    assert "No space left on device" in folder.told
    assert path.read_bytes() == before


def test_text_that_a_spreadsheet_would_run_is_only_text(folder):
    spec = folder.spec(('name = "step"', 'name = "step"\nlabel = "=SUM(A1)"'))
    out = folder.run("out", spec=spec)
    labels = {row["learner"] for row in read(export(folder, out, "csv"))}
    assert "'=SUM(A1)(stride=0.5)" in labels


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "integer"),
        ([1, 2.5], "number"),
        ([True, False], "flag"),
        ([True, 1], "text"),
        (["auto", 0.5], "text"),
        ([None, 0.5], "text"),
        ([(1, 2)], "text"),
        ([10**30], "number"),
        ([], "integer"),
    ],
)
def test_a_column_has_one_type(values, kind):
    assert type_of(values) == kind


@pytest.mark.parametrize("form", FORMS)
def test_columns_of_mixed_values_and_huge_numbers(folder, form, toy):
    spec = folder.spec(("speed = [1, 2]", 'speed = 1\nmap = "none"\nnames = ["a", "b"]'))
    rows = read(export(folder, folder.run("out", spec=spec), form))
    assert "names" not in rows[0]  # not an axis
    spec = folder.spec(("speed = [1, 2]", 'speed = 1\nnames = [["a", "b"], ["c"]]'))
    rows = read(export(folder, folder.run("other", spec=spec), form))
    assert {row["names"] for row in rows} == {"a+b", "c"}


def test_means_merge_piece_by_piece(random_toy, folder):
    """An independent oracle: plain means and Student's interval by SciPy over all seeds."""
    from scipy import stats

    out = folder.run("out", spec=folder.spec(("seeds = 3", "seeds = 70")))
    results = jaxsoco.load(out)
    for row in read(export(folder, out, "csv")):
        runs = results.runs(row["learner"])
        some = runs[(runs.speed == row["speed"]) & (runs["round"] == row["round"])]
        values = np.asarray(some[row["component"]], np.float64)
        np.testing.assert_allclose(row["mean"], values.mean(), rtol=1e-12)
        if values.std() > 0:
            ends = stats.t.interval(0.95, 69, values.mean(), stats.sem(values))
            np.testing.assert_allclose((row["lower"], row["upper"]), ends, rtol=1e-9)


def test_means_of_moments_are_those_of_the_runs(random_toy, folder):
    """Where no run is kept, the table of means is the same, and that of runs is refused."""
    spec = folder.spec(("seeds = 3", "seeds = 256"))
    tables = []
    for keep in ("checkpoints", "moments"):
        out = folder.run(keep, "--set", f"run.keep={keep}", spec=spec)
        tables.append(read(export(folder, out, "csv")))
    assert len(tables[0]) == len(tables[1]) == 2 * 3 * 4 * 4
    key = ("speed", "learner", "round", "component")
    whole = {tuple(row[k] for k in key): row for row in tables[0]}
    for row in tables[1]:
        other = whole[tuple(row[k] for k in key)]
        assert row["count"] == other["count"] == 256
        for end in ("mean", "lower", "upper"):
            np.testing.assert_allclose(row[end], other[end], rtol=1e-9, atol=1e-9)
    folder("export", folder.path / "moments", "--csv", "runs.csv", "--runs", code=2)
    assert "a table of runs takes the costs of every run" in folder.told
    folder("compare", "checkpoints", "moments", code=2)
    assert "A keeps every run, and B moments: they cannot be paired" in folder.told


def test_traces_of_a_study_that_keeps_moments(random_toy, folder):
    spec = folder.spec(("seeds = 3", "seeds = 256"))
    rows = {}
    for keep in ("checkpoints", "moments"):
        out = folder.run(keep, "--set", f"run.keep={keep}", "--set", "run.trace=2", spec=spec)
        rows[keep] = jaxsoco.load(out).traces("step(stride=1)").tolist()
        assert jaxsoco.load(out).complete
    assert rows["checkpoints"] == rows["moments"] and len(rows["moments"]) == 2 * 2 * 20
