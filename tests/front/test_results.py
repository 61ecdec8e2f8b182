"""Results of a run directory as records, frames and files."""

import json
import shutil

import numpy as np
import pytest

import jaxsoco
from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError
from jaxsoco.engine.store import Store

SPEC = {
    "figure": "Two learners",
    "family": "tracking",
    "problem": {
        "name": "quadratic_tracking",
        "dimension": [2, 3],
        "increments": ["gaussian", "laplace"],
    },
    "algorithm": [
        {"name": "passive_learner", "learning_rate": [1e-3, 1e-2]},
        {"name": "follow_minimizer"},
    ],
    "run": {
        "horizons": 20,
        "seeds": 3,
        "checkpoints": 4,
        "tile": 16,
        "compare": ["online_optimum", "online_optimum_path"],
    },
    "check": [
        {"kind": "order", "algorithms": ["follow_minimizer", "passive_learner(learning_rate=0.01)"]}
    ],
}
PASSIVE = "passive_learner(learning_rate=0.001)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "run"
    jaxsoco.run(SPEC, folder, progress=False)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return jaxsoco.load(folder)


def test_a_table_has_a_row_for_every_point_and_learner(results):
    table = results.table()
    assert len(table) == 4 * 4
    rows = {(r.dimension, r.increments, r.learner) for r in table}
    assert len(rows) == 16
    assert set(table.learner) == {
        *(PASSIVE, "passive_learner(learning_rate=0.01)", "follow_minimizer"),
        "online_optimum_path",
    }
    assert np.all(table.cost_lower[table.runs > 1] <= table.cost_mean[table.runs > 1])


def test_runs_have_a_row_for_every_run_and_checkpoint(results):
    rows = results.runs(PASSIVE)
    assert list(rows.dtype.names[:3]) == ["dimension", "increments", "learner"]
    assert len(rows) == 4 * 3 * 4
    np.testing.assert_array_equal(rows.seed[:12], np.repeat([0, 1, 2], 4))
    assert rows["round"][:4].tolist() == list(jaxsoco.checkpoints(20, 4))
    assert set(rows.learning_rate) == {0.001}
    assert set(rows.step) == {"raw"}
    np.testing.assert_allclose(rows.total, rows.hit + rows.move)
    means = {
        (r.dimension, r.increments): r.cost_mean for r in results.table() if r.learner == PASSIVE
    }
    for (dimension, increments), mean in means.items():
        own = rows[(rows.dimension == dimension) & (rows.increments == increments)]
        np.testing.assert_allclose(own.total[own["round"] == 20].mean(), mean)


def test_rows_are_those_of_the_packs(results, folder):
    index, rows = Store(folder).open().refresh(), results.runs(PASSIVE).hit.reshape(4, 3, 4)
    number = results.labels.index(PASSIVE)
    for point in range(4):
        key = Cells(results.study).key(point, number)
        (place,) = index.places(key, [(0, 3)])
        block = index.packs[place.pack].blocks[place.block]
        with np.load(folder / "packs" / f"{place.pack}.npz") as arrays:
            costs = arrays[f"{block.learner:03d}.hit"][block.row : block.row + 3]
        np.testing.assert_array_equal(rows[point], costs)


def test_checks_are_told_and_never_raised(results):
    (check,) = results.checks
    assert check.kind == "order"
    assert check.verdict == "undecided"  # three seeds, and the interval of the step reaches over 0
    assert check.interval[0] <= 0 <= check.value <= check.interval[1]
    assert check.sentence


def test_a_pandas_frame_in_three_lines(results):
    pytest.importorskip("pandas")
    frame = results.to_pandas()
    last = frame[frame["round"] == 20]
    means = last.groupby(["dimension", "increments", "learner"]).total.mean()
    for row in results.table():
        np.testing.assert_allclose(means[row.dimension, row.increments, row.learner], row.cost_mean)
    assert frame.learning_rate.isna().sum() == 2 * 48


def test_an_xarray_dataset_over_the_axes(results):
    pytest.importorskip("xarray")
    data = results.to_xarray()
    assert data.hit.dims == ("learner", "dimension", "increments", "seed", "checkpoint")
    one = data.hit.sel(learner=PASSIVE, dimension=3, increments="laplace")
    rows = results.runs(PASSIVE)
    own = rows[(rows.dimension == 3) & (rows.increments == "laplace")]
    np.testing.assert_array_equal(one.values, own.hit.reshape(3, 4))
    assert data["round"].values.reshape(-1, 4)[0].tolist() == list(jaxsoco.checkpoints(20, 4))


def test_a_parquet_file_reads_back(results, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    results.to_parquet(tmp_path / "runs.parquet")
    table = parquet.read_table(tmp_path / "runs.parquet")
    assert table.num_rows == 4 * 48
    assert {"dimension", "learner", "learning_rate", "seed", "round", "hit"} <= set(
        table.column_names
    )


def test_a_missing_library_is_named(results, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pandas is not installed.*NumPy records"):
        results.to_pandas()


def test_an_unknown_learner_and_an_empty_folder_are_answered(results, tmp_path):
    with pytest.raises(InputError, match='did you mean "follow_minimizer"'):
        results.runs("follow_minimiser")
    with pytest.raises(InputError):
        jaxsoco.load(tmp_path)


def test_an_incomplete_run_is_read_as_far_as_it_goes(folder, tmp_path):
    part = tmp_path / "part"
    shutil.copytree(folder, part)
    last = sorted((part / "packs").glob("*.json"))[-1]
    last.unlink()
    results = jaxsoco.load(part)
    assert not results.complete
    assert len(results.runs(PASSIVE)) < 48
    assert "of" in repr(results)


def test_running_again_computes_nothing(folder):
    before = {p: p.stat().st_mtime_ns for p in (folder / "packs").iterdir()}
    again = jaxsoco.run(SPEC, folder, progress=False)
    assert again.complete
    assert {p: p.stat().st_mtime_ns for p in (folder / "packs").iterdir()} == before


def test_a_wider_run_computes_what_is_new_beside_the_rest(folder, results, tmp_path):
    shutil.copytree(folder, tmp_path / "wider")
    before = {p.name for p in (tmp_path / "wider" / "packs").iterdir()}
    wider = jaxsoco.run(
        SPEC,
        tmp_path / "wider",
        overrides={"run.seeds": 4, "problem.dimension": 2},
        progress=False,
    )
    assert wider.complete
    # One seed of the two points that were there: a single pack has the learners' new runs.
    stored = Store(tmp_path / "wider").open().refresh().packs
    new = [pack for name, pack in stored.items() if f"{name}.npz" not in before]
    assert sum(pack.runs for pack in new) == 2 * len(results.labels)
    rows, there = wider.runs(PASSIVE), results.runs(PASSIVE)
    there = there[there.dimension == 2]
    rows = rows[rows.seed < 3]
    for name in ("increments", "seed", "round", "hit", "move"):
        np.testing.assert_array_equal(rows[name], there[name])


def test_the_manifest_keeps_what_was_asked_for(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert json.loads(manifest["presentation"]["spec"])["family"] == "tracking"


@pytest.mark.slow
def test_words_beside_numbers_stay_what_they_are(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    spec = {
        "figure": "Jobs of two kinds",
        "family": "allocation",
        "problem": {"name": "carbon_jobs", "job_length": ["google", 6]},
        "algorithm": [{"name": "greedy"}],
        "run": {"seeds": 2, "tile": 16, "compare": ["offline_optimum"]},
    }
    results = jaxsoco.run(spec, tmp_path / "run", progress=False)
    assert results.runs("greedy").job_length.tolist() == ["google", "google", 6, 6]
    results.to_parquet(tmp_path / "runs.parquet")
    lengths = parquet.read_table(tmp_path / "runs.parquet")["job_length"]
    assert set(lengths.to_pylist()) == {"google", "6"}


@pytest.mark.slow
def test_learners_that_follow_the_theory_or_not_share_a_parquet_file(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    learner = {"name": "scale", "exploration": ["auto", 0.5]}
    spec = {**SPEC, "algorithm": [learner], "problem": {"name": "quadratic_tracking"}, "check": []}
    results = jaxsoco.run(spec, tmp_path / "run", progress=False)
    results.to_parquet(tmp_path / "runs.parquet")
    table = parquet.read_table(tmp_path / "runs.parquet")
    assert set(table["exploration"].to_pylist()) == {None, "auto", "0.5"}


@pytest.fixture
def empty(folder, tmp_path):
    """A run of which nothing is there yet."""
    shutil.copytree(folder, tmp_path / "empty")
    for file in (tmp_path / "empty" / "packs").iterdir():
        file.unlink()
    return jaxsoco.load(tmp_path / "empty")


def test_a_run_that_has_only_begun_has_tables_without_rows(empty, results):
    assert not empty.complete
    assert len(empty.table()) == 0
    assert len(empty.runs(PASSIVE)) == 0
    assert empty.runs(PASSIVE).dtype.names == results.runs(PASSIVE).dtype.names
