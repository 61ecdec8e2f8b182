"""``run.keep`` on real problems: moments say what the runs say, and are extended and shared."""

import csv

import numpy as np
import pytest

import jaxsoco
from jaxsoco.cli import main
from jaxsoco.core.errors import InputError
from jaxsoco.engine.reading import Stored

TRACKING = {
    "figure": "Two learners and two comparators",
    "family": "tracking",
    "problem": {"name": "quadratic_tracking", "dimension": 2, "smallest_eigenvalue": [0.5, 1.0]},
    "algorithm": [
        {"name": "passive_learner", "learning_rate": 1e-2},
        {"name": "follow_minimizer"},
    ],
    "run": {
        "horizons": 20,
        "checkpoints": 4,
        "seeds": 70,
        "tile": 16,
        "compare": ["online_optimum", "online_optimum_path"],
    },
    "check": [
        {"kind": "order", "algorithms": ["passive_learner", "follow_minimizer"]},
        {"kind": "value", "algorithm": "follow_minimizer", "statistic": "p95", "at_most": 1e9},
        {"kind": "complete"},
    ],
    "plot": [{"kind": "curve"}, {"kind": "cost-breakdown"}],
}
ALLOCATION = {
    "figure": "Short deadlines",
    "family": "allocation",
    "problem": {
        "regions": ["us-west-1", "eu-west-2", "eu-central-1"],
        "data_size": [1, 4],
        "deadline_min": 6,
        "deadline_max": 8,
        "job_length": 3,
    },
    "algorithm": [{"name": "greedy"}, {"name": "threshold"}],
    "run": {"seeds": 70, "tile": 16},
    "check": [{"kind": "ratio", "algorithm": "greedy", "statistic": "median", "at_most": 9.0}],
    "plot": [{"kind": "ratio-vs-axis", "axis": "data_size"}],
}
MULTISTAGE = {
    "figure": "A small tree",
    "family": "multistage",
    "problem": {"name": "bernoulli_tree", "depth": 2, "children": 2},
    "algorithm": [{"name": "epsilon_exp3"}, {"name": "exp3"}],
    "run": {"horizons": [40, 80], "checkpoints": 3, "seeds": 70, "tile": 16},
    "check": [{"kind": "slope", "algorithm": "exp3", "between": [-2.0, 3.0]}],
}
PROVISIONING = {
    "figure": "A queue",
    "family": "provisioning",
    "problem": {"name": "paper_queue"},
    "algorithm": [{"name": "oracle"}],
    "run": {"horizons": 6, "checkpoints": 2, "seeds": 35, "tile": 16},
    "plot": [{"kind": "curve", "cost": "consumption"}],
}
FAMILIES = [
    pytest.param(TRACKING, id="tracking"),
    pytest.param(ALLOCATION, id="allocation", marks=pytest.mark.slow),
    pytest.param(MULTISTAGE, id="multistage", marks=pytest.mark.slow),
    pytest.param(PROVISIONING, id="provisioning", marks=pytest.mark.slow),
]


def run(spec, folder, **overrides):
    named = {f"run.{key}": value for key, value in overrides.items()}
    return jaxsoco.run(spec, folder, overrides=named, progress=False)


def assert_alike(one, two, rtol=1e-9):
    assert one.dtype.names == two.dtype.names and len(one) == len(two) > 0
    for name in one.dtype.names:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(two[name], one[name], rtol, 1e-12, err_msg=name)
        else:
            assert one[name].tolist() == two[name].tolist(), name


def arrays_of(folder):
    return {
        (record["group"], record["start"], record["stop"], name): array.tobytes()
        for record, arrays in Stored(folder).pieces()
        for name, array in arrays.items()
    }


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moments") / "tracking"
    run(TRACKING, folder, keep="moments")
    return folder


@pytest.mark.parametrize("spec", FAMILIES)
def test_moments_say_what_the_runs_say(tmp_path, spec):
    """Every column of the table, and every check, at a size whose sketches have all runs."""
    whole = run(spec, tmp_path / "runs", keep="checkpoints")
    moments = run(spec, tmp_path / "moments", keep="moments")
    assert whole.complete and moments.complete
    assert_alike(whole.table(), moments.table())
    for one, two in zip(whole.checks, moments.checks, strict=True):
        assert one.kind == two.kind
        np.testing.assert_allclose(two.value, one.value, rtol=1e-9)
    assert (tmp_path / "moments" / "report.html").exists()
    exported = [_exported(tmp_path / name) for name in ("runs", "moments")]
    assert len(exported[0]) == len(exported[1]) > 0
    for one, two in zip(*exported, strict=True):
        numbers = [
            [float(row.pop(n) or "nan") for n in ("mean", "lower", "upper")] for row in (one, two)
        ]
        assert one == two
        np.testing.assert_allclose(numbers[1], numbers[0], rtol=1e-9, atol=1e-12)


def _exported(folder):
    file = folder.with_suffix(".csv")
    assert main(["export", str(folder), "--csv", str(file)]) == 0
    with file.open(newline="") as lines:
        return [*csv.DictReader(lines)]


@pytest.mark.slow
def test_more_seeds_are_added(tracked, tmp_path):
    run(TRACKING, tmp_path, keep="moments", seeds=40)
    before = {pack.name for pack in Stored(tmp_path).coverage.packs}
    extended = run(TRACKING, tmp_path, keep="moments")
    after = Stored(tmp_path).coverage.packs
    assert before <= {pack.name for pack in after}
    new = sum(pack.runs for pack in after if pack.name not in before)
    assert new == 30 * 2 * 3
    assert_alike(jaxsoco.load(tracked).table(), extended.table())


def test_devices_and_packs_change_no_bit(tracked, tmp_path):
    run(TRACKING, tmp_path, keep="moments", pack=32)
    assert arrays_of(tmp_path) == arrays_of(tracked)


def test_what_takes_every_run_says_so(tracked):
    results = jaxsoco.load(tracked)
    for ask in (
        lambda: results.runs("follow_minimizer"),
        results.to_pandas,
        results.to_xarray,
        lambda: results.to_parquet(tracked / "none.parquet"),
    ):
        with pytest.raises(InputError, match="takes the costs of every run, and moments are all"):
            ask()
    assert main(["export", str(tracked), "--csv", str(tracked / "x.csv"), "--runs"]) == 2
    assert not (tracked / "x.csv").exists()


@pytest.mark.slow
def test_final_shares_the_blocks_of_one_checkpoint(tmp_path):
    one = run(TRACKING, tmp_path, checkpoints=1)
    packs = sorted(tmp_path.glob("packs/*"))
    final = run({**TRACKING, "plot": [{"kind": "cost-breakdown"}]}, tmp_path, keep="final")
    assert sorted(tmp_path.glob("packs/*")) == packs
    assert len(final.runs("follow_minimizer")) == 70 * 2
    assert_alike(one.table(), final.table(), rtol=0)


@pytest.mark.slow
def test_moments_and_runs_of_one_study_share_a_directory(tracked, tmp_path):
    run(TRACKING, tmp_path, keep="moments")
    run(TRACKING, tmp_path)
    again = run(TRACKING, tmp_path, keep="moments")
    assert_alike(jaxsoco.load(tracked).table(), again.table(), rtol=0)
