"""The toy family (``tests/experiment/toy_family.py``) as any family is, and a study of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from jaxsoco import registry

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


def write(path: Path, *replacements: tuple[str, str]) -> Path:
    """Writes the study, with text replaced."""
    text = SPEC
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path
