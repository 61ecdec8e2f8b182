"""What a slot of ST-CLIP costs with advice in one state, in two and in several, and why.

Every kind of advice decides the same jobs, in one process, with interleaved timings:

    python benchmarks/allocation_advice.py            1024 jobs (minutes)
    python benchmarks/allocation_advice.py --quick    a small size, to see that it works

The exit code is 1 if two states cost more than ten times what one does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from allocation_ours import Size

LIMIT = 10
"""Two states may cost this many times what one does."""

KINDS = ("one state", "two states", "four states", "one state, two speeds")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if two states cost no more than ``LIMIT`` times what one does."""
    parser = argparse.ArgumentParser(description="ST-CLIP's step by the kind of its advice")
    parser.add_argument("--jobs", type=int, default=1024, help="jobs of the batch")
    parser.add_argument("--tile", type=int, default=256, help="jobs that are computed together")
    parser.add_argument("--rounds", type=int, default=5, help="timings of every kind")
    parser.add_argument("--quick", action="store_true", help="a small size, nothing judged")
    options = parser.parse_args(arguments)
    harness.force_host_devices(1)
    from allocation_ours import Size

    size = Size(options.jobs, 14, 24, 4)
    tile, rounds = options.tile, options.rounds
    if options.quick:
        size, tile, rounds = Size(32, 5, 8, 3), 32, 2
    if size.jobs % tile:
        parser.error("--tile must divide the number of jobs")
    lines = harness.machine(("jax", "numpy"))
    lines.append(f"{size.jobs} jobs, {size.regions} regions, {size.slots} slots, tile {tile}")
    print(*(f"- {line}" for line in lines), sep="\n", end="\n\n")
    seconds = {x: _measure(size, tile, rounds, x) for x in ("float64", "float32")}
    print(_table(seconds, size))
    ratio = seconds["float64"]["two states"] / seconds["float64"]["one state"]
    held = options.quick or ratio <= LIMIT
    print(f"\n- two states to one: {harness.times(ratio)}, expected at most {LIMIT}x; {_why()}")
    return 0 if held else 1


def _why() -> str:
    from jaxsoco.allocation.theory import cases, multiplier, routes

    one, two = multiplier.EVALUATIONS + 1, cases.TRIALS + 2
    return (
        f"one state tries {one} multipliers, each with a pass over sources and states and one over "
        f"pairs of sources; two states try {two}, each with a pass over sources and states for "
        f"either, and then {routes.EVALUATIONS + 3} prices of work, each with one over pairs of "
        "sources: these bound it. More states need a transport problem at every price, several "
        "speeds a pass over all states"
    )


def _table(seconds: dict[str, dict[str, float]], size: Size) -> str:
    columns = ["us per slot and job", *seconds, "to one state"]
    rows = []
    for kind in KINDS:
        per = [times[kind] / (size.slots * size.jobs) for times in seconds.values()]
        ratio = seconds["float64"][kind] / seconds["float64"]["one state"]
        rows.append([kind, *map(harness.micro, per), harness.times(ratio)])
    return harness.table(columns, rows)


def _measure(size: Size, tile: int, rounds: int, precision: str) -> dict[str, float]:
    """Median seconds for all jobs, by the kind of advice."""
    import jax

    with jax.enable_x64(precision == "float64"):
        cases = _cases(size, tile)
        for compile_now in cases.values():
            compile_now()
        times = harness.interleaved(cases, rounds)
    return {kind: median(times[kind]) for kind in KINDS}


def _cases(size: Size, tile: int) -> dict[str, Callable[[], Any]]:
    """Calls that decide all jobs, without the draw of the jobs and of their advice."""
    import jax
    import jax.numpy as jnp
    from allocation_ours import EPSILON, ROOT, instance
    from allocation_parts import acts, compiled

    from jaxsoco.allocation import STCLIPParams, allocation, st_clip
    from jaxsoco.allocation.jobs import draw_job
    from jaxsoco.allocation.optima import linear_optimum
    from jaxsoco.allocation.spec import Advice
    from jaxsoco.core import random

    params = STCLIPParams(epsilon=EPSILON)
    begin = compiled(st_clip.init)
    act = compiled(acts(st_clip, size.slots))

    def paths(spec, world):
        """The linear optimum of the forecast, and of the true prices: two paths each."""
        pairs = []
        for costs in (world.forecast, world.costs):
            best = linear_optimum(spec, costs)
            states = jnp.stack([best.low_path, best.high_path], axis=1)
            pairs.append(Advice(states, jnp.stack([1 - best.weight, best.weight])))
        first, second = pairs
        states = jnp.concatenate([first.states, second.states], axis=1)
        return first, Advice(states, jnp.concatenate([first.weights, second.weights]) / 2)

    found: dict[str, list[Callable[[], Any]]] = {kind: [] for kind in KINDS}
    for first in range(0, size.jobs, tile):
        keys = random.run_key(random.words(jax.random.key(ROOT)), jnp.arange(first, first + tile))
        nature, learner, _ = random.round_keys(keys, 0)
        spec = compiled(draw_job)(keys, instance(size).settings)
        world = compiled(allocation.init)(nature, spec)
        two, four = compiled(paths)(spec, world)
        state = begin(learner, params, spec)
        speed = jnp.where(jnp.arange(size.regions) % 2 == 0, 1.0, 0.8)
        quick = state._replace(job=state.job._replace(speed=speed[:, None]))
        for kind, advice, start in (
            ("one state", world.advice, state),
            ("two states", two, state),
            ("four states", four, state),
            ("one state, two speeds", world.advice, quick),
        ):
            now = world._replace(advice=advice)
            found[kind].append(partial(act, learner, params, spec, now, start))

    def run(calls):
        return jax.block_until_ready([call() for call in calls])

    return {kind: partial(run, calls) for kind, calls in found.items()}


if __name__ == "__main__":
    sys.exit(main())
