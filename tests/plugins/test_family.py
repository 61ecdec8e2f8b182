"""A whole family from outside: listed, checked, run, reported, made and played."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import jaxsoco
from jaxsoco import cli, registry
from jaxsoco.plugins import load_plugin

TOY = Path(__file__).resolve().parents[1] / "experiment" / "toy_family.py"
STUDY = """
figure = "Toy"
family = "toy"
plugins = ["toy_plugin"]
[problem]
speed = 2.0
[[algorithm]]
name = "step"
stride = 0.5
[run]
horizons = 6
seeds = 16
tile = 16
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    shutil.copy(TOY, tmp_path / "toy_family.py")
    (tmp_path / "toy_plugin.py").write_text(
        "from toy_family import FAMILY\nEXTENSIONS = [FAMILY]\n"
    )
    (tmp_path / "study.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with registry.unchanged():
        yield tmp_path


def test_it_is_listed_and_checked(here, capsys):
    assert cli.main(["list", "--plugin", "toy_plugin"]) == 0
    assert "toy/walk" in capsys.readouterr().out
    assert cli.main(["check", "study.toml", "--plugin", "toy_plugin"]) == 0
    assert "toy/walk" in capsys.readouterr().out
    assert cli.main(["check", "study.toml"]) == 0  # names the module, and imports nothing
    assert "toy_plugin (toy_plugin.py)" in capsys.readouterr().out


def test_it_is_run_and_read_without_the_plugin(here):
    jaxsoco.run("study.toml", "out", progress=False)
    (here / "toy_plugin.py").unlink()
    registry.activate(())
    rows = jaxsoco.load("out").runs("step")
    last = rows[rows["round"] == 6]
    np.testing.assert_array_equal(last.total, 6 * 2.0 + 6 * 0.5)
    assert cli.main(["report", "out"]) == 0


def test_it_is_made_and_played(here):
    registry.activate([load_plugin("toy_plugin", here)])
    problem = jaxsoco.make("toy/walk", speed=2.0, horizon=6)
    algorithm, params = jaxsoco.learner("toy/step", stride=0.5)
    keys = jaxsoco.seed_keys(0, 3)
    run = jaxsoco.play(problem, algorithm, params, keys)
    np.testing.assert_array_equal(run.costs.move[-1], 6 * 0.5)
    np.testing.assert_array_equal(jaxsoco.comparator("toy/still")(problem, keys)["hit"][-1], 12.0)
