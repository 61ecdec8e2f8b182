"""Running, resuming, sharing and reporting, with a family whose costs are known by heart."""

import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxsoco.analysis.records import segments
from jaxsoco.cli import main
from jaxsoco.core.compiler import YNN
from jaxsoco.core.errors import Interrupted
from jaxsoco.core.exits import BAD_INPUT
from jaxsoco.engine import store
from jaxsoco.engine import sweep as engine_sweep
from jaxsoco.engine.reading import Stored
from jaxsoco.engine.store import Store
from jaxsoco.experiment import building
from jaxsoco.experiment.devices import WHOLE_LOOPS, prepare_cpu, usable_cores
from jaxsoco.experiment.runner import report

pytestmark = pytest.mark.usefixtures("own_xla_flags")

FORCED = "xla_force_host_platform_device_count"
EXTRA = "xla_backend_extra_options"
LOOPS = f"--{EXTRA}={WHOLE_LOOPS}"


@pytest.fixture
def run(tmp_path, capsys):
    out = tmp_path / "out"

    def run(spec: Path, *arguments: str) -> tuple[int, str, str]:
        code = main(["run", str(spec), "--out", str(out), *arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    return run


def costs(out: Path) -> dict[tuple[str, float, int], np.ndarray]:
    """``(label, speed, horizon)`` -> cumulative total cost ``[seeds, checkpoints]``."""
    results = Stored(out)
    assert results.coverage.complete
    study, parts = results.study, {}
    for record, arrays in results.pieces():
        group = study.groups[record["group"]]
        for point, _, rows in segments(group, record["start"], record["stop"]):
            values = study.points[point]
            for number, label in enumerate(study.labels):
                total = arrays[f"{number:03d}.hit"] + arrays[f"{number:03d}.move"]
                key = label, values["speed"], values["horizon"]
                parts.setdefault(key, []).append(total[rows])
    return {key: np.concatenate(part) for key, part in parts.items()}


def packs(out: Path) -> dict[str, int]:
    """Name -> when it was written, of all packs of a directory."""
    return {file.stem: file.stat().st_mtime_ns for file in (out / "packs").glob("*.json")}


def test_costs_are_kept_at_as_many_rounds_as_asked_for(toy_spec, run, tmp_path):
    assert run(toy_spec(), "--set", "run.checkpoints=3")[0] == 0
    found = costs(tmp_path / "out")
    assert {record.shape for record in found.values()} == {(3, 3)}
    before = packs(tmp_path / "out")
    assert run(toy_spec(), "--set", "run.checkpoints=4")[0] == 0
    found = costs(tmp_path / "out")
    assert {record.shape for record in found.values()} == {(3, 4)}
    # Costs at other rounds are other cells: those that were there are kept beside them.
    assert before.items() < packs(tmp_path / "out").items()
    _, printed, _ = run(toy_spec(), "--set", "run.checkpoints=3")
    assert "all runs were there already" in printed


def test_a_run_computes_what_the_spec_says(toy_spec, run, tmp_path):
    code, printed, _ = run(toy_spec())
    assert code == 0
    assert printed.startswith("4 points x 3 learners x 3 seeds = 36 runs, 4 compilations, 2 packs")
    assert f"report: {tmp_path / 'out' / 'report.html'}" in printed
    total = costs(tmp_path / "out")
    assert set(total) == {
        (label, speed, horizon)
        for label in ("step(stride=0.5)", "step(stride=1)", "still")
        for speed in (1.0, 2.0)
        for horizon in (10, 20)
    }
    for (label, speed, horizon), record in total.items():
        stride = {"step(stride=0.5)": 0.5, "step(stride=1)": 1.0, "still": 0.0}[label]
        np.testing.assert_allclose(record[:, -1], (speed + stride) * horizon, rtol=1e-6)
        assert record.shape[0] == 3
    with (tmp_path / "out" / "table.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    ratios = {
        (row["algorithm"], float(row["speed"]), int(row["horizon"])): row["ratio_still_mean"]
        for row in table
        if row["role"] == "algorithm"
    }
    assert len(ratios) == 8
    assert float(ratios["step(stride=1)", 2.0, 10]) == pytest.approx(1.5)


def test_a_failed_check_is_exit_code_1_and_keeps_the_results(toy_spec, run, tmp_path):
    check = (
        '[[check]]\nkind = "ratio"\nalgorithm = "step(stride=1)"\nat_most = {}\n'
        "where = {{ speed = 1 }}\n[run]"
    )
    assert run(toy_spec(("[run]", check.format(1.9))))[0] == 1
    assert json.loads((tmp_path / "out" / "checks.json").read_text())["passed"] is False
    # The same run with another claim: nothing is computed again.
    code, printed, _ = run(toy_spec(("[run]", check.format(2.1))))
    assert code == 0
    assert "all runs were there already" in printed
    assert json.loads((tmp_path / "out" / "checks.json").read_text())["passed"] is True


CLAIM = """\
[[check]]
kind = "ratio"
algorithm = "step(stride=1)"
at_most = {}
where = {{ speed = 1 }}
[run]"""


def test_a_deterministic_world_needs_one_seed(toy_spec, run, tmp_path):
    spec = toy_spec(("[run]", CLAIM.format(2.1)), ("seeds = 3", "seeds = 1"))
    code, printed, _ = run(spec, "--strict")
    assert code == 0
    assert "check passed: mean cost ratio of step(stride=1) to still" in printed
    assert "the same with every seed" in printed
    (result,) = json.loads((tmp_path / "out" / "checks.json").read_text())["checks"]
    assert result["lower"] == result["value"] == result["upper"] == pytest.approx(2.0)


def test_a_random_world_with_one_seed_is_undecided(toy, toy_spec, run, monkeypatch):
    """``--strict`` makes that exit code 1, of ``run`` and of ``report``."""
    from jaxsoco.core import random

    def draw(key, settings):
        return settings * random.uniform(key, dtype=settings.dtype)

    monkeypatch.setattr(toy, "_draw", draw)
    spec = toy_spec(("[run]", CLAIM.format(9.0)), ("seeds = 3", "seeds = 1"))
    code, printed, _ = run(spec)
    assert code == 0
    assert "check undecided: mean cost ratio" in printed
    assert "a random world takes more than one seed" in printed
    assert run(spec, "--strict")[0] == 1
    assert main(["report", str(spec.parent / "out")]) == 0
    assert main(["report", "--strict", str(spec.parent / "out")]) == 1


def test_shares_add_up_and_only_the_last_one_reports(toy_spec, run, tmp_path):
    spec, report = toy_spec(("seeds = 3", "seeds = 20")), tmp_path / "out" / "report.html"
    code, printed, _ = run(spec, "--share", "2/2")
    assert code == 0
    assert "of 240 runs are missing: no report yet" in printed
    assert not report.exists()
    assert run(spec, "--chunks", "1/2")[0] == 0
    assert report.exists()
    whole = tmp_path / "whole"
    assert main(["run", str(spec), "--out", str(whole)]) == 0
    shared = costs(tmp_path / "out")
    for key, record in costs(whole).items():
        np.testing.assert_array_equal(shared[key], record)


def test_a_finished_run_is_reported_without_building_anything(toy_spec, run, monkeypatch):
    spec = toy_spec()
    assert run(spec)[0] == 0
    monkeypatch.setattr(
        "jaxsoco.experiment.building.start_jax", lambda *_: pytest.fail("JAX was started")
    )
    assert run(spec)[0] == 0


def test_a_damaged_pack_is_named_and_computed_again(toy_spec, run, tmp_path):
    spec = toy_spec()
    assert run(spec)[0] == 0
    before = costs(tmp_path / "out")
    pack = max((tmp_path / "out" / "packs").glob("*.npz"))
    pack.write_bytes(pack.read_bytes()[:-1])
    code, printed, warned = run(spec)
    assert code == 0
    assert f"pack {pack.stem}: its results are damaged" in warned
    assert "1 pack; 18 runs were there already" in printed
    for key, record in costs(tmp_path / "out").items():
        np.testing.assert_array_equal(before[key], record)


def test_a_directory_takes_another_experiment_and_computes_what_is_new(toy_spec, run, tmp_path):
    out = tmp_path / "out"
    assert run(toy_spec())[0] == 0
    before, first = packs(out), costs(out)
    code, printed, _ = run(toy_spec(("seeds = 3", "seeds = 4"), ("[1, 2]", "[3, 1, 2]")))
    assert code == 0
    # 2 horizons x 3 learners: the fourth seed of two speeds, and four seeds of a new one.
    assert "36 runs in" in printed and "36 runs were there already" in printed
    assert before.items() < packs(out).items()
    second = costs(out)
    assert len(second) == 3 * 3 * 2
    for key, record in first.items():
        np.testing.assert_array_equal(second[key][:3], record)
    # The first one again wants what it wanted, and nothing of it is missing.
    after = packs(out)
    code, printed, _ = run(toy_spec())
    assert code == 0 and "all runs were there already" in printed
    assert packs(out) == after
    for key, record in costs(out).items():
        np.testing.assert_array_equal(first[key], record)


def test_a_wider_experiment_says_what_is_wrong_before_jax_starts(toy_spec, run, monkeypatch):
    assert run(toy_spec())[0] == 0
    monkeypatch.setattr(
        "jaxsoco.experiment.building.start_jax", lambda *_: pytest.fail("JAX was started")
    )
    code, _, told = run(toy_spec(("[1, 2]", "[1, 200]")))
    assert code == 2
    assert "200 m/s is no walk" in told


@pytest.mark.parametrize("change", [("pack = 16", "pack = 128"), ("tile = 64", "tile = 128")])
def test_other_packs_and_on_a_cpu_another_tile_compute_nothing_again(toy_spec, run, change):
    wide = ("tile = 16", "tile = 64")  # narrower ones count in float32
    assert run(toy_spec(wide))[0] == 0
    code, printed, _ = run(toy_spec(wide, change))
    assert code == 0
    assert "all runs were there already" in printed


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("folder with files", "", "not a run directory"),
        ("file", "", "is a file"),
        ("file", "deeper", "is a file"),
        ("circle of links", "", "too many levels of symbolic links"),
        ("circle of links", "deeper", "too many levels of symbolic links"),
        ("link to nowhere", "", "leads nowhere"),
        ("link to nowhere", "deeper/still", "leads nowhere"),
        ("folder", "a" * 300, "file name too long"),
        ("folder", "a" * 300 + "/deeper", "file name too long"),
    ],
)
def test_a_place_for_no_run_is_refused_without_jax(
    toy_spec, run, tmp_path, monkeypatch, kind, name, reason
):
    monkeypatch.setattr(
        "jaxsoco.experiment.building.start_jax", lambda *_: pytest.fail("JAX was started")
    )
    out = tmp_path / "out"
    if kind.startswith("folder"):
        out.mkdir()
        if "files" in kind:
            (out / "thesis.tex").write_text("x", encoding="utf-8")
    elif kind == "file":
        out.write_text("x", encoding="utf-8")
    else:
        out.symlink_to("out" if kind == "circle of links" else "nowhere")
    spec = toy_spec()
    before = sorted(tmp_path.rglob("*"))
    code, _, told = run(spec, "--out", str(out / name))
    assert code == 2
    assert str(out) in told
    assert reason in told
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["", "new", "new/deeper"], ids=repr)
def test_a_place_that_cannot_be_written_is_refused_without_jax(
    toy_spec, run, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(
        "jaxsoco.experiment.building.start_jax", lambda *_: pytest.fail("JAX was started")
    )

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    folder = tmp_path / "empty"
    folder.mkdir()
    # For the superuser nothing is read-only.
    monkeypatch.setattr("jaxsoco.core.scratch.Path.mkdir", refuse)
    code, _, told = run(toy_spec(), "--out", str(folder / name), "--anyway")
    assert code == 2
    assert f"{folder}: cannot be written to: permission denied" in told


def test_a_full_disk_keeps_what_is_there(toy_spec, run, tmp_path, monkeypatch):
    spec, write = toy_spec(), store.write_whole

    def full(path, data, **others):
        if path.suffix == ".npz" and packs(tmp_path / "out"):  # the second one
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data, **others)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_whole", full)
        code, _, told = run(spec)
    assert code == 75
    assert "No space left" in told
    assert f"resume with: jaxsoco run {spec} --out {tmp_path / 'out'}" in told
    code, printed, _ = run(spec)
    assert code == 0
    assert "1 pack; 18 runs were there already" in printed


def test_an_interrupted_run_says_how_to_go_on(toy_spec, run, tmp_path, monkeypatch, capsys):
    spec, real, calls = toy_spec(), engine_sweep.compute, []

    def stop_at_second(*arguments, **others):
        calls.append(1)
        if len(calls) == 2:
            raise Interrupted("stopped by SIGTERM")
        return real(*arguments, **others)

    with monkeypatch.context() as patch:
        patch.setattr(engine_sweep, "compute", stop_at_second)
        code, _, told = run(spec, "--set", "run.root_seed=7")
    assert code == 75
    assert "stopped by SIGTERM" in told
    assert f"--out {tmp_path / 'out'} --set run.root_seed=7" in told
    out = str(tmp_path / "out")
    assert main(["status", out]) == 0
    assert "18 of 36 (50 %)" in capsys.readouterr().out
    assert main(["report", out]) == 75
    assert "INCOMPLETE" in capsys.readouterr().out
    assert main(["check", str(spec), "--out", out]) == 0
    assert f"judged from {out}" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_loses_nothing(toy_spec, run, tmp_path, monkeypatch):
    spec = toy_spec()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jaxsoco.analysis.report.write_report", full)
        code, _, told = run(spec)
    assert code == 75
    assert "results" in told and "are whole" in told
    assert f"jaxsoco report {tmp_path / 'out'}" in told
    assert main(["report", str(tmp_path / "out")]) == 0


def test_a_report_that_raises_says_that_the_runs_are_kept(
    toy_spec, run, tmp_path, monkeypatch, capsys
):
    def broken(*_, **__):
        raise ZeroDivisionError("by design")

    out = tmp_path / "out"
    assert run(toy_spec())[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr("jaxsoco.analysis.report.write_report", broken)
        with pytest.raises(ZeroDivisionError):
            report(out)
    told = f"the runs are kept in {out}; jaxsoco report {out} repeats the report\n"
    assert capsys.readouterr().err == told
    with monkeypatch.context() as patch:  # one figure alone: all else is there
        patch.setattr("jaxsoco.analysis.plots.cost_breakdown.CostBreakdown.draw", broken)
        with pytest.raises(ZeroDivisionError):
            report(out)
    assert "cannot be drawn: ZeroDivisionError" in (out / "report.html").read_text("utf-8")
    assert report(out) == 0


def test_what_would_end_the_report_ends_the_run_before_it_computes(
    toy_spec, run, tmp_path, monkeypatch
):
    def unexpected(*_, **__):
        raise AssertionError("something was computed")

    def broken(*_, **__):
        raise ZeroDivisionError("by design")

    monkeypatch.setattr("jaxsoco.experiment.runner.compute", unexpected)
    monkeypatch.setattr("jaxsoco.analysis.plots.cost_breakdown.CostBreakdown.draw", broken)
    code, _, told = run(toy_spec())
    assert code == 2
    assert "plot[" in told and "cannot be drawn: ZeroDivisionError: by design" in told
    assert not (tmp_path / "out").exists()


def test_runs_that_are_not_finite_are_counted_not_averaged(toy_spec, run, tmp_path, capsys):
    check = '[[check]]\nkind = "complete"\nalgorithms = ["{}"]\n[run]\ncompare = ["still", "nan"]'
    code, printed, _ = run(toy_spec(("[run]", check.format("still"))))
    assert code == 0
    assert "nan: 12 of 12 runs with a cost that is not finite" in printed
    assert run(toy_spec(("[run]", check.format("nan"))))[0] == 1
    assert main(["status", str(tmp_path / "out")]) == 0
    assert "nan 12" in capsys.readouterr().out


def test_more_devices_than_there_are_is_bad_input(toy_spec, run, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=1")
    code, _, told = run(toy_spec(), "--devices", "4096")
    assert code == 2
    assert "--devices: 4096 devices are asked for" in told


def test_a_tile_that_does_not_fit_is_bad_input(toy_spec, run, monkeypatch):
    def too_large(*_, **__):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    monkeypatch.setattr(engine_sweep, "compute", too_large)
    code, _, told = run(toy_spec())
    assert code == 2
    assert "run.tile: 16 runs at once do not fit" in told


def threads_for(devices: int) -> str | None:
    """What several devices ask of XLA: a thread more than there are, see the next test."""
    return str(max(devices, usable_cores()) + 1) if devices > 1 else None


@pytest.mark.parametrize(
    ("environment", "devices", "flags", "threads"),
    [
        ({}, 1, f"--{FORCED}=1 {LOOPS}", None),
        (
            {},
            None,
            f"--{FORCED}={min(3, usable_cores())} {LOOPS}",
            threads_for(min(3, usable_cores())),
        ),
        ({}, 5, f"--{FORCED}=5 {LOOPS}", threads_for(5)),
        ({"XLA_FLAGS": "--a=b"}, 5, f"--a=b --{FORCED}=5 {LOOPS}", threads_for(5)),
        ({"XLA_FLAGS": f"--{FORCED}=200"}, 5, f"--{FORCED}=200 {LOOPS}", "201"),
        ({"XLA_FLAGS": f"--{EXTRA}=c=1"}, 1, f"--{EXTRA}=c=1 --{FORCED}=1", None),
        ({"XLA_FLAGS": f"--{YNN}=X"}, 1, f"--{YNN}=X --{FORCED}=1 {LOOPS}", None),
        ({"JAX_NUM_CPU_DEVICES": "300"}, None, LOOPS, "301"),
        ({"PJRT_NPROC": "2"}, 5, f"--{FORCED}=5 {LOOPS}", "2"),
    ],
)
def test_cores_become_devices_unless_told_otherwise(
    monkeypatch, environment, devices, flags, threads
):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv("PJRT_NPROC", "")  # taken back after the test
    monkeypatch.delenv("PJRT_NPROC")
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    prepare_cpu(devices, useful=3)
    assert os.environ["XLA_FLAGS"] == (flags if YNN in flags else f"{flags} --{YNN}=")
    assert os.environ.get("PJRT_NPROC") == threads


WAITING = """
from jaxsoco.experiment.runner import report
from jaxsoco.experiment.devices import prepare_cpu
prepare_cpu(2, 2)
import jax, numpy as np
from jaxsoco_kernels.sensing import recover_psd

jax.config.update("jax_enable_x64", True)
vectors = np.random.default_rng(0).normal(size=(80, 10, 64))
given = vectors, (vectors[:, :2] ** 2).sum(1), np.full(64, 8.0)
solve = jax.jit(recover_psd)
for _ in range(3):
    jax.block_until_ready([solve(*jax.device_put(given, place)) for place in jax.devices()])
"""


@pytest.mark.slow
def test_devices_at_work_on_loops_in_loops_do_not_wait_for_each_other():
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "PJRT_NPROC")}
    subprocess.run([sys.executable, "-c", WAITING], env=environment, check=True, timeout=300)


def test_the_time_is_judged_from_packs_without_the_compilation(toy_spec, run, tmp_path, capsys):
    spec, out = toy_spec(("seeds = 3", "seeds = 32")), tmp_path / "out"
    assert run(spec)[0] == 0
    done = Store(out).open()
    for number, pack in enumerate([*done.refresh().packs.values()]):
        facts = {**pack.facts, "seconds": 90.0 if number == 0 else 8.0}
        done.commit(pack.blocks, done.read(pack.name), facts)
    assert main(["status", str(out)]) == 0
    assert "6 runs/s" in capsys.readouterr().out  # 16 runs of each of 3 learners in 8 s
    assert main(["check", str(spec), "--out", str(out)]) == 0
    assert "about 1:04 in all" in capsys.readouterr().out  # 384 runs


def test_a_tile_that_the_memory_does_not_hold_is_refused_before_it_runs(
    toy_spec, run, tmp_path, monkeypatch
):
    """As its compiler plans it: nothing is computed, unless the user says to go on."""
    monkeypatch.setattr(building, "available_memory", lambda: 2**10)
    code, _, errors = run(toy_spec())
    assert code == BAD_INPUT and packs(tmp_path / "out") == {}
    assert "run.tile" in errors and "16 runs at once of step" in errors
    assert "1.02 kB" in errors or "1 kB" in errors or "1.0 kB" in errors
    assert "--anyway" in errors
    assert run(toy_spec(), "--anyway")[0] == 0
    assert packs(tmp_path / "out")
