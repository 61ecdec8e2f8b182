"""Mirror steps against 50-digit arithmetic and their defining properties."""

from decimal import Decimal, getcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import kl_div

from jaxsoco_kernels.mirror import (
    add_compensated,
    categorical,
    divergence,
    entropic_step,
    largest,
    log_barrier_move,
    log_barrier_step,
    shift_compensated,
    tsallis_point,
)

getcontext().prec = 50

step = jax.jit(log_barrier_step)


def exact_step(weights, losses, rates) -> np.ndarray:
    """KKT in 50 digits: ``1/x_i = 1/w_i + r_i (l_i - lam)`` with ``sum x = 1``, by bisection."""
    w, loss, r = ([Decimal(float(v)) for v in row] for row in (weights, losses, rates))
    total = sum(w)
    w = [v / total for v in w]
    base = [1 / a + c * b for a, b, c in zip(w, loss, r, strict=True)]
    high = min(b / c for b, c in zip(base, r, strict=True))
    low = high - 1

    def mass(lam):
        return sum(1 / (b - c * lam) for b, c in zip(base, r, strict=True))

    while mass(low) > 1:
        low = high - 2 * (high - low)
    for _ in range(170):
        middle = (low + high) / 2
        if mass(middle) <= 1:
            low = middle
        else:
            high = middle
    return np.array([float(1 / (b - c * low)) for b, c in zip(base, r, strict=True)])


def cases(count, seed=0):
    generator = np.random.default_rng(seed)
    for _ in range(count):
        k = int(generator.integers(2, 7))
        weights = generator.dirichlet(np.full(k, generator.choice([0.05, 0.5, 5]))) + 1e-8
        losses = generator.normal(size=k) * 10 ** generator.uniform(-2, 5)
        rates = 10 ** generator.uniform(-3, 0.5, size=k)
        yield weights / weights.sum(), losses, rates


def test_log_barrier_steps_are_exact():
    with jax.enable_x64(True):
        for weights, losses, rates in cases(120):
            found = np.asarray(step(weights, losses, rates))
            wanted = exact_step(weights, losses, rates)
            # The weights that the two are given differ by the rounding of their sum.
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
            assert found.sum() == pytest.approx(1, abs=1e-15)


def test_log_barrier_steps_satisfy_the_optimality_conditions():
    with jax.enable_x64(True):
        for weights, losses, rates in cases(60, seed=1):
            w = np.asarray(step(weights, losses, rates))
            multiplier = losses - (1 / w - 1 / weights) / rates
            spread = multiplier.max() - multiplier.min()
            scale = np.abs(losses).max() + np.max(1 / (w * rates))
            assert spread <= 1e-12 * scale


@given(st.integers(2, 6), st.integers(0, 10**6), st.floats(1e-3, 1e4))
def test_a_loss_on_one_arm_lowers_it_and_raises_all_others(k, seed, loss):
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.ones(k)) * 0.99 + 0.01 / k
    rates = 10 ** generator.uniform(-2, 0, size=k)
    losses = np.zeros(k)
    losses[0] = loss
    with jax.enable_x64(True):
        new = np.asarray(log_barrier_step(weights, losses, rates))
    assert new[0] < weights[0] and np.all(new[1:] > weights[1:]) and np.all(new > 0)


def test_lanes_are_single_steps_and_absent_arms_stay_absent():
    with jax.enable_x64(True):
        generator = np.random.default_rng(2)
        weights = generator.dirichlet(np.ones(3), size=5).T
        losses, rates = generator.random((3, 5)), generator.random((3, 5)) + 0.1
        block = np.asarray(log_barrier_step(weights, losses, rates))
        for i in range(5):
            single = np.asarray(log_barrier_step(weights[:, i], losses[:, i], rates[:, i]))
            np.testing.assert_allclose(block[:, i], single, rtol=1e-15)
        padded = [np.append(x[:, 0], end) for x, end in ((weights, 0), (losses, 0), (rates, 1))]
        found = np.asarray(log_barrier_step(*padded))
        np.testing.assert_allclose(found, [*block[:, 0], 0], rtol=1e-14)


def test_small_steps_survive_float32_in_inverse_weights():
    """1e5 steps of a size that vanishes beside 1/w = 1e4: the pair keeps their sum."""
    steps, loss, rate = 100_000, 0.003, 1 / 162
    start = np.array([1 - 2e-4, 1e-4, 1e-4])

    @jax.jit
    def follow(inverse):
        def one(_, pair):
            high, low = pair
            losses = jnp.array([0, loss, -loss], high.dtype)
            _, change = log_barrier_move(high, losses, jnp.full(3, rate, high.dtype))
            return add_compensated(high, low, change)

        return jax.lax.fori_loop(0, steps, one, (inverse, 0 * inverse))

    short = sum(follow(jnp.asarray(1 / start, jnp.float32)))
    with jax.enable_x64(True):
        long = np.asarray(sum(follow(jnp.asarray(1 / start))))
    assert abs(long[1] - 1e4) > 1
    np.testing.assert_allclose(short, long, rtol=2e-6)


def exact_point(losses, rate) -> np.ndarray:
    """``4 / (rate (losses - x))^2`` with the sum 1 in 50 digits, by bisection."""
    losses, rate = [Decimal(float(x)) for x in losses], Decimal(float(rate))
    least = min(losses)
    low, high = least - 2 * Decimal(len(losses)).sqrt() / rate, least - 2 / rate

    def weights(x):
        return [4 / (rate * (loss - x)) ** 2 for loss in losses]

    for _ in range(170):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(weights(middle)) < 1 else (low, middle)
    return np.array([float(w) for w in weights(low)])


def test_tsallis_points_are_exact():
    """Few arms and many, nearly alike or far apart, also with one leader and all others level."""
    generator = np.random.default_rng(0)
    with jax.enable_x64(True):
        for k in (1, 2, 5, 16):
            scale = 10 ** generator.uniform(-4, 4, size=10)
            losses = generator.random((k, 10)) ** generator.choice([0.2, 1, 5], 10) * scale
            losses[1:, ::3] = losses[1:2, ::3]
            rates = 10 ** generator.uniform(-3, 1, size=10)
            points = np.asarray(tsallis_point(jnp.asarray(losses), jnp.asarray(rates)))
            for i in range(10):
                wanted = exact_point(losses[:, i], rates[i])
                np.testing.assert_allclose(points[:, i], wanted, rtol=1e-12)


def test_an_arm_of_infinite_loss_has_no_weight_in_a_tsallis_point():
    losses = jnp.array([0.5, jnp.inf, 2.0])
    point = tsallis_point(losses, 0.3)
    rest = tsallis_point(losses[jnp.array([0, 2])], 0.3)
    assert point[1] == 0
    np.testing.assert_allclose(point[jnp.array([0, 2])], rest, rtol=1e-6)
    slope = jax.grad(lambda x, rate: tsallis_point(x, rate)[0], argnums=(0, 1))(losses, 0.3)
    assert all(np.isfinite(x).all() for x in slope) and slope[0][0] < 0 < slope[0][2]


def test_entropic_steps_are_softmax_updates(x64):
    logits, losses = jnp.array([0.0, -3, -jnp.inf]), jnp.array([1.0, 0.25, 0])
    new = entropic_step(logits, losses, 0.5)
    before = np.array([1, np.exp(-3), 0]) * np.exp([-0.5, -0.125, 0])
    found = np.exp(new) / np.exp(new).sum()
    np.testing.assert_allclose(found, before / before.sum(), rtol=1e-12 if x64 else 1e-6)
    assert np.max(new) == 0 and np.isneginf(new[2])


def test_the_divergence_is_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.dirichlet(np.ones(4), (2, 50)).astype(np.float32)
    x[0, 0] = 0
    np.testing.assert_allclose(divergence(*map(jnp.asarray, (x, y))), kl_div(x, y), atol=1e-6)


def test_compensated_logits_are_exact_as_pairs():
    """Two hundred thousand float32 steps of 1e-6 on three logits against exact sums."""
    generator = np.random.default_rng(3)
    steps = 200_000
    losses = jnp.asarray(generator.random(3) * 1e-6, jnp.float32)

    @jax.jit
    def follow(high, low):
        def one(_, pair):
            high, low = add_compensated(pair[0], pair[1], -losses)
            return shift_compensated(high, low, largest(high))

        return jax.lax.fori_loop(0, steps, one, (high, low))

    high, low = follow(jnp.array([0, -70, -300], jnp.float32), jnp.zeros(3, jnp.float32))
    found = np.asarray(high, np.float64) + np.asarray(low, np.float64)
    wanted = np.array([0, -70, -300]) - steps * np.asarray(losses, np.float64)
    np.testing.assert_allclose(found - found[0], wanted - wanted[0], atol=1e-6)
    assert np.max(high) == 0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0, 1, exclude_max=True))
def test_categorical_draws_the_smallest_arm_above_the_uniform(weights, u):
    weights = np.array(weights)
    if not weights.sum() > 1e-3:
        return
    arm = int(categorical(jnp.asarray(weights, jnp.float32), jnp.float32(min(u, 1 - 2**-24))))
    assert weights[arm].astype(np.float32) > 0
    total = np.cumsum(weights) / weights.sum()
    slack = 1e-6
    assert total[arm] > u - slack and (arm == 0 or total[arm - 1] <= u + slack)


def test_categorical_never_falls_through_to_an_arm_without_weight():
    largest_uniform = jnp.float32(1 - 2**-24)
    generator = np.random.default_rng(4)
    for _ in range(200):
        weights = generator.dirichlet(np.ones(5)).astype(np.float32)
        weights[-1] = 1e-30
        assert int(categorical(jnp.asarray(weights), largest_uniform)) == 3
        weights[-1] = 0
        assert int(categorical(jnp.asarray(weights), largest_uniform)) == 3
