"""Files and folders that are of no use once their process has ended: their names say which one.

A process that is killed cannot clear up behind itself. Its files tell by their names whose they
are, so that the next process that comes by removes them, and leaves those of the living alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import platform
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Author(NamedTuple):
    """A process, as others that see its files know it.

    Attributes:
      host: where its id has a meaning.
      pid: its id there.
      process: tells it from others that had the same id.
    """

    host: str
    pid: int
    process: str


def this_process() -> Author:
    """The process that asks."""
    return Author(_HOST, os.getpid(), _PROCESS)


def has_ended(author: Author) -> bool:
    """Whether a process is known to have ended; False if it is of another machine."""
    if author.host != _HOST or os.name != "posix":
        return False
    if author.pid == os.getpid():
        return author.process != _PROCESS
    try:
        os.kill(author.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def temporary_name(path: Path) -> Path:
    """A name beside ``path`` that nothing has, and that tells which process it is of."""
    author = "-".join(map(str, this_process()))
    return path.with_name(f".{path.name}.{author}-{next(_COUNTER)}.tmp")


def is_temporary(path: Path) -> bool:
    """Whether this is a :func:`temporary_name`, of any process."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Removes what killed processes left under a temporary name, but not what a live one uses.

    Args:
      folder: where.
      name: of what alone; everything if empty.
    """
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            match = _TEMPORARY.fullmatch(entry.name)
            if match and name in ("", match[1]) and _is_leftover(entry, match):
                with contextlib.suppress(OSError):
                    _remove(entry)


@contextlib.contextmanager
def scratch_folder(name: str, place: Path | None = None) -> Iterator[Path]:
    """A folder of this process alone while the block lasts; :func:`make_folder` says the rest."""
    path = make_folder(name, place)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def make_folder(name: str, place: Path | None = None) -> Path:
    """Makes a folder that is removed at the latest by the next process that makes one like it.

    Args:
      name: what it is for.
      place: the folder it is made in; the one for temporary files if None.

    Raises:
      OSError: it cannot be made.
    """
    place = place or Path(tempfile.gettempdir())
    remove_leftovers(place, name)
    path = temporary_name(place / name)
    path.mkdir(0o700)
    return path


def _is_leftover(entry: Path, match: re.Match[str]) -> bool:
    author = Author(match[2], int(match[3]), match[4])
    if author.host != _HOST or os.name != "posix":
        return time.time() - entry.stat().st_mtime > _DAY
    return has_ended(author)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _pid_space() -> str:
    """Where a process id has its meaning: the host, and on Linux the container's namespace."""
    with contextlib.suppress(OSError):
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    return platform.node()


_HOST = hashlib.sha256(_pid_space().encode()).hexdigest()[:8]
_PROCESS = secrets.token_hex(4)  # another process may get the same id later
_COUNTER = itertools.count()
_TEMPORARY = re.compile(r"\.(.+)\.([0-9a-f]{8})-(\d+)-([0-9a-f]{8})-\d+\.tmp")
_DAY = 86400.0
