"""Plug-ins as their authors write them: a module beside an experiment file."""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

from jaxsoco import registry
from jaxsoco.cli import main

MODULE = """\
import jax.numpy as jnp

from jaxsoco.extend import Algorithm, AlgorithmEntry, Extension, setting, settings


@settings
class HalfwayParams:
    \"\"\"How far it goes: ``y = (1 - share) w`` with ``w`` the deviation if nothing is done.\"\"\"

    share: float = setting("of the way to the minimiser", 0.5, low=0, high=1)


def init(key, params, spec):
    return jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)


def act(key, params, state, obs):
    deviation = (1 - params.share) * (state - obs.increment)
    return deviation, deviation


def update(params, state, action, feedback):
    return state


HALFWAY = AlgorithmEntry(
    name="halfway",
    summary="goes a fixed share of the way",
    source="an example",
    load=Algorithm(init, act, update),
    params=HalfwayParams,
    problems=("quadratic_tracking",),
)
EXTENSIONS = [Extension("tracking", algorithms=(HALFWAY,))]
"""

SPEC = """\
figure = "Half the way"
family = "tracking"
plugins = ["halfway"]
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "follow_minimizer"
[[algorithm]]
name = "halfway"
share = [0.5, 0.9]
[run]
horizons = 20
seeds = 16
tile = 16
precision = "float32"
"""


class Place:
    """A folder with a plug-in and an experiment, and the command line in it."""

    def __init__(self, folder: Path, capsys):
        self.folder = folder
        self._capsys = capsys

    def write(self, name: str, text: str, *replacements: tuple[str, str]) -> Path:
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def module(self, *replacements: tuple[str, str], name: str = "halfway") -> Path:
        return self.write(f"{name}.py", MODULE, *replacements)

    def spec(self, *replacements: tuple[str, str]) -> Path:
        return self.write("study.toml", SPEC, *replacements)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Runs ``jaxsoco`` in this process: exit code, output and errors."""
        code = main([*arguments])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err


@pytest.fixture
def place(tmp_path, monkeypatch, capsys, own_xla_flags):
    monkeypatch.chdir(tmp_path)
    modules = set(sys.modules)
    yield Place(tmp_path, capsys)
    registry.activate(())
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.fixture
def apart(tmp_path):
    """Runs ``jaxsoco`` in a process of its own, with these folders among the installed packages."""

    def run(*arguments: str, sites: tuple[Path, ...] = ()) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "jaxsoco", *arguments],
            cwd=tmp_path,
            env=environment(first=sites),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run
