"""Plug-ins: families and entries from outside the package.

A plug-in is a module with ``EXTENSIONS``, a list of :class:`~jaxsoco.core.schema.Family` and
:class:`~jaxsoco.core.schema.Extension`. Installed packages declare an entry point in the group
``jaxsoco.plugins``; an experiment names modules with ``plugins = ["my_module"]``, looked for beside
the file first; the command line with ``--plugin my_module``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Extension, Family

GROUP = "jaxsoco.plugins"
"""Entry-point group of installed plug-ins."""

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Plugin:
    """A plug-in that was imported.

    Attributes:
      name: of its module.
      origin: where it comes from: a file, or a distribution and its version.
      identity: what fixes its code in a run's identity: the version of its distribution, or the
        hash of its file (of all modules of its package).
      extensions: what it adds.
    """

    name: str
    origin: str
    identity: str
    extensions: tuple[Family | Extension, ...]

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
        digest = _digest(file)
        module = _guarded(name, lambda: _import_file(name, str(file.resolve()), digest))
        return Plugin(name, file.name, f"sha256:{digest}", _extensions(name, module))
    module = _guarded(name, lambda: _import_installed(name, folder))
    origin, identity = _distribution(name, module)
    return Plugin(name, origin, identity, _extensions(name, module))


def _beside(name: str, folder: Path) -> Path | None:
    """The file of a module, or of a package, in a folder."""
    base = folder.joinpath(*name.split("."))
    options = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((file for file in options if os.path.isfile(file)), None)


def _digest(file: Path) -> str:
    """SHA-256 of a module's text; of a package's, with those of all modules in its folder."""
    package = file.name == "__init__.py"
    parts = sorted(file.parent.rglob("*.py")) if package else [file]
    digest = hashlib.sha256()
    for part in parts:
        if package:
            digest.update(f"{part.relative_to(file.parent).as_posix()}\0".encode())
        digest.update(part.read_bytes())
    return digest.hexdigest()


_imported: dict[str, tuple[str, ModuleType]] = {}


def _import_file(name: str, file: str, digest: str) -> ModuleType:
    """Imports a file under a name; again if its text has changed since."""
    if file in _imported and _imported[file][0] == digest:
        sys.modules[name] = _imported[file][1]
        return _imported[file][1]
    package = [str(Path(file).parent)] if file.endswith("__init__.py") else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=package)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    for part in [one for one in sys.modules if one.startswith(f"{name}.")]:
        del sys.modules[part]  # of its text before, or of another file of this name
    sys.modules[name] = module
    try:
        with _on_path(Path(file).parents[1 if package else 0]):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _imported[file] = digest, module
    return module


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
    version = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
    return Plugin(point.module, version, version, _extensions(point.value, module))


def _distribution(name: str, module: ModuleType) -> tuple[str, str]:
    """Origin and identity of an installed module: of its distribution, if it has one."""
    owners = metadata.packages_distributions().get(name.partition(".")[0], ())
    if owners:
        version = f"{owners[0]} {metadata.version(owners[0])}"
        return version, version
    file = Path(module.__file__ or "")
    digest = _digest(file) if file.is_file() else "unknown"
    return str(file), f"sha256:{digest}"


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
