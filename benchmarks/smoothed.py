"""Problems with switching costs beside generic convex solvers: offline, R-OBD, P-OBD, RHC.

All sides solve the same random problems with quadratic costs, on one core, in one process, their
timings interleaved:

    python benchmarks/smoothed.py                 the whole table (minutes)
    python benchmarks/smoothed.py --runs 64 4096  other numbers of runs
    python benchmarks/smoothed.py --quick         a small size, to see that it works

Ours are the kernels on many runs at once, float64; the others solve one problem after the other.
CVXPY's programs are built once, with parameters. The exit code is 1 if the sides disagree. It
needs the extra ``test``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import harness

EXPECTED = {
    "offline": {"CVXPY": 200.0, "Clarabel alone": 35.0},
    "R-OBD": {"numpy.linalg": 30.0, "L-BFGS-B": 1e4, "CVXPY": 1e4},
    "P-OBD": {"SLSQP in brentq": 8e3},
    "RHC": {"CVXPY": 1.5e3, "Clarabel alone": 160.0},
}
"""Least ratio of times from 1024 runs up."""

BOUNDS = {
    "offline": "two passes over the rounds a sweep, whose state is more than the caches hold",
    "R-OBD": "five divisions of the factor, and the memory that the matrices come from",
    "P-OBD": "an exponential, a logarithm and five divisions a trip",
    "RHC": "clips of the window's rounds, one after the other, in every halving",
}
"""What bounds the speed, printed beside the ratios."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if the sides agree."""
    options = _options(arguments)
    if hasattr(os, "sched_setaffinity"):
        # One core for everybody: XLA would use more for large blocks.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    harness.force_host_devices(1)
    import jax

    lines = harness.machine(("jax", "numpy", "scipy", "cvxpy", "clarabel"))
    print(*(f"- {line}" for line in lines), "- one core, float64", sep="\n", end="\n\n")
    with jax.enable_x64(True):
        agree = [_compare(name, options) for name in EXPECTED]
    print(f"- results {'agree' if all(agree) else 'DISAGREE'}")
    return 0 if all(agree) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="kernels for switching costs beside solvers")
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 1024])
    parser.add_argument("--rounds", type=int, default=100, help="T")
    parser.add_argument("--repeats", type=int, default=7, help="timings of each")
    parser.add_argument("--quick", action="store_true", help="a small size, nothing judged")
    options = parser.parse_args(arguments)
    if options.quick:
        options.runs, options.rounds, options.repeats = [4], 12, 1
    return options


def _compare(name: str, options: argparse.Namespace) -> bool:
    from smoothed_ours import OURS
    from smoothed_theirs import THEIRS

    rounds = options.rounds
    ours = {runs: OURS[name](rounds, runs) for runs in options.runs}
    theirs = {other: side(rounds) for other, side in THEIRS[name].items()}
    cases: dict[Any, Callable[[], Any]] = {**theirs, **ours}
    for call in cases.values():
        call()
    times = harness.interleaved(cases, options.repeats)
    # Per run of the offline optimum; else per round and run.
    seconds = {case: median(times[case]) / cases[case].solved for case in cases}  # pyright: ignore[reportFunctionMemberAccess]
    columns = [f"{name}, us", "time", *(f"x {other}" for other in theirs)]
    rows = []
    for case, second in seconds.items():
        label = f"ours, {case:,} runs" if isinstance(case, int) else case
        ratios = (harness.times(seconds[other] / second) for other in theirs)
        rows.append([label, harness.micro(second), *ratios])
    print(harness.table(columns, rows), end="\n\n")
    if not options.quick:
        _judge(name, seconds)
    return _agreement(name, theirs, ours[options.runs[0]])


def _judge(name: str, seconds: dict[Any, float]) -> None:
    for runs in (case for case in seconds if isinstance(case, int) and case >= 1024):
        for other, wanted in EXPECTED[name].items():
            ratio = seconds[other] / seconds[runs]
            met = "met" if ratio >= wanted else "falls short"
            print(
                f"- {runs:,} runs: {harness.times(ratio)} {other}; expected {wanted:,.0f}x: {met}"
            )
    print(f"- bounded by: {BOUNDS[name]}", end="\n\n")


def _agreement(name: str, theirs: dict[str, Any], ours: Any) -> bool:
    """The first run's positions by all sides, each with its solver's own accuracy."""
    agree = True
    for other, side in theirs.items():
        gap = side.gap(ours.first())
        close = gap <= side.tolerance
        agree &= close
        verdict = "agrees" if close else "DISAGREES"
        print(f"- {name}, {other}: largest difference {gap:.1e}, {verdict}")
    print()
    return agree


if __name__ == "__main__":
    sys.exit(main())
