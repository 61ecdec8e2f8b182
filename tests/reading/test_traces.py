"""``run.trace``: single runs at every round, as cells of their own."""

import csv
import shutil

import numpy as np
import pytest

import jaxsoco
from jaxsoco.analysis.singles import MOST_PLACES, thinned
from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError
from jaxsoco.engine.reading import Stored

PLOT = '[[plot]]\nkind = "single-runs"\n{}\n'
TRACED = ("seeds = 3", "seeds = 3\ntrace = 2")
LABELS = ("step(stride=0.5)", "step(stride=1)")


def test_every_round_of_the_first_seeds_is_kept(folder):
    out = folder.run("out", "--set", "run.trace=2")
    results = jaxsoco.load(out)
    assert results.complete
    for label, stride in zip(LABELS, (0.5, 1.0), strict=True):
        rows = results.traces(label)
        assert len(rows) == 2 * 2 * 20
        assert rows.dtype.names == results.runs(label).dtype.names
        for speed in (1.0, 2.0):
            for seed in (0, 1):
                one = rows[(rows.speed == speed) & (rows.seed == seed)]
                rounds = np.arange(1, 21)
                np.testing.assert_array_equal(one["round"], rounds)
                np.testing.assert_allclose(one.hit, speed * rounds, rtol=1e-6)
                np.testing.assert_allclose(one.move, stride * rounds, rtol=1e-6)
                np.testing.assert_allclose(one.total, (speed + stride) * rounds, rtol=1e-6)


def test_a_trace_passes_through_the_checkpoints_of_its_run(random_toy, folder):
    """The same world and the same learner: the costs at a checkpoint are the same bits."""
    results = jaxsoco.load(folder.run("out", "--set", "run.trace=3"))
    runs, traces = results.runs(LABELS[0]), results.traces(LABELS[0])
    at = np.isin(traces["round"], np.unique(runs["round"]))
    for name in ("speed", "seed", "round", "hit", "move", "total"):
        np.testing.assert_array_equal(traces[at][name], runs[name])
    assert len({*runs.hit[runs["round"] == 20]}) == 6  # the seeds do differ


def test_traces_are_cells_of_their_own_beside_those_of_the_study(folder):
    out = folder.run("out")
    before = folder.packs(out)
    printed = folder("run", folder.spec(), "--out", out, "--set", "run.trace=1")
    assert "all runs were there already" in printed and "4 runs at every round" in printed
    added = {*folder.packs(out)} - {*before}
    assert folder.packs(out).items() >= before.items() and added
    study = Stored(out).study
    own, traced = Cells(study), Cells(study.traced)
    keys = [
        {cells.key(point, learner) for point in (0, 1) for learner in (0, 1)}
        for cells in (own, traced)
    ]
    assert len(keys[0] | keys[1]) == 8
    # One more seed: only that is computed.
    printed = folder("run", folder.spec(), "--out", out, "--set", "run.trace=2")
    assert "4 runs at every round" in printed
    assert folder.packs(out).keys() > {*before} | added
    assert len(jaxsoco.load(out).traces(LABELS[0])) == 2 * 2 * 20


def test_an_experiment_without_traces_says_so(folder):
    results = jaxsoco.load(folder.run("out"))
    with pytest.raises(InputError, match=r"no single run.*want run\.trace"):
        results.traces(LABELS[0])


def test_comparators_and_unknown_learners_have_no_traces(folder):
    results = jaxsoco.load(folder.run("out", "--set", "run.trace=1"))
    for name in ("still", "stil"):
        with pytest.raises(InputError, match="no learner is called"):
            results.traces(name)


def test_no_more_seeds_are_traced_than_there_are(folder):
    out = folder.run("out", "--set", "run.trace=100")
    assert {*jaxsoco.load(out).traces(LABELS[0]).seed} == {0, 1, 2}


def test_shares_add_up(folder):
    spec = folder.spec(("seeds = 3", "seeds = 40"))
    options = ("--set", "run.trace=20", "--set", "run.pack=16")
    out = folder.run("out", *options, "--share", "1/2", spec=spec)
    assert not jaxsoco.load(out).complete and not (out / "report.html").exists()
    folder.run("out", *options, "--share", "2/2", spec=spec)
    whole = jaxsoco.load(folder.run("whole", *options, spec=spec))
    results = jaxsoco.load(out)
    assert results.complete
    np.testing.assert_array_equal(results.traces(LABELS[1]), whole.traces(LABELS[1]))


def test_members_of_an_array_take_traces_over_from_each_other(folder):
    spec = folder.spec(("seeds = 3", "seeds = 40"))
    options = ("--set", "run.trace=20", "--set", "run.pack=16")
    out = folder.run("out", *options, "--share", "2/2", "--steal", spec=spec)
    results = jaxsoco.load(out)
    assert results.complete and len(results.traces(LABELS[0])) == 2 * 20 * 20
    assert not [*(out / "claims").iterdir()]


def test_traces_are_taken_from_a_cache(folder):
    options = ("--set", "run.trace=2", "--cache", folder.path / "cache")
    first = folder.run("first", *options)
    printed = folder("run", folder.spec(), "--out", folder.path / "second", *options)
    assert "2 packs taken from the cache" in printed and "all runs were there" in printed
    second = folder.path / "second"
    assert {*folder.packs(second)} == {*folder.packs(first)}
    same = [jaxsoco.load(out).traces(LABELS[1]).tolist() for out in (first, second)]
    assert same[0] == same[1]


def test_a_run_whose_traces_are_missing_is_not_complete(folder):
    out = folder.run("out", "--set", "run.trace=1")
    study = Stored(out).study
    key = Cells(study.traced).key(0, 0)
    for file in (out / "packs").glob("*.json"):
        if key in file.read_text():
            file.unlink()
    assert "18 of 22 (" in folder("status", out)
    assert not jaxsoco.load(out).complete
    folder("report", out, code=75)
    assert "4 single runs at every round missing" in folder.told


def test_too_many_rounds_are_refused_with_the_figure(folder):
    spec = folder.spec(("horizons = 20", "horizons = 200000"), ("seeds = 3", "seeds = 500"))
    folder("run", spec, "--out", folder.path / "out", "--set", "run.trace=100", code=2)
    # 2 learners x 208 runs (13 blocks of 16) x 200 000 rounds
    assert "comes to 83200000 rounds (want at most 20000000" in folder.told
    assert not (folder.path / "out").exists()
    assert "comes to 83200000 rounds" in folder("check", spec, "--set", "run.trace=100")
    content = folder.json("check", spec, "--set", "run.trace=100")
    assert content["trace"] == 100 and "run.trace" in content["too_large"][0]


def test_check_counts_the_traces(folder):
    printed = folder("check", folder.spec(), "--set", "run.trace=2")
    assert "every round of the first 2 seeds of each learner and point (8 runs)" in printed
    sizes = [folder.json("check", folder.spec(), "--set", f"run.trace={n}") for n in (0, 2)]
    # 8 runs of 20 rounds, 3 costs in float32
    assert sizes[1]["disk_bytes"] - sizes[0]["disk_bytes"] == 8 * 20 * 3 * 4


def drawn(out, name):
    (file,) = (out / "figures").glob(f"*-{name}.csv")
    with file.open(encoding="utf-8", newline="") as opened:
        return [*csv.DictReader(opened)]


@pytest.mark.parametrize("rate", [False, True])
def test_a_figure_of_single_runs(folder, rate):
    plot = PLOT.format('cost = "move"\n' + "rate = true\n" * rate)
    spec = folder.spec(("[[plot]]", plot + "[[plot]]"), TRACED)
    out = folder.run("out", spec=spec)
    lines = {}
    for row in drawn(out, "single-runs"):
        lines.setdefault(row["learner"], []).append((int(row["x"]), float(row["value"])))
    names = [f"{a}, speed = {v}, seed {s}" for a in LABELS for v in (1, 2) for s in (0, 1)]
    assert {*lines} == {*names}
    for name, points in lines.items():
        stride = 0.5 if "0.5" in name else 1.0
        assert [x for x, _ in points] == [*range(1, 21)]
        expected = [stride * (1 if rate else x) for x, _ in points]
        np.testing.assert_allclose([y for _, y in points], expected, rtol=1e-5)
    page = (out / "report.html").read_text("utf-8")
    assert ("Move of a round of single runs" if rate else "Cumulative move of single runs") in page


def test_a_figure_of_some_runs_at_one_point(folder):
    plot = PLOT.format("seeds = 1\nwhere = { speed = 2 }")
    out = folder.run("out", spec=folder.spec(("[[plot]]", plot + "[[plot]]"), TRACED))
    names = {row["learner"] for row in drawn(out, "single-runs")}
    assert names == {f"{a}, speed = 2, seed 0" for a in LABELS}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "the experiment keeps no single run at every round (want run.trace"),
        ('cost = "mov"', 'no cost component "mov"'),
        ('algorithms = ["still"]', "still is a comparator"),
    ],
)
def test_a_figure_that_cannot_be_is_refused(folder, table, told):
    kept = [] if told.startswith("the experiment keeps") else [TRACED]
    folder("check", folder.spec(("[[plot]]", PLOT.format(table) + "[[plot]]"), *kept), code=2)
    assert told in folder.told


def test_a_figure_is_left_out_where_the_command_line_keeps_no_traces(folder):
    spec = folder.spec(("[[plot]]", PLOT.format("") + "[[plot]]"), TRACED)
    folder("check", spec, "--set", "run.trace=0")
    assert "left out of this run: plot[0].kind: the experiment keeps no single run" in folder.told


def test_a_report_without_the_traces_leaves_the_figure_out(folder):
    out = folder.run("out", spec=folder.spec(("[[plot]]", PLOT.format("") + "[[plot]]"), TRACED))
    key = Cells(Stored(out).study.traced).key(0, 0)
    for file in (out / "packs").glob("*.json"):
        if key in file.read_text():
            file.unlink()
    shutil.rmtree(out / "figures")
    printed = folder("report", out, code=75)
    assert "is not drawn: no run is kept at every round yet" in printed


def test_what_is_drawn_of_a_long_run_keeps_its_peaks():
    values = np.random.default_rng(1).normal(size=12345)
    values[7777], values[4242] = 50.0, -50.0
    places = thinned(values, extremes=True)
    assert len(places) <= MOST_PLACES and (np.diff(places) > 0).all()
    assert {7777, 4242} <= {*places}
    even = thinned(values)
    assert len(even) == MOST_PLACES and even[0] == 0 and even[-1] == 12344
    np.testing.assert_array_equal(thinned(values[:50], extremes=True), np.arange(50))


def test_a_real_learner_is_traced_as_play_plays_it(tmp_path):
    """An oracle of another program: the costs of every round, summed."""
    import jax

    spec = {
        "figure": "Follow",
        "family": "tracking",
        "problem": {"name": "quadratic_tracking", "dimension": 2},
        "algorithm": [{"name": "follow_minimizer"}],
        "run": {"horizons": 30, "seeds": 3, "tile": 16, "trace": 2},
    }
    results = jaxsoco.run(spec, tmp_path / "out", progress=False)
    rows = results.traces("follow_minimizer")
    with jax.enable_x64(True):
        problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=30)
        algorithm, params = jaxsoco.learner("tracking/follow_minimizer")
        run = jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 2), trace=True)
        costs = {name: np.cumsum(x, axis=0) for name, x in run.trace[1]._asdict().items()}
    for seed in (0, 1):
        one = rows[rows.seed == seed]
        for name, values in costs.items():
            np.testing.assert_allclose(one[name], values[:, seed], rtol=1e-9, atol=1e-12)
