"""Input files as bytes, text and arrays; a file that cannot be read is one ``Issue``. No JAX."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import suggest


def unreadable(path: Path, error: OSError) -> Issue:
    """Why the operating system did not give a file, and what to try."""
    if isinstance(error, FileNotFoundError):
        return Issue(str(path), "cannot be read: it does not exist", _near(path))
    if isinstance(error, IsADirectoryError):
        return Issue(str(path), "cannot be read: it is a folder", "name a file in it")
    reason = (error.strerror or str(error)).lower()
    return Issue(str(path), f"cannot be read: {reason}", "check the path and its permissions")


def _near(missing: Path) -> str:
    """What may have been meant by a path that does not exist."""
    try:
        names = [entry.name for entry in missing.parent.iterdir()]
    except OSError:
        return f"the folder {missing.parent} does not exist either"
    hint = suggest(missing.name, names)
    return hint if hint.startswith("did you mean") else "check the path"


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises ``InputError`` where there is none to read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(unreadable(path, error)) from None


def read_text(path: Path, want: str = "save it as text in UTF-8") -> str:
    """The text of a UTF-8 file, with or without a byte order mark; ends of lines as they are.

    Args:
      path: the file.
      want: what to do about another encoding.

    Raises:
      InputError: the file cannot be read, or is not UTF-8: with the line of the first wrong byte.
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Up to the wrong byte, which begins a line of its own if an end of line is before it.
        line = len((error.object[: error.start] + b".").splitlines())
        message = f"is not UTF-8 text (byte 0x{error.object[error.start]:02x}) and cannot be read"
        raise InputError(Issue(f"{path}:{line}", message, want)) from None


def read_npy(path: Path) -> np.ndarray:
    """The array in a ``.npy`` file.

    Raises:
      InputError: the file cannot be read, is damaged, or holds something else.
    """
    content = _load(path, "no array of numbers")
    if isinstance(content, dict):
        raise InputError(_damaged(path, "it is an .npz file by another name"))
    return content


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file by name.

    Raises:
      InputError: the file cannot be read, is damaged, or holds something else.
    """
    content = _load(path, "no .npz file of numbers")
    if not isinstance(content, dict):
        raise InputError(_damaged(path, "it is a .npy file by another name, no .npz file"))
    return content


def _load(path: Path, otherwise: str) -> Any:
    # From memory, because NumPy leaves the file of a damaged archive open.
    content = io.BytesIO(read_bytes(path))
    try:
        arrays = np.load(content, allow_pickle=False)
        return arrays if isinstance(arrays, np.ndarray) else {n: arrays[n] for n in arrays.files}
    except Exception as error:  # a damaged archive raises whatever its first wrong byte leads to
        raise InputError(_damaged(path, f"it is {otherwise} ({error})")) from None


def _damaged(path: Path, reason: str) -> Issue:
    return Issue(str(path), f"cannot be read: {reason}", "want what NumPy saves, without objects")
