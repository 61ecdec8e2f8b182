"""Regions that work at different speeds: stated or drawn, checked, and taken through a sweep."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy import stats

import jaxsoco
from jaxsoco.allocation import CarbonJobs, sample_job, synthetic_workload
from jaxsoco.allocation.prepare import prepare_carbon_jobs
from jaxsoco.core.errors import InputError
from jaxsoco.engine.reading import Stored

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
REGIONS = ("eu-west-3", "eu-west-2", "eu-central-1", "eu-north-1")
STATED = ("eu-west-3=0.5", "DE=1.6")
SPEEDS = np.array([0.5, 1.0, 1.6, 1.0])
COUNT = 200


def draw(count: int = COUNT, **values):
    values = {"regions": REGIONS, "advice": "linear"} | values
    workload = synthetic_workload(**values)
    return workload, jax.jit(sample_job)(jaxsoco.seed_keys(0, count), workload)


@X64
def test_stated_speeds_are_those_of_every_job(x64):
    _, jobs = draw(speed=STATED)
    np.testing.assert_array_equal(jobs.speed, np.broadcast_to(SPEEDS[:, None], (4, COUNT)))
    rates = SPEEDS[:, None] / np.asarray(jobs.length)
    np.testing.assert_allclose(jobs.throughput, rates, rtol=1e-14)
    _, few = draw(speed=STATED, subset_size=2)
    np.testing.assert_array_equal(few.speed, SPEEDS[np.asarray(few.places)])


@X64
def test_drawn_speeds_are_uniform_around_the_stated_ones(x64):
    _, jobs = draw(3000, speed=STATED, speed_spread=0.3)
    factors = np.asarray(jobs.speed) / SPEEDS[:, None]
    assert stats.kstest(factors.ravel(), stats.uniform(0.7, 0.6).cdf).pvalue > 1e-3
    # Independent of one another, and of all else that a job draws.
    correlations = np.asarray(np.corrcoef(factors))[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlations) < 4.5 / np.sqrt(3000))
    _, level = draw(3000)
    for name in ("hour", "start", "deadline", "length"):
        np.testing.assert_array_equal(getattr(jobs, name), getattr(level, name))
    assert level.speed is None


@X64
@pytest.mark.parametrize("bounds", ["window", "month", "trace"])
@pytest.mark.parametrize("size", [None, 3])
def test_bounds_are_prices_of_work(bounds, size, x64):
    """L and U of what a unit of work costs, D and tau of what moves and switches cost of it."""
    workload, jobs = draw(40, bounds=bounds, subset_size=size, speed=STATED, speed_spread=0.2)
    carbon, latency = np.asarray(workload.carbon), np.asarray(workload.latency)
    for b in range(40):
        hour, deadline, length = (int(x[b]) for x in (jobs.hour, jobs.deadline, jobs.length))
        spans = {
            "window": slice(hour, hour + deadline),
            "month": slice(hour - 720, hour),
            "trace": slice(None),
        }
        places = np.arange(4) if size is None else np.asarray(jobs.places[:, b])
        speed = np.asarray(jobs.speed)[:, b]
        prices = carbon[spans[bounds]][:, places] / (speed / length)
        assert float(jobs.lower[b]) == pytest.approx(prices.min(), rel=1e-13)
        moves = latency[np.ix_(places, places)] * float(workload.move_rate)
        largest = max(
            moves[u, v] / (min(speed[u], speed[v]) / length)
            for u in range(len(places))
            for v in range(len(places))
        )
        tau = float(workload.switch) / (speed.min() / length)
        least = prices.min() + largest + 2 * tau
        assert float(jobs.upper[b]) == pytest.approx(max(prices.max(), 1.01 * least), rel=1e-13)
        assert float(jobs.move_bound[b]) == pytest.approx(largest, rel=1e-13)
        assert float(jobs.switch_bound[b]) == pytest.approx(tau, rel=1e-13)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"speed": ("eu-west-3",)}, r'problem.speed\[0\]: "eu-west-3" is no speed of a region'),
        ({"speed": ("eu-west-3=fast",)}, r"problem.speed\[0\].*want REGION=NUMBER"),
        (
            {"speed": ("eu-west-33=2",)},
            r'problem.speed\[0\]: unknown region.*did you mean "eu-west',
        ),
        ({"speed": ("FR=2", "eu-west-3=2")}, r"problem.speed\[1\]: eu-west-3 is there twice"),
        ({"speed": ("FR=0",)}, r"problem.speed\[0\]: FR works at 0 times .*want 0.01 to 100"),
        ({"speed": ("FR=nan",)}, r"problem.speed\[0\]: FR works at nan times"),
        ({"speed": STATED, "advice": "whole-slot"}, r'problem.advice: "whole-slot" counts slots'),
        ({"speed_spread": 0.1, "advice": "greedy"}, r'problem.advice: "greedy" counts slots'),
        (
            {"speed_spread": 0.5, "job_length": 8},
            r"job_length: jobs of up to 8 h at 0.5 times the speed.*deadline_min >= 16, .*>= 2\)",
        ),
    ],
)
def test_what_does_not_fit(values, message):
    settings = CarbonJobs(**{"regions": REGIONS, "advice": "linear"} | values)
    with pytest.raises(InputError, match=message):
        prepare_carbon_jobs(settings, Path())


def test_the_fastest_region_of_every_subset_must_do():
    slow = tuple(f"{name}=0.5" for name in REGIONS[:3])
    values = {"regions": REGIONS, "advice": "linear", "speed": slow, "job_length": 10}
    prepare_carbon_jobs(CarbonJobs(**values), Path())
    with pytest.raises(InputError, match=r"jobs of up to 10 h at 0\.5 times the speed"):
        prepare_carbon_jobs(CarbonJobs(**values, subset_size=2), Path())


SWEEP = """
figure = "Speeds"
family = "allocation"
[problem]
regions = ["eu-west-3", "eu-west-2", "eu-central-1", "eu-north-1"]
advice = "linear"
job_length = 4
deadline_max = 16
speed = [["eu-west-3=0.5", "DE=1.6"], ["eu-north-1=0.5"]]
speed_spread = [0.0, 0.3]
[[algorithm]]
name = "pcm"
[[algorithm]]
name = "greedy"
[[algorithm]]
name = "st_clip"
epsilon = 0.3
[run]
seeds = 64
tile = 64
compare = ["offline_optimum", "advice"]
"""


def command(*arguments) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, which may choose its precision."""
    line = [sys.executable, "-m", "jaxsoco", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)


def total(rows) -> np.ndarray:
    return rows.service + rows.move + rows.switch


@pytest.mark.slow
def test_a_sweep_over_speeds(tmp_path):
    """Everything that may is played at its speeds: done in time, above the optimum, consistent."""
    spec, out = tmp_path / "speeds.toml", tmp_path / "out"
    spec.write_text(SWEEP, encoding="utf-8")
    done = command("run", spec, "--out", out, "--devices", 1)
    assert done.returncode == 0, done.stderr
    results = jaxsoco.load(out)
    names = ("pcm", "greedy", "st_clip", "offline_optimum", "advice")
    runs = {name: results.runs(name) for name in names}
    last = {name: rows[rows["round"] == rows["round"].max()] for name, rows in runs.items()}
    costs = {name: total(rows) for name, rows in last.items()}
    assert all(len(x) == 4 * 64 for x in costs.values())
    for rows in last.values():
        assert np.all(rows.shortfall <= 1e-9)
    for name in names:
        assert np.all(costs[name] >= costs["offline_optimum"] * (1 - 1e-9))
    faults = [arrays["002.faults"] for _, arrays in Stored(out).pieces(["st_clip"])]
    assert not np.any(np.concatenate(faults))
    assert np.all(costs["st_clip"] <= 1.3 * costs["advice"] * (1 + 1e-7))
    # Speeds change what is best.
    means = [costs["offline_optimum"][i : i + 64].mean() for i in range(0, 256, 64)]
    assert len({round(float(mean), 6) for mean in means}) == 4


def test_who_takes_regions_for_equally_fast_is_refused_before_the_first_run(tmp_path):
    spec = tmp_path / "speeds.toml"
    text = SWEEP.replace('"pcm"', '"receding_horizon"').replace('"advice"]', '"integral_optimum"]')
    spec.write_text(text, encoding="utf-8")
    done = command("check", spec, "--trace")
    assert done.returncode == 2
    printed = done.stderr
    assert "receding_horizon on allocation/carbon_jobs" in printed
    assert "its plans count whole slots at one speed" in printed
    assert "integral_optimum on allocation/carbon_jobs" in printed
    assert "whole slots are counted at one speed" in printed
