"""Signals end the command line with one line and exit code 75, at any moment; nothing is lost."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import pytest
from directories import committed, digests
from processes import environment, start

import jaxsoco
from jaxsoco import cli
from jaxsoco.core.errors import Interrupted
from jaxsoco.core.scratch import is_temporary
from jaxsoco.front import running

SPEC = """
figure = "Follow"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "follow_minimizer"
[run]
horizons = {horizon}
seeds = {seeds}
tile = 16
pack = 64
"""

# A hook that is called before each first import of a module.
HOOK = """
import atexit, os, time
{before}
class Hook:
    def find_spec(self, name, path=None, target=None):
        {hook}
sys.meta_path.insert(0, Hook())
"""


def program(*arguments: str, before: str = "", hook: str = "pass") -> subprocess.Popen[str]:
    """The command line in a process of its own, with a hook for imports."""
    return start(*arguments, before=HOOK.format(before=before, hook=hook))


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def study(folder: Path, horizon: int = 20, seeds: int = 16) -> Path:
    path = folder / "study.toml"
    path.write_text(SPEC.format(horizon=horizon, seeds=seeds))
    return path


def last_words(process, timeout: float = 120) -> list[str]:
    """What an interrupted process says on stderr, but for its progress."""
    errors = process.communicate(timeout=timeout)[1]
    assert process.returncode == 75, (process.returncode, errors)
    return [line for line in errors.splitlines() if not line.startswith("compiling ")]


def raising(number: str, module: str) -> str:
    return f"name == {module!r} and os.kill(os.getpid(), signal.{number})"


@pytest.mark.parametrize("module", ["argparse", "jaxsoco.registry", "numpy", "jax", "jaxlib.mlir"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_while_something_is_imported(tmp_path, module, number):
    spec, out = study(tmp_path), tmp_path / "out"
    started = program("run", str(spec), "--out", str(out), hook=raising(number, module))
    (line,) = last_words(started)
    assert line.startswith(f"jaxsoco: stopped by {number}")
    if module.startswith("jax"):
        assert line.endswith(f": resume with: jaxsoco run {spec} --out {out}")


@pytest.mark.parametrize("command", ["list", "check", "status"])
def test_the_small_commands_stop_likewise(tmp_path, command):
    arguments = {"list": [], "check": [str(study(tmp_path))], "status": [str(tmp_path)]}[command]
    started = program(command, *arguments, hook=raising("SIGINT", "jaxsoco.core.text"))
    assert last_words(started) == ["jaxsoco: stopped by SIGINT"]


def test_a_signal_during_the_report(tmp_path):
    spec, out = study(tmp_path), tmp_path / "out"
    # Before the first pack a report is tried, with all that it imports.
    hook = raising("SIGTERM", "matplotlib")
    (line,) = last_words(program("run", str(spec), "--out", str(out), hook=hook))
    assert line == f"jaxsoco: stopped by SIGTERM: resume with: jaxsoco run {spec} --out {out}"
    whole = program("run", str(spec), "--out", str(out))
    assert whole.communicate(timeout=120) and whole.returncode == 0
    state = f"16 of 16 runs are whole in {out}, and the report is not written"
    (line,) = last_words(program("report", str(out), hook=hook))
    assert line == f"jaxsoco: stopped by SIGTERM: {state}; resume with: jaxsoco report {out}"
    assert cli.main(["report", str(out)]) == 0
    assert not [*filter(is_temporary, out.rglob("*"))]


def test_a_long_tile_does_not_hold_up_a_signal(tmp_path):
    out = tmp_path / "out"
    run = ("run", str(study(tmp_path, horizon=200_000_000)), "--out", str(out))
    ignoring = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    for before, numbers in ("", (signal.SIGINT, signal.SIGINT)), (ignoring, (signal.SIGTERM,)):
        started = program(*run, before=before)
        for line in pipe(started.stderr):
            if line.startswith("compiling 1 of 1: follow_minimizer"):
                break
        time.sleep(2)
        if before:  # as nohup starts it
            started.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                started.wait(1)
        for number in numbers:
            started.send_signal(number)
        began = time.monotonic()
        (line,) = last_words(started)
        assert time.monotonic() - began < 1 + 2  # a machine at work may take a while to notice
        assert f"stopped by {numbers[0].name}: 0 packs written to {out}, which are kept; " in line


def test_a_pack_that_is_being_written_is_finished(tmp_path):
    spec, out = study(tmp_path, seeds=128), tmp_path / "out"
    before = """
def replace(source, target, real=os.replace):
    if target.suffix == ".npz":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)  # until the thread that waits for signals has it
    real(source, target)
os.replace = replace
"""
    (line,) = last_words(program("run", str(spec), "--out", str(out), before=before))
    assert f": 1 pack written to {out}, which are kept; " in line
    (pack,) = (out / "packs").glob("*.json")
    assert sorted(out.rglob("*")) == sorted(
        [out / "manifest.json", pack.parent, pack, pack.with_suffix(".npz")]
    )


AT_THE_END = "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM))"


@pytest.mark.parametrize("moment", ["before", "hook"], ids=["late", "early"])
def test_a_signal_at_the_very_end_changes_nothing(tmp_path, moment):
    # Callbacks of atexit are called last in, first out: one before ours and one behind it.
    where = {"before": AT_THE_END, "hook": f"name == 'numpy' and {AT_THE_END}"}
    started = program("check", str(study(tmp_path)), **{moment: where[moment]})
    printed, errors = started.communicate(timeout=120)
    assert (started.returncode, errors) == (0, "")
    assert "1 point" in printed


def test_a_forked_process_is_its_parents_to_end():
    code = """
import os, signal, time
from jaxsoco.core import stopping
stopping.install(print)
child = os.fork()
if not child:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
assert os.waitpid(child, 0)[1] == signal.SIGTERM
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), timeout=60, check=True)
    assert done.returncode == 0


def test_in_a_program_of_others_nothing_stays(tmp_path, capsys):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    # In this process's own precision.
    run = ["run", str(study(tmp_path)), "--set", "run.precision=float32"]
    codes = [cli.main([*run, "--out", str(tmp_path / "out")])]
    thread = threading.Thread(target=lambda: codes.append(cli.main(["list", "tracking"])))
    thread.start()
    thread.join()
    assert codes == [0, 0]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


# Before the child can answer to a signal it has it blocked, and gets it then.
@pytest.mark.parametrize("module", ["jaxsoco", "jax"])
def test_a_child_that_is_stopped_says_so_to_its_caller(tmp_path, monkeypatch, module):
    hook = f"""
import os, signal, sys
class Hook:
    def find_spec(self, name, path=None, target=None):
        {raising("SIGTERM", module)}
sys.meta_path.insert(0, Hook())
"""
    monkeypatch.setattr(running, "_BOOT", hook + running._BOOT)
    with pytest.raises(Interrupted, match=r"^stopped by SIGTERM; the same call resumes it$"):
        jaxsoco.run(study(tmp_path), tmp_path / "out", progress=False)


def trials(folder: Path, count: int) -> list[int]:
    """Ends a sweep at random moments, from the first line of our code on, and resumes it.

    Returns:
      The exit code of every process that got a signal.
    """
    spec = study(folder, horizon=1000, seeds=256)
    hook = "name == 'jaxsoco' and os.write(1, b'begun\\n')"
    whole = program("run", str(spec), "--out", str(folder / "whole"), hook=hook)
    assert pipe(whole.stdout).readline() == "begun\n"
    began = time.monotonic()
    whole.communicate(timeout=300)
    assert whole.returncode == 0
    wanted, length, codes = digests(folder / "whole"), time.monotonic() - began, []
    draw = random.Random(0)
    for trial in range(count):
        out = folder / f"trial{trial}"
        run = ("run", str(spec), "--out", str(out))
        started = program(*run, hook=hook)
        assert pipe(started.stdout).readline() == "begun\n"
        first = time.monotonic()
        time.sleep(draw.uniform(0, length))
        for _ in range(draw.choice((1, 2))):
            started.send_signal(draw.choice((signal.SIGINT, signal.SIGTERM)))
        began = time.monotonic()
        errors = started.communicate(timeout=60)[1]
        assert "Traceback" not in errors
        if started.returncode == 75:
            assert time.monotonic() - began < 1 + 2
            (line,) = [x for x in errors.splitlines() if x.startswith("jaxsoco: stopped by SIG")]
            assert f"resume with: jaxsoco run {spec} --out {out}" in line
        else:
            assert started.returncode == 0
            assert (out / "report.html").exists()
            # The first run had to compile what is in the cache now, or the machine was busier.
            length = min(length, 0.9 * (time.monotonic() - first))
        codes.append(started.returncode)
        kept = committed(out)
        resumed = program(*run)
        errors = resumed.communicate(timeout=300)[1]
        assert resumed.returncode == 0, errors
        assert digests(out) == wanted
        assert kept.items() <= committed(out).items()  # nothing was computed again
        with contextlib.suppress(ProcessLookupError):
            os.kill(started.pid, 0)
            pytest.fail("the process is still there")
    return codes


def test_two_signals_at_random_moments_and_the_same_bits(tmp_path):
    assert set(trials(tmp_path, 2)) <= {75, 0}


@pytest.mark.slow
def test_twenty_signals_at_random_moments_and_the_same_bits(tmp_path):
    codes = trials(tmp_path, 20)
    assert set(codes) <= {75, 0}
    assert codes.count(75) >= 10
