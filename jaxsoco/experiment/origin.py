"""Where a sweep's numbers come from: digests of the code, and what compiles it. No JAX."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from jaxsoco import registry
from jaxsoco.core.cells import Origin, digest_of
from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, ProblemEntry
from jaxsoco.core.sources import digest_of_files, imported_names, package_files
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.flags import users_flags
from jaxsoco.plugins import Plugin

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


NARROW = 64
"""Lanes below which a CPU's program is other code in float32: loops over so few vector registers
are unrolled, and products fused with sums in another order."""


def compiler_facts(
    platform: str, device: str = "", tile: int = 0, precision: str = "float64"
) -> dict[str, Any]:
    """What compiles a sweep, as far as it fixes the numbers.

    Args:
      platform: ``"cpu"`` or ``"gpu"``.
      device: kind of the device; of a CPU it is not part of it.
      tile: lanes of a block; likewise, but for fewer than :data:`NARROW` in float32.
      precision: of the sweep.
    """
    facts = {
        "jax": metadata.version("jax"),
        "jaxlib": metadata.version("jaxlib"),
        "flags": xla_flags(users_flags()),
        "platform": platform,
    }
    if platform != "cpu":
        return facts | {"device": device, "tile": tile}
    return facts | {"tile": tile} if precision == "float32" and tile < NARROW else facts


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
    files = {file for folder in folders for file in package_files(folder)}
    files |= {_PACKAGE / "plugins.py", _PACKAGE / "registry.py"}
    code = digest_of([_common(), digest_of_files(_PACKAGE, files)])
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
    # Room by room: where they lie beside each other is not the same in a checkout and a wheel.
    return digest_of([digest_of_files(folder, package_files(folder)) for folder in folders])


def _problem_code(family: str, problem: ProblemEntry) -> str:
    """The code of the family but its learners, and of a plug-in that the problem comes from."""
    plugins = [registry.owner(family), registry.owner(family, problem)]
    parts = {_plugin_code(plugin) for plugin in plugins if plugin}
    learners = _learner_code(family, problem.prepare, problem.build)
    return "\n".join([_family_code(family), *filter(None, [learners]), *sorted(parts)])


@cache
def _family_code(family: str) -> str:
    folder = _PACKAGE / family
    return digest_of_files(folder, package_files(folder) - package_files(folder / _LEARNERS))


def _entry_code(family: str, entry: AlgorithmEntry | ComparatorEntry) -> str:
    """The code of one learner or comparator, beside what the whole family shares."""
    plugin = registry.owner(family, entry)
    return _plugin_code(plugin) if plugin else _learner_code(family, entry.load)


def _plugin_code(plugin: Plugin) -> str:
    """A plug-in's own code, and that of all families: it may import what it likes."""
    return f"{plugin.name} {plugin.identity} {plugin.code} {_code_of_families()}"


@cache
def _code_of_families() -> str:
    folders = [_PACKAGE / name for name in sorted(registry.FAMILIES)]
    return digest_of_files(_PACKAGE, {file for one in folders for file in package_files(one)})


def _learner_code(family: str, *targets: Any) -> str:
    """The learners' files that some ``"package.module:attribute"`` come to import; none: empty."""
    package = _PACKAGE / family
    todo = [_file(str(target).partition(":")[0], package) for target in targets]
    files = set[Path]()
    while todo:
        file = todo.pop()
        if file is not None and file not in files:
            files.add(file)
            todo += [_file(name, package) for name in _imports(file)]
    learners = {file for file in files if file.parent == package / _LEARNERS}
    return digest_of_files(package, learners) if learners else ""


def _file(module: str, package: Path) -> Path | None:
    """The file of a module of a family's package; None for another, or for no module."""
    base = _PACKAGE.parent.joinpath(*module.split("."))
    options = base.with_name(f"{base.name}.py"), base / "__init__.py"
    return next((f for f in options if f.is_relative_to(package) and f.is_file()), None)


@cache
def _imports(file: Path) -> tuple[str, ...]:
    return imported_names(file, file.parent.relative_to(_PACKAGE.parent).parts)
