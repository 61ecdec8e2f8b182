"""An experiment with two regions, data of 30 hours and a forecast of 24 more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jaxsoco.cli import main

REGIONS = ("eu-west-3", "eu-west-2")
SPEC = """\
figure = "A job"
family = "allocation"
[problem]
carbon = "data.csv"
job_length = 3
deadline_min = 12
deadline_max = 12
[[algorithm]]
name = "greedy"
[[algorithm]]
name = "pcm"
metric = ["true", "tree"]
[run]
seeds = 4
precision = "float32"
"""


def write_csv(path: Path, start: str, values: np.ndarray) -> None:
    hours = np.datetime64(start, "h") + np.arange(len(values))
    lines = [f"datetime,{','.join(REGIONS)}"]
    lines += [f"{h}:00Z,{a},{b}" for h, (a, b) in zip(hours, values, strict=True)]
    path.write_text("\n".join(lines), encoding="utf-8")


class Command:
    """``jaxsoco plan`` in a folder of its own; what it told is in ``told``."""

    def __init__(self, capsys):
        self._capsys = capsys
        self.told = ""

    def __call__(self, *options: object, code: int = 0, spec: str = "job.toml") -> str:
        done = main(["plan", spec, *map(str, options)])
        printed = self._capsys.readouterr()
        self.told = printed.err
        assert "Traceback" not in printed.err
        assert done == code, printed.err
        return printed.out


@pytest.fixture
def command(tmp_path, monkeypatch, capsys, own_xla_flags) -> Command:
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(5).uniform(50, 500, (60, 2)).round(1)
    write_csv(tmp_path / "data.csv", "2024-05-01", values[:30])
    write_csv(tmp_path / "ahead.csv", "2024-05-02T06:00", values[30:54])
    (tmp_path / "job.toml").write_text(SPEC, encoding="utf-8")
    return Command(capsys)
