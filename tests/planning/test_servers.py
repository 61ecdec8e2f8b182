"""``jaxsoco plan`` of right-sizing: JSON and CSV say the same plan, and optima are least."""

import csv
import json

import numpy as np
import pytest
from processes import ROOT

from jaxsoco.core.errors import InputError
from jaxsoco.experiment.spec import load_experiment
from jaxsoco.planning.servers import compute_servers

SPEC = ROOT / "experiments/smoothed/servers.toml"
SMALL = [
    part
    for text in ("problem.rounds=12", "problem.servers=6", "run.precision=float32")
    for part in ("--set", text)
]


def test_servers_on_by_hour(command, tmp_path):
    files = ("--csv", "plan.csv", "--figure", "plan.svg")
    document = json.loads(command(*SMALL, *files, "--json", spec=str(SPEC)))
    assert document["problem"] == "smoothed/rightsizing" and document["bin"] == 3600
    load = np.array(document["load"])
    assert load.max() == pytest.approx(0.7 * 6) and len(load) == 12
    totals = {one["name"]: one["costs"]["total"] for one in document["schedules"]}
    assert totals["offline_optimum"] <= min(totals.values()) * (1 + 1e-5)
    assert totals["integral_optimum"] <= totals["lcp"] <= 3 * totals["integral_optimum"]
    with open("plan.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert command.told.startswith("plan.csv: 72 rows")
    for one in document["schedules"]:
        servers = np.array(one["servers"])
        mine = [row for row in rows if row["learner"] == one["name"]]
        np.testing.assert_allclose([float(row["servers"]) for row in mine], servers)
        assert [float(row["hour"]) for row in mine] == list(range(12))
        assert (servers >= load * (1 - 1e-6)).all() and one["faults"] == 0
        # Turning a server on costs 6.05, and the run begins with none.
        ups = np.maximum(np.diff(servers, prepend=0), 0).sum()
        assert one["costs"]["move"] == pytest.approx(6.05 * ups, rel=1e-5)
        if one["name"] in ("lcp", "integral_optimum"):
            np.testing.assert_array_equal(servers, np.rint(servers))
    assert (tmp_path / "plan.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_what_is_no_plan_of_servers_is_refused():
    def refused(message, jobs=(), *assignments):
        with pytest.raises(InputError, match=message):
            compute_servers(load_experiment(SPEC, assignments=assignments), jobs, None)

    refused("is drawn, a plan is for a file", (), "problem.load=low")
    refused("problem.switching: has 2 values", (), "problem.switching=[1.0,2.0]")
    refused("--job: is for jobs of allocation", ["start=1"])
