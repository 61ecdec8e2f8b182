"""The benchmarks run, agree with their references, and would notice a wrong answer."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import environment
from reference_cvxpy import Reference  # pyright: ignore[reportMissingImports]
from reference_job import Job  # pyright: ignore[reportMissingImports]

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.oracle


def run_quick(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    # Without the code generator's optimisation the programs compile in half the time.
    flags = "--xla_backend_optimization_level=0"
    variables = environment(XLA_FLAGS=f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip())
    command = [sys.executable, f"benchmarks/{name}", "--quick", *options]
    return subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=600
    )


def rows_of(output: str, first: str) -> list[dict[str, str]]:
    """The rows of the Markdown table whose first column is named ``first``."""
    lines = [
        [cell.strip() for cell in line.strip(" |").split("|")]
        for line in output.splitlines()
        if line.startswith("|")
    ]
    start = next(i for i, cells in enumerate(lines) if cells[0] == first)
    rules = [i for i, cells in enumerate(lines) if all(cell.strip("-:") == "" for cell in cells)]
    # A rule is below the names of the columns of the next table.
    end = next((i - 1 for i in rules if i > start + 1), len(lines))
    return [dict(zip(lines[start], cells, strict=True)) for cells in lines[start + 2 : end]]


@pytest.mark.slow
def test_provisioning():
    done = run_quick("provisioning.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "- results agree" in done.stdout.splitlines()
    rows = rows_of(done.stdout, "us per plan")
    names = ["bursty_queue", "paper_queue", "bursty_queue, OptCMDP"]
    assert [row["us per plan"] for row in rows] == [name for name in names for _ in range(2)]
    assert all(float(row["plans compared"]) > 2 for row in rows)


@pytest.mark.slow
def test_allocation_advice():
    done = run_quick("allocation_advice.py")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = rows_of(done.stdout, "us per slot and job")
    kinds = ["one state", "two states", "four states", "one state, two speeds"]
    assert [row["us per slot and job"] for row in rows] == kinds
    assert all(float(row["float64"].replace(",", "")) > 0 for row in rows)
    assert all(float(row["float32"].replace(",", "")) > 0 for row in rows[:2])
    assert "- two states to one:" in done.stdout


@pytest.mark.slow
def test_allocation():
    done = run_quick("allocation.py", "--devices", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "- results agree" in done.stdout.splitlines()
    for name in ("PCM", "ST-CLIP", "OPT"):
        line = rf"^- ratio {name}: [\d.,]+x, rebuilt [\d.,]+x, Clarabel alone [\d.,]+x$"
        assert re.search(line, done.stdout, re.MULTILINE)
    rows = rows_of(done.stdout, "agreement")
    assert [row["agreement"] for row in rows] == ["PCM", "PCM", "ST-CLIP", "ST-CLIP", "OPT", "OPT"]
    for row in rows:
        assert int(row["programs"]) >= (1 if row["agreement"] == "OPT" else 4)
        assert abs(float(row["difference"])) < 1e-5
        assert -1e-5 < float(row["least gap"]) <= float(row["largest gap"]) < 1e-5
        assert float(row["over budget"]) < 1e-5


@pytest.mark.slow
def test_smoothed():
    done = run_quick("smoothed.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "- results agree" in done.stdout.splitlines()
    for name in ("offline", "R-OBD", "P-OBD", "RHC"):
        rows = rows_of(done.stdout, f"{name}, us")
        assert all(float(row["time"].replace(",", "")) > 0 for row in rows)
        assert rows[-1][f"{name}, us"] == "ours, 4 runs"


@pytest.mark.slow
def test_tracking():
    done = run_quick("tracking.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "- results agree" in done.stdout.splitlines()
    row = rows_of(done.stdout, "thousand rounds a second")[0]
    assert float(row["ours"].replace(",", "")) > 0
    agreement = rows_of(done.stdout, "agreement")[:2]
    assert [row["agrees"] for row in agreement] == ["yes", "yes"]


def small_job() -> Job:
    """Three points on a line, two slots of work, four slots of time."""
    distance = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    costs = np.array([[8.0, 9, 10], [2, 9, 10], [8, 9, 1], [8, 9, 10]])
    return Job(
        costs=costs,
        distance=distance,
        tree=distance,
        switch=np.full(3, 0.25),
        start=1,
        throughput=0.5,
        lower=2.0,
        upper=20.0,
        advice=np.array([4, 0, 0, 3]),
    )


def whole_states(*states: int) -> np.ndarray:
    """All mass in one state a slot, ``[T, 2n]``."""
    return np.eye(6)[list(states)]


def test_reference_costs_of_followed_decisions():
    # OFF at 1, ON at 0 (a move of 1 and a switch), ON at 0 again, OFF there (a switch).
    followed = Reference(3, 4).pcm(small_job(), whole_states(4, 0, 0, 3))
    assert followed.cost == pytest.approx(0 + (2 + 1 + 0.25) + 8 + 0.25)


@pytest.mark.parametrize("rebuild", [False, True], ids=["compiled", "rebuilt"])
def test_reference_finds_the_cheapest_schedule(rebuild):
    # On at point 0 in slot 2, over to point 2 for slot 3, off: moves 1 + 2, work 2 + 1, switches.
    cheapest = pytest.approx(1 + 2 + 2 + 1 + 2 * 0.25, rel=1e-5)
    job, reference = small_job(), Reference(3, 4, rebuild=rebuild)
    assert reference.pcm(job, whole_states(4, 0, 2, 5)).cost == cheapest
    assert reference.offline(job) == cheapest
    assert reference.pcm(job).cost == cheapest


@pytest.mark.parametrize("name", ["pcm", "st_clip"])
def test_reference_notices_a_wrong_decision(name):
    # Dear slots are taken, cheap ones are left: some slot must be far from its optimum.
    wrong, job = whole_states(2, 5, 5, 2), small_job()
    if name == "pcm":
        found = Reference(3, 4).pcm(job, wrong)
    else:
        found = Reference(3, 4).st_clip(job, 0.1, wrong)
        assert max(found.excess) > 1e-2
    assert max(found.gaps) > 1e-2


@pytest.mark.slow
def test_allocation_runtime(tmp_path):
    figure = tmp_path / "runtime.png"
    done = run_quick("allocation_runtime.py", "--figure", str(figure))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["us per job"]: row for row in rows_of(done.stdout.replace(",", ""), "us per job")}
    assert {"agnostic", "threshold", "PCM", "ST-CLIP", "OPT CVXPY"} <= set(rows)
    assert all(float(row[f"T = {slots}"]) > 0 for row in rows.values() for slots in (6, 12))
    assert figure.stat().st_size


@pytest.mark.slow
def test_gradients():
    done = run_quick("gradients.py")
    assert done.returncode == 0, done.stdout + done.stderr
    first = "in learning_rate of tracking/passive_learner, 100 rounds"
    sizes = {row[first]: float(row["MB"]) for row in rows_of(done.stdout, first)}
    assert [*sizes] == ["plain run", "forward", "reverse", "segments"]
    assert sizes["segments"] < sizes["reverse"] / 4


@pytest.mark.slow
def test_tuning(tmp_path):
    figure = tmp_path / "tuning.png"
    done = run_quick("tuning.py", "--figure", str(figure))
    assert "of a plain run" in done.stdout and figure.stat().st_size, done.stdout + done.stderr
    first = "passive learner: learning rate; runs used:"
    names = {"pathwise", "evolution", "random", "Nelder-Mead", "CMA-ES"}
    rows = rows_of(done.stdout.replace(",", ""), first)[: len(names)]
    assert {row[first] for row in rows} == names
    assert all(float(row["256"]) <= float(row["0"]) * 1.05 for row in rows)
