"""Makes the toy family known, as any family is."""

import importlib.util
import sys
from pathlib import Path

import pytest

from jaxsoco import registry

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
horizons = [10, 20]
tile = 16
pack = 16
precision = "float32"
[[plot]]
kind = "cost-breakdown"
"""


@pytest.fixture
def toy(monkeypatch):
    """The toy family's module; the family is registered while the test runs."""
    path = Path(__file__).with_name("toy_family.py")
    spec = importlib.util.spec_from_file_location("toy_family", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "toy_family", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(registry.FAMILIES, "toy", "toy_family:FAMILY")
    registry.families.cache_clear()
    yield module
    registry.families.cache_clear()


@pytest.fixture
def toy_spec(toy, tmp_path):
    """Writes an experiment of the toy family, with text replaced; returns its path."""

    def write(*replacements: tuple[str, str]) -> Path:
        text = SPEC
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "walks.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
