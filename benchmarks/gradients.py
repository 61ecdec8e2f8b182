"""Time and memory of gradients through ``play``: forward, reverse, and reverse in segments.

One parameter of every learner that says that it has a right gradient there, the sum of 256 runs'
costs, on one core, timings interleaved:

    python benchmarks/gradients.py            the whole table (minutes, most of them to compile)
    python benchmarks/gradients.py --quick    a small size, to see that it works
    python benchmarks/gradients.py --precision float32

Memory is what XLA allocates beside arguments and results. The exit code is 1 if the modes disagree,
or if segments (``remat=True``) take more than an eighth of the plain reverse mode's memory where
the horizon is 2000.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

import harness

SHARE = 8
"""How much less memory segments take, at least, at a horizon of 2000."""

APART = {"float64": 1e-6, "float32": 1e-3}
"""How far apart the slopes of the modes may be, relative to them."""


class Case(NamedTuple):
    """A learner on a problem, and the parameter that is moved."""

    learner: str
    parameter: str
    problem: str
    settings: dict[str, Any]


TRACKING, DESIGN = "tracking/quadratic_tracking", "tracking/expected_tracking"
CASES = (
    Case("tracking/passive_learner", "learning_rate", TRACKING, {"dimension": 2}),
    Case("tracking/oracle_learner", "learning_rate", TRACKING, {"dimension": 2}),
    Case("tracking/hyscale", "learning_rate", TRACKING, {"dimension": 2}),
    Case("tracking/scale", "gain", TRACKING, {"dimension": 2}),
    Case("tracking/scale_design", "gain", DESIGN, {"dimension": 2}),
    Case("allocation/st_clip", "epsilon", "allocation/carbon_jobs", {}),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if the modes agree and segments save what they should."""
    options = _options(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    harness.force_host_devices(1)
    print(*(f"- {line}" for line in harness.machine(("jax", "jaxlib"))), sep="\n", end="\n\n")
    columns = ("in {}, {} rounds", "ms", "of a plain run", "MB")
    good = True
    for case in CASES:
        if case.learner.partition("/")[2] not in options.learners:
            continue
        rounds, rows, verdict = _measure(case, options)
        where = columns[0].format(f"{case.parameter} of {case.learner}", rounds)
        print(harness.table((where, *columns[1:]), rows), flush=True, end="\n\n")
        good &= verdict
    print("- forward, reverse and segments agree" if good else "- SOMETHING IS WRONG")
    return 0 if good else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="time and memory of gradients")
    parser.add_argument("--runs", type=int, default=256)
    parser.add_argument("--horizon", type=int, default=2000, help="rounds, where one chooses them")
    names = [case.learner.partition("/")[2] for case in CASES]
    parser.add_argument("--learners", nargs="+", choices=names, default=names)
    parser.add_argument("--precision", choices=[*APART], default="float64")
    parser.add_argument("--repeats", type=int, default=5, help="timings of each")
    parser.add_argument("--quick", action="store_true", help="a small size, one learner")
    options = parser.parse_args(arguments)
    if options.quick:
        options.runs, options.horizon, options.repeats = 16, 100, 2
        options.learners = names[:1]
    return options


def _measure(case: Case, options: argparse.Namespace) -> tuple[int, list[tuple[str, ...]], bool]:
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", options.precision == "float64")
    rounds, modes, start = _modes(case, options)
    programs = {name: jax.jit(mode).lower(start).compile() for name, mode in modes.items()}
    slopes = [np.asarray(programs[name](start)) for name in [*modes][1:]]
    calls = {name: _waiting(program, start) for name, program in programs.items()}
    times = {k: median(v) for k, v in harness.interleaved(calls, options.repeats).items()}
    sizes = {k: _memory(program) for k, program in programs.items()}
    rows = [
        (
            name,
            f"{times[name] * 1e3:,.0f}",
            f"{times[name] / times['plain run']:.1f}x",
            f"{sizes[name] / 1e6:,.1f}",
        )
        for name in modes
    ]
    agree = bool(np.allclose(slopes, slopes[0], rtol=APART[options.precision]))
    small = rounds != 2000 or SHARE * sizes["segments"] <= sizes["reverse"]
    return rounds, rows, agree and small


def _memory(program: Any) -> int:
    """Bytes beside arguments and results."""
    return program.memory_analysis().temp_size_in_bytes


def _modes(case: Case, options: argparse.Namespace) -> tuple[int, dict[str, Callable], Any]:
    """Rounds, the plain run and its slope in three ways, and where."""
    import jax

    import jaxsoco
    from jaxsoco import registry

    rounds = {"horizon": options.horizon} if registry.problem(case.problem).horizons else {}
    problem = jaxsoco.make(case.problem, **case.settings, **rounds)
    algorithm, params = jaxsoco.learner(case.learner)
    keys = jaxsoco.seed_keys(0, options.runs)
    family = registry.family(case.learner.partition("/")[0])
    counted = [cost.name for cost in family.costs if cost.objective]

    def cost(x: Any, remat: bool | None = None) -> Any:
        moved = replace(params, **{case.parameter: x})
        at = [problem.horizon]
        costs = jaxsoco.play(problem, algorithm, moved, keys, at=at, remat=remat).costs
        return sum(getattr(costs, name).sum() for name in counted)

    modes = {
        "plain run": cost,
        "forward": jax.jacfwd(cost),
        "reverse": jax.grad(cost),
        "segments": jax.grad(lambda x: cost(x, remat=True)),
    }
    return problem.horizon, modes, getattr(params, case.parameter)


def _waiting(program: Callable, start: Any) -> Callable[[], Any]:
    import jax

    return lambda: jax.block_until_ready(program(start))


if __name__ == "__main__":
    sys.exit(main())
