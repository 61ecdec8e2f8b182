"""Whether a sweep fits the machine, in numbers, before anything is computed. No JAX."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from jaxsoco.core.errors import Issue
from jaxsoco.core.schema import HORIZON
from jaxsoco.core.text import count, size
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.traces import trace_excess

MOST_PACKS = 1_000_000
"""Files of results beyond which folders become slow."""
MOST_COMPILATIONS = 2000
"""Programs, each of which takes a second or more to compile."""
MOST_ROUNDS = 10**15
"""Rounds of all learners together; a core does some 10^7 a second."""

_HOW = "or go on with --anyway (from Python: anyway=True)"


def excesses(sweep: Sweep, out: Path, share: float = 1.0) -> Iterator[Issue]:
    """What makes a sweep absurdly large for this machine: an issue for each number.

    Args:
      sweep: the expanded experiment.
      out: the run directory.
      share: of the runs that is still to be computed here.
    """
    run = sweep.experiment.run
    disk, free = round(sweep.disk_bytes * share), _free_disk(out)
    if free is not None and disk > free:
        message = f"{size(disk)} of results, and {size(free)} are free on the disk of {out}"
        yield Issue("run.seeds", message, f"want fewer, another --out, {_HOW}")
    memory, available = sweep.pack_bytes, available_memory()
    if available is not None and memory > available:
        message = (
            f"a pack of {sweep.largest_pack} runs with a tile of {run.tile} takes "
            f"{size(memory)} of memory, and {size(available)} are available"
        )
        yield Issue("run.pack", message, f"want a smaller pack or tile, {_HOW}")
    if sweep.packs > MOST_PACKS:
        message = f"{sweep.packs} files of results"
        yield Issue("run.pack", message, f"want at most {MOST_PACKS}: larger packs, {_HOW}")
    if sweep.compilations > MOST_COMPILATIONS:
        points = count(len(sweep.points), "point")
        message = f"{sweep.compilations} programs to compile for {points}"
        yield Issue("problem", message, f"want at most {MOST_COMPILATIONS}: fewer sizes, {_HOW}")
    if sweep.experiment.run.trace:
        yield from trace_excess(sweep.traced_groups, len(sweep.experiment.learners))
    rounds = _rounds(sweep) * share
    if rounds > MOST_ROUNDS:
        message = f"{rounds:.2g} rounds of all learners take months"
        yield Issue("run.seeds", message, f"want at most {MOST_ROUNDS:.0g}, {_HOW}")


def _rounds(sweep: Sweep) -> int:
    horizons = sum(point.get(HORIZON, 1) for point in sweep.points)
    return horizons * sweep.experiment.run.seeds * len(sweep.labels)


def _free_disk(out: Path) -> int | None:
    """Bytes that can be written where ``out`` is or will be."""
    for folder in (out.absolute(), *out.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except (OSError, ValueError):
            continue
    return None


def available_memory() -> int | None:
    """Bytes that this process could take without swapping; None where the system does not say."""
    limits = [limit for limit in (_system_memory(), _container_memory()) if limit is not None]
    return min(limits, default=None)


def _system_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return None
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _container_memory() -> int | None:
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file; "max"
        return None
