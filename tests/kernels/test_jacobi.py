"""Warm Jacobi against NumPy's eigh: sweeps, streams of projected rank-one steps, lanes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum

SWEEP = jax.jit(jacobi.sweep, static_argnums=1)
UPDATE = jax.jit(jacobi.rank_one_update, static_argnums=3)
SIZES = (1, 2, 3, 5, 10)


def symmetric(rng: np.random.Generator, d: int, kind: str) -> np.ndarray:
    root = rng.normal(size=(d, d))
    return {
        "random": root + root.T,
        "deficient": root[:, :1] @ root[:, :1].T,
        "zero": np.zeros((d, d)),
        "identity": np.eye(d),
        "repeated": np.eye(d) + np.ones((d, d)),
        "huge": 1e12 * (root @ root.T),
        "tiny": 1e-12 * (root @ root.T),
        "one pair": np.eye(d) + 1e-3 * np.eye(d)[::-1],
    }[kind]


KINDS = ("random", "deficient", "zero", "identity", "repeated", "huge", "tiny", "one pair")


def cold(matrix) -> Spectrum:
    """The matrix in the basis of the coordinates."""
    eye = jnp.eye(matrix.shape[0], dtype=matrix.dtype)[..., None]
    return Spectrum(jnp.broadcast_to(eye, matrix.shape), matrix)


def orthogonality(spectrum: Spectrum) -> float:
    basis = np.asarray(spectrum.basis)
    gram = np.einsum("ij...,ik...->jk...", basis, basis)
    return float(np.abs(gram - np.eye(len(basis))[..., None]).max())


@pytest.mark.parametrize("d", SIZES)
def test_sweeps_diagonalise(x64, d):
    rng = np.random.default_rng(d)
    matrix = np.stack([symmetric(rng, d, kind) for kind in KINDS], -1)
    found = SWEEP(cold(jnp.asarray(matrix, float)), 10)
    scale = np.maximum(np.linalg.norm(matrix, axis=(0, 1)), 1e-30)
    eps = 100 * float(jnp.finfo(found.basis.dtype).eps)
    exact = np.linalg.eigvalsh(np.moveaxis(matrix, -1, 0)).T
    np.testing.assert_allclose(
        np.sort(jacobi.eigenvalues(found), axis=0) / scale, exact / scale, atol=eps
    )
    assert np.all(np.asarray(jacobi.residual(found)) <= eps * scale)
    assert np.all(np.abs(np.asarray(jacobi.assemble(found)) - matrix) <= eps * scale)
    assert orthogonality(found) < eps


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_sweep_meets_every_pair_once(x64):
    """Far apart diagonals and small couplings: one sweep must remove every coupling."""
    for d in (2, 5, 8):
        coupling = 1e-6 * (np.ones((d, d)) - np.eye(d))
        found = SWEEP(cold(jnp.asarray(np.diag(np.arange(d, dtype=float)) + coupling)[..., None]))
        assert np.linalg.norm(coupling) > 0
        assert float(jacobi.residual(found).max()) < 1e-10


def stream(d: int, rounds: int, lanes: int):
    """Vectors and steps large against the eigenvalues that they leave: the hardest case."""
    rng = np.random.default_rng(d)
    return rng.normal(size=(rounds, d, lanes)), rng.uniform(-0.01, 0.02, size=(rounds, lanes))


def exact(vectors, steps) -> np.ndarray:
    """The same recursion with a decomposition per round, in NumPy."""
    _, d, lanes = vectors.shape
    matrix = np.broadcast_to(np.eye(d), (lanes, d, d))
    for x, s in zip(vectors, steps, strict=True):
        matrix = matrix - np.einsum("b,ib,jb->bij", s, x, x)
        values, basis = np.linalg.eigh(matrix)
        matrix = np.einsum("bik,bk,bjk->bij", basis, np.maximum(values, 0), basis)
    return np.moveaxis(matrix, 0, -1)


@partial(jax.jit, static_argnums=2)
def warm(vectors, steps, sweeps):
    _, d, lanes = vectors.shape

    def play(spectrum, round):
        x, step = round
        u = jacobi.coordinates(spectrum, x)
        return jacobi.rank_one_update(spectrum, step, u, sweeps), None

    begin = jacobi.multiple_of_identity(jnp.ones(lanes, vectors.dtype), d)
    return jax.lax.scan(play, begin, (vectors, steps))[0]


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize("d", [5, 10])
def test_a_stream_of_steps_follows_the_exact_projections(x64, d):
    vectors, steps = stream(d, 400, 6)  # the matrix falls from 1 to about 0.1
    wanted = exact(vectors, steps)
    # Some lanes must have met the boundary, or the projection was not tested.
    assert np.linalg.eigvalsh(np.moveaxis(wanted, -1, 0)).min() < 1e-9
    for sweeps, tolerance in ((1, 5e-2), (2, 5e-3), (3, 3e-4), (6, 1e-12)):
        found = warm(vectors, steps, sweeps)
        np.testing.assert_allclose(jacobi.assemble(found), wanted, atol=tolerance)
        assert orthogonality(found) < 1e-12


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_two_sweeps_on_small_steps_are_exact(x64):
    """The regime of a learner past its first rounds: steps small against the eigenvalues' gaps."""
    rng = np.random.default_rng(1)
    root = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    matrix = root * np.array([0.0, 1.0, 2.0, 4.0, 8.0]) @ root.T
    spectrum = jacobi.start(jnp.asarray(matrix)[..., None])
    for _ in range(20):
        x, step = rng.normal(size=5), 1e-3 * rng.normal()
        values, basis = np.linalg.eigh(matrix - step * np.outer(x, x))
        matrix = basis * np.maximum(values, 0) @ basis.T
        u = jacobi.coordinates(spectrum, jnp.asarray(x)[:, None])
        spectrum = UPDATE(spectrum, jnp.asarray([step]), u, 2)
        np.testing.assert_allclose(jacobi.assemble(spectrum)[..., 0], matrix, atol=1e-9)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_lanes_vmap_and_single_agree(x64):
    rng = np.random.default_rng(2)
    matrix = jnp.asarray(np.stack([symmetric(rng, 5, kind) for kind in KINDS], -1))
    step, x = jnp.asarray(rng.normal(size=len(KINDS))), jnp.asarray(rng.normal(size=(5, 8)))

    def update(matrix, step, x):
        spectrum = jacobi.start(matrix)
        return jacobi.rank_one_update(spectrum, step, jacobi.coordinates(spectrum, x), 2)

    native = np.asarray(jacobi.assemble(jax.jit(update)(matrix, step, x)))
    mapped = jax.jit(jax.vmap(lambda *a: jacobi.assemble(update(*a)), in_axes=-1, out_axes=-1))
    one = jax.jit(lambda *a: jacobi.assemble(update(*a)))
    looped = jnp.stack([one(matrix[..., b], step[b], x[:, b]) for b in range(8)], -1)
    scale = np.linalg.norm(native, axis=(0, 1)) + 1e-30
    for other in (mapped(matrix, step, x), looped):
        np.testing.assert_allclose(native / scale, np.asarray(other) / scale, atol=1e-12)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_coordinates_and_combine_are_inverse(x64):
    rng = np.random.default_rng(3)
    spectrum = jacobi.start(jnp.asarray(symmetric(rng, 4, "random"))[..., None])
    x = jnp.asarray(rng.normal(size=(4, 1)))
    np.testing.assert_allclose(
        jacobi.combine(spectrum, jacobi.coordinates(spectrum, x)), x, atol=1e-13
    )
    assert float(jacobi.residual(spectrum).max()) < 1e-13


def shrink(values):
    return 1 / (1 + values)


def shrink_differences(a, b):
    return -1 / ((1 + a) * (1 + b))


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize("begin", ["identity", "deficient"])
def test_derivative_of_a_learner(x64, begin):
    """In the step size and the first matrix, from repeated eigenvalues and through the cut."""
    rng = np.random.default_rng(4)
    d, rounds = 3, 12
    first = np.eye(d) if begin == "identity" else np.diag([1.0, 0.0, 0.0])
    direction = np.ones((d, d)) if begin == "identity" else np.diag([1.0, 0.0, 0.0])
    vectors, pull = jnp.asarray(rng.normal(size=(rounds, d))), jnp.asarray(rng.normal(size=rounds))

    def loss(eta, matrix):
        """Plays ``(I + M)^-1 x``, then steps; the played vectors feed the next steps."""

        def play(spectrum, round):
            x, force = round
            u = jacobi.coordinates(spectrum, x)
            u = jacobi.apply(shrink, shrink_differences, spectrum, u)
            y = jacobi.combine(spectrum, u)
            return jacobi.rank_one_update(spectrum, eta * force, u, 3), jnp.sum(y[0] ** 2 + y[1])

        spectrum, costs = jax.lax.scan(play, jacobi.start(matrix), (vectors, pull))
        return jnp.sum(costs) + jnp.sum(jacobi.assemble(spectrum) ** 3)

    compiled, h = jax.jit(loss), 1e-6
    matrix = jnp.asarray(first)
    slope, gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))(0.3, matrix)
    wanted = (compiled(0.3 + h, matrix) - compiled(0.3 - h, matrix)) / (2 * h)
    np.testing.assert_allclose(slope, wanted, rtol=1e-6)
    up, down = (compiled(0.3, matrix + s * h * direction) for s in (1, -1))
    np.testing.assert_allclose(np.sum(gradient * direction), (up - down) / (2 * h), rtol=1e-6)
