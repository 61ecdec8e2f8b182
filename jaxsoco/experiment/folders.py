"""The run directory, before anything is computed: what is in it, and whether it can be written."""

from __future__ import annotations

from pathlib import Path

from jaxsoco.core import stopping
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.scratch import scratch_folder
from jaxsoco.engine.directory import is_trace
from jaxsoco.engine.store import Store

_TRIAL = "jaxsoco-trial"
"""A folder that is made to see whether one can be."""


def default_folder(name: str, smoke: bool) -> Path:
    """Where a run goes if the user names no place."""
    return Path("runs") / (f"{name}-smoke" if smoke else name)


def existing(out: Path) -> Store | None:
    """The results that a folder holds, None if there are none and they can go there.

    Raises:
      InputError: neither holds.
    """
    place = _nearest(out)
    if not place.is_dir():
        raise InputError(Issue(str(place), "is a file", "want a new or empty folder for the run"))
    try:
        if place == out.absolute() and not all(map(_is_trace, out.iterdir())):
            return Store(out).open(to_extend=True)
    except OSError as error:
        raise _unusable(out, error) from error
    _require_writable(place)
    return None


def _nearest(out: Path) -> Path:
    """The folder itself, or what there is of the path to it."""
    place = out.absolute()
    try:
        while not _is_there(place):
            place = place.parent
        place.stat()
    except FileNotFoundError:
        message, hint = "is a link that leads nowhere", "remove it, or choose another --out"
        raise InputError(Issue(str(place), message, hint)) from None
    except (OSError, ValueError) as error:  # a circle of links, a name too long, a zero byte
        raise _unusable(out, error) from error
    return place


def _is_there(place: Path) -> bool:
    """Whether there is something of this name, if only a link that leads nowhere."""
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _is_trace(entry: Path) -> bool:
    """Whether it may be what a run leaves that stopped before its manifest was written."""
    return is_trace(entry) or entry.name.startswith(".jaxsoco-")  # older ones end otherwise


def _require_writable(place: Path) -> None:
    """Raises unless a folder can be made here."""
    try:
        # Held: a signal would leave the folder behind.
        with stopping.held(), scratch_folder(_TRIAL, place):
            pass
    except OSError as error:
        message = f"cannot be written to: {_reason(error)}"
        raise InputError(Issue(str(place), message, "choose another --out")) from error


def _unusable(out: Path, error: Exception) -> InputError:
    return InputError(Issue(str(out), f"cannot be used: {_reason(error)}", "choose another --out"))


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
