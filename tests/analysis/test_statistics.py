"""Intervals against scipy, against hand-made cases, and by their coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxsoco.analysis import statistics as st
from jaxsoco.core.moments import Moments


@pytest.mark.parametrize("probability", [0.6, 0.95, 0.975, 0.9995, 0.025])
def test_student_quantile(probability):
    freedom = [1, 2, 3, 4, 5, 8, 15, 30, 60, 99, 100, 101, 150, 1000, 10**6]
    ours = [st.student_quantile(probability, n) for n in freedom]
    np.testing.assert_allclose(ours, stats.t.ppf(probability, freedom), rtol=1e-8)


def student_by_sums(probability, freedom):
    """Quantile above 1/2 from the finite sums of Abramowitz and Stegun 26.7.3-4, by bisection."""
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        if central_part(middle, freedom) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def central_part(angle, freedom):
    """P(|t| < sqrt(freedom) tan(angle)) as a finite sum in the angle."""
    cosine, odd = math.cos(angle), freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    part = math.sin(angle) * total
    return 2 / math.pi * (angle + part) if odd else part


@pytest.mark.parametrize("probability", [0.6, 0.75, 0.95, 0.975, 0.995])
def test_student_quantile_by_finite_sums(probability):
    freedom = [1, 2, 3, 4, 7, 20, 63, 100, 101, 511, 2000]
    sums = [student_by_sums(probability, n) for n in freedom]
    ours = [st.student_quantile(probability, n) for n in freedom]
    np.testing.assert_allclose(ours, sums, rtol=1e-9)
    np.testing.assert_allclose([-st.student_quantile(1 - probability, n) for n in freedom], ours)


def test_mean_estimate_by_hand():
    moments = Moments.of(np.array([[1.0], [2.0], [6.0]]))
    estimate = st.mean_estimate(moments)
    half = float(stats.t.ppf(0.975, 2)) * math.sqrt(7.0 / 3)
    np.testing.assert_allclose(estimate, (3.0, 3 - half, 3 + half), rtol=1e-12)
    np.testing.assert_allclose(estimate.half_width, half, rtol=1e-12)
    narrow = st.mean_estimate(moments, level=0.5)
    np.testing.assert_allclose(
        narrow.half_width, stats.t.ppf(0.75, 2) * math.sqrt(7.0 / 3), rtol=1e-12
    )


def test_a_single_run_has_no_interval():
    estimate = st.mean_estimate(Moments.of([[2.5]]))
    assert estimate.value == 2.5
    assert math.isnan(estimate.lower)
    assert math.isnan(st.pooled_mean(np.array([[2.5]])).upper)


def test_one_point_pools_to_students_interval():
    values = np.random.default_rng(0).normal(size=(1, 40))
    np.testing.assert_allclose(
        st.pooled_mean(values), st.mean_estimate(Moments.of(values.T)), rtol=1e-12
    )


def test_pooling_counts_seeds_not_runs():
    # The same runs at ten points say no more about the mean than one point does.
    values = np.random.default_rng(0).normal(size=(1, 40))
    np.testing.assert_allclose(
        st.pooled_mean(np.repeat(values, 10, axis=0)), st.pooled_mean(values), rtol=1e-12
    )
    # Points that cancel seed by seed have a mean without any error.
    assert st.pooled_mean(np.concatenate([values, -values])).half_width < 1e-12


def test_missing_runs_do_not_count():
    values = np.array([[1.0, 2.0, np.nan, 5.0], [3.0, np.nan, np.nan, np.inf]])
    estimate = st.pooled_mean(values)
    np.testing.assert_allclose(estimate.value, 11 / 4)
    # Three seeds: residual sums -1.5, -0.75, 2.25 over four runs.
    error = math.sqrt((1.5**2 + 0.75**2 + 2.25**2) * 3 / 2) / 4
    np.testing.assert_allclose(estimate.half_width, stats.t.ppf(0.975, 2) * error, rtol=1e-12)
    assert math.isnan(st.pooled_mean(np.full((2, 3), np.nan)).value)


@pytest.mark.parametrize(("n", "ranks"), [(6, (1, 6)), (10, (2, 9)), (37, (13, 25))])
def test_median_lies_between_the_tabulated_ranks(n, ranks):
    # Ranks of the 95 % interval from the binomial table.
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))[None]
    estimate = st.pooled_quantile(values, 0.5)
    assert (estimate.lower, estimate.upper) == ranks
    assert estimate.value == (n + 1) / 2


def test_few_runs_have_no_interval_of_the_median():
    estimate = st.pooled_quantile(np.array([[3.0, 1.0, 2.0]]), 0.5)
    assert estimate.value == 2.0
    assert math.isnan(estimate.lower)
    assert math.isnan(estimate.upper)


@pytest.mark.parametrize(("n", "probability"), [(1500, 0.5), (1500, 0.95), (99, 0.1)])
def test_ranks_are_binomial_quantiles(n, probability):
    low, high = st.binomial_ranks(n, probability)
    assert low == stats.binom.ppf(0.025, n, probability)
    assert high == stats.binom.ppf(0.975, n, probability) + 1


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("probability", [0.05, 0.5, 0.95])
def test_ranks_by_adding_up_the_binomial(level, probability):
    for n in (1, 2, 3, 10, 57, 300, 5000):
        k = np.arange(n)
        steps = np.log((n - k) / (k + 1)) + math.log(probability / (1 - probability))
        mass = np.exp(n * math.log1p(-probability) + np.concatenate([[0.0], np.cumsum(steps)]))
        cumulative, tail = np.cumsum(mass), (1 - level) / 2
        low = int(np.searchsorted(cumulative, tail, side="right"))
        high = int(np.searchsorted(cumulative, 1 - tail, side="left")) + 1
        assert st.binomial_ranks(n, probability, level) == (low, high)


def test_pooled_quantile_counts_seeds_not_runs():
    values = np.random.default_rng(3).normal(size=(1, 400))
    one = st.pooled_quantile(values, 0.5)
    ten = st.pooled_quantile(np.repeat(values, 10, axis=0), 0.5)
    assert abs(ten.half_width / one.half_width - 1) < 0.1
    many = st.pooled_quantile(np.random.default_rng(4).normal(size=(10, 400)), 0.5)
    assert abs(many.half_width / one.half_width - 10**-0.5) < 0.1


def planted_curve(generator, seeds, exponent):
    x = np.array([1.0, 3.0, 10.0, 30.0])
    shared = generator.lognormal(0.0, 0.5, size=(seeds, 1))
    own = generator.lognormal(0.0, 0.3, size=(seeds, 4))
    return x, st.Clusters(2.0 * x**exponent * shared * own, np.ones((seeds, 4)))


def test_slope_without_noise_is_exact():
    x = np.array([1.0, 2.0, 8.0])
    clusters = st.Clusters(np.tile(5 * x**0.66, (7, 1)), np.ones((7, 3)))
    np.testing.assert_allclose(st.log_slope(x, clusters), 0.66, rtol=1e-12)


def test_slope_interval_covers_the_planted_exponent():
    generator = np.random.default_rng(7)
    hits, exponents = 0, []
    for _ in range(400):
        value, lower, upper = st.log_slope(*planted_curve(generator, 60, 0.5))
        hits += lower <= 0.5 <= upper
        exponents.append(value)
    # 400 trials: a nominal 95 % has a standard error of 1.1 %; percentile intervals run low.
    assert 0.91 <= hits / 400 <= 0.985
    assert abs(np.mean(exponents) - 0.5) < 0.005


def test_slope_bootstrap_is_paired():
    # What a seed adds at every position alike cancels in the slope.
    x = np.array([1.0, 10.0, 100.0])
    shared = np.random.default_rng(0).lognormal(0, 1.0, size=(50, 1))
    together = st.log_slope(x, st.Clusters(x**0.5 * shared, np.ones((50, 3))))
    assert together.half_width < 1e-9
    apart = np.random.default_rng(0).lognormal(0, 1.0, size=(50, 3))
    assert st.log_slope(x, st.Clusters(x**0.5 * apart, np.ones((50, 3)))).half_width > 0.02


def test_slope_repeats_to_the_bit():
    curve = planted_curve(np.random.default_rng(1), 80, 0.3)
    first = st.log_slope(*curve)
    st.bootstrap_weights.cache_clear()
    assert st.log_slope(*curve) == first


def test_slope_needs_positive_means():
    x = np.array([1.0, 2.0])
    sums = np.array([[1.0, -2.0], [1.0, 1.0]])
    assert math.isnan(st.log_slope(x, st.Clusters(sums, np.ones((2, 2)))).value)
    # Positive on the whole, but not in most resamples: a value without an interval.
    fragile = np.array([[1.0, -9.0], [1.0, 10.0], [1.0, 0.1]])
    estimate = st.log_slope(x, st.Clusters(fragile, np.ones((3, 2))))
    assert math.isfinite(estimate.value)
    assert math.isnan(estimate.lower)


def test_bundles_keep_sums_and_interval():
    generator = np.random.default_rng(5)
    clusters = planted_curve(generator, 5001, 0.5)[1]
    bundled = st.bundle(clusters)
    assert len(bundled.sums) == 2000
    np.testing.assert_allclose(bundled.sums.sum(axis=0), clusters.sums.sum(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(bundled.counts.sum(axis=0), 5001)
    np.testing.assert_allclose(bundled.sums[0], clusters.sums[[0, 2000, 4000]].sum(axis=0))
    wide = st.cluster_means(clusters)
    narrow = st.cluster_means(bundled)
    np.testing.assert_allclose(narrow[2] - narrow[1], wide[2] - wide[1], rtol=0.1)


def test_the_interval_of_a_slope_is_studentised():
    # By hand: every resample's exponent, over its own standard error by the delta method.
    x, clusters = planted_curve(np.random.default_rng(2), 9, 0.5)
    sums = clusters.sums
    centred = np.log(x) - np.log(x).mean()
    weights = centred / (centred**2).sum()

    def exponent(rows):
        return np.log(rows.mean(axis=0)) @ weights

    def error(rows):
        influence = (rows / rows.mean(axis=0) - 1) @ weights
        return math.sqrt((influence**2).sum() / 8 / 9)

    deviations = []
    for counts in st.bootstrap_weights(9, st.RESAMPLES):
        rows = np.repeat(sums, counts.astype(int), axis=0)
        deviations.append(abs(exponent(rows) - exponent(sums)) / error(rows))
    half = np.quantile(deviations, 0.95, method="higher") * error(sums)
    found = st.log_slope(x, clusters)
    np.testing.assert_allclose(found, (found.value, found.value - half, found.value + half))


def test_absent_seeds_do_not_count_as_units():
    x, clusters = planted_curve(np.random.default_rng(4), 12, 0.5)
    nothing = np.zeros((30, 4))
    padded = st.Clusters(*(np.vstack([part, nothing]) for part in clusters))
    assert st.log_slope(x, padded) == st.log_slope(x, clusters)
    few = st.Clusters(*(np.vstack([part[:5], nothing]) for part in clusters))
    assert st.log_slope(x, few).note == "too few seeds (5; want 8)"


def test_medians_of_resamples_are_those_of_repeated_seeds():
    values = np.random.default_rng(0).normal(size=(3, 9))
    values[0, 2] = np.nan
    draw = st.bootstrap_weights(9, 40)
    found = st._resampled_medians(values, draw)
    for counts, middle in zip(draw, found, strict=True):
        repeated = np.repeat(values, counts.astype(int), axis=1)
        np.testing.assert_allclose(middle, np.nanmedian(repeated), rtol=1e-15)


def test_medians_of_many_seeds_are_measured_by_some_of_them():
    x = np.array([1.0, 2.0, 4.0])
    draw = np.random.default_rng(0)

    def half_width(seeds):
        noise = draw.lognormal(size=(3, 1, seeds))
        return st.log_slope_of_medians(x, list(noise * np.sqrt(x)[:, None, None])).half_width

    assert abs(half_width(400) / half_width(40_000) / 10 - 1) < 0.25


def test_seeds_that_agree_have_an_interval_of_no_width():
    x = np.array([1.0, 2.0, 4.0])
    for seeds in (2, 9):
        column = [np.full((1, seeds), v) for v in np.sqrt(x)]
        clusters = st.beside([st.cluster(c) for c in column], seeds)
        for found in (st.log_slope(x, clusters), st.log_slope_of_medians(x, column)):
            np.testing.assert_allclose(found, (0.5, 0.5, 0.5), rtol=1e-12)
        assert st.pooled_quantile(np.full((2, seeds), 3.0), 0.5) == (3.0, 3.0, 3.0)


def test_few_seeds_that_share_an_exponent_are_too_few():
    x = np.array([1.0, 2.0, 4.0])
    column = [v * np.array([[1.0, 1.3, 2.0, 0.7]]) for v in np.sqrt(x)]
    clusters = st.beside([st.cluster(c) for c in column], 4)
    for found in (st.log_slope(x, clusters), st.log_slope_of_medians(x, column)):
        assert found.value == pytest.approx(0.5)
        assert found.note == "too few seeds (4; want 8)"


def test_notes_say_what_would_give_an_interval():
    draw = np.random.default_rng(0)
    assert st.pooled_quantile(draw.normal(size=(1, 5)), 0.5).note == "too few seeds (5; want 6)"
    assert st.pooled_quantile(draw.normal(size=(1, 20)), 0.95).note == "too few seeds (20; want 72)"
    assert st.pooled_quantile(draw.normal(size=(3, 4)), 0.5).note == "too few seeds (4; want 8)"
    assert st.pooled_mean(draw.normal(size=(3, 1))).note == "one seed"
    assert st.pooled_mean(draw.normal(size=(3, 2))).note == ""


def test_a_regret_about_zero_has_no_interval_of_its_exponent():
    x = np.array([1.0, 2.0])
    values = np.random.default_rng(0).normal(0.5, 2.0, size=(12, 2))
    values += 0.6 - values.mean(axis=0)
    found = st.log_slope(x, st.Clusters(values, np.ones((12, 2))))
    assert math.isfinite(found.value)
    assert math.isnan(found.lower)
    assert found.note == "not positive for all resampled seeds"


def test_a_mean_that_one_seed_makes_has_no_interval_of_its_exponent():
    x, draw = np.array([1.0, 2.0, 4.0]), np.random.default_rng(0)
    values = draw.normal(1.0, 0.1, size=(64, 3)) * np.sqrt(x)
    assert st.log_slope(x, st.Clusters(values, np.ones((64, 3)))).half_width < 0.1
    values[5, 0] = 160.0  # without it, resamples know the exponent to 0.02
    found = st.log_slope(x, st.Clusters(values, np.ones((64, 3))))
    assert math.isfinite(found.value)
    assert math.isnan(found.lower) and math.isnan(found.upper)
    assert found.note == "a few seeds dominate the mean"
