"""Results outlive what made them: the plug-in, the data files, the version of JAX."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

import jaxsoco
from jaxsoco.core.cells import digest_of
from jaxsoco.core.errors import InputError

PLUGIN = '''\
"""A family from outside, with a kind of check and one of figure."""
import json

from jaxsoco.analysis.checks import CHECKS, Check
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.schema import Extension

import toy_family
from toy_family import FAMILY


@CHECKS.register
class AnyCost(Check):
    """Holds whatever the costs are."""

    name = "any-cost"
    summary = "always holds"

    def run(self, ledger):
        return self.judged(True, Estimate(1.0), ledger.totals("step", [0]), "any cost will do")


EXTENSIONS = [FAMILY]
'''

SPEC = """
figure = "Walks from outside"
family = "toy"
plugins = ["outside"]
[problem]
speed = [1, 2]
map = "map.json"
[[algorithm]]
name = "step"
[run]
seeds = 3
horizons = 20
tile = 16
trace = 1
precision = "float32"
[[plot]]
kind = "single-runs"
"""


NO_JAX = """
import sys
class Without:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("jax", "jaxlib"):
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Without())
"""


@pytest.fixture
def apart(tmp_path):
    """Runs ``jaxsoco`` in a process of its own, in which nothing of the plug-in is known."""

    def run(*arguments: str, code: int = 0, jax: bool = True) -> str:
        boot = "" if jax else NO_JAX
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"{boot}import sys\nfrom jaxsoco.cli import main\nsys.exit(main(sys.argv[1:]))",
                *arguments,
            ],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


def write(folder: Path, check: str = "") -> None:
    """A plug-in, its data and an experiment that needs both."""
    family = Path(__file__).parents[1] / "experiment" / "toy_family.py"
    (folder / "toy_family.py").write_text(family.read_text("utf-8"), encoding="utf-8")
    (folder / "outside.py").write_text(PLUGIN, encoding="utf-8")
    (folder / "map.json").write_text("[1]", encoding="utf-8")
    (folder / "study.toml").write_text(SPEC + check, encoding="utf-8")


def forget(folder: Path) -> None:
    """Takes away everything that the run was made with."""
    for name in ("toy_family.py", "outside.py", "map.json", "study.toml"):
        (folder / name).unlink()


def of_another_jax(out: Path) -> None:
    """Makes the manifest that of a JAX which is not installed."""
    file = out / "manifest.json"
    manifest = json.loads(file.read_text("utf-8"))
    del manifest["seal"]
    manifest["settings"]["versions"]["jax"] = "99.0"
    file.write_text(json.dumps({**manifest, "seal": digest_of(manifest)}), encoding="utf-8")


def test_results_are_read_without_plugin_data_and_jax(tmp_path, apart):
    write(tmp_path)
    apart("run", "study.toml", "--out", "out")
    table = (tmp_path / "out" / "table.csv").read_bytes()
    forget(tmp_path)
    printed = apart("status", "out", jax=False)
    assert "14 of 14 (100 %)" in printed
    for command in (["report", "out"], ["export", "out", "--csv", "a.csv", "--runs"]):
        apart(*command, jax=False)
    assert (tmp_path / "out" / "table.csv").read_bytes() == table
    assert "identical" in apart("compare", "out", "out", jax=False)
    assert "nothing to delete" in apart("prune", "out", jax=False)
    results = jaxsoco.load(tmp_path / "out")
    assert results.complete and results.labels == ("step", "still")
    assert len(results.traces("step")) == 2 * 20 and len(results.table()) == 4


def test_results_of_another_jax_are_read(folder):
    out = folder.run("out")
    before = (out / "table.csv").read_bytes()
    of_another_jax(out)
    assert "18 of 18" not in folder("report", out)
    assert (out / "table.csv").read_bytes() == before
    assert jaxsoco.load(out).complete
    assert "18 of 18 (100 %)" in folder("status", out)


def test_a_kind_of_check_that_is_gone_says_so(tmp_path, apart):
    write(tmp_path, '[[check]]\nkind = "any-cost"\n')
    assert "any cost will do" in apart("run", "study.toml", "--out", "out")
    forget(tmp_path)
    message = 'no check is of kind "any-cost" (load the plug-in that declares it, with --plugin)'
    assert message in apart("report", "out", code=2)
    assert "14 of 14" in apart("status", "out")
    results = jaxsoco.load(tmp_path / "out")
    assert len(results.runs("step")) and len(results.table()) == 4
    with pytest.raises(InputError, match='"any-cost"'):
        _ = results.checks
