"""Stamps of files: what tells that they were not written since, without reading them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

_TICK = 2.0
"""Seconds: the coarsest time stamps of a file system in use."""


class Stamps(NamedTuple):
    """Of some files, as they were found.

    Attributes:
      files: inode, bytes, and when content and entry were changed last, in ns, of each; nothing
        where one of them could not be asked.
      settled: whether a file that is written from now on gets another stamp: clocks are coarse.
    """

    files: tuple[tuple[int, int, int, int], ...]
    settled: bool

    @classmethod
    def of(cls, *files: Path) -> Stamps:
        """The stamps of files as they are now."""
        try:
            entries = [file.stat() for file in files]
        except OSError:
            return cls((), settled=False)
        last = max(max(one.st_mtime_ns, one.st_ctime_ns) for one in entries)
        stamps = ((one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in entries)
        return cls(tuple(stamps), time.time() - last / 1e9 > _TICK)

    def is_of(self, before: Stamps | None) -> bool:
        """Whether the files are what they were before, if both are known."""
        return bool(self.files) and before is not None and self.files == before.files
