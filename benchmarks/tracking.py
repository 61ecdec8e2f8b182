"""The tracking family beside what it replaces: literal re-planning, and CVXPY for the recovery.

    python benchmarks/tracking.py              both tables (minutes)
    python benchmarks/tracking.py --large      10,000 runs of SCaLE over 10,000 rounds, and no more
    python benchmarks/tracking.py --quick      small sizes, to see that it works

Both sides of a table run in one process, their timings interleaved. The exit code is 1 if the
results disagree. It needs the solvers of the extra ``test``.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Sequence

import harness
import tracking_recovery as recovery
import tracking_replanning as replanning

DIMENSION, RUNS = 5, 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if the results agree."""
    parser = argparse.ArgumentParser(description="jaxsoco's tracking family beside its rivals")
    parser.add_argument("--devices", type=int, default=2, help="host devices of the recovery")
    parser.add_argument("--rounds", type=int, default=9, help="timings of every recovery")
    parser.add_argument("--dimensions", type=int, nargs="+", metavar="D", help="of the recovery")
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing judged")
    parser.add_argument("--large", action="store_true", help="time and memory of many long runs")
    options = parser.parse_args(arguments)
    harness.force_host_devices(options.devices)
    lines = harness.machine(("jax", "numpy", "cvxpy", "clarabel", "scs"))
    print(*(f"- {line}" for line in lines), sep="\n", end="\n\n")
    if options.large:
        return large(10_000, 10_000, options.devices)
    horizons, sampled, repeats = ([200], 4, 1) if options.quick else ([10**3, 10**4, 10**5], 4, 3)
    gap = replanning.difference(DIMENSION)
    sizes = [replanning.Size(RUNS, DIMENSION, rounds) for rounds in horizons]
    # The literal recursion takes a minute for a handful of rounds at the longest horizon.
    rows = [
        replanning.measure(size, sampled, repeats if size.rounds <= 10**4 else 1) for size in sizes
    ]
    print(replanning.table(rows), end="\n\n")
    agree = gap < 1e-8
    print(f"- deviations of a run differ by at most {gap:.1e}: {'' if agree else 'dis'}agree")
    if not options.quick:
        ratio = rows[0].ours / rows[0].literal
        verdict = "met" if ratio >= replanning.EXPECTED else "falls short"
        print(
            f"- ratio re-planning: {harness.times(ratio)} at T = 1,000; expected at least "
            f"{harness.times(replanning.EXPECTED)}: {verdict}"
        )
    print()
    return 0 if recovery.report(options) and agree else 1


def large(seeds: int, horizon: int, devices: int) -> int:
    """Runs SCaLE block by block, as a sweep does; prints seconds and the process's peak memory."""
    import jax
    import numpy as np

    from jaxsoco.core.protocol import Instance
    from jaxsoco.engine.batch import Batch
    from jaxsoco.tracking import SCaLEParams, make_spec, quadratic_tracking, scale

    with jax.enable_x64(True):
        spec = make_spec(np.diag(replanning.spectrum(DIMENSION)), horizon)
        instance = Instance(quadratic_tracking, lambda key, spec: spec, spec, horizon)
        chosen = jax.devices()[:devices]
        batch = Batch([instance], seeds_root=0, tile=256, devices=chosen, at=(horizon,))
        tile, begun, regrets = batch.learner(scale, SCaLEParams()), time.perf_counter(), []
        points = np.zeros(batch.width, np.int32)
        for first in range(0, seeds, batch.width):
            outcome = tile(points, np.arange(first, first + batch.width, dtype=np.int32))
            regrets.append(np.asarray(outcome.costs["regret"])[-1])
        seconds = time.perf_counter() - begun
    regret = np.concatenate(regrets)[:seeds]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"- SCaLE, {seeds:,} runs of {horizon:,} rounds, d = {DIMENSION}, float64: {seconds:.0f} s "
        f"with the compilation, at most {peak:.2f} GiB; median regret {np.median(regret):,.0f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
