"""``jaxsoco tune``: searches, judges on other seeds, resumes to the same bits, shares a folder."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import jaxsoco
from jaxsoco.core.exits import BAD_INPUT, DONE, INTERRUPTED

ROOT = Path(__file__).resolve().parents[2]

SPEC = """
figure = "Passive learning, tuned"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "passive_learner"
learning_rate = {rate}
[run]
horizons = {horizon}
seeds = 16
tile = 16
[tune]
parameters = {{ learning_rate = [1e-5, 1e-1] }}
steps = {steps}
seeds = 16
holdout = 16
landscape = 3
"""

# As the script does; where tests run in the background, shells have SIGINT ignored.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jaxsoco.cli import main
sys.exit(main())
"""


def spec(folder: Path, more: str = "", rate=1e-4, horizon=20, steps=3) -> Path:
    path = folder / "passive.toml"
    path.write_text(SPEC.format(rate=rate, horizon=horizon, steps=steps) + more)
    return path


def begun(*arguments) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def called(*arguments) -> tuple[int, str, str]:
    process = begun(*arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def search_files(out: Path) -> list[Path]:
    return sorted(out.glob("tuning/*/search.npz"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, str, str]:
    """A finished tuning: its folder (which no test changes), and what it said."""
    folder = tmp_path_factory.mktemp("whole")
    code, out, err = called("tune", spec(folder), "--out", folder / "run", "--devices", 1)
    assert code == DONE, err
    return folder, out, err


def test_it_ends_with_the_judgement_and_lines_to_paste(whole):
    folder, out, err = whole
    assert "step 3 of 3: mean regret against online_optimum" in err
    assert "passive_learner on 16 held-out seeds" in out
    lines = out[out.index("[[algorithm]]") :]
    (pasted,) = tomllib.loads(lines)["algorithm"]
    assert pasted["name"] == "passive_learner" and 1e-4 < pasted["learning_rate"] < 1e-1
    page = (folder / "run" / "report.html").read_text()
    assert "Tuning" in page and f"learning_rate = {pasted['learning_rate']:g}" in page
    figures = {path.name for path in (folder / "run" / "figures").glob("*.png")}
    assert {"01-search.png", "02-landscape.png"} <= figures


def test_the_judgement_is_that_of_python_on_the_same_seeds(whole):
    """Held-out seeds are 0..holdout-1 of the root seed, played in Python to the same costs."""
    folder, _, _ = whole
    results = jaxsoco.load(folder / "run")
    assert results.labels == ("tuned", "default", "start")
    rows = {row.learner: row for row in results.table()}
    with jaxsoco_x64():
        problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=20)
        for label, values in results.study.settings.items():
            rate = values[1]["learning_rate"]
            algorithm, params = jaxsoco.learner("tracking/passive_learner", learning_rate=rate)
            run = jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 16))
            total = np.asarray(run.costs.hit[-1] + run.costs.move[-1])
            assert rows[label].cost_mean == pytest.approx(total.mean(), rel=1e-9)


@contextlib.contextmanager
def jaxsoco_x64():
    import jax

    with jax.enable_x64(True):
        yield


def test_results_in_python_have_the_search_and_its_judgement(whole):
    folder, out, _ = whole
    results = jaxsoco.load(folder / "run")
    (search,) = results.searches
    assert search.toml in out and search.steps == 3 and search.profile is not None
    assert search.course(search.parameters[0])[0] == pytest.approx(1e-4)
    tuned, default, start = results.judgement(search)
    assert (tuned.row, default.row, start.row) == ("tuned", "default", "start")
    runs = {one.label: results.runs(one.label) for one in (tuned, default)}
    last = {label: rows["regret"][rows["round"] == 20] for label, rows in runs.items()}
    assert tuned.objective.value == pytest.approx(last["tuned"].mean())
    assert default.gain.value == pytest.approx((last["tuned"] - last["default"]).mean())


def test_the_file_value_is_judged_beside_the_declared_default(whole):
    folder, _, _ = whole
    study = jaxsoco.load(folder / "run").study
    rates = {label: values["learning_rate"] for label, (_, values) in study.settings.items()}
    assert (rates["default"], rates["start"]) == (1e-3, 1e-4)


def test_a_second_call_computes_nothing_and_says_the_same(whole, tmp_path):
    folder, out, _ = whole
    before = [path.read_bytes() for path in search_files(folder / "run")]
    code, again, err = called(
        "tune", folder / "passive.toml", "--out", folder / "run", "--devices", 1
    )
    assert code == DONE
    assert "3 of 3 steps were there already" in err and "all runs were there already" in again
    assert again[again.index("[[algorithm]]") :] == out[out.index("[[algorithm]]") :]
    assert [path.read_bytes() for path in search_files(folder / "run")] == before


def test_an_ordinary_run_ignores_the_table_and_shares_blocks(whole):
    """Last of those that use the folder: its report is of the ordinary run afterwards."""
    folder, _, _ = whole
    code, out, err = called("run", folder / "passive.toml", "--out", folder / "run", "--devices", 1)
    assert code == DONE, err
    assert "all runs were there already" in out
    assert "Tuning" not in (folder / "run" / "report.html").read_text()


def copied(whole, tmp_path) -> tuple[Path, tuple]:
    """A copy of the finished run, and the arguments that made it."""
    folder, _, _ = whole
    shutil.copytree(folder / "run", tmp_path / "run")
    return tmp_path / "run", ("tune", folder / "passive.toml", "--out", tmp_path / "run")


@pytest.mark.slow
def test_a_changed_table_begins_anew_beside_the_old_one(whole, tmp_path):
    out, arguments = copied(whole, tmp_path)
    (first,) = search_files(out)
    content = first.read_bytes()
    code, text, _ = called(*arguments, "--set", "tune.steps=2", "--devices", 1)
    assert code == DONE and "begins anew" in text
    assert len(search_files(out)) == 2 and first.read_bytes() == content
    code, text, err = called(*arguments, "--devices", 1)
    assert code == DONE and "begins anew" not in text and "3 of 3 steps" in err


def test_a_damaged_search_begins_anew_to_the_same_bits(whole, tmp_path):
    out, arguments = copied(whole, tmp_path)
    (file,) = search_files(out)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    code, _, err = called(*arguments, "--devices", 1)
    assert code == DONE and "is damaged; it begins anew" in err
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--set", "algorithm.passive_learner.learning_rate=1000"],
            ["tune.parameters.learning_rate", "starts at 1000"],
        ),
        (["--set", "tune.parameters=['rate']"], ["tune.parameters.rate", "no parameter"]),
        (["--set", "tune.method=score"], ["tune.method", "how likely"]),
    ],
)
def test_bad_input_ends_at_once_with_its_place(tmp_path, options, words):
    path = spec(tmp_path)
    code, _, err = called("tune", path, "--out", tmp_path / "run", "--devices", 1, *options)
    assert code == BAD_INPUT and not search_files(tmp_path / "run")
    assert all(word in err for word in words), err


NOWHERE = """
import jax.numpy as jnp
from jaxsoco.extend import Algorithm, AlgorithmEntry, Extension, setting, settings

@settings
class NowhereParams:
    size: float = setting("of the step", default=2.0, above=0, high=10)

nowhere = Algorithm(
    lambda key, params, spec: (),
    lambda key, params, state, obs: (obs.increment + jnp.log(1 - params.size), state),
    lambda params, state, action, feedback: state,
)
EXTENSIONS = [Extension("tracking", algorithms=[AlgorithmEntry(
    name="nowhere", summary="is nowhere", source="a test", load=nowhere, params=NowhereParams,
)])]
"""


def test_an_objective_that_is_not_finite_at_the_start_is_one_message(tmp_path):
    (tmp_path / "nowhere.py").write_text(NOWHERE)
    text = SPEC.format(rate=1e-4, horizon=20, steps=3)
    text = text.replace('name = "passive_learner"\nlearning_rate = 0.0001', 'name = "nowhere"')
    text = text.replace("{ learning_rate = [1e-5, 1e-1] }", '["size"]')
    path = tmp_path / "nowhere.toml"
    path.write_text('plugins = ["nowhere"]\n' + text)
    code, _, err = called("tune", path, "--out", tmp_path / "run", "--devices", 1)
    assert code == BAD_INPUT, err
    assert "tune.objective" in err and "not finite where the search starts, at size = 2" in err
    assert not search_files(tmp_path / "run")


def test_without_a_table_it_says_what_to_add(tmp_path):
    path = spec(tmp_path)
    path.write_text(path.read_text().partition("[tune]")[0])
    code, _, err = called("tune", path, "--out", tmp_path / "run")
    assert code == BAD_INPUT and "no section [tune]" in err and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_several_learners_choices_and_starts(tmp_path):
    path = spec(tmp_path)
    text = path.read_text().replace(
        "{ learning_rate = [1e-5, 1e-1] }", "{ step = ['raw', 'normalized'] }"
    )
    path.write_text(
        text.replace("parameters", 'algorithm = ["passive_learner", "oracle_learner"]\nparameters')
    )
    code, out, err = called("tune", path, "--out", tmp_path / "run", "--devices", 1)
    assert code == DONE, err
    assert out.count("[[algorithm]]") == 2 and "oracle_learner" in out
    labels = jaxsoco.load(tmp_path / "run").labels
    assert "passive_learner tuned" in labels and "oracle_learner tuned" in labels
    assert len(search_files(tmp_path / "run")) == 2


@pytest.mark.slow
def test_a_signal_keeps_the_steps_and_the_same_bits_come_out(tmp_path):
    path, out = spec(tmp_path, steps=200, horizon=50), tmp_path / "run"
    arguments = ("tune", path, "--devices", 1, "--set", "tune.landscape=0", "--out")
    process = begun(*arguments, out)
    deadline = time.monotonic() + 200
    while not search_files(out) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == INTERRUPTED
    assert "of 200 steps of the search are kept" in err and "resume with: jaxsoco tune" in err
    done = len(np.load(search_files(out)[0])["history.objective"])
    assert 1 <= done < 200
    assert called(*arguments, out)[0] == DONE
    assert called(*arguments, tmp_path / "other")[0] == DONE
    assert results_of(out) == results_of(tmp_path / "other")


def results_of(out: Path) -> list[bytes]:
    """Everything that a tuning comes to."""
    (search,) = search_files(out)
    profile = search.with_name("landscape.json")
    files = [
        search,
        out / "table.csv",
        out / "curves.csv",
        *([profile] if profile.exists() else []),
    ]
    return [path.read_bytes() for path in files]


@pytest.mark.slow
def test_ten_interruptions_at_random_moments_change_no_bit(tmp_path):
    """SIGINT, SIGTERM and SIGKILL, from the first import to the report."""
    path = spec(tmp_path, steps=40, horizon=100)
    arguments = ("tune", path, "--devices", 1, "--out")
    assert called(*arguments, tmp_path / "first")[0] == DONE  # which pays for the compilations
    began = time.monotonic()
    assert called(*arguments, tmp_path / "reference")[0] == DONE
    duration, moments = time.monotonic() - began, random.Random(14)
    assert results_of(tmp_path / "first") == results_of(tmp_path / "reference")
    interruptions, folder, out = 0, 0, tmp_path / "run0"
    while interruptions < 10:
        out = tmp_path / f"run{folder}"
        process = begun(*arguments, out)
        time.sleep(moments.uniform(0, duration))
        number = moments.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        finished = process.poll() is not None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
        if finished or process.returncode == DONE:
            assert results_of(out) == results_of(tmp_path / "reference")
            folder += 1  # it was quicker: begin another
            continue
        assert process.returncode in (INTERRUPTED, -signal.SIGKILL), err
        interruptions += 1
    code, _, err = called(*arguments, out)
    assert code == DONE, err
    assert results_of(out) == results_of(tmp_path / "reference")
    assert not list(out.rglob("*.tmp"))


def test_the_manifest_says_where_the_search_is(whole):
    folder, _, _ = whole
    # An ordinary run may have renewed it since; the search's own file is there in any case.
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    assert manifest["settings"]["family"] == "tracking" and search_files(folder / "run")
