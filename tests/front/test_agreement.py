"""A seed is a seed: every learner and comparator costs the same played, simulated and swept.

Tolerances: in float64 1e-9 of the run's total cost up to 200 rounds, which these are.
A learner that draws may part at a tie; at most 1 % of the runs of a family do.
"""

import jax
import numpy as np
import pytest
from rivals import RIVALS

import jaxsoco
from jaxsoco import registry

SEEDS = 6
PROBLEMS = {
    "tracking": {"name": "quadratic_tracking", "dimension": 3},
    "allocation": {"name": "carbon_jobs"},
    "multistage": {"name": "bernoulli_tree", "depth": 2},
    "provisioning": {"name": "bursty_queue", "slots": 4, "capacity": 4},
    "smoothed": {"name": "walk"},
}
ROUNDS = {"tracking": 40, "multistage": 60, "provisioning": 12, "smoothed": 24}
ELSEWHERE = {"tracking": {"scale_design"}, "smoothed": {"rounded", "lazy_budgeting"}}
"""Learners of other problems."""


def suiting(family, entries, thorough=True):
    problem = PROBLEMS[family]["name"]
    names = [e.name for e in entries if not e.problems or problem in e.problems]
    return [name for name in names if thorough or f"{family}/{name}" not in RIVALS]


def experiment(family, thorough):
    members = registry.family(family)
    run = {"seeds": SEEDS, "tile": 16, "checkpoints": 3}
    run["compare"] = suiting(family, members.comparators)
    if family in ROUNDS:
        run["horizons"] = ROUNDS[family]
    return {
        "figure": family,
        "family": family,
        "problem": PROBLEMS[family],
        "algorithm": [{"name": name} for name in suiting(family, members.algorithms, thorough)],
        "run": run,
    }


def compare(one, other, total):
    """Which runs of ``[C, runs]`` differ by more than the tolerance, at some checkpoint."""
    scale = 1e-9 * np.maximum(np.abs(total), 1e-12)
    return np.any(np.abs(np.asarray(one) - np.asarray(other)) > scale, axis=0)


QUICK = ("multistage",)


def ways(problem, algorithm, params, keys, at, thorough):
    """Costs of the same runs, played in several ways."""
    yield jaxsoco.play(problem, algorithm, params, keys, at=at).costs
    if thorough:
        yield jax.jit(lambda p, k: jaxsoco.play(problem, algorithm, p, k, at=at).costs)(
            params, keys
        )
        spec = problem.spec(keys)
        yield jaxsoco.simulate(
            algorithm, params, problem.problem, spec, keys, problem.horizon, at=at
        ).costs


@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "family",
    # All learners of a family take up to a minute to compile.
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PROBLEMS],
)
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_played_simulated_and_swept_runs_cost_the_same(family, thorough, x64, tmp_path):
    results = jaxsoco.run(experiment(family, thorough), tmp_path / "run", progress=False)
    fields = {k: v for k, v in PROBLEMS[family].items() if k != "name"}
    horizon = {"horizon": ROUNDS[family]} if family in ROUNDS else {}
    name = f"{family}/{PROBLEMS[family]['name']}"
    problem = jaxsoco.make(name, **fields, **horizon)
    keys = jaxsoco.seed_keys(0, SEEDS)
    entries = registry.family(family).algorithms
    learners = suiting(family, entries, thorough)
    others = {entry.name for entry in entries} - {*suiting(family, entries)}
    assert others == ELSEWHERE.get(family, set())
    parted = 0
    for label in learners:
        rows = results.runs(label)
        at = tuple(rows["round"][: len(rows) // SEEDS].tolist())
        algorithm, params = jaxsoco.learner(f"{family}/{label}")
        runs = np.zeros(SEEDS, bool)
        for costs in ways(problem, algorithm, params, keys, at, thorough):
            for name in costs._fields:
                swept, total = (rows[n].reshape(SEEDS, -1).T for n in (name, "total"))
                runs |= compare(getattr(costs, name), swept, total)
        parted += int(runs.sum())
    assert parted <= 0.01 * SEEDS * len(learners), f"{parted} runs parted"
    for label in results.study.optima:
        rows = results.runs(label)
        at = tuple(rows["round"][: len(rows) // SEEDS].tolist())
        costs = jaxsoco.comparator(f"{family}/{label}")(problem, keys, at)
        for name, values in costs.items():
            swept, total = (rows[n].reshape(SEEDS, -1).T for n in (name, "total"))
            assert not np.any(compare(values, swept, total)), (label, name)
