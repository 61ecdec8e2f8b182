"""Python sources: digests of files with their places, and what a file imports."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def digest_of_files(root: Path, files: Iterable[Path]) -> str:
    """SHA-256 of files with their places below a folder, in whatever order they come."""
    digest = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{os.path.relpath(file, root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def imported_names(file: Path, package: Sequence[str] = ()) -> tuple[str, ...]:
    """The dotted names of all modules that a file imports, and of what it imports from them.

    Args:
      file: a source; one that is no Python imports nothing.
      package: names of the package that it belongs to, outermost first, for relative imports.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return ()
    names = list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*start, *filter(None, [node.module])])
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def package_files(folder: Path) -> set[Path]:
    """All modules in a folder and below it."""
    return {file for file in folder.rglob("*.py") if _is_module(file)}


def neighbourhood(folder: Path, apart: Path) -> set[Path]:
    """All modules in a folder, and in those folders below it that they import by name.

    Args:
      folder: the folder.
      apart: a package that is left out.
    """
    files = {file for file in folder.glob("*.py") if _is_module(file)}
    names = {name.partition(".")[0] for file in files for name in imported_names(file)}
    for place in (folder / name for name in names - {""}):
        if place.is_dir() and not place.samefile(apart):
            files |= package_files(place)
    return files


def _is_module(file: Path) -> bool:
    # Editors leave files such as ".#name.py" that lead nowhere.
    return file.stem.isidentifier() and file.is_file()
