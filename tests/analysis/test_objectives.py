"""What a search minimises: values against NumPy, intervals and paired differences by simulation."""

import math

import numpy as np
import pytest

from jaxsoco.analysis.objectives import Objective
from jaxsoco.analysis.samples import Runs

OBJECTIVES = [
    Objective(),
    Objective(statistic="median"),
    Objective(statistic="quantile", level=0.9),
    Objective(statistic="cvar", level=0.9),
]
names = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda one: one.statistic)


def plain(objective: Objective, values: np.ndarray) -> float:
    """The statistic by its definition."""
    values = np.sort(values)
    if objective.statistic == "mean":
        return float(values.mean())
    if objective.statistic == "median":
        return float(np.median(values))
    assert objective.level is not None
    if objective.statistic == "quantile":
        return float(np.quantile(values, objective.level))
    # The worst runs whole, and so much of the one at the edge as makes up the share.
    share = (1 - objective.level) * values.size
    weights = np.clip(share - np.arange(values.size)[::-1], 0, 1)
    return float(values @ weights / share)


@names
def test_values_are_those_of_numpy(objective):
    values = np.random.default_rng(1).normal(size=(2, 500))
    estimate = objective.estimate(Runs(values), 0.95)
    assert estimate.value == pytest.approx(plain(objective, values.ravel()), rel=1e-12)
    assert estimate.lower < estimate.value < estimate.upper


def test_a_cvar_is_the_mean_of_the_worst_runs():
    values = np.random.default_rng(2).exponential(size=(1, 10_000))
    worst = np.sort(values.ravel())[-1000:]
    estimate = Objective(statistic="cvar", level=0.9).estimate(Runs(values), 0.95)
    assert estimate.value == pytest.approx(worst.mean(), rel=1e-12)


@names
def test_intervals_cover_their_level(objective):
    generator = np.random.default_rng(3)
    truth = plain(objective, np.random.default_rng(4).exponential(size=2_000_000))
    hits = 0
    for _ in range(300):
        estimate = objective.estimate(Runs(generator.exponential(size=(1, 400))), 0.95)
        hits += estimate.lower <= truth <= estimate.upper
    # Of 300, binomial: 95 % are 285, and less than 273 have probability 2e-3; skewed tails of a
    # few runs cost a CVaR some more.
    assert hits >= (264 if objective.statistic == "cvar" else 273)


@names
def test_paired_differences_are_narrower_and_cover(objective):
    """Two learners on the same worlds, one 0.1 worse: the worlds' spread of 1 cancels."""
    generator = np.random.default_rng(5)
    hits, widths = 0, []
    alone = 0.0
    for _ in range(120):
        world = generator.exponential(size=(1, 400))
        first = Runs(world + 0.1 + 0.02 * generator.normal(size=world.shape))
        second = Runs(world + 0.02 * generator.normal(size=world.shape))
        difference = objective.difference(first, second, 0.95)
        assert difference.value == pytest.approx(
            plain(objective, first.values.ravel()) - plain(objective, second.values.ravel())
        )
        hits += difference.lower <= 0.1 <= difference.upper
        widths.append(difference.half_width)
        alone = objective.estimate(first, 0.95).half_width
    assert hits >= 106  # of 120: 114 on average, fewer than 106 with probability 1e-3
    assert np.mean(widths) < alone / 2


@names
def test_a_learner_is_no_better_than_itself(objective):
    runs = Runs(np.random.default_rng(6).normal(size=(1, 64)))
    assert tuple(objective.difference(runs, runs, 0.95)) == (0, 0, 0)


@names
def test_runs_that_failed_are_left_out(objective):
    values = np.random.default_rng(7).normal(size=(1, 100))
    values[0, ::10] = math.nan
    estimate = objective.estimate(Runs(values), 0.95)
    assert estimate.value == pytest.approx(plain(objective, values[np.isfinite(values)]))
    other = Runs(values + 1.0)
    assert objective.difference(other, Runs(values), 0.95).value == pytest.approx(1.0)


def test_words():
    assert Objective("lai").words("regret") == "mean regret against lai"
    assert Objective("best", statistic="median").words("ratio") == "median ratio to best"
    assert Objective(cost="hit").words("regret") == "mean hit cost"
    assert Objective().words("ratio") == "mean total cost"
    tail = Objective("lai", statistic="cvar", level=0.9)
    assert tail.words("regret") == "mean of the worst 10 % of the regret against lai"
    assert Objective.of(tail._asdict()) == tail
