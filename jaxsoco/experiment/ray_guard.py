"""Ends what is left of a Ray that was started here, however the process that started it ended.

Ray's processes outlive a driver that is killed, some of them for good. This program is started
beside them with a pipe to the driver on its standard input. When that closes, it kills every other
process that has a file of Ray's folder open, as all of Ray's have (their names and environments are
no guide: Ray overwrites them), and removes the folder. It needs the standard library alone.

Usage: python ray_guard.py FOLDER
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator

_LONGEST = 10.0
"""Seconds until it gives up on a process that does not die."""


def processes(folder: str, but: int) -> Iterator[int]:
    """The processes of this user with a file in ``folder`` open, but one; needs ``/proc``."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdecimal() and int(name) != but and _opens(f"/proc/{name}/fd", folder):
            yield int(name)


def _opens(descriptors: str, folder: str) -> bool:
    try:
        for one in os.listdir(descriptors):
            with contextlib.suppress(OSError):  # closed since
                if os.readlink(f"{descriptors}/{one}").startswith(f"{folder}/"):
                    return True
    except OSError:  # another user's, or gone
        pass
    return False


def clear(folder: str, driver: int) -> None:
    """Kills the processes, but for the driver, and removes the folder."""
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        left = [*processes(folder, driver)]
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Waits for the driver's end."""
    for number in (signal.SIGINT, signal.SIGTERM):  # of a terminal or a batch system, to all
        signal.signal(number, signal.SIG_IGN)
    driver = os.getppid()
    sys.stdin.buffer.read()
    clear(os.path.realpath(sys.argv[1]), driver)


if __name__ == "__main__":
    main()
