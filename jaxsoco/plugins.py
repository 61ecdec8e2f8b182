"""Plug-ins: families and entries from outside the package.

A plug-in is a module with ``EXTENSIONS``, a list of :class:`~jaxsoco.core.schema.Family` and
:class:`~jaxsoco.core.schema.Extension`. Installed packages declare an entry point in the group
``jaxsoco.plugins``; an experiment names modules with ``plugins = ["my_module"]``, looked for beside
the file first; the command line with ``--plugin my_module``.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Extension, Family
from jaxsoco.core.sources import digest_of_files, neighbourhood, package_files

GROUP = "jaxsoco.plugins"
"""Entry-point group of installed plug-ins."""

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Plugin:
    """A plug-in that was imported.

    Attributes:
      name: of its module.
      origin: where it comes from: a file, or a distribution and its version.
      identity: what a run says of it: the version of its distribution, or a hash of its files.
      extensions: what it adds.
      code: hash of all Python files of its package or folder, also where they have a version.
    """

    name: str
    origin: str
    identity: str
    extensions: tuple[Family | Extension, ...]
    code: str = ""

    def __str__(self) -> str:
        return f"plug-in {self.name} ({self.origin})"


@cache
def installed() -> tuple[tuple[Plugin, ...], tuple[Issue, ...]]:
    """The plug-ins of installed packages, and one issue for each that cannot be imported."""
    plugins, issues = [], []
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.value):
        try:
            plugins.append(_from_entry_point(point))
        except InputError as error:
            issues += error.issues
    return tuple(plugins), tuple(issues)


def locate(name: str, folder: Path) -> str:
    """Where :func:`load_plugin` would find a module, without running it."""
    file = _beside(name, folder)
    return str(file) if file else "installed"


def load_plugin(name: str, folder: Path) -> Plugin:
    """Imports the module ``name``, from a file in ``folder`` if there is one.

    Raises:
      InputError: there is none, it raises, or it has no ``EXTENSIONS``.
    """
    if not _NAME.fullmatch(name):
        hint = "expected the dotted name of a module"
        raise InputError(Issue("plugins", f'"{name}" is not a module name', hint))
    file = _beside(name, folder)
    if file is not None:
        root, files = _guarded(name, lambda: _sources(folder.resolve(), name, file.resolve()))
        code = _guarded(name, lambda: digest_of_files(root, files))
        module = _guarded(name, lambda: _import_file(name, str(file.resolve()), code, files))
        return Plugin(name, file.name, f"sha256:{code}", _extensions(name, module), code)
    module = _guarded(name, lambda: _import_installed(name, folder))
    distribution = _distribution(name)
    code = _installed_code(name, distribution)
    origin = identity = _version(distribution)
    if distribution is None:
        origin, identity = str(module.__file__), f"sha256:{code}"
    return Plugin(name, origin, identity, _extensions(name, module), code)


def _beside(name: str, folder: Path) -> Path | None:
    """The file of a module, or of a package, in a folder."""
    base = folder.joinpath(*name.split("."))
    options = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((file for file in options if os.path.isfile(file)), None)


def _sources(folder: Path, name: str, file: Path) -> tuple[Path, set[Path]]:
    """What a module in a folder may consist of, and where: its package, or else the folder.

    A module by itself can import whatever lies beside it.
    """
    top = folder / name.partition(".")[0]
    if file.is_relative_to(top):
        return top, package_files(top)
    return folder, neighbourhood(folder, Path(__file__).parent)


def _installed_code(name: str, distribution: metadata.Distribution | None) -> str:
    """SHA-256 of an installed module's package, or of the modules of its distribution."""
    top = name.partition(".")[0]
    module = sys.modules[top]
    if hasattr(module, "__path__"):
        folders = [Path(place) for place in module.__path__]
        return digest_of_files(folders[0], {f for place in folders for f in package_files(place)})
    file = Path(module.__file__ or "")
    if not file.is_file():
        return "unknown"
    listed = (distribution and distribution.files) or ()
    files = {Path(str(one.locate())) for one in listed if one.suffix == ".py"}
    if not any(one.samefile(file) for one in files if one.is_file()):
        return digest_of_files(*_sources(file.parent, top, file))  # under development
    return digest_of_files(file.parent, filter(Path.is_file, files))


_imported: dict[str, tuple[str, ModuleType, set[str]]] = {}
"""File -> digest of the code, the module, and names of the neighbours that came with it."""


def _import_file(name: str, file: str, digest: str, sources: Collection[Path]) -> ModuleType:
    """Imports a file under a name; again, with its neighbours, if their text has changed since."""
    if file in _imported and _imported[file][0] == digest:
        sys.modules[name] = _imported[file][1]
        return _imported[file][1]
    package = [str(Path(file).parent)] if file.endswith("__init__.py") else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=package)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    neighbours = _imported[file][2] if file in _imported else set[str]()
    for part in [one for one in sys.modules if one.startswith(f"{name}.") or one in neighbours]:
        del sys.modules[part]  # of its text before, or of another file of this name
    sys.modules[name] = module
    before = {*sys.modules}
    try:
        with _on_path(Path(file).parents[1 if package else 0]):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    new = {one for one in {*sys.modules} - before if _is_among(sys.modules[one], sources)}
    _imported[file] = digest, module, new
    return module


def _is_among(module: ModuleType, sources: Collection[Path]) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).resolve() in sources


class _on_path:
    """Lets a module import its neighbours."""

    def __init__(self, folder: Path):
        self._folder = str(folder)

    def __enter__(self) -> None:
        sys.path.insert(0, self._folder)

    def __exit__(self, *_: object) -> None:
        sys.path.remove(self._folder)


def _import_installed(name: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        hint = "" if not name.endswith(".py") else f'want "{name[:-3]}", '
        hint += f"looked for {name.replace('.', '/')}.py in {folder}, then among installed packages"
        raise InputError(Issue("plugins", f'there is no module "{name}"', hint)) from None


def _guarded(name: str, load: Any) -> Any:
    """What ``load`` returns; its exceptions as one message with the plug-in's own line."""
    try:
        return load()
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        outside = [f for f in frames if not _is_folded(f.filename)]
        place = f" ({outside[-1].filename}:{outside[-1].lineno})" if outside else ""
        message = f"cannot be imported: {type(error).__name__}: {error}{place}"
        raise InputError(Issue(f"plug-in {name}", message)) from error


def _is_folded(file: str) -> bool:
    """Whether a frame is of the import machinery, of generated code or of this package."""
    ours = Path(file).is_relative_to(Path(__file__).parent)
    return ours or "importlib" in file or file.startswith("<")


def _from_entry_point(point: metadata.EntryPoint) -> Plugin:
    module = _guarded(point.value, point.load)
    version = _version(point.dist)
    code = _installed_code(point.module, point.dist)
    return Plugin(point.module, version, version, _extensions(point.value, module), code)


def _distribution(name: str) -> metadata.Distribution | None:
    """What an installed module belongs to; None if it just lies there."""
    owners = metadata.packages_distributions().get(name.partition(".")[0], ())
    return metadata.distribution(owners[0]) if owners else None


def _version(distribution: metadata.Distribution | None) -> str:
    return f"{distribution.name} {distribution.version}" if distribution else "unknown"


def _extensions(name: str, module: Any) -> tuple[Family | Extension, ...]:
    """The ``EXTENSIONS`` of a module (or that list itself, as an entry point may name)."""
    extensions: Any
    extensions = module if isinstance(module, list | tuple) else getattr(module, "EXTENSIONS", None)
    listed = isinstance(extensions, list | tuple)
    items = tuple(extensions) if listed else (extensions,)
    others = {type(item).__name__ for item in items if not isinstance(item, Family | Extension)}
    if listed and items and not others:
        return items
    message = "has no EXTENSIONS"
    if extensions is not None:
        kinds = sorted(others) or [type(extensions).__name__]
        message = f"EXTENSIONS is or holds something else: {', '.join(kinds)}"
    hint = "expected a list of jaxsoco.core.schema.Extension or Family"
    raise InputError(Issue(f"plug-in {name}", message, hint))
