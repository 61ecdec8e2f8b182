"""Importing the package, listing and rejecting bad input do without JAX and matplotlib."""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT, environment

HEAVY = ("jax", "jaxlib", "optax", "chex", "matplotlib", "ray")

# Says so on stderr as well, so that code which swallows the ImportError is found out.
BLOCKED = f"""
import runpy, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            print("BLOCKED", name, file=sys.stderr)
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocker())
"""
COMMAND = f"""{BLOCKED}
sys.argv[0] = "jaxsoco"
runpy.run_module("jaxsoco", run_name="__main__", alter_sys=True)
"""


def run_python(code: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def jaxsoco_without_jax(*arguments: str, cwd: Path) -> tuple[int, str]:
    """Runs ``jaxsoco`` where JAX cannot be imported; returns its exit code and all it printed."""
    done = run_python(COMMAND, *arguments, cwd=cwd)
    printed = done.stdout + done.stderr
    assert "BLOCKED" not in printed, printed
    assert "Traceback" not in printed, printed
    return done.returncode, printed


def test_importing_the_package_loads_no_heavy_library():
    code = f"import sys, jaxsoco; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_blocker_blocks():
    done = run_python(BLOCKED + "import jax")
    assert done.returncode == 1
    assert "BLOCKED jax" in done.stderr


@pytest.mark.parametrize("inside_checkout", [True, False])
def test_list_answers_without_jax(tmp_path, inside_checkout):
    code, printed = jaxsoco_without_jax("list", cwd=ROOT if inside_checkout else tmp_path)
    assert code == 0, printed
    assert "allocation" in printed
    assert "pcm" in printed


@pytest.mark.parametrize("command", ["check", "run"])
def test_every_error_of_a_malformed_spec_is_told_without_jax(tmp_path, command):
    spec = 'family = "alocation"\n\n[run]\nseeds = 0\nsede = 1\n'
    (tmp_path / "bad.toml").write_text(spec, encoding="utf-8")
    code, printed = jaxsoco_without_jax(command, "bad.toml", cwd=tmp_path)
    assert code == 2, printed
    assert 'did you mean "allocation"?' in printed
    assert "run.seeds" in printed
    assert "run.sede" in printed
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [("family = \n", "bad.toml"), ("", "family"), (None, "bad.toml")],
    ids=["syntax", "empty", "missing"],
)
def test_a_file_that_is_no_spec_is_refused_without_jax(tmp_path, text, named):
    if text is not None:
        (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    code, printed = jaxsoco_without_jax("check", "bad.toml", cwd=tmp_path)
    assert code == 2, printed
    assert named in printed


def test_unknown_commands_are_refused_without_jax(tmp_path):
    code, printed = jaxsoco_without_jax("lst", cwd=tmp_path)
    assert code == 2, printed
    assert "lst" in printed
