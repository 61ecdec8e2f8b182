"""The beginning of a directory of results: its manifest, and whether it is one at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxsoco.core.errors import InputError, Issue, reason_of
from jaxsoco.core.scratch import is_temporary
from jaxsoco.core.study import Study
from jaxsoco.engine import manifest as manifests
from jaxsoco.engine import packs
from jaxsoco.engine.files import sync_folder, write_whole
from jaxsoco.engine.manifest import MANIFEST

SEARCHES = "tuning"
"""Folder of the searches of ``jaxsoco tune``, which begin before the first run."""


def begin(path: Path, study: Mapping[str, Any]) -> dict[str, Any]:
    """Makes a directory one of results, if it is none, and writes what is asked of it now.

    Args:
      path: the directory.
      study: as ``Study.to_json`` makes it.

    Returns:
      The manifest.

    Raises:
      InputError: the directory holds something else, or results of the older format.
      OSError: it cannot be written.
    """
    new = manifests.complete(study)
    if not _start(path, new):
        old = earlier(path)
        new = manifests.complete(study, created=old.get("created", ""))
        (path / packs.FOLDER).mkdir(exist_ok=True)
        if new != old:
            write_whole(path / MANIFEST, _encode(new))
    return new


def require(path: Path) -> None:
    """Raises :class:`InputError` unless there is a directory with a manifest."""
    try:
        if not path.exists():
            raise refusal(path, "no such directory")
        if not (path / MANIFEST).exists():
            raise refusal(path, f"not a run directory (it has no {MANIFEST})")
    except OSError as error:
        raise refusal(path, f"cannot be read: {reason_of(error)}") from error


def earlier(path: Path) -> dict[str, Any]:
    """The manifest that is here; nothing where it is damaged, since packs do not need it.

    Raises:
      InputError: it is of another format, or somebody else's.
    """
    number = manifests.format_of(path)
    try:
        old = manifests.load(path)
        if number == manifests.FORMAT:
            Study.from_json(old)
    except InputError:
        # Other programs have files of this name: it is ours if the packs are beside it.
        ours = (path / packs.FOLDER).is_dir()
        if not ours or number not in (None, manifests.FORMAT, manifests.OLD_FORMAT):
            raise
        return {}
    if number == manifests.OLD_FORMAT:
        raise refusal(
            path,
            "holds results of an older jaxsoco, whose chunks do not say what code they come "
            "from: they can be loaded and reported, not extended",
            "choose another directory",
        )
    return old


def _start(path: Path, manifest: dict[str, Any]) -> bool:
    """Makes a new or empty directory one of results; False if it is one already."""
    if path.exists():
        _refuse_foreign(path)
    if (path / MANIFEST).exists():
        return False
    (path / packs.FOLDER).mkdir(parents=True, exist_ok=True)
    try:
        # Of several processes that begin here, only one may create the manifest.
        write_whole(path / MANIFEST, _encode(manifest), replace=False)
    except FileExistsError:
        return False
    sync_folder(path.parent)
    return True


def _refuse_foreign(path: Path) -> None:
    """Raises if there is no manifest, but more than an interrupted beginning leaves."""
    for entry in path.iterdir():
        if is_trace(entry):
            continue
        # Asked last: another process may be beginning here at this moment.
        if not (path / MANIFEST).exists():
            raise refusal(
                path,
                f'not a run directory: it holds "{entry.name}" and no {MANIFEST}',
                "choose an empty or a new directory",
            )


def refusal(path: Path, message: str, hint: str = "") -> InputError:
    """An error about the directory as a whole."""
    return InputError(Issue(str(path), message, hint))


def is_trace(entry: Path) -> bool:
    """Whether it may be what a run leaves that stopped before its manifest was written."""
    nothing = entry.name == packs.FOLDER and not any(entry.iterdir())
    return is_temporary(entry) or nothing or entry.name == SEARCHES


def _encode(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()
