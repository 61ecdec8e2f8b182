"""Where a sweep's numbers come from: digests of the code, and what compiles it. No JAX."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from jaxsoco import registry
from jaxsoco.core.cells import Origin
from jaxsoco.experiment.expand import Sweep

_PACKAGE = Path(__file__).resolve().parents[1]
_SHARED_ROOMS = ("core", "engine")
_LEARNERS = "learners"
_DEVICE_COUNT = re.compile(r"--xla_force_host_platform_device_count=\S*")
_NO_RESULT = re.compile(r"--xla_dump\S*")
"""Flags of XLA that change no number: how many devices, and what is written down for people."""

_ACCELERATORS = re.compile(r"jax-(cuda|rocm|metal)|libtpu|jax-plugin", re.IGNORECASE)


def origin(sweep: Sweep, compiler: Mapping[str, Any]) -> Origin:
    """Code and compiler of a sweep.

    Args:
      sweep: the expanded experiment.
      compiler: as :func:`compiler_facts` gives it.
    """
    experiment = sweep.experiment
    family = experiment.family.name
    entries = {one.label: one.entry for one in experiment.learners}
    entries |= {one.name: one for one in experiment.comparators}
    return Origin(
        common=_common(),
        problem=_problem_code(family, experiment.problem),
        learners={label: _entry_code(family, entry) for label, entry in entries.items()},
        compiler=compiler,
    )


def compiler_facts(platform: str, device: str = "", tile: int = 0) -> dict[str, Any]:
    """What compiles a sweep, as far as it fixes the numbers.

    Args:
      platform: ``"cpu"`` or ``"gpu"``.
      device: kind of the device; of a CPU it is not part of it.
      tile: lanes of a block; likewise.
    """
    facts = {
        "jax": metadata.version("jax"),
        "jaxlib": metadata.version("jaxlib"),
        "flags": xla_flags(os.environ.get("XLA_FLAGS", "")),
        "platform": platform,
    }
    return facts if platform == "cpu" else facts | {"device": device, "tile": tile}


def xla_flags(text: str) -> list[str]:
    """The flags that can change a number, in a fixed order.

    >>> xla_flags("--b=1 --xla_force_host_platform_device_count=2 --a=")
    ['--a=', '--b=1']
    """
    rest = _NO_RESULT.sub("", _DEVICE_COUNT.sub("", text))
    return sorted(rest.split())


def package_facts() -> dict[str, str]:
    """What two processes must have alike to compute packs of one sweep, before anything is known
    of the sweep: what it is named -> version or digest."""
    folders = (_PACKAGE / room for room in ("experiment", *registry.FAMILIES))
    files = [file for folder in folders for file in folder.rglob("*.py")]
    files += [_PACKAGE / "plugins.py", _PACKAGE / "registry.py"]
    code = hashlib.sha256(f"{_common()} {_digest(_PACKAGE, files)}".encode()).hexdigest()
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib")}
    return {**versions, "the code of jaxsoco": code}


def likely_platform() -> str:
    """Where JAX will compute, as far as that is certain without starting it; else empty."""
    named = os.environ.get("JAX_PLATFORMS", "").split(",")[0].strip()
    if named:
        return "gpu" if named in ("cuda", "rocm") else named
    names = (one.name or "" for one in metadata.distributions())
    return "" if any(_ACCELERATORS.match(name) for name in names) else "cpu"


@cache
def _common() -> str:
    """The code that all families share: kernels, protocol and loops."""
    spec = importlib.util.find_spec("jaxsoco_kernels")
    kernels = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    folders = (*kernels, *(_PACKAGE / room for room in _SHARED_ROOMS))
    return _digest(folders[0].parent, (f for folder in folders for f in folder.rglob("*.py")))


def _problem_code(family: str, problem: Any) -> str:
    """The code of the family but its learners, and of a plug-in that the problem comes from."""
    plugins = [registry.owner(family), registry.owner(family, problem)]
    parts = {f"{plugin.name} {plugin.identity}" for plugin in plugins if plugin}
    return "\n".join([_family_code(family), *sorted(parts)])


@cache
def _family_code(family: str) -> str:
    folder = _PACKAGE / family
    files = (f for f in folder.rglob("*.py") if f.parent != folder / _LEARNERS)
    return _digest(folder, files)


def _entry_code(family: str, entry: Any) -> str:
    """The code of one learner or comparator, beside what the whole family shares."""
    plugin = registry.owner(family, entry)
    if plugin is not None:
        return f"{plugin.name} {plugin.identity}"
    module = str(entry.load).partition(":")[0].split(".")
    folder = _PACKAGE / family / _LEARNERS
    file = folder / f"{module[-1]}.py"
    if module[:-1] != ["jaxsoco", family, _LEARNERS] or not file.is_file():
        return ""
    return _digest(folder, _with_neighbours(file))


def _with_neighbours(file: Path) -> set[Path]:
    """A learner's file, and those of its folder that it imports, and so on."""
    files, todo = set[Path](), [file]
    while todo:
        one = todo.pop()
        if one not in files:
            files.add(one)
            names = (one.with_name(f"{name}.py") for name in _imported_names(one))
            todo += [neighbour for neighbour in names if neighbour.is_file()]
    return files


def _imported_names(file: Path) -> Iterator[str]:
    """The last parts of all modules and names that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.rpartition(".")[2] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").rpartition(".")[2]
            yield from (alias.name for alias in node.names)


def _digest(root: Path, files: Iterable[Path]) -> str:
    """SHA-256 of files with their places."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{os.path.relpath(file, root)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
