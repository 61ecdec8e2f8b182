"""Workers of a run, as far as they go without Ray: options, what is sent, answers, clearing up."""

import importlib.util
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
from processes import environment

import jaxsoco
from jaxsoco import cli, registry
from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError, Interrupted
from jaxsoco.engine.requests import Request, Span
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Computed, Failure, Written
from jaxsoco.experiment import expand, load_experiment, ray_guard, ray_worker
from jaxsoco.experiment.building import Builder
from jaxsoco.experiment.origin import package_facts
from jaxsoco.experiment.ray_executor import MOST_ATTEMPTS, RayExecutor, WorkerError
from jaxsoco.experiment.shipping import Parcel, packed, unpacked
from jaxsoco.experiment.workers import Workers

ROOT = Path(__file__).resolve().parents[2]

STUDY = """
figure = "Follow"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "follow_minimizer"
[run]
horizons = 10
seeds = 32
tile = 16
pack = 16
precision = "float32"
"""

PLUGIN = """
from jaxsoco import Algorithm
from jaxsoco.extend import AlgorithmEntry, Extension, setting, settings
from lazy_neighbour import SHARE, act, init

@settings
class Params:
    \"\"\"How far.\"\"\"

    share: float = setting("share of the way", SHARE, low=0, high=1)

LAZY = Algorithm(init, act, lambda params, state, action, feedback: state)
ENTRY = AlgorithmEntry("lazy", "goes a share of the way", "here", "lazy_plugin:LAZY", Params)
EXTENSIONS = [Extension("tracking", algorithms=[ENTRY])]
"""

NEIGHBOUR = """
import jax.numpy as jnp

SHARE = 0.75

def init(key, params, spec):
    return jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)

def act(key, params, state, obs):
    away = state - obs.increment
    away = away - params.share * away
    return away, away
"""


def plugin_study(folder: Path) -> Path:
    """A study with a plug-in, which imports a module beside it, and with a data file."""
    (folder / "lazy_plugin.py").write_text(PLUGIN)
    (folder / "lazy_neighbour.py").write_text(NEIGHBOUR)
    (folder / "matrix.csv").write_text("2,0.5\n0.5,1\n")
    text = STUDY.replace("dimension = 2", 'matrix = "matrix.csv"')
    text = text.replace("[problem]", 'plugins = ["lazy_plugin"]\n[problem]')
    path = folder / "study.toml"
    path.write_text(text.replace("[run]", '[[algorithm]]\nname = "lazy"\n[run]'))
    return path


@pytest.fixture
def study_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(autouse=True)
def no_plugins_afterwards():
    yield
    registry.activate(())


def load(path: Path):
    """The sweep of a file and its study."""
    sweep = expand(load_experiment(path))
    return sweep, Builder(sweep, 1).study(None, "")


# --- options --------------------------------------------------------------------------------------


def test_without_ray_one_line_names_the_extra(study_file, tmp_path, monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "ray" else real(name)
    )
    run = ["run", str(study_file), "--out", str(tmp_path / "out"), "--executor", "ray"]
    assert cli.main(run) == 2
    wanted = '--executor ray: Ray is not installed (pip install "jaxsoco[ray]")'
    assert capsys.readouterr().err == f"jaxsoco: {wanted}\n"
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match=r'executor="ray": Ray is not installed'):
        jaxsoco.run(study_file, executor="ray")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2"], "--workers: only Ray has workers (want --executor ray with it)"),
        (["--ray-address", "auto"], "--ray-address: only Ray has workers"),
        (["--workers-write"], "--workers-write: only Ray has workers"),
        (["--executor", "ray", "--devices", "2"], "--devices: a worker of Ray has one device"),
        (["--executor", "ray", "--ray-address", "ray://h:1"], "--ray-address: the protocol of"),
        (["--executor", "ray", "--workers", "0"], '"0": want a whole number'),
        (["--executor", "dask"], "invalid choice: 'dask'"),
    ],
)
def test_options_that_do_not_fit(options, message, study_file, tmp_path, capsys):
    assert cli.main(["run", str(study_file), "--out", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err


def test_ray_steals_nothing():
    with pytest.raises(InputError, match="--steal: Ray deals the packs out"):
        Workers("ray").validate(None, typed=True, steal=True)
    Workers().validate(None, typed=True, steal=True)


def test_arguments_that_do_not_fit(study_file):
    for options, message in (
        ({"executor": "rai"}, 'executor: no executor is called "rai"'),
        ({"workers": 2}, 'workers: only Ray has workers .want executor="ray"'),
        ({"executor": "ray", "workers": 0}, "workers: 0 is too small"),
        ({"executor": "ray", "algorithms": {"mine": (None, None)}}, "algorithms: run in this"),
    ):
        with pytest.raises(InputError, match=message):
            jaxsoco.run(study_file, **options)


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments").rglob("*.toml")), ids=lambda path: path.stem
)
def test_every_experiment_can_be_sent(path, tmp_path):
    sweep = expand(load_experiment(path, smoke=True))
    parcel = packed(sweep, None)
    assert parcel.files == {}
    copy, _ = unpacked(Parcel(*pickle.loads(pickle.dumps(tuple(parcel)))), tmp_path)
    assert copy.experiment.family is sweep.experiment.family
    assert copy.experiment.learners == sweep.experiment.learners
    assert (copy.points, copy.labels, copy.groups) == (sweep.points, sweep.labels, sweep.groups)
    assert [p.identity for p in copy.prepared] == [p.identity for p in sweep.prepared]


UNPACK = """
import pickle, sys
from pathlib import Path
from jaxsoco.experiment.shipping import Parcel, unpacked
from jaxsoco.experiment.origin import origin
from jaxsoco.experiment.tracing import load_entry
parcel, folder = pickle.load(sys.stdin.buffer)
sweep, study = unpacked(Parcel(*parcel), Path(folder))
learner = sweep.experiment.learners[1]
load_entry(learner.label, learner.entry)
assert origin(sweep, study.origin.compiler) == study.origin
print(learner.label, learner.entry.parameters(learner.values).share)
"""


def test_a_plug_in_is_sent_as_text_with_its_neighbours(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    parcel = packed(*load(plugin_study(here)))
    assert sorted(parcel.files) == ["lazy_neighbour.py", "lazy_plugin.py"]
    for name in ("lazy_plugin", "lazy_neighbour"):
        del sys.modules[name]
    here.rename(tmp_path / "gone")  # nothing of it may be needed
    content = pickle.dumps((tuple(parcel), str(there)))
    done = subprocess.run(
        [sys.executable, "-c", UNPACK],
        input=content,
        capture_output=True,
        cwd=there,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == ["lazy", "0.75"]


def test_a_package_is_sent_whole(tmp_path):
    package = tmp_path / "lazy_package"
    (package / "parts").mkdir(parents=True)
    text = PLUGIN.replace("lazy_plugin", "lazy_package").replace("from lazy_n", "from .lazy_n")
    (package / "__init__.py").write_text(text)
    (package / "lazy_neighbour.py").write_text(NEIGHBOUR)
    (package / "parts" / "later.py").write_text("")
    path = tmp_path / "study.toml"
    path.write_text(f'plugins = ["lazy_package"]\n{STUDY}'.replace("follow_minimizer", "lazy"))
    assert sorted(packed(*load(path)).files) == [
        "lazy_package/__init__.py",
        "lazy_package/lazy_neighbour.py",
        "lazy_package/parts/later.py",
    ]


# --- what a worker does ---------------------------------------------------------------------------


@pytest.fixture
def worker_environment(monkeypatch):
    """The environment, which a worker changes, is put back."""
    before = dict(os.environ)
    yield
    for name in {*os.environ} - {*before}:
        del os.environ[name]
    os.environ.update(before)


def test_a_worker_with_other_code_refuses(study_file, worker_environment):
    wanted = ray_worker.surroundings("cpu", os.environ)
    for what, text in (
        ("jax", f"jax is {package_facts()['jax']} there and 0.1 here"),
        ("jaxlib", "jaxlib is"),
        ("the code of jaxsoco", "the code of jaxsoco is another there"),
    ):
        value = "0.1" if what.startswith("jax") else "0" * 64
        other = wanted | {"package": wanted["package"] | {what: value}}
        worker, (kind, reason) = ray_worker.begin(other, (), "", "")
        assert (worker, kind) == (None, "refused")
        assert reason.startswith(text)


def test_a_worker_refuses_keys_that_would_lie(study_file):
    sweep, study = load(study_file)
    assert ray_worker.Worker(packed(sweep, study)).refusal() == ""
    there = study.origin
    compiler = dict(there.compiler)
    for origin, text in (
        (replace(there, compiler=compiler | {"jaxlib": "0.1"}), "jaxlib is"),
        (replace(there, compiler=compiler | {"flags": ["--a"]}), "flags is"),
        (replace(there, compiler=compiler | {"platform": "gpu"}), "platform is cpu there"),
        (replace(there, problem="0"), "the code of the problem is another there"),
        (
            replace(there, learners=dict(there.learners) | {"follow_minimizer": "0"}),
            "the code of follow_minimizer is another there",
        ),
    ):
        parcel = packed(sweep, replace(study, origin=origin))
        assert ray_worker.Worker(parcel).refusal().startswith(text)


def test_a_worker_is_set_up_as_the_driver_is(monkeypatch, worker_environment):
    monkeypatch.setenv("XLA_FLAGS", "--one=1")
    monkeypatch.setenv("JAX_NUMPY_RANK_PROMOTION", "warn")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/nowhere/at/all")
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    wanted = ray_worker.surroundings("cpu", os.environ)
    monkeypatch.setenv("XLA_FLAGS", "--other=2")
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "7")
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "bfloat16")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    assert ray_worker.settle(wanted) == ""
    assert os.environ["XLA_FLAGS"] == "--one=1"
    assert os.environ["JAX_NUMPY_RANK_PROMOTION"] == "warn"
    assert (os.environ["JAX_PLATFORMS"], os.environ["PJRT_NPROC"]) == ("cpu", "1")
    for gone in ("JAX_NUM_CPU_DEVICES", "JAX_DEFAULT_MATMUL_PRECISION"):
        assert gone not in os.environ
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ  # there is no such folder here
    assert ray_worker.settle(wanted | {"platform": ""}) == ""
    assert "JAX_PLATFORMS" not in os.environ
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


def test_a_worker_writes_to_a_shared_directory_alone(study_file, tmp_path):
    sweep, study = load(study_file)
    parcel, out = packed(sweep, study), tmp_path / "out"
    reason = ray_worker.Worker(parcel, str(out)).refusal()
    assert "no such directory" in reason and "--workers-write" in reason
    Store(out).begin(replace(study, setup=replace(study.setup, root_seed=1)).to_json())
    assert "holds something else there" in ray_worker.Worker(parcel, str(out)).refusal()
    Store(out).begin(study.to_json())
    assert ray_worker.Worker(parcel, str(out)).refusal() == ""


# --- what the driver makes of answers -------------------------------------------------------------


class FakeCrew:
    """Answers from a list of (kind, content); notes what it is asked."""

    def __init__(self, workers: int, answers: list):
        self._free, self._answers = workers, deque(answers)
        self._asked: deque[Request] = deque()
        self.history: list[Request] = []
        self.dismissed = False

    idle = property(lambda self: self._free > 0)
    busy = property(lambda self: bool(self._asked))
    begun = True

    def ask(self, request):
        assert self._free > 0
        self._free -= 1
        self._asked.append(request)
        self.history.append(request)

    def hear(self, patience):
        self._free += 1
        return self._asked.popleft(), self._answers.popleft()

    def dismiss(self):
        self.dismissed = True


REQUESTS = [Request(0, (0, 1), (Span(0, 16 * i, 16 * i + 16),)) for i in range(3)]


def outcomes(crew: FakeCrew, directory: str = "", check=lambda: None) -> tuple[list, int]:
    runs: list[int] = []
    ended: list[bool] = []
    executor = RayExecutor(lambda study: crew, directory, lambda: ended.append(crew.dismissed))
    try:
        return [*executor(None, iter(REQUESTS), runs.append, check)], sum(runs)
    finally:
        assert ended == [True]


def test_a_pack_whose_worker_died_goes_to_another():
    crew = FakeCrew(2, [("lost", "x"), *[("computed", i) for i in range(3)]])
    told, runs = outcomes(crew)
    assert sorted(one.request for one in told) == REQUESTS
    assert all(isinstance(one, Computed) for one in told)
    assert crew.history.count(REQUESTS[0]) == 2
    assert runs == 3 * 2 * 16


def test_packs_in_work_are_kept_when_time_is_up_for_new_ones():
    def limited():
        yield from REQUESTS[:2]
        raise Interrupted("the time limit is near")

    crew, told = FakeCrew(2, [("computed", 0), ("computed", 1)]), []
    executor = RayExecutor(lambda study: crew, "", lambda: None)
    with pytest.raises(Interrupted, match="the time limit is near"):
        for one in executor(None, limited(), lambda runs: None, lambda: None):
            told.append(one.request)
    assert told == REQUESTS[:2]


def test_a_pack_that_kills_its_workers_fails_alone():
    answers = [("lost", "out of memory")] * MOST_ATTEMPTS + [("computed", 0)] * 2
    crew = FakeCrew(1, answers)
    told, runs = outcomes(crew)
    (failure,) = [one for one in told if isinstance(one, Failure)]
    assert isinstance(failure.error, Interrupted) and "out of memory" in str(failure.error)
    assert (len(told), runs) == (3, 2 * 2 * 16)


def test_what_a_worker_raises_is_told():
    crew = FakeCrew(1, [("failed", ("ValueError: no", "the traceback")), *[("computed", 0)] * 2])
    told, _ = outcomes(crew)
    error = told[0].error
    assert isinstance(error, WorkerError) and str(error) == "ValueError: no"
    assert error.__notes__ == ["the traceback"]
    with pytest.raises(InputError, match=r"run\.tile: is odd"):
        outcomes(FakeCrew(1, [("invalid", [("run.tile", "is odd", "")])]))
    with pytest.raises(Interrupted, match="the disk is full"):
        outcomes(FakeCrew(1, [("stopped", "the disk is full")]))


def test_a_signal_ends_the_crew():
    def check():
        raise Interrupted("stopped by SIGTERM")

    with pytest.raises(Interrupted):
        outcomes(FakeCrew(1, []), check=check)


def test_a_pack_that_a_worker_wrote_must_be_here(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxsoco.experiment.ray_executor._LATE", 0.3)
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "there.json").write_text("")
    answers = [("written", "there"), ("written", "elsewhere"), ("written", "there")]
    told, _ = outcomes(FakeCrew(1, answers), str(tmp_path))
    assert [type(one) for one in told] == [Written, Failure, Written]
    assert "the disk is not shared" in str(told[1].error)


def test_the_keys_are_those_of_a_local_run(study_file, tmp_path):
    sweep, study = load(study_file)
    _, copy = unpacked(packed(sweep, study), tmp_path)
    assert Cells(copy).key(0, 0) == Cells(study).key(0, 0)
    assert copy == study


def test_a_long_folder_for_temporary_files_is_too_long_for_sockets(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # of pytest, which is long
    cluster = pytest.importorskip("jaxsoco.experiment.ray_cluster")
    guard = cluster._Guard()
    try:
        assert len(guard.folder) <= 40 and Path(guard.folder).is_dir()
    finally:
        guard.close()
    assert not Path(guard.folder).exists()


# --- clearing up ----------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_the_guard_ends_what_a_dead_driver_left(tmp_path):
    folder = tmp_path / "ray"
    folder.mkdir()
    hold = f"import time; file = open({str(folder / 'log')!r}, 'w'); time.sleep(600)"
    driver = f"""
import subprocess, sys, time
guard = subprocess.Popen([sys.executable, {ray_guard.__file__!r}, {str(folder)!r}],
                         stdin=subprocess.PIPE)
held = open({str(folder / "own")!r}, "w")
left = subprocess.Popen([sys.executable, "-c", {hold!r}], start_new_session=True)
print(left.pid, flush=True)
time.sleep(600)
"""
    started = subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE)
    assert started.stdout is not None
    left = int(started.stdout.readline())
    while left not in ray_guard.processes(str(folder), started.pid):
        pass
    assert started.pid not in ray_guard.processes(str(folder), started.pid)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    started.stdout.close()
    for _ in range(200):
        if not folder.exists():
            break
        time.sleep(0.05)
    assert not folder.exists()
    assert not [*ray_guard.processes(str(folder), 0)]
