"""Batched budgeted plans beside HiGHS on the same extended linear programs, and a NumPy search.

All sides solve the same instances, plans of BALDE and of OptCMDP on their way, in one process,
their timings interleaved:

    python benchmarks/provisioning.py            the whole table (minutes)
    python benchmarks/provisioning.py --quick    a small size, to see that it works

The exit code is 1 if the results disagree. It needs the solvers of the extra ``test``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import harness

EXPECTED = {
    "bursty_queue": 500,
    "paper_queue": 1000,
    "bursty_queue, OptCMDP": 500,
}
"""Least ratio to HiGHS per instance, at the largest batch and one thread."""

SAME = 1e-7
"""HiGHS stops at this accuracy, of the value or 1."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if the results agree."""
    options = _options(arguments)
    harness.force_host_devices(1)
    print(
        *(f"- {line}" for line in harness.machine(("jax", "numpy", "scipy", "highspy"))), sep="\n"
    )
    print("- one thread, float64; every instance is a plan in a run of BLOL, or of OptCMDP\n")
    rows, agree = [], True
    for name in EXPECTED:
        race = _race(name, options)
        agree &= race.difference <= SAME
        rows += _rows(name, race)
    columns = ["us per plan", "batch", "ours", "HiGHS", "ratio", "NumPy", "ratio", "plans compared"]
    print(harness.table(columns, rows), end="\n\n")
    print("- results agree" if agree else "- results disagree")
    return 0 if agree else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="jaxsoco's provisioning family beside HiGHS")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 256], metavar="PLANS")
    parser.add_argument("--rounds", type=int, default=5, help="timings of every side")
    parser.add_argument("--quick", action="store_true", help="a small size, nothing judged")
    options = parser.parse_args(arguments)
    if options.quick:
        options.batches, options.rounds = [1, 4], 2
    return options


class Race(NamedTuple):
    """Median seconds a plan, ours by batch, and how far values lie apart."""

    ours: dict[int, float]
    highs: float
    numpy: float
    compared: float
    difference: float
    judged: bool


def _race(name: str, options: argparse.Namespace) -> Race:
    import jax
    import numpy as np
    from reference_budgeted import Program, search

    import jaxsoco.engine.batch as engine
    from jaxsoco_kernels.occupancy import solve_budgeted

    with jax.enable_x64(True):
        given = instances(name, max(options.batches), quick=options.quick)
        solve = jax.jit(solve_budgeted, compiler_options=engine.CPU_OPTIONS)
        blocks = {b: [x[..., :b] for x in given] for b in options.batches}
        cases: dict[Any, Any] = {b: partial(_ready, solve, block) for b, block in blocks.items()}
        found = {b: solve(*block) for b, block in blocks.items()}  # compiles
        single = [[np.asarray(x[..., i]) for x in given] for i in range(options.rounds)]
        programs = [Program.of(one) for one in single[: len(given[-1])]]
        taken = {"highs": iter(programs * 2), "numpy": iter(single * 2)}
        values: dict[str, list[float]] = {"highs": [], "numpy": []}
        cases["highs"] = lambda: values["highs"].append(next(taken["highs"]).solve())
        cases["numpy"] = lambda: values["numpy"].append(search(*next(taken["numpy"]))[0])
        times = harness.interleaved(cases, options.rounds)
        last = found[max(options.batches)]
        ours = np.asarray(last.value)[: options.rounds]
    apart = [
        abs(a - b) / max(1, abs(b))
        for side in values.values()
        for a, b in zip(side, ours, strict=True)
    ]
    return Race(
        {b: median(times[b]) / b for b in options.batches},
        median(times["highs"]),
        median(times["numpy"]),
        float(np.mean(last.info.iterations)),
        max(apart),
        not options.quick,
    )


def _ready(solve, block) -> None:
    import jax

    jax.block_until_ready(solve(*block))


def instances(name: str, count: int, *, quick: bool) -> list[Any]:
    """Inputs of ``solve_budgeted``, ``[..., count]``: what a learner plans with on its way.

    BLOL on the queue ``name``, or OptCMDP on ``"name, OptCMDP"``.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxsoco import provisioning as family
    from jaxsoco import simulate
    from jaxsoco.provisioning.theory.confidence import confidence_box, log_term, uncertainty_bonus

    episodes = 60 if quick else 400
    name, _, rival = name.partition(", ")
    spec = getattr(family, name)(episodes=6000, **({"capacity": 3} if quick else {}))
    learner: Any = family.optcmdp if rival else family.blol
    params: Any = family.OptCMDPParams(conf_scale=0.005, counts="pooled")
    if not rival:
        warm_up = min(100, episodes // 2)
        options = {"counts": "pooled", "remaining": True, "tv_cap": True}
        params = family.BLOLParams(conf_scale=0.005, warm_up=warm_up, **options)
    keys = jax.random.split(jax.random.key(0), max(count, 8))[: max(count, 8)]
    world = family.provisioning
    run = jax.jit(lambda k: simulate(learner, params, world, spec, k, episodes))(keys)
    state = jax.tree.map(lambda x: x[..., :count], run.state)
    factor = log_term(spec.states, spec.actions, spec.slots, jnp.asarray(6000.0), jnp.asarray(0.05))
    _, lower, upper, radius = confidence_box(state.seen.counts, factor, scale=0.005)
    bonus = uncertainty_bonus(radius, spec.slots, remaining=True, tv_cap=True)
    bonus = jnp.zeros_like(bonus) if rival else bonus
    known, budget = state.known, state.budget
    rate = spec.slots / (budget - known.base_consumption)
    loss = known.loss - rate[None, None, None] * bonus
    given = (loss, known.consumption + bonus, lower, upper, known.initial, budget)
    return [jnp.asarray(np.asarray(x)) for x in given]


def _rows(name: str, race: Race) -> list[list[object]]:
    rows = []
    for batch, ours in race.ours.items():
        ratios = (harness.times(x / ours) for x in (race.highs, race.numpy))
        cells = [harness.micro(race.highs), harness.micro(race.numpy)]
        pairs = [x for pair in zip(cells, ratios, strict=True) for x in pair]
        rows.append([name, batch, harness.micro(ours), *pairs, f"{race.compared:.1f}"])
    if race.judged:
        ratio = race.highs / race.ours[max(race.ours)]
        verdict = "met" if ratio >= EXPECTED[name] else "falls short"
        wanted = harness.times(EXPECTED[name])
        text = f"- ratio {name} to HiGHS: {harness.times(ratio)}; expected at least {wanted}"
        print(f"{text}: {verdict}", end="\n\n")
    return rows


if __name__ == "__main__":
    sys.exit(main())
