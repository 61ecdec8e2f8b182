"""The experiment files of the repository are valid, in full and with ``--smoke``."""

import tomllib
from pathlib import Path

import pytest

from jaxsoco import registry
from jaxsoco.cli import main
from jaxsoco.experiment import load_experiment

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "experiments").rglob("*.toml"))


def test_every_family_has_experiments():
    assert set(registry.FAMILIES) <= {file.parent.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_file_is_valid_and_makes_claims(file, capsys):
    for options in ([], ["--smoke"]):
        assert main(["check", str(file), *options]) == 0, capsys.readouterr().err
    full, smoke = load_experiment(file), load_experiment(file, smoke=True)
    # What a search finds is judged beside the default and the theory.
    judged = "tune" in tomllib.loads(file.read_text(encoding="utf-8"))
    assert judged or {check["kind"] for check in full.checks} - {"complete"}, "it claims nothing"
    drawn = smoke.checks and smoke.plots
    assert judged or drawn, "the smoke run checks or draws nothing"
    assert smoke.run.seeds <= full.run.seeds
