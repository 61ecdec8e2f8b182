"""An internal error: a short message, and a file with all that a report of it needs."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from jaxsoco._version import __version__
from jaxsoco.core.terminal import visible

_LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "optax", "chex", "matplotlib")
_SETTINGS = ("JAX_", "XLA_", "PJRT_", "CUDA_VISIBLE", "PYTHONIOENCODING", "LANG", "LC_")


def told(error: BaseException, command: str, folders: Sequence[Path] = ()) -> str:
    """Writes the traceback of an error to a file, and says what to do with it.

    Args:
      error: what nobody expected.
      command: the command line.
      folders: where the file may go, if it is a run directory; or else to the temporary folder.

    Returns:
      A message of a few lines; it has the traceback itself if no file can be written.
    """
    kind = type(error).__name__
    reason = " ".join(str(error).split())
    reason = reason if len(reason) <= 300 else f"{reason[:300]} ..."
    lines = [
        f"jaxsoco: internal error: {kind}{': ' if reason else ''}{reason}",
        "This is a fault of jaxsoco or of a plug-in; runs that were computed are kept.",
    ]
    text = _report(error, command)
    file = _write(text, [f for f in folders if os.path.isfile(f / "manifest.json")])
    if file is None:
        lines += ["Please report it, with what follows:", text]
    else:
        lines.append(f"Please report it, with the file {file} (traceback, versions, command).")
    return "\n".join(lines)


def _report(error: BaseException, command: str) -> str:
    versions = {name: _version(name) for name in _LIBRARIES}
    facts = {
        "command": command,
        "jaxsoco": __version__,
        "python": f"{platform.python_version()} ({sys.platform}, {platform.machine()})",
        **{name: version for name, version in versions.items() if version},
        **{k: v for k, v in sorted(os.environ.items()) if k.startswith(_SETTINGS)},
    }
    head = [visible(f"{name}: {value}") for name, value in facts.items()]
    return "\n".join([*head, "", "".join(traceback.format_exception(error))])


def _version(library: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(library)
    return ""


def _write(text: str, folders: Sequence[Path]) -> Path | None:
    """The file, in the first folder that takes it."""
    for folder in (*folders, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            number, name = tempfile.mkstemp(".txt", "jaxsoco-error-", folder)
            with open(number, "wb") as file:
                file.write(text.encode(errors="backslashreplace"))
            return Path(name)
    return None
