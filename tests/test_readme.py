"""The stranger's first step: README's main command, word for word, in a copy of the checkout."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(".*", "runs", "dist", "build", "_build", "__pycache__")


def main_command():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    (command,) = [line for line in lines if line.startswith("python3 -m venv .venv &&")]
    return command


@pytest.mark.slow
def test_the_main_command_of_the_readme_ends_with_a_table_and_a_report(tmp_path):
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    shutil.copytree(ROOT / ".ci", copy / ".ci")
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "XLA_FLAGS")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", main_command()],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "st_clip" in done.stdout and "check passed" in done.stdout
    assert (copy / "runs" / "quickstart" / "report.html").is_file()
