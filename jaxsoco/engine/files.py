"""Files that are there whole or not at all, also after a kill or a power failure."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import platform
import re
import secrets
import time
from pathlib import Path


def write_whole(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Puts ``data`` at ``path``, whole or not at all; it is on the disk when this returns.

    The bytes go to a temporary file beside it, which is flushed and renamed.

    Args:
      path: where to; its folder must exist.
      data: the content.
      replace: whether a file that is there already is replaced.

    Raises:
      FileExistsError: there is a file and it is not to be replaced.
      OSError: it could not be written, or not be made lasting; no temporary file is left.
    """
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        (os.replace if replace else _rename_to_new)(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def link_whole(source: Path, target: Path) -> None:
    """Puts the same file at ``target``, in place of what is there.

    A link where the disk allows it, otherwise a copy.

    Raises:
      OSError: it could not be made, or not be made lasting; no temporary file is left.
    """
    temporary = _temporary(target)
    try:
        os.link(source, temporary)
    except OSError:  # another disk, or one without hard links
        write_whole(target, source.read_bytes())
        return
    try:
        os.replace(temporary, target)
    finally:
        # Where both were one file already, a rename leaves both names.
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{_HOST}-{os.getpid()}-{_PROCESS}-{next(_COUNTER)}.tmp")


def _rename_to_new(source: Path, target: Path) -> None:
    """Of several processes that rename to one new target, the first one wins."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.replace(source, target)
    else:
        source.unlink()


def sync_folder(folder: Path) -> None:
    """Makes the folder's last renames survive a power failure (POSIX)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def is_temporary(path: Path) -> bool:
    """Whether this is a temporary file of :func:`write_whole`, of any process."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files of killed processes, but not what a live one is writing."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            match = _TEMPORARY.fullmatch(entry.name)
            if match and _is_leftover(entry, match[1], int(match[2]), match[3]):
                with contextlib.suppress(OSError):
                    entry.unlink()


def _is_leftover(entry: Path, host: str, pid: int, process: str) -> bool:
    if host != _HOST or os.name != "posix":
        return time.time() - entry.stat().st_mtime > _DAY
    if pid == os.getpid():
        return process != _PROCESS
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _pid_space() -> str:
    """Where a process id has its meaning: the host, and on Linux the container's namespace."""
    with contextlib.suppress(OSError):
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    return platform.node()


_HOST = hashlib.sha256(_pid_space().encode()).hexdigest()[:8]
_PROCESS = secrets.token_hex(4)  # another process may get the same id later
_COUNTER = itertools.count()
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)-([0-9a-f]{8})-\d+\.tmp")
_DAY = 86400.0
