"""What the benchmarks share: devices, the order of timings, the tables."""

import os
import sys
import types

import harness  # pyright: ignore[reportMissingImports]
import pytest


def test_host_devices_keep_other_flags(monkeypatch):
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    monkeypatch.setenv("PJRT_NPROC", "")  # taken back after the test
    harness.force_host_devices(3)
    flags = os.environ["XLA_FLAGS"].split()
    assert flags[:2] == ["--xla_dump_to=x", "--xla_force_host_platform_device_count=3"]


def test_host_devices_come_too_late_after_jax(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", types.ModuleType("jax"))
    with pytest.raises(RuntimeError, match="fixed"):
        harness.force_host_devices(2)


def test_cases_take_turns():
    calls = []
    cases = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = harness.interleaved(cases, 3)
    assert calls == ["a", "b"] * 3
    assert {name: len(t) for name, t in times.items()} == {"a": 3, "b": 3}
    assert min(times["a"] + times["b"]) >= 0


def test_machine_names_versions():
    lines = harness.machine(["numpy"])
    assert "cores" in lines[0]
    assert "numpy 2" in lines[1]


def test_table_is_aligned_markdown():
    assert harness.table(["name", "x"], [["a", 1], ["longer", "1,234"]]).splitlines() == [
        "| name   |     x |",
        "| ------ | ----: |",
        "| a      |     1 |",
        "| longer | 1,234 |",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.234e-6, "1.23"), (12.34e-6, "12.3"), (1.2344e-3, "1,234")]
)
def test_micro(seconds, text):
    assert harness.micro(seconds) == text


@pytest.mark.parametrize(("ratio", "text"), [(1234.4, "1,234x"), (2.345, "2.3x")])
def test_times(ratio, text):
    assert harness.times(ratio) == text
