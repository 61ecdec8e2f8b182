"""Claims: who computes what, so that processes that share a directory can help each other out.

A claim is a file with a lease: its owner touches it while it lives, and whoever finds it untouched
for a lease may take it over: at once, if the owner was a process of this machine and has ended.
Claims save work and decide nothing: two processes that compute the
same runs write the same files.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path

from jaxsoco.core.scratch import (
    Author,
    has_ended,
    remove_leftovers,
    temporary_name,
    this_process,
)
from jaxsoco.engine.files import write_whole

FOLDER = "claims"

LEASE = 60.0
"""Seconds after which an untouched claim is nobody's."""


class Claims:
    """The claims of one process in a directory; they are kept alive while it is entered.

    Args:
      path: the directory of results.
      lease: seconds that a claim lives untouched.
    """

    def __init__(self, path: Path, lease: float = LEASE):
        self._folder = path / FOLDER
        self._lease = lease
        self._owner = {"owner": secrets.token_hex(8), **this_process()._asdict()}
        self._held: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Claims:
        self._folder.mkdir(exist_ok=True)
        self._tidy()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for name in [*self._held]:
            self.release(name)
        self._tidy()

    def take(self, name: str) -> bool:
        """Claims something; False if somebody alive has it."""
        file = self._file(name)
        content = json.dumps(self._owner).encode()
        try:
            write_whole(file, content, replace=False)
        except FileExistsError:
            if name in self._held:
                return True
            if not self._is_free(file):
                return False
            write_whole(file, content)
        self._held.add(name)
        return True

    def release(self, name: str) -> None:
        """Gives a claim back, if it is still this process's."""
        self._held.discard(name)
        with contextlib.suppress(OSError, ValueError):
            if json.loads(self._file(name).read_bytes())["owner"] == self._owner["owner"]:
                self._file(name).unlink()

    def alive(self, names: Iterable[str]) -> set[str]:
        """Those that somebody else holds and keeps alive."""
        return {
            name
            for name in names
            if name not in self._held
            and self._file(name).exists()
            and not self._is_free(self._file(name))
        }

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _is_free(self, file: Path) -> bool:
        """Whether nobody alive has a claim."""
        return has_ended(_owner_of(file)) or self._is_expired(file)

    def _is_expired(self, file: Path) -> bool:
        """Whether a claim was left alone for a lease, by the clock of the disk that it is on."""
        probe = temporary_name(self._folder / "probe")
        try:
            probe.touch()
            now = probe.stat().st_mtime
            return now - file.stat().st_mtime > self._lease
        except FileNotFoundError:
            return True
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()

    def _tidy(self) -> None:
        """Removes what the dead left."""
        remove_leftovers(self._folder)
        for file in self._folder.glob("*.json"):
            if self._is_free(file):
                file.unlink(missing_ok=True)

    def _keep(self) -> None:
        """Touches what is held, several times a lease."""
        while not self._over.wait(self._lease / 6):
            for name in [*self._held]:
                with contextlib.suppress(OSError):
                    os.utime(self._file(name))


def _owner_of(file: Path) -> Author:
    """Who holds a claim; nobody that could be known to have ended, where it does not say."""
    try:
        content = json.loads(file.read_bytes())
        return Author(str(content["host"]), int(content["pid"]), str(content["process"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Author("", 0, "")
