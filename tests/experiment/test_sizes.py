"""What is too large for the machine is refused with the numbers, or goes on when told to."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

import jaxsoco
from jaxsoco.cli import main
from jaxsoco.core.errors import InputError
from jaxsoco.experiment import expand, load_experiment, sizes
from jaxsoco.experiment.learners import MOST_LEARNERS
from jaxsoco.experiment.sizes import excesses

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def spec(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    text = """figure = "Large"
    family = "allocation"
    problem = { regions = ["eu-west-3", "eu-north-1"] }
    algorithm = [{ name = "greedy" }]
    run = { seeds = 16, tile = 16, compare = ["advice"] }"""
    (tmp_path / "large.toml").write_text(text, encoding="utf-8")
    return tmp_path / "large.toml"


def test_absurd_numbers_of_seeds_are_refused_with_the_numbers(spec, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 10**9))
    monkeypatch.setattr(sizes, "available_memory", lambda: 10**9)
    assert main(["run", str(spec), "--seeds", "2147483647"]) == 2
    told = capsys.readouterr()
    assert "2147483647 seeds = 4294967294 runs" in told.out
    assert "run.seeds: 159 GB of results, and 1 GB are free on the disk of runs/large" in told.err
    assert "--anyway" in told.err and "anyway=True" in told.err
    assert not Path("runs").exists()
    assert main(["check", str(spec), "--seeds", "2147483647"]) == 0
    assert "159 GB of results, and 1 GB are free" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("run.pack=2147483647", "of memory, and 1 GB are available"),
        ("run.pack=16", "134217728 files of results (want at most 1000000"),
        ("run.chunk=16", "134217728 files of results (want at most 1000000"),  # its older name
    ],
)
def test_packs_fit_the_memory_and_the_folder(spec, monkeypatch, option, message):
    monkeypatch.setattr(sizes, "available_memory", lambda: 10**9)
    sweep = expand(load_experiment(spec, seeds=2**31 - 1, assignments=[option]))
    assert any(message in str(issue) for issue in excesses(sweep, spec.parent))


def test_programs_and_rounds_are_counted(spec, monkeypatch):
    sweep = expand(load_experiment(spec))
    assert not [*excesses(sweep, spec.parent)]
    monkeypatch.setattr(sizes, "MOST_COMPILATIONS", 1)
    monkeypatch.setattr(sizes, "MOST_ROUNDS", 10)
    told = "\n".join(map(str, excesses(sweep, spec.parent)))
    assert "problem: 2 programs to compile for 1 point (want at most 1:" in told
    assert "32 rounds of all learners" in told


def test_what_is_left_to_compute_counts(spec, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 1000))
    sweep = expand(load_experiment(spec))
    assert [*excesses(sweep, spec.parent)] and not [*excesses(sweep, spec.parent, 0.1)]


def test_anyway_goes_on(spec, monkeypatch, capsys):
    monkeypatch.setattr(sizes, "MOST_PACKS", 0)
    options = ["--set", "run.precision=float32", "--devices", "1"]
    assert main(["run", str(spec), *options]) == 2
    assert main(["run", str(spec), *options, "--anyway"]) == 0, capsys.readouterr().err


def test_python_refuses_as_the_command_line_does(spec):
    with pytest.raises(InputError, match="134217728 files of results"):
        jaxsoco.run(spec, overrides={"run.seeds": 2**31 - 1, "run.pack": 16}, progress=False)


def test_learners_without_number_are_refused(spec, capsys):
    axis = ", ".join(str(i + 1) for i in range(MOST_LEARNERS + 1))
    text = spec.read_text(encoding="utf-8").replace(
        '{ name = "greedy" }', f'{{ name = "st_clip", epsilon = [{axis}] }}'
    )
    spec.write_text(text, encoding="utf-8")
    assert main(["check", str(spec)]) == 2
    assert f"their values make {MOST_LEARNERS + 1} learners" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["x = " + "9" * 5000, "x = " + "[" * 3000, "x = 0x" + "f" * 9000, "a." * 3000 + "b = 1"]
)
def test_numbers_and_nests_without_end_are_refused(spec, line, capsys):
    text = spec.read_text(encoding="utf-8")
    spec.write_text(f"{line}\n{text}", encoding="utf-8")
    assert main(["check", str(spec)]) == 2
    said = capsys.readouterr().err
    assert len(said) < 1000 and "sys." not in said
    assert main(["run", str(spec), "--set", f"run.seeds={line[4:]}"]) == 2


def test_python_may_not_nest_without_end_either(spec):
    nest: dict = {}
    for _ in range(5000):
        nest = {"a": nest}
    for tables in (nest, {"figure": 10**5000}):
        with pytest.raises(InputError, match="cannot be written down"):
            jaxsoco.run(tables)
