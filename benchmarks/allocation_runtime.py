"""What a job takes as its deadline grows: every learner and optimum, and CVXPY slot by slot.

Experiment IX of arXiv 2408.07831: jobs of 4 slots of work and deadlines of 6 to 48.

    python benchmarks/allocation_runtime.py                    the table (minutes)
    python benchmarks/allocation_runtime.py --figure FILE.png  and the figure
    python benchmarks/allocation_runtime.py --deadlines 6 24   some of the deadlines
    python benchmarks/allocation_runtime.py --quick            a small size, to see that it works

Both sides decide the same jobs, their timings interleaved; whether their results agree is for
``allocation.py``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import harness

UNIT = "us per job"
LENGTH = 4
RIVALS = ("PCM", "ST-CLIP", "OPT")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    options = _options(arguments)
    harness.force_host_devices(1)
    deadlines = options.deadlines or ([6, 12] if options.quick else [*range(6, 49, 6)])
    regions, jobs, tile, rounds = (5, 64, 32, 2) if options.quick else (14, 1024, 256, 5)
    print(*(f"- {x}" for x in harness.machine(("jax", "numpy", "cvxpy", "clarabel"))), sep="\n")
    print(
        f"- {jobs} jobs, {regions} regions, {LENGTH} slots of work, one core, float64", end="\n\n"
    )
    columns = {slots: _microseconds(slots, regions, jobs, tile, rounds) for slots in deadlines}
    names = [*next(iter(columns.values()))]
    rows = [[name, *(harness.micro(columns[t][name] / 1e6) for t in deadlines)] for name in names]
    print(harness.table([UNIT, *(f"T = {slots}" for slots in deadlines)], rows), end="\n\n")
    for name in RIVALS:
        ratios = [columns[t][f"{name}, CVXPY"] / columns[t][name] for t in deadlines]
        print(f"- ratio {name}: {harness.times(min(ratios))} to {harness.times(max(ratios))}")
    if options.figure:
        _draw(columns, options.figure)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="time of a job against its deadline")
    parser.add_argument("--figure", type=Path, help="where to draw the times")
    parser.add_argument(
        "--deadlines", type=int, nargs="+", metavar="T", help="slots, 6 .. 48 if none"
    )
    parser.add_argument("--quick", action="store_true", help="a small size")
    return parser.parse_args(arguments)


def _microseconds(slots: int, regions: int, jobs: int, tile: int, rounds: int) -> dict[str, float]:
    """Median time of a job of every learner and optimum, and of CVXPY, at one deadline."""
    from allocation_ours import Ours, Setting, Size, reveal
    from allocation_theirs import Theirs

    size = Size(jobs, regions, slots, LENGTH)
    ours = Ours(size, Setting("float64", 1, tile), everyone=True)
    revealed = reveal(size, rounds)  # compiles both learners: once is enough
    theirs = {name: Theirs(name, revealed, rebuild=False) for name in RIVALS}
    cases: dict[Any, Any] = {name: partial(ours.run, name) for name in ours.names}
    for compile_now in cases.values():
        compile_now()
    cases |= {f"{name}, CVXPY": side.next for name, side in theirs.items()}
    times = harness.interleaved(cases, rounds)
    share = {name: jobs if name in ours.names else 1 for name in cases}
    return {name: 1e6 * median(times[name]) / share[name] for name in cases}


def _draw(columns: dict[int, dict[str, float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    names = [*next(iter(columns.values()))]
    for name in names:
        ours = name.removesuffix(", CVXPY")  # of the same colour
        options: dict[str, Any] = {
            "color": f"C{names.index(ours)}",
            "linestyle": "-" if name == ours else "--",
        }
        values = [timed[name] for timed in columns.values()]
        axes.plot([*columns], values, marker="o", markersize=3, label=name, **options)
    axes.set_yscale("log")
    axes.set_xticks([*columns])
    axes.set_xlabel("deadline (slots)")
    axes.set_ylabel("time of a job (us)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=160)


if __name__ == "__main__":
    sys.exit(main())
