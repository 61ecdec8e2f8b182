"""Points of the proximal path against generic solvers, root finders and optimality conditions."""

from functools import partial

import cvxpy
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from precision import mainly_in_float64

from jaxsoco_kernels import proximal, psd
from jaxsoco_kernels.info import Status

float64 = pytest.mark.parametrize("x64", [True], indirect=True)


def draw(lanes: int, d: int = 5, seed: int = 0, condition: float = 1e3, flat: bool = False):
    """``(eigen, basis, v, y)`` with lanes; ``flat``: some eigenvalues are 0."""
    rng = np.random.default_rng(seed)
    eigen = 10 ** (rng.uniform(0, np.log10(condition), (d, lanes)) + rng.uniform(-3, 1, lanes))
    if flat:
        eigen[rng.uniform(size=eigen.shape) < 0.3] = 0
        eigen[0] = np.maximum(eigen[0], 0.1)
    basis = np.stack([np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(lanes)], -1)
    scale = 10 ** rng.uniform(-2, 2, lanes)
    return eigen, basis, rng.normal(size=(d, lanes)), scale * rng.normal(size=(d, lanes))


def matrices(eigen, basis) -> np.ndarray:
    return np.einsum("ik...,k...,jk...->ij...", basis, eigen, basis)


def reference_point(A, v, y, eta) -> np.ndarray:
    return np.linalg.solve(eta * A + np.eye(len(v)), eta * A @ v + y)


def hitting(A, v, x) -> float:
    return float((x - v) @ A @ (x - v) / 2)


@float64
def test_points_solve_the_proximal_problem(x64):
    problem = draw(50)
    eta = 10 ** np.random.default_rng(1).uniform(-4, 4, 50)
    x = np.asarray(proximal.path_point(*problem, eta))
    A = matrices(*problem[:2])
    for i in range(50):
        v, y = (z[:, i] for z in problem[2:])
        wanted = reference_point(A[..., i], v, y, eta[i])
        np.testing.assert_allclose(x[:, i], wanted, rtol=1e-9, atol=1e-9)


BALANCES = [(s, f, o) for s in (False, True) for f in (False, True) for o in (0.0, 0.3)]


@float64
@pytest.mark.parametrize(("squared", "flat", "offset"), BALANCES)
def test_balance_is_the_root_that_brentq_finds(squared, flat, offset, x64):
    lanes = 60
    problem = draw(lanes, flat=flat, seed=2)
    ratio = 10 ** np.random.default_rng(3).uniform(-2, 2, lanes)
    found = jax.jit(partial(proximal.balance, squared=squared))(*problem, ratio, offset=offset)
    assert np.all(found.info.status == Status.OK)
    A = matrices(*problem[:2])
    for i in range(lanes):
        eigen, basis, v, y = (x[..., i] for x in problem)

        def gap(log_eta, A=A[..., i], v=v, y=y, ratio=ratio[i]):
            x = reference_point(A, v, y, np.exp(log_eta))
            moved = np.linalg.norm(x - y)
            return (moved**2 / 2 if squared else moved) - ratio * (hitting(A, v, x) + offset)

        limit = v + basis @ np.where(eigen > 0, 0, basis.T @ (y - v))
        moved = np.linalg.norm(limit - y)
        if (moved**2 / 2 if squared else moved) <= ratio[i] * offset:
            assert np.isinf(found.eta[i])
            np.testing.assert_allclose(found.point[:, i], limit, atol=1e-10)
            continue
        log_eta = scipy.optimize.brentq(gap, -25.0, 22.0, xtol=1e-13, maxiter=300)
        wanted = reference_point(A[..., i], v, y, float(np.exp(np.asarray(log_eta))))
        scale = max(1, np.abs(y).max())
        np.testing.assert_allclose(found.point[:, i], wanted, atol=1e-7 * scale)


@float64
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("condition", [1.0001, 10.0, 1e6])
def test_balance_holds_whatever_the_condition(squared, condition, x64):
    """A thousand problems each, in all dimensions up to 8, and their statuses say so."""
    for d in (1, 2, 8):
        problem = draw(1000, d=d, seed=4, condition=condition)
        ratio = 10 ** np.random.default_rng(5).uniform(-6, 6, 1000)
        found = jax.jit(partial(proximal.balance, squared=squared))(*problem, ratio)
        eigen, basis, v, _ = problem
        z = np.einsum("ji...,j...->i...", basis, np.asarray(found.point) - v)
        # |x - y| from eta, since x - y cancels where x is near y.
        moved = np.linalg.norm(np.asarray(found.eta) * eigen * z, axis=0)
        moved = moved**2 / 2 if squared else moved
        hit = ratio * np.sum(eigen * z**2, axis=0) / 2
        fine = found.info.status == Status.OK
        assert np.mean(fine) == 1
        assert np.all(found.info.residual <= 1e-12)
        # Far along the path x - v is small beside v, and z has lost digits.
        near = np.linalg.norm(z, axis=0) > 1e-5 * np.linalg.norm(v, axis=0)
        np.testing.assert_allclose(moved[near], hit[near], rtol=1e-7)
        assert np.mean(near) > 0.5


@float64
def test_one_dimension_has_closed_forms(x64):
    e, y, ratio = 0.7, 3.0, 0.4
    arguments = (jnp.full(1, e), jnp.eye(1), jnp.zeros(1), jnp.full(1, y), ratio)
    squared = proximal.balance(*arguments, squared=True)
    assert float(squared.eta) == pytest.approx(np.sqrt(ratio / e), rel=1e-14)
    # y - x = ratio e / 2 x^2
    root = (np.sqrt(1 + 2 * ratio * e * y) - 1) / (ratio * e)
    assert float(proximal.balance(*arguments).point[0]) == pytest.approx(root, rel=1e-14)


@float64
def test_where_nothing_is_to_balance(x64):
    eigen, basis = jnp.array([2.0, 0.0]), jnp.eye(2)
    v, y = jnp.zeros(2), jnp.array([1.0, 3.0])
    at_rest = proximal.balance(eigen, basis, v, jnp.array([0.0, 3.0]), 0.5)
    np.testing.assert_array_equal(at_rest.point, [0, 3])
    free = proximal.balance(eigen, basis, v, y, 0.0)
    np.testing.assert_array_equal(free.point, y)
    constant = proximal.balance(jnp.zeros(2), basis, v, y, 0.5)
    np.testing.assert_array_equal(constant.point, y)
    dear = proximal.balance(eigen, basis, v, y, 0.5, offset=100.0)
    np.testing.assert_array_equal(dear.point, [0, 3])
    assert np.isinf(dear.eta)
    for found in (at_rest, free, constant, dear):
        assert int(found.info.status) == Status.OK
    broken = proximal.balance(eigen, basis, v, y.at[0].set(jnp.nan), 0.5)
    assert int(broken.info.status) == Status.NONFINITE


@pytest.mark.oracle
@float64
def test_levels_are_projections(x64):
    lanes = 20
    problem = draw(lanes, condition=30, seed=6)
    eigen, basis, v, y = problem
    A = matrices(eigen, basis)
    now = np.array([hitting(A[..., i], v[:, i], y[:, i]) for i in range(lanes)])
    height = now * 10 ** np.random.default_rng(7).uniform(-4, 0.2, lanes)
    found = jax.jit(proximal.level)(*problem, height)
    assert np.all(found.info.status == Status.OK)
    for i in range(lanes):
        if now[i] <= height[i]:
            np.testing.assert_allclose(found.point[:, i], y[:, i], rtol=1e-12)
            continue
        x = cvxpy.Variable(5)
        root = np.sqrt(eigen[:, i])[:, None] * basis[..., i].T / np.sqrt(2 * height[i])
        inside = cvxpy.norm(root @ (x - v[:, i])) <= 1
        scale = float(np.linalg.norm(y[:, i]))
        distance = cvxpy.norm(x - y[:, i]) / scale
        cvxpy.Problem(cvxpy.Minimize(distance), [inside]).solve(solver=cvxpy.CLARABEL)
        np.testing.assert_allclose(found.point[:, i], np.asarray(x.value), atol=1e-3 * scale)
        hit = hitting(A[..., i], v[:, i], np.asarray(found.point[:, i]))
        assert hit == pytest.approx(height[i], rel=1e-9)


@float64
def test_levels_that_are_no_constraint_or_out_of_reach(x64):
    eigen, basis, v, y = jnp.ones(2), jnp.eye(2), jnp.zeros(2), jnp.array([3.0, 4.0])
    inside = proximal.level(eigen, basis, v, y, 12.5)
    np.testing.assert_array_equal(inside.point, y)
    below = proximal.level(eigen, basis, v, y, 0.5, offset=1.0)
    np.testing.assert_array_equal(below.point, v)
    assert float(inside.eta) == 0 and np.isinf(below.eta)
    raised = proximal.level(eigen, basis, v, y, 1.5, offset=1.0)
    np.testing.assert_allclose(raised.point, [0.6, 0.8], rtol=1e-12)


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize(
    ("solver", "eigen", "y"),
    [
        (partial(proximal.balance, ratio=0.5), [0.0, 0.0], [1.0, 2.0]),
        (partial(proximal.balance, ratio=0.5, squared=True), [0.0, 0.0], [1.0, 2.0]),
        (partial(proximal.balance, ratio=0.5, squared=True), [1.0, 3.0], [0.0, 0.0]),
        (partial(proximal.level, height=9.0), [1.0, 3.0], [1.0, 1.0]),
        (partial(proximal.level, height=9.0), [0.0, 0.0], [1.0, 1.0]),
        (partial(proximal.level, height=9.0), [1.0, 3.0], [0.0, 0.0]),
    ],
)
def test_where_nothing_pulls_the_point_goes_with_y(solver, eigen, y, x64):
    """It is ``y``, whatever the eigenvalues: what is not looked for has no slope."""

    def point(eigen, y):
        return solver(eigen, jnp.eye(2), jnp.zeros(2), y).point

    pull, move = jax.jacobian(point, (0, 1))(jnp.array(eigen), jnp.array(y))
    np.testing.assert_array_equal(point(jnp.array(eigen), jnp.array(y)), y)
    np.testing.assert_array_equal(pull, np.zeros((2, 2)))
    np.testing.assert_array_equal(move, np.eye(2))


@float64
@pytest.mark.parametrize("which", ["path_point", "balance", "squared", "level"])
def test_derivatives(which, x64):
    """In all arguments, against differences and in both modes."""
    eigen, basis, v, y = draw(12, d=3, condition=10, seed=8)
    y = y + 0.5
    last = np.full(12, 0.7)
    if which == "level":
        A = matrices(eigen, basis)
        last = np.array([0.3 * hitting(A[..., i], v[:, i], y[:, i]) for i in range(12)])
    call = {
        "path_point": proximal.path_point,
        "balance": lambda *x: proximal.balance(*x).point,
        "squared": lambda *x: proximal.balance(*x, squared=True).point,
        "level": lambda *x: proximal.level(*x).point,
    }[which]

    @jax.jit
    def point(given):
        return call(given[0], basis, *given[1:])

    given = (eigen, v, y, last)
    rng = np.random.default_rng(9)
    change = tuple(x * rng.normal(size=x.shape) for x in given)
    h = 1e-6
    above, below = (
        point(tuple(x + s * c for x, c in zip(given, change, strict=True))) for s in (h, -h)
    )
    _, forward = jax.jvp(point, (given,), (change,))
    scale = np.max(np.abs(forward), axis=0)[None]
    np.testing.assert_allclose(
        np.asarray(forward) / scale, (above - below) / (2 * h) / scale, atol=1e-5
    )
    weight = rng.normal(size=y.shape)
    back = jax.grad(lambda x: jnp.sum(weight * point(x)))(given)
    total = sum(np.sum(g * c) for g, c in zip(back, change, strict=True))
    np.testing.assert_allclose(total, np.sum(weight * forward), rtol=1e-9)


# --- the simplex ----------------------------------------------------------------------------------


def simplex_problems(lanes: int, d: int, seed: int):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d, d, lanes))
    A = np.einsum("ik...,jk...->ij...", root, root) * 10 ** rng.uniform(-3, 2, lanes)
    b = rng.normal(size=(d, lanes)) * 10 ** rng.uniform(-2, 1, lanes)
    y = rng.dirichlet(np.full(d, 0.5), lanes).T + 1e-9
    return A, b, y / y.sum(axis=0), 10 ** rng.uniform(-2, 1, lanes)


@float64
@pytest.mark.parametrize("d", [2, 5, 10])
def test_entropic_points_satisfy_the_conditions(d, x64):
    """Two hundred problems each: ``A x + b + weight log(x / y)`` is the same on all shares."""
    A, b, y, weight = simplex_problems(200, d, seed=d)
    x, info = jax.jit(proximal.entropic_prox)(A, b, y, weight)
    x = np.asarray(x)
    assert np.all(info.status == Status.OK), np.asarray(info.residual).max()
    np.testing.assert_allclose(x.sum(axis=0), 1, rtol=1e-12)
    assert np.all(x >= 0)
    seen = x > 1e-12
    gradient = np.einsum("ij...,j...->i...", A, x) + b
    gradient = gradient + weight * np.log(np.where(seen, x, 1) / y)
    size = np.max(np.abs(gradient), axis=0) + weight
    high = np.max(np.where(seen, gradient, -np.inf), axis=0)
    low = np.min(np.where(seen, gradient, np.inf), axis=0)
    np.testing.assert_array_less((high - low) / size, 1e-9)


@pytest.mark.oracle
@float64
def test_entropic_points_are_those_of_clarabel(x64):
    A, b, y, weight = simplex_problems(8, 4, seed=10)
    found, _ = proximal.entropic_prox(A, b, y, weight)
    for i in range(8):
        x = cvxpy.Variable(4)
        hit = cvxpy.quad_form(x, cvxpy.psd_wrap(A[..., i])) / 2 + b[:, i] @ x
        moved = cvxpy.sum(cvxpy.rel_entr(x, y[:, i]))
        problem = cvxpy.Problem(cvxpy.Minimize(hit + weight[i] * moved), [cvxpy.sum(x) == 1])
        problem.solve(solver=cvxpy.CLARABEL)
        np.testing.assert_allclose(found[:, i], np.asarray(x.value), atol=2e-4)


@float64
def test_linear_costs_on_the_simplex_are_multiplicative_weights(x64):
    _, b, y, weight = simplex_problems(20, 4, seed=11)
    x, info = proximal.entropic_prox(None, b, y, weight)
    wanted = y * np.exp(-(b - b.min(axis=0)) / weight)
    np.testing.assert_allclose(x, wanted / wanted.sum(axis=0), rtol=1e-12)
    newton, _ = proximal.entropic_prox(np.zeros((4, 4, 20)), b, y, weight)
    np.testing.assert_allclose(newton, x, rtol=1e-9, atol=1e-300)
    assert np.all(info.status == Status.OK)


@pytest.mark.slow
@float64
def test_absent_shares_stay_absent(x64):
    A, b, y, weight = simplex_problems(6, 4, seed=12)
    y[2] = 0
    x, _ = proximal.entropic_prox(A, b, y, weight)
    rest = [0, 1, 3]
    wanted, _ = proximal.entropic_prox(A[np.ix_(rest, rest)], b[rest], y[rest], weight)
    np.testing.assert_array_equal(x[2], 0)
    np.testing.assert_allclose(x[np.array(rest)], wanted, rtol=1e-9)


@float64
def test_derivatives_on_the_simplex(x64):
    A, b, y, weight = simplex_problems(10, 3, seed=13)

    @jax.jit
    def point(given):
        A, b, y, weight = given
        return proximal.entropic_prox(psd.symmetric(A), b, y, weight, trips=25)[0]

    given, rng = (A, b, y, weight), np.random.default_rng(14)
    change = tuple(x * rng.normal(size=x.shape) for x in given)
    h = 1e-6
    above, below = (
        point(tuple(x + s * c for x, c in zip(given, change, strict=True))) for s in (h, -h)
    )
    _, forward = jax.jvp(point, (given,), (change,))
    np.testing.assert_allclose(forward, (above - below) / (2 * h), rtol=1e-5, atol=1e-6)


# --- small systems --------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 3, 5, 8, 11])
def test_small_systems(d, x64):
    rng = np.random.default_rng(d)
    root = rng.normal(size=(d, d, 30))
    A = np.einsum("ik...,jk...->ij...", root, root) + 0.3 * np.eye(d)[..., None]
    b = rng.normal(size=(d, 30))
    x = proximal.small_solve(*(jnp.asarray(z, float) for z in (A, b)))
    wanted = np.linalg.solve(np.moveaxis(A, -1, 0), b.T[..., None])[..., 0].T
    np.testing.assert_allclose(x, wanted, rtol=1e-9 if x64 else 2e-2, atol=1e-9 if x64 else 2e-3)
    lower = jnp.asarray(np.tril(np.moveaxis(A, -1, 0)), float)
    np.testing.assert_array_equal(
        proximal.small_solve(jnp.moveaxis(lower, 0, -1), jnp.asarray(b, float)), x
    )


@float64
@pytest.mark.parametrize("d", [3, 11])
def test_derivatives_of_small_systems(d, x64):
    rng = np.random.default_rng(d)
    root = rng.normal(size=(d, d))
    A, b = root @ root.T + np.eye(d), rng.normal(size=d)
    dA, db = rng.normal(size=(d, d)), rng.normal(size=d)
    dA = dA + dA.T
    x, change = jax.jvp(proximal.small_solve, (A, b), (dA, db))
    np.testing.assert_allclose(change, np.linalg.solve(A, db - dA @ x), rtol=1e-9)


@pytest.mark.parametrize("d", [2, 9])
def test_what_is_not_definite_is_nan(d):
    A = jnp.eye(d).at[1, 1].set(-1.0)
    assert np.all(np.isnan(proximal.small_solve(A, jnp.ones(d))))


# --- lanes and precision --------------------------------------------------------------------------


CALLS = {
    "path_point": lambda e, q, v, y, r: proximal.path_point(e, q, v, y, r),
    "balance": lambda e, q, v, y, r: proximal.balance(e, q, v, y, r).point,
    "squared": lambda e, q, v, y, r: proximal.balance(e, q, v, y, r, squared=True).point,
    "level": lambda e, q, v, y, r: proximal.level(e, q, v, y, r).point,
    "small_solve": lambda e, q, v, y, r: proximal.small_solve(psd.compose(q, e + r[None]), v - y),
    "entropic_prox": lambda e, q, v, y, r: proximal.entropic_prox(
        psd.compose(q, e), v, jax.nn.softmax(y, axis=0), r
    )[0],
}


@mainly_in_float64
@pytest.mark.parametrize("name", CALLS)
def test_lanes_vmap_and_single_agree(name, x64):
    eigen, basis, v, y = (jnp.asarray(x, float) for x in draw(6, condition=5, seed=15))
    arguments = (eigen, basis, v, jnp.clip(y, -3, 3), jnp.linspace(0.3, 2.0, 6))
    call = jax.jit(CALLS[name])
    native = call(*arguments)
    tolerance = 1e-9 if x64 else 2e-3
    mapped = jax.vmap(call, in_axes=-1, out_axes=-1)(*arguments)
    np.testing.assert_allclose(native, mapped, atol=tolerance)
    single = jnp.stack([call(*(x[..., i] for x in arguments)) for i in range(6)], -1)
    np.testing.assert_allclose(native, single, atol=tolerance)
    assert native.dtype == (jnp.float64 if x64 else jnp.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_float32_is_close_to_float64(name):
    eigen, basis, v, y = draw(50, condition=10, seed=16)
    arguments = (eigen, basis, v, np.clip(y, -3, 3), np.linspace(0.3, 2.0, 50))
    with jax.enable_x64(True):
        wanted = np.asarray(CALLS[name](*arguments))
    found = CALLS[name](*(x.astype(np.float32) for x in arguments))
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"basis: expected \[d, d, \.\.\.\] with d = 2"):
        proximal.path_point(jnp.ones(2), jnp.eye(3), jnp.ones(2), jnp.ones(2), 1.0)
    with pytest.raises(ValueError, match=r"b: expected \[d, \.\.\.\] with d = 3"):
        proximal.small_solve(jnp.eye(3), jnp.ones(2))
