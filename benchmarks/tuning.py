"""What a step of a search costs, and what a search reaches with how many runs.

First the time of a step of the pathwise method over that of a plain run of as many seeds, forward
mode for up to four parameters and reverse mode beyond. Then the same two tunings, of one parameter
and of two, by jaxsoco's methods, by SciPy's Nelder-Mead and by CMA-ES (package ``cmaes``), all on
the same objective in the same coordinates: what each has found after so many runs is judged on the
same held-out seeds::

    python benchmarks/tuning.py                    tables (minutes)
    python benchmarks/tuning.py --quick            a small size, to see that it works
    python benchmarks/tuning.py --figure FILE.png  and the figure

A run is a run of the learner: a gradient of 64 runs counts as 64, and its price in time is the
first table. The exit code is 1 if a step in up to four parameters takes more than four plain runs a
parameter, or one in reverse mode more than fifteen in all.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import harness
import numpy as np

FORWARD, REVERSE = 4.0, 15.0
"""Most plain runs that a step may take: for each of up to four parameters, and in reverse mode."""

PROBLEM = "tracking/quadratic_tracking"


class Price(NamedTuple):
    """A step whose price is measured."""

    learner: str
    parameters: tuple[str, ...]
    problem: str
    settings: dict[str, Any]


SMALL = {"dimension": 2}
PRICES = (
    Price("tracking/passive_learner", ("learning_rate",), PROBLEM, SMALL),
    Price("tracking/passive_learner", ("learning_rate", "initial"), PROBLEM, SMALL),
    Price("tracking/hyscale", ("learning_rate", "gain"), PROBLEM, SMALL),
    Price(
        "tracking/hyscale",
        ("learning_rate", "gain", "exponent", "noise_cap", "floor"),
        PROBLEM,
        SMALL,
    ),
    Price("allocation/st_clip", ("epsilon",), "allocation/carbon_jobs", {}),
)


class Task(NamedTuple):
    """A tuning that all methods do."""

    title: str
    learner: str
    parameters: tuple[str, ...]
    values: dict[str, Any]


TASKS = (
    Task(
        "passive learner: learning rate",
        "tracking/passive_learner",
        ("learning_rate",),
        {"learning_rate": 1e-3},
    ),
    Task(
        "HySCaLE: learning rate and gain",
        "tracking/hyscale",
        ("learning_rate", "gain"),
        {"learning_rate": 1e-3},
    ),
)
RIVALS = ("Nelder-Mead", "CMA-ES")
METHODS = ("pathwise", "evolution", "random", *RIVALS)


class Trail(NamedTuple):
    """What a method has found after so many runs: free coordinates ``[P]``."""

    runs: list[int]
    places: list[np.ndarray]

    def after(self, runs: int) -> np.ndarray | None:
        """What was found with so many runs; None before the first answer."""
        index = np.searchsorted(self.runs, runs, side="right")
        return self.places[index - 1] if index else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if steps cost no more than they should."""
    options = _options(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    harness.force_host_devices(1)
    import jax

    print(*(f"- {line}" for line in harness.machine(("jax", "scipy", "cmaes"))), sep="\n")
    with jax.enable_x64(True):
        good = _prices(options)
        curves = {task.title: _quality(task, options) for task in TASKS}
    if options.figure:
        _draw(curves, options)
    print(f"\n- {'no step costs' if good else 'SOME STEPS COST'} more than it should")
    return 0 if good else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="cost and quality of tuning")
    parser.add_argument("--quick", action="store_true", help="a small size")
    parser.add_argument("--seeds", type=int, default=64, help="runs of an evaluation")
    parser.add_argument("--horizon", type=int, default=1000)
    parser.add_argument("--evaluations", type=int, default=64)
    parser.add_argument("--holdout", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5, help="timings, the median counts")
    parser.add_argument("--figure", type=Path, help="where to draw quality against runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.seeds, options.horizon, options.evaluations = 16, 50, 16
        options.holdout, options.repeats = 64, 1
    return options


# --- what a step costs ----------------------------------------------------------------------------


def _prices(options: argparse.Namespace) -> bool:
    """Prints plain runs a step, and says whether they are as few as they should be."""
    rows, good = [], True
    for price in PRICES:
        plain, step = _times(price, options)
        number, ratio = len(price.parameters), step / plain
        forward = number <= 4
        allowed = FORWARD * number if forward else REVERSE
        good &= ratio <= allowed
        names = ", ".join(price.parameters)
        mode = "forward" if forward else "reverse"
        cells = (f"{1e3 * plain:,.0f}", f"{1e3 * step:,.0f}", harness.times(ratio))
        rows.append((f"{price.learner}: {names}", mode, *cells, harness.times(allowed)))
    header = ("a pathwise step in", "mode", "plain ms", "step ms", "of a plain run", "at most")
    print(f"\n{harness.table(header, rows)}", flush=True)
    return good


def _times(price: Price, options: argparse.Namespace) -> tuple[float, float]:
    """Seconds of a plain run of the seeds, and of a step."""
    import jax

    import jaxsoco

    fixed = price.problem != PROBLEM
    horizon = {} if fixed else {"horizon": options.horizon}
    problem = jaxsoco.make(price.problem, **price.settings, **horizon)
    algorithm, params = jaxsoco.learner(price.learner)
    search = _search(problem, algorithm, params, price.parameters, "pathwise", options)
    key = jax.random.key(0, impl="threefry2x32")
    state, keys = search.init(key), jaxsoco.seed_keys(0, options.seeds)
    at = [problem.horizon]
    cases = {
        "plain": lambda: jax.block_until_ready(
            jaxsoco.play(problem, algorithm, params, keys, at=at).costs
        ),
        "step": lambda: jax.block_until_ready(search.step(state)),
    }
    for call in cases.values():
        call()  # compiles
    seconds = harness.interleaved(cases, options.repeats)
    return median(seconds["plain"]), median(seconds["step"])


def _search(problem, algorithm, params, parameters, method, options):
    from jaxsoco.tuning import searcher

    return searcher(
        problem,
        algorithm,
        params,
        list(parameters),
        method=method,
        steps=options.evaluations,
        seeds=options.seeds,
    )


# --- what a search reaches ------------------------------------------------------------------------


def _quality(task: Task, options: argparse.Namespace) -> dict[str, tuple[list[int], list[float]]]:
    """Prints, and returns, the held-out objective that every method has reached by its runs."""
    import jax

    import jaxsoco
    from jaxsoco.core.compiler import jit

    problem = jaxsoco.make(PROBLEM, **SMALL, horizon=options.horizon)
    algorithm, params = jaxsoco.learner(task.learner, **task.values)
    search = partial(_search, problem, algorithm, params, task.parameters)
    first = search("pathwise", options)
    mean = jit(lambda free, keys: first.trials.shared(free, keys).mean())
    held = jaxsoco.seed_keys(0, options.holdout)
    trial_keys = jax.random.split(jax.random.key(1, impl="threefry2x32"), options.seeds)
    start = np.asarray(first.init(jax.random.key(0, impl="threefry2x32")).free)

    def loss(place: np.ndarray) -> float:
        value = float(mean(np.asarray(place), trial_keys))
        return value if np.isfinite(value) else 1e300

    trails = {
        name: _trail_of(search(name, options), options) for name in METHODS if name not in RIVALS
    }
    for name, asks in (("Nelder-Mead", _nelder_mead), ("CMA-ES", _evolution_strategy)):
        trails[name] = _trail(islice(asks(loss, start), options.evaluations), options.seeds)
    last = options.evaluations * options.seeds
    budgets = sorted({int(x) for x in np.geomspace(4 * options.seeds, last, 5)})
    curves = {}
    for name, trail in trails.items():
        places = [start if trail.after(n) is None else trail.after(n) for n in (0, *budgets)]
        curves[name] = [0, *budgets], [float(mean(place, held)) for place in places]
    rows = [(name, *(f"{value:,.1f}" for value in values)) for name, (_, values) in curves.items()]
    header = (f"{task.title}; runs used:", *(f"{n:,}" for n in (0, *budgets)))
    print(f"\n{harness.table(header, rows)}", flush=True)
    return curves


def _trail_of(search: Any, options: argparse.Namespace) -> Trail:
    """The answers of one of jaxsoco's searches, step by step."""
    import jax

    state, trail = search.init(jax.random.key(2, impl="threefry2x32")), Trail([], [])
    budget = options.evaluations * options.seeds
    for number in count(1):
        state, _ = search.step(state)
        trail.runs.append(number * search.runs_per_step)
        trail.places.append(np.asarray(search.answer(state)))
        if number == search.steps or trail.runs[-1] + search.runs_per_step > budget:
            return trail
    raise AssertionError


def _trail(asked: Iterator[tuple[np.ndarray, float]], runs: int) -> Trail:
    """The best place so far of a method that evaluates one after the other."""
    trail, least, best = Trail([], []), np.inf, None
    for number, (place, value) in enumerate(asked, 1):
        if best is None or value < least:
            least, best = value, np.array(place)
        trail.runs.append(number * runs)
        trail.places.append(best)
    return trail


Loss = Callable[[np.ndarray], float]


def _nelder_mead(loss: Loss, start: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """What SciPy's simplex evaluates, begun with edges of 1."""
    from scipy.optimize import minimize

    asked: list[tuple[np.ndarray, float]] = []

    def told(place: np.ndarray) -> float:
        asked.append((place.copy(), loss(place)))
        return asked[-1][1]

    corners = np.vstack([start, start + np.eye(len(start))])
    options = {"initial_simplex": corners, "maxfev": 64, "xatol": 1e-3, "fatol": 1e-3}
    minimize(told, start, method="Nelder-Mead", options=options)
    yield from asked
    while True:  # it has stopped: what is left of the budget finds nothing
        yield asked[-1]


def _evolution_strategy(loss: Loss, start: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """What CMA-ES evaluates, begun with a standard deviation of 1."""
    from cmaes import CMA

    # It asks for two dimensions at least: the second one is idle.
    size = max(len(start), 2)
    optimizer = CMA(mean=np.resize(start, size), sigma=1.0, seed=0)
    while True:
        scores = []
        for _ in range(optimizer.population_size):
            place = optimizer.ask()
            scores.append((place, loss(place[: len(start)])))
            yield place[: len(start)], scores[-1][1]
        optimizer.tell(scores)


def _draw(curves: dict[str, Any], options: argparse.Namespace) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.8 * len(curves), 3.2), layout="constrained")
    for axes, (title, methods) in zip(figure.subplots(1, len(curves)), curves.items(), strict=True):
        for name, (runs, values) in methods.items():
            line = "--" if name in RIVALS else "-"
            axes.plot(runs, values, line, marker="o", markersize=3, label=name)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("runs used")
        axes.grid(alpha=0.3)
    figure.axes[-1].legend(frameon=False, fontsize="small")
    figure.axes[0].set_ylabel(f"mean total cost of {options.holdout:,} held-out runs")
    figure.savefig(options.figure, dpi=160)


if __name__ == "__main__":
    sys.exit(main())
