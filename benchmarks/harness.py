"""What the benchmarks share: forced host devices, interleaved timing, Markdown tables.

Nothing here imports JAX: how many devices the host shows is fixed when JAX is imported.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jaxsoco.experiment.devices import prepare_cpu

K = TypeVar("K", bound=Hashable)


def force_host_devices(count: int) -> None:
    """Makes JAX show ``count`` CPU devices, and compile as the command line does.

    Raises:
      RuntimeError: JAX is there already, and its devices are fixed.
    """
    if "jax" in sys.modules:
        raise RuntimeError("host devices are fixed once jax is imported")
    prepare_cpu(count, count)


def seconds_of(call: Callable[[], Any]) -> float:
    """Wall time of one call, which must wait for its own results."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


class Measured(NamedTuple):
    """What a process took.

    Attributes:
      seconds: wall time.
      cpu: seconds of its processor, which others on the machine do not lengthen as much.
      peak: largest resident memory, in bytes.
      output: what it printed.
    """

    seconds: float
    cpu: float
    peak: int
    output: str


def measured(command: Sequence[str], codes: Sequence[int] = (0,)) -> Measured:
    """Runs a command to its end.

    Args:
      command: the command.
      codes: exit codes that are no failure.

    Raises:
      RuntimeError: it failed.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode not in codes:
            text = f"exit code {child.returncode}: {' '.join(command)}\n{errors.read()}"
            raise RuntimeError(text)
        unit = 1 if sys.platform == "darwin" else 1024
        cpu = usage.ru_utime + usage.ru_stime
        return Measured(seconds, cpu, usage.ru_maxrss * unit, output.read())


def interleaved(cases: Mapping[K, Callable[[], Any]], rounds: int) -> dict[K, list[float]]:
    """Times every case once per round, round after round: load on the machine hits all alike."""
    times: dict[K, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, call in cases.items():
            times[name].append(seconds_of(call))
    return times


def machine(packages: Iterable[str]) -> list[str]:
    """Lines that say where a result comes from: processor, cores, versions, load at the start."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    lines = [
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}, {versions}",
    ]
    if hasattr(os, "getloadavg"):
        lines.append(f"load average {os.getloadavg()[0]:.1f} when the benchmark began")
    return lines


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is aligned left, the others right."""
    cells = [[str(x) for x in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    widths = [max(3, width) for width in widths]

    def line(row: Sequence[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(list(columns)), line(rule), *map(line, cells)])


def micro(seconds: float) -> str:
    """A time in microseconds with about three significant digits."""
    value = seconds * 1e6
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def times(ratio: float) -> str:
    """A ratio as ``1,234x``."""
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x"
