"""One sweep through the command line: killed and resumed, on two devices, in other packs and tiles,
extended from fewer seeds and learners, in shares.

All give the same bits, in every run and in the table. All runs are real ones, in processes of their
own.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxsoco.engine.reading import Stored

ROOT = Path(__file__).resolve().parents[2]
SPEC = """
figure = "Three regions, short deadlines"
family = "allocation"
[problem]
regions = ["us-west-1", "eu-west-2", "eu-central-1"]
data_size = [1, 4]
deadline_min = 6
deadline_max = 8
job_length = 3
[run]
seeds = 315
tile = 16
pack = 16
precision = "float32"
compare = ["offline_optimum"]
"""
PACKS = 40
LEARNERS = [["greedy"], pytest.param(["pcm", "st_clip"], marks=pytest.mark.slow)]
KILLS = 3


ONE = ("--devices", "1")


def command(folder: Path, out: str, *arguments: str, spec: str = "small") -> list[str]:
    file = str(folder / f"{spec}.toml")
    return [sys.executable, "-m", "jaxsoco", "run", file, "--out", str(folder / out), *arguments]


def start(folder: Path, out: str, *arguments: str, spec: str = "small") -> subprocess.Popen:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")]),
        "XLA_FLAGS": "",
    }
    environment.pop("JAX_NUM_CPU_DEVICES", None)
    return subprocess.Popen(
        command(folder, out, *arguments, spec=spec),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextlib.contextmanager
def started(folder: Path, out: str, *arguments: str, spec: str = "small"):
    """A process that does not outlive the block."""
    process = start(folder, out, *arguments, spec=spec)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()


def finish(process: subprocess.Popen) -> str:
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed


def committed(out: Path) -> dict[str, int]:
    """When each committed pack was written, in ns."""
    return {
        mark.stem: mark.with_suffix(".npz").stat().st_mtime_ns
        for mark in (out / "packs").glob("*.json")
    }


def kill_during(folder: Path, out: str, commits: int, delay: float) -> None:
    """Starts a run and kills it ``delay`` seconds after it has committed ``commits`` packs."""
    process = start(folder, out, *ONE)
    try:
        while len(committed(folder / out)) < commits and process.poll() is None:
            time.sleep(0.001)
        time.sleep(delay)
    finally:
        process.kill()
        printed, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, printed


@pytest.fixture(scope="module", params=LEARNERS, ids="-".join)
def learners(request):
    return request.param


@pytest.fixture(scope="module")
def runs(learners, tmp_path_factory):
    """The folder of the runs ``straight``, ``killed``, ``two`` (devices) and ``packs``."""
    folder = tmp_path_factory.mktemp("bits")
    for name, several in (("small", learners), ("few", learners[:1])):
        spec = SPEC + "".join(f'[[algorithm]]\nname = "{one}"\n' for one in several)
        (folder / f"{name}.toml").write_text(spec, encoding="utf-8")
    # Its programs are compiled while the first run on one device compiles its own.
    with started(folder, "two", "--devices", "2") as two:
        finish(start(folder, "straight", *ONE))
        draw, now = random.Random(6), {}
        for kill in range(KILLS):
            done = now
            commits = draw.randint(6 * kill, 6 * kill + 5)
            kill_during(folder, "killed", commits, draw.uniform(0, 0.02))
            now = committed(folder / "killed")
            assert commits <= len(now) < PACKS
            # What was committed stays as it is.
            assert done.items() <= now.items()
        there = Stored(folder / "killed").coverage.stored
        with (
            started(folder, "killed", *ONE) as resumed,
            started(folder, "packs", *ONE, "--set", "run.pack=112") as packs,
        ):
            assert f"; {there} runs were there already" in finish(resumed)
            assert now.items() <= committed(folder / "killed").items()
            finish(packs)
        finish(two)
    return folder


@pytest.fixture(scope="module")
def more_runs(runs):
    """The same folder with ``tile``, ``extended`` (from fewer seeds and learners), ``shares``."""
    with (
        started(runs, "tile", *ONE, "--set", "run.tile=64", "--set", "run.pack=128") as tile,
        started(runs, "extended", *ONE, "--set", "run.seeds=70", spec="few") as few,
    ):
        assert "are missing: no report yet" in finish(start(runs, "shares", *ONE, "--share", "2/2"))
        finish(few)
        with started(runs, "extended", *ONE) as extended, started(runs, "shares", *ONE) as shares:
            there = f"{2 * 70 * 2} runs were there already"
            assert there in finish(extended)
            finish(shares)
        finish(tile)
    return runs


OTHERS = ["killed", "two", "packs"]
MORE = [pytest.param(other, marks=pytest.mark.slow) for other in ("tile", "extended", "shares")]
CUTS = {"killed": PACKS, "two": PACKS, "shares": PACKS, "packs": 6, "tile": 5}
"""Number of packs, where it is known."""


@pytest.fixture
def folder(request, runs, other):
    return runs if other in OTHERS else request.getfixturevalue("more_runs")


def opened(out: Path) -> Stored:
    stored = Stored(out)
    assert stored.coverage.complete and not stored.damaged
    return stored


@pytest.mark.parametrize("other", [*OTHERS, *MORE])
def test_every_run_has_the_same_bits(folder, other):
    straight, stored = opened(folder / "straight"), opened(folder / other)
    assert len(straight.coverage.packs) == PACKS
    number = len(stored.coverage.packs)
    assert number == CUTS.get(other, number)
    kinds, total = set(), 0
    pairs = zip(straight.pieces(), stored.pieces(), strict=True)
    for (wanted_place, wanted), (place, arrays) in pairs:
        places = [(one["group"], one["start"], one["stop"]) for one in (wanted_place, place)]
        assert places[0] == places[1] and [*wanted] == [*arrays]
        for name, array in wanted.items():
            assert (array.dtype, array.shape) == (arrays[name].dtype, arrays[name].shape)
            assert array.tobytes() == arrays[name].tobytes(), (place["start"], name)
            kinds.add(array.dtype.name)
        total += place["stop"] - place["start"]
    assert total == 2 * 315 and kinds == {"float32", "int32", "bool"}


@pytest.mark.parametrize("other", [*OTHERS, *MORE])
def test_the_table_is_the_same(folder, other):
    table = (folder / "straight" / "table.csv").read_bytes()
    assert table.count(b"\n") >= 1 + 2 * 2
    assert (folder / other / "table.csv").read_bytes() == table


@pytest.mark.parametrize("other", ["killed", "two", MORE[-1]])
def test_packs_that_are_cut_alike_are_the_same_files(folder, other):
    files = {
        out: {file.name: file.read_bytes() for file in (folder / out / "packs").glob("*.npz")}
        for out in ("straight", other)
    }
    assert files[other] == files["straight"]


def test_the_two_devices_were_used(runs):
    for out, devices in (("straight", 1), ("two", 2)):
        assert {pack.facts["devices"] for pack in opened(runs / out).coverage.packs} == {devices}
