"""Files that are there whole or not at all, also after a kill or a power failure."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from jaxsoco.core.scratch import temporary_name


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
    temporary = temporary_name(path)
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
    temporary = temporary_name(target)
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
