"""Runs of the toy family of ``tests/experiment``, and the commands that read them."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from jaxsoco import registry
from jaxsoco.cli import main

TOY = Path(__file__).parents[1] / "experiment" / "toy_family.py"

SPEC = """
figure = "Walks"
family = "toy"
[problem]
speed = [1, 2]
[[algorithm]]
name = "step"
stride = [0.5, 1]
[run]
seeds = 3
horizons = 20
checkpoints = 4
tile = 16
precision = "float32"
[[plot]]
kind = "cost-breakdown"
"""


@pytest.fixture(autouse=True)
def _flags(monkeypatch):
    """A run asks XLA for devices and threads; other tests must not inherit that."""
    for name in ("XLA_FLAGS", "PJRT_NPROC"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    if not os.environ["PJRT_NPROC"]:
        monkeypatch.delenv("PJRT_NPROC")


@pytest.fixture
def toy(monkeypatch):
    """The toy family's module; the family is registered while the test runs."""
    spec = importlib.util.spec_from_file_location("toy_family", TOY)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "toy_family", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(registry.FAMILIES, "toy", "toy_family:FAMILY")
    registry.families.cache_clear()
    yield module
    registry.families.cache_clear()


@pytest.fixture
def random_toy(toy, monkeypatch):
    """The same with a speed that is drawn for each seed, so that seeds differ."""
    from jaxsoco.core import random

    def draw(key, settings):
        return settings * (0.5 + random.uniform(key, dtype=settings.dtype))

    monkeypatch.setattr(toy, "_draw", draw)
    return toy


class Folder:
    """A folder with an experiment of the toy family, and the command line in it."""

    def __init__(self, path: Path, capsys):
        self.path, self._capsys = path, capsys

    def spec(self, *replacements: tuple[str, str]) -> Path:
        text = SPEC
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = self.path / "walks.toml"
        path.write_text(text, encoding="utf-8")
        return path

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
