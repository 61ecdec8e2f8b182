"""Projection onto the semidefinite cone and functions of matrices: values and derivatives."""

import cvxpy
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco_kernels import psd

PROJECT = jax.jit(psd.project)


def rotation(rng: np.random.Generator, d: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def with_spectrum(rng: np.random.Generator, values) -> np.ndarray:
    basis = rotation(rng, len(values))
    return basis * np.asarray(values, float) @ basis.T


SPECTRA = (
    (-2.0, -1.0, 0.5, 3.0),
    (-1.0, -1.0, 2.0, 2.0),  # repeated on both sides
    (1.0, 1.0, 1.0, 1.0),
    (-1.0, -1.0, -1.0, -1.0),
    (-1e-9, 1e-9, 1.0, 1.0),
)


def closed(values, basis) -> np.ndarray:
    return basis * np.maximum(values, 0) @ basis.T


def test_projection_of_known_spectra(x64):
    rng = np.random.default_rng(0)
    basis = rotation(rng, 4)
    matrices = np.stack([basis * np.array(s) @ basis.T for s in SPECTRA], -1)
    wanted = np.stack([closed(np.array(s), basis) for s in SPECTRA], -1)
    found = PROJECT(jnp.asarray(matrices, float))
    np.testing.assert_allclose(found, wanted, atol=1e-12 if x64 else 1e-5)
    np.testing.assert_array_equal(found, jnp.swapaxes(found, 0, 1))
    np.testing.assert_allclose(PROJECT(found), found, atol=1e-12 if x64 else 1e-5)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_only_the_symmetric_part_counts(x64):
    matrix = jnp.asarray(np.random.default_rng(1).normal(size=(4, 4)))
    np.testing.assert_allclose(PROJECT(matrix), PROJECT((matrix + matrix.T) / 2), atol=1e-14)


@pytest.mark.oracle
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_projection_is_the_nearest_matrix(x64):
    rng = np.random.default_rng(2)
    for _ in range(3):
        matrix = rng.normal(size=(4, 4))
        matrix = matrix + matrix.T
        variable = cvxpy.Variable((4, 4), PSD=True)
        cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(variable - matrix))).solve(
            solver=cvxpy.CLARABEL
        )
        nearest = np.asarray(variable.value)
        np.testing.assert_allclose(PROJECT(jnp.asarray(matrix)), nearest, atol=1e-5)


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize("spectrum", SPECTRA[:4])
def test_derivative_of_the_projection(x64, spectrum):
    """Against central differences, at repeated eigenvalues too (none of them is 0)."""
    rng = np.random.default_rng(3)
    matrix = jnp.asarray(with_spectrum(rng, spectrum))
    direction = rng.normal(size=(4, 4))
    direction = jnp.asarray(direction + direction.T)
    h = 1e-6
    slope = (PROJECT(matrix + h * direction) - PROJECT(matrix - h * direction)) / (2 * h)
    forward = jax.jvp(psd.project, (matrix,), (direction,))[1]
    np.testing.assert_allclose(forward, slope, atol=1e-7)
    weight = jnp.asarray(rng.normal(size=(4, 4)))
    back = jax.grad(lambda m: jnp.sum(weight * psd.project(m)))(matrix)
    np.testing.assert_allclose(jnp.sum(back * direction), jnp.sum(weight * slope), atol=1e-6)


def test_derivatives_at_zero_are_finite(x64):
    for matrix in (jnp.zeros((3, 3)), jnp.diag(jnp.array([0.0, 0.0, 1.0]))):
        back = jax.grad(lambda m: jnp.sum(psd.project(m) ** 2 + psd.project(m)))(matrix)
        assert np.all(np.isfinite(back))


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_lanes_vmap_and_single_agree(x64):
    matrix = jnp.asarray(np.random.default_rng(4).normal(size=(5, 5, 6)))
    native = PROJECT(matrix)
    mapped = jax.vmap(psd.project, in_axes=-1, out_axes=-1)(matrix)
    looped = jnp.stack([PROJECT(matrix[..., b]) for b in range(6)], -1)
    np.testing.assert_allclose(native, mapped, atol=1e-14)
    np.testing.assert_allclose(native, looped, atol=1e-14)
    two = PROJECT(matrix.reshape(5, 5, 2, 3))
    np.testing.assert_allclose(two.reshape(5, 5, 6), native, atol=1e-14)


def powers(values, exponent):
    return values**exponent


def power_differences(a, b, exponent):
    same = a == b
    slope = (a**exponent - b**exponent) / jnp.where(same, 1, a - b)
    return jnp.where(same, exponent * a ** (exponent - 1), slope)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_function_with_a_parameter(x64):
    """The cube, at repeated eigenvalues, in the matrix and in the exponent."""
    rng = np.random.default_rng(5)
    matrix = jnp.asarray(with_spectrum(rng, (0.5, 1.0, 1.0, 3.0)))
    direction = jnp.asarray(with_spectrum(rng, (1.0, -2.0, 0.5, 0.0)))

    def power(m, exponent):
        return psd.spectral(powers, power_differences, m, exponent)

    value, forward = jax.jvp(lambda m: power(m, 3.0), (matrix,), (direction,))
    np.testing.assert_allclose(value, matrix @ matrix @ matrix, atol=1e-12)
    cube = direction @ matrix @ matrix + matrix @ direction @ matrix + matrix @ matrix @ direction
    np.testing.assert_allclose(forward, cube, atol=1e-12)
    h = 1e-6
    slope = (power(matrix, 3.0 + h) - power(matrix, 3.0 - h)) / (2 * h)
    found = jax.jvp(lambda e: power(matrix, e), (3.0,), (1.0,))[1]
    np.testing.assert_allclose(found, slope, atol=1e-7)
    # Whole parameters have no tangent, and lanes broadcast.
    squares = psd.spectral(powers, power_differences, matrix[..., None], jnp.array([2, 3]))
    np.testing.assert_allclose(squares[..., 0], matrix @ matrix, atol=1e-12)
    back = jax.grad(lambda m: jnp.trace(psd.spectral(powers, power_differences, m, 2)))(matrix)
    np.testing.assert_allclose(back, 2 * matrix, atol=1e-12)
