"""Batched PCM, ST-CLIP and offline optimum beside a per-slot CVXPY implementation.

Both sides decide the same jobs in one process, their timings interleaved:

    python benchmarks/allocation.py                 the whole table (minutes)
    python benchmarks/allocation.py --ablation      and what the time is spent on
    python benchmarks/allocation.py --quick         a small size, to see that it works

The first line below the tables says whether the results agree; the exit code is 1 if they do not.
It needs the solvers of the extra ``test``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import harness

if TYPE_CHECKING:
    from allocation_ours import Revealed, Setting, Size
    from reference_cvxpy import Reference

EXPECTED = {"PCM": 1000, "ST-CLIP": 500, "OPT": 5000}
PACKAGES = ("jax", "numpy", "cvxpy", "clarabel")

# Clarabel stops at a relative gap of 1e-8; near a tight constraint that costs 1e-6 of `U c`.
_GAP = 1e-5
_VALUE = 1e-6


class Side(NamedTuple):
    """What CVXPY did with one algorithm, one entry a job."""

    seconds: list[float]
    solver: list[float]
    programs: list[int]
    costs: list[float]


class Agreement(NamedTuple):
    """One job, both ways: our cost, CVXPY's, and our decisions' gaps (least, largest, budget)."""

    ours: float
    theirs: float
    low: float
    high: float
    excess: float

    @property
    def difference(self) -> float:
        """Relative difference of the costs."""
        return (self.ours - self.theirs) / abs(self.theirs)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    harness.force_host_devices(options.devices)
    from allocation_ours import Setting, Size, reveal

    size = Size(64, 5, 12, 4) if options.quick else Size(options.jobs, None, 24, 4)
    tiles = [32] if options.quick else options.tiles
    rounds = 2 if options.quick else options.rounds
    print(*harness.machine(PACKAGES), sep="  \n")
    shown = "all" if size.regions is None else size.regions
    print(f"{size.jobs} jobs, {shown} regions, {size.slots} slots, {size.length} slots of work\n")

    devices = sorted({1, options.devices})
    settings = [Setting("float64", d, t) for d in devices for t in tiles if not size.jobs % (d * t)]
    scan = _scan(size, settings, rounds)
    best = {
        (name, d): min((s for s in settings if s.devices == d), key=lambda s: scan[name, s])
        for name in EXPECTED
        for d in devices
    }
    revealed = reveal(size, rounds)
    sides, times = _race(size, best, revealed, rounds)
    per = size.slots * size.jobs
    print(_headline(sides, times, best, per, size.slots), "\n")
    print(_tiles_table(scan, settings, per), "\n")
    agreements = _compare(size, best, revealed, sides)
    print(_agreement_table(agreements, sides), "\n")
    agree = _verdicts(agreements, sides, times, per, size.slots, judge=not options.quick)
    if options.ablation:
        from allocation_parts import parts

        print("\n" + parts(size, tiles[-1], rounds))
    return 0 if agree else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="jaxsoco's allocation family beside CVXPY")
    parser.add_argument("--jobs", type=int, default=1024)
    parser.add_argument("--tiles", type=int, nargs="+", default=[128, 256, 512], metavar="LANES")
    parser.add_argument("--devices", type=int, default=2, help="host devices that JAX shows")
    parser.add_argument(
        "--rounds", type=int, default=6, help="timings of ours, and jobs that CVXPY decides"
    )
    parser.add_argument("--ablation", action="store_true", help="also time the parts")
    parser.add_argument("--quick", action="store_true", help="a small size, nothing judged")
    options = parser.parse_args(arguments)
    if any(options.jobs % tile for tile in options.tiles):
        parser.error("--tiles: want divisors of the number of jobs")
    return options


# --- our side -----------------------------------------------------------------------------------


def _scan(size: Size, settings: list[Setting], rounds: int) -> dict[tuple[str, Setting], float]:
    """Median seconds of every algorithm in every setting, interleaved."""
    from allocation_ours import ours

    cases = {(name, s): partial(ours(size, s).run, name) for name in EXPECTED for s in settings}
    _warm(cases.values())
    return {case: median(t) for case, t in harness.interleaved(cases, rounds).items()}


def _warm(calls: Any) -> None:
    for call in calls:
        call()


def _race(size: Size, best, revealed: Revealed, rounds: int):
    """Ours at its best settings and CVXPY in turns: what CVXPY did, and median seconds of ours."""
    from allocation_ours import ours
    from reference_cvxpy import Reference

    cases: dict[Any, Callable[[], Any]] = {}
    for (name, devices), setting in best.items():
        names = [name, "OPT with ledger"] if name == "OPT" else [name]
        for precision in ("float64", "float32"):
            chosen = ours(size, setting._replace(precision=precision))
            for each in names:
                cases[each, devices, precision] = partial(chosen.run, each)
    _warm(cases.values())
    sides: dict[tuple[str, bool], Side] = {}
    for rebuild in (False, True):
        reference = Reference(revealed.jobs[0].points, size.slots, rebuild=rebuild)
        for name in EXPECTED:
            _decide(reference, name, revealed.jobs[0])  # compiles what is compiled once
            sides[name, rebuild] = Side([], [], [], [])
            cases[name, rebuild] = partial(
                next, _jobs(reference, name, revealed, sides[name, rebuild])
            )
    times = harness.interleaved(cases, rounds)
    return sides, {case: median(t) for case, t in times.items() if len(case) == 3}


def _jobs(reference: Reference, name: str, revealed: Revealed, side: Side) -> Iterator[None]:
    """Decides one job after the other, noting time, time inside the solver, programs and cost."""
    for job in revealed.jobs:
        solver, programs = reference.solver_seconds, reference.solves
        costs: list[float] = []
        seconds = harness.seconds_of(lambda job=job: costs.append(_decide(reference, name, job)))
        side.seconds.append(seconds)
        side.solver.append(reference.solver_seconds - solver)
        side.programs.append(reference.solves - programs)
        side.costs.extend(costs)
        yield


def _decide(reference: Reference, name: str, job: Any) -> float:
    """Cost of a job that CVXPY decides slot by slot, or at once."""
    from allocation_ours import EPSILON

    if name == "PCM":
        return reference.pcm(job).cost
    return reference.st_clip(job, EPSILON).cost if name == "ST-CLIP" else reference.offline(job)


# --- agreement ----------------------------------------------------------------------------------


def _compare(size: Size, best, revealed: Revealed, sides) -> dict[str, list[Agreement]]:
    """Every slot of our trajectories decided again by CVXPY, and the costs of both sides."""
    from allocation_ours import EPSILON, ours
    from reference_cvxpy import Reference

    reference = Reference(revealed.jobs[0].points, size.slots)
    found: dict[str, list[Agreement]] = {}
    for name in EXPECTED:
        costs = ours(size, best[name, 1]).costs(name)
        found[name] = []
        for i, job in enumerate(revealed.jobs):
            gaps, excess = [0.0], [0.0]
            if name != "OPT":
                decisions = revealed.decisions[name][i]
                followed = (
                    reference.pcm(job, decisions)
                    if name == "PCM"
                    else reference.st_clip(job, EPSILON, decisions)
                )
                gaps, excess = followed.gaps or gaps, followed.excess or excess
            theirs = sides[name, False].costs[i]
            found[name].append(Agreement(costs[i], theirs, min(gaps), max(gaps), max(excess)))
    return found


def _agrees(name: str, found: Agreement) -> bool:
    if name == "OPT":
        return abs(found.difference) < _VALUE
    return -_GAP < found.low and found.high < _GAP and found.excess < _VALUE


# --- tables -------------------------------------------------------------------------------------


def _headline(sides, times, best, per: int, slots: int) -> str:
    columns = ["us per slot and job", "devices", "tile", "ours", "float32", "CVXPY", "ratio"]
    columns += ["CVXPY, rebuilt", "ratio", "Clarabel alone", "ratio"]
    rows = []
    for name, devices in best:
        for row in [name, "OPT with ledger"] if name == "OPT" else [name]:
            ours, single = (times[row, devices, p] / per for p in ("float64", "float32"))
            cells = [row, devices, best[name, devices].tile, *map(harness.micro, (ours, single))]
            for seconds in _theirs(sides, name, slots):
                cells += [harness.micro(seconds), harness.times(seconds / ours)]
            rows.append(cells)
    return harness.table(columns, rows)


def _theirs(sides, name: str, slots: int) -> list[float]:
    """Median seconds per slot and job: compiled once, rebuilt, inside Clarabel."""
    once, rebuilt = sides[name, False], sides[name, True]
    return [median(x) / slots for x in (once.seconds, rebuilt.seconds, once.solver)]


def _tiles_table(scan, settings: list[Setting], per: int) -> str:
    columns = ["us per slot and job", *(f"{s.devices} x {s.tile}" for s in settings)]
    rows = [[name, *(harness.micro(scan[name, s] / per) for s in settings)] for name in EXPECTED]
    return harness.table(columns, rows)


def _agreement_table(agreements: dict[str, list[Agreement]], sides) -> str:
    columns = ["agreement", "job", "programs", "our cost", "CVXPY's", "difference"]
    columns += ["least gap", "largest gap", "budget"]
    rows = []
    for name, jobs in agreements.items():
        for i, job in enumerate(jobs):
            steps = [f"{x:.1e}" for x in (job.low, job.high, job.excess)]
            rows.append(
                [
                    name,
                    i,
                    sides[name, False].programs[i],
                    f"{job.ours:.6f}",
                    f"{job.theirs:.6f}",
                    f"{job.difference:.1e}",
                    *(steps if name != "OPT" else ["", "", ""]),
                ]
            )
    return harness.table(columns, rows)


def _verdicts(agreements, sides, times, per: int, slots: int, *, judge: bool) -> bool:
    """Prints whether results agree and, unless told not to judge, which ratios fall short."""
    wrong = [
        f"{name} job {i}"
        for name, jobs in agreements.items()
        for i, job in enumerate(jobs)
        if not _agrees(name, job)
    ]
    print(f"results disagree: {', '.join(wrong)}" if wrong else "results agree")
    devices = max(case[1] for case in times)
    for name, wanted in EXPECTED.items():
        ours = times[name, devices, "float64"] / per
        once, rebuilt, solver = (t / ours for t in _theirs(sides, name, slots))
        text = f"{name}: {harness.times(once)} (rebuilt {harness.times(rebuilt)}, "
        text += f"Clarabel alone {harness.times(solver)})"
        if judge:
            short = once < wanted
            text += f", expected at least {harness.times(wanted)}: "
            text += "falls short, see --ablation" if short else "met"
        print(text)
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
