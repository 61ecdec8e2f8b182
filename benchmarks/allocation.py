"""Batched PCM, ST-CLIP and offline optimum beside a per-slot CVXPY implementation.

Both sides decide the same jobs in one process, their timings interleaved:

    python benchmarks/allocation.py                 the whole table (minutes)
    python benchmarks/allocation.py --ablation      and what the time is spent on
    python benchmarks/allocation.py --quick         a small size, to see that it works

The exit code is 1 if the results disagree. It needs the solvers of the extra ``test``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from allocation_ours import Revealed, Setting, Size
    from allocation_theirs import Agreement, Theirs

EXPECTED = {"PCM": 1000, "ST-CLIP": 500, "OPT": 5000}
UNIT = "us per slot and job"

BOUNDS = {
    "PCM": "every slot costs ours two min-plus products, a pass over all pairs of sources and the "
    "exact transport of the ledger; once a job is done, CVXPY solves nothing and ours goes on",
    "ST-CLIP": "ours evaluates the step at a fixed number of multipliers in every slot, each with "
    "its own min-plus products, and also finds the advice, which CVXPY is given",
    "OPT": "ours sweeps all slots, a min-plus product each, as often as the slowest lane of a tile "
    "needs",
}
"""What bounds the ratios, printed where one falls short; ``--ablation`` has the times."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if the results agree."""
    options = _options(arguments)
    harness.force_host_devices(options.devices)
    from allocation_ours import Setting, Size, ours, reveal
    from allocation_theirs import Agreement

    size = Size(64, 5, 12, 4) if options.quick else Size(options.jobs, 14, 24, 4)
    tiles, rounds = ([32], 2) if options.quick else (options.tiles, options.rounds)
    _say_where(size)

    counts = sorted({1, options.devices})
    settings = [Setting("float64", d, t) for d in counts for t in tiles if not size.jobs % (d * t)]
    scan = _scan(size, settings, rounds)
    best = {
        (name, count): min((s for s in settings if s.devices == count), key=timed.__getitem__)
        for name, timed in scan.items()
        for count in counts
    }
    jobs = reveal(size, rounds)
    theirs, times = _race(size, best, jobs, rounds, single=not options.quick)
    print(_headline(theirs, times, best, size), end="\n\n")
    print(_tiles_table(scan, settings, size), end="\n\n")
    found = {
        name: [*map(Agreement.of, ours(size, best[name, 1]).costs(name), side.outcomes, jobs.jobs)]
        for (name, rebuilt), side in theirs.items()
        if not rebuilt
    }
    print(_agreement_table(found, theirs), end="\n\n")
    agree = _say_agreement(found)
    _say_troubles(theirs)
    _say_ratios(theirs, times, size, judge=not options.quick)
    if options.ablation:
        from allocation_parts import parts

        print("\n" + parts(size, best["ST-CLIP", 1].tile, rounds))
    return 0 if agree else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="jaxsoco's allocation family beside CVXPY")
    parser.add_argument("--jobs", type=int, default=1024, help="jobs of the batch")
    parser.add_argument("--tiles", type=int, nargs="+", default=[128, 256, 512], metavar="LANES")
    parser.add_argument("--devices", type=int, default=2, help="host devices that JAX shows")
    parser.add_argument(
        "--rounds", type=int, default=6, help="timings of ours, and jobs that CVXPY decides"
    )
    parser.add_argument("--ablation", action="store_true", help="also time the parts")
    parser.add_argument("--quick", action="store_true", help="a small size, nothing judged")
    options = parser.parse_args(arguments)
    if any(options.jobs % (options.devices * tile) for tile in options.tiles):
        parser.error("--tiles: lanes times devices must divide the number of jobs")
    return options


def _scan(size: Size, settings: list[Setting], rounds: int) -> dict[str, dict[Setting, float]]:
    """Median seconds of every algorithm in every setting, interleaved."""
    from allocation_ours import ours

    cases = {(name, s): partial(ours(size, s).run, name) for name in EXPECTED for s in settings}
    for compile_now in cases.values():
        compile_now()
    times = harness.interleaved(cases, rounds)
    return {name: {s: median(times[name, s]) for s in settings} for name in EXPECTED}


def _race(size: Size, best: Mapping, jobs: Revealed, rounds: int, *, single: bool):
    """Ours at its best settings and CVXPY in turns: CVXPY's records, our median seconds."""
    from allocation_ours import ours
    from allocation_theirs import Theirs

    cases: dict[Any, Any] = {}
    for (name, devices), setting in best.items():
        for precision in ("float64", "float32") if single else ("float64",):
            chosen = ours(size, setting._replace(precision=precision))
            for row in _rows(name):
                cases[row, devices, precision] = partial(chosen.run, row)
    for compile_now in cases.values():
        compile_now()
    mine = tuple(cases)
    theirs = {(n, r): Theirs(n, jobs, rebuild=r) for n in EXPECTED for r in (False, True)}
    cases |= {case: side.next for case, side in theirs.items()}
    times = harness.interleaved(cases, rounds)
    return theirs, {case: median(times[case]) for case in mine}


def _rows(name: str) -> list[str]:
    return [name, "OPT with ledger"] if name == "OPT" else [name]


def _say_where(size: Size) -> None:
    lines = harness.machine(("jax", "numpy", "cvxpy", "clarabel"))
    lines.append(
        f"{size.jobs} jobs, {size.regions} regions, {size.slots} slots, {size.length} of work"
    )
    print(*(f"- {line}" for line in lines), sep="\n", end="\n\n")


# --- tables -------------------------------------------------------------------------------------


def _headline(theirs: Mapping, times: Mapping, best: Mapping, size: Size) -> str:
    columns = [UNIT, "devices", "tile", "ours", "float32", "CVXPY", "ratio"]
    columns += ["CVXPY, rebuilt", "ratio", "Clarabel alone", "ratio"]
    rows = []
    for (name, devices), setting in best.items():
        for row in _rows(name):
            ours = times[row, devices, "float64"] / (size.slots * size.jobs)
            single = times.get((row, devices, "float32"))
            shown = "" if single is None else harness.micro(single / (size.slots * size.jobs))
            cells = [row, devices, setting.tile, harness.micro(ours), shown]
            for seconds in _per_slot(theirs, name, size):
                cells += [harness.micro(seconds), harness.times(seconds / ours)]
            rows.append(cells)
    return harness.table(columns, rows)


def _per_slot(theirs: Mapping, name: str, size: Size) -> list[float]:
    """CVXPY's median seconds per slot and job: compiled once, rebuilt, inside Clarabel."""
    once, rebuilt = theirs[name, False], theirs[name, True]
    return [median(x) / size.slots for x in (once.seconds, rebuilt.seconds, once.solver)]


def _tiles_table(scan: Mapping, settings: list[Setting], size: Size) -> str:
    columns = [UNIT, *(f"{s.devices} x {s.tile}" for s in settings)]
    per = size.slots * size.jobs
    rows = [
        [name, *(harness.micro(timed[s] / per) for s in settings)] for name, timed in scan.items()
    ]
    return harness.table(columns, rows)


def _agreement_table(found: Mapping[str, list[Agreement]], theirs: Mapping[Any, Theirs]) -> str:
    columns = ["agreement", "job", "programs", "our cost", "CVXPY's", "difference"]
    columns += ["least gap", "largest gap", "over budget"]
    rows = []
    for name, jobs in found.items():
        for i, job in enumerate(jobs):
            steps = (job.difference, job.low, job.high, job.excess)
            cells = [name, i, theirs[name, False].programs[i], f"{job.ours:.6f}"]
            rows.append([*cells, f"{job.theirs:.6f}", *(f"{x:.1e}" for x in steps)])
    return harness.table(columns, rows)


def _say_agreement(found: Mapping[str, list[Agreement]]) -> bool:
    wrong = [
        f"{name} job {i}"
        for name, jobs in found.items()
        for i, job in enumerate(jobs)
        if not job.holds
    ]
    print(f"- results disagree: {', '.join(wrong)}" if wrong else "- results agree")
    return not wrong


def _say_troubles(theirs: Mapping[Any, Theirs]) -> None:
    troubles = [side.reference.troubles for side in theirs.values()]
    short, again, unsolved = map(sum, zip(*troubles, strict=True))
    print(
        f"- Clarabel: {short} programs short of full accuracy, {again} calls repeated with shorter "
        f"steps, {unsolved} slots without a solution"
    )


def _say_ratios(theirs: Mapping, times: Mapping, size: Size, *, judge: bool) -> None:
    devices = max(case[1] for case in times)
    for name, wanted in EXPECTED.items():
        ours = times[name, devices, "float64"] / (size.slots * size.jobs)
        once, rebuilt, solver = (seconds / ours for seconds in _per_slot(theirs, name, size))
        text = f"- ratio {name}: {harness.times(once)}, rebuilt {harness.times(rebuilt)}, "
        text += f"Clarabel alone {harness.times(solver)}"
        if judge:
            text += f"; expected at least {harness.times(wanted)}: {_verdict(name, once, rebuilt)}"
        print(text)


def _verdict(name: str, once: float, rebuilt: float) -> str:
    if once >= EXPECTED[name]:
        return "met"
    met = "met by rebuilt programs alone" if rebuilt >= EXPECTED[name] else "falls short"
    return f"{met}; {BOUNDS[name]}"


if __name__ == "__main__":
    sys.exit(main())
