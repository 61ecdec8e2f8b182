"""Forty kills at drawn moments: of local runs, members of job arrays, Ray's workers and drivers.

Whatever is killed, the same command goes on, no committed pack is computed again, nothing has to be
cleared away, and everything is, to the last byte, what it is where nobody was killed.
"""

import contextlib
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from directories import Results, Written, committed, packs, results
from processes import finish, start
from survivors import descendants, nobody, wait_for

from jaxsoco.core.scratch import is_temporary

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]

KILLS = 10
"""Of each kind."""

STUDY = """
figure = "Follow"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
increment_scale = [1.0, 2.0]
[[algorithm]]
name = "follow_minimizer"
[[algorithm]]
name = "lai"
[run]
horizons = 3000
seeds = 320
tile = 16
pack = 16
precision = "float32"
"""


class Project(NamedTuple):
    """A study, what comes of it undisturbed, and how many seconds that takes."""

    folder: Path
    results: Results
    seconds: float

    @contextlib.contextmanager
    def trial(self, name: str) -> Iterator["Trial"]:
        """A trial with a folder for temporary files of its own, which ends up empty."""
        # A short name, because Ray's sockets are in it.
        with tempfile.TemporaryDirectory(prefix="kill", dir="/tmp") as scratch:
            yield Trial(self, self.folder / name, scratch)
            wait_for(lambda: not os.listdir(scratch), 15)


class Trial(NamedTuple):
    """A run directory, and commands that compute into it."""

    project: Project
    out: Path
    scratch: str

    @contextlib.contextmanager
    def started(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A run in a process that does not outlive the block."""
        arguments = ("run", "study.toml", "--out", self.out, *options)
        process = start(*arguments, folder=self.project.folder, variables={"TMPDIR": self.scratch})
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                process.communicate()

    def goes_on(self, *options: str) -> None:
        """Repeats a command whose process was killed, and looks at what comes of it."""
        before = committed(self.out)
        with self.started(*options) as process:
            finish(process)
        self.is_whole(before)

    def is_whole(self, before: dict[str, Written]) -> None:
        """Whether a run is as if undisturbed, and what was committed was left alone."""
        after = committed(self.out)
        assert before.items() <= after.items()
        files = [path for path in self.out.rglob("*") if path.is_file()]
        assert not [path for path in files if is_temporary(path) or path.parent.name == "claims"]
        assert {path.name for path in files if path.parent.name == "packs"} == after.keys()
        # All but how it is cut into packs, which is another where the rest was packed anew.
        assert results(self.out)[:2] == self.project.results[:2]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("kills")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    seconds = 0.0
    for name in ("compiled", "undisturbed"):  # the first one fills the compile cache
        began = time.monotonic()
        finish(start("run", "study.toml", "--out", name, folder=folder))
        seconds = time.monotonic() - began
    return Project(folder, results(folder / "undisturbed"), seconds)


class Moment:
    """When to kill: after a share of an undisturbed run's time, or of its packs and a little."""

    def __init__(self, project: Project, draw: random.Random, stretch: float = 0.9):
        self._seconds = draw.uniform(0, stretch) * project.seconds
        self._packs = draw.randint(0, packs(project.folder / "undisturbed") - 1)
        self._delay = draw.uniform(0, 0.05)
        self._by_time = draw.random() < 0.4

    def wait(self, process: subprocess.Popen[str], out: Path) -> None:
        """Returns at the moment, or when the process has ended."""
        if self._by_time:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._seconds)
            return
        while process.poll() is None and packs(out) < self._packs:
            time.sleep(0.001)
        time.sleep(self._delay)


def kill(process: subprocess.Popen[str]) -> bool:
    """Kills a process; whether it was still there."""
    process.kill()
    process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def trials(trial: Callable[[int, random.Random], int], count: int, kills: int) -> None:
    """Runs trials, two at a time, each with draws of its own, until all are done.

    Args:
      trial: takes its number and its draws; returns how many were killed.
      count: of trials.
      kills: how many must have hit something, of all trials together.
    """
    with ThreadPoolExecutor(2) as pool:
        killed = [*pool.map(lambda i: trial(i, random.Random(i)), range(count))]
    assert sum(killed) >= kills, killed


def test_ten_local_runs_that_are_killed(project):
    def trial(number: int, draw: random.Random) -> int:
        moment = Moment(project, draw)
        with project.trial(f"local{number}") as run:
            with run.started() as process:
                moment.wait(process, run.out)
                hit = kill(process)
            run.goes_on()
        return hit

    trials(trial, KILLS, KILLS - 1)


@pytest.mark.parametrize("steal", [(), ("--steal",)], ids=["shares", "stealing"])
def test_five_members_of_a_job_array_that_are_killed(project, steal):
    def trial(number: int, draw: random.Random) -> int:
        moment = Moment(project, draw)
        shares = [("--share", f"{index}/2", *steal) for index in (1, 2)]
        draw.shuffle(shares)
        with project.trial(f"share{number}{''.join(steal)}") as run:
            with run.started(*shares[0]) as other, run.started(*shares[1]) as process:
                moment.wait(process, run.out)
                hit = kill(process)
                before = committed(run.out)
                printed, _ = finish(other)
            if steal:  # the other one has done it all, without waiting for a claim to expire
                run.is_whole(before)
            else:
                assert "report: " in printed or "are missing: no report yet" in printed
            run.goes_on(*shares[1])
        return hit

    trials(trial, KILLS // 2, KILLS // 2 - 1)


RAY = ("--executor", "ray", "--workers", "2")


def workers(driver: subprocess.Popen[str]) -> list[int]:
    return descendants(driver.pid, "ray::Actor")


def test_ten_workers_of_ray_that_are_killed(project):
    """Two in each of five runs, each after a few more packs."""
    pytest.importorskip("ray")

    def trial(number: int, draw: random.Random) -> int:
        hits, least, crew = 0, 0, set[int]()
        before: dict[str, Written] = {}
        options = ("--workers-write",) if number % 2 else ()
        with project.trial(f"workers{number}") as run:
            with run.started(*RAY, *options) as process:
                for _ in range(2):
                    least += draw.randint(0, 15)
                    wait_for(
                        lambda most=least: packs(run.out) >= most or process.poll() is not None
                    )
                    wait_for(lambda: workers(process) or process.poll() is not None)
                    time.sleep(draw.uniform(0, 0.3))
                    before = committed(run.out)
                    crew |= {*descendants(process.pid)}
                    with contextlib.suppress(ProcessLookupError, IndexError):
                        os.kill(draw.choice(workers(process)), signal.SIGKILL)
                        hits += 1
                finish(process)
            run.is_whole(before)
            wait_for(lambda: nobody(crew), 15)
        return hits

    trials(trial, KILLS // 2, KILLS - 2)


def test_ten_drivers_of_ray_that_are_killed(project):
    pytest.importorskip("ray")

    def trial(number: int, draw: random.Random) -> int:
        # With Ray it takes three times as long, and more.
        moment = Moment(project, draw, stretch=2)
        with project.trial(f"driver{number}") as run:
            with run.started(*RAY) as process:
                moment.wait(process, run.out)
                crew = descendants(process.pid)
                hit = kill(process)
            wait_for(lambda: nobody(crew), 15)
            run.goes_on(*RAY)
        return hit

    trials(trial, KILLS, KILLS - 1)
