"""A directory that grows, by seeds, a value, a learner, and is asked for less again.

Nothing is computed twice, and what is reported is, to the last byte, what a new directory gives.
"""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import jaxsoco
from jaxsoco.cli import main
from jaxsoco.core.ranges import Range, size, union
from jaxsoco.engine.store import Store

ROOT = Path(__file__).resolve().parents[2]

STUDY = """\
figure = "It grows"
family = "{family}"
[problem]
{problem}
{axis} = {values}
{learners}
[run]
{run}
tile = 16
pack = 64
precision = "{precision}"
[[check]]
kind = "complete"
[[plot]]
kind = "cost-breakdown"
"""

STUDIES = {
    "allocation": {
        "problem": 'regions = ["eu-west-3", "eu-north-1", "us-west-1"]',
        "axis": "data_size",
        "values": (1.0, 4.0),
        "learners": ('name = "pcm"', 'name = "greedy"', 'name = "threshold"'),
        "run": 'compare = ["offline_optimum"]',
        "precision": "float64",
    },
    "multistage": {
        "problem": 'name = "bernoulli_tree"\ndepth = 2',
        "axis": "switch",
        "values": (0.1, 0.5),
        "learners": ('name = "exp3"', 'name = "epsilon_exp3"', 'name = "broad_omd"'),
        "run": "horizons = [100, 300]",
        "precision": "float32",
    },
    "provisioning": {
        "problem": 'name = "paper_queue"\nslots = 4\ncapacity = 4\nbudget_low = 2',
        "axis": "price",
        "values": (0.01, 0.1),
        "learners": ('name = "blol"', 'name = "blind_rate"', 'name = "oco_q"'),
        "run": "horizons = 30",
        "precision": "float64",
    },
    "tracking": {
        "problem": 'name = "quadratic_tracking"\ndimension = 3',
        "axis": "increment_scale",
        "values": (1.0, 2.0),
        "learners": ('name = "scale"', 'name = "lai"', 'name = "passive_learner"'),
        "run": 'horizons = 60\ncompare = ["online_optimum", "online_optimum_path"]',
        "precision": "float64",
    },
    "toy": {
        "problem": "places = 2",
        "axis": "speed",
        "values": (1.0, 2.0),
        "learners": ('name = "step"\nlabel = "one"', 'name = "step"\nlabel = "two"\nstride = 2',
                     'name = "step"\nlabel = "three"\nstride = 3'),
        "run": "horizons = [10, 20]\ncheckpoints = 3",
        "precision": "float32",
    },
}  # fmt: skip
BASE, MORE = 70, 100
"""Seeds; neither is a multiple of the grid that blocks begin at, nor of the tile."""


def write(folder: Path, family: str, values: int, learners: int) -> Path:
    """The family's study with so many values of its axis, and so many learners."""
    study = STUDIES[family]
    shown = {
        "values": [*study["values"][:values]],
        "learners": "\n".join(f"[[algorithm]]\n{one}" for one in study["learners"][:learners]),
    }
    path = folder / "growing.toml"
    path.write_text(STUDY.format(**(study | shown), family=family), encoding="utf-8")
    return path


def at_the_command_line(spec: Path, out: Path, seeds: int) -> str:
    arguments = ["run", str(spec), "--out", str(out), "--seeds", str(seeds)]
    done = subprocess.run(
        [sys.executable, "-m", "jaxsoco", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "kernels")))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def from_python(spec: Path, out: Path, seeds: int) -> str:
    results = jaxsoco.run(spec, out, overrides={"run.seeds": seeds}, progress=False)
    assert results.complete
    return ""


def stored(out: Path) -> int:
    """Runs of all learners in a directory, none of which is there twice."""
    ranges: dict[str, list[Range]] = defaultdict(list)
    for pack in Store(out).open().refresh().packs.values():
        for block in pack.blocks:
            ranges[block.key].append((block.start, block.stop))
    assert all(size(one) == size(union(one)) for one in ranges.values())
    return sum(map(size, ranges.values()))


def reports(out: Path) -> dict[str, bytes]:
    """Every table that a report is made of."""
    names = ["table.csv", "curves.csv", "checks.json"]
    files = [*(out / name for name in names), *sorted((out / "figures").glob("*.csv"))]
    return {file.name: file.read_bytes() for file in files if file.exists()}


def packs(out: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (out / "packs").iterdir()}


def grow(folder: Path, family: str, run, again) -> None:
    """Extends a directory step by step; ``run`` and ``again`` take turns."""
    out = folder / "out"
    run(write(folder, family, 1, 2), out, BASE)
    first, learners = reports(out), len(jaxsoco.load(out).labels)
    points = len(jaxsoco.load(out).study.points)
    assert stored(out) == points * learners * BASE
    old = packs(out)
    again(write(folder, family, 1, 2), out, MORE)
    assert stored(out) == points * learners * MORE
    run(write(folder, family, 2, 2), out, MORE)
    assert stored(out) == 2 * points * learners * MORE
    again(write(folder, family, 2, 3), out, MORE)
    assert stored(out) == 2 * points * (learners + 1) * MORE
    assert old.items() < packs(out).items()
    # The same at once, in a new directory.
    whole = folder / "whole"
    run(write(folder, family, 2, 3), whole, MORE)
    assert stored(whole) == stored(out)
    assert {"table.csv", "checks.json"} < reports(whole).keys()
    assert reports(out) == reports(whole)
    assert len(packs(whole)) < len(packs(out))
    # Less again, and what that came to in the beginning.
    wide = packs(out)
    run(write(folder, family, 1, 2), out, BASE)
    assert packs(out) == wide
    assert reports(out) == first


@pytest.mark.slow
@pytest.mark.parametrize("family", ["allocation", "multistage", "provisioning", "tracking"])
def test_a_directory_grows_as_if_it_were_new(tmp_path, family):
    grow(tmp_path, family, at_the_command_line, from_python)


@pytest.fixture
def here(toy, monkeypatch, capsys):
    """The command line in this process, for a toy family that draws."""
    from jaxsoco.core import random

    for name in ("XLA_FLAGS", "PJRT_NPROC"):  # a run asks for devices; other tests must not
        monkeypatch.setenv(name, os.environ.get(name, ""))
    if not os.environ["PJRT_NPROC"]:
        monkeypatch.delenv("PJRT_NPROC")

    def draw(key, settings):
        return settings * random.uniform(key, dtype=settings.dtype)

    monkeypatch.setattr(toy, "_draw", draw)

    def run(spec: Path, out: Path, seeds: int) -> str:
        assert main(["run", str(spec), "--out", str(out), "--seeds", str(seeds)]) == 0
        return capsys.readouterr().out

    return run


def test_the_toy_family_grows_as_if_it_were_new(tmp_path, here):
    grow(tmp_path, "toy", here, here)


def test_what_is_new_is_counted(tmp_path, here):
    out = tmp_path / "out"
    assert "420 runs in" in here(write(tmp_path, "toy", 1, 2), out, BASE)  # 2 horizons, 3 learners
    printed = here(write(tmp_path, "toy", 2, 3), out, MORE)
    assert "1180 runs in" in printed and "420 runs were there already" in printed
    assert "all runs were there already" in here(write(tmp_path, "toy", 1, 3), out, 1)


def test_shares_extend_a_directory_together(tmp_path, here):
    out, whole = tmp_path / "out", tmp_path / "whole"
    here(write(tmp_path, "toy", 1, 2), out, BASE)
    spec = write(tmp_path, "toy", 2, 3)
    for share in ("2/3", "1/3", "3/3"):
        options = ["--seeds", str(MORE), "--share", share]
        assert main(["run", str(spec), "--out", str(out), *options]) == 0
    here(spec, whole, MORE)
    assert stored(out) == stored(whole)
    assert reports(out) == reports(whole)
