"""``jaxsoco plan``: text, JSON and CSV say the same plan; bad input is told before JAX starts."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import ROOT, environment

import jaxsoco
from jaxsoco.allocation import plan
from jaxsoco.experiment.spec import load_experiment
from jaxsoco.planning.experiment import lay_out_plan, read_job
from jaxsoco.planning.wording import TITLES

LEARNERS = ["greedy", "pcm(metric=true)", "pcm(metric=tree)"]
OPTIMA = ["offline_optimum", "integral_optimum"]


def test_the_text_is_that_of_the_plan(command):
    printed = command("--job", "start=2024-05-01T04:00,region=eu-west-2")
    assert printed.startswith(
        "job: 3 hours of work within 12, from 2024-05-01 04:00 to 2024-05-01 16:00 UTC, "
        "arriving in eu-west-2\nprices: all 12 hours measured\n"
    )
    document = json.loads(command("--job", "start=2024-05-01T04:00,region=eu-west-2", "--json"))
    lines = [line.split("  ") for line in printed.splitlines()]
    for schedule in document["schedules"]:
        name = TITLES.get(schedule["name"], schedule["name"])
        (first, *_) = (cells for cells in lines if cells[0] == name)
        grams = [cell.strip() for cell in first if cell.strip()][2]
        assert grams == f"{schedule['costs']['total']:.1f}"


def test_csv_and_json_hold_the_same_plan(command, tmp_path):
    printed = command("--json", "--csv", "plan.csv", "--forecast", "ahead.csv")
    assert command.told == "plan.csv: " + f"{_rows(tmp_path)} rows\n"
    document = json.loads(printed)
    assert (document["format"], document["command"]) == (1, "plan")
    assert document["job"] == {
        "start": "2024-05-02T06:00",
        "end": "2024-05-02T18:00",
        "hours": 3,
        "deadline": 12,
        "region": "eu-west-3",
        "now": None,
    }
    assert document["regions"] == ["eu-west-3", "eu-west-2"] and document["hindsight"] is False
    assert {price["source"] for price in document["prices"]} == {"forecast"}
    assert [schedule["name"] for schedule in document["schedules"]] == [*LEARNERS, *OPTIMA]
    carbon = {price["hour"]: price["carbon"] for price in document["prices"]}
    shares = {
        (schedule["name"], slot["hour"], region): (
            slot["on"].get(region, 0.0),
            slot["off"].get(region, 0.0),
            slot["work"],
        )
        for schedule in document["schedules"]
        for slot in schedule["slots"]
        for region in {*slot["on"], *slot["off"]}
    }
    with open("plan.csv", encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == len(shares)
    for row in rows:
        at = (row["learner"], row["hour"], row["region"])
        # Shares below 1e-6 are in neither state of the document.
        parts = np.array([float(row[name]) for name in ("on", "off", "work")])
        np.testing.assert_allclose(parts, shares[at], atol=1e-6)
        assert float(row["carbon"]) == carbon[row["hour"]][row["region"]]
        assert row["source"] == "forecast"


def _rows(folder) -> int:
    return len((folder / "plan.csv").read_text(encoding="utf-8").splitlines()) - 1


def test_the_command_plans_as_python_does(command):
    document = json.loads(command("--json", "--job", "start=2024-05-01T02:00,hours=2"))
    learners = {
        "greedy": jaxsoco.learner("allocation/greedy"),
        "pcm(metric=true)": jaxsoco.learner("allocation/pcm", metric="true"),
        "pcm(metric=tree)": jaxsoco.learner("allocation/pcm"),
    }
    job = {"start": "2024-05-01T02:00", "hours": 2, "deadline": 12}
    day = plan(**job, carbon="data.csv", learners=learners)
    for schedule, mine in zip(document["schedules"], day.schedules, strict=True):
        assert schedule["name"] == mine.name
        assert schedule["costs"]["total"] == pytest.approx(mine.total, rel=1e-12)
        work = [slot["work"] for slot in schedule["slots"]]
        np.testing.assert_allclose(work, mine.work, atol=1e-12)


def test_forecast_prices_are_said_to_be_such(command):
    job = "start=2024-05-02T00:00,hours=4"
    printed = command("--forecast", "ahead.csv", "--job", job)
    assert "prices: 6 of 12 hours measured, to 2024-05-02 05:00; 6 forecast" in printed
    assert "hold if the forecast comes true: they are no hindsight" in printed
    assert "forecast: ahead.csv" in printed
    now = command("--forecast", "ahead.csv", "--job", job, "--job", "now=2024-05-02T05:00")
    assert now == printed


def test_values_of_the_file_can_be_replaced(command):
    document = json.loads(
        command("--json", "--set", 'algorithm.pcm.metric="true"', "--set", "problem.job_length=5")
    )
    assert document["job"]["hours"] == 5
    assert [one["name"] for one in document["schedules"]] == ["greedy", "pcm", *OPTIMA]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--job", "start=2025-01-01"], "--job start: 2025-01-01 00:00 is outside of the prices"),
        (
            ["--job", "start=2024-05-02,deadline=12"],
            "--job deadline: 2024-05-02 12:00 is after the l",
        ),
        (["--job", "hours=5,deadline=4"], "--job deadline: 4 hours from 2024-05-01 00:00 are too"),
        (["--job", "region=eu-west-1"], '--job region: the data have no region "eu-west-1" (did'),
        (["--job", "begin=2024-05-01"], '--job begin: a job has no "begin" ('),
        (["--job", "hours"], '--job: found "hours" (want NAME=VALUE'),
        (["--job", "hours=3", "--job", "hours=4"], "--job hours: is given twice"),
        (["--job", "hours=many"], '--job hours: found "many" (want a whole number of hours)'),
        (["--job", "now=2024-05-01T03:00"], "--job now: prices after 2024-05-01 03:00 UTC count"),
        (["--forecast", "no.csv"], "--forecast: no.csv: cannot be read: it does not exist"),
        (["--set", "problem.data_size=[1, 4]"], "problem.data_size: has 2 values, and a plan is"),
        (["--figure", "plan.txt"], '--figure plan.txt: no figure is written as ".txt" (want .svg'),
        (["--set", "problem.carbon=no.csv"], "problem: no.csv: cannot be read: it does not exist"),
    ],
)
def test_bad_input_is_code_2_and_one_line(command, options, told):
    assert command(*options, code=2) == ""
    (line,) = command.told.replace(f"{Path.cwd().resolve()}/", "").splitlines()
    assert line.startswith(f"jaxsoco: {told}")


def test_bad_input_is_a_document_too(command):
    document = json.loads(command("--json", "--job", "start=x,hours=y", code=2))
    assert [error["path"] for error in document["errors"]] == ["--job start", "--job hours"]


def test_a_plan_is_for_jobs(command, tmp_path):
    spec = 'figure = "x"\nfamily = "tracking"\n[problem]\nname = "quadratic_tracking"\n'
    spec += '[[algorithm]]\nname = "passive_learner"\n[run]\nseeds = 1\nhorizons = 10\n'
    (tmp_path / "other.toml").write_text(spec, encoding="utf-8")
    command(spec="other.toml", code=2)
    assert "family: is of the problem tracking/quadratic_tracking" in command.told


def test_a_file_that_cannot_be_written_is_named(command):
    command("--csv", "no/plan.csv", code=2)
    assert "--csv no/plan.csv: cannot be written: No such file or directory" in command.told


def test_bad_input_needs_no_jax(command):
    blocked = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "jaxlib", "matplotlib"):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocker())
from jaxsoco.cli import main
sys.exit(main())
"""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            blocked,
            "plan",
            "job.toml",
            "--job",
            "hours=13",
            "--figure",
            "x.svg",
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "--job deadline: 12 hours from 2024-05-01 00:00 are too few" in done.stderr


def test_the_shipped_job_is_laid_out():
    experiment = load_experiment(ROOT / "experiments" / "allocation" / "one_job.toml")
    task = lay_out_plan(experiment, read_job(["start=2022-03-01T14:00,region=eu-west-2"]), None)
    assert (task.job.hours, task.job.deadline, len(task.content.carbon.regions)) == (6, 24, 14)
    assert task.prices.measured.all()
