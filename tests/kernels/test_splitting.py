"""Paths of least cost by splitting: against linear programs, in lanes, with derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxsoco_kernels import _splitting_entropy, regions
from jaxsoco_kernels._splitting_problem import stiff_inverse
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.splitting import Hits, Region, least_path, least_point

in_float64 = pytest.mark.parametrize("x64", [True], indirect=True)
ROUNDS, D = 7, 2


def value(x, theta):
    return theta[0] * jnp.sum(jnp.abs(x - theta[1]), axis=0)


def prox(theta, y, eta, last):
    gap = y - theta[1]
    return theta[1] + jnp.sign(gap) * jnp.maximum(jnp.abs(gap) - (eta * theta[0])[None], 0)


def drawn(count: int, seed: int = 0):
    """Weights ``[T, B]``, targets ``[T, d, B]``, starts ``[d, B]``."""
    rng = np.random.default_rng(seed)
    weights, targets = rng.uniform(0.2, 1.5, (ROUNDS, count)), rng.normal(size=(ROUNDS, D, count))
    return weights, np.cumsum(targets, axis=0), rng.uniform(-0.3, 0.3, (D, count))


def solve(weights, targets, start, trips=6000):
    region = Region("box", jnp.full_like(start, -1), jnp.full_like(start, 1))
    guess = jax.vmap(lambda x: regions.project(*region[:1], x, *region[1:]))(targets)
    price = (0.3, 0.6)
    data = (weights, targets)
    return least_path(
        Hits(value, prox), data, start, price, "l1", guess=guess, region=region, trips=trips
    )


run = jax.jit(solve, static_argnames="trips")


def program(weights, targets, start) -> float:
    """The same as a linear program: x, distances, ups, downs."""
    n = ROUNDS * D
    eye, none = np.eye(n), np.zeros((n, n))
    step = eye - np.eye(n, k=-D)
    cost = np.concatenate([np.zeros(n), np.repeat(weights, D), np.full(n, 0.3), np.full(n, 0.6)])
    above = np.block([[eye, -eye, none, none], [-eye, -eye, none, none]])
    goal = targets.reshape(-1)
    first = np.concatenate([start, np.zeros(n - D)])
    limits = [(-1, 1)] * n + [(0, None)] * (3 * n)
    equal = np.block([step, none, -eye, eye])
    return linprog(cost, above, np.concatenate([goal, -goal]), equal, first, limits).fun


@pytest.mark.oracle
@in_float64
def test_linear_programs_and_lanes(x64):
    data = drawn(5)
    solution = run(*data)
    assert not np.any(solution.info.status)
    assert np.all(solution.value - solution.lower <= 2e-8 * solution.value)
    assert np.all(np.abs(solution.path) <= 1)
    for b in range(5):
        wanted = program(*(x[..., b] for x in data))
        assert abs(solution.value[b] - wanted) <= 2e-8 * wanted
        assert solution.lower[b] <= wanted * (1 + 1e-9)
    # Lanes do not feel their neighbours, however many trips these need.
    assert len(set(solution.info.iterations.tolist())) > 1
    quickest = int(np.argmin(solution.info.iterations))
    alone = run(*(np.repeat(x[..., quickest, None], 5, axis=-1) for x in data))
    np.testing.assert_allclose(alone.value, solution.value[quickest], rtol=1e-12)
    assert np.all(alone.info.iterations == solution.info.iterations[quickest])


@pytest.mark.slow
@pytest.mark.oracle
@in_float64
def test_a_position_that_is_held(x64):
    """Best at a kink in every coordinate, as these are apart."""
    weights, targets, start = drawn(5, 4)
    region = Region("box", jnp.full_like(start, -1), jnp.full_like(start, 1))
    data = (weights, targets)
    price = (0.9, 1.6)
    best = least_point(Hits(value, prox), data, start, price, "l1", guess=start, region=region)
    assert not np.any(best.info.status) and best.path.shape == targets.shape
    assert np.ptp(best.path, axis=0).max() == 0
    grid = np.sort(np.concatenate([targets.clip(-1, 1), start[None]]), axis=0)  # all kinks
    for b in range(5):
        # Coordinates are apart, and each is best at a kink.
        places = grid[..., b]
        gaps = np.abs(places[:, None] - targets[None, ..., b])
        steps = places - start[:, b]
        totals = np.sum(weights[None, :, None, b] * gaps, axis=1)
        totals += price[0] * np.maximum(steps, 0) + price[1] * np.maximum(-steps, 0)
        wanted = totals.min(axis=0).sum()
        assert abs(best.value[b] - wanted) <= 2e-8 * wanted
        assert best.lower[b] <= wanted * (1 + 1e-9)


@pytest.mark.slow
def test_lanes_vmap_and_single_agree(x64):
    data = tuple(map(jnp.asarray, drawn(3, 1)))
    native = run(*data)
    mapped = jax.jit(jax.vmap(solve, in_axes=-1, out_axes=-1))(*data)
    single = [run(*(x[..., b] for x in data)) for b in range(3)]
    rtol = 1e-7 if x64 else 1e-3
    np.testing.assert_allclose(native.value, mapped.value, rtol=rtol)
    np.testing.assert_allclose(native.value, [x.value for x in single], rtol=rtol)
    assert native.value.dtype == (jnp.float64 if x64 else jnp.float32)
    assert not np.any(native.info.status) and not np.any(mapped.info.status)


@pytest.mark.slow
@in_float64
def test_it_says_how_it_went(x64):
    weights, targets, start = drawn(3, 2)
    weights[2, 1] = np.nan
    info = run(weights, targets, start, trips=50).info
    assert info.status[1] == Status.NONFINITE
    assert info.status[0] == info.status[2] == Status.LIMIT
    assert np.all(info.iterations[::2] == 50) and np.isfinite(info.residual[0])
    free = least_path(
        Hits(value, prox), (weights, targets), start, 0.4, "up", guess=targets, least=0.0, trips=50
    )
    assert free.info.status[0] == Status.LIMIT  # down for free, and no lower end


@pytest.mark.slow
@in_float64
def test_values_have_derivatives(x64):
    """Where the cost is smooth: of distances to targets outside the region."""
    weights, targets, start = (x[..., 0] for x in drawn(1, 3))
    targets = targets + 3
    region = Region("ball", None, jnp.ones(1))

    def distance(x, theta):
        return theta[0] * jnp.sum((x - theta[1]) ** 2, axis=0) / 2

    def near(theta, y, eta, last):
        return (y + eta[None] * theta[0] * theta[1]) / (1 + eta[None] * theta[0])

    @jax.jit
    def least(weights, targets, start, price):
        guess = jax.vmap(lambda x: regions.project("ball", x, hi=region.hi))(targets)
        data = (weights, targets)
        hits = Hits(distance, near)
        return least_path(hits, data, start, price, "l2", guess=guess, region=region).value

    point = (jnp.asarray(weights), jnp.asarray(targets), jnp.asarray(start), jnp.asarray(0.7))
    rng = np.random.default_rng(0)
    towards = tuple(jnp.asarray(rng.normal(size=x.shape)) for x in point)
    slopes = jax.jit(jax.grad(least, argnums=(0, 1, 2, 3)))(*point)
    h = 1e-3
    ahead, behind = (
        least(*(x + s * h * t for x, t in zip(point, towards, strict=True))) for s in (1, -1)
    )
    found = sum(float(jnp.sum(a * b)) for a, b in zip(slopes, towards, strict=True))
    assert found == pytest.approx(float(ahead - behind) / (2 * h), rel=1e-4)
    _, tangent = jax.jvp(least, point, towards)
    assert float(tangent) == pytest.approx(found, rel=1e-12)


def least_with_entropy(weights, targets, start, price=0.3):
    region = Region("simplex")
    guess = jax.vmap(lambda x: regions.project("simplex", x))(targets)
    data = (weights, targets)
    return least_path(Hits(value, prox), data, start, price, "entropy", guess=guess, region=region)


def shares(count: int) -> np.ndarray:
    return np.random.default_rng(6).dirichlet(np.full(D, 3.0), count).T


@pytest.mark.slow
def test_entropy_in_lanes_and_both_precisions(x64):
    weights, targets, _ = drawn(3, 5)
    data = tuple(map(jnp.asarray, (weights, targets, shares(3))))
    native = jax.jit(least_with_entropy)(*data)
    mapped = jax.jit(jax.vmap(least_with_entropy, in_axes=-1, out_axes=-1))(*data)
    assert native.value.dtype == (jnp.float64 if x64 else jnp.float32)
    assert not np.any(native.info.status) and not np.any(mapped.info.status)
    np.testing.assert_allclose(native.value, mapped.value, rtol=1e-7 if x64 else 1e-3)
    np.testing.assert_allclose(native.path.sum(axis=1), 1, atol=1e-12 if x64 else 1e-5)
    assert np.all(native.path >= 0)


@pytest.mark.slow
@in_float64
def test_the_value_with_entropy_has_derivatives(x64):
    weights, targets, _ = (x[..., 0] for x in drawn(1, 7))
    start = shares(1)[:, 0]
    least = jax.jit(lambda price, start: least_with_entropy(weights, targets, start, price).value)
    slopes = jax.jit(jax.grad(least, argnums=(0, 1)))(0.3, jnp.asarray(start))
    h, along = 1e-3, np.array([1.0, -1.0])
    by_price = (least(0.3 + h, start) - least(0.3 - h, start)) / (2 * h)
    by_start = (least(0.3, start + h * along) - least(0.3, start - h * along)) / (2 * h)
    assert float(slopes[0]) == pytest.approx(float(by_price), abs=1e-4)
    assert float(slopes[1] @ along) == pytest.approx(float(by_start), abs=1e-4)


@in_float64
def test_the_inverse_of_stiff_paths(x64):
    for rounds, copies in ((1, 1), (6, 2), (900, 1)):
        step = np.eye(rounds) - np.eye(rounds, k=-1)
        matrix = copies * np.eye(rounds) + step.T @ step
        inverse = np.asarray(stiff_inverse(rounds, copies, jnp.float64))
        np.testing.assert_allclose(inverse @ matrix, np.eye(rounds), atol=1e-14)


@in_float64
def test_nearest_prices_of_the_entropy(x64):
    """In the set, and where they were not, moved along its normal ``(exp(p / w), 1)``."""
    rng = np.random.default_rng(0)
    price = rng.normal(size=(3000, 2)) * 10 ** rng.uniform(-2, 2, (3000, 1))
    rate = 10 ** rng.uniform(-3, 3, (3000, 2))
    weight = np.where(rng.random((3000, 1)) < 0.1, 0.0, 10 ** rng.uniform(-1, 1, (3000, 1)))
    point = np.asarray(_splitting_entropy.nearest(*map(jnp.asarray, (weight, price, rate))))
    free = weight[:, 0] == 0
    np.testing.assert_array_equal(point[free], np.minimum(price[free], 0))
    scale, (p, q) = weight[~free, 0], point[~free].T
    np.testing.assert_allclose(np.minimum(q, -scale * np.expm1(p / scale)), q, rtol=1e-12)
    pull, push = ((price - point) / rate)[~free].T
    size = 1 + np.abs(price[~free]).max(axis=1) / rate[~free].min(axis=1)
    assert np.all(push >= -1e-12 * size) and np.mean(push > 1e-9) > 0.3
    assert np.all(np.abs(pull - push * np.exp(p / scale)) <= 1e-11 * size)


def test_support_functions_are_the_largest_of_the_set():
    rng = np.random.default_rng(0)
    force = rng.normal(size=(3, 4)).astype(np.float32)
    lo, hi = -np.ones((3, 1), np.float32), np.full((3, 1), 2, np.float32)
    points = rng.normal(size=(20_000, 3)) * 2
    for kind, ends in (("box", (lo, hi)), ("ball", (None, hi)), ("simplex", (None, None))):
        near = jax.vmap(lambda x, k=kind, e=ends: regions.project(k, x[:, None], *e))
        inside = np.asarray(near(jnp.asarray(points, jnp.float32)))[..., 0]
        most = np.max(inside @ force, axis=0)
        bound = np.asarray(regions.support(kind, jnp.asarray(force), *ends))
        assert np.all(bound >= most - 1e-5) and np.all(bound <= most + 0.1)
    open_end = regions.support("box", jnp.array([1.0, 0.0]), None, jnp.zeros(2))
    assert float(open_end) == 0
    assert np.isinf(regions.support("box", jnp.array([-1.0, 0.0]), None, jnp.zeros(2)))
    with pytest.raises(ValueError, match="region: expected one of box, ball, simplex, got 'cone'"):
        regions.project("cone", jnp.zeros(2))


def test_wrong_arguments_are_named():
    hits = Hits(value, prox)
    guess = jnp.zeros((3, 2))
    with pytest.raises(ValueError, match="movement: expected one of l1, up, l2, squared"):
        least_path(hits, (), jnp.zeros(2), 1.0, "cosine", guess=guess)
    with pytest.raises(ValueError, match="region: expected the simplex for the entropy"):
        least_path(hits, (), jnp.full(2, 0.5), 1.0, "entropy", guess=guess)
    with pytest.raises(ValueError, match=r"guess: expected \[d, \.\.\.\]|start: expected"):
        least_point(hits, (guess, guess), jnp.zeros(2), 1.0, "l1", guess=guess)
    with pytest.raises(ValueError, match=r"start: expected \[d, \.\.\.\] with d = 2 as in guess"):
        least_path(hits, (), jnp.zeros(3), 1.0, "l1", guess=guess)
    with pytest.raises(ValueError, match="weight: expected a number or an array for 'l2'"):
        least_path(hits, (), jnp.zeros(2), (1.0, 1.0), "l2", guess=guess)
