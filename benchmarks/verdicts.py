"""How often a claim passes in small sweeps: by its interval, and by its point estimate.

Cuts a finished run into disjoint sweeps of few seeds and judges in each whether the first learner
costs less than the second, relative to the first comparator::

    jaxsoco run experiments/allocation/data_size.toml
    python benchmarks/verdicts.py runs/data_size --claim threshold greedy --seeds 4 16 64 256
"""

import argparse
from collections import Counter
from pathlib import Path

from jaxsoco.analysis.ledger import Ledger, read
from jaxsoco.analysis.statistics import Estimate, pooled_mean
from jaxsoco.analysis.verdicts import decide
from jaxsoco.engine.reading import Stored

VERDICTS = ("passed", "failed", "undecided")


def read_run(folder: Path) -> Ledger:
    """Everything that a run directory holds."""
    results = Stored(folder)
    return read(results.manifest, results.pieces())


def steps(ledger: Ledger, better: str, worse: str, seeds: int) -> list[Estimate]:
    """The paired step from one learner to the other in every sweep of so many seeds."""
    rival, points = ledger.study.comparators[0], ledger.study.select()
    step = ledger.values(worse, rival, points) - ledger.values(better, rival, points)
    return [
        pooled_mean(step[:, start : start + seeds], ledger.study.level)
        for start in range(0, step.shape[1] - seeds + 1, seeds)
    ]


def main() -> None:
    """Prints one line for every size."""
    parser = argparse.ArgumentParser(description="verdicts on one claim in many small sweeps")
    parser.add_argument("run", type=Path, help="run directory")
    parser.add_argument("--claim", nargs=2, required=True, metavar=("BETTER", "WORSE"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[4, 16, 64, 256])
    arguments = parser.parse_args()
    ledger = read_run(arguments.run)
    better, worse = arguments.claim
    (whole,) = steps(ledger, better, worse, ledger.study.seeds)
    print(
        f"{better} < {worse}: with {ledger.study.seeds} seeds the step is "
        f"{whole.value:.4g} ({whole.lower:.4g} to {whole.upper:.4g})"
    )
    print("seeds  sweeps  passed  failed  undecided  passed by the point estimate")
    for seeds in arguments.seeds:
        sweeps = steps(ledger, better, worse, seeds)
        counts = Counter(decide(step, 0.0, strict=True) for step in sweeps)
        shares = [counts[verdict] / len(sweeps) for verdict in VERDICTS]
        naive = sum(step.value >= 0 for step in sweeps) / len(sweeps)
        columns = "  ".join(
            f"{share:{len(verdict)}.3f}" for share, verdict in zip(shares, VERDICTS, strict=True)
        )
        print(f"{seeds:5d}  {len(sweeps):6d}  {columns}  {naive:.3f}")


if __name__ == "__main__":
    main()
