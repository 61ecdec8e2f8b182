"""What a sweep costs, and what several devices, shares or Ray workers make of it.

For every family an experiment at a size that takes some ten seconds, each time in a new directory
with a warm compile cache: one process with one device; two devices; two shares side by side; two
workers of Ray. Then what a pack of each family costs: its bytes, and the milliseconds to write it
and to read it back::

    python benchmarks/scaling.py                  all families (minutes)
    python benchmarks/scaling.py tracking --quick a small size, to see that it works

Efficiency is the rate of two over twice the rate of one, both from the second pack of a process on:
the first one has the loading of its programs in it. The seconds of a whole command, with imports,
traces and report, stand beside it.
The exit code is 1 if two ways differ in a single bit.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import harness

from jaxsoco.core import text

ROOT = Path(__file__).resolve().parents[1]


class Case(NamedTuple):
    """An experiment, and what makes it some ten seconds long."""

    file: str
    settings: tuple[str, ...]
    seeds: int
    quick: int


CASES = {
    "allocation": Case(
        "allocation/data_size.toml", ("problem.data_size=[4]", "run.pack=128"), 1024, 512
    ),
    "multistage": Case("multistage/tree_h2k2.toml", ("run.pack=128",), 2048, 512),
    "provisioning": Case(
        "provisioning/bursty_queue.toml", ("run.pack=32", "run.tile=16"), 256, 128
    ),
    "tracking": Case(
        "tracking/regret_full.toml", ("run.horizons=[1000]", "run.pack=128"), 2048, 512
    ),
}
"""At 16 packs, or 8 where runs take long."""

ONE, DEVICES, SHARES, RAY = "1 device", "2 devices", "2 shares", "2 Ray workers"


class Outcome(NamedTuple):
    """One way to compute a sweep.

    Attributes:
      seconds: from the beginning of the first command to the end of the last.
      rate: runs of all learners per second, from the second pack of each process on.
      runs: of all learners.
      packs: files that they are in.
      peak: largest resident memory of a process, in bytes.
      bits: digest of all results.
    """

    seconds: float
    rate: float
    runs: int
    packs: int
    peak: int
    bits: str


def run_sweep(case: Case, seeds: int, way: str, out: Path) -> Outcome:
    """Runs the commands of one way, side by side."""
    base = [sys.executable, "-m", "jaxsoco", "run", str(ROOT / "experiments" / case.file)]
    base += ["--smoke", "--out", str(out), "--seeds", str(seeds)]
    for setting in case.settings:
        base += ["--set", setting]
    commands = {
        ONE: [[*base, "--devices", "1"]],
        DEVICES: [[*base, "--devices", "2"]],
        SHARES: [[*base, "--devices", "1", "--share", f"{i}/2"] for i in (1, 2)],
        RAY: [[*base, "--executor", "ray", "--workers", "2"]],
    }[way]
    began = time.time()
    with ThreadPoolExecutor(len(commands)) as threads:
        # 1: a claim fails at this size
        processes = [*threads.map(partial(harness.measured, codes=(0, 1)), commands)]
    peak = max(one.peak for one in processes)
    return read_outcome(out, time.time() - began, peak, 2 if way in (SHARES, RAY) else 1)


def read_outcome(out: Path, seconds: float, peak: int, processes: int) -> Outcome:
    """What the packs of a directory say, all of which have as many runs."""
    import numpy as np

    from jaxsoco.engine.reading import Stored

    results = Stored(out)
    digest = hashlib.sha256()
    for _, arrays in results.pieces():
        for name in sorted(arrays):
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    sidecars = [*(out / "packs").glob("*.json")]
    facts = [json.loads(file.read_bytes())["facts"] for file in sidecars]
    ends = [file.stat().st_mtime for file in sidecars]
    begins = [end - fact["seconds"] for end, fact in zip(ends, facts, strict=True)]
    # The first pack of every process has its programs' loading in it.
    later = sorted(zip(begins, ends, strict=True))[processes:]
    span = max(end for _, end in later) - min(begin for begin, _ in later)
    stored = results.coverage.stored
    rate = stored * len(later) / len(sidecars) / span
    return Outcome(seconds, rate, stored, len(sidecars), peak, digest.hexdigest())


def overhead(out: Path) -> tuple[int, int, float, float]:
    """Of the first pack of a directory: runs, bytes, and seconds to write it and to read it."""
    from jaxsoco.engine.store import Store

    store = Store(out).open()
    name, pack = next(iter(store.refresh().packs.items()))
    arrays = store.read(name)
    size = sum((out / "packs" / f"{name}{end}").stat().st_size for end in (".npz", ".json"))
    writes, reads = [], []
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        for i in range(5):
            copy = Store(Path(folder) / str(i)).begin(store.study.to_json())
            writes.append(harness.seconds_of(partial(copy.commit, pack.blocks, arrays, pack.facts)))
            again = Store(copy.path).open()
            again.refresh(thorough=False)
            reads.append(harness.seconds_of(partial(again.read, name)))
    return pack.runs, size, sorted(writes)[2], sorted(reads)[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description="What a sweep costs, by family and way.")
    parser.add_argument("families", nargs="*", choices=[*CASES, []], default=[])
    parser.add_argument("--quick", action="store_true", help="a small size")
    parser.add_argument("--rounds", type=int, default=1, help="of each way; the best one counts")
    options = parser.parse_args(arguments)
    families = options.families or [*CASES]
    ways = [ONE, DEVICES, SHARES]
    if importlib.util.find_spec("ray"):
        ways.append(RAY)
    rows, packs, differ = [], [], False
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(folder) / "xla"))
        for family in families:
            case = CASES[family]
            seeds = case.quick if options.quick else case.seeds
            best: dict[str, Outcome] = {}
            for way in ways:  # fills the compile cache
                run_sweep(case, case.quick, way, Path(folder) / f"{family}-{way}-first")
            for turn in range(options.rounds):
                for way in ways:
                    out = Path(folder) / f"{family}-{way.replace(' ', '-')}-{turn}"
                    outcome = run_sweep(case, seeds, way, out)
                    print(f"{family}, {way}: {outcome}", file=sys.stderr, flush=True)
                    if way not in best or outcome.rate > best[way].rate:
                        best[way] = outcome
            one = best[ONE]
            differ |= len({outcome.bits for outcome in best.values()}) > 1
            for way, outcome in best.items():
                efficiency = "" if way == ONE else f"{outcome.rate / one.rate / 2:.2f}"
                rows.append(
                    [
                        *(f"{family}, {way}", f"{outcome.runs:,}", outcome.packs),
                        *(f"{outcome.seconds:.1f}", f"{outcome.rate:,.0f}"),
                        *(f"{outcome.rate * outcome.packs / outcome.runs:.1f}", efficiency),
                        text.size(outcome.peak),
                    ]
                )
            out = Path(folder) / f"{family}-{ONE.replace(' ', '-')}-0"
            runs, size, write, read = overhead(out)
            packs.append(
                [
                    *(family, runs, f"{size:,}", f"{size / runs:.0f}"),
                    *(f"{1e3 * write:.1f}", f"{1e3 * read:.1f}", f"{1e3 * runs / one.rate:.0f}"),
                ]
            )
    print("\n".join(f"- {line}" for line in harness.machine(["jax", "numpy"])), end="\n\n")
    columns = ["way", "runs", "packs", "s in all", "runs/s", "packs/s", "efficiency", "memory"]
    print(harness.table(columns, rows), end="\n\n")
    columns = ["pack", "runs", "bytes", "bytes a run", "ms to write", "ms to read", "ms to compute"]
    print(harness.table(columns, packs), end="\n\n")
    print("the results of two ways DIFFER" if differ else "all ways gave the same bits")
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
