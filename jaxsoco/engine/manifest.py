"""The manifest of a run: what fixes its numbers, how it is cut up, and what its report says."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import count

FORMAT = 1
MANIFEST = "manifest.json"

_MOST = 5


def identity_of(settings: Any) -> str:
    """SHA-256 of the canonical JSON text of ``settings``: everything that fixes the numbers."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def complete(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest as plain JSON data, with format, identity and time of creation filled in."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    plain = json.loads(json.dumps({"created": now, **manifest}))
    return plain | {"format": FORMAT, "identity": identity_of(plain["settings"])}


def load(folder: Path) -> dict[str, Any]:
    """Reads the manifest of a run directory.

    Raises:
      InputError: it cannot be read, is of another format, or was changed.
    """

    def refusal(message: str, hint: str = "") -> InputError:
        return InputError(Issue(str(folder), message, hint))

    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        missing = {"format", "identity", "settings", "plan", "created"} - manifest.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise refusal(f"its {MANIFEST} cannot be read: {error}") from error
    if missing:
        raise refusal(f"its {MANIFEST} lacks {', '.join(sorted(missing))}")
    if manifest["format"] != FORMAT:
        raise refusal(
            f"written in format {manifest['format']}, and this version reads format {FORMAT}",
            "use the version of jaxsoco that wrote it",
        )
    if identity_of(manifest["settings"]) != manifest["identity"]:
        raise refusal(f"the settings in its {MANIFEST} were changed after the run began")
    return manifest


def refuse_other(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises unless the run in ``folder``, whose manifest is ``old``, can be resumed as ``new``.

    Raises:
      InputError: settings or plan differ; the first differing fields are named.
    """
    other = "choose another directory, or delete this one"
    if old["identity"] != new["identity"]:
        message = f"holds another run ({old['identity'][:12]}; this one is {new['identity'][:12]})"
        issues = [*_differences(old["settings"], new["settings"])]
        raise InputError([Issue(str(folder), message, other), *_first(issues)])
    issues = [*_differences(old["plan"], new["plan"])]
    if [issue.path for issue in issues] == ["chunk"]:
        was, now = old["plan"]["chunk"], new["plan"]["chunk"]
        message = f"this run was started with chunk = {was}, and chunk = {now} is asked for now"
        hint = f"keep chunk = {was}, or choose another directory"
        raise InputError(Issue(str(folder), message, hint))
    if issues:
        message = "holds a run with other chunks or tiles"
        raise InputError([Issue(str(folder), message, other), *_first(issues)])


def _differences(there: Any, here: Any, path: str = "") -> Iterator[Issue]:
    """The fields in which two JSON values differ, one issue each."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted(there.keys() | here.keys()):
            place = f"{path}.{key}" if path else key
            yield from _differences(there.get(key, _ABSENT), here.get(key, _ABSENT), place)
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for i, (a, b) in enumerate(zip(there, here, strict=True)):
            yield from _differences(a, b, f"{path}[{i}]")
    elif _text(there) != _text(here):
        yield Issue(path, f"{_shorten(there)} in that run, {_shorten(here)} now")


def _first(issues: list[Issue]) -> list[Issue]:
    more = len(issues) - _MOST
    return issues if more <= 0 else [*issues[:_MOST], Issue("", f"differing beyond these: {more}")]


_ABSENT = object()


def _text(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value)


def _shorten(value: Any) -> str:
    if isinstance(value, list):
        return count(len(value), "value")
    text = _text(value)
    return text if len(text) <= 60 else text[:57] + "..."
