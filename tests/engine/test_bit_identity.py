"""One sweep through the command line: killed and resumed, on two devices, in other chunks.

The first three give the same bits everywhere; another chunk size gives the same bits for every
single run, and the same table but for rounding. All runs are real ones, in processes of their own.
"""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jaxsoco.engine.store import Store

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
chunk = 16
precision = "float32"
compare = ["offline_optimum"]
"""
CHUNKS = 40
LEARNERS = [["greedy"], pytest.param(["pcm", "st_clip"], marks=pytest.mark.slow)]
KILLS = 3


def command(folder: Path, out: str, *arguments: str) -> list[str]:
    spec = str(folder / "small.toml")
    return [sys.executable, "-m", "jaxsoco", "run", spec, "--out", str(folder / out), *arguments]


def start(folder: Path, out: str, *arguments: str) -> subprocess.Popen:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")]),
        "XLA_FLAGS": "",
    }
    environment.pop("JAX_NUM_CPU_DEVICES", None)
    return subprocess.Popen(
        command(folder, out, *arguments),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed


def committed(out: Path) -> dict[str, int]:
    """When each committed chunk was written, in ns."""
    return {
        mark.stem: mark.with_suffix(".npz").stat().st_mtime_ns
        for mark in (out / "chunks").glob("[0-9]*.json")
    }


def kill_during(folder: Path, out: str, commits: int, delay: float) -> None:
    """Starts a run and kills it ``delay`` seconds after it has committed ``commits`` chunks."""
    process = start(folder, out, "--devices", "1")
    try:
        while len(committed(folder / out)) < commits and process.poll() is None:
            time.sleep(0.001)
        time.sleep(delay)
    finally:
        process.kill()
        printed, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, printed


@pytest.fixture(scope="module", params=LEARNERS, ids="-".join)
def runs(request, tmp_path_factory):
    """The folder of the runs ``straight``, ``killed``, ``two`` (devices) and ``chunks``."""
    folder = tmp_path_factory.mktemp("bits")
    spec = SPEC + "".join(f'[[algorithm]]\nname = "{name}"\n' for name in request.param)
    (folder / "small.toml").write_text(spec, encoding="utf-8")
    # Its programs are compiled while the first run on one device compiles its own.
    two = start(folder, "two", "--devices", "2")
    running = [two]
    try:
        finish(start(folder, "straight", "--devices", "1"))
        draw, now = random.Random(6), {}
        for kill in range(KILLS):
            done = now
            commits = draw.randint(6 * kill, 6 * kill + 5)
            kill_during(folder, "killed", commits, draw.uniform(0, 0.02))
            now = committed(folder / "killed")
            assert commits <= len(now) < CHUNKS
            # What was committed stays as it is.
            assert done.items() <= now.items()
        resumed = start(folder, "killed", "--devices", "1")
        chunks = start(folder, "chunks", "--devices", "1", "--set", "run.chunk=112")
        running += [resumed, chunks]
        assert f"; {len(now)} were there already" in finish(resumed)
        assert now.items() <= committed(folder / "killed").items()
        finish(chunks)
        finish(two)
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
                process.communicate()
    return folder


def opened(out: Path) -> Store:
    store = Store(out).open()
    assert len(store.committed()) == len(store.plan.chunks()) and not store.damaged
    return store


@pytest.mark.parametrize("other", ["killed", "two"])
def test_an_interrupted_run_and_one_on_two_devices_give_the_same_bits(runs, other):
    straight, store = opened(runs / "straight"), opened(runs / other)
    assert len(straight.plan.chunks()) == CHUNKS
    assert store.manifest["identity"] == straight.manifest["identity"]
    for chunk in straight.plan.chunks():
        wanted, found = straight.read(chunk.id), store.read(chunk.id)
        assert list(wanted) == list(found)
        for name, array in wanted.items():
            assert (array.dtype, array.shape) == (found[name].dtype, found[name].shape)
            assert array.tobytes() == found[name].tobytes(), (chunk.id, name)
    table = (runs / "straight" / "table.csv").read_bytes()
    assert table and (runs / other / "table.csv").read_bytes() == table


def test_the_two_devices_were_used(runs):
    for out, devices in (("straight", 1), ("two", 2)):
        receipts = opened(runs / out).committed().values()
        assert {receipt["devices"] for receipt in receipts} == {devices}


def all_runs(store: Store) -> dict[tuple[int, str], np.ndarray]:
    """Every array of every group, over its chunks."""
    parts: dict[tuple[int, str], list[np.ndarray]] = {}
    for chunk in store.plan.chunks():
        for name, array in store.read(chunk.id).items():
            parts.setdefault((chunk.group, name), []).append(array)
    return {place: np.concatenate(arrays) for place, arrays in parts.items()}


def test_another_chunk_size_gives_the_same_bits_for_every_run(runs):
    straight, other = opened(runs / "straight"), opened(runs / "chunks")
    assert len(other.plan.chunks()) == 6
    wanted, found = all_runs(straight), all_runs(other)
    assert wanted.keys() == found.keys()
    for place, array in wanted.items():
        assert array.dtype == found[place].dtype
        assert array.tobytes() == found[place].tobytes(), place
    assert {array.dtype.name for array in wanted.values()} == {"float32", "int32", "bool"}


def test_another_chunk_size_gives_the_same_table_to_rounding(runs):
    one, two = (
        [*csv.reader((runs / out / "table.csv").read_text(encoding="utf-8").splitlines())]
        for out in ("straight", "chunks")
    )
    assert len(one) == len(two) >= 1 + 2 * 2
    assert one[0] == two[0]
    numbers = 0
    for row, other in zip(one[1:], two[1:], strict=True):
        for name, a, b in zip(one[0], row, other, strict=True):
            if name.endswith(("_mean", "_lower", "_upper", "_median", "_max", "_p95")) and a:
                assert float(a) == pytest.approx(float(b), rel=1e-12, abs=1e-300), name
                numbers += 1
            else:
                assert a == b, name
    assert numbers > 50
