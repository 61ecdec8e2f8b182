"""``jaxsoco status``: one run or many, their pace, and a watch on them."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from jaxsoco.engine import store as stores
from jaxsoco.engine.pace import WINDOW, recent_rate
from jaxsoco.engine.packs import Block, Pack
from jaxsoco.experiment.status import Watch


def unfinished(folder, name="half"):
    """A run of which one pack is there."""
    spec = folder.spec(("tile = 16", "tile = 16\npack = 16"), ("seeds = 3", "seeds = 20"))
    out = folder.run(name, spec=spec)
    _, *others = sorted(folder.packs(out))
    assert others
    for name in others:
        for suffix in (".npz", ".json"):
            (out / "packs" / f"{name}{suffix}").unlink()
    return out


def test_one_run_in_detail(folder):
    out = folder.run("out")
    printed = folder("status", out)
    assert printed.startswith(f"{out}: Walks\n")
    assert "18 of 18 (100 %)" in printed and "remaining      none" in printed
    assert "device         cpu (cpu)" in printed
    content = folder.json("status", out)
    assert content["runs"] == {"done": 18, "total": 18, "failed": 0}
    assert content["complete"] is True and content["seconds_left"] == 0
    assert content["directories"] == [{k: content[k] for k in content["directories"][0]}]


def test_a_folder_of_runs_in_a_line_each(folder):
    folder.run("runs/a")
    folder.run("runs/deep/down/b", spec=folder.spec(("seeds = 3", "seeds = 4")))
    half = unfinished(folder, "runs/half")
    lines = folder("status", "runs").splitlines()
    assert lines[0].split() == ["run", "device", "done", "wanted", "failed", "runs/s", "left"]
    rows = {line.split()[0]: line for line in lines[2:]}
    assert [*rows] == ["runs/a", "runs/deep/down/b", "runs/half"]
    assert rows["runs/a"].split()[-3:] == ["0", "–", "done"]
    assert " 24      24  100 %" in rows["runs/deep/down/b"]
    assert rows["runs/half"].split()[-1] != "done"
    content = folder.json("status", "runs")
    assert [one["directory"] for one in content["directories"]] == [*rows]
    assert "complete" not in content
    # Several places, one of them a run; each run once.
    both = folder.json("status", half, folder.path / "runs" / "a", folder.path / "runs")
    assert [one["complete"] for one in both["directories"]] == [False, True, True]


def test_what_is_no_run_says_so(folder):
    (folder.path / "empty").mkdir()
    for place in ("empty", "nowhere"):
        folder("status", place, code=2)
        assert place in folder.told
    folder.run("runs/a")
    (folder.path / "runs" / "other").mkdir()
    (folder.path / "runs" / "other" / "manifest.json").write_text('{"name": "an app"}')
    assert "runs/other  its manifest.json lacks" in folder("status", "runs")
    listed = folder.json("status", "runs")["directories"]
    assert "lacks" in listed[1]["unreadable"]
    folder("status", "runs/other", code=2)  # asked for by name


def test_runs_that_are_not_finite_have_failed(folder):
    spec = folder.spec(("[run]", '[run]\ncompare = ["still", "nan"]'))
    out = folder.run("out", spec=spec)
    assert folder.json("status", out)["runs"]["failed"] == 6
    folder.run("other")
    line = next(x for x in folder("status", folder.path).splitlines() if x.startswith(str(out)))
    assert line.split()[-3] == "6"


def test_packs_that_could_not_be_computed_have_failed(folder, monkeypatch):
    from jaxsoco.engine import sweep

    def broken(*_, **__):
        raise ZeroDivisionError("by design")

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "compute", broken)
        folder.run("out", code=70)
    out = folder.path / "out"
    content = folder.json("status", out)
    assert content["runs"] == {"done": 0, "total": 18, "failed": 18}
    (failure,) = content["failures"]
    assert failure["error"] == "ZeroDivisionError: by design"
    assert "18 runs of step(stride=0.5), step(stride=1), still: Zero" in folder("status", out)
    folder.run("out")
    assert folder.json("status", out)["failures"] == []


# --- pace -----------------------------------------------------------------------------------------


def packs(folder: Path, ends: list[float], seconds: float, runs: int = 100) -> list[Pack]:
    """Packs that were written at these times."""
    (folder / "packs").mkdir(exist_ok=True)
    written = []
    for i, end in enumerate(ends):
        name = f"{len([*(folder / 'packs').iterdir()]):05d}{i:05d}"
        file = folder / "packs" / f"{name}.json"
        file.touch()
        os.utime(file, (end, end))
        block = Block("k", 0, runs, 0, 0)
        written.append(Pack(name, (block,), {"seconds": seconds}, 1, ""))
    return written


def test_the_pace_is_that_of_all_processes_together(tmp_path):
    now = 1_000_000.0
    # Two processes, a pack of 100 runs every 10 seconds each, for a minute.
    both = [p for _ in range(2) for p in packs(tmp_path, [now - 10 * k for k in range(6)], 10.0)]
    assert recent_rate(tmp_path, both, now) == pytest.approx(20.0)
    assert recent_rate(tmp_path, both[:6], now) == pytest.approx(10.0)


def test_only_the_last_minutes_count(tmp_path):
    now = 1_000_000.0
    slow = packs(tmp_path, [now - 5000 - 100 * k for k in range(20)], 100.0)
    fast = packs(tmp_path, [now - 10 * k for k in range(20)], 10.0)
    assert recent_rate(tmp_path, slow + fast, now) == pytest.approx(10.0)
    assert recent_rate(tmp_path, slow, now) is None
    assert recent_rate(tmp_path, [], now) is None


def test_a_pack_that_takes_longer_than_the_window_counts(tmp_path):
    now = 1_000_000.0
    one = packs(tmp_path, [now - 700.0], 3 * WINDOW)
    assert recent_rate(tmp_path, one, now) == pytest.approx(100 / (3 * WINDOW))


def test_a_pack_counts_with_the_part_that_lies_in_the_window(tmp_path):
    now = 1_000_000.0
    # 100 s each, end to end; the oldest of them began before the window of 600 s.
    some = packs(tmp_path, [now - 50 - 100 * k for k in range(9)], 100.0)
    assert recent_rate(tmp_path, some, now) == pytest.approx(1.0)


def test_the_time_left_is_that_of_the_last_minutes(folder):
    out = unfinished(folder)
    (file,) = (out / "packs").glob("*.json")
    seconds = json.loads(file.read_text())["facts"]["seconds"]
    watch = Watch([out], clock=lambda: file.stat().st_mtime + 1)
    (state,) = watch.states()
    assert state.results
    there = state.results.coverage
    missing = there.wanted - there.stored
    assert state.rate == pytest.approx(there.stored / seconds, rel=1e-2)
    assert state.seconds_left == pytest.approx(missing * seconds / there.stored, rel=1e-2)
    (stale,) = Watch([out], clock=lambda: file.stat().st_mtime + 9999).states()
    assert stale.rate is None and stale.seconds_left is None


# --- watching -------------------------------------------------------------------------------------


def test_a_watch_ends_when_all_runs_are_there(folder, monkeypatch):
    out = unfinished(folder)
    kept = folder.path / "kept"
    shutil.copytree(out, kept)
    spec = folder.path / "walks.toml"
    folder("run", spec, "--out", kept)
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 2:  # another process finishes it
            shutil.copytree(kept / "packs", out / "packs", dirs_exist_ok=True)

    monkeypatch.setattr("jaxsoco.readers.time.sleep", sleep)
    printed = folder("status", out, "--watch", "3")
    assert looks == [3.0, 3.0]
    assert printed.count("Walks") == 3
    assert printed.rstrip().splitlines()[-3].endswith("none")
    assert "\x1b" not in printed


def test_a_watch_that_is_interrupted_has_code_75(folder, monkeypatch):
    def sleep(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxsoco.readers.time.sleep", sleep)
    folder("status", unfinished(folder), "--watch", code=75)


def test_a_watch_reads_new_sidecars_alone(folder, monkeypatch):
    out, reads = folder.run("out"), []
    real = stores.packs.read_sidecar
    monkeypatch.setattr(stores.packs, "read_sidecar", lambda f: reads.append(f.stem) or real(f))
    watch = Watch([out])
    watch.states()
    assert {*reads} == {*folder.packs(out)}
    reads.clear()
    watch.states()
    assert reads == []
    # What is asked for changes, and with it what is wanted.
    folder.run("out", spec=folder.spec(("seeds = 3", "seeds = 5")))
    (state,) = watch.states()
    assert state.results and state.results.coverage.wanted == 30


@pytest.mark.parametrize(
    "arguments", [["--watch", "0"], ["--watch", "soon"], ["--watch", "--json"]]
)
def test_a_watch_that_cannot_be(folder, arguments):
    folder("status", folder.run("out"), *arguments, code=2)
    assert "--watch" in folder.told


def test_results_are_not_read(folder, monkeypatch):
    """Sidecars alone: a run of terabytes is looked at in a moment."""
    out = folder.run("out")
    for file in (out / "packs").glob("*.npz"):
        size = file.stat().st_size
        file.write_bytes(b"\0" * size)
    began = time.perf_counter()
    assert "18 of 18" in folder("status", out)
    assert time.perf_counter() - began < 5
