"""Roots against closed forms; what happens at the ends of a bracket; implicit derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco_kernels import roots

float64 = pytest.mark.parametrize("x64", [True], indirect=True)


def test_bisection_finds_the_first_and_the_last_zero(x64):
    gap = lambda x: jnp.clip(x - 1, 0, None) + jnp.clip(x + 1, None, 0)  # 0 on [-1, 1]  # noqa: E731
    tolerance = 1e-12 if x64 else 1e-6
    assert float(roots.bisect(gap, -3.0, 4.0)) == pytest.approx(-1, abs=tolerance)
    assert float(roots.bisect(gap, -3.0, 4.0, last=True)) == pytest.approx(1, abs=tolerance)
    both = roots.bisect(lambda x: gap(x), -3.0, jnp.full(2, 4.0), last=jnp.array([False, True]))
    np.testing.assert_allclose(both, [-1, 1], atol=tolerance)


def test_ends_of_the_bracket_come_back_exactly(x64):
    level = jnp.array([-9.0, 9.0, 0.5])
    root = roots.bisect(lambda x: x - level, jnp.full(3, 0.1), jnp.full(3, 0.7))
    assert root[0] == jnp.full(3, 0.1)[0] and root[1] == jnp.full(3, 0.7)[1]
    assert float(root[2]) == pytest.approx(0.5, abs=1e-6)


def test_a_jump_is_a_root(x64):
    root = roots.bisect(lambda x: jnp.where(x < 0.3, -1.0, 1.0), -1.0, 1.0)
    assert float(root) == pytest.approx(0.3, abs=1e-12 if x64 else 1e-6)


@float64
def test_newton_is_exact_from_anywhere_in_the_bracket(x64):
    rng = np.random.default_rng(0)
    power, level = rng.uniform(0.3, 6, 400), 10 ** rng.uniform(-4, 4, 400)
    start = rng.uniform(0, 1, 400)
    low, high = -12 / power, 12 / power

    def gap(x):  # exp(power x) = level, of which Newton's steps from the left are too long
        return jnp.exp(power * x) - level

    found = roots.newton(gap, low, high, low + start * (high - low), trips=60)
    np.testing.assert_allclose(found, np.log(level) / power, rtol=1e-12, atol=1e-13)


@float64
def test_newton_survives_a_plateau(x64):
    """Steep at both sides, nearly flat in the middle: every other step would leave the bracket."""
    gap = lambda x: x**9 + 1e-6 * x - jnp.array([1e-3, -2.0, 3e4])  # noqa: E731
    found = roots.newton(gap, jnp.full(3, -5.0), jnp.full(3, 5.0), 0.1, trips=60)
    np.testing.assert_allclose(gap(found), 0, atol=1e-10)


@float64
def test_newton_outside_a_bracket_stays_in_it(x64):
    root = roots.newton(lambda x: x - jnp.array([-4.0, 4.0]), -1.0, 1.0, 0.0, trips=40)
    np.testing.assert_allclose(root, [-1, 1], atol=1e-9)


@float64
@pytest.mark.parametrize("method", ["bisect", "newton"])
def test_derivatives_are_implicit(x64, method):
    def root(level):
        gap = lambda x: x**3 + x - level  # noqa: E731
        if method == "bisect":
            return roots.bisect(gap, -5.0, 5.0)
        return roots.newton(gap, -5.0, 5.0, 0.0, trips=30)

    level = jnp.array([0.5, 3.0, -7.0])
    x = root(level)
    wanted = 1 / (3 * x**2 + 1)
    _, forward = jax.jvp(root, (level,), (jnp.ones(3),))
    np.testing.assert_allclose(forward, wanted, rtol=1e-9)
    np.testing.assert_allclose(jax.grad(lambda y: root(y).sum())(level), wanted, rtol=1e-9)
    second = jax.grad(lambda y: jax.grad(lambda z: root(z).sum())(y).sum())(level)
    np.testing.assert_allclose(second, -6 * x * wanted**3, rtol=1e-6)


@float64
def test_the_derivative_at_an_end_is_the_end_s(x64):
    def root(low, high, level):
        return roots.bisect(lambda x: x - level, low, high)

    slopes = [jax.grad(root, (0, 1, 2))(0.0, 1.0, level) for level in (-1.0, 0.5, 2.0)]
    np.testing.assert_array_equal(slopes, [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize("method", ["bisect", "newton"])
def test_lanes_vmap_and_single_agree(method):
    level = jnp.asarray(np.random.default_rng(1).uniform(-2, 2, 6))

    def root(level):
        gap = lambda x: x**3 + x - level  # noqa: E731
        if method == "bisect":
            return roots.bisect(gap, -5.0, 5.0)
        return roots.newton(gap, -5.0, 5.0, 0.0)

    native = root(level)
    np.testing.assert_array_equal(native, jax.vmap(root)(level))
    np.testing.assert_array_equal(native, jnp.stack([root(x) for x in level]))


def test_nothing_differentiable_is_finite_where_the_slope_is_flat():
    root = lambda level: roots.bisect(lambda x: jnp.sign(x - level), -1.0, 1.0)  # noqa: E731
    assert float(jax.grad(root)(0.25)) == 0
