"""Moments with a mask, and merged from any partition."""

import numpy as np
import pytest

from jaxsoco.core.moments import Moments, merge_in_order


@pytest.mark.parametrize("size", [1, 7, 64, 999, 5000])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_any_partition_gives_numpys_moments(size, offset):
    values = np.random.default_rng(0).normal(offset, 1.0, size=(5000, 3))
    parts = (Moments.of(values[i : i + size]) for i in range(0, 5000, size))
    merged = merge_in_order(parts, (3,))
    exact = values.astype(np.longdouble)
    np.testing.assert_array_equal(merged.count, 5000)
    np.testing.assert_allclose(merged.mean, exact.mean(axis=0).astype(float), 1e-15, 1e-15)
    variance = exact.var(axis=0, ddof=1).astype(float)
    np.testing.assert_allclose(merged.variance, variance, rtol=1e-12)
    np.testing.assert_allclose(merged.standard_error, np.sqrt(variance / 5000), rtol=1e-12)


def test_masked_entries_do_not_count():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.inf, 5.0]])
    moments = Moments.of(values, np.isfinite(values))
    assert moments.count.tolist() == [2, 1]
    assert moments.mean.tolist() == [2.0, 5.0]
    assert moments.variance[0] == 2.0
    assert np.isnan(moments.variance[1])


def test_masked_parts_merge_like_the_whole():
    generator = np.random.default_rng(1)
    values = generator.normal(size=(90, 4))
    use = generator.random((90, 4)) < 0.3
    use[:30, 2] = False  # a part without a single value
    parts = [Moments.of(values[i : i + 30], use[i : i + 30]) for i in (0, 30, 60)]
    merged, whole = merge_in_order(parts, (4,)), Moments.of(values, use)
    np.testing.assert_array_equal(merged.count, whole.count)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(merged.m2, whole.m2, rtol=1e-12)


def test_nothing_is_neutral():
    some = Moments.of([[1.0, 2.0], [2.0, 5.0]])
    for merged in (Moments.empty((2,)).merge(some), some.merge(Moments.empty((2,)))):
        np.testing.assert_array_equal(merged.mean, some.mean)
        np.testing.assert_array_equal(merged.m2, some.m2)
    assert np.isnan(Moments.empty().mean)
    assert Moments.empty().merge(Moments.empty()).count == 0
