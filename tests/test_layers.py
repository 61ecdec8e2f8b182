"""The arrows between layers, read from the syntax tree: nothing imports upwards or in a circle.

An import counts wherever it stands: at the top of a file, inside a function, under
``TYPE_CHECKING``, or as the dotted name of something loaded lazily (``"jaxsoco.engine:sweep"``).
"""

import ast
import graphlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

FAMILIES = {"tracking", "allocation", "multistage", "provisioning", "smoothed"}
KERNELS = "jaxsoco_kernels"
# Room -> the rooms that it may import from, besides itself; rooms of jaxsoco may know its version.
ARROWS: dict[str, set[str]] = {
    KERNELS: set(),
    "_version": set(),
    "core": {KERNELS},
    "engine": {"core"},
    **{family: {"core", KERNELS} for family in FAMILIES},
    "analysis": {"core"},
    "plugins": {"core"},
    "extend": {"core"},
    "registry": {"core", "plugins", *FAMILIES},
    "experiment": {"registry", "plugins", "engine", "analysis", "core"},
    "front": {"experiment", "registry", "plugins", "engine", "analysis", "core"},
    "tuning": {"front", "experiment", "registry", "engine", "analysis", "core"},
    "testing": {"front", "experiment", "registry", "plugins", "engine", "core"},
    # Of two families: a plan is for jobs, or for servers.
    "planning": {"experiment", "analysis", "core", "allocation", "smoothed"},
    "listing": {"tuning", "experiment", "registry", "analysis", "core"},
    "readers": {"experiment", "engine", "analysis", "core"},
    "commands": {
        "readers",
        "listing",
        "tuning",
        "planning",
        "experiment",
        "registry",
        "plugins",
        "engine",
        "analysis",
        "core",
    },
    "cli": {"commands", "core"},
    "__main__": {"cli"},
    # The public names. Nobody inside imports them from here: that would be a circle.
    "jaxsoco": {"core", "engine", "extend", "front", "testing", "tuning", *FAMILIES},
}
KERNEL_LIBRARIES = {"jax", "jaxlib", "numpy", "optax", "chex"}

_LAZY_NAME = re.compile(r"(?:jaxsoco|jaxsoco_kernels)(?:\.\w+)+(?=:\w+$|$)")


class Import(NamedTuple):
    module: str
    line: int
    runs: bool  # False for names that only type checkers or lazy loaders resolve


def modules(root: Path) -> dict[str, Path]:
    """Module name -> file, for both packages under ``root``."""
    found = {}
    for base, package in ((root, "jaxsoco"), (root / "kernels", KERNELS)):
        for path in sorted((base / package).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> list[Import]:
    """Everything that the module ``name`` imports, with relative names resolved."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = []
    for node, runs in _walk(tree, runs=True):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno, runs) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node.level, node.module or "")
            for alias in node.names:
                member = f"{base}.{alias.name}"
                found.append(Import(member if member in known else base, node.lineno, runs))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            lazy = _LAZY_NAME.match(node.value)
            if lazy:
                found.append(Import(lazy.group(), node.lineno, False))
    return found


def _walk(node: ast.AST, runs: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, runs
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for branch, branch_runs in ((child.body, False), (child.orelse, runs)):
                for statement in branch:
                    yield statement, branch_runs
                    yield from _walk(statement, branch_runs)
        else:
            yield from _walk(child, runs)


def _absolute(package: str, level: int, module: str) -> str:
    if level == 0:
        return module
    base = package.split(".")
    return ".".join([*base[: len(base) - level + 1], *([module] if module else [])])


def room(module: str) -> str | None:
    """The room of a module of ours, ``None`` for the modules of others."""
    parts = module.split(".")
    if parts[0] == KERNELS:
        return KERNELS
    if parts[0] != "jaxsoco":
        return None
    return parts[1] if len(parts) > 1 else "jaxsoco"


def wrong_arrows(root: Path) -> list[str]:
    """One line for each import that goes against the arrows."""
    found = modules(root)
    wrong = []
    for name, path in found.items():
        here = room(name)
        if here not in ARROWS:
            wrong.append(f"{name}: the room {here!r} is not in ARROWS")
            continue
        allowed = ARROWS[here] | {here} | ({"_version"} if here != KERNELS else set())
        for module, line, _ in imports(name, path, set(found)):
            there = room(module)
            if there is not None and there not in allowed:
                wrong.append(f"{name}:{line}: {here} must not import {module}")
    return wrong


def circle(root: Path) -> list[str]:
    """Modules that import each other in a circle, or nothing."""
    found = modules(root)
    graph = {
        name: {
            entry.module
            for entry in imports(name, path, set(found))
            if entry.runs and entry.module in found and entry.module != name
        }
        for name, path in found.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def foreign_libraries(root: Path) -> dict[str, set[str]]:
    """Library that is neither ours nor Python's -> the modules of ours that import it."""
    found = modules(root)
    users: dict[str, set[str]] = {}
    for name, path in found.items():
        for entry in imports(name, path, set(found)):
            library = entry.module.partition(".")[0]
            if room(entry.module) is None and library not in sys.stdlib_module_names:
                users.setdefault(library, set()).add(name)
    return users


def test_no_import_goes_upwards():
    assert {"jaxsoco", "jaxsoco.core", KERNELS} <= set(modules(ROOT))
    assert wrong_arrows(ROOT) == []


def test_no_modules_import_each_other_in_a_circle():
    assert circle(ROOT) == []


def test_kernels_use_numerical_libraries_only():
    users = foreign_libraries(ROOT)
    others = {library for library, names in users.items() if any(room(n) == KERNELS for n in names)}
    assert others <= KERNEL_LIBRARIES


def test_every_library_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = (*extras["frames"], *extras["parquet"], *extras["ray"])
    declared = [*project["dependencies"], *optional]
    names = {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in declared}
    users = foreign_libraries(ROOT)
    assert {library: users[library] for library in users if library not in names} == {}


def _write_tree(root: Path, files: dict[str, str]) -> Path:
    legal = {
        "jaxsoco/__init__.py": "from jaxsoco._version import __version__\n",
        "jaxsoco/_version.py": "__version__ = '0'\n",
        "jaxsoco/core/__init__.py": "",
        "jaxsoco/core/errors.py": "import json\nfrom jaxsoco_kernels import simplex\n",
        "jaxsoco/engine/__init__.py": "from jaxsoco.core.errors import x\nfrom .. import core\n",
        "jaxsoco/allocation/__init__.py": "",
        "jaxsoco/allocation/pcm.py": "from . import spec\nfrom ..core import errors\n",
        "jaxsoco/allocation/spec.py": "import numpy as np\n",
        "jaxsoco/registry.py": "FAMILIES = {'allocation': 'jaxsoco.allocation:FAMILY'}\n",
        "kernels/jaxsoco_kernels/__init__.py": "import jax\n",
        "kernels/jaxsoco_kernels/simplex.py": "",
    }
    for name, text in {**legal, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_lawful_tree_passes(tmp_path):
    root = _write_tree(tmp_path, {})
    assert wrong_arrows(root) == []
    assert circle(root) == []
    assert set(foreign_libraries(root)) == {"jax", "numpy"}


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("jaxsoco/core/errors.py", "import jaxsoco.engine\n", "jaxsoco.core.errors:1"),
        ("jaxsoco/core/errors.py", "from jaxsoco import engine\n", "jaxsoco.engine"),
        ("jaxsoco/core/errors.py", "from ..engine import x\n", "jaxsoco.engine"),
        ("jaxsoco/core/errors.py", "from .. import engine\n", "jaxsoco.engine"),
        ("jaxsoco/core/__init__.py", "from ..engine import x\n", "jaxsoco.engine"),
        ("jaxsoco/core/errors.py", "def f():\n import jaxsoco.engine\n", "jaxsoco.core.errors:2"),
        (
            "jaxsoco/core/errors.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import jaxsoco.engine\n",
            "jaxsoco.core.errors:3",
        ),
        ("jaxsoco/core/errors.py", "LAZY = {'sweep': 'jaxsoco.engine:sweep'}\n", "jaxsoco.engine"),
        ("jaxsoco/core/errors.py", "load('jaxsoco.engine.sweep')\n", "jaxsoco.engine.sweep"),
        ("jaxsoco/engine/__init__.py", "import jaxsoco_kernels.simplex\n", "engine must not"),
        ("jaxsoco/engine/__init__.py", "from jaxsoco.allocation import pcm\n", "allocation.pcm"),
        ("jaxsoco/allocation/pcm.py", "from ..tracking import x\n", "allocation must not"),
        ("jaxsoco/allocation/pcm.py", "from jaxsoco.engine import x\n", "allocation must not"),
        ("jaxsoco/analysis/regret.py", "from ..allocation import x\n", "analysis must not"),
        ("jaxsoco/registry.py", "import jaxsoco.experiment\n", "registry must not"),
        ("jaxsoco/experiment/spec.py", "import jaxsoco.cli\n", "experiment must not"),
        ("jaxsoco/core/errors.py", "from jaxsoco import simulate\n", "must not import jaxsoco"),
        ("kernels/jaxsoco_kernels/simplex.py", "import jaxsoco\n", "jaxsoco_kernels must not"),
        ("kernels/jaxsoco_kernels/simplex.py", "from jaxsoco._version import x\n", "_version"),
        ("jaxsoco/helpers.py", "", "'helpers' is not in ARROWS"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path, file, text, found):
    wrong = wrong_arrows(_write_tree(tmp_path, {file: text}))
    assert len(wrong) == 1
    assert found in wrong[0]


def test_a_circle_is_found_but_not_for_type_checkers(tmp_path):
    lazy = "def f():\n    from . import pcm\n"
    root = _write_tree(tmp_path, {"jaxsoco/allocation/spec.py": lazy})
    assert set(circle(root)) == {"jaxsoco.allocation.pcm", "jaxsoco.allocation.spec"}
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import pcm\n"
    assert circle(_write_tree(tmp_path, {"jaxsoco/allocation/spec.py": typed})) == []
