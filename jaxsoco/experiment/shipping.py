"""A sweep as bytes, for a process on another machine: it needs none of the driver's files.

What the problems read is in the sweep already. Families, problems, learners and comparators are
sent by name, and plug-in modules as text, with the modules beside them that they import.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from jaxsoco import registry
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, Family, ProblemEntry
from jaxsoco.core.study import Study
from jaxsoco.experiment.expand import Sweep
from jaxsoco.plugins import load_plugin

_ENTRIES = {
    ProblemEntry: "problems",
    AlgorithmEntry: "algorithms",
    ComparatorEntry: "comparators",
}
_OWN = ("jaxsoco", "jaxsoco_kernels")
_OF_A_FILE = "sha256:"


class Parcel(NamedTuple):
    """A sweep and its study, ready to be sent.

    Attributes:
      plugins: names of the plug-in modules to import, in order.
      files: path relative to a folder -> content: those that are not installed with a version.
      content: family, sweep and study.
    """

    plugins: tuple[str, ...]
    files: dict[str, bytes]
    content: bytes


def packed(sweep: Sweep, study: Study) -> Parcel:
    """Packs a sweep and its study."""
    plugins = [one for one in registry.active() if one.name in sweep.experiment.plugins]
    files: dict[str, bytes] = {}
    for plugin in plugins:
        if plugin.identity.startswith(_OF_A_FILE):
            files |= dict(_sources(sys.modules[plugin.name]))
    buffer = io.BytesIO()
    _Pickler(buffer).dump((sweep.experiment.family, sweep, study))
    return Parcel(tuple(plugin.name for plugin in plugins), files, buffer.getvalue())


def unpacked(parcel: Parcel, folder: Path) -> tuple[Sweep, Study]:
    """Unpacks them, with the plug-ins made known to this process.

    Args:
      parcel: what :func:`packed` made, with the same jaxsoco.
      folder: an empty folder for the text of plug-ins, to be kept while the sweep is in use.

    Raises:
      InputError: a plug-in cannot be imported here, or has no such entry.
    """
    for name, content in parcel.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    registry.activate([load_plugin(name, folder) for name in parcel.plugins])
    _, sweep, study = _Unpickler(io.BytesIO(parcel.content)).load()
    return sweep, study


def _sources(module: ModuleType) -> Iterator[tuple[str, bytes]]:
    """The text of a plug-in, and of the modules right beside it that were imported."""
    base, parts = _base(module), module.__name__.split(".")
    if base is None:
        return
    yield from _texts(base, "/".join(parts))
    folder = base.parents[len(parts) - 1]
    for name, other in [*sys.modules.items()]:
        beside = None if "." in name or name in (parts[0], *_OWN) else _base(other)
        if beside is not None and beside.parent == folder:
            yield from _texts(beside, name)
    if len(parts) > 1 and parts[0] in sys.modules:
        package = _base(sys.modules[parts[0]])
        yield from _texts(package, parts[0]) if package else ()


def _base(module: ModuleType) -> Path | None:
    """The file of a module, or the folder of a package."""
    place = getattr(module, "__file__", None)
    if not place or not place.endswith(".py"):
        return None
    file = Path(place).resolve()
    return file.parent if file.name == "__init__.py" else file


def _texts(base: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """The text of a module, or of all modules of a package, as they lie beside each other."""
    if not base.is_dir():
        yield f"{name}.py", base.read_bytes()
        return
    for file in sorted(base.rglob("*.py")):
        yield f"{name}/{file.relative_to(base).as_posix()}", file.read_bytes()


class _Pickler(pickle.Pickler):
    """Writes the names of families and their entries, which may hold anything, in their place."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)

    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        if isinstance(obj, Family):
            return "family", obj.name
        kind = _ENTRIES.get(type(obj))
        return None if kind is None else (kind, obj.name)


class _Unpickler(pickle.Unpickler):
    """Looks them up by name; the family comes first."""

    _family: Family

    def persistent_load(self, pid: Any) -> Any:
        kind, name = pid
        if kind == "family":
            self._family = registry.family(name)
            return self._family
        for entry in getattr(self._family, kind):
            if entry.name == name:
                return entry
        message = f"there is no {self._family.name}/{name}"
        raise InputError(Issue("plugins", message, "install the same plug-ins on every node"))
