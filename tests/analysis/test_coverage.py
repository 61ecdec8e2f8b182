"""Intervals contain the truth as often as they say, measured by benchmarks/coverage.py."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest


def load(name):
    """The benchmark; by its place, as `import coverage` means another package."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


coverage = load("jaxsoco_benchmark_of_coverage")

EXPONENTS = [name for name in coverage.ESTIMATES if name.startswith("exponent")]
PAIRED = ["paired difference of means", "paired difference of medians"]
MEDIANS = ["median", "median, 3 points", "95 % quantile, 3 points"]
MEANS = ["mean", "mean, 3 points", "mean ratio"]


def within(name, tail, seeds, low, high, replications):
    """Asserts a coverage up to three of its standard errors."""
    share = coverage.coverage(name, tail, seeds, replications)
    slack = 3 * math.sqrt(0.05 * 0.95 / replications)
    assert low - slack <= share <= high + slack, (name, tail.name, seeds, share)


def all_within(seeds, replications):
    for name in EXPONENTS:
        within(name, coverage.NORMAL, seeds, 0.92, 0.98, replications)
        within(name, coverage.RATIOS, seeds, 0.90, 1.0, replications)
        within(name, coverage.HEAVY, seeds, 0.90, 1.0, replications)
    for name in (*PAIRED, *MEDIANS):
        for tail in coverage.TAILS:
            within(name, tail, seeds, 0.90, 1.0, replications)
    for name in MEANS:  # Student's interval: far tails ask for more seeds, as the docs say
        within(name, coverage.NORMAL, seeds, 0.92, 0.98, replications)
        within(name, coverage.RATIOS, seeds, 0.90, 1.0, replications)
        within(name, coverage.HEAVY, seeds, 0.80, 1.0, replications)


@pytest.mark.parametrize("seeds", [8, 32])
def test_intervals_cover_what_they_say(seeds):
    all_within(seeds, 100)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [8, 16, 32, 64])
def test_intervals_cover_what_they_say_in_many_sweeps(seeds):
    all_within(seeds, 2000)


@pytest.mark.parametrize("seeds", [2, 4, 7])
@pytest.mark.parametrize("name", [*EXPONENTS, "median, 3 points", "paired difference of medians"])
def test_few_seeds_have_no_interval_and_say_so(name, seeds):
    assert math.isnan(coverage.coverage(name, coverage.NORMAL, seeds, 20))
    draw = np.random.default_rng(0)
    estimate = coverage.ESTIMATES[name](draw, coverage.NORMAL, seeds).estimate
    assert math.isfinite(estimate.value)
    assert estimate.note == f"too few seeds ({seeds}; want 8)"


def test_percentiles_would_be_noticed():
    # What stood in the report before is seen to cover too little.
    for name in ("(exponent of means by percentiles)", "(exponent of means by BCa)"):
        assert coverage.coverage(name, coverage.NORMAL, 8, 200) < 0.92
        assert coverage.coverage(name, coverage.NORMAL, 4, 200) < 0.85


def test_means_are_valid_from_two_seeds_on():
    within("mean", coverage.NORMAL, 2, 0.93, 0.97, 1000)
    within("paired difference of means", coverage.NORMAL, 4, 0.93, 0.97, 1000)


def test_the_table_is_complete():
    lines = [*coverage.lines(10)]
    assert len(lines) == 2 + len(coverage.ESTIMATES) * len(coverage.TAILS)
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize("name", coverage.OF_BLOCKS)
def test_intervals_from_blocks_cover_what_they_say(name):
    for tail in coverage.TAILS[:2]:
        share = coverage.coverage(name, tail, 64, 100, estimates=coverage.OF_BLOCKS)
        assert 0.9 - 3 * math.sqrt(0.05 * 0.95 / 100) <= share


def test_blocks_of_the_benchmark_are_those_of_a_report():
    """The sums by block that are taken straight from the values, and those of the ledger."""
    values = coverage.NORMAL.draw(np.random.default_rng(4), 3, 1024)
    ledger, own = coverage.summed(values).clusters(), coverage.block_clusters([values])
    np.testing.assert_allclose(own.sums, ledger.sums, 1e-12)
    np.testing.assert_array_equal(own.counts, ledger.counts)
    assert own.blocks and ledger.blocks and len(own.sums) == 32
