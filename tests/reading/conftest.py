"""Runs of the toy family of ``tests/experiment``, and the commands that read them."""

import json
from pathlib import Path

import pytest
import toys
from toys import random_toy as random_toy
from toys import toy as toy

from jaxsoco.cli import main

SHORT = (("horizons = [10, 20]", "horizons = 20\ncheckpoints = 4"), ("pack = 16\n", ""))


@pytest.fixture(autouse=True)
def _flags(own_xla_flags):
    """All tests here run experiments."""


@pytest.fixture
def bent(random_toy, monkeypatch):
    """Makes every round of a walk cost something else: ``bend(key, cost)``."""
    real = random_toy._play

    def bend(change):
        def play(key, spec, world, round, action):
            world, feedback, costs = real(key, spec, world, round, action)
            return world, feedback, costs._replace(hit=change(key, costs.hit))

        monkeypatch.setattr(random_toy, "_play", play)

    return bend


class Folder:
    """A folder with an experiment of the toy family, and the command line in it."""

    def __init__(self, path: Path, capsys):
        self.path, self._capsys = path, capsys

    def spec(self, *replacements: tuple[str, str]) -> Path:
        return toys.write(self.path / "walks.toml", *SHORT, *replacements)

    def __call__(self, *arguments: object, code: int = 0) -> str:
        """Runs ``jaxsoco``; its output. Errors are in ``told``."""
        done = main([*map(str, arguments)])
        printed = self._capsys.readouterr()
        self.told = printed.err
        assert "Traceback" not in printed.err
        assert done == code, printed.err
        return printed.out

    def run(self, out: str, *options: object, spec: Path | None = None, code: int = 0) -> Path:
        """Runs the experiment into a folder of this one."""
        where = self.path / out
        self("run", spec or self.spec(), "--out", where, *options, code=code)
        return where

    @staticmethod
    def packs(out: Path) -> dict[str, int]:
        """Names of the packs of a run -> when they were written."""
        return {file.stem: file.stat().st_mtime_ns for file in (out / "packs").glob("*.json")}

    def json(self, *arguments: object, code: int = 0) -> dict:
        """What a command prints for programs."""
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def folder(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path, capsys)
