"""One study a family, computed in every way there is: killed and resumed, on two devices, in other
packs and tiles, extended from less, in shares, with stealing, by workers of Ray.

All give the same bits, in every run and in every table. All runs are real ones, in processes of
their own.
"""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import small_studies
from directories import Results, committed, packs, results
from processes import finish, start

from jaxsoco.engine.reading import Stored

SEEDS, FEW = 315, 70
"""Neither is a multiple of the tile, nor of the grid that blocks begin at."""
ONE = ("--devices", "1")
KILLS = 3


class Study:
    """A study in a folder of its own, and what came of it, way by way."""

    def __init__(self, folder: Path, name: str):
        self._folder = folder
        self._results: dict[str, Results] = {}
        small_studies.write(folder / "whole.toml", name, pack=16)
        small_studies.write(folder / "few.toml", name, values=1, learners=1, pack=16)

    def out(self, way: str) -> Path:
        """The directory of a way."""
        return self._folder / way

    @contextlib.contextmanager
    def started(
        self, out: Path, *options: str, spec: str = "whole", seeds: int = SEEDS
    ) -> Iterator[subprocess.Popen[str]]:
        """A process that computes it, and does not outlive the block."""
        size = ("--seeds", str(seeds))
        file = self._folder / f"{spec}.toml"
        variables = {"XLA_FLAGS": ""}  # those of the tests are not what users have
        process = start("run", file, "--out", out, *size, *options, variables=variables)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                process.communicate()

    def run(self, out: Path, *options: str, spec: str = "whole", seeds: int = SEEDS) -> str:
        """Computes it, or a part of it; what was printed."""
        with self.started(out, *options, spec=spec, seeds=seeds) as process:
            return finish(process)[0]

    def computed(self, way: str) -> Results:
        """The results of a way, which is gone once."""
        if way not in self._results:
            WAYS[way](self, self.out(way))
            self._results[way] = results(self.out(way))
        return self._results[way]


# --- the ways -------------------------------------------------------------------------------------


def straight(study: Study, out: Path) -> None:
    study.run(out, *ONE)


def killed(study: Study, out: Path) -> None:
    draw, now = random.Random(6), {}
    for kill in range(KILLS):
        before, commits = now, draw.randint(6 * kill, 6 * kill + 5)
        with study.started(out, *ONE) as process:
            while packs(out) < commits and process.poll() is None:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.02))
            process.kill()
            printed = process.communicate()
        assert process.returncode == -signal.SIGKILL, printed
        now = committed(out)
        assert commits <= packs(out) < packs(study.out("straight"))
        # What was committed stays as it is.
        assert before.items() <= now.items()
    there = Stored(out).coverage.stored
    assert f"; {there} runs were there already" in study.run(out, *ONE)
    assert now.items() <= committed(out).items()


def two_devices(study: Study, out: Path) -> None:
    study.run(out, "--devices", "2")
    for way, devices in (("straight", 1), ("two_devices", 2)):
        facts = [pack.facts for pack in Stored(study.out(way)).coverage.packs]
        assert {one["devices"] for one in facts} == {devices}


def other_packs(study: Study, out: Path) -> None:
    study.run(out, *ONE, "--set", "run.pack=112")
    assert packs(out) < packs(study.out("straight")) / 5


def other_tiles(study: Study, out: Path) -> None:
    study.run(out, *ONE, "--set", "run.tile=64", "--set", "run.pack=128")
    assert packs(out) < packs(study.out("straight")) / 5


def extended(study: Study, out: Path) -> None:
    """From fewer seeds, values and learners."""
    study.run(out, *ONE, spec="few", seeds=FEW)
    there, old = Stored(out).coverage.stored, committed(out)
    assert f"; {there} runs were there already" in study.run(out, *ONE)
    assert old.items() < committed(out).items()


def shares(study: Study, out: Path) -> None:
    for share in ("2/3", "3/3"):
        assert "are missing: no report yet" in study.run(out, *ONE, "--share", share)
    assert "report: " in study.run(out, *ONE, "--share", "1/3")


def stealing(study: Study, out: Path) -> None:
    """Two members, of which the second one has nothing of its own to do: it steals."""
    study.run(out, *ONE, "--share", "2/2")
    with (
        study.started(out, *ONE, "--share", "1/2", "--steal") as one,
        study.started(out, *ONE, "--share", "2/2", "--steal") as two,
    ):
        for process in (one, two):
            assert "report: " in finish(process)[0]
    assert [*(out / "claims").iterdir()] == []


def ray(study: Study, out: Path) -> None:
    printed = study.run(out, "--executor", "ray", "--workers", "2")
    assert "Ray: 2 workers, one core each" in printed


WAYS: dict[str, Callable[[Study, Path], None]] = {
    way.__name__: way
    for way in (
        straight,
        killed,
        two_devices,
        other_packs,
        other_tiles,
        extended,
        shares,
        stealing,
        ray,
    )
}
CUT_ALIKE = ("killed", "two_devices", "shares", "ray")
"""Ways whose packs hold the same runs."""


# --- the tests ------------------------------------------------------------------------------------

FAMILIES = ("allocation", "multistage", "provisioning", "smoothed", "tracking")
CHEAP = ("killed",)
"""Of one cheap study, in every run of the tests."""


def cases() -> Iterator:
    for name in ("greedy", "st_clip", *FAMILIES):
        for way in [*WAYS][1:]:
            slow = name != "greedy" or way not in CHEAP
            yield pytest.param(name, way, marks=[pytest.mark.slow] if slow else [])


@pytest.fixture(scope="module")
def study(request, tmp_path_factory) -> Study:
    return Study(tmp_path_factory.mktemp(request.param), request.param)


@pytest.mark.skipif(os.name != "posix", reason="kills processes")
@pytest.mark.parametrize(("study", "way"), [*cases()], indirect=["study"])
def test_every_way_gives_the_same_bits(study, way):
    if way == "ray":
        pytest.importorskip("ray")
    wanted = study.computed("straight")
    assert {kind for kind, *_ in wanted.runs.values()} in (
        {"float32", "int32", "bool"},
        {"float64", "int32", "bool"},
    )
    rows = sum(array[1][0] for place, array in wanted.runs.items() if place[-1] == "000.finite")
    assert rows in (2 * SEEDS, 4 * SEEDS)  # two values, of one horizon or two
    assert {"table.csv", "checks.json"} < wanted.tables.keys()
    assert wanted.tables["table.csv"].count(b"\n") >= 1 + 2 * 2
    got = study.computed(way)
    assert got.runs.keys() == wanted.runs.keys()
    for place, array in wanted.runs.items():
        assert got.runs[place] == array, place
    assert got.tables == wanted.tables
    if way in CUT_ALIKE:
        assert got.files == wanted.files
