"""Recovery from rank-one measurements against Clarabel; derivatives, identities, failures."""

import jax
import jax.numpy as jnp
import measurements  # pyright: ignore[reportMissingImports]
import numpy as np
import pytest

from jaxsoco_kernels import sensing
from jaxsoco_kernels.sensing import CONVERGED, INFEASIBLE, NOT_CONVERGED, recover_psd

RECOVER = jax.jit(recover_psd)
# Dimension, rank, measurements: full rank needs about d^2, deficient 4 r d. One compile each.
SHAPES = ((5, 5, 50), (7, 2, 56), (10, 2, 80), (12, 12, 220))
LANES = 26

in_float64 = pytest.mark.parametrize("x64", [True], indirect=True)


def stack(problems):
    return [np.stack([p[i] for p in problems], -1) for i in range(3)]


def violation(matrix, vectors, values, radius):
    forms = np.einsum("mi...,ij...,mj...->m...", vectors, matrix, vectors)
    return (np.abs(forms - values).sum(0) - radius) / np.abs(values).sum(0)


@pytest.mark.oracle
@in_float64
@pytest.mark.parametrize(
    "shape", [SHAPES[0], *(pytest.param(s, marks=pytest.mark.slow) for s in SHAPES[1:])]
)
def test_recoveries_agree_with_clarabel(x64, shape):
    """104 problems, half of them at a high noise level."""
    d, rank, count = shape
    rng = np.random.default_rng(d + rank)
    levels = np.repeat([0.01, 0.1], LANES // 2)
    problems = [measurements.problem(rng, d, rank, count, rho) for rho in levels]
    exact = [measurements.solve(*p) for p in problems]
    assert {status for _, status, _ in exact} <= {"Solved", "AlmostSolved"}
    wanted = np.stack([matrix for matrix, _, _ in exact], -1)
    found = RECOVER(*map(jnp.asarray, stack(problems)))
    matrix = np.asarray(found.matrix)
    assert not np.any(found.info.status)
    assert np.all(found.exact)
    np.testing.assert_allclose(found.objective, np.trace(wanted), rtol=1e-6)
    np.testing.assert_allclose(np.trace(matrix), found.objective, rtol=1e-12)
    assert violation(matrix, *stack(problems)).max() < 1e-6
    assert np.linalg.eigvalsh(np.moveaxis(matrix, -1, 0)).min() > 0
    error = np.linalg.norm(matrix - wanted, axis=(0, 1)) / np.linalg.norm(wanted, axis=(0, 1))
    assert error.max() < (1e-4 if rank == d else 1e-3)


@in_float64
def test_the_estimate_is_affine_in_the_noise_level(x64):
    """While it is positive definite: ``A + rho D``, where ``D`` does not know ``rho``."""
    d, count = 5, 50
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    truth = basis * np.geomspace(0.5, 8, d) @ basis.T
    vectors, noise = rng.normal(size=(count, d)), rng.uniform(-1, 1, size=count)
    clean = np.einsum("mi,ij,mj->m", vectors, truth, vectors)
    rhos = np.geomspace(1e-3, 3e-2, LANES)
    found = RECOVER(
        jnp.asarray(np.repeat(vectors[..., None], LANES, -1)),
        jnp.asarray(clean[:, None] + 2 * rhos[None] * noise[:, None]),
        jnp.asarray(2 * count * rhos),
    )
    slopes = (np.asarray(found.matrix) - truth[..., None]) / rhos
    assert np.linalg.eigvalsh(np.moveaxis(np.asarray(found.matrix), -1, 0)).min() > 0.1
    assert np.abs(slopes).max() > 0.5
    np.testing.assert_allclose(slopes * rhos, slopes[..., -1:] * rhos, atol=1e-6)


@jax.jit
def slopes_of(arguments, weights):
    """Derivatives of a weighted sum of everything that a recovery returns."""

    def total(arguments):
        found = recover_psd(*arguments)
        parts = (found.matrix, found.objective, found.multiplier)
        return sum(jnp.sum(w * x) for w, x in zip(weights, parts, strict=True))

    return jax.grad(total)(arguments)


@pytest.mark.slow
@in_float64
@pytest.mark.parametrize("rank", [4, 1])
def test_derivatives(x64, rank):
    rng = np.random.default_rng(3)
    arguments = [jnp.asarray(x) for x in measurements.problem(rng, 4, rank, 24, 0.05)]
    weights = [jnp.asarray(w) for w in (rng.normal(size=(4, 4)), 0.5, 1.0)]

    def total(*arguments):
        found = RECOVER(*arguments)
        parts = (found.matrix, found.objective, found.multiplier)
        return sum(np.sum(w * x) for w, x in zip(weights, parts, strict=True))

    h = 1e-5
    for i, slope in enumerate(slopes_of(arguments, weights)):
        direction = rng.normal(size=np.shape(arguments[i]))
        up, down = (
            total(*(x + s * h * direction if j == i else x for j, x in enumerate(arguments)))
            for s in (1, -1)
        )
        wanted = (up - down) / (2 * h)
        np.testing.assert_allclose(np.sum(slope * direction), wanted, rtol=2e-4, atol=1e-6)
    # The multiplier is the derivative of the objective.
    price = slopes_of(arguments, [jnp.zeros((4, 4)), jnp.asarray(1.0), jnp.asarray(0.0)])[2]
    np.testing.assert_allclose(-price, RECOVER(*arguments).multiplier, rtol=1e-5)


def moved(solver, problem, direction, h):
    """The central difference of a matrix along a direction of the data."""
    up, down = (
        solver(*(x + s * h * dx for x, dx in zip(problem, direction, strict=True))) for s in (1, -1)
    )
    return (up - down) / (2 * h)


@jax.jit
def moved_matrix(arguments, tangents):
    """The recovery, and how its matrix moves with the data."""
    recovery, tangent = jax.jvp(lambda *a: recover_psd(*a), arguments, tangents)
    return recovery, tangent.matrix


@pytest.mark.oracle
@in_float64
@pytest.mark.parametrize("rank", [4, 2, 1])
def test_derivatives_stay_on_the_face(x64, rank):
    """Eigenvalues that are 0 stay 0; the rest moves as solutions do, ours and Clarabel's.

    On every problem whose differences at two step sizes agree: in between is no kink. Clarabel's
    matrices have errors of 1e-9 to 1e-6, which a step of 1e-4 multiplies.
    """
    rng = np.random.default_rng(11 + rank)
    counted = 0
    for _ in range(12):
        problem = measurements.problem(rng, 4, rank, 24, 0.05)
        direction = [rng.normal(size=np.shape(x)) for x in problem]
        arguments, tangents = (tuple(map(jnp.asarray, x)) for x in (problem, direction))
        recovery, slope = moved_matrix(arguments, tangents)
        assert recovery.exact
        matrix, slope = np.asarray(recovery.matrix), np.asarray(slope)
        exact, status, _ = measurements.solve(*problem, tolerance=1e-12)
        assert status in ("Solved", "AlmostSolved")
        np.testing.assert_allclose(recovery.objective, np.trace(exact), rtol=1e-8)
        values, basis = np.linalg.eigh(matrix)
        null = basis[:, values < 1e-13 * values[-1]]
        assert not np.any((values > 1e-13 * values[-1]) & (values < 1e-8 * values[-1]))
        assert np.all(np.abs(null.T @ slope @ null) <= 1e-12 * np.abs(slope).max())
        coarse, wide, wanted = (
            moved(lambda *one: np.asarray(RECOVER(*one).matrix), problem, direction, h)
            for h in (1e-4, 1e-5, 1e-6)
        )
        theirs = moved(
            lambda *one: measurements.solve(*one, tolerance=1e-12)[0], problem, direction, 1e-4
        )
        size = np.abs(wanted).max()
        np.testing.assert_allclose(coarse, theirs, atol=1e-2 * (1 + size))
        if np.abs(wide - wanted).max() <= 1e-4 * size:
            counted += 1
            np.testing.assert_allclose(slope, wanted, atol=1e-5 * size)
    assert counted >= 10


def numerical_rank(recovery):
    return int(np.sum(np.linalg.eigvalsh(recovery.matrix) > 1e-12))


def across(problem, key):
    """Recovery by its radius, and two radii between which ``key`` of it changes."""
    vectors, values, radius = problem

    def at(r):
        return RECOVER(vectors, values, jnp.asarray(r))

    low, high = radius, 0.9 * np.abs(values).sum()
    first = key(at(low))
    assert key(at(high)) != first
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if key(at(middle)) == first else (low, middle)
    return at, low, high


def slopes_beside(at, radius, h):
    """Differences of the matrix in the radius, a share ``h`` of it below and above."""
    wide = h * radius
    return [
        moved(lambda r: np.asarray(at(r).matrix), [radius + s * wide], [wide / 2], 1) / (wide / 2)
        for s in (-1, 1)
    ]


@in_float64
@pytest.mark.parametrize("rank", [4, 2])
def test_kinks_have_the_slope_of_one_side(x64, rank):
    """Where a rank changes with the radius, and up to 1e-7 off: never a number in between."""
    rng = np.random.default_rng(20 + rank)
    kinks = 0
    for _ in range(4):
        problem = measurements.problem(rng, 4, rank, 24, 0.05)
        vectors, values, _ = problem
        at, low, high = across(problem, numerical_rank)
        near, far = (slopes_beside(at, high, h) for h in (1e-8, 1e-5))
        size = max(np.abs(side).max() for side in far)
        # Alone, and a kink.
        apart = max(np.abs(x - y).max() for x, y in zip(near, far, strict=True))
        if apart > 1e-2 * size or np.abs(far[0] - far[1]).max() < 1e-2 * size:
            continue
        kinks += 1
        for apart in (0, 1e-15, 1e-13, 1e-11, 1e-9, 1e-7):
            for s in (-1, 1):
                radius = jnp.asarray(high * (1 + s * apart))
                recovery, slope = moved_matrix(
                    (vectors, values, radius), (0 * vectors, 0 * values, jnp.ones(()))
                )
                assert recovery.exact
                errors = [np.abs(slope - side).max() / size for side in far]
                assert min(errors) < 1e-3
                if apart > 1e-10:
                    assert errors[s > 0] < 1e-3
        assert high - low < 1e-12 * high
    assert kinks >= 2


@in_float64
def test_kinks_in_one_dimension(x64):
    """``sum |M - b| = R``: 10 - 4 M up to M = 1, where R is 6, then 8 - 2 M."""
    values = jnp.array([1.0, 2.0, 3.0, 4.0])

    def slope(radius):
        tangents = (jnp.zeros((4, 1)), jnp.zeros(4), jnp.ones(()))
        recovery, slope = moved_matrix((jnp.ones((4, 1)), values, jnp.asarray(radius)), tangents)
        assert recovery.exact
        return float(recovery.matrix[0, 0]), float(slope[0, 0])

    for radius, matrix, slopes in (
        (5.0, 1.5, (-0.5,)),
        (6.0, 1.0, (-0.5, -0.25)),
        (6.0 + 1e-9, 1.0, (-0.25,)),
        (6.0 - 1e-9, 1.0, (-0.5,)),
        (8.0, 0.5, (-0.25,)),
        (10.0, 0.0, (-0.25, 0.0)),
        (10.0 + 1e-9, 0.0, (0.0,)),
        (11.0, 0.0, (0.0,)),
    ):
        found, change = slope(radius)
        np.testing.assert_allclose(found, matrix, atol=1e-8)
        assert min(abs(change - one) for one in slopes) < 1e-9, radius


@in_float64
def test_the_answer_is_exact(x64):
    """The last step solves the equations of the face: nothing is left of the path's roundings."""
    rng = np.random.default_rng(12)
    for rank in (4, 2, 1):
        problem = measurements.problem(rng, 4, rank, 24, 0.05)
        found = RECOVER(*map(jnp.asarray, problem))
        values = np.linalg.eigvalsh(np.asarray(found.matrix))
        assert np.all((values > 0) & ((values > 1e-3) | (values < 1e-14 * values[-1])))
        assert np.sum(values > 1e-3) == rank
        assert found.info.residual < 1e-12
        # The last bit of the data moves the answer by as much, not by 1e-9.
        nudged = RECOVER(*(jnp.asarray(np.nextafter(x, np.inf)) for x in problem))
        apart = np.abs(np.asarray(nudged.matrix) - np.asarray(found.matrix)).max()
        assert apart < 1e-12 * values[-1]


@pytest.fixture(scope="module")
def example():
    return measurements.problem(np.random.default_rng(5), 4, 4, 24, 0.05)


def test_single_precision(example):
    found = RECOVER(*(jnp.asarray(x, jnp.float32) for x in example))
    assert found.matrix.dtype == jnp.float32
    assert found.info.status == CONVERGED
    with jax.enable_x64(True):
        exact = RECOVER(*(jnp.asarray(x, jnp.float64) for x in example))
    np.testing.assert_allclose(found.matrix, exact.matrix, atol=2e-2)


@pytest.mark.slow
@in_float64
def test_degenerate_problems(x64, example):
    """Each ends with a status, a finite matrix and no NaN; all are lanes of one call."""
    vectors, values, radius = example
    exact = np.einsum("mi,ij,mj->m", vectors, np.diag([0.5, 1, 2, 4]), vectors)
    cases = {
        "ordinary": (vectors, values, radius, CONVERGED),
        "radius 0, values exact": (vectors, exact, 0, CONVERGED),
        "radius 0, values noisy": (vectors, values, 0, INFEASIBLE),
        "radius too small": (vectors, values, 1e-3 * radius, INFEASIBLE),
        "radius negative": (vectors, exact, -1, INFEASIBLE),
        "radius beyond all values": (vectors, values, 1e6, CONVERGED),
        "values 0": (vectors, 0 * values, radius, CONVERGED),
        "values 0, radius 0": (vectors, 0 * values, 0, CONVERGED),
        "values negative": (vectors, -values, radius, INFEASIBLE),
        "vectors 0": (0 * vectors, values, radius, INFEASIBLE),
        "one measurement, repeated": (vectors[:1] + 0 * vectors, exact[0] + 0 * values, 0.1, 0),
        "NaN in the vectors": (vectors * np.nan, values, radius, NOT_CONVERGED),
        "NaN in the values": (vectors, values * np.nan, radius, NOT_CONVERGED),
        "infinite radius": (vectors, values, np.inf, NOT_CONVERGED),
        "large and small units": (1e6 * vectors, 1e-7 * values, 1e-7 * radius, CONVERGED),
    }
    found = RECOVER(*(jnp.asarray(np.stack([c[i] for c in cases.values()], -1)) for i in range(3)))
    assert dict(zip(cases, np.asarray(found.info.status).tolist(), strict=True)) == {
        name: case[3] for name, case in cases.items()
    }
    assert np.all(np.isfinite(found.matrix))
    assert not any(np.any(np.isnan(x)) for x in jax.tree.leaves(found))
    # Without a unique minimiser nothing is proved, and the slope is not one to rely on.
    proved = dict(zip(cases, np.asarray(found.exact).tolist(), strict=True))
    assert proved["ordinary"] and proved["values 0"] and proved["radius beyond all values"]
    assert not any(proved[name] for name, case in cases.items() if case[3] != CONVERGED)
    trace = dict(zip(cases, np.asarray(found.objective), strict=True))
    np.testing.assert_allclose(trace["radius 0, values exact"], 7.5, rtol=1e-6)
    np.testing.assert_allclose(trace["large and small units"], 1e-19 * trace["ordinary"], rtol=1e-6)
    for name in ("radius beyond all values", "values 0", "values 0, radius 0"):
        assert trace[name] < 1e-8
    # One measurement z' M z = b has the minimiser (b - R) z z' / |z|^4.
    square = np.sum(vectors[0] ** 2)
    wanted = (exact[0] - 0.1 / 24) / square
    np.testing.assert_allclose(trace["one measurement, repeated"], wanted, rtol=1e-6)
    # Lanes do not know each other.
    alone = RECOVER(*(jnp.asarray(x) for x in (vectors, values, radius)))
    np.testing.assert_allclose(alone.matrix, found.matrix[..., 0], atol=1e-9)
    assert alone.info.iterations == found.info.iterations[0]


@in_float64
def test_lanes_and_vmap(x64):
    rng = np.random.default_rng(6)
    arguments = stack([measurements.problem(rng, 4, 4, 24, 0.05) for _ in range(15)])
    native = RECOVER(*map(jnp.asarray, arguments))
    mapped = jax.jit(jax.vmap(recover_psd, in_axes=-1, out_axes=-1))(*arguments)
    np.testing.assert_allclose(native.matrix, mapped.matrix, atol=1e-9)
    two = [jnp.asarray(x.reshape(*x.shape[:-1], 3, 5)) for x in arguments]
    shapes = jax.eval_shape(recover_psd, *two)
    assert shapes.matrix.shape == (4, 4, 3, 5)
    assert {x.shape for x in jax.tree.leaves(shapes)[1:]} == {(3, 5)}


@pytest.mark.slow
@in_float64
def test_blocks_of_problems(x64, monkeypatch):
    """The last block is filled up; what fills it is dropped."""
    rng = np.random.default_rng(7)
    arguments = stack([measurements.problem(rng, 2, 2, 9, 0.05) for _ in range(5)])
    whole = RECOVER(*map(jnp.asarray, arguments))
    monkeypatch.setattr(sensing, "_BLOCK_BYTES", 2 * 9 * 3 * 8)
    blocks = jax.jit(lambda *a: recover_psd(*a))(*arguments)
    np.testing.assert_allclose(blocks.matrix, whole.matrix, atol=1e-9)
    assert blocks.info.status.shape == (5,)


@in_float64
def test_one_dimension(x64):
    found = RECOVER(jnp.ones((4, 1)), jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.asarray(4.5))
    np.testing.assert_allclose(found.matrix, [[1.75]], rtol=1e-8)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"vectors \[m, d, \.\.\.\]"):
        recover_psd(jnp.ones((4, 2)), jnp.ones(3), 1.0)
    with pytest.raises(ValueError, match="at least one measurement"):
        recover_psd(jnp.ones((0, 2)), jnp.ones(0), 1.0)
