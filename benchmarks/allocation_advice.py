"""What a slot of ST-CLIP costs with advice in one state, in two and in several, and why.

Every kind of advice decides the same jobs, in one process, with interleaved timings:

    python benchmarks/allocation_advice.py            1024 jobs, one state and two (minutes)
    python benchmarks/allocation_advice.py --all      and four states, and two speeds
    python benchmarks/allocation_advice.py --quick    a small size of all, to see that it works

The exit code is 1 if two states cost more than ten times what one does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import harness

if TYPE_CHECKING:
    from allocation_ours import Size

LIMIT = 10
"""Two states may cost this many times what one does."""

KINDS = ("one state", "two states")
OTHERS = ("four states", "one state, two speeds")
"""Nested searches, far slower, of which nothing is promised: each a program of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if two states cost no more than ``LIMIT`` times what one does."""
    parser = argparse.ArgumentParser(description="ST-CLIP's step by the kind of its advice")
    parser.add_argument("--jobs", type=int, default=1024, help="jobs of the batch")
    parser.add_argument("--tile", type=int, default=256, help="jobs that are computed together")
    parser.add_argument("--rounds", type=int, default=5, help="timings of every kind")
    parser.add_argument("--all", action="store_true", help="also advice that takes far longer")
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
    kinds = (*KINDS, *OTHERS) if options.all or options.quick else KINDS
    seconds = _measure(size, tile, rounds, kinds)
    print(_table(seconds, size, kinds))
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


def _table(seconds: dict[str, dict[str, float]], size: Size, kinds: Sequence[str]) -> str:
    columns = ["us per slot and job", *seconds, "to one state"]
    rows = []
    for kind in kinds:
        cells = [
            harness.micro(times[kind] / (size.slots * size.jobs)) if kind in times else ""
            for times in seconds.values()
        ]
        ratio = seconds["float64"][kind] / seconds["float64"]["one state"]
        rows.append([kind, *cells, harness.times(ratio)])
    return harness.table(columns, rows)


def _measure(
    size: Size, tile: int, rounds: int, kinds: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Median seconds for all jobs, by precision and by the kind of advice."""
    import jax

    with jax.enable_x64(True):
        tiles = _tiles(size, tile)
    return {
        "float64": _seconds(tiles, size.slots, rounds, kinds),
        "float32": _seconds(_single(tiles), size.slots, rounds, KINDS),
    }


class _Tile(NamedTuple):
    """Jobs that are computed together: arguments of the learner, without its advice.

    Attributes:
      key: of the learner's draws.
      spec: the jobs.
      world: their prices.
      state: the learner's.
      advice: by its kind.
      speed: of every region, where there are two of them.
    """

    key: Any
    spec: Any
    world: Any
    state: Any
    advice: dict[str, Any]
    speed: Any

    def arguments(self, kind: str) -> tuple[Any, ...]:
        """Of ``act``, after the learner's parameters."""
        state = self.state
        if kind == "one state, two speeds":
            state = state._replace(job=state.job._replace(speed=self.speed))
        advice = self.advice.get(kind, self.advice["one state"])
        return self.spec, self.world._replace(advice=advice), state


def _seconds(
    tiles: Sequence[_Tile], slots: int, rounds: int, kinds: Sequence[str]
) -> dict[str, float]:
    """Median seconds that the decisions of all jobs take, by the kind of advice."""
    import jax
    from allocation_ours import EPSILON
    from allocation_parts import acts, compiled

    from jaxsoco.allocation import STCLIPParams, st_clip

    act, params = compiled(acts(st_clip, slots)), STCLIPParams(epsilon=EPSILON)
    with jax.enable_x64(tiles[0].world.costs.dtype == "float64"):
        calls = {
            kind: [(tile.key, params, *tile.arguments(kind)) for tile in tiles] for kind in kinds
        }
        cases = {
            kind: lambda calls=calls[kind]: jax.block_until_ready([act(*call) for call in calls])
            for kind in kinds
        }
        for compile_now in cases.values():
            compile_now()
        times = harness.interleaved(cases, rounds)
    return {kind: median(times[kind]) for kind in kinds}


def _single(tiles: Sequence[_Tile]) -> list[_Tile]:
    """The same jobs in float32: they are drawn, and their advice found, only once."""
    import jax
    import jax.numpy as jnp

    narrow = {"float64": "float32", "int64": "int32"}

    def cast(x):
        return jnp.asarray(x, narrow.get(str(x.dtype), x.dtype)) if isinstance(x, jax.Array) else x

    return [jax.tree.map(cast, tile) for tile in tiles]


def _tiles(size: Size, tile: int) -> list[_Tile]:
    """All jobs, drawn as a sweep draws them, with their advice of every kind."""
    import jax
    import jax.numpy as jnp
    from allocation_ours import EPSILON, ROOT, instance
    from allocation_parts import compiled

    from jaxsoco.allocation import STCLIPParams, allocation, st_clip
    from jaxsoco.allocation.jobs import draw_job
    from jaxsoco.core import random

    workload = instance(size).settings
    speed = jnp.where(jnp.arange(size.regions) % 2 == 0, 1.0, 0.8)[:, None]

    @compiled
    def draw(keys, workload):
        nature, learner, _ = random.round_keys(keys, 0)
        spec = draw_job(keys, workload)
        world = allocation.init(nature, spec)
        state = st_clip.init(learner, STCLIPParams(epsilon=EPSILON), spec)
        return _Tile(learner, spec, world, state, _advice(spec, world), speed)

    root = random.words(jax.random.key(ROOT))
    return [
        draw(random.run_key(root, jnp.arange(first, first + tile)), workload)
        for first in range(0, size.jobs, tile)
    ]


def _advice(spec: Any, world: Any) -> dict[str, Any]:
    """Mixes of one, two and four paths for every job."""
    import jax.numpy as jnp

    from jaxsoco.allocation.optima import linear_optimum
    from jaxsoco.allocation.spec import Advice

    pairs = []
    for costs in (world.forecast, world.costs):  # two paths each
        best = linear_optimum(spec, costs)
        states = jnp.stack([best.low_path, best.high_path], axis=1)
        pairs.append(Advice(states, jnp.stack([1 - best.weight, best.weight])))
    first, second = pairs
    states = jnp.concatenate([first.states, second.states], axis=1)
    four = Advice(states, jnp.concatenate([first.weights, second.weights]) / 2)
    return {"one state": world.advice, "two states": first, "four states": four}


if __name__ == "__main__":
    sys.exit(main())
