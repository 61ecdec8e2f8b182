"""A study of 1e9 runs in 1e6 blocks of moments: what the store, the index and the report take.

    python benchmarks/blocks.py                     10,417 points, 3 learners, 32 blocks of each
    python benchmarks/blocks.py --points 22         22 points, of a billion seeds each
    python benchmarks/blocks.py --blocks 10000      a hundredth of it
    python benchmarks/blocks.py --folder DIR --rows write       only this; DIR/out is kept

Nothing is simulated: the moments of a block are one of sixteen that were summed up beforehand. All
else is what a run does: the sweep asks for packs, the store writes them and their sidecars, the
commands read them. Every row is a process of its own, with its wall time and its largest resident
memory. Those that begin with "half" come when every other pack is gone, as if all workers were
half way. The exit code is 1 if a count in a report is wrong.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import harness
import numpy as np

from jaxsoco.core.cells import Cells, Origin
from jaxsoco.core.measures import judged, read_record
from jaxsoco.core.plan import Group, Plan, block_of
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup
from jaxsoco.core.study import Study
from jaxsoco.core.summary import Summary
from jaxsoco.core.text import size
from jaxsoco.engine.claims import Claims
from jaxsoco.engine.packs import FOLDER, Block
from jaxsoco.engine.requests import Request, Share, requests, shared
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Computed, sweep
from jaxsoco.engine.work import StealingWork

LEARNERS, OPTIMUM = ("walk", "run"), "still"
PACK_BLOCKS = 64
"""Blocks of each learner in a pack."""
KINDS = 16
WIDTH = 100
"""Values of the second axis, at most."""


def make_study(points: int, seeds: int) -> Study:
    """Two learners and an optimum on a grid of points, with a check and figures of each kind."""
    across = min(points, WIDTH)
    grid = tuple({"size": 1 + i // across, "load": i % across} for i in range(points))
    block = block_of(seeds)
    axes = {name: tuple(dict.fromkeys(point[name] for point in grid)) for name in grid[0]}
    labels = (*LEARNERS, OPTIMUM)
    return Study(
        name="blocks",
        setup=Setup(
            family="toy",
            problem="line",
            points=grid,
            learners=tuple(LearnerInfo(one, one, one, {}) for one in LEARNERS),
            comparators=(OPTIMUM,),
            seeds=seeds,
            versions={"jaxsoco": "0", "jax": "0"},
        ),
        plan=Plan(
            (Group(0, tuple(range(points)), seeds, 100, (100,), block),),
            labels,
            ("hit",),
            tile=1024,
            pack=PACK_BLOCKS * block,
        ),
        costs=(CostEntry("hit", "g", ""),),
        measure="ratio",
        axes={name: values for name, values in axes.items() if len(values) > 1},
        presentation=Presentation(
            "Many blocks",
            checks=(
                {"kind": "complete"},
                {"kind": "order", "algorithms": [*LEARNERS], "against": OPTIMUM},
                {"kind": "value", "algorithm": "walk", "statistic": "p95", "at_least": 0},
            ),
        ),
        origin=Origin("c", "p", {}, {"platform": "cpu"}),
    )


class Stub:
    """Answers requests at once, with blocks that were summed up beforehand."""

    def __init__(self, study: Study):
        block = study.groups[0].block
        self._cells = Cells(study)
        self._rows = [_moments(study, kind, block) for kind in range(KINDS)]
        self._short = _moments(study, 0, study.groups[0].seeds % block or block)

    def __call__(
        self,
        study: Study,
        requests: Iterator[Request],
        advance: Callable[[int], None],
        check: Callable[[], None],
    ) -> Iterator[Computed]:
        """See :class:`jaxsoco.engine.sweep.Executor`."""
        group = study.groups[0]
        for request in requests:
            check()
            kinds = [
                self._rows[(span.position + span.start // group.block) % KINDS]
                if span.runs == group.block
                else self._short
                for span in request.spans
            ]
            arrays = {f"{i:03d}.moments": np.stack([k[i] for k in kinds]) for i in request.learners}
            blocks = tuple(
                Block(
                    self._cells.key(group.points[span.position], learner),
                    *(span.start, span.stop, learner, row),
                    whole=True,
                )
                for learner in request.learners
                for row, span in enumerate(request.spans)
            )
            advance(request.runs)
            yield Computed(request, (blocks, arrays, {"seconds": 60.0, "device": "none"}))


def _moments(study: Study, kind: int, runs: int) -> list[np.ndarray]:
    """The moments of made-up runs, by learner."""
    draw = np.random.default_rng([kind, runs])
    records = {}
    for label in study.labels:
        costs = draw.lognormal(sigma=0.5, size=(min(runs, 4096), 1)) + (label != OPTIMUM)
        arrays = {"000.hit": costs, "000.faults": np.zeros(len(costs), np.int32)}
        arrays["000.finite"] = np.ones(len(costs), bool)
        records[label] = read_record(study, "000", arrays)
    rows = [Summary.of(*judged(study, label, records)).to_array() for label in study.labels]
    for row in rows:
        row[..., 0] *= runs / row[0, 0, 0]  # so many runs, all alike
        row[..., 3] *= runs / min(runs, 4096)
    return rows


def fill(out: Path, study: Study) -> None:
    """Computes everything that a directory lacks."""
    summary = sweep(study, Store(out).begin(study.to_json()), Stub(study))
    print(json.dumps({"packs": summary.packs, "runs": summary.runs}))


def look(out: Path, study: Study) -> None:
    """What one of a thousand members lacks."""
    index = Store(out).begin(study.to_json()).refresh(thorough=False)
    todo = [*requests(study.plan, Cells(study), index, shared(study.plan, Share(3, 1000)))]
    print(json.dumps({"packs": len(todo)}))


def steal(out: Path, study: Study) -> None:
    """Computes all that is missing as the one of a thousand members that is left."""
    store = Store(out).begin(study.to_json())
    with Claims(out) as claims:
        work = StealingWork(study, store, Share(3, 1000), claims)
        summary = sweep(study, store, Stub(study), work=work)
    print(json.dumps({"packs": summary.packs}))


def command(name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "jaxsoco", name, *options]


def own(step: str, out: Path, options: argparse.Namespace) -> list[str]:
    """A step of this file, as a process of its own."""
    numbers = ("--points", str(options.points), "--seeds", str(options.seeds))
    return [sys.executable, __file__, "--step", step, "--out", str(out), *numbers]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=1_000_000, help="of all learners, about")
    parser.add_argument("--points", type=int, help="(default: so many that a point has 32 blocks)")
    parser.add_argument("--seeds", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=float, default=1e9, help="of all learners at 1e6 blocks")
    parser.add_argument("--folder", type=Path, help="keep the results here (default: nowhere)")
    parser.add_argument(
        "--rows", nargs="+", choices=[*ROWS], default=[*ROWS], help="(default: all)"
    )
    parser.add_argument("--step", choices=[*STEPS], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.step:
        STEPS[options.step](options.out, make_study(options.points, options.seeds))
        return 0
    labels = len(LEARNERS) + 1
    if options.points is None:
        options.points, options.seeds = math.ceil(options.blocks / labels / 32), 32 * 1024
    else:
        # A billion seeds of 65,536 each make 15,259 blocks.
        options.seeds = 2**16 * math.ceil(options.blocks / labels / options.points)
    study = make_study(options.points, options.seeds)
    print("\n".join(f"- {line}" for line in harness.machine(["numpy"])))
    block = study.groups[0].block
    number = labels * options.points * math.ceil(options.seeds / block)
    print(
        f"- {labels * study.runs:.3g} runs: {options.points:,} points of {options.seeds:,} seeds, "
        f"{labels} learners, {number:,} blocks of {block:,}",
        end="\n\n",
    )
    with tempfile.TemporaryDirectory() as folder:
        return _measure((options.folder or Path(folder)) / "out", study, options)


def _measure(out: Path, study: Study, options: argparse.Namespace) -> int:
    rows, output, packs = [], {}, []
    for name in options.rows:
        if name.startswith("half"):
            _halve(out / FOLDER)
        words = ROWS[name]
        what = own(words[0], out, options) if words[0] in STEPS else command(words[0], str(out))
        one = harness.measured([*what, *words[1:]], (0, 1, 75))  # a check fails; runs are missing
        output[name] = one.output
        rows.append([name, f"{one.seconds:.1f}", f"{one.cpu:.1f}", size(one.peak)])
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
        if not packs:
            packs = [*(out / FOLDER).glob("*.json")]
            files = [(out / FOLDER).glob(end) for end in ("*.npz", "*.json")]
            disk = [size(sum(file.stat().st_size for file in some)) for some in files]
            print(
                f"- {len(packs):,} packs in {2 * len(packs):,} files: {disk[0]} of results, "
                f"{disk[1]} of sidecars",
                end="\n\n",
            )
    columns = ["step", "seconds", "CPU seconds", "peak memory"]
    print(harness.table(columns, rows), end="\n\n")
    wrong = _wrong(out, study, output)
    print("\n".join(wrong) or "all counts are right")
    return int(bool(wrong))


def _halve(folder: Path) -> None:
    """Deletes every other pack, unless that was done: those whose names begin with 0 to 7."""
    for file in folder.iterdir():
        if file.name[0] in "01234567":
            file.unlink()


def _wrong(out: Path, study: Study, output: Mapping[str, str]) -> list[str]:
    """What the status and the report say of all runs that is not so."""
    all_runs, counts = study.runs * len(study.labels), {}
    if "status" in output:
        counts["runs in status"] = json.loads(output["status"])["runs"]["done"], all_runs
    if "report" in output and not any(name.startswith("half") for name in output):
        with (out / "table.csv").open(encoding="utf-8", newline="") as file:
            table = [*csv.DictReader(file)]
        counts["rows of table.csv"] = len(table), len(study.points) * len(study.labels)
        counts["runs in table.csv"] = sum(int(line["runs"]) for line in table), all_runs
    return [f"{name}: {got}, want {want}" for name, (got, want) in counts.items() if got != want]


STEPS = {"fill": fill, "look": look, "steal": steal}
ROWS = {
    "write": ("fill",),
    "write nothing": ("fill",),
    "share": ("look",),
    "status": ("status", "--json"),
    "report": ("report",),
    "prune": ("prune",),
    "half share": ("look",),
    "half status": ("status",),
    "half report": ("report",),
    "half steal": ("steal",),
}
"""What is measured -> a step of this file or a command, and its options."""


if __name__ == "__main__":
    sys.exit(main())
