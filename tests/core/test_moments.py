"""Moments agree with numpy's whatever the partition, and bit for bit for the same partition."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxsoco.core.moments import Moments, merge_in_order, merge_neighbours


def split(values, cuts):
    return [
        Moments.of(part) for part in np.split(values, sorted(c % (len(values) + 1) for c in cuts))
    ]


def assert_close(actual, expected, scale, tolerance=1e-12):
    assert abs(actual - expected) <= tolerance * scale, (actual, expected)


@settings(max_examples=200)
@given(
    values=st.lists(st.floats(-1.0, 1.0, width=32), min_size=2, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=8),
    offset=st.sampled_from([0.0, 1.0, -30.0, 1e4, 1e7]),
    scale=st.sampled_from([1.0, 1e-6, 1e9]),
)
@example(values=[0.0, 1.0], cuts=[1], offset=1e7, scale=1.0)
def test_any_partition_gives_the_moments_of_numpy(values, cuts, offset, scale):
    sample = (np.asarray(values) + offset) * scale
    merged = merge_in_order(split(sample, cuts))
    assert merged.count == len(sample)
    assert_close(merged.mean, np.mean(sample), np.abs(sample).mean())
    # Values that differ by rounding alone have no variance that floating point could know.
    noise = (np.finfo(float).eps * np.abs(sample).max()) ** 2
    expected = np.var(sample, ddof=1)
    assert_close(merged.variance, expected, expected + 1e12 * noise)
    error = np.sqrt(expected / len(sample))
    assert_close(merged.standard_error, error, error + 1e6 * np.sqrt(noise))


@pytest.mark.parametrize("size", [64, 256, 1000])
def test_small_spread_on_a_large_mean(size):
    sample = 1e8 + np.random.default_rng(1).normal(size=5000)
    parts = [sample[i : i + size] for i in range(0, len(sample), size)]
    merged = merge_in_order(map(Moments.of, parts))
    exact = np.var(sample.astype(np.longdouble), ddof=1)
    np.testing.assert_allclose(merged.mean, sample.mean(), rtol=1e-15)
    np.testing.assert_allclose(merged.variance, float(exact), rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 1.1, 1e-300, 7e15])
def test_equal_values_have_that_mean_and_no_variance(value):
    merged = merge_in_order(Moments.of(np.full(n, value)) for n in (3, 1, 10, 7))
    assert (merged.mean, merged.variance) == (value, 0.0)


def test_arrays_are_reduced_along_the_first_axis():
    sample = np.random.default_rng(2).normal(3.0, 1.0, size=(50, 4, 2))
    merged = Moments.of(sample[:20]).merge(Moments.of(sample[20:]))
    np.testing.assert_allclose(merged.mean, sample.mean(0), rtol=1e-12)
    np.testing.assert_allclose(merged.variance, sample.var(0, ddof=1), rtol=1e-12)


def test_float32_values_are_summed_in_float64():
    sample = np.full(100_000, 0.1, np.float32)
    moments = Moments.of(sample)
    assert moments.mean == np.float64(np.float32(0.1))
    assert moments.mean.dtype == np.float64


def test_the_same_order_gives_the_same_bits():
    parts = split(np.random.default_rng(3).normal(size=1000), range(0, 1000, 37))
    one, two = merge_in_order(parts), merge_in_order(iter(parts))
    assert (one.count, one.mean, one.m2) == (two.count, two.mean, two.m2)


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_nothing_is_neutral(shape):
    nothing = Moments.of(np.empty(shape))
    some = Moments.of(np.ones((2, *shape[1:])))
    assert np.all(nothing.count == 0) and np.all(np.isnan(nothing.mean))
    for merged in (nothing.merge(some), some.merge(nothing)):
        np.testing.assert_array_equal(merged.count, some.count)
        np.testing.assert_array_equal(merged.mean, some.mean)
        np.testing.assert_array_equal(merged.variance, some.variance)
    assert merge_in_order([]).count == 0


def test_entries_can_be_left_out():
    sample = np.random.default_rng(4).normal(size=(40, 3))
    use = sample > -0.5
    spoiled = np.where(use, sample, np.nan)
    merged = Moments.of(spoiled[:9], use[:9]).merge(Moments.of(spoiled[9:], use[9:]))
    for i in range(3):
        kept = sample[use[:, i], i]
        assert merged.count[i] == len(kept)
        np.testing.assert_allclose(merged.mean[i], kept.mean(), rtol=1e-12)
        np.testing.assert_allclose(merged.variance[i], kept.var(ddof=1), rtol=1e-12)


def test_too_few_values_have_no_variance():
    one = Moments.of([2.0])
    assert one.mean == 2.0 and np.isnan(one.variance) and np.isnan(one.standard_error)
    assert np.isnan(Moments.of([]).standard_error)


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 64, 65])
def test_neighbours_are_merged_side_by_side(parts):
    """Stacked ``[parts, 3]``, some of them of nothing, against all values at once."""
    draw = np.random.default_rng(parts)
    values = 1e6 + draw.normal(size=(parts, 20, 3))
    use = draw.random((parts, 20, 3)) < 0.8
    use[parts // 2, :, 1] = False
    each = [Moments.of(values[i], use[i]) for i in range(parts)]
    stack = Moments(
        *(np.stack(field) for field in zip(*(vars(x).values() for x in each), strict=True))
    )
    merged = merge_neighbours(stack)
    whole = Moments.of(values.reshape(-1, 3), use.reshape(-1, 3))
    np.testing.assert_array_equal(merged.count, whole.count)
    np.testing.assert_allclose(merged.mean, whole.mean, 1e-15)
    np.testing.assert_allclose(merged.m2, whole.m2, 1e-9)
