"""Input files as bytes, text and arrays; a file that cannot be read is one ``Issue``. No JAX."""

from __future__ import annotations

import codecs
import io
import math
import os
import stat
import zipfile
from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import shorten, size, suggest

MOST_BYTES = 1 << 30
"""Largest file of arrays that is read, and most bytes of the arrays in it."""
MOST_TEXT = 1 << 28
"""Largest file of text that is read, in bytes: its cells take many times that."""


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


def is_folder(path: Path) -> bool:
    """Whether it is a folder; what the operating system will not look up is none."""
    return os.path.isdir(path)


def is_there(path: Path) -> bool:
    """Whether there is something of that name, if only a link that leads nowhere.

    A name that no file could have counts as there: opening it says what is wrong with it.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return True


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most ``most`` bytes.

    Raises:
      InputError: there is none to read: it is missing, a folder, too large, or a device or pipe,
        which might never end.
    """
    try:
        # Without waiting for the other end of a pipe.
        descriptor = os.open(path, os.O_RDONLY | _BINARY | _AT_ONCE)
        with open(descriptor, "rb") as file:
            kind, length = os.fstat(descriptor).st_mode, os.fstat(descriptor).st_size
            if stat.S_ISDIR(kind):
                raise IsADirectoryError
            if not stat.S_ISREG(kind):
                message = "cannot be read: it is a device or a pipe"
                raise InputError(Issue(str(path), message, "want a regular file"))
            content = file.read(most + 1) if length <= most else b""
    except OSError as error:
        raise InputError(unreadable(path, error)) from None
    except InputError:  # which is a ValueError, too
        raise
    except ValueError as error:  # a zero byte in the name
        raise InputError(Issue(str(path), f"cannot be read: {error}", "check the path")) from None
    if max(length, len(content)) > most:
        message = f"cannot be read: it is too large, {size(max(length, len(content)))}"
        raise InputError(Issue(str(path), message, f"want at most {size(most)}"))
    return content


_BINARY, _AT_ONCE = getattr(os, "O_BINARY", 0), getattr(os, "O_NONBLOCK", 0)


def read_text(path: Path, want: str = "save it as text in UTF-8") -> str:
    """The text of a UTF-8 file, with or without a byte order mark; ends of lines as they are.

    Args:
      path: the file.
      want: what to do about another encoding.

    Raises:
      InputError: the file cannot be read, or is not UTF-8: with the line of the first wrong byte.
    """
    return decode(read_bytes(path, MOST_TEXT), str(path), want)


def decode(content: bytes, file: str, want: str) -> str:
    """UTF-8 as text, without a byte order mark.

    Args:
      content: the bytes.
      file: whose they are, for messages.
      want: what to do about another encoding.

    Raises:
      InputError: it is not UTF-8: with the line of the first wrong byte, and the encoding that the
        bytes suggest.
    """
    wide = _wide(content)
    try:
        text = content.decode("utf-8-sig")
        if not wide:
            return text
        line, byte = 1, 0  # ASCII in two bytes each, one of them 0, is valid UTF-8
    except UnicodeDecodeError as error:
        # Up to the wrong byte, which begins a line of its own if an end of line is before it.
        line = len((error.object[: error.start] + b".").splitlines())
        byte = error.object[error.start]
    message = f"is not UTF-8 text (byte 0x{byte:02x}) and cannot be read"
    message += f": it seems to be {wide}" if wide else ""
    raise InputError(Issue(f"{file}:{line}", message, want))


def _wide(content: bytes) -> str:
    """UTF-16 or UTF-32, by the mark at the start or by the zeros of ASCII letters; or nothing."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    head = content[:200]
    halves = [any(head[0::2]), any(head[1::2])]
    return "UTF-16" if len(head) >= 4 and halves.count(True) == 1 else ""


def read_npy(path: Path) -> np.ndarray:
    """The array in a ``.npy`` file.

    Raises:
      InputError: the file cannot be read, is damaged, or holds something else.
    """
    content = read_bytes(path)
    if content.startswith(_ZIP):
        raise InputError(_damaged(path, "it is an .npz file by another name"))
    try:
        return _array(content)
    except Exception as error:  # a damaged header raises whatever its first wrong byte leads to
        raise InputError(_damaged(path, f"it is no array of numbers ({one_line(error)})")) from None


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file by name.

    Raises:
      InputError: the file cannot be read, is damaged, or holds something else.
    """
    content = read_bytes(path)
    if content.startswith(np.lib.format.MAGIC_PREFIX):
        raise InputError(_damaged(path, "it is a .npy file by another name, no .npz file"))
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise ValueError(f"its arrays take more than {size(MOST_BYTES)}")
            for member in members:
                # What is no array (a note, a folder) is nobody's business here.
                if member.filename.endswith(_NPY):
                    arrays[member.filename.removesuffix(_NPY)] = _array(archive.read(member))
    except Exception as error:  # a damaged archive raises whatever its first wrong byte leads to
        reason = f"it is no .npz file of numbers ({one_line(error)})"
        raise InputError(_damaged(path, reason)) from None
    return arrays


def numbers(array: np.ndarray, place: str) -> np.ndarray:
    """An array as float64, if it holds real numbers.

    Raises:
      InputError: it holds something else: text, dates, complex numbers, records.
    """
    if array.dtype.kind not in "biuf":
        message = f"is no array of numbers but of {shorten(str(array.dtype), 80)}"
        raise InputError(Issue(place, message, "want real numbers"))
    with np.errstate(over="ignore"):  # what is beyond float64 becomes infinite
        return array.astype(np.float64)


_ZIP, _NPY = b"PK", ".npy"


def _array(content: bytes) -> np.ndarray:
    """The array in the content of a ``.npy`` file; raises where it promises more than it holds."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format is {'.'.join(map(str, version))}")
    shape, _, kind = _HEADERS[version](file)
    if kind.hasobject:
        raise ValueError("it holds Python objects")
    wanted, there = math.prod(shape) * kind.itemsize, len(content) - file.tell()
    if min(shape, default=0) < 0 or wanted != there:
        message = f"{kind} {list(shape)} takes {size(wanted)}, and it holds {size(there)}"
        raise ValueError(message)
    file.seek(0)
    return np.load(file, allow_pickle=False)


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def one_line(error: Exception) -> str:
    """What another library's error says, in a line of its own."""
    # Of an integer of thousands of digits Python says how a program could allow it.
    text = str(error).partition("; use sys.")[0]
    return shorten(" ".join(text.split()) or type(error).__name__, 160)


def _damaged(path: Path, reason: str) -> Issue:
    return Issue(str(path), f"cannot be read: {reason}", "want what NumPy saves, without objects")
