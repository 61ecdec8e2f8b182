"""eps-EXP3 on trees of agents beside a numba loop and a literal NumPy loop.

All sides play the Bernoulli trees of the paper with the exact expected cost of every round, on one
core, in one process, their timings interleaved:

    python benchmarks/multistage.py                 the whole table (minutes)
    python benchmarks/multistage.py --ablation      and what the time is spent on
    python benchmarks/multistage.py --quick         a small size, to see that it works

Ours is the sweep's own compiled tile. Its speed does not depend on the costs; numba's does, so it
is timed on typical costs (the tree's) and in the worst case (every round costs 1, so all nodes on
the path learn). The exit code is 1 if the sides disagree. It needs the extra ``test``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

import harness

EXPECTED = {(2, 2): 5.0, (3, 4): 3.0}
"""Least ratio to numba's worst case from 1024 runs up, by depth and children."""

BOUNDS = {
    (2, 2): "learning (exponentials, compensated logits): two thirds of a round; then the draws",
    (3, 4): "masked writes of the tables of all 21 nodes, of which a round changes 3",
}
"""What bounds the speed, printed beside the ratios; ``--ablation`` has the times."""


class Size(NamedTuple):
    """What is computed: shape of the tree, runs, rounds of each."""

    depth: int
    children: int
    runs: int
    rounds: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if the sides agree."""
    options = _options(arguments)
    if hasattr(os, "sched_setaffinity"):
        # One core for everybody: XLA would use more for large blocks.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    harness.force_host_devices(1)
    lines = harness.machine(("jax", "numpy", "numba"))
    print(*(f"- {line}" for line in lines), "- one core", sep="\n", end="\n\n")
    shapes = [(2, 2)] if options.quick else list(EXPECTED)
    agree = True
    for shape in shapes:
        agree &= _compare(shape, options)
    if options.ablation:
        from multistage_parts import parts

        for shape in shapes:
            print("\n" + parts(*shape, 1024, options.repeats))
    return 0 if agree else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="jaxsoco's multistage family beside numba")
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 128, 1024, 10_000])
    parser.add_argument("--tile", type=int, default=512, help="most lanes of a block")
    parser.add_argument("--repeats", type=int, default=5, help="timings of each")
    parser.add_argument("--ablation", action="store_true", help="also time the parts")
    parser.add_argument("--quick", action="store_true", help="a small size, nothing judged")
    options = parser.parse_args(arguments)
    if options.quick:
        options.runs, options.tile, options.repeats = [1, 64], 64, 1
    return options


def _compare(shape: tuple[int, int], options: argparse.Namespace) -> bool:
    from multistage_ours import Ours
    from multistage_theirs import Loop

    scale = 0.02 if options.quick else 1.0
    loops = {
        "numba, worst case": Loop(*shape, rounds=int(2e6 * scale), worst=True),
        "numba, typical": Loop(*shape, rounds=int(2e6 * scale), worst=False),
        "NumPy": Loop(*shape, rounds=int(2e4 * scale), worst=False, literal=True),
    }
    ours = {runs: Ours(*shape, runs, options.tile, scale) for runs in options.runs}
    cases: dict[Any, Callable[[], Any]] = {**loops, **ours}
    for call in cases.values():
        call()
    times = _process_times(cases, options.repeats)
    speed = {name: cases[name].total / median(times[name]) / 1e6 for name in cases}  # pyright: ignore[reportFunctionMemberAccess]

    columns = [
        f"M rounds/s, H={shape[0]} K={shape[1]}",
        "rate",
        "x numba worst",
        "x typical",
        "x NumPy",
    ]
    rows = []
    for name, rate in speed.items():
        ratios = [rate / speed[other] for other in loops]
        label = f"ours, {name:,} runs" if isinstance(name, int) else name
        rows.append([label, f"{rate:,.3g}", *(f"{ratio:,.3g}" for ratio in ratios)])
    print(harness.table(columns, rows), end="\n\n")
    if not options.quick:
        _judge(shape, {runs: speed[runs] / speed["numba, worst case"] for runs in ours})
    return _agreement(shape, loops["numba, typical"], scale)


def _process_times(cases: dict[Any, Callable[[], Any]], repeats: int) -> dict[Any, list[float]]:
    """Interleaved, in the process's own time: others on the machine do not count."""
    import time

    found: dict[Any, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, call in cases.items():
            began = time.process_time()
            call()
            found[name].append(time.process_time() - began)
    return found


def _judge(shape: tuple[int, int], ratios: dict[int, float]) -> None:
    wanted = EXPECTED[shape]
    for runs, ratio in ratios.items():
        text = f"- {runs:,} runs: {ratio:.1f}x numba's worst case"
        if runs >= 1024:
            met = "met" if ratio >= wanted else "falls short"
            text += f"; expected at least {wanted:.0f}x: {met}"
        print(text)
    print(f"- bounded by: {BOUNDS[shape]}", end="\n\n")


def _agreement(shape: tuple[int, int], numba_loop: Any, scale: float) -> bool:
    """Mean cost a round of both sides over independent runs, with its standard error."""
    from multistage_ours import mean_cost

    rounds = 2000
    ours, ours_error = mean_cost(*shape, rounds, 512)
    theirs, theirs_error = numba_loop.mean_cost(rounds, 512)
    gap, error = abs(ours - theirs), (ours_error**2 + theirs_error**2) ** 0.5
    agree = gap <= 4 * error
    verdict = "agree" if agree else "DISAGREE"
    print(
        f"- expected cost a round over {rounds:,} rounds, 512 runs: ours {ours:.5f}, numba "
        f"{theirs:.5f}, difference {gap / error:.1f} standard errors: results {verdict}\n"
    )
    return agree


if __name__ == "__main__":
    sys.exit(main())
