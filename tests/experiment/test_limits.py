"""Settings have ranges, data keep to them, nothing is quadratic, and JAX's moods do not matter."""

import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import jax
import numpy as np
import pytest
from processes import environment

import jaxsoco
from jaxsoco import registry
from jaxsoco.allocation.prepare import prepare_carbon_jobs
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.cli import main
from jaxsoco.core.errors import InputError
from jaxsoco.core.fields import Issues, read_value
from jaxsoco.multistage import load_tree
from jaxsoco.multistage.theory.graphs import MAX_DEPTH
from jaxsoco.provisioning import load_tabular, load_trace_csv

SOON = 20.0
NO_GPU = pytest.mark.skipif(
    any(dist.name.startswith("jax-cuda") for dist in metadata.distributions()),
    reason="JAX can use a GPU here",
)


def write(folder: Path, family: str, problem: str, learner: str, run: str = "seeds = 16") -> str:
    path = folder / "study.toml"
    text = f'figure = "x"\nfamily = "{family}"\nproblem = {{ {problem} }}\n'
    text += f'algorithm = [{{ name = "{learner}" }}]\nrun = {{ {run} }}\n'
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- ranges ---------------------------------------------------------------------------------------

NUMBERS = [
    pytest.param(field, id=f"{entry.name}.{field.name}")
    for family in registry.families().values()
    for entry in (*family.problems, *family.algorithms)
    for field in entry.fields
    if field.kind in ("float", "integer")
]


@pytest.mark.parametrize("field", NUMBERS)
def test_every_number_has_a_range_that_it_is_held_to(field):
    assert field.low is not None
    assert field.high is not None or field.name.endswith("_seed")
    beyond = [field.low - 1] if field.high is None else [field.low - 1, field.high * 2 + 1]
    tiny = [1e-300] if field.open_low and field.low == 0 and field.kind == "float" else []
    for value in (*beyond, *tiny, *([1e308] if field.kind == "float" else [10**25])):
        issues = Issues()
        read_value(field, value, "x", issues)
        assert issues, value


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("multistage/oracle_policy", {"exploration": 2.0}),
        ("multistage/epsilon_exp3", {"epsilon": 1.5}),
        ("allocation/st_clip", {"epsilon": 1e308}),
        ("tracking/hyscale", {"learning_rate": 1e308}),
    ],
)
def test_nonsense_is_refused_in_python_too(name, settings):
    with pytest.raises(InputError, match="is too large"):
        jaxsoco.learner(name, **settings)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("run.seeds=1e3", "run.seeds: found the number 1000.0 (want an integer"),
        ("run.horizons=[1e6]", "run.horizons[0]: found the number 1000000.0 (want an integer"),
        ("problem.depth=2.0", "problem.depth: found the number 2.0 (want an integer"),
    ],
)
def test_whole_numbers_with_an_exponent_are_shown_without(tmp_path, setting, said, capsys):
    run = "seeds = 8, horizons = 9"
    spec = write(tmp_path, "multistage", 'name = "bernoulli_tree"', "exp3", run)
    assert main(["check", spec, "--set", setting]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and "without point or exponent" in line


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [1e-30, 1e6])
def test_runs_at_the_ends_of_a_range_are_sound(epsilon):
    problem = jaxsoco.make(
        "allocation/carbon_jobs", regions=("us-west-1", "eu-west-2"), job_length=3,
        deadline_min=5, deadline_max=6, bounds="trace",
    )  # fmt: skip
    learner = jaxsoco.learner("allocation/st_clip", epsilon=epsilon)
    run = jaxsoco.play(problem, *learner, jaxsoco.seed_keys(0, 16))
    assert run.finite.all() and not run.faults.any()


# --- data -----------------------------------------------------------------------------------------


def test_a_matrix_keeps_to_the_limits_of_what_it_replaces(tmp_path):
    for matrix, message in (
        (np.eye(400), "dimension: 400 is too large (want an integer from 1 to 64)"),
        (np.eye(3) * 1e300, "largest entry: 1e+300 is too large"),
        (np.diag([1e-3, 1.0]) * 1e-7, "smallest positive eigenvalue"),
    ):
        np.save(tmp_path / "m.npy", matrix)
        with pytest.raises(InputError) as caught:
            jaxsoco.make("tracking/quadratic_tracking", horizon=9, matrix=str(tmp_path / "m.npy"))
        assert message in str(caught.value)


MODEL = {
    "loss": np.eye(2),
    "consumption": [[0, 1], [0, 1]],
    "transition": np.full((2, 2, 2), 0.5),
    "initial": [1, 0],
}


@pytest.mark.parametrize(
    "slots",
    ["four", 2.9, 10**9, float("nan"), [1, 2], -1, 0, True, 2j, np.datetime64("2022-01-01")],
)
def test_slots_of_a_model_are_a_number_of_slots(tmp_path, slots):
    np.savez(tmp_path / "m.npz", **MODEL, slots=slots)
    with pytest.raises(InputError, match=r"m\.npz: slots: .*want an integer from 1 to 1000"):
        load_tabular(tmp_path / "m.npz")


def test_models_are_of_real_numbers_and_of_sizes_that_fit(tmp_path):
    for change, message in (
        ({"loss": np.eye(2) * 1j}, "loss: is not an array of numbers"),
        ({"loss": np.full((2000, 2, 2), 0.5)}, "slots: 2000 is no number of slots"),
        ({"initial": np.array(["1", "0"])}, "initial: is not an array of numbers"),
    ):
        np.savez(tmp_path / "m.npz", **(MODEL | change))
        with pytest.raises(InputError) as caught:
            load_tabular(tmp_path / "m.npz")
        assert message in str(caught.value)
    np.savez(tmp_path / "m.npz", **MODEL, slots=3.0)  # a whole number, if a float
    assert load_tabular(tmp_path / "m.npz").slots == 3


def test_times_and_counts_beyond_measure_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("time\n-1e308\n1e308\n", encoding="utf-8")
    with pytest.raises(InputError, match="want a time in s"):
        load_trace_csv(tmp_path / "a.csv", bin=1.0)
    (tmp_path / "a.csv").write_text("time\n0\n1e17\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"would have 1e\+17 bins"):
        load_trace_csv(tmp_path / "a.csv", bin=1.0)
    (tmp_path / "a.csv").write_text("count\n" + "0\n" * 999 + "1000000\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"has up to 1e\+06 arrivals in a slot"):
        load_trace_csv(tmp_path / "a.csv").distribution(1000.0)


# --- a file that changes --------------------------------------------------------------------------


def carbon(factor: float) -> str:
    rows = [
        f"2022-01-01T{h:02d}:00Z,{factor * (40 + h)},{factor * (90 - 3 * h)}" for h in range(24)
    ]
    return "\n".join(["datetime,FR,SE-SE3", *rows])


def test_carbon_is_what_the_file_holds_now(tmp_path):
    file, other = tmp_path / "carbon.csv", tmp_path / "more.csv"
    settings = CarbonJobs(carbon=Path("carbon.csv"), deadline_min=9, deadline_max=12)
    file.write_text(carbon(1), encoding="utf-8")
    stamp = file.stat().st_mtime_ns
    first = prepare_carbon_jobs(settings, tmp_path).content.carbon
    assert prepare_carbon_jobs(settings, tmp_path).content.carbon is first  # read once
    file.write_text(carbon(2), encoding="utf-8")
    os.utime(file, ns=(stamp, stamp))  # neither its time nor, here, its length tells
    second = prepare_carbon_jobs(settings, tmp_path).content.carbon
    np.testing.assert_allclose(second.values, 2 * first.values)
    file.unlink()
    with pytest.raises(InputError, match="does not exist"):
        prepare_carbon_jobs(settings, tmp_path)
    folder = CarbonJobs(carbon=Path("."), deadline_min=9, deadline_max=12)
    file.write_text(carbon(1), encoding="utf-8")
    assert prepare_carbon_jobs(folder, tmp_path).content.carbon == first
    other.write_text(carbon(1).replace("FR", "GB").replace("SE-SE3", "DE"), encoding="utf-8")
    assert len(prepare_carbon_jobs(folder, tmp_path).content.carbon.regions) == 4


# --- time -----------------------------------------------------------------------------------------


def test_trees_take_time_in_proportion_to_their_nodes(tmp_path):
    texts = {
        "wide.csv": "\n".join(f"root,leaf{i}" for i in range(99_000)),
        "twice.csv": "root,leaf\n" * 99_000,
        "deep.csv": "\n".join(f"a{i},a{i + 1}" for i in range(99_000)),
        "comb.csv": "\n".join(f"root,a{i}\na{i},b{i}" for i in range(49_000)),
        "nested.json": '{"a":' * 3000 + "{}" + "}" * 3000,
        "digits.json": '{"edges": [["a", ' + "9" * 5000 + "]]}",
    }
    said = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        began = time.process_time()
        try:
            said[name] = f"{load_tree(tmp_path / name).leaves} leaves"
        except InputError as error:
            said[name] = str(error)
        assert time.process_time() - began < SOON, name
    assert said["wide.csv"] == "99000 leaves"
    assert "root -> leaf is there twice" in said["twice.csv"]
    assert f"over {MAX_DEPTH} decisions" in said["deep.csv"]
    assert "want at most 1000000" in said["comb.csv"]
    assert "nested" in said["nested.json"] and "digits" in said["digits.json"]


@pytest.mark.parametrize(
    ("family", "problem", "learner", "run", "code"),
    [
        ("provisioning", 'name = "paper_queue", arrival_rate = 1e7', "blol", "horizons = 9", 2),
        (
            "provisioning",
            'name = "paper_queue", arrival_rate = 1000, capacity = 100',
            "blol",
            "horizons = 9",
            0,
        ),
        ("multistage", 'name = "multihop", layers = 10', "exp3", "horizons = 1000", 0),
        ("allocation", f"data_size = [1, 2], carbon_seed = {list(range(200))}", "greedy", "", 0),
    ],
)
def test_checks_answer_soon(tmp_path, family, problem, learner, run, code, capsys):
    spec = write(tmp_path, family, problem, learner, f"seeds = 16{', ' * bool(run)}{run}")
    began = time.process_time()
    assert main(["check", spec, "--out", str(tmp_path / "out")]) == code, capsys.readouterr().err
    assert time.process_time() - began < SOON


# --- the machine ----------------------------------------------------------------------------------


def run_small(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    regions = 'regions = ["eu-west-3", "eu-north-1"]'
    write(folder, "allocation", regions, "greedy", 'seeds = 16, tile = 16, compare = ["advice"]')
    return subprocess.run(
        [sys.executable, "-m", "jaxsoco", "run", "study.toml", *options],
        cwd=folder,
        env=environment(**{"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"} | variables),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"JAX_PLATFORMS": "nowhere"}, "JAX finds no device (JAX_PLATFORMS=nowhere)"),
        pytest.param(
            {"JAX_PLATFORMS": "cuda"}, "JAX finds no device (JAX_PLATFORMS=cuda)", marks=NO_GPU
        ),
        ({"JAX_ENABLE_X64": "maybe"}, "JAX does not start: invalid truth value"),
        ({"XLA_FLAGS": "--nonsense"}, "XLA_FLAGS: XLA does not start: Unknown flag"),
        (
            {"XLA_FLAGS": "--xla_cpu_enable_fast_math=maybe"},
            "value maybe for flag xla_cpu_enable_fast_math",
        ),
        ({"XLA_FLAGS": "nowhere.txt"}, 'Could not open file "nowhere.txt"'),
    ],
)
def test_a_jax_that_does_not_start_is_one_line(tmp_path, environment, said):
    done = run_small(tmp_path, **environment)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("jaxsoco: ") and said in done.stderr


def test_a_backend_of_matplotlib_that_does_not_exist_is_one_line(tmp_path):
    done = run_small(tmp_path, MPLBACKEND="nonsense")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("jaxsoco: MPLBACKEND: ") and "unset it" in done.stderr


def test_more_devices_than_cores_are_refused_at_once(tmp_path):
    done = run_small(tmp_path, "--devices", "4096")
    assert done.returncode == 2
    assert "--devices: 4096 devices are asked for, and JAX has" in done.stderr


@pytest.mark.slow
def test_options_for_finding_faults_do_not_reach_a_run(tmp_path):
    done = run_small(
        tmp_path,
        "--devices",
        "1",
        JAX_TRANSFER_GUARD="disallow",
        JAX_NUMPY_DTYPE_PROMOTION="strict",
        JAX_DEBUG_NANS="1",
        JAX_DISABLE_JIT="1",
        JAX_ENABLE_X64="1",
    )
    assert done.returncode == 0, done.stderr


SMALL = {
    "tracking/quadratic_tracking": ("tracking/scale", {"horizon": 20, "dimension": 2}),
    "multistage/bernoulli_tree": ("multistage/exp3", {"horizon": 20}),
}


@pytest.mark.parametrize(
    "problem", [pytest.param(next(iter(SMALL)), marks=pytest.mark.slow), *[*SMALL][1:]]
)
def test_public_functions_work_where_mixed_types_and_transfers_are_forbidden(problem):
    learner, settings = SMALL[problem]
    with jax.numpy_dtype_promotion("strict"), jax.transfer_guard("disallow"):
        made = jaxsoco.make(problem, **settings)
        run = jaxsoco.play(made, *jaxsoco.learner(learner), jaxsoco.seed_keys(0, 4))
    assert run.finite.all()
