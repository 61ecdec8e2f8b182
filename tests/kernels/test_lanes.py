"""What kernels and core share: one-hot places against NumPy, exact sums against fractions."""

from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco.core.lanes
import jaxsoco.core.moments
from jaxsoco_kernels import lanes, mirror, sums


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_one_hot_puts_its_axis_where_it_is_asked_to(shape):
    index = np.random.default_rng(0).integers(-1, 6, shape)
    for axis in range(len(shape) + 1):
        hot = lanes.one_hot(jnp.asarray(index), 5, axis)
        assert hot.dtype == bool and hot.shape == tuple(np.insert(shape, axis, 5).astype(int))
        wanted = np.expand_dims(index, axis) == np.arange(5).reshape(
            [-1 if i == axis else 1 for i in range(len(shape) + 1)]
        )
        np.testing.assert_array_equal(hot, wanted)
    assert lanes.one_hot(jnp.asarray(index), 5, dtype=jnp.float32).dtype == jnp.float32


def test_the_error_of_a_sum_is_exact():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 200)) * 10.0 ** rng.integers(-12, 12, (2, 200))
    for x, y, s, e in zip(a, b, *sums.two_sum(a, b), strict=True):
        assert s == x + y
        assert Fraction(s) + Fraction(e) == Fraction(x) + Fraction(y)


def test_each_is_said_once():
    for name in ("align", "lift", "one_hot", "spread", "take", "where"):
        assert getattr(jaxsoco.core.lanes, name) is getattr(lanes, name)
    assert jaxsoco.core.moments.two_sum is mirror.two_sum is sums.two_sum
