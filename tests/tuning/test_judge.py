"""Judgements on held-out seeds: values, and differences that are paired by run."""

import aims  # pyright: ignore[reportMissingImports]
import jax
import numpy as np
import pytest
from scipy import stats

import jaxsoco
from jaxsoco.tuning.judge import difference_of, judge, statistic_of
from jaxsoco.tuning.objective import Objective, Reduction

LEARNERS = {
    "tuned": (aims.aim, aims.AimParams(x=0.4)),
    "default": (aims.aim, aims.AimParams(x=0.0)),
    "other": (aims.aim, aims.AimParams(x=0.4, kind="first")),
}


def costs(params, seeds, problem=None):
    problem = aims.world() if problem is None else problem
    run = jaxsoco.play(problem, aims.aim, params, jaxsoco.seed_keys(3, seeds))
    return np.asarray(run.costs.miss[-1], float)


@pytest.mark.parametrize("seeds", [100, 1200])
def test_rows_are_those_of_the_runs(seeds):
    rows = judge(aims.world(), LEARNERS, None, jaxsoco.seed_keys(3, seeds))
    assert [row.label for row in rows] == list(LEARNERS)
    tuned = costs(LEARNERS["tuned"][1], seeds)
    assert rows[0].difference is None
    for row, (_, params) in zip(rows, LEARNERS.values(), strict=True):
        values = costs(params, seeds)
        t = stats.t.interval(0.95, seeds - 1, values.mean(), values.std(ddof=1) / seeds**0.5)
        np.testing.assert_allclose(row.value, [values.mean(), *t], rtol=1e-5)
        assert (row.runs, row.failed) == (seeds, 0)
        if row.difference is not None:
            apart = tuned - values
            half = stats.t.ppf(0.975, seeds - 1) * apart.std(ddof=1) / seeds**0.5
            mean = apart.mean()
            np.testing.assert_allclose(
                row.difference, [mean, mean - half, mean + half], rtol=1e-4, atol=1e-6
            )


@pytest.mark.parametrize(
    "reduction",
    [
        Reduction("mean"),
        Reduction("median"),
        Reduction("quantile", 0.8),
        Reduction("cvar", 0.8),
    ],
    ids=str,
)
def test_intervals_of_differences_cover(reduction):
    """Of pairs that move together, by a shift and a scale whose truth is known."""
    rng = np.random.default_rng(0)
    quantile = stats.norm.ppf(reduction.level)
    at = {
        "mean": 0.0,
        "median": 0.0,
        "quantile": quantile,
        "cvar": stats.norm.pdf(quantile) / (1 - reduction.level),
    }[reduction.statistic]
    truth, hits, count = 0.2 + 0.1 * at, 0, 60
    for _ in range(count):
        common = rng.normal(size=100)
        right = common + 0.0
        left = 0.2 + 1.1 * common
        low, high = difference_of(reduction, left, right)[1:]
        hits += low <= truth <= high
    assert hits / count >= 0.85


def test_quantiles_are_numpys():
    values = np.random.default_rng(1).normal(size=500)
    for level in (0.5, 0.9):
        one = statistic_of(Reduction("quantile", level), values)
        assert one.value == np.quantile(values, level) and one.lower < one.value < one.upper
    tail = statistic_of(Reduction("cvar", 0.9), values)
    assert tail.value == pytest.approx(np.sort(values)[-50:].mean())


def test_runs_that_fail_are_counted_and_left_out():
    def logarithm(run):
        cost = run.costs.miss[-1]
        return jax.numpy.where(cost < 4, cost, jax.numpy.inf)

    rows = judge(aims.world(), LEARNERS, logarithm, jaxsoco.seed_keys(3, 100))
    for row, (_, params) in zip(rows, LEARNERS.values(), strict=True):
        values = costs(params, 100)
        assert row.failed == int((values >= 4).sum()) > 0
        assert row.value.value == pytest.approx(values[values < 4].mean(), rel=1e-5)


def test_several_problems_and_a_distribution():
    problems = [aims.world(-1.0), aims.world(2.0)]
    keys = jaxsoco.seed_keys(3, 64)
    row = judge(problems, LEARNERS, None, keys)[0]
    means = [costs(LEARNERS["tuned"][1], 64, problem) for problem in problems]
    want = np.concatenate([means[0][:32], means[1][32:]]).mean()
    assert row.value.value == pytest.approx(want, rel=1e-5)
    rows = judge(lambda key: aims.world(jax.random.normal(key)), LEARNERS, None, keys)
    # E (0.4 - shift - z)^2 = 0.16 + 2 in each of two rounds, with an instance for every run.
    assert rows[0].runs == 64 and rows[0].value.lower < 2 * 2.16 < rows[0].value.upper
    whole = judge(problems, LEARNERS, lambda run: run.costs.miss[-1].max(), keys)[0]
    assert whole.runs == 2
    assert whole.value.value == pytest.approx(
        (means[0][:32].max() + means[1][32:].max()) / 2, rel=1e-5
    )


def test_against_a_comparator():
    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=20)
    algorithm, params = jaxsoco.learner("tracking/passive_learner")
    keys = jaxsoco.seed_keys(0, 16)
    objective = Objective(against="online_optimum_path", measure="ratio")
    (row,) = judge(problem, {"tuned": (algorithm, params)}, objective, keys)
    run = jaxsoco.play(problem, algorithm, params, keys, at=[20]).costs
    best = jaxsoco.comparator("tracking/online_optimum_path")(problem, keys, [20])
    ratio = (run.hit + run.move)[0] / (best["hit"] + best["move"])[0]
    assert row.value.value == pytest.approx(float(ratio.mean()), rel=1e-5)
