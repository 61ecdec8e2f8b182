"""The manifest of a run directory: what was last asked of it, and what its report says."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxsoco.core.cells import digest_of
from jaxsoco.core.errors import InputError, Issue

FORMAT = 2
OLD_FORMAT = 1
"""One sweep a directory, in chunks: it is read, and not extended."""

MANIFEST = "manifest.json"

_PARTS = ("settings", "origin", "plan")
_NEEDED = {"format", "identity", "settings", "plan", "created", "presentation", "name"}


def complete(study: Mapping[str, Any], created: str = "") -> dict[str, Any]:
    """The manifest of a study as plain JSON data: with format, identity, time and seal.

    Args:
      study: as ``Study.to_json`` makes it.
      created: when the directory was begun (ISO 8601); now if empty.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    plain = json.loads(json.dumps({"created": created or now, **study}))
    plain |= {"format": FORMAT, "identity": _identity(plain)}
    return plain | {"seal": digest_of(plain)}


def load(folder: Path) -> dict[str, Any]:
    """Reads the manifest of a run directory, of this format or the one before.

    Raises:
      InputError: it cannot be read, is of another format, or was changed.
    """

    def refusal(message: str, hint: str = "") -> InputError:
        return InputError(Issue(str(folder), message, hint))

    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        missing = _NEEDED - manifest.keys()
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise refusal(f"its {MANIFEST} cannot be read: {error}") from error
    if missing:
        raise refusal(f"its {MANIFEST} lacks {', '.join(sorted(missing))}")
    if manifest["format"] not in (OLD_FORMAT, FORMAT):
        raise refusal(
            f"written in format {manifest['format']}, and this version reads format {FORMAT}",
            "use the version of jaxsoco that wrote it",
        )
    again = "run the experiment again with this --out: it writes the manifest anew"
    if manifest["format"] == OLD_FORMAT:
        if digest_of(manifest["settings"]) != manifest["identity"]:
            raise refusal(f"the settings in its {MANIFEST} were changed after the run began")
    elif manifest.get("seal") != digest_of({k: v for k, v in manifest.items() if k != "seal"}):
        raise refusal(f"its {MANIFEST} was changed after it was written", again)
    return manifest


def format_of(folder: Path) -> Any:
    """The format that the manifest of a directory names; None where it cannot be read."""
    try:
        return json.loads((folder / MANIFEST).read_bytes())["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _identity(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of everything that fixes the numbers of a study."""
    parts = {part: manifest.get(part) for part in _PARTS}
    groups = parts["plan"]["groups"] if parts["plan"] else None
    return digest_of({**parts, "plan": groups})
