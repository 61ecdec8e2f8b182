"""Memory, disk and time of a sweep that keeps moments, by its number of runs; its sketches' errors.

    python benchmarks/moments.py [--runs 10000 100000 1000000] [--devices 2]

Every sweep is a process of its own, report included: learners that track a walk in the plane over
32 rounds, against the optimum. The last rows keep every run, for comparison. The second table holds
the quantiles that the report of a million runs would show against those of the runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from harness import machine, table

from jaxsoco.core.plan import block_of
from jaxsoco.core.sketch import Distribution, Gathering
from jaxsoco.core.summary import Summary
from jaxsoco.core.text import size
from jaxsoco.engine.reading import Stored

SPEC = """
figure = "Moments of many runs"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "lai"
[[algorithm]]
name = "follow_minimizer"
[run]
horizons = 32
checkpoints = 4
seeds = 64
tile = 1024
compare = ["online_optimum_path"]
[[check]]
kind = "order"
algorithms = ["lai", "follow_minimizer"]
[[check]]
kind = "value"
algorithm = "follow_minimizer"
statistic = "p95"
at_least = 0
[[check]]
kind = "complete"
[[plot]]
kind = "curve"
[[plot]]
kind = "cost-breakdown"
"""


class Measured(NamedTuple):
    """One sweep.

    Attributes:
      seconds: wall time of the process.
      peak: largest resident memory of the process, in bytes.
      disk: bytes of its packs.
      packs: number of them.
    """

    seconds: float
    peak: int
    disk: int
    packs: int


def measure(seeds: int, keep: str, devices: int) -> Measured:
    """Runs the sweep with so many seeds.

    Raises:
      RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="jaxsoco-") as folder:
        spec, out = Path(folder, "spec.toml"), Path(folder, "out")
        spec.write_text(SPEC, encoding="utf-8")
        options = ["--seeds", str(seeds), "--set", f"run.keep={keep}", "--devices", str(devices)]
        command = [sys.executable, "-m", "jaxsoco", "run", str(spec), "--out", str(out), *options]
        began = time.perf_counter()
        with open(os.devnull, "w", encoding="utf-8") as nothing:
            child = subprocess.Popen(command, stdout=nothing, stderr=nothing)
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        results = Stored(out, thorough=False).coverage if child.returncode == 0 else None
        if results is None or not results.complete:
            raise RuntimeError(f"exit code {child.returncode}: {' '.join(command)}")
        disk = sum(pack.size for pack in results.packs)
        return Measured(seconds, usage.ru_maxrss * _UNIT, disk, len(results.packs))


_UNIT = 1 if sys.platform == "darwin" else 1024


def rows(arguments: argparse.Namespace) -> Iterator[list[object]]:
    """A row for every sweep."""
    cases = [(seeds, "moments") for seeds in arguments.runs]
    cases += [(seeds, "checkpoints") for seeds in arguments.beside]
    for seeds, keep in cases:
        one = measure(seeds, keep, arguments.devices)
        yield [
            keep,
            f"{seeds:,}",
            f"{one.packs}",
            size(one.disk),
            size(one.peak),
            f"{one.seconds:.0f}",
        ]


_DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda draw, n: draw.normal(size=n),
    "lognormal(2)": lambda draw, n: draw.lognormal(sigma=2.0, size=n),
    "Pareto(1.1)": lambda draw, n: draw.pareto(1.1, size=n),
    "Cauchy": lambda draw, n: draw.standard_cauchy(n),
    "two points": lambda draw, n: np.where(draw.random(n) < 0.3, -1.0, 7.0),
}


def ranks(runs: int) -> Iterator[list[str]]:
    """A row for every distribution: by how much the ranks of 999 quantiles are off."""
    for name, drawn in _DISTRIBUTIONS.items():
        values, block = drawn(np.random.default_rng(0), runs), block_of(runs)
        gathering = Gathering()
        for start in range(0, runs, block):
            part = values[start : start + block]
            gathering.add(Summary.of_parts(part, np.ones(len(part), bool)).sketch)
        known, ordered = Distribution([gathering.result()]), np.sort(values)
        shares = np.linspace(0.001, 0.999, 999)
        found = [known.quantile(share) for share in shares]
        low, high = (np.searchsorted(ordered, found, side) / runs for side in ("left", "right"))
        off = np.maximum(np.maximum(low - shares, shares - high), 0.0)
        yield [name, *(f"{100 * x:.3f} %" for x in (known.error, off.max(), off.mean()))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--beside", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--devices", type=int, default=2)
    arguments = parser.parse_args()
    print("\n".join(machine(["jax", "jaxlib", "numpy"])), end="\n\n")
    header = ["run.keep", "runs a learner", "packs", "disk", "peak memory", "seconds"]
    print(table(header, rows(arguments)), end="\n\n")
    print(table(["a million runs", "stated error", "largest error", "mean error"], ranks(10**6)))


if __name__ == "__main__":
    main()
