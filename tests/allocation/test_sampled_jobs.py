"""Jobs that are charged a schedule drawn from the learner's decisions (``sample = true``)."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco.allocation import sample_schedule
from jaxsoco.allocation.optima import path_costs
from jaxsoco.allocation.problem import prices
from jaxsoco.allocation.theory.paths import path_ledger
from jaxsoco.core import random

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
WHOLE = ("agnostic", "greedy", "delayed_greedy", "threshold")
PARTS = ("service", "move", "switch")


def problems(**fields) -> tuple[jaxsoco.Instance, jaxsoco.Instance]:
    """The same jobs, charged the decisions and charged a schedule."""
    fields = {"regions": "eu", "bounds": "trace", "deadline_max": 16} | fields
    plain, sampled = (
        jaxsoco.make("allocation/carbon_jobs", sample=sample, **fields) for sample in (False, True)
    )
    return plain, sampled


def total(costs) -> np.ndarray:
    return np.asarray(sum(getattr(costs, name)[-1] for name in PARTS))


@X64
@pytest.mark.parametrize(
    "learner", ["pcm", *(pytest.param(x, marks=pytest.mark.slow) for x in ("st_clip", *WHOLE))]
)
def test_a_schedule_is_charged_and_the_learner_does_not_see_it(learner, x64):
    """Bit for bit the decisions of the plain job; the costs are those of the schedule's path."""
    jobs = 300
    keys, player = jaxsoco.seed_keys(1, jobs), jaxsoco.learner(f"allocation/{learner}")
    (plain, sampled), at = problems(job_length=4), [16]
    decided, drawn = (jaxsoco.play(x, *player, keys, at=at, trace=True) for x in (plain, sampled))
    np.testing.assert_array_equal(decided.trace[0], drawn.trace[0])
    spec = jax.jit(plain.spec)(keys)
    states = sample_schedule(keys, drawn.trace[0], spec.metric, spec.start)
    prices = jax.jit(plain.problem.init)(random.words(keys), spec).costs
    ledger = path_ledger(prices, spec.metric, states, spec.start, spec.deadline)
    for name, part in zip(PARTS, ledger, strict=True):
        np.testing.assert_allclose(getattr(drawn.costs, name)[-1], part, rtol=1e-12, atol=1e-12)
    slots = np.arange(1, 17)[:, None]
    running = (np.asarray(states) < 4) & (slots <= np.asarray(spec.deadline))
    work = running.sum(axis=0) / np.asarray(spec.length)
    np.testing.assert_allclose(drawn.costs.shortfall[-1], np.maximum(1 - work, 0), atol=1e-12)
    # In expectation a schedule costs what the decisions cost, and does their work.
    if learner in WHOLE:
        np.testing.assert_array_equal(total(drawn.costs), total(decided.costs))
        return
    for excess in (total(drawn.costs) - total(decided.costs), work - 1):
        error = excess.std(ddof=1) / np.sqrt(jobs)
        assert error > 0
        assert abs(excess.mean()) <= 3 * error
    unfinished = np.asarray(drawn.costs.shortfall[-1]) > 1e-9
    assert 0.02 < unfinished.mean() < 0.5
    assert np.any(work > 1 + 1e-9)


@pytest.mark.slow
@X64
def test_single_runs_and_lanes_charge_the_same_schedule(x64):
    _, sampled = problems(job_length=4)
    keys, player = jaxsoco.seed_keys(2, 12), jaxsoco.learner("allocation/pcm")
    block = jaxsoco.play(sampled, *player, keys, at=[16]).costs
    one = jax.jit(jax.vmap(lambda key: jaxsoco.play(sampled, *player, key, at=[16]).costs, 0, -1))
    for a, b in zip(block, one(keys), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@X64
def test_the_feedback_is_the_work_of_the_decision(x64):
    _, sampled = problems(job_length=4)
    keys = jaxsoco.seed_keys(3, 20)
    spec = jax.jit(sampled.spec)(keys)
    world, now = sampled.problem.advance(None, spec, sampled.problem.init(random.words(keys), spec))
    half = jnp.full((8, 20), 1 / 8)
    world, feedback, costs = sampled.problem.play(random.words(keys), spec, world, now, half)
    np.testing.assert_allclose(feedback.work, 0.5 / 4)
    assert set(np.unique(world.work)) == {0, 0.25}  # the schedule's: a slot or none
    assert len(np.unique(costs.service)) > 1


@X64
@pytest.mark.slow
def test_slopes_are_those_of_the_expected_costs(x64):
    """A draw has no slope of its own: the decisions' costs are what it is on average."""
    keys, (algorithm, params) = jaxsoco.seed_keys(4, 16), jaxsoco.learner("allocation/st_clip")

    def slope(problem):
        def cost(epsilon):
            own = replace(params, epsilon=epsilon)
            costs = jaxsoco.play(problem, algorithm, own, keys, at=[16]).costs
            return costs.service[-1] + costs.move[-1] + costs.switch[-1]

        return jax.jit(lambda: jax.jvp(cost, (0.3,), (1.0,)))()

    (value, plain), (drawn, sampled) = map(slope, problems(job_length=4))
    np.testing.assert_allclose(sampled, plain, rtol=1e-9, atol=1e-9)
    assert np.any(plain != 0)
    assert np.any(np.abs(value - drawn) > 1e-6)


@pytest.mark.slow
def test_learners_conform_where_schedules_are_drawn():
    """All but slopes, which are those of the expected costs: no difference of single runs."""
    values = {"bounds": "trace", "sample": True}
    jaxsoco.testing.conformance("allocation/pcm", values=values, skip=("slopes",))


SWEEP = """
figure = "Schedules"
family = "allocation"
[problem]
regions = "eu"
bounds = "trace"
job_length = 4
deadline_max = 16
subset_size = 3
network_segments = 2
latency_scale = 6.0
sample = [false, true]
[[algorithm]]
name = "pcm"
[run]
seeds = 16
tile = 16
trace = 5
compare = ["offline_optimum"]
"""


def command(*arguments) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, which may choose its precision."""
    line = [sys.executable, "-m", "jaxsoco", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
def test_the_export_has_the_states_of_the_schedules(tmp_path):
    """Of every traced run: states that cost what the run was charged, slot by slot."""
    spec, out, table = (tmp_path / name for name in ("jobs.toml", "out", "table.csv"))
    spec.write_text(SWEEP, encoding="utf-8")
    for arguments in (("run", spec, "--out", out), ("export", out, "--csv", table, "--traces")):
        done = command(*arguments)
        assert done.returncode == 0, done.stderr
    with table.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert {row["component"] for row in rows} == {*PARTS, "shortfall", "state", "total"}
    values = {
        (row["sample"], int(row["seed"]), int(row["round"]), row["component"]): float(row["value"])
        for row in rows
    }
    assert len(values) == len(rows) == 2 * 5 * 16 * 6
    with jax.enable_x64(True):
        problem = jaxsoco.make(
            "allocation/carbon_jobs",
            **{"regions": "eu", "bounds": "trace", "job_length": 4, "deadline_max": 16},
            **{"subset_size": 3, "network_segments": 2, "latency_scale": 6.0},
        )
        for seed, key in enumerate(jaxsoco.seed_keys(0, 5)):
            job = problem.spec(key)
            deadline, places = int(job.deadline), np.asarray(job.places)
            slots = range(1, 17)
            states = np.array([values["true", seed, slot, "state"] for slot in slots], int)
            assert np.all(states[deadline:] == -1) and np.all(states[:deadline] >= 0)
            # From regions of the data to those of the job.
            point = [int(np.flatnonzero(places == state % 4)[0]) for state in states[:deadline]]
            path = np.array(point) + 3 * (states[:deadline] >= 4)
            whole = np.concatenate([path, np.full(16 - deadline, path[-1])])
            parts = path_costs(job, prices(job), jnp.asarray(whole, jnp.int32))
            for name, part in zip(PARTS, parts, strict=True):
                assert values["true", seed, 16, name] == pytest.approx(float(part), rel=1e-12)
            work = np.sum(states[:deadline] < 4) / 4
            assert values["true", seed, 16, "shortfall"] == pytest.approx(max(1 - work, 0))
            assert all(values["false", seed, slot, "state"] == -1 for slot in slots)
    # Several regions are in use, and jobs both run and wait.
    used = {v for (kind, *_, part), v in values.items() if part == "state" and kind == "true"}
    assert len({v % 4 for v in used if v >= 0}) >= 2 and min(used - {-1.0}) < 4 <= max(used)


@pytest.mark.slow
def test_there_are_no_rounds_to_export_of_a_run_without_traces(tmp_path):
    spec, out = tmp_path / "jobs.toml", tmp_path / "out"
    text = SWEEP.replace("trace = 5\n", "").replace('"pcm"', '"greedy"')
    spec.write_text(text, encoding="utf-8")
    assert command("run", spec, "--out", out).returncode == 0
    done = command("export", out, "--csv", tmp_path / "t.csv", "--traces")
    assert done.returncode == 2
    assert "--traces: no single run" in done.stderr
