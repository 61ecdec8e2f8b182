"""Processes and files that outlive the process that brought them; needs ``/proc``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from jaxsoco.core.scratch import this_process


def parents() -> dict[int, tuple[int, str]]:
    """Process -> its parent and its title."""
    table = {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                title = (place / "cmdline").read_text(errors="replace")
                if fields[0] != "Z":
                    table[int(place.name)] = (int(fields[1]), title)
    return table


def descendants(process: int, title: str = "") -> list[int]:
    """The processes that a process started, and so on; those of one title."""
    table, family = parents(), [process]
    for one in family:
        family += [child for child, (parent, _) in table.items() if parent == one]
    return [one for one in family[1:] if one in table and table[one][1].startswith(title)]


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def nobody(processes: Iterable[int]) -> bool:
    """Whether none of the processes is left."""
    return not {*processes} & {*parents()}


def temporary_of_the_dead(path: Path) -> Path:
    """A temporary name for ``path``, as a process had it that was killed."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    return path.with_name(f".{path.name}.{this_process().host}-{dead.pid}-0a0a0a0a-0.tmp")


def leftovers() -> set[Path]:
    """Folders of runs with Ray among temporary files."""
    place = Path(os.environ.get("TMPDIR", "/tmp"))
    names = ("jaxsoco-ray-*", ".jaxsoco-plugins.*")
    return {path for name in names for path in place.glob(name)}
