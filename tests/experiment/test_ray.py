"""Runs whose packs workers of Ray compute: the same bits as here, whoever is killed on the way."""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from directories import digests, packs
from processes import ROOT, finish, start
from survivors import descendants, leftovers, nobody, wait_for

import jaxsoco
from jaxsoco.experiment import ray_guard

pytest.importorskip("ray")
pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")

PACKAGES = (ROOT / "jaxsoco", ROOT / "kernels" / "jaxsoco_kernels")

STUDY = """
figure = "Follow"
family = "tracking"
plugins = ["halfway_plugin"]
[problem]
name = "quadratic_tracking"
matrix = "matrix.csv"
[[algorithm]]
name = "follow_minimizer"
[[algorithm]]
name = "halfway"
[run]
horizons = [1500, 3000]
seeds = 128
tile = 16
pack = 16
"""

PLUGIN = """
from jaxsoco.extend import AlgorithmEntry, Extension
from jaxsoco.core.settings import settings
from halfway_rule import HALFWAY

@settings
class Params:
    \"\"\"None.\"\"\"

ENTRY = AlgorithmEntry("halfway", "goes half of the way", "here", HALFWAY, Params)
EXTENSIONS = [Extension("tracking", algorithms=[ENTRY])]
"""

RULE = """
import jax.numpy as jnp
from jaxsoco import Algorithm

def init(key, params, spec):
    return jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)

def act(key, params, state, obs):
    away = 0.5 * (state - obs.increment)
    return away, away

HALFWAY = Algorithm(init, act, lambda params, state, action, feedback: state)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with an experiment, its data and its plug-in, and the results of one process."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "halfway_plugin.py").write_text(PLUGIN)
    (folder / "halfway_rule.py").write_text(RULE)
    (folder / "matrix.csv").write_text("2,0.5\n0.5,1\n")
    (folder / "study.toml").write_text(STUDY)
    finish(command(folder, "local", "--devices", "1"))
    return folder


def command(folder: Path, out: str, *options: str, **variables: str) -> subprocess.Popen[str]:
    """``jaxsoco run`` in a process of its own."""
    arguments = ("run", "study.toml", "--out", out, *options)
    return start(*arguments, folder=folder, variables=variables)


@pytest.fixture(autouse=True)
def own_temporary(monkeypatch):
    """A folder for what Ray leaves behind: other workers of these tests have runs in ``/tmp``."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as place:
        monkeypatch.setenv("TMPDIR", place)
        yield


def with_ray(folder: Path, out: str, *options: str, **variables: str) -> subprocess.Popen[str]:
    return command(folder, out, "--executor", "ray", *options, **variables)


def wait_for_packs(started: subprocess.Popen[str], out: Path, most: int = 0) -> None:
    """Until there are more than ``most`` packs."""
    wait_for(lambda: packs(out) > most or started.poll() is not None)
    if started.poll() is not None:
        pytest.fail(f"it ended early: {started.communicate()}")


def addresses(processes: list[int]) -> set[str]:
    """Where processes listen, as hexadecimal digits of the network's tables."""
    sockets = set()
    for process in processes:
        for one in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(one))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].partition(":")[0])
    return found


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def test_two_workers_give_the_same_bits_though_one_is_killed(project):
    before = leftovers()
    started = with_ray(project, "ray", "--workers", "2")
    wait_for_packs(started, project / "ray")
    workers = descendants(started.pid, "ray::Actor")
    os.kill(workers[0], signal.SIGSTOP)  # it keeps its pack
    crew = descendants(started.pid)
    assert len(workers) == 2
    assert addresses([started.pid, *crew]) - LOOPBACK == set()
    assert addresses(workers)
    os.kill(workers[0], signal.SIGKILL)
    printed, errors = finish(started)
    assert "Ray: 2 workers, one core each" in printed
    assert errors.count("a worker of Ray died") == 1
    assert "raylet" not in printed + errors
    assert digests(project / "ray") == digests(project / "local")
    assert nobody(crew)
    assert leftovers() == before


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_nobody_and_is_resumed(project):
    before = leftovers()
    started = with_ray(project, "resumed")
    wait_for_packs(started, project / "resumed", most=2)
    crew = descendants(started.pid)
    assert len(crew) > 4
    started.kill()
    started.communicate()
    wait_for(lambda: nobody(crew) and leftovers() == before, 10)
    there = packs(project / "resumed")
    assert there < packs(project / "local")
    printed, _ = finish(with_ray(project, "resumed"))
    assert "were there already" in printed
    assert digests(project / "resumed") == digests(project / "local")


@pytest.mark.slow
def test_signals_at_random_moments_end_it_with_one_line(project):
    draw, before, codes = random.Random(1), leftovers(), []
    for _ in range(10):
        started, crew = with_ray(project, "stopped"), []
        end = time.monotonic() + draw.uniform(1, 15)
        while time.monotonic() < end and started.poll() is None:
            crew = [*{*crew, *descendants(started.pid)}]
            time.sleep(0.1)
        started.send_signal(draw.choice((signal.SIGINT, signal.SIGTERM)))
        errors = started.communicate(timeout=60)[1]
        codes.append(started.returncode)
        if started.returncode != 0:
            assert started.returncode == 75, errors
            lines = [line for line in errors.splitlines() if "stopped by SIG" in line]
            assert len(lines) == 1 and "Traceback" not in errors
            assert "resume with: jaxsoco run study.toml" in lines[0]
        wait_for(lambda crew=crew: nobody(crew) and leftovers() == before, 10)
    assert codes.count(75) >= 5
    finish(with_ray(project, "stopped"))
    assert digests(project / "stopped") == digests(project / "local")


@pytest.mark.slow
def test_workers_write_for_a_caller_from_python(project, monkeypatch):
    monkeypatch.chdir(project)
    out = project / "python"
    options = {"executor": "ray", "workers": 1, "workers_write": True, "progress": False}
    results = jaxsoco.run("study.toml", out, **options)
    assert results.complete
    assert digests(out) == digests(project / "local")


@pytest.mark.gpu
def test_a_worker_with_a_gpu_gives_the_bits_of_a_process_with_one(project):
    printed, _ = finish(with_ray(project, "gpu", "--workers", "1"))
    assert "Ray: 1 worker, one GPU each" in printed
    assert digests(project / "gpu") == digests(project / "local")


# --- a cluster of two machines --------------------------------------------------------------------


class Cluster:
    """Two nodes of Ray with folders of their own; one of them cannot see the other's.

    A node is a process of Ray that believes to be alone on a machine. The second one lives in a
    mount namespace in which the first one's folders are empty, where namespaces can be had.
    """

    def __init__(self, folder: Path, hidden: Path):
        self.homes = [Path("/tmp") / f"jaxsoco-host-{secrets.token_hex(4)}" for _ in range(2)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._variables = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._hidden, self._folder = hidden, folder
        self._nodes: list[subprocess.Popen] = []

    def __enter__(self) -> "Cluster":
        self._start(0, f"--head --port={self._port} --include-dashboard=false")
        return self

    def join(self, packages: Path = ROOT) -> bool:
        """Starts the second node; returns whether the first one's folders are hidden from it."""
        place = "{ mount -t tmpfs none " + str(self._hidden) + " && touch $HOME/hidden; }"
        node = f"--address={self.address}"
        namespaces = shutil.which("unshare") and not subprocess.call(
            ["unshare", "-rm", "true"], stderr=subprocess.DEVNULL
        )
        self._start(1, node, f"{place} && " if namespaces else "", packages)
        return (self.homes[1] / "hidden").exists()

    @property
    def address(self) -> str:
        return f"{self._ip()}:{self._port}"

    @staticmethod
    def _ip() -> str:
        import ray._private.services as services

        return services.get_node_ip_address()

    @property
    def variables(self) -> dict[str, str]:
        # Each machine has a compile cache of its own, in its home.
        home = {"HOME": str(self.homes[0]), "JAX_COMPILATION_CACHE_DIR": ""}
        return {**self._variables, **home}

    def _start(self, number: int, options: str, before: str = "", packages: Path = ROOT) -> None:
        home = self.homes[number]
        home.mkdir()
        paths = os.pathsep.join((str(packages), str(packages / "kernels")))
        start = (
            f"exec {sys.executable} -m ray.scripts.scripts start {options} --block --num-cpus=1"
            f" --object-store-memory={100 * 2**20} --temp-dir={home}/ray --disable-usage-stats"
        )
        shell = ["sh", "-c", before + start]
        wrapped = ["unshare", "-rm", *shell] if before else shell
        environment = {**os.environ, **self._variables, "HOME": str(home), "PYTHONPATH": paths}
        del environment["JAX_COMPILATION_CACHE_DIR"]
        log = (home / "log").open("w")
        node = subprocess.Popen(wrapped, cwd=home, env=environment, stdout=log, stderr=log)
        log.close()
        self._nodes.append(node)
        wait_for(lambda: node.poll() is not None or "--block" in (home / "log").read_text())
        assert node.poll() is None, (home / "log").read_text()

    def __exit__(self, *_: object) -> None:
        for node in self._nodes:
            node.terminate()
        for node in self._nodes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait(10)
            node.kill()
            node.wait()
        for home in self.homes:
            ray_guard.clear(str(home), os.getpid())


@contextlib.contextmanager
def copied(project: Path) -> Iterator[Path]:
    """The project in a folder that can be hidden."""
    folder = Path("/tmp") / f"jaxsoco-project-{secrets.token_hex(4)}"
    folder.mkdir()
    for name in ("halfway_plugin.py", "halfway_rule.py", "matrix.csv", "study.toml"):
        shutil.copy(project / name, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
def test_two_machines_that_share_no_disk_end_with_the_same_bits(project):
    with copied(project) as folder, Cluster(project, folder) as cluster:
        if not cluster.join():
            pytest.skip("no mount namespaces here: the two would share the disk")
        before = leftovers()
        options = ("--ray-address", cluster.address, "--workers", "2")
        _, errors = finish(with_ray(folder, "out", *options, **cluster.variables))
        assert "left out" not in errors
        assert leftovers() == before
        assert digests(folder / "out") == digests(project / "local")
        # Both have compiled, each for its own cache.
        assert all((home / ".cache" / "jaxsoco" / "xla").is_dir() for home in cluster.homes)
        shutil.rmtree(folder / "out")
        _, errors = finish(
            with_ray(folder, "out", *options, "--workers-write", **cluster.variables)
        )
        assert "--workers-write needs a disk that is shared" in errors
        assert leftovers() == before
        assert digests(folder / "out") == digests(project / "local")


@pytest.mark.slow
def test_a_machine_with_other_code_is_left_out(project, tmp_path):
    other = tmp_path / "other"
    for package in PACKAGES:
        shutil.copytree(package, other / package.relative_to(ROOT))
    file = other / "jaxsoco" / "core" / "random.py"
    file.write_text(f"{file.read_text()}\n# Another one.\n")
    with copied(project) as folder, Cluster(project, folder) as cluster:
        cluster.join(other)
        options = ("--ray-address", cluster.address, "--workers", "2")
        _, errors = finish(with_ray(folder, "out", *options, **cluster.variables))
        (line,) = [line for line in errors.splitlines() if line.startswith("warning: the worker")]
        assert line.endswith("is left out: the code of jaxsoco is another there")
        assert digests(folder / "out") == digests(project / "local")
