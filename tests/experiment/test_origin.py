"""What fixes numbers is part of keys: code file by file, data, compiler; and nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jaxsoco
from jaxsoco.cli import main
from jaxsoco.core.sources import digest_of_files, imported_names, neighbourhood, package_files
from jaxsoco.engine.store import Store
from jaxsoco.experiment import origin as origins
from jaxsoco.experiment.origin import compiler_facts, xla_flags

ROOT = Path(__file__).resolve().parents[2]

STUDY = """\
figure = "Four of a family"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "follow_minimizer"
[[algorithm]]
name = "lai"
[[algorithm]]
name = "passive_learner"
[run]
horizons = 20
seeds = 16
tile = 16
precision = "float32"
compare = ["online_optimum_path"]
"""
LABELS = ["follow_minimizer", "lai", "passive_learner", "online_optimum_path"]

DIGESTS = """
import json, sys
from pathlib import Path
from jaxsoco.experiment import expand, load_experiment
from jaxsoco.experiment.origin import origin
print(json.dumps(origin(expand(load_experiment(Path("study.toml"))), {}).to_json()))
assert "jax" not in sys.modules
"""


class Tree:
    """A copy of the package's sources, and programs that import it."""

    def __init__(self, folder: Path):
        self.folder = folder
        kernels = folder / "kernels" / "jaxsoco_kernels"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "jaxsoco", folder / "jaxsoco", ignore=ignored)
        shutil.copytree(ROOT / "kernels" / "jaxsoco_kernels", kernels, ignore=ignored)
        (folder / "study.toml").write_text(STUDY, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.folder / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")

    def start(self, *arguments: str) -> str:
        """What a program prints that imports this tree."""
        paths = os.pathsep.join(map(str, (self.folder, self.folder / "kernels")))
        # Sources of one size that change within a second: no compiled file may stand for them.
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def digests(self) -> dict[str, str]:
        """``common``, ``problem`` and each label -> digest of the code."""
        content = json.loads(self.start("-c", DIGESTS))
        return {name: content[name] for name in ("common", "problem")} | content["learners"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Tree:
    return Tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def before(tree) -> dict[str, str]:
    return tree.digests()


ALL = {"common", "problem", *LABELS}
EDITS = {
    "tracking/learners/follow_minimizer.py": {"follow_minimizer"},
    "tracking/learners/lai.py": {"lai", "online_optimum_path"},  # which plays it
    "tracking/learners/scale.py": set(),  # takes no part
    "tracking/learners/_shared.py": ALL - {"common", "problem", "follow_minimizer"},
    "tracking/settings.py": {"problem"},
    "tracking/theory/planning.py": {"problem"},
    "allocation/settings.py": set(),
    "core/rollout.py": {"common"},
    "engine/batch.py": {"common"},
    "analysis/ledger.py": set(),
    "commands.py": set(),
    "front/results.py": set(),
    "../kernels/jaxsoco_kernels/jacobi.py": {"common"},
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_counts_where_it_may_change_numbers(tree, before, name):
    file = tree.folder / "jaxsoco" / name
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}\n_NEW = 1\n", encoding="utf-8")
    after = tree.digests()
    file.write_text(text, encoding="utf-8")
    assert before.keys() == ALL
    assert {part for part in ALL if before[part] != after[part]} == EDITS[name]


def packs(out: Path) -> dict[str, set[int]]:
    """Name -> the numbers of the learners in it."""
    index = Store(out).open().refresh()
    return {name: {block.learner for block in pack.blocks} for name, pack in index.packs.items()}


@pytest.mark.slow
def test_a_learner_that_is_edited_is_computed_again_and_no_other(tmp_path):
    tree, out = Tree(tmp_path), tmp_path / "out"

    def run() -> str:
        return tree.start("-m", "jaxsoco", "run", "study.toml", "--out", "out")

    assert "64 runs in" in run()
    first = {label: jaxsoco.load(out).runs(label).total for label in LABELS}
    before = packs(out)
    change = ("jnp.zeros_like(obs.increment)", "jnp.full_like(obs.increment, 0.125)")
    tree.edit("jaxsoco/tracking/learners/follow_minimizer.py", *change)
    printed = run()
    assert "16 runs in" in printed and "48 runs were there already" in printed
    (new,) = packs(out).keys() - before.keys()
    assert packs(out)[new] == {0}
    second = {label: jaxsoco.load(out).runs(label).total for label in LABELS}
    assert (first["follow_minimizer"] != second["follow_minimizer"]).all()
    for label in LABELS[1:]:
        assert (first[label] == second[label]).all()
    tree.edit("jaxsoco/tracking/learners/follow_minimizer.py", *reversed(change))
    assert "all runs were there already" in run()
    assert (jaxsoco.load(out).runs("follow_minimizer").total == first["follow_minimizer"]).all()


# --- data and compiler, with the toy family -------------------------------------------------------


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    for name in ("XLA_FLAGS", "PJRT_NPROC"):  # a run asks for devices; other tests must not
        monkeypatch.setenv(name, os.environ.get(name, ""))
    if not os.environ["PJRT_NPROC"]:
        monkeypatch.delenv("PJRT_NPROC")

    def run(spec: Path) -> tuple[str, str]:
        assert main(["run", str(spec), "--out", str(tmp_path / "out")]) == 0
        return capsys.readouterr()

    return run


def test_data_count_by_their_content(toy_spec, run, tmp_path):
    for name, content in (("a.json", "1"), ("b.json", "2")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    spec = toy_spec(("speed = [1, 2]", 'speed = 1\nmap = ["a.json", "b.json"]'))
    assert "36 runs in" in run(spec)[0]
    (tmp_path / "b.json").write_text("3", encoding="utf-8")
    printed = run(spec)[0]
    assert "18 runs in" in printed and "18 runs were there already" in printed
    (tmp_path / "b.json").write_text("2 ", encoding="utf-8")  # the same number
    assert "all runs were there already" in run(spec)[0]
    (tmp_path / "a.json").rename(tmp_path / "c.json")
    moved = toy_spec(("speed = [1, 2]", 'speed = 1\nmap = ["c.json", "b.json"]'))
    # The name of a file is a value of the point, as the table shows it.
    assert "18 runs in" in run(moved)[0]


def test_another_version_of_jax_computes_all_of_it_again(toy_spec, run, tmp_path, monkeypatch):
    spec, version = toy_spec(), origins.metadata.version
    assert "36 runs in" in run(spec)[0]
    with monkeypatch.context() as patch:
        patch.setattr(origins.metadata, "version", lambda name: f"{version(name)}.{name}.test")
        printed, told = run(spec)
        assert "36 runs in" in printed and "were there already" not in printed
        assert f"what is in {tmp_path / 'out'} comes from another compiler; it is kept" in told
        assert "all runs were there already" in run(spec)[0]
    assert "all runs were there already" in run(spec)[0]


def test_flags_of_xla_that_may_change_numbers_count(toy_spec, run, monkeypatch):
    spec = toy_spec()
    assert "36 runs in" in run(spec)[0]
    # JAX has started long ago: only what the environment says is new.
    flags = os.environ["XLA_FLAGS"]
    monkeypatch.setenv("XLA_FLAGS", f"{flags} --xla_cpu_enable_fast_math=true")
    printed, told = run(spec)
    assert "36 runs in" in printed and "comes from another compiler" in told
    dumping = f"--xla_dump_to=/nowhere {flags} --xla_force_host_platform_device_count=1"
    monkeypatch.setenv("XLA_FLAGS", dumping)
    assert "all runs were there already" in run(spec)[0]


def test_a_platform_is_never_mixed_with_another(toy_spec, run, tmp_path, monkeypatch):
    spec = toy_spec()
    assert "36 runs in" in run(spec)[0]

    def elsewhere(*facts: object) -> dict:
        return compiler_facts("gpu", "H100", 16)

    monkeypatch.setattr("jaxsoco.experiment.building.compiler_facts", elsewhere)
    printed, told = run(spec)
    assert "36 runs in" in printed
    assert f"what is in {tmp_path / 'out'} was computed on cpu. On gpu all of it" in told


def test_on_a_cpu_a_narrow_tile_counts_in_float32():
    wide = compiler_facts("cpu", "", 64, "float32")
    assert compiler_facts("cpu", "", 2048, "float32") == wide == compiler_facts("cpu", "", 16)
    narrow = [compiler_facts("cpu", "", tile, "float32") for tile in (16, 32)]
    assert [one.pop("tile") for one in narrow] == [16, 32] and narrow == [wide, wide]


def test_on_a_gpu_its_kind_and_the_tile_count(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    cpu, gpu = compiler_facts("cpu", "whatever", 16), compiler_facts("gpu", "H100", 16)
    assert cpu == compiler_facts("cpu", "another", 32)
    assert gpu != compiler_facts("gpu", "H200", 16)
    assert gpu != compiler_facts("gpu", "H100", 32)
    assert gpu.keys() - cpu.keys() == {"device", "tile"}
    assert xla_flags("--b --xla_force_host_platform_device_count=7 --a --xla_dump_to=/tmp") == [
        "--a",
        "--b",
    ]


# --- sources --------------------------------------------------------------------------------------


def write(folder: Path, **texts: str) -> None:
    """Files by their names, with ``__`` for the ends of folders."""
    for name, text in texts.items():
        file = folder.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def test_names_that_a_file_imports(tmp_path):
    text = """
import os.path, a.b as c
from . import d
from .e import f
from ..g import h
def later():
    from i.j import k
"""
    write(tmp_path, one=text, two="def\n")
    names = imported_names(tmp_path / "one.py", ("p", "q"))
    assert names[:2] == ("os.path", "a.b")
    assert names[2:8] == ("p.q", "p.q.d", "p.q.e", "p.q.e.f", "p.g", "p.g.h")
    assert names[8:] == ("i.j", "i.j.k")
    assert imported_names(tmp_path / "two.py") == ()


def test_a_neighbourhood_is_a_folder_and_what_it_names_below(tmp_path):
    write(tmp_path, one="import tools.x\n", two="", tools__x="", tools__deep__y="", other__z="")
    write(tmp_path, jaxsoco__here="")
    (tmp_path / "two.py").write_text("import jaxsoco", encoding="utf-8")
    names = {
        str(file.relative_to(tmp_path)) for file in neighbourhood(tmp_path, tmp_path / "jaxsoco")
    }
    assert names == {"one.py", "two.py", "tools/x.py", "tools/deep/y.py"}


def test_a_digest_is_of_places_and_texts(tmp_path):
    write(tmp_path, a="x", b="y")
    first = digest_of_files(tmp_path, package_files(tmp_path))
    assert digest_of_files(tmp_path, reversed(sorted(package_files(tmp_path)))) == first
    write(tmp_path, a="y", b="x")
    assert digest_of_files(tmp_path, package_files(tmp_path)) != first
    write(tmp_path, a="x", b="y", c="")
    assert digest_of_files(tmp_path, package_files(tmp_path)) != first
