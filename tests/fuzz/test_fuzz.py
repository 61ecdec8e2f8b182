"""Thousands of wrong experiments and data files: each gets an answer in words, and soon.

A case is made from its index alone; one again: ``python tests/fuzz/fuzz_cases.py specs 244 245``.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

HERE = Path(__file__).resolve().parent
EXITS = {0, 1, 2, 75}

sys.path.insert(0, str(HERE))
import fuzz_cases as cases  # noqa: E402
import fuzz_mutations as mutations  # noqa: E402


def slow(indices) -> list:
    return [pytest.param(index, marks=pytest.mark.slow) for index in indices]


def batch(kind: str, first: int, stop: int) -> dict:
    """What came of the cases, in a process with limits of its own."""
    done = subprocess.run(
        [sys.executable, str(HERE / "fuzz_cases.py"), kind, str(first), str(stop)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    shown = "\n".join(f"{kind} {i}:\n{text}" for i, text in [*result["faults"].items()][:5])
    assert not result["fault"], f"{result['fault']} faults\n{shown}"
    assert result["fine"] + result["refused"] == stop - first
    return result


def test_files_that_are_right_are_read():
    assert batch("files", 0, len(mutations.FORMATS))["refused"] == 0


def test_wrong_experiments_are_refused_in_words():
    assert batch("specs", 0, 2000)["fine"] > 100  # not everything is wrong


def test_wrong_data_files_are_refused_in_words():
    assert batch("files", len(mutations.FORMATS), 1000 + len(mutations.FORMATS))["fine"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_more_wrong_experiments(part):
    batch("specs", 2000 * (part + 1), 2000 * (part + 2))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_more_wrong_data_files(part):
    batch("files", 2000 * (part + 1), 2000 * (part + 2))


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "jaxsoco", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said[-2000:]
    assert done.returncode in EXITS, (done.returncode, said[-500:])
    assert done.returncode != 2 or done.stderr.startswith("jaxsoco: ")
    return done


@pytest.mark.parametrize("index", [*range(26), *slow(range(26, 300))])
def test_the_command_line_answers(index, tmp_path):
    cases.write_spec(index, tmp_path)
    command(tmp_path, "check", "study.toml")


SMALL = {
    "figure": "small",
    "family": "allocation",
    "problem": {"regions": ["eu-west-3", "eu-north-1"], "job_length": 2, "deadline_min": 4},
    "algorithm": [{"name": "greedy"}],
    "run": {"seeds": 16, "tile": 16, "compare": ["advice"]},
    "check": [{"kind": "complete"}],
}


@pytest.mark.parametrize("index", [*range(4), *slow(range(4, 60))])
def test_the_command_line_runs_or_refuses(index, tmp_path):
    draw = random.Random(f"run {index}")
    text = mutations.as_toml(mutations.mutate_tables(SMALL, draw) if index else SMALL)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    done = command(tmp_path, "run", "study.toml", "--smoke", "--devices", "1")
    assert index or done.returncode == 0
