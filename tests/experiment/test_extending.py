"""A directory that grows, by seeds, a value, a learner, and is asked for less again.

Nothing is computed twice, and what is reported is, to the last byte, what a new directory gives.
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import small_studies
from directories import tables
from processes import environment

import jaxsoco
from jaxsoco.cli import main
from jaxsoco.core.ranges import Range, size, union
from jaxsoco.engine.store import Store

BASE, MORE = 70, 100
"""Seeds; neither is a multiple of the grid that blocks begin at, nor of the tile."""


def write(folder: Path, family: str, values: int, learners: int) -> Path:
    """The family's study with so many values of its axis, and so many learners."""
    return small_studies.write(folder / "growing.toml", family, values=values, learners=learners)


def at_the_command_line(spec: Path, out: Path, seeds: int) -> str:
    arguments = ["run", str(spec), "--out", str(out), "--seeds", str(seeds)]
    done = subprocess.run(
        [sys.executable, "-m", "jaxsoco", *arguments],
        env=environment(),
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


def packs(out: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (out / "packs").iterdir()}


def grow(folder: Path, family: str, run, again) -> None:
    """Extends a directory step by step; ``run`` and ``again`` take turns."""
    out = folder / "out"
    run(write(folder, family, 1, 2), out, BASE)
    first, learners = tables(out), len(jaxsoco.load(out).labels)
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
    assert {"table.csv", "checks.json"} < tables(whole).keys()
    assert tables(out) == tables(whole)
    assert len(packs(whole)) < len(packs(out))
    # Less again, and what that came to in the beginning.
    wide = packs(out)
    run(write(folder, family, 1, 2), out, BASE)
    assert packs(out) == wide
    assert tables(out) == first


@pytest.mark.slow
@pytest.mark.parametrize(
    "family", ["allocation", "multistage", "provisioning", "smoothed", "tracking"]
)
def test_a_directory_grows_as_if_it_were_new(tmp_path, family):
    grow(tmp_path, family, at_the_command_line, from_python)


@pytest.fixture
def here(toy, monkeypatch, capsys, own_xla_flags):
    """The command line in this process, for a toy family that draws."""
    from jaxsoco.core import random

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
    assert tables(out) == tables(whole)
