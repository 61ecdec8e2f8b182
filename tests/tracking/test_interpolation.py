"""LAI's coefficients against 60 digits, against the matrix recursion, and their derivatives."""

import decimal
from decimal import Decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tracking_reference as reference

from jaxsoco.tracking import interpolation, interpolation_eigenvalues, make_matrix

EIGENVALUES = [0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 0.3, 1.0, 7.0, 100.0]
ROUNDS = [1, 2, 3, 10, 100, 1000, 10_000, 100_000, 1_000_000]


def exact(eigenvalue: float, rounds: int) -> tuple[float, float]:
    """``(c, 1 - c)`` from the hyperbolic form, in 80 digits."""
    if eigenvalue == 0:
        return 1.0, 0.0
    with decimal.localcontext(prec=80, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN):
        half = Decimal(eigenvalue).sqrt() / 2
        theta = 2 * (half + (half * half + 1).sqrt()).ln()

        def cosh(factor):
            return ((factor * theta).exp() + (-factor * theta).exp()) / 2

        c = cosh(rounds - Decimal("0.5")) / cosh(rounds + Decimal("0.5"))
        return float(c), float(1 - c)


def test_coefficients_are_exact_up_to_a_million_rounds(x64):
    dtype, tolerance = (np.float64, 1e-14) if x64 else (np.float32, 5e-7)
    eigenvalues = np.asarray(EIGENVALUES, dtype)
    for rounds in ROUNDS:
        found = interpolation_eigenvalues(jnp.asarray(eigenvalues), rounds)
        wanted = np.array([exact(float(x), rounds) for x in eigenvalues]).T
        for one, want in zip(found, wanted, strict=True):
            assert one.dtype == dtype
            np.testing.assert_allclose(one, want, rtol=tolerance, atol=0)


def test_the_limits_are_those_of_the_paper():
    with jax.enable_x64(True):
        keep, go = interpolation_eigenvalues(jnp.array([0.0, 0.0, -1e-9, 3.0]), 10**6)
        np.testing.assert_array_equal(keep[:3], 1)
        np.testing.assert_array_equal(go[:3], 0)
        assert keep[3] == pytest.approx((5 - np.sqrt(21)) / 2, rel=1e-14)  # exp(-theta)
        assert interpolation_eigenvalues(jnp.array([3.0]), 1)[0][0] == pytest.approx(1 / 4)


@pytest.mark.parametrize("spectrum", [(0.5, 1, 2, 8), (0, 0, 1, 4), (2, 2, 2, 2)])
def test_the_matrix_is_that_of_the_recursion(spectrum):
    with jax.enable_x64(True):
        matrix = make_matrix(jax.random.key(4), spectrum)
        np.testing.assert_allclose(jnp.linalg.eigvalsh(matrix), sorted(spectrum), atol=1e-14)
        for rounds in (1, 2, 5, 40):
            wanted = reference.plans(np.asarray(matrix), rounds)[0]
            np.testing.assert_allclose(interpolation(matrix, rounds), wanted, atol=2e-13)


def test_lanes_are_a_loop():
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(5), 6)
        stack = jnp.stack([make_matrix(key, (0.0, 1.0, 3.0)) for key in keys], axis=-1)
        rounds = jnp.array([1, 2, 3, 10, 20, 100])
        together = interpolation(stack, rounds)
        for i in range(6):
            np.testing.assert_allclose(
                together[..., i], interpolation(stack[..., i], rounds[i]), atol=1e-14
            )
        block = stack.reshape(3, 3, 2, 3)
        np.testing.assert_allclose(
            interpolation(block, rounds.reshape(2, 3)).reshape(3, 3, 6), together, atol=1e-14
        )


def test_float32_leaves_null_directions_alone():
    matrix = make_matrix(jax.random.key(6), (0.0, 0.0, 1.0, 4.0))
    keep = np.asarray(interpolation(matrix, 100_000), float)
    values = np.linalg.eigvalsh(keep)
    np.testing.assert_allclose(values[2:], 1, atol=2e-6)


@pytest.mark.parametrize("ranks", [(4, 4), (2, 4), (2, 2)])
def test_moves_err_no_more_than_the_estimate_allows(ranks):
    """docs/tracking.md, what an error of the estimate does to a move."""
    rng = np.random.default_rng(1)
    lanes = np.array([1, 2, 5, 30, 1000] * 8)
    with jax.enable_x64(True):
        pair = [_semidefinite(rng, rank, lanes.size) for rank in ranks]
        pair[1][..., ::2] = pair[0][..., ::2] + 1e-3 * pair[1][..., ::2]  # small errors, too
        keep = [np.asarray(interpolation(jnp.asarray(one), lanes)) for one in pair]
        error = _norms(pair[1] - pair[0])
        miss = _norms(keep[1] - keep[0])
        bound = np.asarray(interpolation_eigenvalues(jnp.asarray(error[None]), lanes)[1][0])
    assert np.all(miss <= bound + 1e-12)
    assert np.all(bound <= np.minimum(np.sqrt(error), lanes * error) * (1 + 1e-12))
    floor = np.min([np.linalg.eigvalsh(np.moveaxis(one, -1, 0))[:, 0] for one in pair], axis=0)
    full = floor > 1e-9
    assert full.any() == (min(ranks) == 4)
    assert np.all(miss[full] <= error[full] / np.sqrt(floor[full]))
    assert miss.max() > 0.9 * bound.max()  # and the bounds are tight


def _semidefinite(rng, rank, lanes):
    """Random matrices ``[4, 4, lanes]`` with eigenvalues of all sizes, or 0."""
    roots = rng.standard_normal((4, rank, lanes)) * 10.0 ** rng.uniform(-1.5, 1, lanes)
    return np.einsum("ikn,jkn->ijn", roots, roots)


def _norms(matrices):
    """Spectral norms of symmetric matrices ``[d, d, lanes]``."""
    return np.abs(np.linalg.eigvalsh(np.moveaxis(matrices, -1, 0))).max(axis=1)


@pytest.mark.parametrize("rounds", [1, 7, 1000])
def test_coefficients_have_the_right_slope_everywhere(rounds):
    with jax.enable_x64(True):
        points = jnp.array([0.0, 1e-9, 1e-3, 0.7, 30.0])

        def kept(x):
            return interpolation_eigenvalues(x, rounds)[0]

        forward = jax.jvp(kept, (points,), (jnp.ones_like(points),))[1]
        backward = jax.grad(lambda x: jnp.sum(kept(x)))(points)
        np.testing.assert_allclose(forward, backward, rtol=1e-13)
        assert forward[0] == pytest.approx(-rounds)
        step = 1e-5 * points[2:]
        central = (kept(points[2:] + step) - kept(points[2:] - step)) / (2 * step)
        np.testing.assert_allclose(forward[2:], central, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("spectrum", [(2, 2, 2), (0, 0, 3), (0.5, 0.5, 0.5 + 1e-9), (1, 2, 3)])
def test_matrices_have_the_right_slope_at_repeated_eigenvalues(spectrum):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        matrix = np.asarray(make_matrix(jax.random.key(7), spectrum))
        root = rng.standard_normal((3, 2))
        direction, weights = root @ root.T, rng.standard_normal((3, 3))

        def along(x):  # upwards only, so that the matrix stays semidefinite
            return jnp.sum(weights * interpolation(matrix + x * direction, 9))

        slope = jnp.sum(
            direction
            * jax.grad(lambda m: jnp.sum(weights * interpolation(m, 9)))(jnp.asarray(matrix))
        )
        h = 1e-5
        one_sided = (-3 * along(0.0) + 4 * along(h) - along(2 * h)) / (2 * h)
        assert slope == pytest.approx(float(one_sided), rel=1e-6, abs=1e-6)
