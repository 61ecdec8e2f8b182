"""The command line: what it prints, its exit codes, and that it answers before JAX is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxsoco import registry
from jaxsoco.cli import main
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import REQUIRED, Field

ROOT = Path(__file__).resolve().parents[1]

SPEC = """\
figure = "Two sizes"
family = "allocation"
[problem]
data_size = [1, 4]
[[algorithm]]
name = "pcm"
[run]
seeds = 600
chunk = 512
[smoke]
seeds = 8
"""

WITHOUT_JAX = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "jaxlib", "matplotlib"):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocker())
from jaxsoco.cli import main
sys.exit(main())
"""


def start(*arguments: str, cwd: Path, code: str = WITHOUT_JAX) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "kernels")))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def spec(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "experiments" / "allocation"
    folder.mkdir(parents=True)
    path = folder / "sizes.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_list_names_everything(spec, capsys):
    (spec.parent / "broken.toml").write_text("figure = ", encoding="utf-8")
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in ("carbon_jobs", "pcm", "st_clip", "threshold", "offline_optimum", "advice"):
        assert f"allocation/{name}" in printed
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "experiments/allocation/sizes.toml Two sizes" in lines
    assert any(line.startswith("experiments/allocation/broken.toml (") for line in lines)


def test_list_shows_the_fields_of_one(capsys):
    assert main(["list", "allocation/st_clip"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "allocation/st_clip (algorithm)"
    assert any(line.startswith("epsilon a number > 0 0.1 trust in the advice") for line in lines)
    assert any(line.startswith('metric "tree" or "true" "tree" ') for line in lines)
    assert main(["list", "allocation/carbon_jobs"]) == 0
    printed = capsys.readouterr().out
    assert 'an integer from 1 to 168 h or "google"' in printed
    assert main(["list", "allocation"]) == 0
    assert "shortfall" in capsys.readouterr().out
    assert main(["list", "allocation/advice"]) == 0
    assert "run.compare" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("allocation/pmc", 'did you mean "allocation/pcm"?'),
        ("alocation/pcm", 'did you mean "allocation"?'),
        ("pcm", "family/name"),
        ("a/b/c", "family/name"),
        ("checks/slop", 'did you mean "checks/slope"?'),
        ("plots/", "plots/"),
    ],
)
def test_list_of_an_unknown_name_suggests(capsys, name, hint):
    assert main(["list", name]) == 2
    assert hint in capsys.readouterr().err


def test_list_shows_the_kinds_of_checks_and_plots_and_the_keys_of_a_run(capsys):
    for name, told in (("checks", "checks/slope"), ("plots/curve", "rate"), ("run", "root_seed")):
        assert main(["list", name]) == 0
        assert told in capsys.readouterr().out


def test_the_registry_finds_entries():
    assert registry.family("allocation").name == "allocation"
    assert registry.algorithm("allocation/pcm").name == "pcm"
    assert registry.problem("allocation/carbon_jobs").name == "carbon_jobs"
    assert registry.comparator("allocation/offline_optimum").name == "offline_optimum"
    assert registry.find("allocation/advice")[0] == "comparator"
    for look_up in (registry.algorithm, registry.problem, registry.comparator):
        with pytest.raises(InputError, match="allocation/"):
            look_up("allocation/no_such_thing")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (Field("x", "float", ""), "a number"),
        (Field("x", "float", "", unit="g", low=0), "a number >= 0 g"),
        (Field("x", "float", "", low=0, open_low=True), "a number > 0"),
        (Field("x", "float", "", high=2), "a number <= 2"),
        (
            Field("x", "float", "", low=0, high=2, open_low=True),
            "a number from 0 (excluded) to 2",
        ),
        (
            Field("x", "integer", "", low=1, high=9, words=("all",)),
            'an integer from 1 to 9 or "all"',
        ),
        (Field("x", "choice", "", choices=("a", "b", "c")), '"a", "b" or "c"'),
        (Field("x", "boolean", ""), "true or false"),
        (Field("x", "strings", ""), "a list of strings"),
        (Field("x", "strings", "", choices=("a", "b")), 'a list from "a", "b"'),
        (Field("x", "path", "", REQUIRED, words=("none",)), 'a path or "none"'),
    ],
)
def test_what_a_field_takes_in_words(field, words):
    assert registry.want(field) == words


def test_check_prints_the_size(spec, capsys):
    assert main(["check", str(spec)]) == 0
    printed = capsys.readouterr().out
    assert "2 points x 3 learners x 600 seeds = 3600 runs, 3 compilations, 3 chunks" in printed
    assert "data_size" in printed
    # 1200 runs of 3 learners: 4 costs of 8 bytes, a flag of 4 and one of 1.
    assert f"{1200 * 3 * (4 * 8 + 5) / 1000:.3g} kB" in printed
    assert "not known before a first chunk is in runs/sizes" in printed
    assert main(["check", str(spec), "--smoke"]) == 0
    assert "runs/sizes-smoke" in capsys.readouterr().out


def test_check_writes_nothing(spec, tmp_path):
    assert main(["check", str(spec)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["experiments"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "COMMAND"),
        (["rnu", "x.toml"], "rnu"),
        (["run"], "SPEC"),
        (["run", "x.toml", "--chunks", "3/2"], "want I/N"),
        (["run", "x.toml", "--chunks", "0/2"], "want I/N"),
        (["run", "x.toml", "--chunks", "half"], "want I/N"),
        (["run", "x.toml", "--devices", "0"], "1 or more"),
        (["run", "x.toml", "--devices", "two"], "1 or more"),
        (["run", "x.toml", "--seeds", "many"], "many"),
        (["run", "x.toml", "--sede", "3"], "--sede"),
        (["run", "no_such.toml"], "no_such.toml: there is no such file"),
        (["status", "nowhere"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_code_2(spec, capsys, arguments, told):
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_that_is_no_run_is_refused(spec, tmp_path, capsys, command):
    assert main([command, str(tmp_path)]) == 2
    assert "not a run directory" in capsys.readouterr().err


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("jaxsoco ")
    assert main(["--help"]) == 0
    assert "75 interrupted and resumable" in " ".join(capsys.readouterr().out.split())


def test_the_small_commands_do_without_jax(spec, tmp_path):
    listed = start("list", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    checked = start("check", str(spec), cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    for command in ("status", "report"):
        refused = start(command, str(tmp_path), cwd=tmp_path)
        assert refused.returncode == 2
        assert "not a run directory" in refused.stderr


def test_run_refuses_bad_input_without_jax(spec, tmp_path):
    bad = start("run", str(spec), "--set", "problem.switch=-1", cwd=tmp_path)
    assert bad.returncode == 2
    assert "--set problem.switch: -1 is too small" in bad.stderr
    conflict = start("run", str(spec), "--set", "problem.deadline_min=1", cwd=tmp_path)
    assert conflict.returncode == 2
    assert "problem.job_length" in conflict.stderr
    foreign = start("run", str(spec), "--out", str(spec.parent), cwd=tmp_path)
    assert foreign.returncode == 2
    assert "not a run directory" in foreign.stderr
    assert not (tmp_path / "runs").exists()


def test_a_closed_pipe_is_no_traceback(tmp_path):
    code = (
        "import os, sys\n"
        "from jaxsoco.cli import main\n"
        "reader, writer = os.pipe()\n"
        "os.close(reader)\n"
        "os.dup2(writer, 1)\n"
        "sys.exit(main(['list']))\n"
    )
    done = start(cwd=tmp_path, code=code)
    assert done.returncode == 141
    assert done.stderr == ""
